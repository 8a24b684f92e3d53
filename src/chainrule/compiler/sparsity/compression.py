"""Compression: which products give a sparse matrix, and where its entries are in them.

In: a pattern. Out: vectors to multiply with from the right and from the left, and how
the entries of the matrix are taken from the products.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from chainrule.compiler.sparsity.colouring import (
    colour_columns,
    colour_symmetric,
    most_in_a_line,
    rows_of,
    split,
)
from chainrule.compiler.sparsity.structure import Structure
from chainrule.compiler.sparsity.substitution import Recovery
from chainrule.values.types import Array

_np: Any = np
DEEPEST = 64
"""So many entries may be known before another one, where nobody asked for more."""
SUBSTITUTION = 8
"""What it costs to find an entry by substitution, in entries of a program."""


class Compression:
    """The products that a matrix is made of.

    Attributes
    ----------
    mode
        ``"forward"``: products with columns together; ``"reverse"``: with rows;
        ``"bidirectional"``: both; ``"star"`` and ``"acyclic"``: of a symmetric matrix.
    columns, rows
        The colours of columns and rows; -1 of those that are in no product. ``None`` if
        all are so.
    """

    def __init__(
        self, mode: str, columns: Array | None, rows: Array | None = None
    ) -> None:
        """Keep the colours."""
        self.mode = mode
        self.columns: Any = columns
        self.rows: Any = rows
        self.recovery: Recovery | None = None
        self._pattern: Any = None
        self._from_left: Any = None

    @property
    def colors(self) -> Any:
        """The colours, of columns and rows where both have some."""
        if self.columns is not None and self.rows is not None:
            return self.columns, self.rows
        return self.rows if self.columns is None else self.columns

    @property
    def sweeps(self) -> int:
        """How many products there are."""
        return _count(self.columns) + _count(self.rows)

    def of(self, pattern: Structure, from_left: Array | None = None) -> Compression:
        """Keep the CSR pattern whose entries are in the products.

        ``from_left`` are the rows whose entries are in products from the left, where
        not all are in one kind.
        """
        self._pattern, self._from_left = pattern, from_left
        return self

    @functools.cached_property
    def places(self) -> Any:
        """Where each entry is read, in the flattened products; all are there.

        All products from the right come first.
        """
        if self.recovery is not None:
            return self.recovery.places
        pattern, from_left = self._pattern, self._from_left
        rows, columns = pattern.rows(), pattern.indices
        right = left = _np.zeros(0, _np.int64)
        if self.columns is not None:
            right = self.columns.astype(_np.int64)[columns]
            right *= pattern.shape[0]
            right += rows
        if self.rows is not None:
            left = self.rows.astype(_np.int64)[rows]
            left *= pattern.shape[1]
            left += columns
            left += _count(self.columns) * pattern.shape[0]
        if from_left is None or self.columns is None or self.rows is None:
            return left if self.columns is None else right
        return _np.where(from_left[rows], left, right)

    def seeds(self, dtype: Any) -> list[Any]:
        """Return the vectors of all products from the right, and from the left."""
        return [_units(c, dtype) for c in (self.columns, self.rows) if c is not None]

    def entries(self, products: Array) -> Any:
        """Return the entries of the matrix from the flattened products."""
        if self.recovery is not None:
            return self.recovery.entries(products)
        return _np.take(products, self.places)


def _count(colours: Array | None) -> int:
    return 0 if colours is None else int(_np.max(colours, initial=-1)) + 1


def _units(colours: Array, dtype: Any) -> Any:
    """Return a vector for each colour, which is 1 where that is and 0 elsewhere."""
    seeds = _np.zeros((_count(colours), colours.size), dtype)
    own = _np.flatnonzero(colours >= 0)
    seeds[colours[own], own] = 1
    return seeds


def compressed(pattern: Structure, mode: str) -> Compression:
    """Return the products for a CSR pattern: in a mode, or the fewest (``"auto"``)."""
    if pattern.nnz == math.prod(pattern.shape) and mode != "bidirectional":
        return _full(pattern, mode)
    by_rows, _ = pattern.transposed()
    both, full = split(pattern)
    least = {
        "forward": most_in_a_line(pattern),
        "reverse": most_in_a_line(by_rows),
        "bidirectional": both,
    }
    best: Compression | None = None
    for name in sorted(least, key=least.__getitem__) if mode == "auto" else (mode,):
        if best is not None and best.sweeps <= least[name]:
            break
        found = _of_mode(name, pattern, by_rows, full)
        extra = name == "bidirectional"  # two programs are to be gained by something
        if best is None or found.sweeps + extra < best.sweeps:
            best = found
    assert best is not None  # noqa: S101  there is a mode
    return best


def _full(pattern: Structure, mode: str) -> Compression:
    """Return the products for a matrix of which every entry is there."""
    m, n = pattern.shape
    forward = mode == "forward" or (mode == "auto" and n <= m)
    colours = _np.arange(n if forward else m, dtype=_np.int32)
    if forward:
        return Compression("forward", colours).of(pattern)
    return Compression("reverse", None, colours).of(pattern)


def _of_mode(
    name: str, pattern: Structure, by_rows: Structure, full: Array
) -> Compression:
    if name == "forward":
        return Compression(name, colour_columns(pattern, by_rows)).of(pattern)
    if name == "reverse":
        return Compression(name, None, colour_columns(by_rows, pattern)).of(pattern)
    rest, dense = rows_of(pattern, _np.logical_not(full)), rows_of(pattern, full)
    columns = rows = None
    if rest.nnz:
        counts = _np.bincount(rest.indices, minlength=rest.shape[1])
        columns = _where(colour_columns(rest), counts)
    if dense.nnz:
        rows = _where(colour_columns(dense.transposed()[0]), _np.diff(dense.indptr))
    return Compression(name, columns, rows).of(pattern, full)


def _where(colours: Array, counts: Array) -> Any:
    """Return colours, numbered again without those of lines that have no entries."""
    used = _np.bincount(colours[counts > 0], minlength=1) > 0
    number = _np.cumsum(used) - 1
    return _np.where(counts > 0, number[_np.minimum(colours, used.size - 1)], -1)


def compressed_symmetric(pattern: Structure, mode: str, work: int) -> Compression:
    """Return the products for a symmetric CSR pattern.

    In ``"auto"`` an acyclic colouring is taken where it saves more than substitution
    costs: ``work`` is what a product does, in entries.
    """
    if mode == "diagonal":
        return _diagonal(pattern)
    stars: Compression | None = None
    if mode != "acyclic":
        stars = _recovered("star", pattern)
        if mode == "star" or stars.sweeps <= 2:
            return stars
        if (stars.sweeps - 2) * work <= SUBSTITUTION * pattern.nnz:
            return stars
    trees = _recovered("acyclic", pattern)
    if stars is None:
        return trees
    assert trees.recovery is not None  # noqa: S101  it was made with one
    saved = (stars.sweeps - trees.sweeps) * work
    pays = saved > SUBSTITUTION * pattern.nnz and trees.recovery.depth <= DEEPEST
    return trees if pays else stars


def _diagonal(pattern: Structure) -> Compression:
    """Return the products that have the diagonal, in which neighbours differ."""
    n = pattern.shape[0]
    rows = pattern.rows()
    ends = _np.stack([rows, pattern.indices], axis=1)[rows < pattern.indices]
    starts = 2 * _np.arange(len(ends) + 1)
    edges = Structure(ends.ravel(), starts, (len(ends), n))
    found = Compression("diagonal", colour_columns(edges))
    return found.of(Structure(_np.arange(n), _np.arange(n + 1), (n, n)))


def _recovered(name: str, pattern: Structure) -> Compression:
    colours = colour_symmetric(pattern, acyclic=name == "acyclic")
    found = Compression(name, colours)
    found.recovery = Recovery(pattern, colours)
    return found


__all__ = ["Compression", "compressed", "compressed_symmetric"]
