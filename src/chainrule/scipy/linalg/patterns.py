"""Matrices made of vectors by a pattern: an entry is one of theirs, or constant."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ShapeError
from chainrule.operations import namespace as ops
from chainrule.scipy.linalg.toeplitz_systems import along_diagonals, column_and_row
from chainrule.values.types import Array
from chainrule.values.vertices import is_refused, raw
from chainrule.wrapping import implements

_linalg: Any = scipy.linalg


def _vectors(x: ArrayLike) -> Array:
    x = ops.asarray(x)
    return ops.reshape(x, (1,)) if x.ndim == 0 else x


@implements(_linalg.toeplitz)
def toeplitz(c: ArrayLike, r: ArrayLike | None = None) -> Any:
    """Return the matrix z[i, j] = c[i - j], and r[j - i] above the diagonal."""
    both = _vectors(c) if r is None else (_vectors(c), _vectors(r))
    return along_diagonals(ops, *column_and_row(both, check_finite=False))


@implements(_linalg.circulant)
def circulant(c: ArrayLike) -> Any:
    """Return the matrix z[i, j] = c[(i - j) % n]."""
    c = _vectors(c)
    n = c.shape[-1]
    return c[..., (np.arange(n)[:, None] - np.arange(n)) % n]


@implements(_linalg.hankel)
def hankel(c: ArrayLike, r: ArrayLike | None = None) -> Any:
    """Return the matrix z[i, j] = c[i + j], and of r in the last row after r[0]."""
    c = np.ravel(_vectors(c))
    r = np.zeros(c.shape, c.dtype) if r is None else np.ravel(_vectors(r))
    values = ops.concatenate([c, r[1:]])
    return values[np.arange(c.shape[0])[:, None] + np.arange(r.shape[0])]


@implements(_linalg.companion)
def companion(a: ArrayLike) -> Any:
    """Return the matrix whose eigenvalues are the roots of the polynomial a."""
    a = _vectors(a)
    n = a.shape[-1]
    if n < 2:
        raise ValueError("The length of `a` along the last axis must be at least 2.")
    if is_refused(raw(a[..., 0]) == 0):
        raise ValueError(
            "The first coefficient(s) of `a` (i.e. elements of `a[..., 0]`) must not "
            "be zero."
        )
    first = ops.expand_dims(-a[..., 1:] / a[..., :1], -2)
    return _over(first, np.eye(n - 2, n - 1, dtype=a.dtype))


def _over(first: Array, rest: NDArray[Any]) -> Any:
    """Return matrices with a first row that is given, and the same rows below."""
    below = np.broadcast_to(rest, (*first.shape[:-2], *rest.shape[-2:]))
    return ops.concatenate([first, below], axis=-2)


@implements(_linalg.leslie)
def leslie(f: ArrayLike, s: ArrayLike) -> Any:
    """Return the matrix with fecundities f in its row and survival s below."""
    f, s = _vectors(f), _vectors(s)
    n = f.shape[-1]
    if n != s.shape[-1] + 1:
        raise ValueError(
            "Incorrect lengths for f and s. The length of s along the last axis must "
            "be one less than the length of f."
        )
    if n < 2:
        raise ValueError("The length of s must be at least 1.")
    lead = np.broadcast_shapes(f.shape[:-1], s.shape[:-1])
    below = ops.expand_dims(s, -1) * np.eye(n - 1, n, dtype=s.dtype)
    parts = ops.expand_dims(f, -2), below
    return ops.concatenate(
        [ops.broadcast_to(x, (*lead, *x.shape[-2:])) for x in parts], axis=-2
    )


@implements(_linalg.block_diag)
def block_diag(*arrs: ArrayLike) -> Any:
    """Return the matrix with these blocks on its diagonal; a vector is a row."""
    blocks: list[Any] = []
    for x in arrs:
        x = ops.asarray(x)
        blocks.append(ops.reshape(x, (1, x.size)) if x.ndim < 2 else x)
    lead = np.broadcast_shapes(*(x.shape[:-2] for x in blocks))
    width = sum(x.shape[-1] for x in blocks)
    found: list[Any] = []
    column = 0
    for x in blocks:
        m, n = x.shape[-2:]
        x = ops.broadcast_to(x, (*lead, m, n))
        left = np.zeros((*lead, m, column), x.dtype)
        right = np.zeros((*lead, m, width - column - n), x.dtype)
        found.append(ops.concatenate([left, x, right], axis=-1))
        column += n
    return ops.concatenate(found, axis=-2)


@implements(_linalg.fiedler)
def fiedler(a: ArrayLike) -> Any:
    """Return the matrix z[i, j] = |a[i] - a[j]|."""
    a = _vectors(a)
    if a.size <= 1:
        return np.zeros((a.size, a.size)) if a.size else np.zeros(0)
    return ops.absolute(ops.expand_dims(a, -1) - ops.expand_dims(a, -2))


@implements(_linalg.fiedler_companion)
def fiedler_companion(a: ArrayLike) -> Any:
    """Return a pentadiagonal matrix with the roots of the polynomial a."""
    a = _vectors(a)
    n = a.shape[-1] - 1
    if n < 1:
        return np.zeros(0, a.dtype)
    if is_refused(raw(a[..., 0]) == 0):
        raise ValueError("Leading coefficient is zero.")
    scaled = -a / a[..., :1]
    if n == 1:
        return ops.expand_dims(scaled[..., 1:], -1)
    # Entries are 0, 1 or minus the k-th coefficient: the index n + 1, n + 2 or k.
    place = np.full((n, n), n + 1)
    place[range(3, n, 2), range(1, n - 2, 2)] = n + 2
    place[range(2, n, 2), range(1, n - 1, 2)] = range(3, n + 1, 2)
    place[range(0, n - 2, 2), range(2, n, 2)] = n + 2
    place[range(0, n - 1, 2), range(1, n, 2)] = range(2, n + 1, 2)
    place[:2, 0] = 1, n + 2
    constants = np.broadcast_to(np.array([0.0, 1.0], a.dtype), (*a.shape[:-1], 2))
    return ops.concatenate([scaled, constants], axis=-1)[..., place]


@implements(_linalg.convolution_matrix)
def convolution_matrix(a: ArrayLike, n: int, mode: str = "full") -> Any:
    """Return the matrix whose product with x is ``np.convolve(a, x, mode)``."""
    a = _vectors(a)
    m = a.shape[-1]
    if n <= 0:
        raise ValueError("n must be a positive integer.")
    if m == 0:
        raise ValueError("len(a) must be at least 1.")
    if mode not in ("full", "valid", "same"):
        raise ValueError("'mode' argument must be one of ('full', 'valid', 'same')")
    zeros = np.zeros((*a.shape[:-1], n - 1), a.dtype)
    row = ops.concatenate([a[..., :1], zeros], axis=-1)
    whole = toeplitz(ops.concatenate([a, zeros], axis=-1), row)
    left_out = {"full": 0, "valid": 2 * (min(m, n) - 1), "same": min(m, n) - 1}[mode]
    first = left_out // 2
    return whole[..., first : m + n - 1 - (left_out - first), :]


@implements(_linalg.diagsvd)
def diagsvd(s: ArrayLike, M: int, N: int) -> Any:
    """Return the matrix of shape (M, N) with the values s on its diagonal."""
    s = _vectors(s)
    k = s.shape[-1]
    if k not in (M, N):
        raise ValueError("Length of s must be M or N.")
    eye = np.eye(M, N, dtype=s.dtype)
    return ops.expand_dims(s, -1) * eye if k == M else s * eye


@implements(_linalg.khatri_rao)
def khatri_rao(a: ArrayLike, b: ArrayLike) -> Any:
    """Return the Kronecker products of the columns of two matrices, as columns."""
    a, b = ops.asarray(a), ops.asarray(b)
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-1]:
        raise ShapeError(
            "khatri_rao() needs matrices with the same number of columns; received "
            f"shapes {a.shape} and {b.shape}."
        )
    z = ops.expand_dims(a, -2) * ops.expand_dims(b, -3)
    return ops.reshape(z, (*z.shape[:-3], z.shape[-3] * z.shape[-2], z.shape[-1]))
