"""Folding loops: of many steps alike, the first two and the last are shown.

A loop is found in the recording itself: a sequence of locations (or, where there are no
source lines, of operations) that repeats.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.explainer.account.brief import counted, steps_of
from chainrule.explainer.account.views import VertexView

Codes = NDArray[np.intp]
"""A number for each vertex."""

FIRST = 2
"""How many steps of a loop are shown before the last."""

_CANDIDATES = 12
"""How many recurrences of a vertex are tried as the start of the next step."""

_INPUTS = 12
"""How many inputs in a row are shown."""

INPUT = "input"
"""The key of inputs: a row of them is shortened, but is no loop."""

_WORTH = 4
"""Loops that hide fewer vertices than this are shown whole."""


@dataclass(frozen=True)
class Shown:
    """A vertex that is shown; ``steps`` are (step, count) of the loops it is in."""

    index: int
    steps: tuple[tuple[int, int], ...] = ()

    @property
    def label(self) -> str:
        """The steps in words, outermost loop first."""
        return ", ".join(f"step {i} of {n}" for i, n in self.steps)


@dataclass(frozen=True)
class Gap:
    """Vertices from ``first`` to before ``end`` that are not shown.

    ``hidden`` are the first and last of the steps and their count, or ``None`` where
    they are no steps of a loop, but more of what ``noun`` says.
    """

    first: int
    end: int
    hidden: tuple[int, int, int] | None = None
    steps: tuple[tuple[int, int], ...] = ()
    noun: str = "operation"

    def text(self, *, backward: bool = False) -> str:
        """Return what is written in the gap's stead."""
        if self.hidden is None:
            return f"... {counted(self.end - self.first, 'more ' + self.noun)} ..."
        first, last, steps = self.hidden
        first, last = (last, first) if backward else (first, last)
        return f"... {steps_of(first, last, steps)} like these ..."


Item = Shown | Gap


def fold(keys: Sequence[Hashable], limit: int | None) -> list[Item]:
    """Return what to show of a recording, oldest vertex first.

    Parameters
    ----------
    keys
        One per vertex; equal where two vertices are the same place in a program.
    limit
        How many vertices to show at most, of a recording without loops; ``None``: all.

    Examples
    --------
    >>> for item in fold(["x", *["mul", "sin", "add"] * 9, "log"], None)[-6:]:
    ...     print(item.text() if isinstance(item, Gap) else (item.index, item.label))
    (6, 'step 2 of 9')
    ... steps 3 to 8 of 9 like these ...
    (25, 'step 9 of 9')
    (26, 'step 9 of 9')
    (27, 'step 9 of 9')
    (28, '')
    """
    codes = _codes(keys)
    following = _following(codes)
    items: list[Item] = []
    _lay(codes, following, 0, len(codes), (), items)
    return items if limit is None else _shortened(items, limit)


def representatives(keys: Sequence[Hashable]) -> list[int]:
    """Return for each vertex its like in the first step of the loops it is in.

    >>> representatives(["x", *["mul", "sin"] * 4, "log"])
    [0, 1, 2, 1, 2, 1, 2, 1, 2, 9]
    """
    codes = _codes(keys)
    like = np.arange(len(codes))
    _stand_in(codes, _following(codes), 0, len(codes), like)
    return like.tolist()


def _stand_in(
    codes: Codes, following: Codes, start: int, end: int, like: Codes
) -> None:
    i = start
    while i < end:
        period, count = _loop(codes, following, i, end)
        if count > 1 and period > 1:
            _stand_in(codes, following, i, i + period, like)
        last = i + count * period
        like[i:last] = np.tile(like[i : i + period], count)
        i = last


def _codes(keys: Sequence[Hashable]) -> Codes:
    numbers: dict[Hashable, int] = {INPUT: 0}
    return np.array([numbers.setdefault(k, len(numbers)) for k in keys], dtype=np.intp)


def _following(codes: Codes) -> Codes:
    """Return where each key comes up next; past the end where it does not."""
    latest: dict[int, int] = {}
    following = np.full(len(codes), len(codes), dtype=np.intp)
    for i in range(len(codes) - 1, -1, -1):
        following[i] = latest.get(int(codes[i]), len(codes))
        latest[int(codes[i])] = i
    return following


def _lay(
    codes: Codes,
    following: Codes,
    start: int,
    end: int,
    steps: tuple[tuple[int, int], ...],
    items: list[Item],
) -> None:
    """Append what to show of the vertices from ``start`` to before ``end``."""
    i = start
    while i < end:
        period, count = _loop(codes, following, i, end)
        if period == 1 and codes[i] == 0:
            items += _row_of_inputs(i, count, steps)
            i += count
            continue
        if period * (count - FIRST - 1) < _WORTH:
            items.append(Shown(i, steps))
            i += 1
            continue
        for k in (*range(FIRST), None, count - 1):
            if k is None:
                first, last = i + FIRST * period, i + (count - 1) * period
                items.append(Gap(first, last, (FIRST + 1, count - 1, count), steps))
            else:
                inner = (*steps, (k + 1, count))
                at = i + k * period
                _lay(codes, following, at, at + period, inner, items)
        i += count * period


def _row_of_inputs(
    start: int, count: int, steps: tuple[tuple[int, int], ...]
) -> list[Item]:
    end = start + count
    shown: list[Item] = [Shown(i, steps) for i in range(start, end)]
    if count <= _INPUTS:
        return shown
    hidden = Gap(start + _INPUTS - 1, end - 1, None, steps, "input")
    return [*shown[: _INPUTS - 1], hidden, shown[-1]]


def _loop(codes: Codes, following: Codes, start: int, end: int) -> tuple[int, int]:
    """Return the period and the count of the loop at ``start`` that covers most."""
    best, covered = (1, 1), 1
    at = int(following[start])
    for _ in range(_CANDIDATES):
        period = at - start
        if at + period > end:
            break
        count = 1 + _alike(codes, start, end, period) // period
        if count > 1 and count * period > covered:
            best, covered = (period, count), count * period
        at = int(following[at])
    return best


def _alike(codes: Codes, start: int, end: int, period: int) -> int:
    """Return how many vertices from ``start`` are like those one period later."""
    done, chunk = 0, 64
    while start + done + period < end:
        length = min(chunk, end - period - start - done)
        at = start + done
        same = codes[at : at + length] == codes[at + period : at + period + length]
        if not same.all():
            return done + int(same.argmin())
        done += length
        chunk *= 4
    return done


def _shortened(items: list[Item], limit: int) -> list[Item]:
    """Leave out the middle of a long list."""
    if len(items) <= limit:
        return items
    head, tail = items[: limit - limit // 2], items[len(items) - limit // 2 :]
    first = _end(head[-1])
    end = tail[0].index if isinstance(tail[0], Shown) else tail[0].first
    return [*head, Gap(first, end), *tail]


def _end(item: Item) -> int:
    return item.index + 1 if isinstance(item, Shown) else item.end


def key_of(v: VertexView) -> Hashable:
    """Return what a vertex of an explanation has in common with its like in a loop."""
    if v.rule is None:
        return INPUT
    if v.location is not None:
        return (v.location, v.operation)
    return (v.operation, tuple(x.index is None for x in v.operands))
