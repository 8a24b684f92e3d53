"""Rules of eigenvalues without symmetry: eig.

With the eigenvectors ``v`` and the left ones, the rows of ``v^-1``, the matrix
``p = v^-1 x_dot v`` holds the rates of the eigenvalues on its diagonal and those at
which the vectors turn beside it (J. Magnus, "On differentiating eigenvalues and
eigenvectors", 1985). Conventions as in ``chainrule.operations_grad.linalg``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.operations_grad.matrix_parts import (
    columns,
    conjugate,
    diagonal_of,
    swapped,
)
from chainrule.operations_grad.partials import chosen
from chainrule.operations_grad.ties import (
    beside_diagonal,
    differences,
    is_small,
    largest,
    over,
    rounding,
    zero_or_nan,
)
from chainrule.rules import general
from chainrule.rules.cases import Cases, case
from chainrule.values.shapes import shape_of
from chainrule.values.types import Array, Namespace, Value
from chainrule.values.vertices import constant, raw

_linalg: Any = np.linalg


class eig_grad(general):
    """w, v = eig(x), with x v = v diag(w), complex

    Eigenvalues have a derivative where they are distinct. Where two are equal as far as
    can be told, also as the matrix has too few eigenvectors, it is nan. Eigenvectors
    have length 1, and the entry of each that LAPACK makes real (the largest one) stays
    real.
    """

    signature = "(n,n)->(n),(n,n)"
    may_raise = True
    outputs = 2
    remedy = (
        "Eigenvalues that coincide have no derivative: use functions of the matrix "
        "itself, such as its trace or its determinant, or move it."
    )
    cases: Cases = (
        case(np.array([[1.0, 0.3, -0.2], [0.1, 4.0, 0.2], [-0.3, 0.1, 7.0]])),
        case(np.array([[[1.0, 0.3], [-0.2, 4.0]], [[-2.0, 0.1], [0.5, 3.0]]])),
        case((1, 1)),
    )
    untested = "turning matrices: LAPACK chooses a sign of their vectors each time"

    @staticmethod
    def forward(x: Value) -> Any:
        """Call NumPy's eig; its results are complex, also where they are real."""
        z = _linalg.eig(x)
        return type(z)(*(part + 0j for part in z))

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Sequence[Array | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None]:
        """x_grad = v^-T p_grad v.T, with p_grad of ``pair_grad``"""
        inverse = xp.linalg.inv(z[1])
        p_grad = pair_grad(xp, z_grad, z, inverse)
        left = xp.matmul(swapped(xp, inverse), p_grad)
        return (xp.matmul(left, swapped(xp, z[1])),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None, ...] | None:
        """w_dot and v_dot of ``pair_dot``, p = v^-1 x_dot v"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        inverse = xp.linalg.inv(z[1])
        return pair_dot(xp, xp.matmul(inverse, xp.matmul(x_dot, z[1])), z, inverse)


def pair_dot(
    xp: Namespace, p: Value, z: Sequence[Value], inverse: Value
) -> tuple[Value, Value]:
    """Return w_dot = diag(p) and v_dot = u + v c, u = v (p / (w_j - w_i)).

    c keeps the length of each vector, and its phase: see ``_phase_weights``.
    """
    w, v = z
    tied = _tied(w, inverse)
    u = xp.matmul(v, _over_gaps(xp, p, w, tied, is_small(p, p)))
    along = -xp.sum(xp.real(conjugate(xp, v) * u), axis=-2)
    phase = xp.sum(xp.imag(_phase_weights(xp, v) * u), axis=-2)
    rates = diagonal_of(xp, p)
    return _without_ties(xp, rates, tied), u + v * columns(xp, along - 1j * phase)


def pair_grad(
    xp: Namespace, z_grad: Sequence[Value | None], z: Sequence[Value], inverse: Value
) -> Any:
    """Return p_grad = diag(w_grad) + (v.T u_grad) / (w_j - w_i).

    With t = diag(v.T v_grad), u_grad is ``v_grad - conj(v) real(t) - 1j e imag(t)``,
    with e of ``_phase_weights``.
    """
    (w_grad, v_grad), (w, v) = z_grad, z
    tied = _tied(w, inverse)
    p_grad: Any = 0.0
    if w_grad is not None:
        eye = constant(np.eye(shape_of(w)[-1]), w)
        p_grad = columns(xp, _without_ties(xp, w_grad, tied)) * eye
    if v_grad is not None:
        t = xp.sum(v * v_grad, axis=-2)
        e = _phase_weights(xp, v)
        u_grad = v_grad - conjugate(xp, v) * columns(xp, xp.real(t))
        u_grad = u_grad - 1j * e * columns(xp, xp.imag(t))
        m = xp.matmul(swapped(xp, v), u_grad)
        quiet = is_small(m, m) if w_grad is None else False
        p_grad = p_grad + _over_gaps(xp, m, w, tied, quiet)
    return p_grad


def _phase_weights(xp: Namespace, v: Value) -> Value:
    """Return e, by which the rate of phase of each vector is imag(sum(e u)).

    It is 1 / v in the entry that LAPACK made real, the largest one, so that it stays
    real; where none is, conj(v), so that the vector turns as little as it can.
    """
    values = raw(v)
    is_real = np.imag(values) == 0
    size = np.where(is_real, np.abs(values), -1.0)
    largest_one = np.expand_dims(np.argmax(size, axis=-2), -2)
    places = constant(np.arange(shape_of(v)[-2])[:, None], values)
    entry = places == largest_one
    weights = entry / xp.where(entry, xp.real(v), 1.0)
    some = np.any(is_real & (size > 0), axis=-2, keepdims=True)
    return xp.where(some, weights, conjugate(xp, v))


def _tied(w: Value, inverse: Value) -> NDArray[Any]:
    """Return which pairs of values differ by rounding errors only.

    Those are as large as the left eigenvectors are long, where the right ones have
    length 1.
    """
    w, inverse = raw(w), raw(inverse)
    length = np.sqrt(np.sum(np.abs(inverse) ** 2, axis=-1))
    longer = np.maximum(np.expand_dims(length, -1), np.expand_dims(length, -2))
    noise = rounding(w) * longer * np.expand_dims(largest(w, -1), -1)
    gaps = np.abs(np.expand_dims(w, -1) - np.expand_dims(w, -2))
    # A nan or an overflow of the inverse is the largest of errors.
    return ~(gaps > noise) & beside_diagonal(shape_of(w)[-1], w)


def _without_ties(xp: Namespace, g: Value, tied: NDArray[Any]) -> Value:
    """Return rates or cotangents of values, nan at ties unless they are 0."""
    there = np.any(tied, axis=-1)
    value = xp.where(there & (raw(g) != 0), np.nan, g)
    return chosen(xp, value, there)


def _over_gaps(
    xp: Namespace, m: Value, w: Value, tied: NDArray[Any], quiet: Value
) -> Value:
    """Return m / (w_j - w_i) and 0 on the diagonal; at ties 0 where quiet, else nan."""
    gaps = xp.where(beside_diagonal(shape_of(w)[-1], w), differences(xp, w), np.inf)
    return over(xp, m, gaps, tied, zero_or_nan(quiet))
