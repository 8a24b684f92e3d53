"""Filtering forward and backward from the states that make both orders agree.

F. Gustafsson, Determining the initial states in forward-backward filtering, IEEE
Transactions on Signal Processing 44 (1996), 988-992.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.numpy.shape_functions import moveaxis
from chainrule.operations import namespace as ops
from chainrule.scipy.boundaries import at
from chainrule.scipy.signal.recursive import backwards, filter_at_rest
from chainrule.values.types import Array


def _outputs_of_states(b: Array, a: Array, count: int, order: int) -> Any:
    """Return what a filter gives from each state, without an input, in columns."""
    impulse = np.zeros(count)
    impulse[0] = 1.0
    one = np.ones(1)
    first = filter_at_rest(one, a / a[0], impulse, axis=0)
    columns = [first]
    for k in range(1, order):
        zeros = np.zeros(min(k, count))
        columns.append(ops.concatenate([zeros, first[: max(count - k, 0)]]))
    return ops.transpose(ops.stack(columns))


def without_transients(
    b: Array, a: Array, x: Array, axis: int, irlen: int | None
) -> Any:
    """Return a signal filtered forward and backward: equation 7 of the article.

    ``irlen`` is how long the response of the filter is taken to be.
    """
    order = max(b.size, a.size) - 1
    if order == 0:
        return (b[0] / a[0]) ** 2 * x
    lines = moveaxis(x, axis, -1)
    last, n = lines.ndim - 1, lines.shape[-1]
    m = n if irlen is None or n <= 2 * irlen else irlen
    states = _outputs_of_states(b, a, m, order)
    turned = states[::-1]
    twice = filter_at_rest(b, a, turned, axis=0)
    back = twice[::-1]
    empty = np.zeros((m, order)) if m < n else None
    matrix = _beside(back - states, turned - twice, empty)
    forward = filter_at_rest(b, a, lines, axis=last)
    y = backwards(filter_at_rest(b, a, backwards(forward, last), axis=last), last)
    first = backwards(filter_at_rest(b, a, backwards(lines, last), axis=last), last)
    other = filter_at_rest(b, a, first, axis=last) - y
    ends = other if m == n else _ends(other, m)
    flat = ops.reshape(ends, (-1, ends.shape[-1]))
    solve: Any = np.linalg.lstsq
    start = solve(matrix, ops.transpose(flat), rcond=None)[0]
    part = ops.transpose(_beside(back, turned, empty) @ start)
    part = ops.reshape(part, (*lines.shape[:-1], part.shape[-1]))
    if m < n:
        zeros = np.zeros((*lines.shape[:-1], n - 2 * m))
        part = ops.concatenate([part[..., :m], zeros, part[..., m:]], axis=-1)
    return moveaxis(y + part, -1, axis)


def _beside(x: Array, y: Array, empty: Any) -> Any:
    """Return matrices side by side, or as blocks of a matrix that is else 0."""
    if empty is None:
        return ops.concatenate([x, y], axis=1)
    rows = [ops.concatenate(row, axis=1) for row in ([x, empty], [empty, y])]
    return ops.concatenate(rows)


def _ends(x: Array, count: int) -> Any:
    """Return the first samples of each line and the last ones."""
    last = x.ndim - 1
    both = [x[at(last, slice(count))], x[at(last, slice(-count, None))]]
    return ops.concatenate(both, axis=-1)
