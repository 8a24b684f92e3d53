"""Factors of matrices: LU, Cholesky, LDL, QR and RQ, and systems solved with them.

Conventions and sources as in ``chainrule.operations_grad.linalg``. Pivots are locally
constant: where two of them tie, the derivative is that of the choice that was made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, DTypeLike, NDArray

from chainrule.errors import ArgumentError
from chainrule.numpy import matrices
from chainrule.operations import namespace as ops
from chainrule.operations_grad.matrix_parts import swapped
from chainrule.rules import general
from chainrule.rules.cases import Cases, case, regular
from chainrule.rules.namespace import opaque
from chainrule.scipy.linalg.inputs import adjoint, checked, square
from chainrule.scipy.linalg.solving import solve_triangular
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Array, ArrayValue, Namespace, Value
from chainrule.values.vertices import raw
from chainrule.wrapping import implements, operation

_linalg: Any = scipy.linalg
_take_along_axis: Any = np.take_along_axis

# -------------------------------------------------------------------------------- LU


@opaque
def lu_of(x: Value) -> Any:
    """Return l, u and the row p[i] of ``l u`` that the i-th row of x is."""
    p, left, right = _linalg.lu(x, p_indices=True)
    return left, right, p


class lu_grad(general):
    """l, u, p = lu(x), with x = (l u)[p], l unit lower triangular, u upper triangular

    Valid where the leading square block has an inverse; otherwise NumPy raises
    LinAlgError. ``l`` and ``u`` are completed to square matrices by identities. Source:
    F. de Hoog, R. Anderssen and M. Lukas, "Differentiation of matrix functionals using
    triangular factorization" (2011).
    """

    forward = lu_of
    signature = "(m,n)->(m,k),(k,n),(m)"
    may_raise = True
    outputs = 3
    cases: Cases = (
        case(regular(3, 3)),
        case(np.array([[1.0, 3.0], [4.0, 1.0], [0.5, 1.0], [2.0, -0.5]])),
        case(np.array([[1.0, 3.0, 0.5, -1.0], [4.0, 1.0, 1.0, 0.3]])),
        case(regular(2, 3, 3)),
        case((1, 1)),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Sequence[Any], z: Sequence[Any], x: Value
    ) -> tuple[Value | None]:
        """x_grad = (l^-T (tril(l.T l_grad, -1) + triu(u_grad u.T)) u^-T)[p]"""
        (l_grad, u_grad, _), (left, right, p) = z_grad, z
        m, n = shape_of(x)[-2:]
        left, right = _completed(xp, left, m), _completed(xp, right, n)
        middle: Any = 0.0
        if l_grad is not None:
            middle = _below(xp.matmul(swapped(xp, left), _padded(xp, l_grad, m, n)))
        if u_grad is not None:
            g = xp.matmul(_padded(xp, u_grad, m, n), swapped(xp, right))
            middle = middle + _above(g)
        moved = xp.linalg.solve(swapped(xp, left), middle)
        moved = swapped(xp, xp.linalg.solve(right, swapped(xp, moved)))
        return (xp.matmul(_permutation(raw(p), dtype_of(moved)), moved),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Sequence[Any], x: Value
    ) -> tuple[Value | None, ...] | None:
        """l_dot = l tril(c, -1), u_dot = triu(c) u, c = l^-1 x_dot[p^-1] u^-1"""
        (x_dot,), (left, right, p) = tangents, z
        if x_dot is None:
            return None
        m, n = shape_of(x)[-2:]
        k = min(m, n)
        left, right = _completed(xp, left, m), _completed(xp, right, n)
        order = swapped(xp, _permutation(raw(p), dtype_of(x_dot)))
        c = xp.linalg.solve(left, xp.matmul(order, x_dot))
        c = swapped(xp, xp.linalg.solve(swapped(xp, right), swapped(xp, c)))
        l_dot, u_dot = xp.matmul(left, _below(c)), xp.matmul(_above(c), right)
        return l_dot[..., :k], u_dot[..., :k, :], None


def _below(x: Value) -> Value:
    return x * np.tril(np.ones(shape_of(x)[-2:], dtype_of(x)), -1)


def _above(x: Value) -> Value:
    return x * np.triu(np.ones(shape_of(x)[-2:], dtype_of(x)))


def _padded(xp: Namespace, x: Value, m: int, n: int) -> Value:
    """Return matrices with zeros below and to the right, of shape (..., m, n)."""
    *lead, rows, columns = shape_of(x)
    if n > columns:
        x = xp.concatenate(
            [x, np.zeros((*lead, rows, n - columns), dtype_of(x))], axis=-1
        )
    if m > rows:
        x = xp.concatenate([x, np.zeros((*lead, m - rows, n), dtype_of(x))], axis=-2)
    return x


def _completed(xp: Namespace, x: Value, n: int) -> Value:
    """Return square matrices of n rows, with ones on the rest of the diagonal."""
    k = min(shape_of(x)[-2:])
    rest = np.diag(np.arange(n) >= k).astype(dtype_of(x))
    return _padded(xp, x, n, n) + rest


def _rows(xp: Namespace, x: Value, p: Value) -> Value:
    """Return the rows ``p`` of matrices."""
    return _take_along_axis(x, np.expand_dims(raw(p), -1), axis=-2)


_lu: Any = operation(lu_grad)


@implements(_linalg.lu, may_raise=True)
def lu(
    a: ArrayLike,
    permute_l: bool = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
    p_indices: bool = False,
) -> Any:
    """Return p, l, u with ``a = p l u``; see ``lu_grad``.

    ``p`` is a plain matrix, or the rows of ``l`` where ``p_indices``; with
    ``permute_l`` the product ``p l`` stands for both.
    """
    a = checked(a, check_finite=check_finite)
    left, right, p = _lu(a)
    if permute_l:
        return _rows(ops, left, p), right
    single = np.float32 if a.dtype.char in "fF" else np.float64
    return (p if p_indices else _permutation(p, single)), left, right


def _permutation(p: ArrayValue, dtype: DTypeLike) -> Any:
    """Return the matrices whose products have the rows p of another one."""
    columns: Any = np.expand_dims(p, -1) == np.arange(p.shape[-1])
    return columns.astype(dtype)


@opaque
def pivots_of(x: Value) -> Any:
    """Return the rows that LAPACK exchanges, one after the other."""
    return _linalg.lu_factor(x)[1]


@implements(_linalg.lu_factor, may_raise=True)
def lu_factor(
    a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """Return l and u in one matrix, and the pivots, plain; see ``lu_grad``."""
    a = checked(a, check_finite=check_finite)
    left, right, _ = _lu(a)
    m, n = a.shape[-2:]
    packed = _below(_padded(ops, left, m, n)) + _padded(ops, right, m, n)
    return packed, pivots_of(raw(a))


@opaque
def exchanged(pivots: ArrayValue) -> Any:
    """Return the order of the rows after LAPACK's exchanges."""
    count = pivots.shape[-1]
    order: NDArray[Any] = np.broadcast_to(np.arange(count), pivots.shape).copy()
    for i in range(pivots.shape[-1]):
        j: Any = pivots[..., i, None]
        found = np.take_along_axis(order, j, -1)
        np.put_along_axis(order, j, order[..., i, None], -1)
        order[..., i, None] = found
    return order


@implements(_linalg.lu_solve, may_raise=True)
def lu_solve(
    lu_and_piv: tuple[ArrayLike, ArrayLike],
    b: ArrayLike,
    trans: int = 0,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return z with ``a z = b``, ``a.T z = b`` or ``a.H z = b``, a = lu_factor's."""
    packed, pivots = lu_and_piv
    packed = checked(packed, check_finite=check_finite)
    b = checked(b, check_finite=check_finite)
    order = exchanged(raw(pivots))
    vector = b.ndim == 1
    b = b[:, None] if vector else b
    z: Any
    if trans == 0:
        z = _rows(ops, *_lined_up(b, order))
        z = solve_triangular(packed, z, lower=True, unit_diagonal=True)
        z = solve_triangular(packed, z)
    else:
        z = solve_triangular(packed, b, trans=trans)
        z = solve_triangular(packed, z, trans=trans, lower=True, unit_diagonal=True)
        z = _rows(ops, *_lined_up(z, np.argsort(order, axis=-1)))
    return z[..., 0] if vector else z


def _lined_up(b: Array, order: ArrayValue) -> tuple[Any, Any]:
    """Return matrices and orders of their rows with the same leading axes."""
    lead = np.broadcast_shapes(b.shape[:-2], order.shape[:-1])
    return (
        ops.broadcast_to(b, (*lead, *b.shape[-2:])),
        np.broadcast_to(order, (*lead, order.shape[-1])),
    )


# -------------------------------------------------------------------------- Cholesky


@implements(_linalg.cholesky, may_raise=True)
def cholesky(
    a: ArrayLike,
    lower: bool = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return the upper triangular z with z.H z = a, or the lower one with z z.H = a.

    The triangle of ``a`` of the same name is read; see ``cholesky_grad``.
    """
    a = checked(a, check_finite=check_finite)
    square("cholesky", a)
    return ops.linalg.cholesky(a, upper=not lower)


@implements(_linalg.cho_factor, may_raise=True)
def cho_factor(
    a: ArrayLike,
    lower: bool = False,
    overwrite_a: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return Cholesky's factor for ``cho_solve``; its other triangle is that of a."""
    a = checked(a, check_finite=check_finite)
    c = cholesky(a, lower=lower, check_finite=False)
    return c + (np.triu(a, 1) if lower else np.tril(a, -1)), lower


@implements(_linalg.cho_solve, may_raise=True)
def cho_solve(
    c_and_lower: tuple[ArrayLike, bool],
    b: ArrayLike,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return z with ``a z = b``, from the factor of a that ``cho_factor`` returned."""
    c, lower = c_and_lower
    options: Any = {"lower": bool(lower), "check_finite": check_finite}
    z = solve_triangular(c, b, trans=0 if lower else 2, **options)
    return solve_triangular(c, z, trans=2 if lower else 0, **options)


# ------------------------------------------------------------------------- QR and RQ


@opaque
def pivoted(x: Value) -> Any:
    """Return the order of the columns that QR with pivoting takes."""
    return _linalg.qr(x, mode="r", pivoting=True)[1]


@implements(_linalg.qr, may_raise=True)
def qr(
    a: ArrayLike,
    overwrite_a: bool = False,
    lwork: int | None = None,
    mode: str = "full",
    pivoting: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return q, r with ``a = q r``; with ``pivoting`` the order of the columns too.

    ``a`` has shape (..., m, n). Where m > n the last columns of a full q complete a
    basis, in one way of many: a derivative that depends on them raises. See
    ``qr_grad``.
    """
    a = checked(a, check_finite=check_finite)
    m, n = a.shape[-2:]
    if mode not in ("full", "qr", "r", "economic"):
        raise ArgumentError(
            f"qr() on nodes does not support mode={mode!r}: it has a derivative in "
            "modes 'full', 'r' and 'economic'."
        )
    order: tuple[Any, ...] = ()
    if pivoting:
        order = (pivoted(raw(a)),)
        a = _take_along_axis(a, order[0][..., None, :], axis=-1)
    q, r = matrices.qr(a, "complete" if mode in ("full", "qr") else "reduced")
    if mode == "r":
        return (_padded(ops, r, m, n), *order)
    return (q, r, *order)


@implements(_linalg.rq, may_raise=True)
def rq(
    a: ArrayLike,
    overwrite_a: bool = False,
    lwork: int | None = None,
    mode: str = "full",
    check_finite: bool = True,
) -> Any:
    """Return r, q with ``a = r q``: ``qr`` of the matrix with its rows in reverse."""
    a = checked(a, check_finite=check_finite)
    m, n = a.shape[-2:]
    if mode not in ("full", "r", "economic") or (n > m and mode == "full"):
        raise ArgumentError(
            f"rq() on nodes does not support mode={mode!r} for matrices of shape "
            f"{(m, n)}: what the matrix does not determine has no derivative. Pass "
            "mode='economic'."
        )
    q, r = matrices.qr(adjoint(ops.flip(a, axis=-2)))
    r, q = ops.flip(adjoint(r), axis=(-2, -1)), ops.flip(adjoint(q), axis=-2)
    signs = signs_of_rq(raw(a), raw(r))
    r, q = r * signs[..., None, :], q * signs[..., :, None]
    if mode != "r":
        return r, q
    if n > m:
        zeros = np.zeros((*a.shape[:-1], n - m), a.dtype)
        return ops.concatenate([zeros, r], axis=-1)
    return r


@opaque
def signs_of_rq(x: Value, r: ArrayValue) -> Any:
    """Return the signs that make the columns of r those of LAPACK's."""
    k = r.shape[-1]
    theirs = _linalg.rq(x, mode="r")[..., -k:]
    first, second = (_diagonal(v[..., -k:, :]) for v in (theirs, r))
    signs = np.where(np.real(first * np.conj(second)) < 0, -1.0, 1.0)
    return signs.astype(np.float32 if r.dtype.char in "fF" else np.float64)


def _diagonal(x: ArrayValue) -> Any:
    return np.einsum("...ii->...i", x)
