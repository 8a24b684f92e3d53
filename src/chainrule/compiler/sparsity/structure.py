"""Sparse matrices of truth values, by rows; and SciPy's, for sums of many of them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.integer_loops import Ints, integer_loops
from chainrule.values.types import Array

_np: Any = np


@integer_loops
def turned(
    m: int,
    starts: Ints,
    columns: Ints,
    ends: Ints,
    rows: Ints,
    order: Ints,
) -> int:
    """Sort entries by columns, from where each begins to where ``ends`` leaves it."""
    for i in range(m):
        for a in range(starts[i], starts[i + 1]):
            k = ends[columns[a]]
            ends[columns[a]] = k + 1
            rows[k] = i
            order[k] = a
    return m


@integer_loops
def located(
    n: int, rows: Ints, columns: Ints, starts: Ints, indices: Ints, places: Ints
) -> int:
    """Find entries of a matrix, by halves of rows; return how many were there."""
    for e in range(n):
        k = starts[rows[e]]
        after = starts[rows[e] + 1]
        end = after
        while k < after:
            middle = (k + after) >> 1
            if indices[middle] < columns[e]:
                k = middle + 1
            else:
                after = middle
        if k == end or indices[k] != columns[e]:
            return e
        places[e] = k
    return n


class _Scipy:
    """``scipy.sparse``, which is imported by what first needs it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("scipy.sparse"), name)


scipy_sparse: Any = _Scipy()


class Structure:
    """Which entries of a matrix there are, by rows.

    Attributes
    ----------
    indices
        Their columns, from the first row on.
    indptr
        Where each row starts among them, and the last one ends.
    """

    def __init__(self, indices: Array, indptr: Array, shape: tuple[int, int]) -> None:
        """Keep them."""
        self.indices: Any = _np.ascontiguousarray(indices, dtype=_np.int32)
        self.indptr: Any = _np.ascontiguousarray(indptr, dtype=_np.int32)
        self.shape = shape

    @property
    def nnz(self) -> int:
        """How many entries there are."""
        return int(self.indices.size)

    def counts(self) -> Any:
        """Return the number of entries of each row."""
        return _np.diff(self.indptr)

    def rows(self) -> Any:
        """Return the row of each entry."""
        numbers = _np.arange(self.shape[0], dtype=_np.int32)
        return _np.repeat(numbers, self.counts())

    def transposed(self) -> tuple[Structure, Any]:
        """Return the transposed, and which entry of this each one of it is."""
        m, n = self.shape
        starts = _np.zeros(n + 1, _np.int32)
        _np.cumsum(_np.bincount(self.indices, minlength=n), out=starts[1:])
        rows, order = (_np.empty(self.nnz, _np.int32) for _ in range(2))
        turned(m, self.indptr, self.indices, starts[:-1].copy(), rows, order)
        return Structure(rows, starts, (n, m)), order

    def places_of(self, rows: Array, columns: Array) -> Any:
        """Return where these entries are among all; ``None`` if one is not there."""
        given = [_np.ascontiguousarray(x, dtype=_np.int32) for x in (rows, columns)]
        places = _np.empty(given[0].size, _np.int32)
        found = located(places.size, *given, self.indptr, self.indices, places)
        return places if found == places.size else None

    def as_scipy(self) -> Any:
        """Return it as a boolean matrix of SciPy's."""
        ones = _np.ones(self.nnz, bool)
        return scipy_sparse.csr_array((ones, self.indices, self.indptr), self.shape)


def structure_of(matrix: Any) -> Structure:
    """Return the entries of a CSR matrix of SciPy's."""
    return Structure(matrix.indices, matrix.indptr, matrix.shape)


def stacked(parts: Sequence[Structure]) -> Structure:
    """Return matrices on top of each other as one."""
    if len(parts) == 1:
        return parts[0]
    starts = _np.cumsum([0, *(p.nnz for p in parts)])
    ends = [p.indptr[1:] + n for p, n in zip(parts, starts[:-1], strict=True)]
    indices = _np.concatenate([p.indices for p in parts])
    size = sum(p.shape[0] for p in parts)
    indptr = _np.concatenate([[0], *ends])
    return Structure(indices, indptr, (size, parts[0].shape[1]))


__all__ = ["Structure", "scipy_sparse", "stacked", "structure_of"]
