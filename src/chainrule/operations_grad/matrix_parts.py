"""Transposes, triangles and diagonals of stacks of matrices, as rules read them."""

from __future__ import annotations

import numpy as np

from chainrule.values.shapes import dtype_of, is_complex, shape_of
from chainrule.values.types import Namespace, Value
from chainrule.values.vertices import constant


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
    half = np.tril(np.ones((n, n), dtype)) - 0.5 * np.eye(n, dtype=dtype)
    return x * constant(half, x)


def upper_half(x: Value) -> Value:
    """Return the upper triangle with half of the diagonal, the rest zero."""
    n = shape_of(x)[-1]
    dtype = dtype_of(x)
    half = np.triu(np.ones((n, n), dtype)) - 0.5 * np.eye(n, dtype=dtype)
    return x * constant(half, x)


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
