"""Rules of linear algebra: solve, inv, det, slogdet, cholesky, qr.

The formulas are those of M. Giles, "Collected matrix derivative results for forward and
reverse mode algorithmic differentiation" (2008), extended to stacks and to complex
matrices; a docstring names its source where it is another. ``x.T`` exchanges the
last two axes and ``x.H`` conjugates as well. Cotangents pair with tangents as
``Re(sum(x_grad * x_dot))``, without a conjugate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import ArgumentError
from chainrule.rules import declare, general
from chainrule.rules.cases import Cases, case, regular, spd
from chainrule.rules.namespace import EXTRA, plain, traceable
from chainrule.values.shapes import dtype_of, is_complex, shape_of
from chainrule.values.types import Array, Namespace, Value

_linalg: Any = np.linalg


def swapped(xp: Namespace, x: Value) -> Value:
    """Return ``x.T``: the last two axes exchanged."""
    return xp.swapaxes(x, -1, -2)


def conjugate(xp: Namespace, x: Value) -> Value:
    """Return the complex conjugate; a real value as it is."""
    return xp.conj(x) if is_complex(x) else x


def adjoint(xp: Namespace, x: Value) -> Value:
    """Return ``x.H``: the last two axes exchanged, conjugated."""
    return conjugate(xp, xp.swapaxes(x, -1, -2))


def lower_half(x: Value) -> Value:
    """Return the lower triangle with half of the diagonal, the rest zero."""
    n = shape_of(x)[-1]
    dtype = dtype_of(x)
    return x * (np.tril(np.ones((n, n), dtype)) - 0.5 * np.eye(n, dtype=dtype))


def upper_half(x: Value) -> Value:
    """Return the upper triangle with half of the diagonal, the rest zero."""
    n = shape_of(x)[-1]
    dtype = dtype_of(x)
    return x * (np.triu(np.ones((n, n), dtype)) - 0.5 * np.eye(n, dtype=dtype))


def as_read(xp: Namespace, x: Value, *, upper: bool) -> Value:
    """Return the Hermitian matrix that LAPACK reads from one triangle of ``x``."""
    half = upper_half(x) if upper else lower_half(x)
    return half + adjoint(xp, half)


def as_read_grad(xp: Namespace, x_grad: Value, *, upper: bool) -> Value:
    """Return the transpose of ``as_read``: a cotangent on the triangle read."""
    whole = x_grad + adjoint(xp, x_grad)
    return upper_half(whole) if upper else lower_half(whole)


def diagonal_of(xp: Namespace, x: Value) -> Value:
    """Return the diagonals of a stack of matrices."""
    return xp.einsum("...ii->...i", x)


def columns(xp: Namespace, x: Value) -> Value:
    """Return a stack of vectors as factors of a matrix's columns."""
    return xp.expand_dims(x, -2)


def rows(xp: Namespace, x: Value) -> Value:
    """Return a stack of vectors as factors of a matrix's rows."""
    return xp.expand_dims(x, -1)


# ------------------------------------------------------------------ systems, inverses


class solve_grad(general):
    """z = x^-1 y, the solution of x z = y

    As in NumPy 2, ``y`` is a vector only if it has one axis. Source: Giles 2008, 2.3.1.
    """

    forward = np.linalg.solve
    signature = "(n,n),(n,m?)->(n,m?)"
    by_columns = may_raise = True
    cases: Cases = (
        case(regular(3, 3), (3,)),
        case(regular(3, 3), (3, 2)),
        case(regular(2, 3, 3), (2, 3, 2)),
        case(regular(2, 3, 3), (3,)),
        case(regular(3, 3), (4, 3, 1)),
        case(regular(2, 1, 2, 2), (3, 2, 2)),
        case(regular(1, 1), (1,)),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, y: Value
    ) -> tuple[Value, Value]:
        """y_grad = x.T^-1 z_grad; x_grad = -y_grad z.T"""
        vector = len(shape_of(y)) == 1
        if vector:
            z_grad, z = rows(xp, z_grad), rows(xp, z)
        y_grad = xp.linalg.solve(swapped(xp, x), z_grad)
        x_grad = -xp.matmul(y_grad, swapped(xp, z))
        return x_grad, (y_grad[..., 0] if vector else y_grad)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value, y: Value
    ) -> Value | None:
        """z_dot = x^-1 (y_dot - x_dot z)"""
        x_dot, y_dot = tangents
        vector = len(shape_of(y)) == 1
        if vector:
            z = rows(xp, z)
            y_dot = None if y_dot is None else rows(xp, y_dot)
        if x_dot is not None:
            moved = -xp.matmul(x_dot, z)
            y_dot = moved if y_dot is None else y_dot + moved
        if y_dot is None:
            return None
        z_dot = xp.linalg.solve(x, y_dot)
        return z_dot[..., 0] if vector else z_dot


class inv_grad(general):
    """z = x^-1

    Source: Giles 2008, 2.2.3.
    """

    forward = np.linalg.inv
    signature = "(n,n)->(n,n)"
    may_raise = True
    cases: Cases = (case(regular(3, 3)), case(regular(2, 2, 2)), case(regular(1, 1)))

    @staticmethod
    def pullback(xp: Namespace, z_grad: Value, z: Value, x: Value) -> tuple[Value]:
        """x_grad = -z.T z_grad z.T"""
        z_t = swapped(xp, z)
        return (-xp.matmul(xp.matmul(z_t, z_grad), z_t),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value
    ) -> Value | None:
        """z_dot = -z x_dot z"""
        (x_dot,) = tangents
        return None if x_dot is None else -xp.matmul(xp.matmul(z, x_dot), z)


class pinv_grad(general):
    """z = pinv(x), the pseudo-inverse

    Valid where the rank does not change nearby: matrices of full rank. On a
    rank-deficient matrix it is the derivative along matrices of the same rank. A cutoff
    ``rcond`` that drops more than rounding errors is refused: what is left then has
    another derivative. Source: G. Golub and V. Pereyra, "The differentiation of
    pseudo-inverses and nonlinear least squares problems" (1973), eq. 4.12.
    """

    signature = "(m,n)->(n,m)"
    may_raise = True
    cases: Cases = (case((4, 2)), case((2, 4)), case(regular(3, 3)), case((2, 3, 2)))

    @staticmethod
    def forward(
        x: Value,
        *,
        rcond: float | None = None,
        rtol: float | None = None,
        hermitian: bool = False,
    ) -> Value:
        """Call NumPy's pinv where its cutoff only drops rounding errors."""
        cutoff = rtol if rcond is None else rcond
        if hermitian:
            raise ArgumentError(
                "pinv() on nodes does not support hermitian=True, which reads one "
                "triangle only. Leave it away."
            )
        if cutoff is None:
            return _linalg.pinv(x)
        s = _linalg.svd(x, compute_uv=False)
        top = np.max(s, axis=-1, keepdims=True, initial=0.0)
        noise = 10 * max(np.shape(x)[-2:]) * np.finfo(s.dtype).eps * top
        if np.any((s > noise) & (s <= np.asarray(cutoff)[..., None] * top)):
            raise ArgumentError(
                f"pinv() on nodes was given the cutoff {cutoff!r}, which drops "
                "singular values that are no rounding errors. Use a smaller cutoff, or "
                "regularise: np.linalg.solve(x.T @ x + c * np.eye(n), x.T)."
            )
        return _linalg.pinv(x, rcond=cutoff)

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        rcond: float | None = None,
        rtol: float | None = None,
        hermitian: bool = False,
    ) -> tuple[Value]:
        """x_grad = ((z z.H).T g c.T + d.T g (z.H z).T).H - z.T g z.T, g = z_grad"""
        z_t, z_h = swapped(xp, z), adjoint(xp, z)
        c, d = _complements(xp, x, z)
        inner, outer = xp.matmul(z, z_h), xp.matmul(z_h, z)
        first = xp.matmul(xp.matmul(swapped(xp, inner), z_grad), swapped(xp, c))
        last = xp.matmul(swapped(xp, d), xp.matmul(z_grad, swapped(xp, outer)))
        direct = xp.matmul(xp.matmul(z_t, z_grad), z_t)
        return (adjoint(xp, first + last) - direct,)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        *,
        rcond: float | None = None,
        rtol: float | None = None,
        hermitian: bool = False,
    ) -> Value | None:
        """z_dot = -z x_dot z + z z.H x_dot.H (1 - x z) + (1 - z x) x_dot.H z.H z"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        z_h, dot_h = adjoint(xp, z), adjoint(xp, x_dot)
        c, d = _complements(xp, x, z)
        first = xp.matmul(xp.matmul(xp.matmul(z, z_h), dot_h), c)
        last = xp.matmul(xp.matmul(d, dot_h), xp.matmul(z_h, z))
        return first + last - xp.matmul(xp.matmul(z, x_dot), z)


def _complements(xp: Namespace, x: Value, z: Value) -> tuple[Any, Any]:
    """Return 1 - x z and 1 - z x: the projections beside the two ranges."""
    m, n = shape_of(x)[-2:]
    dtype = dtype_of(x)
    return (
        np.eye(m, dtype=dtype) - xp.matmul(x, z),
        np.eye(n, dtype=dtype) - xp.matmul(z, x),
    )


# ------------------------------------------------------------------------ determinants


class det_grad(general):
    """z = det(x)

    The derivative is the matrix of cofactors (Jacobi's formula; Magnus & Neudecker,
    Matrix Differential Calculus, 8.3), a polynomial: it is exact at singular matrices,
    and so is the second derivative. From the third derivative on the matrix must have
    an inverse.
    """

    forward = np.linalg.det
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


def cofactors(x: Value) -> Value:
    """Return the matrices of cofactors, exact also where ``x`` has no inverse."""
    x = np.asarray(x)
    try:
        inverse = _linalg.inv(x)
        size = _largest_column(x) * _largest_column(inverse)
        if np.all(size * np.sqrt(np.finfo(x.dtype).eps) < 1):
            inverse = np.swapaxes(inverse, -1, -2)
            return np.linalg.det(x)[..., None, None] * inverse
    except np.linalg.LinAlgError:
        pass
    u, s, vh, factor = _rotations(x)
    return factor * np.matmul(u * products_without_one(s)[..., None, :], vh)


def _largest_column(x: Value) -> Value:
    return np.abs(x).sum(-2).max(-1, initial=0.0)


@traceable
def cofactors_dot(x: Value, x_dot: Value) -> Value:
    """Return the derivative of the cofactors along ``x_dot``, also of singular ``x``.

    With ``x = u diag(s) v`` it is, up to the factor det(u) det(v), u* d v* with
    ``d = diag(p e_jj) - p * e.T``, where ``e = u.H x_dot v.H`` and ``p[i, j]`` is the
    product of all singular values but the i-th and the j-th.
    """
    u, s, vh, factor = _rotations(np.asarray(x))
    e = np.swapaxes(u, -1, -2) @ x_dot @ np.swapaxes(vh, -1, -2)
    p = products_without_two(s)
    on = (p @ np.einsum("...ii->...i", e)[..., None])[..., 0]
    d = on[..., None] * np.eye(s.shape[-1], dtype=s.dtype) - p * np.swapaxes(e, -1, -2)
    return factor * (u @ d @ vh)


declare(
    cofactors_dot.__wrapped__,  # type: ignore[attr-defined]
    signature="(n,n),(n,n)->(n,n)", may_raise=True,
)  # fmt: skip


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
    return rest * (1 - np.eye(s.shape[-1], dtype=s.dtype))


EXTRA["cofactors"] = cofactors


class cofactors_grad(general):
    """z = cofactors(x) = det(x) x^-T

    Its derivative along v is ``det(x) (trace(x^-1 v) x^-T - (x^-1 v x^-1).T)``; a plain
    sweep takes a form of it that needs no inverse.
    """

    forward = cofactors
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


# --------------------------------------------------------------------- decompositions


class cholesky_grad(general):
    """z = the lower triangular z with z z.H = x, or the upper one with z.H z = x

    NumPy reads one triangle of ``x``, so the derivative is on that triangle, where an
    entry off the diagonal stands for two. On symmetric changes of ``x`` this is the
    same as the symmetric gradient that other libraries give. Source: I. Murray,
    "Differentiation of the Cholesky decomposition" (2016), eq. 8 and 10.
    """

    signature = "(n,n)->(n,n)"
    may_raise = True
    cases: Cases = (
        case(spd(3, 3)),
        case(spd(2, 2, 2)),
        case(spd(3, 3), upper=True),
        case(spd(1, 1)),
    )

    @staticmethod
    def forward(x: Value, *, upper: bool = False) -> Value:
        """Call NumPy's cholesky."""
        return _linalg.cholesky(x, upper=upper)

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, *, upper: bool = False
    ) -> tuple[Value]:
        """x_grad = z^-T half(z.T z_grad) conj(z)^-1, half: lower with half diagonal"""
        if upper:
            z, z_grad = adjoint(xp, z), adjoint(xp, z_grad)
        inverse = xp.linalg.inv(z)
        middle = lower_half(xp.matmul(swapped(xp, z), z_grad))
        left = xp.matmul(swapped(xp, inverse), middle)
        x_grad = xp.matmul(left, conjugate(xp, inverse))
        return (as_read_grad(xp, x_grad, upper=upper),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        *,
        upper: bool = False,
    ) -> Value | None:
        """z_dot = z half(z^-1 x_dot z^-H)"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        x_dot = as_read(xp, x_dot, upper=upper)
        z = adjoint(xp, z) if upper else z
        inverse = xp.linalg.inv(z)
        middle = xp.matmul(xp.matmul(inverse, x_dot), adjoint(xp, inverse))
        z_dot = xp.matmul(z, lower_half(middle))
        return adjoint(xp, z_dot) if upper else z_dot


class qr_grad(general):
    """q, r = qr(x), with x = q r, r upper triangular, x not wider than high

    Valid where the columns are independent; otherwise ``r`` has no inverse and NumPy
    raises LinAlgError. Source: S. Walter and L. Lehmann, "Algorithmic differentiation
    of linear algebra functions with application in optimum experimental design" (2010).
    """

    signature = "(m,n)->(m,k),(k,n)"
    may_raise = True
    outputs = 2
    cases: Cases = (case((3, 3)), case((4, 2)), case((2, 3, 2)), case((1, 1)))

    @staticmethod
    def forward(x: Value) -> Any:
        """Call NumPy's qr in its reduced mode."""
        return _linalg.qr(x)

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Sequence[Array | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None]:
        """x_grad = (q_grad + conj(q) (h + h.H)) r^-T

        with h the upper triangle of r_grad r.T - q.T q_grad, its diagonal halved.
        """
        (q_grad, r_grad), (q, r) = z_grad, z
        whole: Any = 0.0
        if r_grad is not None:
            whole = xp.matmul(r_grad, swapped(xp, r))
        if q_grad is not None:
            whole = whole - xp.matmul(swapped(xp, q), q_grad)
        half = upper_half(whole)
        left = xp.matmul(conjugate(xp, q), half + adjoint(xp, half))
        left = left if q_grad is None else left + q_grad
        return (xp.matmul(left, swapped(xp, xp.linalg.inv(r))),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Sequence[Array], x: Value
    ) -> tuple[Value | None, ...] | None:
        """r_dot = t r, q_dot = x_dot r^-1 - q t, t the triangle of q.H x_dot r^-1"""
        (x_dot,), (q, r) = tangents, z
        if x_dot is None:
            return None
        c = xp.matmul(x_dot, xp.linalg.inv(r))
        w = xp.matmul(adjoint(xp, q), c)
        t = upper_half(w) + adjoint(xp, lower_half(w))
        return c - xp.matmul(q, t), xp.matmul(t, r)
