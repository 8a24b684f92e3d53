"""What an array was before its memory was written into: kept as what was overwritten.

A write into memory that nobody else holds changes it in place. The version before is
then told by what was overwritten, and where. Its array is made again when somebody asks
for it, from the next version that has one; a sweep seldom does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.values.types import Index

SPARED = 64
"""Of so many versions in a row one keeps its array, once somebody has asked for one."""


class Contents:
    """What was in an array between two writes.

    Attributes
    ----------
    array
        The array itself: the memory that is written into, until it is written again.
    like
        An array of this shape and dtype, whose entries say nothing.
    newer
        What was in it after the next write.
    index, saved
        Where that write went, and what was there.
    asked
        Whether it was asked for afterwards: only then something younger may use it.
    """

    __slots__ = ("array", "asked", "index", "like", "newer", "saved")

    def __init__(self, array: NDArray[Any], like: NDArray[Any] | None = None) -> None:
        """Hold an array that has not been overwritten."""
        if like is None:
            like = np.broadcast_to(np.zeros((), array.dtype), array.shape)
        self.array: NDArray[Any] | None = array
        self.asked: bool = False
        self.like: NDArray[Any] = like

    def overwritten(self, index: Index, saved: Any) -> Contents:
        """Return what is in the array now, where ``saved`` was at an index before."""
        array: Any = self.array
        self.index: Index = index
        self.saved: Any = saved
        self.newer: Contents = Contents(array, self.like)
        self.array = None
        return self.newer

    def restored(self) -> NDArray[Any]:
        """Return a copy of what was in the array.

        Complexity: one write for each version up to the next that has an array. Some on
        the way keep theirs, so that all of them can be asked for, in any order.
        """
        self.asked = True
        later: list[Contents] = []
        state = self
        while state.array is None:
            later.append(state)
            state = state.newer
        array = np.copy(state.array)
        stride = max(SPARED, array.size // SPARED)
        for count, state in enumerate(reversed(later), 1):
            array[state.index] = state.saved
            if count % stride == 0:
                state.array = array.copy()
        return array
