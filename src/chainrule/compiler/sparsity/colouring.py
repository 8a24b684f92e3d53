"""Colouring: lines of a sparse matrix that one product with a vector gives together.

Columns of one colour have no row in common, so each entry of ``J s``, with ``s`` 1 on
the columns of the colour, is one entry of ``J`` (Curtis, Powell and Reid, 1974). A
symmetric matrix needs fewer colours: each entry has to be alone on one side of the
diagonal only, which a star colouring of its graph gives, and fewer still where entries
that are known are taken out of sums, which needs an acyclic one (Coleman and Moré,
1984). Colours are given greedily, in several orders (Gebremedhin, Manne and Pothen,
"What color is your Jacobian?", 2005).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compiler.sparsity import greedy
from chainrule.compiler.sparsity.structure import Structure
from chainrule.compiler.sparsity.substitution import mates_of
from chainrule.values.types import Array

_np: Any = np

Run = Callable[[Any], tuple[int, Any]]
"""Colours vertices in an order: how many colours there are, and that of each."""
AT_MOST = 1 << 22
"""Non-zeros up to which several orders are tried."""


def _whole(x: Array) -> Any:
    return _np.ascontiguousarray(x, dtype=_np.int32)


def _filled(n: int) -> Any:
    return _np.full(n, -1, _np.int32)


def most_in_a_line(pattern: Structure) -> int:
    """Return the number of entries of the fullest row: no fewer colours can do."""
    return int(_np.diff(pattern.indptr).max(initial=0))


def colour_columns(pattern: Structure, by_columns: Structure | None = None) -> Any:
    """Return a colour for each column of a CSR pattern: equal ones meet in no row."""
    n, least = pattern.shape[1], most_in_a_line(pattern)
    if least == n:
        return _np.arange(n, dtype=_np.int32)
    if by_columns is None:
        by_columns, _ = pattern.transposed()
    starts, rows = _whole(by_columns.indptr), _whole(by_columns.indices)
    row_starts, columns = _whole(pattern.indptr), _whole(pattern.indices)

    def run(order: Array) -> tuple[int, Any]:
        colour, seen = _filled(n), _filled(n + 1)
        most = greedy.apart(
            n, _whole(order), starts, rows, row_starts, columns, colour, seen
        )
        return most, colour

    def graph() -> Any:
        matrix = pattern.as_scipy().astype(_np.int8)
        return (matrix.T @ matrix).tocsr()

    met = int((_np.diff(pattern.indptr).astype(float) ** 2).sum())
    return _best(run, _np.diff(starts), graph if met <= AT_MOST else None, least)


def colour_symmetric(pattern: Structure, *, acyclic: bool = False) -> Any:
    """Return a star colouring of a symmetric pattern, or an acyclic one."""
    n, size = pattern.shape[0], int(pattern.nnz)
    if size == n * n:  # each vertex meets each other one
        return _np.arange(n, dtype=_np.int32)
    starts, columns = _whole(pattern.indptr), _whole(pattern.indices)
    numbers = _np.arange(size, dtype=_np.int32)
    edges = _np.minimum(numbers, mates_of(pattern))

    def run(order: Array) -> tuple[int, Any]:
        colour, seen = _filled(n), _filled(n + 1)
        slots = [_np.zeros(n, _np.int32), *_np.zeros((3, size), _np.int32)]
        if acyclic:
            trees = [numbers.copy(), _filled(size), _filled(size)]
        else:
            trees = [_np.zeros(size, _np.int32), _filled(size)]
        loop = greedy.acyclic if acyclic else greedy.star
        given = (n, _whole(order), starts, columns, edges, colour, seen)
        return loop(*given, *slots, *trees), colour

    own = pattern.rows()
    of_itself = columns == own
    degrees = pattern.counts() - _np.bincount(own[of_itself], minlength=n)
    rows = degrees[own]
    inner = (rows > 1) & (degrees[columns] > 1)
    chain = not acyclic and bool((inner & ~of_itself).any())  # of four vertices
    least = 3 if chain else 2 if degrees.any() else 1
    return _best(run, degrees, lambda: pattern, least)


def _best(run: Run, degrees: Array, graph: Callable[[], Any] | None, least: int) -> Any:
    """Return the colouring with the fewest colours, of several orders of vertices.

    They are the natural one, largest first, smallest last and by incidence.
    """
    n = degrees.size
    count, colours = run(_np.arange(n))
    if count <= least or n > AT_MOST:
        return colours
    orders: list[Callable[[], Any]] = [lambda: _np.argsort(-degrees, kind="stable")]
    if graph is not None:
        found: list[Any] = []

        def ordered(step: int) -> Any:
            if not found:
                found.append(graph())
            return _by_degree(found[0], step)

        orders += [lambda: ordered(-1), lambda: ordered(1)]
    for order in orders:
        fewer, others = run(order())
        if fewer < count:
            count, colours = fewer, others
        if count <= least:
            break
    return colours


def _by_degree(graph: Any, step: int) -> Any:
    """Return vertices by their neighbours among those before: fewest, or most (1)."""
    n = graph.shape[0]
    starts, columns = _whole(graph.indptr), _whole(graph.indices)
    degree = _np.diff(starts)
    heads = _filled(int(degree.max(initial=0)) + 2)
    if step > 0:
        degree = _np.zeros(n, _np.int32)
    order, after, before = (_np.empty(n, _np.int32) for _ in range(3))
    greedy.by_degree(n, step, starts, columns, degree, order, heads, after, before)
    return order


def split(pattern: Structure) -> tuple[int, Any]:
    """Return how many sweeps it may take to do the fullest rows from the left.

    The other rows are done from the right. The rows come as truth values.
    """
    counts = _np.diff(pattern.indptr)
    order = _np.argsort(-counts, kind="stable")
    sweeps = _np.arange(counts.size + 1) + _np.append(counts[order], 0)
    best = int(_np.argmin(sweeps))
    full = _np.zeros(counts.size, bool)
    full[order[:best]] = True
    return int(sweeps[best]), full


def rows_of(pattern: Structure, chosen: Array) -> Any:
    """Return a CSR pattern without the entries of rows that are not chosen."""
    counts = _np.diff(pattern.indptr)
    starts = _np.append(0, _np.cumsum(_np.where(chosen, counts, 0)))
    columns = pattern.indices[_np.repeat(chosen, counts)]
    return Structure(columns, starts, pattern.shape)


__all__ = [
    "colour_columns",
    "colour_symmetric",
    "most_in_a_line",
    "rows_of",
    "split",
]
