"""Pseudo-inverses, least squares, polar factors, and angles of subspaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError, ShapeError
from chainrule.numpy import matrices
from chainrule.operations import namespace as ops
from chainrule.operations_grad.matrix_parts import (
    adjoint,
    conjugate,
    swapped,
)
from chainrule.rules import general
from chainrule.rules.cases import Cases, case, regular
from chainrule.rules.namespace import opaque
from chainrule.scipy.linalg import inputs
from chainrule.scipy.linalg.inputs import checked
from chainrule.values.shapes import shape_of
from chainrule.values.types import Array, ArrayValue, Namespace, Value
from chainrule.values.vertices import is_refused, is_stand_in, raw, surely_holds
from chainrule.wrapping import implements, operation

_linalg: Any = scipy.linalg

# --------------------------------------------------------------------- pseudo-inverses


def _rank(s: ArrayValue, cutoff: ArrayValue | float) -> Any:
    """Return how many singular values are larger; a plain integer of one matrix."""
    rank = np.sum(raw(s) > cutoff, axis=-1)
    return rank if is_stand_in(rank) or np.ndim(rank) else int(rank)


def _pinv(
    a: Array, atol: float | None, rtol: float | None, *, return_rank: bool
) -> Any:
    noise = max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
    atol, rtol = atol or 0.0, noise if rtol is None else rtol
    if atol < 0.0 or rtol < 0.0:
        raise ValueError("atol and rtol values must be positive.")
    s = np.linalg.svd(raw(a), compute_uv=False)
    top = np.max(s, axis=-1, initial=0.0)
    cutoff = atol + rtol * top
    z = ops.linalg.pinv(a, rtol=cutoff / np.where(top == 0.0, 1.0, top))
    return (z, _rank(s, np.expand_dims(cutoff, -1))) if return_rank else z


@implements(_linalg.pinv, may_raise=True)
def pinv(
    a: ArrayLike,
    *,
    atol: float | None = None,
    rtol: float | None = None,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return the pseudo-inverses of matrices (..., m, n), and their plain ranks.

    A cutoff that drops more than rounding errors is refused; see ``pinv_grad``.
    """
    a = checked(a, check_finite=check_finite)
    return _pinv(a, atol, rtol, return_rank=return_rank)


@implements(_linalg.pinvh, may_raise=True)
def pinvh(
    a: ArrayLike,
    atol: float | None = None,
    rtol: float | None = None,
    lower: bool = True,
    return_rank: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return ``pinv`` of Hermitian matrices, of which one triangle is read."""
    whole = inputs.hermitian(checked(a, check_finite=check_finite), lower=lower)
    return _pinv(whole, atol, rtol, return_rank=return_rank)


@implements(_linalg.lstsq, may_raise=True)
def lstsq(
    a: ArrayLike,
    b: ArrayLike,
    cond: float | None = None,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    lapack_driver: str | None = None,
) -> Any:
    """Return the solution of least norm, residuals, plain rank and singular values.

    The solution is ``pinv(a) b``: of a matrix whose rank is lower the derivative is
    that along matrices of the same rank. See ``pinv_grad`` and ``svd_grad``.

    >>> import chainrule as gd
    >>> from chainrule.scipy import linalg
    >>> a = np.array([[1.0], [1.0], [2.0]])
    >>> gd.grad(lambda b: linalg.lstsq(a, b)[0][0])(np.array([1.0, 0.0, 3.0]))
    array([0.167, 0.167, 0.333])
    """
    if lapack_driver not in (None, "gelsd", "gelsy", "gelss"):
        raise ValueError(f'LAPACK driver "{lapack_driver}" is not found')
    a = checked(a, check_finite=check_finite)
    b = checked(b, check_finite=check_finite)
    m, n = a.shape[-2:]
    if m != b.shape[-1 if b.ndim == 1 else -2]:
        raise ShapeError(
            f"lstsq() needs as many rows in b as in a; received shapes {a.shape} and "
            f"{b.shape}."
        )
    s = matrices.svdvals(a)
    least = max(m, n) * np.finfo(a.dtype).eps
    cutoff = least if cond is None else max(cond, least)
    top = np.max(raw(s), axis=-1, keepdims=True, initial=0.0)
    rank = _rank(s, cutoff * top)
    z = ops.matmul(ops.linalg.pinv(a, rtol=cutoff), b)
    residuals = np.empty(0, z.dtype)
    lower = rank < n
    if m > n and lapack_driver != "gelsy" and not surely_holds(lower):
        rest = ops.absolute(b - ops.matmul(a, z))
        residuals = ops.sum(rest * rest, axis=-1 if b.ndim == 1 else -2)
        if is_stand_in(lower):  # SciPy returns none where the rank is lower
            residuals = ops.where(lower, np.nan, residuals)
    return z, residuals, rank, None if lapack_driver == "gelsy" else s


# ------------------------------------------------------------------------------- polar


@opaque
def unitary_factor(x: Value) -> Any:
    """Return SciPy's unitary factor of matrices that are not wider than high."""
    return _linalg.polar(x)[0]


class unitary_factor_grad(general):
    """z is the unitary factor of x = z p, p = z.H x positive, x not wider than high

    Valid where the columns are independent; otherwise LinAlgError is raised. It is
    exact where singular values are equal. Source: N. Higham, Functions of Matrices, 8.4
    (the change is a Sylvester equation with p).
    """

    forward = unitary_factor
    signature = "(m,n)->(m,n)"
    may_raise = True
    cases: Cases = (
        case(regular(3, 3)),
        case((4, 2)),
        case(regular(2, 2, 2)),
        case(np.eye(2)),
    )

    @staticmethod
    def pullback(xp: Namespace, z_grad: Value, z: Value, x: Value) -> tuple[Value]:
        """x_grad = conj(z) (g - g.H), with g from p.T g + g p.T = z.T z_grad

        and, of a high matrix, the part of z_grad p^-T that leaves the columns of z.
        """
        z_t, z_c = swapped(xp, z), conjugate(xp, z)
        p_t = swapped(xp, xp.matmul(adjoint(xp, z), x))
        g = xp.sylvester(p_t, p_t, xp.matmul(z_t, z_grad))
        x_grad = xp.matmul(z_c, g - adjoint(xp, g))
        if shape_of(x)[-2] > shape_of(x)[-1]:
            outside = xp.linalg.solve(swapped(xp, p_t), swapped(xp, z_grad))
            outside = swapped(xp, outside)
            x_grad = x_grad + outside - xp.matmul(z_c, xp.matmul(z_t, outside))
        return (x_grad,)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Value, x: Value
    ) -> Value | None:
        """z_dot = z s + (x_dot - z q) p^-1, p s + s p = q - q.H, q = z.H x_dot"""
        (x_dot,) = tangents
        if x_dot is None:
            return None
        z_h = adjoint(xp, z)
        p, q = xp.matmul(z_h, x), xp.matmul(z_h, x_dot)
        z_dot = xp.matmul(z, xp.sylvester(p, p, q - adjoint(xp, q)))
        if shape_of(x)[-2] > shape_of(x)[-1]:
            beside = swapped(xp, x_dot - xp.matmul(z, q))
            z_dot = z_dot + swapped(xp, xp.linalg.solve(swapped(xp, p), beside))
        return z_dot


_unitary: Any = operation(unitary_factor_grad)


def _unitary_of(a: Array) -> Any:
    if a.shape[-2] >= a.shape[-1]:
        return _unitary(a)
    return inputs.adjoint(_unitary(inputs.adjoint(a)))


@implements(_linalg.polar, may_raise=True)
def polar(a: ArrayLike, side: str = "right") -> Any:
    """Return u and p with ``a = u p``, or ``a = p u`` by ``side``.

    u has orthonormal columns, or rows, and p is positive; see ``unitary_factor_grad``.
    """
    if side not in ("right", "left"):
        raise ValueError("`side` must be either 'right' or 'left'")
    a = checked(a, check_finite=False)
    u = _unitary_of(a)
    u_h = inputs.adjoint(u)
    return u, ops.matmul(u_h, a) if side == "right" else ops.matmul(a, u_h)


@implements(_linalg.orthogonal_procrustes, may_raise=True)
def orthogonal_procrustes(A: ArrayLike, B: ArrayLike, check_finite: bool = True) -> Any:
    """Return the unitary r for which ``a r`` is closest to b, and the scale.

    r is the unitary factor of a.H b, and the scale the sum of its singular values.
    """
    a, b = (checked(x, check_finite=check_finite) for x in (A, B))
    if a.shape != b.shape:
        raise ShapeError(f"the shapes of A and B differ ({a.shape} vs {b.shape})")
    product = ops.matmul(inputs.adjoint(a), b)
    r = _unitary_of(product)
    conjugated = ops.conj(r) if r.dtype.kind == "c" else r
    return r, ops.sum(ops.real(conjugated * product), axis=(-2, -1))


# ----------------------------------------------------------------------------- angles


@implements(_linalg.subspace_angles, may_raise=True)
def subspace_angles(A: ArrayLike, B: ArrayLike) -> Any:
    """Return the angles between the spaces of the columns of two matrices.

    The columns must be independent. At an angle of 0 there is no derivative.
    """
    a, b = (checked(x, check_finite=True) for x in (A, B))
    if a.shape[-2] != b.shape[-2]:
        raise ShapeError(
            "subspace_angles() needs matrices with the same number of rows; received "
            f"shapes {a.shape} and {b.shape}."
        )
    first, second = _basis(a), _basis(b)
    product = ops.matmul(inputs.adjoint(first), second)
    cosines = ops.flip(matrices.svdvals(product), axis=-1)
    if first.shape[-1] >= second.shape[-1]:
        rest = second - ops.matmul(first, product)
    else:
        rest = first - ops.matmul(second, inputs.adjoint(product))
    small = raw(cosines) ** 2 >= 0.5
    sines = ops.clip(matrices.svdvals(rest), -1.0, 1.0)
    return ops.where(small, ops.arcsin(sines), ops.arccos(ops.clip(cosines, -1.0, 1.0)))


def _basis(a: Array) -> Any:
    s = np.linalg.svd(raw(a), compute_uv=False)
    noise = max(a.shape[-2:]) * np.finfo(a.dtype).eps * s[..., :1]
    if is_refused(s <= noise):
        raise ArgumentError(
            "subspace_angles() on nodes needs independent columns: a basis of others "
            "has no derivative. Leave columns out."
        )
    return matrices.qr(a)[0]


@implements(_linalg.norm)
def norm(
    a: ArrayLike,
    ord: float | str | None = None,
    axis: int | Sequence[int] | None = None,
    keepdims: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return the norm of a vector or a matrix, as ``np.linalg.norm`` does."""
    a = checked(a, check_finite=check_finite)
    axes = axis if axis is None or isinstance(axis, int) else tuple(axis)
    return matrices.norm(a, ord=ord, axis=axes, keepdims=keepdims)
