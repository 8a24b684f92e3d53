"""Blocks: the parts of a sparse matrix, one for each leaf of results and arguments."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import scipy.sparse as sp

from chainrule.values.types import Array, Shape

_np: Any = np
_sp: Any = sp


class Block:
    """A part of the matrix: which entries of the whole are in it, and where."""

    def __init__(self, where: Any, indices: Array, starts: Array, shape: Shape) -> None:
        """Keep index arrays that all matrices share."""
        self.where = where
        few = max(*shape, indices.size) < 1 << 31
        kind = _np.int32 if few else _np.int64
        numbers = [_np.asarray(x, kind) for x in (indices, starts)]
        none = _np.broadcast_to(0.0, indices.shape)
        self.like: Any = _sp.csr_array((none, *numbers), shape, copy=False)
        for x in (self.like.indices, self.like.indptr):
            x.flags.writeable = False
        self.like.has_canonical_format  # noqa: B018  it is looked up once
        self._kind: Any = type(self.like)

    def filled(self, data: Array) -> Any:
        """Return the part as a matrix; SciPy has no need to check it again."""
        found = self._kind.__new__(self._kind)
        found.__dict__.update(self.like.__dict__)
        found.data = data if self.where is None else data[self.where]
        return found


def blocks_of(pattern: Any, rows: list[int], columns: list[int]) -> list[list[Block]]:
    """Cut a CSR pattern into blocks of so many rows and columns."""
    if len(rows) == len(columns) == 1:
        parts = (pattern.indices, pattern.indptr, pattern.shape)
        return [[Block(None, *parts)]]
    found: list[list[Block]] = []
    for top, end in _ranges(rows):
        start, stop = pattern.indptr[top], pattern.indptr[end]
        own = pattern.indices[start:stop]
        starts = pattern.indptr[top : end + 1] - start
        row: list[Block] = []
        for left, right in _ranges(columns):
            inside = (own >= left) & (own < right)
            before = _np.append(0, _np.cumsum(inside))[starts]
            where = (
                slice(start, stop) if inside.all() else start + _np.flatnonzero(inside)
            )
            shape = (end - top, right - left)
            row.append(Block(where, own[inside] - left, before, shape))
        found.append(row)
    return found


def _ranges(sizes: list[int]) -> list[tuple[int, int]]:
    """Return where consecutive parts of these sizes begin and end."""
    ends = list(itertools.accumulate(sizes))
    return list(zip([0, *ends], ends, strict=False))


__all__ = ["Block", "blocks_of"]
