"""Rules of singular values: svd, and the cotangent of a matrix where they matter alone.

Where values are tied see ``chainrule.operations_grad.ties``. Conventions and sources
are as in ``chainrule.operations_grad.linalg``. With ``p = u.H x_dot v`` the turn of
the vectors takes ``(p + p.H) / 2`` over differences of singular values and
``(p - p.H) / 2`` over their sums, which never squares a value.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.operations_grad.matrix_parts import (
    adjoint,
    columns,
    conjugate,
    diagonal_of,
    rows,
    swapped,
)
from chainrule.operations_grad.partials import chosen
from chainrule.operations_grad.ties import (
    are_alike,
    differences,
    has_tie,
    is_small,
    largest,
    over,
    over_gaps,
    rotations,
    rounding,
    ties,
    zero_or_nan,
)
from chainrule.rules import general
from chainrule.rules.cases import REAL, Cases, Dtypes, case, positive
from chainrule.rules.namespace import EXTRA, plain
from chainrule.values.shapes import is_complex, shape_of
from chainrule.values.types import Array, Namespace, Value
from chainrule.values.vertices import raw

_linalg: Any = np.linalg


class svd_grad(general):
    """u, s, vh = svd(x), with x = u diag(s) vh, u and vh without their null spaces

    Singular values have a derivative where they are distinct and positive; symmetric
    functions of repeated ones get it too, also the second one. Singular vectors of a
    repeated or vanishing singular value have none: what depends on the choice of them
    becomes nan. What does not, such as a function of the projector on their space, has
    the derivative 0 in them, as long as it does not use the singular values as well. Of
    complex singular vectors only functions that do not depend on their phases have a
    derivative. Source: J. Townsend, "Differentiating the singular value decomposition"
    (2016); Giles 2008, 3.2.
    """

    signature = "(m,n)->(m,k),(k),(k,n)"
    may_raise = True
    outputs = 3
    remedy = (
        "Singular values that coincide have no vectors of their own, so these have "
        "no derivative: use functions that do not depend on the choice of them, such "
        "as the projector on their space, or move the matrix."
    )
    cases: Cases = (
        case((3, 3)),
        case((4, 2)),
        case((2, 4)),
        case((2, 3, 2)),
        case((1, 1)),
    )
    dtypes: Dtypes = REAL
    untested = "complex singular vectors: LAPACK chooses their phases"

    @staticmethod
    def forward(x: Value) -> Any:
        """Call NumPy's svd for the vectors of the singular values alone."""
        return _linalg.svd(x, full_matrices=False)

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Sequence[Array | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None]:
        """x_grad = conj(u) (diag(s_grad) + middle) conj(vh) + what leaves the spaces

        middle = (a + b) / 2 / (s_j - s_i) + (a - b) / 2 / (s_j + s_i), with a and b the
        parts (m - m.H) / 2 of u.T u_grad and v.T v_grad.
        """
        (u_grad, s_grad, vh_grad), (u, s, vh) = z_grad, z
        x_grad: Any = 0.0
        if s_grad is not None and xp.recorded:
            x_grad = conjugate(xp, xp.weighted_dyads(x, s_grad))
        elif s_grad is not None:
            scaled = conjugate(xp, u) * columns(xp, s_grad)
            x_grad = xp.matmul(scaled, conjugate(xp, vh))
        if u_grad is not None or vh_grad is not None:
            cotangents = (u_grad, vh_grad, s_grad is None)
            x_grad = x_grad + _vectors_pulled(xp, cotangents, u, s, vh)
        return (x_grad,)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None, ...] | None:
        """s_dot = real(diag(p)), p = u.H x_dot v; u and v turn by a + b and a - b

        with a = (p + p.H) / 2 / (s_j - s_i), b = (p - p.H) / 2 / (s_j + s_i).
        """
        (x_dot,), (u, s, vh) = tangents, z
        if x_dot is None:
            return None
        v = adjoint(xp, vh)
        p = xp.matmul(xp.matmul(adjoint(xp, u), x_dot), v)
        q = rotations(raw(s), raw(p))
        turned = xp.matmul(adjoint(plain, q[0]), xp.matmul(p, q[1]))
        s_dot = diagonal_of(xp, xp.real(turned) if is_complex(p) else turned)
        s_dot = chosen(xp, s_dot, has_tie(s))
        a, b = _halves(xp, p, s)
        u_dot, v_dot = xp.matmul(u, a + b), xp.matmul(v, a - b)
        if shape_of(u)[-2] > shape_of(s)[-1]:
            moved = xp.matmul(x_dot, v) - xp.matmul(u, p)
            u_dot = u_dot + _over_values(xp, moved, s, quiet=True)
        if shape_of(vh)[-1] > shape_of(s)[-1]:
            moved = xp.matmul(adjoint(xp, x_dot), u)
            moved = moved - xp.matmul(v, adjoint(xp, p))
            v_dot = v_dot + _over_values(xp, moved, s, quiet=True)
        return u_dot, s_dot, adjoint(xp, v_dot)


def _halves(xp: Namespace, p: Value, s: Value) -> tuple[Any, Any]:
    """Return how the vectors turn together, and against each other."""
    p_h = adjoint(xp, p)
    a, b = (p + p_h) / 2, (p - p_h) / 2
    return over_gaps(xp, a, s, is_small(a, p)), _over_sums(xp, b, s, is_small(b, p))


def _over_sums(xp: Namespace, b: Value, s: Value, quiet: Value) -> Value:
    """Return b / (s_j + s_i); where both are 0, 0 where quiet and else nan."""
    sums = columns(xp, s) + rows(xp, s)
    return over(xp, b, sums, ties(s, sums=True), zero_or_nan(quiet))


def _over_values(xp: Namespace, x: Value, s: Value, *, quiet: bool) -> Value:
    """Return x[:, j] / s[j]; where that is 0, 0 if x is so and quiet, else nan."""
    values = columns(plain, raw(s))
    zero = values <= rounding(raw(s)) * largest(values, -1)
    silent = is_small(x, x) if quiet else False
    return over(xp, x, columns(xp, s), zero, zero_or_nan(silent))


def _vectors_pulled(
    xp: Namespace, cotangents: Any, u: Value, s: Value, vh: Value
) -> Value:
    """Return the cotangent of x from those of the singular vectors."""
    u_grad, vh_grad, alone = cotangents
    u_c, v_t, outside = conjugate(xp, u), conjugate(xp, vh), 0.0
    inner: list[Any] = [None, None]
    if u_grad is not None:
        inner[0] = xp.matmul(swapped(xp, u), u_grad)
        if shape_of(u)[-2] > shape_of(s)[-1]:
            beside = u_grad - xp.matmul(u_c, inner[0])
            outside = xp.matmul(_over_values(xp, beside, s, quiet=alone), v_t)
    if vh_grad is not None:
        v_grad = adjoint(xp, vh_grad)
        inner[1] = xp.matmul(v_t, v_grad)
        if shape_of(vh)[-1] > shape_of(s)[-1]:
            beside = v_grad - xp.matmul(swapped(xp, vh), inner[1])
            beside = _over_values(xp, beside, s, quiet=alone)
            outside = outside + adjoint(xp, xp.matmul(beside, swapped(xp, u)))
    middle = _middle(xp, inner, s, alone=alone)
    return xp.matmul(xp.matmul(u_c, middle), v_t) + outside


def _middle(xp: Namespace, inner: Sequence[Any], s: Value, *, alone: bool) -> Value:
    """Return the middle of ``svd_grad.pullback`` from u.T u_grad and v.T v_grad."""
    a, b = (0.0 if m is None else (m - adjoint(xp, m)) / 2 for m in inner)
    size = sum(largest(raw(m), (-2, -1)) for m in inner if m is not None)
    together, against = (a + b) / 2, (a - b) / 2
    quiet = [
        np.abs(raw(m)) <= rounding(raw(m)) * size if alone else False
        for m in (together, against)
    ]
    turned = over_gaps(xp, 2 * together, s, quiet[0])
    return turned + _over_sums(xp, 2 * against, s, quiet[1])


def weighted_dyads(x: Value, g: Value) -> Value:
    """Return u diag(g) vh for the singular vectors of matrices."""
    u, _, vh = _linalg.svd(x, full_matrices=False)
    return np.matmul(u * columns(plain, g), vh)


EXTRA["weighted_dyads"] = weighted_dyads
EXTRA["reduced_svd"] = svd_grad.forward


class weighted_dyads_grad(general):
    """z = u diag(g) vh, with u and vh the singular vectors of x

    The cotangent of x where ``g`` is that of its singular values; see
    ``weighted_projectors_grad``. Where a singular value is 0, ``g`` must be so.
    """

    forward = weighted_dyads
    cases: Cases = (
        case((3, 3), (3,)),
        case((4, 2), positive(2)),
        case((2, 4), positive(2)),
        case((2, 3, 2), (2, 2)),
    )
    dtypes: Dtypes = REAL

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, g: Value
    ) -> tuple[Value, Value]:
        """g_grad = diag(p), x_grad as z_dot, of the conjugate cotangent"""
        u, s, vh = xp.reduced_svd(x)
        v, moved = adjoint(xp, vh), conjugate(xp, z_grad)
        p = xp.matmul(adjoint(xp, u), xp.matmul(moved, v))
        g_grad = diagonal_of(xp, xp.real(p) if is_complex(p) else p)
        x_grad = _dyads_moved(xp, moved, p, (u, s, v), g)
        return conjugate(xp, x_grad), g_grad

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value, g: Value
    ) -> Value | None:
        """z_dot = u (diag(g_dot) + middle) vh + what leaves the spaces

        middle = a (g_j - g_i) / (s_j - s_i) + b (g_j + g_i) / (s_j + s_i) with a and b
        the halves (p + p.H) / 2 and (p - p.H) / 2 of p = u.H x_dot v.
        """
        x_dot, g_dot = tangents
        u, s, vh = xp.reduced_svd(x)
        v = adjoint(xp, vh)
        z_dot: Any = 0.0
        if x_dot is not None:
            p = xp.matmul(adjoint(xp, u), xp.matmul(x_dot, v))
            q = rotations(raw(s), raw(p))
            u, v = xp.matmul(u, q[0]), xp.matmul(v, q[1])
            p = xp.matmul(adjoint(plain, q[0]), xp.matmul(p, q[1]))
            z_dot = _dyads_moved(xp, x_dot, p, (u, s, v), g)
        if g_dot is not None:
            z_dot = z_dot + xp.matmul(u * columns(xp, g_dot), adjoint(xp, v))
        return z_dot


def _dyads_moved(
    xp: Namespace, moved: Value, p: Value, parts: Sequence[Value], g: Value
) -> Value:
    """Return the derivative of u diag(g) v.H along ``moved``, g held constant."""
    u, s, v = parts
    p_h = adjoint(xp, p)
    a, b = (p + p_h) / 2, (p - p_h) / 2
    # A weight at a vanishing singular value is a kink: there is no second derivative.
    values, weights = raw(s), raw(g)
    zero = values <= rounding(values) * largest(values, -1)
    kink = zero & (np.abs(weights) > np.sqrt(rounding(values)) * largest(weights, -1))
    quiet = is_small(a, p) & are_alike(g)
    middle = over_gaps(xp, a * differences(xp, g), s, quiet)
    sums = columns(xp, g) + rows(xp, g)
    middle = middle + _over_sums(xp, b * sums, s, is_small(b, p))
    middle = middle + columns(plain, zero_or_nan(~kink))
    z_dot = xp.matmul(u, xp.matmul(middle, adjoint(xp, v)))
    weighted = columns(xp, g)
    if shape_of(u)[-2] > shape_of(s)[-1]:
        outside = weighted * (xp.matmul(moved, v) - xp.matmul(u, p))
        outside = _over_values(xp, outside, s, quiet=False)
        z_dot = z_dot + xp.matmul(outside, adjoint(xp, v))
    if shape_of(v)[-2] > shape_of(s)[-1]:
        outside = xp.matmul(adjoint(xp, moved), u) - xp.matmul(v, p_h)
        outside = _over_values(xp, weighted * outside, s, quiet=False)
        z_dot = z_dot + xp.matmul(u, adjoint(xp, outside))
    return z_dot
