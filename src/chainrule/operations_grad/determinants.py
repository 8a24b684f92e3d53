"""Rules of determinants: det, slogdet, and the cofactors that are their derivative.

Conventions and sources as in ``chainrule.operations_grad.linalg``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.operations_grad.matrix_parts import swapped
from chainrule.rules import declare, general
from chainrule.rules.cases import Cases, case, regular
from chainrule.rules.namespace import EXTRA, plain, traceable
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import is_complex
from chainrule.values.types import Array, Namespace, Value
from chainrule.values.vertices import asked_array, constant

_linalg: Any = np.linalg


class det_grad(general):
    """z = det(x)

    The derivative is the matrix of cofactors (Jacobi's formula; Magnus & Neudecker,
    Matrix Differential Calculus, 8.3), a polynomial: it is exact at singular matrices,
    and so is the second derivative. From the third derivative on the matrix must have
    an inverse.
    """

    forward = np.linalg.det
    remedy = (
        "np.linalg.slogdet({x})[1] is its logarithm, which neither overflows nor "
        "underflows."
    )
    by_factors = "det"
    latex = r"\det"
    signature = "(n,n)->()"
    cases: Cases = (
        case((3, 3)),
        case((2, 2, 2)),
        case((1, 1)),
        case((2, 4, 4)),
        case(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.0, 1.0, 1.0]])),
    )

    @staticmethod
    def pullback(xp: Namespace, z_grad: Value, z: Value, x: Value) -> tuple[Value]:
        """x_grad = z_grad cofactors(x)"""
        if xp is plain and type(x) is np.ndarray and x.ndim == 2:
            return (z_grad * _cofactors(x, z),)
        return (xp.expand_dims(z_grad, (-2, -1)) * xp.cofactors(x),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value
    ) -> Value | None:
        """z_dot = sum(cofactors(x) * x_dot)"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        return xp.sum(xp.cofactors(x) * x_dot, axis=(-2, -1))


def cofactors(x: Any) -> Value:
    """Return the matrices of cofactors, exact also where ``x`` has no inverse."""
    x = asked_array(x)
    return _cofactors(x, None)


def _cofactors(x: Any, det: Any) -> Value:
    """Return the matrices of cofactors; the determinant of one may be known."""
    if is_foreign(x):  # nobody asks whether it has an inverse
        return _by_rotations(x)
    try:
        inverse = _linalg.inv(x)
        if np.all(_size(x) * _size(inverse) < _MOST[x.dtype.char.lower()]):
            if det is None:
                det = np.linalg.det(x)[..., None, None]
            return det * np.swapaxes(inverse, -1, -2)
    except np.linalg.LinAlgError:
        pass
    return _by_rotations(x)


def _by_rotations(x: Value) -> Value:
    u, s, vh, factor = _rotations(x)
    return factor * np.matmul(u * products_without_one(s)[..., None, :], vh)


def _size(x: Any) -> Any:
    """Return the Euclidean norms of matrices."""
    size: Any = np.abs(x)
    return np.sqrt(np.einsum("...ij,...ij->...", size, size))


_MOST = {t: float(np.finfo(t).eps) ** -0.5 for t in ("f", "d", "g")}
"""Condition numbers up to which an inverse has half of its digits."""


@traceable
def cofactors_dot(x: Value, x_dot: Value) -> Value:
    """Return the derivative of the cofactors along ``x_dot``, also of singular ``x``.

    With ``x = u diag(s) v`` it is, up to the factor det(u) det(v), u* d v* with
    ``d = diag(p e_jj) - p * e.T``, where ``e = u.H x_dot v.H`` and ``p[i, j]`` is the
    product of all singular values but the i-th and the j-th.
    """
    u, s, vh, factor = _rotations(asked_array(x))
    e = np.swapaxes(u, -1, -2) @ x_dot @ np.swapaxes(vh, -1, -2)
    p = products_without_two(s)
    on = (p @ np.einsum("...ii->...i", e)[..., None])[..., 0]
    d = on[..., None] * _identity(s) - p * np.swapaxes(e, -1, -2)
    return factor * (u @ d @ vh)


_dot: Any = cofactors_dot
declare(_dot.__wrapped__, signature="(n,n),(n,n)->(n,n)", may_raise=True)


def _rotations(x: Value) -> tuple[Any, Any, Any, Any]:
    """Return conj(u), s, conj(v) of the singular value decomposition, det(u) det(v)."""
    u, s, vh = np.linalg.svd(x)
    factor = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    return u.conj(), s, vh.conj(), factor


def products_without_one(s: NDArray[Any]) -> NDArray[Any]:
    """Return for each i the product of all values but the i-th, along the last axis."""
    zero = s == 0
    safe = np.where(zero, 1, s)
    left = zero.sum(-1, keepdims=True) - zero
    return np.where(left == 0, safe.prod(-1, keepdims=True) / safe, 0)


def products_without_two(s: NDArray[Any]) -> NDArray[Any]:
    """Return for each i, j the product of all values but those two; 0 for i = j."""
    zero = s == 0
    safe = np.where(zero, 1, s)
    pairs = safe[..., :, None] * safe[..., None, :]
    left = (zero.sum(-1)[..., None, None] - zero[..., :, None]) - zero[..., None, :]
    rest = np.where(left == 0, safe.prod(-1)[..., None, None] / pairs, 0)
    return rest * (1 - _identity(s))


def _identity(s: NDArray[Any]) -> Any:
    return constant(np.eye(s.shape[-1], dtype=s.dtype), s)


EXTRA["cofactors"] = cofactors


class cofactors_grad(general):
    """z = cofactors(x) = det(x) x^-T

    Its derivative along v is ``det(x) (trace(x^-1 v) x^-T - (x^-1 v x^-1).T)``; a plain
    sweep takes a form of it that needs no inverse.
    """

    forward = cofactors
    by_factors = "cofactors"
    signature = "(n,n)->(n,n)"
    may_raise = True
    cases: Cases = (
        case(regular(3, 3)),
        case(regular(2, 2, 2)),
    )

    @staticmethod
    def pullback(xp: Namespace, z_grad: Value, z: Value, x: Value) -> tuple[Value]:
        """x_grad = the derivative along z_grad: det's second derivative is symmetric"""
        return (_second(xp, x, z_grad),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value
    ) -> Value | None:
        """z_dot = the derivative along x_dot"""
        (x_dot,) = tangents
        return None if x_dot is None else _second(xp, x, x_dot)


def _second(xp: Namespace, x: Value, v: Value) -> Value:
    if xp is plain:
        return cofactors_dot(x, v)
    inverse = xp.linalg.inv(x)
    inverse_t, moved = swapped(xp, inverse), xp.matmul(inverse, v)
    trace = xp.expand_dims(xp.einsum("...ii->...", moved), (-2, -1))
    whole = trace * inverse_t - swapped(xp, xp.matmul(moved, inverse))
    return xp.expand_dims(xp.linalg.det(x), (-2, -1)) * whole


class slogdet_grad(general):
    """sign, logabsdet = slogdet(x), with det(x) = sign exp(logabsdet)

    The sign of a real matrix is locally constant. A singular matrix has no derivative:
    its inverse is asked for, and NumPy raises LinAlgError. Source: Giles 2008, 2.2.4.
    """

    outputs = 2
    forward = np.linalg.slogdet
    by_factors = "slogdet"
    signature = "(n,n)->(),()"
    cases: Cases = (case(regular(3, 3)), case(regular(2, 2, 2)), case(regular(1, 1)))

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Sequence[Array | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None]:
        """x_grad = (logabsdet_grad + 1j imag(sign sign_grad)) x^-T"""
        sign_grad, log_grad = z_grad
        factor = log_grad
        if is_complex(x) and sign_grad is not None:
            turned = 1j * xp.imag(z[0] * sign_grad)
            factor = turned if log_grad is None else log_grad + turned
        if factor is None:
            return (None,)
        inverse = swapped(xp, xp.linalg.inv(x))
        return (xp.expand_dims(factor, (-2, -1)) * inverse,)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None, ...] | None:
        """logabsdet_dot = real(t), sign_dot = 1j sign imag(t), t = trace(x^-1 x_dot)"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        t = xp.sum(swapped(xp, xp.linalg.inv(x)) * x_dot, axis=(-2, -1))
        if not is_complex(x):
            return None, t
        return 1j * z[0] * xp.imag(t), xp.real(t)
