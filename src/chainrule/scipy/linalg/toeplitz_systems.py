"""Toeplitz and circulant matrices, by their first column and row."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from chainrule.operations import namespace as ops
from chainrule.operations_grad.matrix_parts import rows
from chainrule.rules import general
from chainrule.rules.cases import DOUBLE, Cases, Dtypes, case
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.linalg.inputs import checked, in_double
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Array, ArrayValue, Namespace, Value
from chainrule.values.vertices import is_refused, raw
from chainrule.wrapping import implements, operation

_linalg: Any = scipy.linalg
_moveaxis: Any = np.moveaxis


@opaque
def toeplitz_solve(c: Value, r: Value, y: Value) -> Any:
    """Return SciPy's solution of a z = y, with c the first column of a, r its row."""
    return _linalg.solve_toeplitz((c, r), y)


EXTRA["toeplitz_solve"] = toeplitz_solve


def along_diagonals(xp: Namespace, c: ArrayValue, r: ArrayValue) -> Value:
    """Return the Toeplitz matrix with first column c and first row r, without r[0]."""
    m, n = shape_of(c)[-1], shape_of(r)[-1]
    values = xp.concatenate([xp.flip(r[..., 1:], axis=-1), c], axis=-1)
    return values[..., np.arange(m)[:, None] - np.arange(n) + n - 1]


def sums_of_diagonals(xp: Namespace, x: Value) -> ArrayValue:
    """Return the sums along the diagonals of (..., n, n), the upper right one first.

    Rows of length 2 n, read as rows of length 2 n - 1, are moved by one each.
    """
    *lead, n, _ = shape_of(x)
    zeros = np.zeros((*lead, n, n), dtype_of(x))
    wide = xp.concatenate([xp.flip(x, axis=-1), zeros], axis=-1)
    flat = xp.reshape(wide, (*lead, 2 * n * n))[..., : n * (2 * n - 1)]
    return xp.sum(xp.reshape(flat, (*lead, n, 2 * n - 1)), axis=-2)


class toeplitz_solve_grad(general):
    """z solves a z = y, with c the first column of a and r, but for r[0], its row"""

    forward = toeplitz_solve
    signature = "(n),(n),(n,m?)->(n,m?)"
    may_raise = True
    cases: Cases = (
        case(np.array([4.0, 0.5, -0.3]), (3,), (3, 2)),
        case(np.array([[4.0, 0.5], [-3.0, 0.2]]), np.array([4.0, 0.7]), (2, 1)),
        case(np.array([4.0, 0.5, -0.3, 0.1]), np.array([0.0, 0.2, 0.3, 0.4]), (4,)),
        case(np.array([2.0]), (1,), (1,)),
    )
    dtypes: Dtypes = DOUBLE

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, c: Value, r: Value, y: Value
    ) -> tuple[Callable[[], Value], Callable[[], Value], Value]:
        """y_grad = a.T^-1 z_grad; c_grad and r_grad: sums of -y_grad[i] z[j]"""
        vector = len(shape_of(y)) == 1
        if vector:
            z_grad, z = rows(xp, z_grad), rows(xp, z)
        n = shape_of(c)[-1]
        turned = xp.where(np.arange(n) == 0, c, r)
        y_grad = xp.toeplitz_solve(turned, c, z_grad)

        @functools.cache
        def sums() -> Any:
            return -sums_of_diagonals(xp, xp.matmul(y_grad, xp.swapaxes(z, -1, -2)))

        def c_grad() -> Value:
            return sums()[..., n - 1 :]

        def r_grad() -> Value:
            above = xp.flip(sums()[..., : n - 1], axis=-1)
            return xp.concatenate([0.0 * sums()[..., :1], above], axis=-1)

        return c_grad, r_grad, (y_grad[..., 0] if vector else y_grad)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        c: Value,
        r: Value,
        y: Value,
    ) -> Value | None:
        """z_dot = a^-1 (y_dot - a_dot z)"""
        c_dot, r_dot, y_dot = tangents
        vector = len(shape_of(y)) == 1
        if vector:
            z = rows(xp, z)
            y_dot = None if y_dot is None else rows(xp, y_dot)
        if c_dot is not None or r_dot is not None:
            c_dot = 0.0 * c if c_dot is None else c_dot
            r_dot = 0.0 * r if r_dot is None else r_dot
            lead = np.broadcast_shapes(shape_of(c)[:-1], shape_of(r)[:-1])
            n = shape_of(c)[-1]
            c_dot, r_dot = (xp.broadcast_to(x, (*lead, n)) for x in (c_dot, r_dot))
            moved = -xp.matmul(along_diagonals(xp, c_dot, r_dot), z)
            y_dot = moved if y_dot is None else y_dot + moved
        if y_dot is None:
            return None
        z_dot = xp.toeplitz_solve(c, r, y_dot)
        return z_dot[..., 0] if vector else z_dot


_solve: Any = operation(toeplitz_solve_grad)


def column_and_row(
    c_or_cr: ArrayLike | tuple[ArrayLike, ArrayLike], *, check_finite: bool
) -> tuple[Any, Any]:
    """Return the first column and row; the row is the conjugate where none is given."""
    if isinstance(c_or_cr, tuple):
        c, r = (checked(x, check_finite=check_finite) for x in c_or_cr)  # pyright: ignore
    else:
        c = checked(c_or_cr, check_finite=check_finite)
        r = ops.conj(c)
    lead = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    return tuple(ops.broadcast_to(x, (*lead, x.shape[-1])) for x in (c, r))  # type: ignore


@implements(_linalg.solve_toeplitz, may_raise=True)
def solve_toeplitz(
    c_or_cr: ArrayLike | tuple[ArrayLike, ArrayLike],
    b: ArrayLike,
    check_finite: bool = True,
) -> Any:
    """Return z with ``a z = b``, a the Toeplitz matrix of a column, or of it and a row.

    See ``toeplitz_solve_grad``.
    """
    c, r = column_and_row(c_or_cr, check_finite=check_finite)
    return _solve(c, r, checked(b, check_finite=check_finite))


@implements(_linalg.matmul_toeplitz)
def matmul_toeplitz(
    c_or_cr: ArrayLike | tuple[ArrayLike, ArrayLike],
    x: ArrayLike,
    check_finite: bool = False,
    workers: int | None = None,
) -> Any:
    """Return the product of a Toeplitz matrix with x, by Fourier transforms.

    ``workers`` says how many threads SciPy may use for it.
    """
    c, r = column_and_row(c_or_cr, check_finite=check_finite)
    c, r, x = (in_double(v) for v in (c, r, checked(x, check_finite=check_finite)))
    vector = x.ndim == 1
    x = ops.expand_dims(x, -1) if vector else x
    m, size = c.shape[-1], c.shape[-1] + r.shape[-1] - 1
    circle = ops.concatenate([c, ops.flip(r[..., 1:], axis=-1)], axis=-1)
    circle = ops.expand_dims(circle, -1)
    if circle.dtype.kind == "c" or x.dtype.kind == "c":
        product = np.fft.fft(circle, axis=-2) * np.fft.fft(x, n=size, axis=-2)
        z = np.fft.ifft(product, axis=-2)[..., :m, :]
    else:
        product = np.fft.rfft(circle, axis=-2) * np.fft.rfft(x, n=size, axis=-2)
        z = np.fft.irfft(product, n=size, axis=-2)[..., :m, :]
    return z[..., 0] if vector else z


@implements(_linalg.solve_circulant, may_raise=True)
def solve_circulant(
    c: ArrayLike,
    b: ArrayLike,
    singular: str = "raise",
    tol: float | None = None,
    caxis: int = -1,
    baxis: int = 0,
    outaxis: int = 0,
) -> Any:
    """Return z with ``a z = b``, a the circulant matrix of its first column c.

    ``z = ifft(fft(b) / fft(c))``. With ``singular="lstsq"`` quotients by values of
    fft(c) below ``tol`` are left out, which holds their number constant.
    """
    c = ops.reshape(x, (1,)) if (x := checked(c, check_finite=False)).ndim == 0 else x
    b = ops.reshape(y, (1,)) if (y := checked(b, check_finite=False)).ndim == 0 else y
    is_real = c.dtype.kind != "c" and b.dtype.kind != "c"
    if c.shape[caxis] != b.shape[baxis]:
        raise ValueError(f"Shapes of c {c.shape} and b {b.shape} are incompatible")
    values: Any = np.fft.fft(_moveaxis(c, caxis, -1), axis=-1)
    zero = _near_zero(values, tol)
    if singular == "raise" and is_refused(zero):
        raise np.linalg.LinAlgError("near singular circulant matrix.")
    right = np.fft.fft(_moveaxis(b, baxis, -1), axis=-1)
    quotient = right / ops.where(zero, 1.0, values)
    z: Any = np.fft.ifft(ops.where(zero, 0.0, quotient), axis=-1)
    z = ops.real(z) if is_real else z
    return z if outaxis == -1 else _moveaxis(z, -1, outaxis)


def _near_zero(values: Array, tol: float | None) -> Any:
    size = np.abs(raw(values))
    if tol is None:
        n = values.shape[-1]
        return size <= np.max(size, axis=-1, keepdims=True) * n * np.finfo(float).eps
    return size <= tol
