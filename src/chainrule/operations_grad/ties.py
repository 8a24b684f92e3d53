"""Ties of eigenvalues and of singular values, where rules of these are right or nan.

The formulas divide by the gaps between values. Two values whose gap is a rounding error
of the largest one are a tie: their vectors are any basis of one space, and a quotient
by their gap would be noise. There a term is 0 where nothing depends on the choice of
the basis, and nan where something does. Second derivatives of what depends on the
values alone turn the basis of a tie to where the tangent moves it
(``weighted_projectors_grad``, ``weighted_dyads_grad``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.operations_grad.matrix_parts import columns, rows
from chainrule.operations_grad.partials import chosen
from chainrule.rules import declare
from chainrule.rules.namespace import plain
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import dtype_of, shape_of
from chainrule.values.types import Axis, Namespace, Value
from chainrule.values.vertices import constant, first_stand_in, raw

_split: Any = np.split


def rounding(x: Value) -> float:
    """Return what is a rounding error beside the largest entry of such an array."""
    return 10.0 * max(shape_of(x)[-1], 1) * float(np.finfo(dtype_of(x)).eps)


def largest(x: Value, axes: Axis) -> NDArray[Any]:
    """Return the largest magnitude along axes, kept as axes of length one."""
    empty: Any = {"initial": 0.0} if 0 in shape_of(x) else {}
    return np.max(np.abs(x), axis=axes, keepdims=True, **empty)


def ties(w: Value, *, sums: bool = False) -> NDArray[Any]:
    """Return which pairs of values differ (or add up) to a rounding error only."""
    w = raw(w)
    other = columns(plain, w)
    gaps = rows(plain, w) + other if sums else rows(plain, w) - other
    return np.abs(gaps) <= rounding(w) * largest(other, -1)


def is_small(x: Value, beside: Value) -> NDArray[Any]:
    """Return which entries of matrices are rounding errors beside the largest one."""
    return np.abs(raw(x)) <= rounding(raw(beside)) * largest(raw(beside), (-2, -1))


def over(xp: Namespace, x: Value, gaps: Value, tied: Any, at_ties: Value) -> Value:
    """Return ``x / gaps``, at ties what is given: 0 or nan, with the derivative nan."""
    quotient = x / xp.where(tied, 1.0, gaps)
    at_ties = constant(at_ties, x)
    value = xp.where(tied, xp.astype(at_ties, dtype_of(x)) + 0.0 * x, quotient)
    return chosen(xp, value, tied)


def zero_or_nan(quiet: Value) -> NDArray[Any]:
    """Return 0 where a term vanishes by itself, nan elsewhere."""
    return np.where(quiet, 0.0, np.nan)


def differences(xp: Namespace, w: Value) -> Value:
    """Return w[j] - w[i] as matrices."""
    return columns(xp, w) - rows(xp, w)


def beside_diagonal(n: int, like: Value) -> NDArray[Any]:
    """Return where a matrix is not on its diagonal."""
    return constant(~np.eye(n, dtype=bool), like)


def has_tie(w: Value) -> NDArray[Any]:
    """Return which values are tied to another one."""
    n = shape_of(w)[-1]
    return np.any(ties(w) & beside_diagonal(n, w), axis=-1)


def over_gaps(xp: Namespace, m: Value, w: Value, quiet: Value) -> Value:
    """Return m / (w_j - w_i) and 0 on the diagonal; at ties 0 where quiet, else nan."""
    beside = beside_diagonal(shape_of(w)[-1], w)
    tied = ties(w) & beside
    gaps = xp.where(beside, differences(xp, w), np.inf)
    return over(xp, m, gaps, tied, zero_or_nan(quiet))


def are_alike(g: Value) -> Value:
    """Return which pairs of weights are equal as far as rounded ties can be."""
    g = raw(g)
    difference = np.abs(differences(plain, g))
    tolerance = float(np.sqrt(np.finfo(dtype_of(g)).eps))
    return difference <= tolerance * largest(columns(plain, g), -1)


# ----------------------------------------------------------------- turning tied blocks


def rotation(w: NDArray[Any], m: NDArray[Any]) -> NDArray[Any]:
    """Return unitary matrices that diagonalise the tied blocks of Hermitian ones.

    ``w`` are values in ascending order; a block that is diagonal already stays.
    """
    trace = first_stand_in(w, m)
    if trace is not None:
        return trace.whole(stacked_rotation, (w, m), {})
    if is_foreign(w):
        return _unturned(w, m)
    return stacked_rotation(w, m)


def _unturned(w: Value, m: Value) -> Any:
    """Return unit matrices, with nan in the columns of tied values.

    Which blocks are tied is not asked of foreign arrays.
    """
    eye = constant(np.eye(shape_of(m)[-1], dtype=dtype_of(m)), m)
    return eye + columns(plain, np.where(has_tie(w), np.nan, 0.0))


def stacked_rotation(w: NDArray[Any], m: NDArray[Any]) -> NDArray[Any]:
    """Turn the tied blocks of a stack of matrices: ``rotation`` of plain values."""
    w, m = _aligned(w, m)
    q = _identities(m)
    for index, block in _tied_blocks(w, m):
        q[index][block] = np.linalg.eigh(m[index][block])[1]
    return q


declare(stacked_rotation, signature="(n),(n,n)->(n,n)", may_raise=True)


def rotations(s: NDArray[Any], p: NDArray[Any]) -> tuple[Any, Any]:
    """Return unitary matrices for the left and the right of the tied blocks of ``p``.

    ``s`` are singular values in descending order. The block of those that are 0 has a
    singular value decomposition of its own; others turn with their Hermitian part.
    """
    trace = first_stand_in(s, p)
    if is_foreign(s):
        return _unturned(s, p), _unturned(s, p)
    both = (
        stacked_rotations(s, p)
        if trace is None
        else trace.whole(stacked_rotations, (s, p), {})
    )
    return both[..., 0, :, :], both[..., 1, :, :]


def stacked_rotations(s: NDArray[Any], p: NDArray[Any]) -> NDArray[Any]:
    """Return ``rotations`` of plain matrices as one array of shape (..., 2, n, n)."""
    s, p = _aligned(s, p)
    q = np.stack([_identities(p), _identities(p)])
    for index, block in _tied_blocks(-s, p):
        part = p[index][block]
        if s[index][block[1][0, -1]] <= rounding(s) * np.max(s[index]):
            u, _, vh = np.linalg.svd(part)
            q[(0, *index)][block], q[(1, *index)][block] = u, vh.conj().T
        else:
            turned = np.linalg.eigh((part + part.conj().T) / 2)[1]
            q[(0, *index)][block] = q[(1, *index)][block] = turned
    return np.moveaxis(q, 0, -3)


declare(stacked_rotations, signature="(k),(m,n)->(2,m,n)", may_raise=True)


def _aligned(w: NDArray[Any], m: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return values and matrices with the same leading axes."""
    lead = np.broadcast_shapes(w.shape[:-1], m.shape[:-2])
    w = np.broadcast_to(w, (*lead, w.shape[-1]))
    return w, np.broadcast_to(m, (*lead, *m.shape[-2:]))


def _identities(m: NDArray[Any]) -> NDArray[Any]:
    return np.array(np.broadcast_to(np.eye(m.shape[-1], dtype=m.dtype), m.shape))


def _tied_blocks(w: NDArray[Any], m: NDArray[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the indices of tied blocks in which ``m`` is finite and not diagonal."""
    close: Any = np.diff(w) <= rounding(w) * largest(w, -1)
    noise = rounding(m) * largest(m, (-2, -1))[..., 0, 0]
    for index in map(tuple, np.argwhere(close.any(-1)).tolist()):
        ends: Any = np.flatnonzero(~close[index]) + 1
        for run in _split(np.arange(w.shape[-1]), ends):
            block: Any = np.ix_(run, run)
            part = m[index][block]
            beside = np.abs(part - np.diag(np.diag(part)))
            if np.isfinite(part).all() and np.any(beside > noise[index]):
                yield index, block
