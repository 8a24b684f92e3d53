"""Colouring: columns of a sparse matrix that one product with a vector gives together.

Columns of one colour have no row in common, so each entry of ``J s``, with ``s`` 1 on
the columns of the colour, is one entry of ``J`` (Curtis, Powell and Reid, 1974). A
symmetric matrix needs fewer colours: each entry has to be alone on one side of the
diagonal only, which a star colouring of its graph gives (Coleman and Moré, 1984).
Colours are given greedily, in several orders (Gebremedhin, Manne and Pothen, 2005).
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence
from typing import Any

import numpy as np

from chainrule.compiler.native.integer_loops import integer_loops
from chainrule.values.types import Array

_np: Any = np


Ints = MutableSequence[int]


@integer_loops
def _greedy(
    n: int,
    order: Ints,
    starts: Ints,
    rows: Ints,
    row_starts: Ints,
    columns: Ints,
    colour: Ints,
    seen: Ints,
) -> int:
    """Give each column the first colour that no column with a common row has."""
    most = 0
    for t in range(n):
        j = order[t]
        for a in range(starts[j], starts[j + 1]):
            i = rows[a]
            for b in range(row_starts[i], row_starts[i + 1]):
                c = colour[columns[b]]
                if c >= 0:
                    seen[c] = j
        k = 0
        while seen[k] == j:
            k = k + 1
        colour[j] = k
        if k + 1 > most:
            most = k + 1
    return most


@integer_loops
def _star(
    n: int,
    order: Ints,
    starts: Ints,
    columns: Ints,
    colour: Ints,
    seen: Ints,
) -> int:
    """Colour a symmetric graph so that no path of four vertices has two colours."""
    most = 0
    for t in range(n):
        v = order[t]
        for a in range(starts[v], starts[v + 1]):
            w = columns[a]
            if w == v:
                continue
            if colour[w] >= 0:
                seen[colour[w]] = v
            for b in range(starts[w], starts[w + 1]):
                x = columns[b]
                if x == w or x == v or colour[x] < 0:
                    continue
                if colour[w] < 0:
                    seen[colour[x]] = v
                    continue
                for c in range(starts[x], starts[x + 1]):
                    y = columns[c]
                    if y != x and y != w and colour[y] == colour[w]:
                        seen[colour[x]] = v
                        break
        k = 0
        while seen[k] == v:
            k = k + 1
        colour[v] = k
        if k + 1 > most:
            most = k + 1
    return most


@integer_loops
def _linked(n: int, degree: Ints, heads: Ints, after: Ints, before: Ints) -> int:
    """Link the vertices of each degree to a list, which its head begins."""
    for v in range(n):
        before[v] = -1
        after[v] = heads[degree[v]]
        if after[v] >= 0:
            before[after[v]] = v
        heads[degree[v]] = v
    return n


@integer_loops
def _smallest_last(
    n: int,
    starts: Ints,
    columns: Ints,
    degree: Ints,
    order: Ints,
    heads: Ints,
    after: Ints,
    before: Ints,
) -> int:
    """Order vertices so that each has the fewest neighbours among those before it.

    ``heads`` begin the lists of vertices of each degree; ``after`` and ``before`` link
    these. Taken ones have a degree of -1.
    """
    least = 0
    for t in range(n):
        while heads[least] < 0:
            least = least + 1
        v = heads[least]
        heads[least] = after[v]
        if after[v] >= 0:
            before[after[v]] = -1
        degree[v] = -1
        order[n - 1 - t] = v
        for a in range(starts[v], starts[v + 1]):
            w = columns[a]
            d = degree[w]
            if d < 1:
                continue
            if before[w] >= 0:
                after[before[w]] = after[w]
            else:
                heads[d] = after[w]
            if after[w] >= 0:
                before[after[w]] = before[w]
            degree[w] = d - 1
            before[w] = -1
            after[w] = heads[d - 1]
            if after[w] >= 0:
                before[after[w]] = w
            heads[d - 1] = w
            if d - 1 < least:
                least = d - 1
    return n


Orders = list[Callable[[], Any]]
"""Orders of vertices to try, each made when it is its turn."""


def _whole(x: Any) -> Any:
    return _np.ascontiguousarray(x, dtype=_np.int64)


def colour_columns(pattern: Any) -> Any:
    """Return a colour for each column of a CSR pattern: equal ones meet in no row.

    The fewest that can do is the number of entries of the fullest row.
    """
    by_columns = pattern.tocsc()
    n = pattern.shape[1]
    counts = _np.diff(pattern.indptr)
    least = int(counts.max(initial=0))
    lists = map(
        _whole,
        (by_columns.indptr, by_columns.indices, pattern.indptr, pattern.indices),
    )
    starts, rows, row_starts, columns = lists
    if least == n:
        return _np.arange(n)

    def most_first() -> Any:
        sizes = _np.diff(by_columns.indptr)
        return _np.argsort(-sizes, kind="stable")

    def fewest_last() -> Any:
        return _last(n, starts, rows, row_starts, columns)

    def run(order: Any) -> tuple[int, Any]:
        colour, seen = _np.full(n, -1), _np.full(n + 1, -1)
        most = _greedy(
            n, _whole(order), starts, rows, row_starts, columns, colour, seen
        )
        return most, colour

    return _best(run, [lambda: _np.arange(n), most_first, fewest_last], least)


def colour_symmetric(pattern: Any) -> Any:
    """Return a star colouring of a symmetric pattern."""
    n = pattern.shape[0]
    starts, columns = _whole(pattern.indptr), _whole(pattern.indices)

    def run(order: Any) -> tuple[int, Any]:
        colour, seen = _np.full(n, -1), _np.full(n + 1, -1)
        return _star(n, _whole(order), starts, columns, colour, seen), colour

    def most_first() -> Any:
        return _np.argsort(-_np.diff(pattern.indptr), kind="stable")

    def fewest_last() -> Any:
        return _by_degree(n, starts, columns)

    return _best(run, [lambda: _np.arange(n), most_first, fewest_last], 2)


AT_MOST = 1 << 22
"""Non-zeros up to which several orders are tried."""


def _best(run: Any, orders: Orders, least: int) -> Any:
    """Return the colouring with the fewest colours; stop where no fewer can do."""
    count, colours = run(orders[0]())
    for order in orders[1:]:
        if count <= least or colours.size > AT_MOST:
            break
        fewer, others = run(order())
        if fewer < count:
            count, colours = fewer, others
    return colours


def _last(n: int, starts: Array, rows: Array, row_starts: Array, columns: Array) -> Any:
    """Return the order of columns with the fewest columns in common rows last."""
    import scipy.sparse as sp

    ones = _np.ones(columns.size, _np.int8)
    matrix = sp.csr_array((ones, columns, row_starts), (row_starts.size - 1, n))
    graph = (matrix.T @ matrix).tocsr()
    return _by_degree(n, _whole(graph.indptr), _whole(graph.indices))


def _by_degree(n: int, starts: Array, columns: Array) -> Any:
    degree = _np.diff(starts)
    heads = _np.full(int(degree.max(initial=0)) + 2, -1)
    order, after, before = (_np.empty(n, _np.int64) for _ in range(3))
    _linked(n, degree, heads, after, before)
    _smallest_last(n, starts, columns, degree, order, heads, after, before)
    return order


__all__ = ["colour_columns", "colour_symmetric"]
