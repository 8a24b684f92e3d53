"""Rules of polynomials: their roots, and the characteristic ones of matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.operations_grad.matrix_parts import swapped
from chainrule.operations_grad.partials import chosen
from chainrule.rules import general
from chainrule.rules.cases import Cases, case, regular
from chainrule.rules.traits import Depends, Numbers
from chainrule.values.shapes import dtype_of, is_complex, shape_of
from chainrule.values.types import Namespace, Value
from chainrule.values.vertices import asked_array, constant, raw


class roots_grad(general):
    """z = the roots of p: the sum of p[j] z^(n - j) is 0; complex

    ``z_dot = -p_dot(z) / p'(z)``, also in leading coefficients that are 0. Where roots
    are equal as far as can be told, the derivative is nan.
    """

    may_raise = True
    cases: Cases = (
        case(np.array([1.0, 0.5, -9.0, 2.0])),
        case(np.array([2.0, 1.0, 3.0])),
        case(np.array([1.0, -3.0, 2.0, 0.0])),
    )

    @staticmethod
    def depends(z: Numbers, p: Numbers) -> Depends:
        """Return that each root is made of all coefficients."""
        return (None,)

    @staticmethod
    def forward(p: Value) -> Any:
        """Call NumPy's roots; its result is complex, also where it is real."""
        return np.roots(asked_array(p)) + 0j

    @staticmethod
    def pullback(xp: Namespace, z_grad: Value, z: Value, p: Value) -> tuple[Value]:
        """p_grad[j] = the sum of -z_grad / p'(z) z^(n - j)"""
        powers, slope = _at_roots(xp, z, p)
        return (xp.sum(-(z_grad / slope) * powers, axis=-1),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, p: Value
    ) -> Value | None:
        """z_dot = -p_dot(z) / p'(z)"""
        (p_dot,) = tangents
        if p_dot is None:
            return None
        powers, slope = _at_roots(xp, z, p)
        return -xp.sum(xp.expand_dims(p_dot, -1) * powers, axis=-2) / slope


def _at_roots(xp: Namespace, z: Value, p: Value) -> tuple[Any, Any]:
    """Return z^(n - j) for all j, and p'(z), which is nan at roots that are tied."""
    n = shape_of(p)[-1] - 1
    rising: list[Any] = [0.0 * z + 1.0]
    for _ in range(n):
        rising.append(rising[-1] * z)
    powers = xp.stack(rising[::-1])
    factors = xp.expand_dims(p[:-1] * constant(np.arange(n, 0, -1), p), -1)  # pyright: ignore
    slope = xp.sum(factors * xp.stack(rising[n - 1 :: -1]), axis=0) if n else rising[0]
    tied = _tied(raw(z), raw(p), raw(slope), raw(powers))
    return powers, chosen(xp, xp.where(tied, np.nan, slope), tied)


def _tied(
    z: NDArray[Any], p: NDArray[Any], slope: NDArray[Any], powers: NDArray[Any]
) -> Any:
    """Return which roots have another one within ten times the error that they have."""
    size = np.sum(np.abs(np.expand_dims(p, -1) * powers), axis=0)
    count = max(shape_of(z)[-1], 1)
    gaps: Any = np.abs(np.expand_dims(z, -1) - z)
    itself = constant(np.diag(np.full(shape_of(z)[-1], np.inf)), z)
    alone: Any = {} if shape_of(z)[-1] else {"initial": np.inf}
    nearest = np.min(gaps + itself, -1, **alone)
    noise = 10.0 * count * float(np.finfo(dtype_of(z)).eps)
    return ~(nearest * np.abs(slope) > noise * size)


class characteristic_polynomial_grad(general):
    """z = the coefficients of det(t - x) in t, the highest power first

    Those of the adjugate of t - x are m[1] = 1, m[j + 1] = x m[j] + z[j], and z_dot[j]
    = -trace(m[j] x_dot) (Faddeev and LeVerrier; F. Gantmacher, The Theory of Matrices,
    IV.5). It is exact where eigenvalues are equal.
    """

    cases: Cases = (case((3, 3)), case(np.eye(2)), case(regular(1, 1)))

    @staticmethod
    def depends(z: Numbers, x: Numbers) -> Depends:
        """Return that each coefficient is made of all entries."""
        return (None,)

    @staticmethod
    def forward(x: Value) -> Any:
        """Call NumPy's poly; of complex matrices the result is complex."""
        z = np.poly(asked_array(x))
        return z + 0j if is_complex(x) else np.real(z)

    @staticmethod
    def pullback(xp: Namespace, z_grad: Value, z: Value, x: Value) -> tuple[Value]:
        """x_grad = the sum of -z_grad[j] m[j].T"""
        parts = _adjugate(xp, x, z)
        return (-xp.einsum("j,jkl->lk", xp.asarray(z_grad)[1:], parts),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value
    ) -> Value | None:
        """z_dot[j] = -trace(m[j] x_dot)"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        moved = -xp.sum(_adjugate(xp, x, z) * swapped(xp, x_dot), axis=(-2, -1))
        return xp.concatenate([0.0 * moved[:1], moved])


def _adjugate(xp: Namespace, x: Value, z: Value) -> Any:
    """Return the coefficients of the adjugate of t - x, stacked."""
    n = shape_of(x)[-1]
    eye = constant(np.eye(n, dtype=dtype_of(x)), x)
    parts: list[Any] = [0.0 * x + eye]
    for j in range(1, n):
        parts.append(xp.matmul(x, parts[-1]) + xp.asarray(z)[j] * eye)
    return xp.stack(parts)
