"""Entries of a symmetric matrix from its products with the vectors of colours.

In: a colouring of the graph. Out: from which product each entry is read. A product at a
vertex ``v``, with a colour, is the sum of the entries to the neighbours of that colour:
a *slot*. Where there is one neighbour, it is the entry; when that is known, it leaves
the sum at its other end. So all are found if two colours make no circle (Coleman and
Moré, 1984; Coleman and Cai, "The cyclic coloring problem and estimation of sparse
Hessian matrices", 1986). After a star colouring nothing has to leave a sum first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.compiler.native.integer_loops import Floats, Ints, Longs, integer_loops
from chainrule.compiler.sparsity.greedy import slot
from chainrule.compiler.sparsity.structure import Structure
from chainrule.values.types import Array

_np: Any = np


@integer_loops
def summed(
    n: int,
    starts: Ints,
    columns: Ints,
    colour: Ints,
    held: Ints,
    kinds: Ints,
    times: Ints,
    rest: Longs,
    slots: Ints,
) -> int:
    """Find the slot of each entry, and what stands in each: how many, and their sum."""
    for v in range(n):
        for a in range(starts[v], starts[v + 1]):
            w = columns[a]
            if w == v:
                continue
            s = slot(colour[w], starts[v], held[v], kinds)
            if s < 0:
                s = starts[v] + held[v]
                held[v] = held[v] + 1
                kinds[s] = colour[w]
            slots[a] = s
            times[s] = times[s] + 1
            rest[s] = rest[s] + a
    return 0


@integer_loops
def peeled(
    n: int,
    mates: Ints,
    slots: Ints,
    times: Ints,
    rest: Longs,
    depth: Ints,
    queue: Ints,
    found: Ints,
    deepest: Ints,
) -> int:
    """Find entries in order, each the last one in its slot; return how many."""
    end = 0
    for s in range(n):
        if times[s] == 1:
            queue[end] = s
            end = end + 1
    at = 0
    count = 0
    while at < end:
        s = queue[at]
        at = at + 1
        if times[s] == 0:
            continue
        found[count] = rest[s]
        count = count + 1
        deepest[0] = max(deepest[0], depth[s])
        other = slots[mates[rest[s]]]
        times[s] = 0
        times[other] = times[other] - 1
        rest[other] = rest[other] - mates[rest[s]]
        depth[other] = max(depth[other], depth[s] + 1)
        if times[other] == 1:
            queue[end] = other
            end = end + 1
    return count


@integer_loops
def substituted(
    count: int, slots: Ints, others: Ints, rest: Floats, entries: Floats
) -> int:
    """Read each entry from its slot, and take it out of the one at its other end."""
    for t in range(count):
        entries[t] = rest[slots[t]]
        rest[others[t]] -= entries[t]
    return count


def mates_of(pattern: Structure) -> Any:
    """Return the place of the transposed of each entry of a symmetric CSR pattern."""
    return pattern.transposed()[1]


class Recovery:
    """Where each entry of a symmetric matrix is read from.

    Attributes
    ----------
    depth
        How many other entries are known first, one after the other, at most.
    places
        Where each entry is in the flattened products, if nothing has to leave a sum.
    """

    def __init__(self, pattern: Structure, colours: Array) -> None:
        """Find the order for a CSR pattern, its columns sorted."""
        n, size = pattern.shape[0], int(pattern.nnz)
        rows = pattern.rows()
        columns, starts = pattern.indices, pattern.indptr
        mates = mates_of(pattern)
        held, deepest = _np.zeros(n, _np.int32), _np.zeros(1, _np.int32)
        kinds, times, slots, depth, queue, found = _np.zeros((6, size), _np.int32)
        rest = _np.zeros(size, _np.int64)
        summed(n, starts, columns, colours, held, kinds, times, rest, slots)
        count = peeled(size, mates, slots, times, rest, depth, queue, found, deepest)
        own = _np.flatnonzero(columns == rows)
        if 2 * count + own.size != size:
            raise RuntimeError("two colours make a circle")  # no colouring of ours
        self.depth: int = int(deepest[0])
        self.places: Any = None
        places = colours[columns].astype(_np.int64) * n + rows
        found = found[:count]
        if not self.depth:
            places[mates[found]] = places[found]
            self.places = places
            return
        ends = _np.cumsum(held, dtype=_np.int32)
        number = (ends - held - starts[:-1])[rows] + slots  # without gaps
        other = columns != rows
        self._sums: Any = _np.empty(int(held.sum()), _np.int64)
        self._sums[number[other]] = places[other]
        self._own: Any = places[own]
        self._slots, self._others = number[found], number[mates[found]]
        self._sources: Any = _np.empty(size, _np.int64)
        self._sources[found] = self._sources[mates[found]] = _np.arange(count)
        self._sources[own] = count + _np.arange(own.size)

    def entries(self, products: Array) -> Any:
        """Return the entries of the matrix, in order, from the flattened products."""
        if not self.depth:
            return _np.take(products, self.places)
        sums = _np.take(products, self._sums).astype(_np.float64)
        known = _np.empty(self._slots.size)
        substituted(known.size, self._slots, self._others, sums, known)
        own = _np.take(products, self._own)
        return _np.concatenate([known.astype(own.dtype), own])[self._sources]


__all__ = ["Recovery", "mates_of"]
