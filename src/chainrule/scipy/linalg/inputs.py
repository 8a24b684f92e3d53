"""What the functions of ``scipy.linalg`` do with their arguments before all else."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import ShapeError
from chainrule.operations import namespace as ops
from chainrule.operations_grad.matrix_parts import adjoint as adjoint_of
from chainrule.values.types import Array, ArrayValue
from chainrule.values.vertices import is_refused, raw


def checked(x: ArrayLike, *, check_finite: bool) -> Array:
    """Return an argument as a node or array of inexact numbers.

    Raises ``ValueError`` as SciPy does, where ``check_finite`` finds infinities.
    """
    x = ops.asarray(x)
    if x.dtype.kind not in "fc":
        x = ops.astype(x, np.float64)
    if check_finite and is_refused(~np.isfinite(raw(x))):
        raise ValueError("array must not contain infs or NaNs")
    return x


def in_double(x: Array) -> Any:
    """Return an array in double precision."""
    double = np.complex128 if x.dtype.kind == "c" else np.float64
    return x if x.dtype == double else ops.astype(x, double)


def square(name: str, a: Array) -> None:
    """Raise unless the last two axes are those of square matrices."""
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(
            f"{name}() needs square matrices; received shape {a.shape}. Pass an array "
            "of shape (..., n, n)."
        )


def adjoint(x: ArrayValue) -> Any:
    """Return ``x.H``: the last two axes exchanged, conjugated."""
    return adjoint_of(ops, x)


def transposed(x: ArrayValue) -> Any:
    """Return ``x.T``: the last two axes exchanged."""
    return ops.swapaxes(x, -1, -2)


def triangle(x: Array, *, lower: bool, unit_diagonal: bool = False) -> Any:
    """Return the triangle of matrices that SciPy reads, and zeros in the other one."""
    k = int(unit_diagonal)
    part = np.tril(x, -k) if lower else np.triu(x, k)
    return part + np.eye(x.shape[-1], dtype=x.dtype) if unit_diagonal else part


def hermitian(x: Array, *, lower: bool) -> Any:
    """Return the Hermitian matrices that SciPy reads from one triangle."""
    strict = np.tril(x, -1) if lower else np.triu(x, 1)
    diagonal = ops.real(x) if x.dtype.kind == "c" else x
    eye = np.eye(x.shape[-1], dtype=diagonal.dtype)
    return strict + adjoint(strict) + diagonal * eye
