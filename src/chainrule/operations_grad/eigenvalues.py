"""Rules of eigenvalues: eigh, and functions of Hermitian matrices.

Where values are tied see ``chainrule.operations_grad.ties``. Conventions and sources
are as in ``chainrule.operations_grad.linalg``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.operations_grad.matrix_parts import (
    adjoint,
    as_read,
    as_read_grad,
    columns,
    conjugate,
    diagonal_of,
    swapped,
)
from chainrule.operations_grad.partials import chosen
from chainrule.operations_grad.ties import (
    are_alike,
    differences,
    has_tie,
    is_small,
    over_gaps,
    rotation,
)
from chainrule.rules import general
from chainrule.rules.cases import REAL, Cases, Dtypes, case, symmetric
from chainrule.rules.namespace import EXTRA, plain
from chainrule.values.shapes import dtype_of, is_complex, shape_of
from chainrule.values.types import Array, Namespace, Value
from chainrule.values.vertices import constant, raw

_linalg: Any = np.linalg


class eigh_grad(general):
    """w, v = eigh(x), with x v = v diag(w), x Hermitian

    NumPy reads one triangle, so the derivative is on that triangle. The eigenvalues
    have a derivative where they are distinct; symmetric functions of repeated ones do
    too, and get it, also the second one. The eigenvectors of a repeated eigenvalue have
    none: what depends on the choice of them becomes nan. What does not, such as a
    function of the projector on their space, has the derivative 0 in them, as long as
    it does not use the eigenvalues as well. Of complex eigenvectors only functions that
    do not depend on their phases have a derivative. Source: Giles 2008, 3.1.
    """

    signature = "(n,n)->(n),(n,n)"
    may_raise = True
    outputs = 2
    remedy = (
        "Eigenvalues that coincide have no vectors of their own, so these have "
        "no derivative: use functions that do not depend on the choice of them, such "
        "as the projector on their space, or move the matrix."
    )
    cases: Cases = (
        case(symmetric(3, 3)),
        case(symmetric(2, 2, 2)),
        case(symmetric(3, 3), UPLO="U"),
        case(symmetric(1, 1)),
    )
    dtypes: Dtypes = REAL
    untested = "complex eigenvectors: LAPACK chooses their phases"

    @staticmethod
    def forward(x: Value, *, UPLO: str = "L") -> Any:
        """Call NumPy's eigh."""
        return _linalg.eigh(x, UPLO=UPLO)

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Sequence[Array | None],
        z: Sequence[Array],
        x: Value,
        *,
        UPLO: str = "L",
    ) -> tuple[Value | None]:
        """x_grad = conj(v) (diag(w_grad) + f * (m - m.H) / 2) v.T, m = v.T v_grad

        with f = 1 / (w_j - w_i).
        """
        (w_grad, v_grad), (w, v) = z_grad, z
        v_c, v_t = conjugate(xp, v), swapped(xp, v)
        x_grad: Any = 0.0
        if w_grad is not None and xp.recorded:
            projectors = xp.weighted_projectors(x, w_grad, UPLO=UPLO)
            x_grad = conjugate(xp, projectors)
        elif w_grad is not None:
            x_grad = xp.matmul(v_c * columns(xp, w_grad), v_t)
        if v_grad is not None:
            m = xp.matmul(v_t, v_grad)
            skew = (m - adjoint(xp, m)) / 2
            quiet = is_small(skew, m) if w_grad is None else False
            turned = over_gaps(xp, skew, w, quiet)
            x_grad = x_grad + xp.matmul(xp.matmul(v_c, turned), v_t)
        return (as_read_grad(xp, x_grad, upper=UPLO in ("U", "u")),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Sequence[Array],
        x: Value,
        *,
        UPLO: str = "L",
    ) -> tuple[Value | None, ...] | None:
        """w_dot = diag(m), v_dot = v (f * m), m = v.H x_dot v, f = 1 / (w_j - w_i)

        In a tie w_dot are the eigenvalues of the block of m, the rates at which the
        values part.
        """
        (x_dot,), (w, v) = tangents, z
        if x_dot is None:
            return None
        x_dot = as_read(xp, x_dot, upper=UPLO in ("U", "u"))
        m = xp.matmul(adjoint(xp, v), xp.matmul(x_dot, v))
        q = rotation(raw(w), raw(m))
        w_dot = diagonal_of(xp, xp.matmul(adjoint(plain, q), xp.matmul(m, q)))
        w_dot = chosen(xp, xp.real(w_dot) if is_complex(m) else w_dot, has_tie(w))
        return w_dot, xp.matmul(v, over_gaps(xp, m, w, is_small(m, m)))


def weighted_projectors(x: Value, g: Value, *, UPLO: str = "L") -> Value:
    """Return v diag(g) v.H for the eigenvectors v of Hermitian matrices."""
    v = _linalg.eigh(x, UPLO=UPLO)[1]
    return np.matmul(v * columns(plain, g), adjoint(plain, v))


EXTRA["weighted_projectors"] = weighted_projectors


class weighted_projectors_grad(general):
    """z = v diag(g) v.H, with v the eigenvectors of x, a Hermitian matrix

    The cotangent of x where ``g`` is that of its eigenvalues. Its derivative takes the
    divided differences (g_j - g_i) / (w_j - w_i). In a tie ``g`` must be equal too, as
    it is for symmetric functions; the forward sweep then turns the basis of the tie to
    diagonalise the tangent, so that the undetermined difference is not needed.
    """

    forward = weighted_projectors
    cases: Cases = (
        case(symmetric(3, 3), (3,)),
        case(symmetric(2, 2, 2), (2, 2), UPLO="U"),
        case(symmetric(1, 1), (1,)),
    )
    dtypes: Dtypes = REAL

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, g: Value, *, UPLO: str = "L"
    ) -> tuple[Value, Value]:
        """g_grad = diag(v.H conj(z_grad) v), x_grad by divided differences"""
        w, v = xp.linalg.eigh(x, UPLO=UPLO)
        v_h = adjoint(xp, v)
        h = (z_grad + adjoint(xp, z_grad)) / 2
        m = xp.matmul(v_h, xp.matmul(conjugate(xp, h), v))
        g_grad = diagonal_of(xp, xp.real(m) if is_complex(m) else m)
        moved = xp.matmul(v, xp.matmul(_divided(xp, m, w, g), v_h))
        upper = UPLO in ("U", "u")
        return as_read_grad(xp, conjugate(xp, moved), upper=upper), g_grad

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        g: Value,
        *,
        UPLO: str = "L",
    ) -> Value | None:
        """z_dot = v (diag(g_dot) + d * (v.H x_dot v)) v.H, d divided differences"""
        x_dot, g_dot = tangents
        w, v = xp.linalg.eigh(x, UPLO=UPLO)
        middle: Any = 0.0
        if x_dot is not None:
            x_dot = as_read(xp, x_dot, upper=UPLO in ("U", "u"))
            m = xp.matmul(adjoint(xp, v), xp.matmul(x_dot, v))
            q = rotation(raw(w), raw(m))
            v = xp.matmul(v, q)
            m = xp.matmul(adjoint(plain, q), xp.matmul(m, q))
            middle = _divided(xp, m, w, g)
        if g_dot is not None:
            eye = constant(np.eye(shape_of(w)[-1], dtype=dtype_of(w)), w)
            middle = middle + columns(xp, g_dot) * eye
        return xp.matmul(v, xp.matmul(middle, adjoint(xp, v)))


def _divided(xp: Namespace, m: Value, w: Value, g: Value) -> Value:
    """Return m (g_j - g_i) / (w_j - w_i), 0 on the diagonal."""
    quiet = is_small(m, m) & are_alike(g)
    return over_gaps(xp, m * differences(xp, g), w, quiet)
