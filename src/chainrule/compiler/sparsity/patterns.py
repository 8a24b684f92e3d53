"""Patterns: which inputs each entry of an array depends on, in memory of that size.

A pattern is made of *picks* (arrays that name one input per entry, or none), of a set
of inputs on which *all* entries depend, and of a boolean matrix for what is neither. A
stencil is a few picks: its values share them, and to move entries is to index them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.sparsity.structure import Structure, structure_of
from chainrule.compiler.sparsity.structure import scipy_sparse as sp
from chainrule.values.types import Array, Shape

_np: Any = np
PICKS = 24
"""So many picks at most: beyond, a matrix is smaller."""
FEW = 1 << 20
"""Entries up to which picks may be more than these."""
LARGEST = 1 << 28
"""So many non-zeros at most."""
FILLED = 3
"""One entry of picks in so many is there: of fewer, a matrix is smaller."""
SWAPPED = 8
"""So many picks at most are put in order by swaps of all of their entries."""


class DensePatternError(ValueError):
    """A pattern has too many non-zeros to be written down."""


class Pattern:
    """Which of ``columns`` inputs each of ``size`` entries depends on.

    Attributes
    ----------
    picks
        Arrays of one input's number per entry; -1 where there is none.
    common
        The inputs on which every entry depends, in order.
    matrix
        What else there is: a sparse matrix of ``size`` rows; ``None`` if nothing.
    """

    def __init__(
        self,
        size: int,
        columns: int,
        picks: Iterable[Any] = (),
        common: Any = None,
        matrix: Any = None,
    ) -> None:
        """Keep the parts."""
        self.size: int = size
        self.columns: int = columns
        self.picks: tuple[Any, ...] = tuple(picks)
        self.common: Any = _NOBODY if common is None else common
        self.matrix: Any = matrix

    @property
    def is_empty(self) -> bool:
        """Whether no entry depends on anything."""
        return not self.picks and not self.common.size and self.matrix is None

    def moved(self, places: Array) -> Pattern:
        """Return the pattern of entries taken from these places; -1 is a constant."""
        places = _np.ravel(places)
        empty = bool((places < 0).any())
        if empty and self.common.size:
            return self._apart().moved(places)
        picks = [p[places] for p in self.picks if p.size]
        if empty:
            picks = [_np.where(places < 0, -1, p) for p in picks]
        return Pattern(
            places.size,
            self.columns,
            [p for p in picks if not empty or (p >= 0).any()],
            self.common,
            None if self.matrix is None else _rows(self.matrix, places, empty=empty),
        )

    def picked(self, shape: Shape, index: Any) -> Pattern:
        """Return the pattern of ``x[index]``, where ``x`` is of this shape."""
        if self.matrix is not None or not self.picks:
            return self.moved(_np.arange(self.size).reshape(shape)[index])
        picks = [_np.ravel(p.reshape(shape)[index]) for p in self.picks]
        return Pattern(picks[0].size, self.columns, picks, self.common)

    def put(self, own: Shape, shape: Shape, index: Any) -> Pattern:
        """Return the pattern of zeros of a shape in which ``z[index]`` is this array.

        The index picks no entry twice.
        """
        direct = self.matrix is None and not self.common.size
        parts: Any = self.picks if direct else [_np.arange(self.size)]
        wholes: list[Any] = [_np.full(shape, -1, p.dtype) for p in parts]
        for whole, p in zip(wholes, parts, strict=True):
            whole[index] = p.reshape(own)
        picks: list[Any] = list(map(_np.ravel, wholes))
        if not direct:
            return self.moved(picks[0])
        return Pattern(math.prod(shape), self.columns, picks)

    def _apart(self) -> Pattern:
        """Return this pattern without inputs that all entries have in common."""
        if self.common.size + len(self.picks) > PICKS:
            return Pattern(self.size, self.columns, (), None, self.as_matrix())
        picks = [*self.picks, *(_np.full(self.size, c) for c in self.common)]
        return Pattern(self.size, self.columns, picks, None, self.matrix)

    def to(self, own: tuple[int, ...], shape: tuple[int, ...]) -> Pattern:
        """Return the pattern of an array of shape ``own`` broadcast to another."""
        if own == shape:
            return self
        if self.size == 1 and not self.picks and self.matrix is None:
            return Pattern(math.prod(shape), self.columns, (), self.common)
        if self.size == 1 and math.prod(shape) != 1:
            alone = Pattern(1, self.columns, (), _union(self.common, *self.sets()))
            return alone.to(own, shape)
        numbers = _np.arange(self.size).reshape(own)
        return self.moved(_np.broadcast_to(numbers, shape))

    def sets(self) -> list[Any]:
        """Return all inputs that some entry depends on, besides the common ones."""
        found = [self._different(p[p >= 0]) for p in self.picks]
        if self.matrix is not None:
            found.append(self._different(self.matrix.indices))
        return found

    def _different(self, inputs: Array) -> Any:
        """Return the numbers of inputs, each once and in order."""
        if inputs.size < self.columns:
            return _np.unique(inputs)
        seen = _np.zeros(self.columns, bool)
        seen[inputs] = True
        return _np.flatnonzero(seen).astype(inputs.dtype)

    def together(self) -> Any:
        """Return the inputs that any entry depends on."""
        return _union(self.common, *self.sets())

    def spread(self, size: int) -> Pattern:
        """Return the pattern of entries that each depend on all of these."""
        return Pattern(size, self.columns, (), self.together())

    def added(self, shape: Shape, line: Sequence[int]) -> Pattern:
        """Return the pattern of sums along the axes of which ``line`` has one entry.

        The array is of ``shape``, and the sums of that of ``line``.
        """
        count = math.prod(line)
        several = self.size // max(count, 1)
        if self.matrix is not None or count == 1 or several * len(self.picks) > PICKS:
            numbers = _np.arange(count).reshape(line)
            return self.summed(_np.broadcast_to(numbers, shape), count)
        pairs = list(enumerate(zip(shape, line, strict=True)))
        kept = [i for i, (n, one) in pairs if n == one]
        order = [*kept, *(i for i, (n, one) in pairs if n != one)]
        parts = [
            _np.ascontiguousarray(part)
            for p in self.picks
            for part in p.reshape(shape).transpose(order).reshape(count, several).T
        ]
        return Pattern(count, self.columns, _once(parts), self.common)

    def summed(self, groups: Array, count: int) -> Pattern:
        """Return the pattern of sums: entry ``i`` is added to the sum ``groups[i]``."""
        groups = _np.ravel(groups)
        if count == 1:
            return self.spread(1)
        hits = _np.bincount(groups, minlength=count)
        if hits.max(initial=0) <= 1:
            places = _np.full(count, -1)
            places[groups] = _np.arange(groups.size)
            return self.moved(places)
        several = int(hits.max())
        matrix: Any = None
        if self.matrix is None and self.picks:
            full = several * count <= FILLED * groups.size
            if full and several * len(self.picks) <= PICKS:
                return self._by_turns(groups, count, several)
            rows = _np.tile(groups.astype(_np.int32), len(self.picks))
            matrix = _matrix(rows, _np.concatenate(self.picks), (count, self.columns))
        elif self.matrix is not None:
            ones, numbers = _np.ones(groups.size, bool), _np.arange(groups.size)
            shape = (count, groups.size)
            incidence = sp.csr_array((ones, (groups, numbers)), shape)
            matrix = boolean(incidence @ self.as_matrix(common=False))
        return Pattern(count, self.columns, (), self.common, matrix)

    def _by_turns(self, groups: Array, count: int, several: int) -> Pattern:
        """Return the pattern of sums of a few entries each, as picks."""
        order = _np.argsort(groups, kind="stable")
        ordered = groups[order]
        turn = _np.arange(groups.size) - _np.searchsorted(ordered, ordered)
        found = Pattern(count, self.columns, (), self.common)
        for k in range(several):
            places = _np.full(count, -1)
            chosen = turn == k
            places[ordered[chosen]] = order[chosen]
            found = union(found, self.moved(places))
        return found

    def most(self) -> int:
        """Return a number of entries that there are at most."""
        matrix = 0 if self.matrix is None else int(self.matrix.nnz)
        return self.size * (len(self.picks) + self.common.size) + matrix

    def structure(self) -> Structure:
        """Return the pattern as the entries of a matrix, columns in order in each row.

        Up to some size that takes no SciPy.
        """
        count = len(self.picks) + self.common.size
        if self.matrix is not None or (count > PICKS and count * self.size > FEW):
            return structure_of(self.as_matrix())
        full = [_np.full(self.size, c, _np.int32) for c in self.common]
        found = _joined([*self.picks, *full], self.size, self.columns)
        return Structure(*found, (self.size, self.columns))

    def rounded(self, filled: int) -> Pattern:
        """Return a pattern whose matrix is not filled but to one part in so many."""
        whole = self.size * self.columns
        if self.matrix is None or filled * self.matrix.nnz < whole:
            return self
        return self.spread(self.size)

    def as_matrix(self, *, common: bool = True) -> Any:
        """Return the pattern as a boolean CSR matrix, columns in order in each row."""
        found: Any = self.matrix
        if self.picks or found is None:
            indices, starts = _joined(self.picks, self.size, self.columns)
            ones = _np.ones(indices.size, bool)
            found = sp.csr_array((ones, indices, starts), (self.size, self.columns))
            if self.matrix is not None:
                found = boolean(found + self.matrix)
        elif not found.has_sorted_indices:
            found = found.sorted_indices()
        if common and self.common.size:
            if self.size * self.common.size > LARGEST:
                raise DensePatternError
            starts = _np.arange(self.size + 1) * self.common.size
            full = _np.tile(self.common, self.size)
            ones = _np.ones(full.size, bool)
            dense = sp.csr_array((ones, full, starts), (self.size, self.columns))
            found = boolean(found + dense) if found.nnz else dense
        return found


_NOBODY = np.zeros(0, np.intp)


def inputs(sizes: Sequence[int]) -> list[Pattern]:
    """Return the patterns of the inputs themselves: each entry is one."""
    total, found = sum(sizes), list[Pattern]()
    start = 0
    kind = _np.int32 if total < 1 << 31 else _np.int64
    for size in sizes:
        found.append(
            Pattern(size, total, [_np.arange(start, start + size, dtype=kind)])
        )
        start += size
    return found


def union(x: Pattern, y: Pattern) -> Pattern:
    """Return what entries depend on that are made of two: of one size."""
    if x is y or y.is_empty:
        return x
    if x.is_empty:
        return y
    picks = _once([*x.picks, *y.picks], len(x.picks))
    common = x.common if y.common is x.common else _union(x.common, y.common)
    matrices = [m for m in (x.matrix, y.matrix) if m is not None]
    found = Pattern(x.size, x.columns, picks, common, matrices[0] if matrices else None)
    if len(matrices) > 1:
        found.matrix = boolean(matrices[0] + matrices[1])
    if len(picks) > PICKS:
        return Pattern(x.size, x.columns, (), common, found.as_matrix(common=False))
    return found


def _once(picks: Sequence[Any], start: int = 0) -> list[Any]:
    """Return picks, each once; those before ``start`` are known to be different."""
    found = list(picks[:start])
    for p in picks[start:]:
        middle = p.size // 2
        for q in found:
            near = not p.size or p.item(middle) == q.item(middle)
            if p is q or (near and _np.array_equal(p, q)):
                break
        else:
            found.append(p)
    return found


def joined(parts: Sequence[Pattern]) -> Pattern:
    """Return the pattern of several arrays' entries, one after the other."""
    if len(parts) == 1:
        return parts[0]
    size, columns = sum(p.size for p in parts), parts[0].columns
    if all(p.matrix is None and not p.common.size for p in parts):
        most = max(len(p.picks) for p in parts)
        picks = [
            _np.concatenate(
                [p.picks[k] if k < len(p.picks) else _none(p.size) for p in parts]
            )
            for k in range(most)
        ]
        return Pattern(size, columns, picks)
    matrices = [p.as_matrix() for p in parts]
    return Pattern(size, columns, (), None, sp.vstack(matrices, format="csr"))


def _none(size: int) -> Any:
    return _np.full(size, -1, _np.int32)


def _union(*sets: Any) -> Any:
    found = [s for s in sets if s.size]
    if not found:
        return _NOBODY
    return found[0] if len(found) == 1 else _np.unique(_np.concatenate(found))


def _rows(matrix: Any, places: Array, *, empty: bool) -> Any:
    """Return rows of a matrix; -1 is an empty one."""
    if empty:
        last = sp.csr_array((1, matrix.shape[1]), dtype=bool)
        matrix = sp.vstack([matrix, last], format="csr")
        places = _np.where(places < 0, matrix.shape[0] - 1, places)
    counts = _np.diff(matrix.indptr)
    if int(counts[places].sum()) > LARGEST:
        raise DensePatternError
    return matrix[places]


def _matrix(rows: Array, columns: Array, shape: tuple[int, int]) -> Any:
    """Return a boolean CSR matrix of these entries; a column of -1 is none."""
    some: Any = _np.asarray(columns) >= 0
    ones = _np.ones(int(some.sum()), bool)
    found: Any = sp.coo_array((ones, (rows[some], columns[some])), shape)
    return boolean(found)


def boolean(matrix: Any) -> Any:
    """Return a CSR matrix of the same entries, all of them true."""
    found = matrix.tocsr()
    if found.nnz > LARGEST:
        raise DensePatternError
    found.data = _np.ones(found.nnz, bool)
    return found


def _joined(picks: Sequence[Any], size: int, columns: int) -> tuple[Any, Any]:
    """Return picks as the indices of a CSR matrix, sorted, and where its rows start."""
    if not picks:
        return _np.zeros(0, _np.int32), _np.zeros(size + 1, _np.int32)
    if len(picks) == 1 and (picks[0] >= 0).all():
        return picks[0], _np.arange(size + 1)
    ordered = _in_order(picks)
    kept = [p >= 0 for p in ordered]
    for k in range(1, len(picks)):
        kept[k] &= ordered[k] != ordered[k - 1]
    starts: Any = _np.zeros(size + 1, _np.intp)
    for some in kept:
        starts[1:] += some
    _np.cumsum(starts, out=starts)
    return _np.stack(ordered, axis=1)[_np.stack(kept, axis=1)], starts


def _in_order(picks: Sequence[Any]) -> list[Any]:
    """Return picks whose entries at each place are in order."""
    if len(picks) > SWAPPED:
        table = _np.stack(picks, axis=1)
        table.sort(axis=1)
        return list(table.T)
    found = list(picks)
    for end in range(len(found) - 1, 0, -1):
        for k in range(end):
            one, other = found[k : k + 2]
            if (one > other).any():
                found[k : k + 2] = _np.minimum(one, other), _np.maximum(one, other)
    return found


__all__ = [
    "DensePatternError",
    "Pattern",
    "boolean",
    "inputs",
    "joined",
    "union",
]
