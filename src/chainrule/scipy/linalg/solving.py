"""Systems of dense matrices: ``solve`` by structure, triangular ones, inverses.

Sources as in ``chainrule.operations_grad.linalg``. A structure says which entries of
the matrix are read: the derivative is in these.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.operations_grad.matrix_parts import (
    adjoint,
    conjugate,
    lower_half,
    rows,
    swapped,
    upper_half,
)
from chainrule.rules import general
from chainrule.rules.cases import Cases, case, regular, spd, symmetric
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.linalg.inputs import checked, in_double, square
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Value
from chainrule.wrapping import implements, operation

_linalg: Any = scipy.linalg

_STRUCTURES = {
    "diagonal": "diagonal",
    "tridiagonal": "tridiagonal",
    "lower triangular": "triangular",
    "upper triangular": "triangular",
    "sym": "symmetric",
    "symmetric": "symmetric",
    "her": "hermitian",
    "hermitian": "hermitian",
    "pos": "positive definite",
    "positive definite": "positive definite",
}
"""SciPy's names of the structures that have some entries read only, and ours."""
_GENERAL = (None, "general", "gen", "banded")
_ONE_HALF = ("symmetric", "hermitian", "positive definite")
_TRIANGULAR = ("triangular", "unit triangular")


@opaque
def structured_solve(x: Value, y: Value, *, structure: str, lower: bool) -> Any:
    """Return SciPy's solution of x z = y, with x as its structure has it read."""
    if structure in _TRIANGULAR:
        return _of_triangle(x, y, lower=lower, unit=structure == "unit triangular")
    return _linalg.solve(x, y, assume_a=structure, lower=lower)


def _of_triangle(x: Any, y: Any, *, lower: bool, unit: bool) -> Any:
    """Return SciPy's solution of a triangular system: one of checked numbers at once.

    SciPy's own checks take as long as forty small systems.
    """
    if x.ndim == 2 and x.dtype == y.dtype and len(x) == len(y) and x.size and y.size:
        routine, is_by_columns = _trtrs(x.dtype.char), x.flags.f_contiguous
        z, info = (
            routine(x, y, lower=lower, unitdiag=unit)
            if is_by_columns
            else routine(x.T, y, lower=not lower, trans=1, unitdiag=unit)
        )
        if info == 0:
            return z
    return _linalg.solve_triangular(x, y, lower=lower, unit_diagonal=unit)


@functools.cache
def _trtrs(dtype: str) -> Any:
    return _linalg.get_lapack_funcs(("trtrs",), dtype=dtype)[0]


EXTRA["structured_solve"] = structured_solve


def entries_read(xp: Namespace, g: Value, structure: str, *, lower: bool) -> Value:
    """Return the cotangent of the entries that are read, from that of the matrix."""
    if structure in _ONE_HALF:
        other = swapped(xp, g) if structure == "symmetric" else adjoint(xp, g)
        return lower_half(g + other) if lower else upper_half(g + other)
    n = shape_of(g)[-1]
    if structure in _TRIANGULAR:
        unit = structure == "unit triangular"
        read = np.tri(n, k=-int(unit), dtype=bool)
        return xp.where(read if lower else read.T, g, 0.0)
    below = np.arange(n)[:, None] - np.arange(n)
    read = np.abs(below) <= int(structure == "tridiagonal")
    return xp.where(read, g, 0.0)


def as_read(xp: Namespace, x: Value, structure: str, *, lower: bool) -> Value:
    """Return a change of the matrix as its structure has it read."""
    if structure in _ONE_HALF:
        half = lower_half(x) if lower else upper_half(x)
        other = swapped(xp, half) if structure == "symmetric" else adjoint(xp, half)
        return half + other
    return entries_read(xp, x, structure, lower=lower)


def _transposed(
    xp: Namespace, x: Value, structure: str, *, lower: bool
) -> tuple[Value, bool]:
    """Return the transpose of a matrix as its structure has it read, and ``lower``."""
    if structure in _ONE_HALF:
        return (x if structure == "symmetric" else conjugate(xp, x)), lower
    return swapped(xp, x), (not lower if structure in _TRIANGULAR else lower)


class structured_solve_grad(general):
    """z = x^-1 y, the solution of x z = y, with x read as ``structure`` says

    ``y`` is a vector only if it has one axis. Source: Giles 2008, 2.3.1.
    """

    forward = structured_solve
    signature = "(n,n),(n,m?)->(n,m?)"
    by_columns = may_raise = True
    by_factors = "solve_triangular"
    cases: Cases = (
        case(spd(3, 3), (3, 2), structure="positive definite", lower=False),
        case(spd(2, 3, 3), (3,), structure="positive definite", lower=True),
        case(symmetric(3, 3), (3,), structure="symmetric", lower=True),
        case(symmetric(3, 3), (2, 3, 2), structure="hermitian", lower=False),
        case(regular(3, 3), (3, 1), structure="triangular", lower=False),
        case(regular(2, 3, 3), (3, 2), structure="unit triangular", lower=True),
        case(regular(1, 1), (1,), structure="triangular", lower=True),
        case(regular(4, 4), (4,), structure="tridiagonal", lower=False),
        case(regular(3, 3), (3, 2), structure="diagonal", lower=False),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        y: Value,
        *,
        structure: str,
        lower: bool,
    ) -> tuple[Callable[[], Value], Value]:
        """y_grad = x.T^-1 z_grad; x_grad = -y_grad z.T, in the entries read"""
        vector = len(shape_of(y)) == 1
        if vector:
            z_grad, z = rows(xp, z_grad), rows(xp, z)
        x_t, turned = _transposed(xp, x, structure, lower=lower)
        y_grad = xp.structured_solve(x_t, z_grad, structure=structure, lower=turned)

        def x_grad() -> Value:
            whole = -xp.matmul(y_grad, swapped(xp, z))
            return entries_read(xp, whole, structure, lower=lower)

        return x_grad, (y_grad[..., 0] if vector else y_grad)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        y: Value,
        *,
        structure: str,
        lower: bool,
    ) -> Value | None:
        """z_dot = x^-1 (y_dot - x_dot z)"""
        x_dot, y_dot = tangents
        vector = len(shape_of(y)) == 1
        if vector:
            z = rows(xp, z)
            y_dot = None if y_dot is None else rows(xp, y_dot)
        if x_dot is not None:
            moved = -xp.matmul(as_read(xp, x_dot, structure, lower=lower), z)
            y_dot = moved if y_dot is None else y_dot + moved
        if y_dot is None:
            return None
        z_dot = xp.structured_solve(x, y_dot, structure=structure, lower=lower)
        return z_dot[..., 0] if vector else z_dot


_structured: Any = operation(structured_solve_grad)


@implements(_linalg.solve, may_raise=True)
def solve(
    a: ArrayLike,
    b: ArrayLike,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Any:
    """Return z with ``a z = b``, or ``a.T z = b`` where ``transposed``.

    ``a`` has shape (..., n, n) and ``b`` (n,) or (..., n, m). ``assume_a`` says which
    entries of ``a`` are read: the derivative is in these, and an entry of a triangle
    that stands for two has that of both. See ``solve_grad``.

    >>> import chainrule as gd
    >>> from chainrule.scipy import linalg
    >>> a, b = np.array([[2.0, 1.0], [0.0, 4.0]]), np.array([3.0, 4.0])
    >>> gd.grad(lambda b: linalg.solve(a, b, assume_a="upper triangular")[0])(b)
    array([ 0.5  , -0.125])
    """
    if assume_a not in _GENERAL and assume_a not in _STRUCTURES:
        raise ValueError(f"{assume_a} is not a recognized matrix structure")
    a = checked(a, check_finite=check_finite)
    b = checked(b, check_finite=check_finite)
    a = ops.reshape(a, (1, 1)) if a.ndim == 0 else a
    square("solve", a)
    if transposed and a.dtype.kind == "c":
        raise NotImplementedError(
            "scipy.linalg.solve can currently not solve a^T x = b or a^H x = b for "
            "complex matrices. Write solve(a.T, b)."
        )
    if a.shape[-1] == 1 and b.shape[-1 if b.ndim == 1 else -2] != 1:
        return b / (a[..., 0] if b.ndim == 1 else a)
    if assume_a in _GENERAL or 0 in (*a.shape, *b.shape):
        return ops.linalg.solve(ops.swapaxes(a, -1, -2) if transposed else a, b)
    structure = _STRUCTURES[assume_a]
    if structure == "triangular":
        lower = assume_a == "lower triangular"
    if transposed:
        a, lower = _transposed(ops, a, structure, lower=lower)
    return _structured(a, b, structure=structure, lower=lower)


@implements(_linalg.inv, may_raise=True)
def inv(
    a: ArrayLike,
    overwrite_a: bool = False,
    check_finite: bool = True,
    *,
    assume_a: str | None = None,
    lower: bool = False,
) -> Any:
    """Return the inverses of matrices of shape (..., n, n), read as in ``solve``."""
    a = checked(a, check_finite=check_finite)
    square("inv", a)
    if assume_a in (None, "general", "gen"):
        return ops.linalg.inv(a)
    eye = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    return solve(a, eye, lower=lower, check_finite=False, assume_a=assume_a)


@implements(_linalg.det)
def det(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """Return the determinants of matrices (..., n, n), in double precision."""
    a = checked(a, check_finite=check_finite)
    square("det", a)
    return ops.linalg.det(in_double(a))


@implements(_linalg.solve_triangular, may_raise=True)
def solve_triangular(
    a: ArrayLike,
    b: ArrayLike,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """Return z with ``a z = b``, ``a.T z = b`` or ``a.H z = b`` by ``trans``.

    One triangle of ``a`` is read; see ``structured_solve_grad``.
    """
    a = checked(a, check_finite=check_finite)
    b = checked(b, check_finite=check_finite)
    square("solve_triangular", a)
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ArgumentError(
            f"solve_triangular() does not know trans={trans!r}; it knows 0, 1 and 2, "
            "and 'N', 'T' and 'C'."
        )
    if trans not in (0, "N"):
        a = swapped(ops, a) if trans in (1, "T") else adjoint(ops, a)
        lower = not lower
    structure = "unit triangular" if unit_diagonal else "triangular"
    return _structured(a, b, structure=structure, lower=lower)
