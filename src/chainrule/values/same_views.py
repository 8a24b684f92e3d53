"""What a view shows of its base, shown of another array: by slices and axes alone.

NumPy does not tell how a view was made, only where its entries lie. Each of its axes is
a slice along an axis of the base, or of the base with another shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_np: Any = np


class Lane(NamedTuple):
    """An axis of a view: which one, its step in memory, its length, its direction."""

    axis: int
    step: int
    length: int
    backwards: bool


class Way(NamedTuple):
    """Calls that make a view: ``x[turned].transpose(axes).reshape(shape)[part]``.

    Then come ``.transpose(order)`` and ``[added]``, which adds axes of length one, and
    ``np.broadcast_to``, where these are repeated.
    """

    turned: tuple[slice, ...]
    axes: tuple[int, ...]
    shape: tuple[int, ...]
    part: tuple[Any, ...]
    order: tuple[int, ...]
    added: tuple[Any, ...]
    shown: tuple[int, ...]

    def of(self, x: Any) -> Any:
        """Return the view of an array that lies in memory as the base does."""
        if any(part.step == -1 for part in self.turned):
            x = x[self.turned]
        if self.axes != tuple(range(x.ndim)):
            x = x.transpose(self.axes)
        if self.shape != x.shape:
            x = x.reshape(self.shape)
        x = x[self.part]
        if self.order != tuple(range(x.ndim)):
            x = x.transpose(self.order)
        if None in self.added:
            x = x[self.added]
        return x if self.shown == x.shape else _np.broadcast_to(x, self.shown)


def way_to(view: NDArray[Any], base: NDArray[Any]) -> Way | None:
    """Return how a view shows a base that has entries, ``None`` if not by slices.

    >>> import numpy as np
    >>> m = np.zeros((2, 3))
    >>> way_to(m.T[1:, 0], m).part
    (0, slice(1, 3, 1), Ellipsis)
    """
    turned = tuple(slice(None, None, -1 if step < 0 else 1) for step in base.strides)
    base = base[(*turned, ...)]
    offset, lanes = _address(view) - _address(base), list[Lane]()
    for axis, (step, n) in enumerate(zip(view.strides, view.shape, strict=True)):
        if n == 1 or step == 0:
            continue
        if step < 0:
            offset += step * (n - 1)
        lanes.append(Lane(axis, abs(step), n, step < 0))
    axes = tuple(sorted(range(base.ndim), key=lambda i: -base.strides[i]))
    dims = [base.shape[i] for i in axes]
    steps = [base.strides[i] for i in axes]
    if any(step <= 0 for step in steps):
        return None
    found = _sliced(dims, steps, offset, lanes)
    if found is None and steps and _is_dense(dims, steps):
        dims, steps = _reshaped(dims, steps, lanes)
        found = _sliced(dims, steps, offset, lanes)
    if found is None:
        return None
    index, taken = found
    kept = [lane.axis for lane in taken]
    order = tuple(kept.index(axis) for axis in sorted(kept))
    added = tuple(slice(None) if i in kept else None for i in range(view.ndim))
    return Way(turned, axes, tuple(dims), (*index, ...), order, added, view.shape)


def _sliced(
    dims: Sequence[int], steps: Sequence[int], offset: int, lanes: list[Lane]
) -> tuple[list[Any], list[Lane]] | None:
    """Return an index of integers and slices, and the lane of each slice."""
    index: list[Any] = []
    taken: list[Lane] = []
    for n, step in zip(dims, steps, strict=True):
        start, offset = divmod(offset, step)
        if not 0 <= start < n:
            return None
        index.append(start)
        for lane in lanes:
            by, rest = divmod(lane.step, step)
            end = start + by * (lane.length - 1)
            if not rest and end < n and lane not in taken:
                taken.append(lane)
                before = start - 1 if start else None
                forwards, backwards = slice(start, end + 1, by), slice(end, before, -by)
                index[-1] = backwards if lane.backwards else forwards
                break
    return (index, taken) if len(taken) == len(lanes) and not offset else None


def _reshaped(
    dims: Sequence[int], steps: Sequence[int], lanes: list[Lane]
) -> tuple[list[int], list[int]]:
    """Return the shape, and its steps in memory, in which the lanes may be slices."""
    item = steps[-1]
    wholes = [math.prod(dims) * item]
    for step in sorted({item, *(lane.step for lane in lanes)}, reverse=True):
        wholes.append(math.gcd(step, wholes[-1]))
    steps = wholes[1:]
    return [n // step for n, step in zip(wholes, steps, strict=False)], steps


def _is_dense(dims: Sequence[int], steps: Sequence[int]) -> bool:
    """Tell whether an array lies in memory without gaps."""
    expected = steps[-1]
    for n, step in zip(reversed(dims), reversed(steps), strict=True):
        if n != 1 and step != expected:
            return False
        expected *= n
    return True


def _address(x: NDArray[Any]) -> int:
    return x.__array_interface__["data"][0]


__all__ = ["Way", "way_to"]
