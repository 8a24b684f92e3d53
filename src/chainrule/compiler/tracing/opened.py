"""Arrays of objects that stand for a traced array, and whether Python saw one.

``np.array([x, y])`` asks each part for an array, puts them together, and drops them
before it returns. ``np.asarray(x)`` hands on what it was given: an array of objects,
where a call without a trace has one of numbers. A function may branch on that dtype,
and would be traced wrongly. NumPy asks for both in the same way; but in the first case
the array ends while NumPy's call runs, in the second Python has gone on by then.
"""

from __future__ import annotations

import sys
import weakref
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Moment = tuple[int, int]
"""Which instruction of which call is being run."""

_makers: Any = (np.full, type(np.r_).__getitem__)
_PUTTING_TOGETHER = frozenset(f.__code__ for f in _makers)
"""What asks for an array inside NumPy, and decides on nothing but its shape."""


class Record:
    """What a trace knows of the arrays of objects that it has handed out.

    Attributes
    ----------
    seen
        The line that asked for one that Python saw, if there is any.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.seen: str | None = None
        self._alive: dict[int, tuple[Any, str]] = {}

    def opened(self, entries: NDArray[Any], where: str) -> Any:
        """Return an array for NumPy, which is asking for it at this line."""
        if sys._getframe(2).f_code in _PUTTING_TOGETHER:
            return np.array(entries)
        array = Opened(entries.shape, object)  # with memory of its own, to be a base
        array[...] = entries
        array.record, array.moment, array.where = self, _moment(sys._getframe(2)), where
        self._alive[id(array)] = weakref.ref(array), where
        return array

    def ended(self, moment: Moment, x: Opened) -> None:
        """Note the end of an array, and whether Python went on before it."""
        self._alive.pop(id(x), None)
        if moment != x.moment:
            self.seen = self.seen or x.where

    def line(self) -> str | None:
        """Return the line that asked for an array that Python saw, or still sees."""
        return self.seen or next((where for _, where in self._alive.values()), None)


class Opened(np.ndarray[Any, Any]):
    """The entries of a stand-in as objects."""

    record: Record | None = None
    moment: Any = None
    where: str = ""

    def __del__(self) -> None:
        """Tell the trace, unless Python ends: then no call is left."""
        frame = sys._getframe().f_back
        if self.record is not None and frame is not None:
            self.record.ended(_moment(frame), self)


def _moment(frame: FrameType) -> tuple[int, int]:
    """Return which instruction of which call is being run."""
    return id(frame), frame.f_lasti


__all__ = ["Record"]
