"""What an array was before its memory was written into: kept as what was overwritten.

A write into memory that nobody else holds changes it in place. The version before is
then told by what was overwritten, and where. Its array is made again when somebody asks
for it, from the next version that has one; a sweep seldom does.
"""

from __future__ import annotations

import copy
from bisect import bisect_left
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.values.foreign import zeros
from chainrule.values.types import Index

SPARED = 64
"""Of so many versions in a row one keeps its array, once somebody has asked for one."""


class Log:
    """The writes into one memory, one after the other.

    It refers to no node, so that it is in no cycle: a version refers to it and is found
    in it by its age.

    Attributes
    ----------
    array
        The memory as it is after the last write.
    ages
        The age of the version that each write has ended: several may end the same one.
    gradients
        How many gradients were left on nodes before the last write: after another one
        the written node may have one, which belongs to what it was.
    like
        An array of this shape and dtype, whose entries say nothing.
    indices, saved
        Where each write went, and what was there.
    kept
        The arrays of some versions, by the write that ended them.
    asked
        Which versions were asked for afterwards: only then something younger may use
        them.
    """

    __slots__ = (
        "ages",
        "array",
        "asked",
        "gradients",
        "indices",
        "kept",
        "like",
        "saved",
    )

    def __init__(self, array: NDArray[Any]) -> None:
        """Begin with an array that has not been overwritten."""
        self.array: NDArray[Any] = array
        self.ages: list[int] = []
        self.gradients: int = 0
        self.like: NDArray[Any] = np.broadcast_to(
            zeros((), array.dtype, array), array.shape
        )
        self.indices: list[Index] = []
        self.saved: list[Any] = []
        self.kept: dict[int, NDArray[Any]] = {}
        self.asked: set[int] = set()

    def enter(self, index: Index, saved: Any, age: int) -> None:
        """Enter a write that ends the version of an age."""
        self.ages.append(age)
        self.indices.append(index)
        self.saved.append(saved)

    def restored(self, age: int) -> NDArray[Any]:
        """Return a copy of what was in the array in the version of an age.

        Complexity: one write for each version up to the next that has an array. Some on
        the way keep theirs, so that all of them can be asked for, in any order.
        """
        self.asked.add(age)
        first, last, kept = bisect_left(self.ages, age), len(self.saved), self.kept
        later = next((i for i in range(first, last) if i in kept), last)
        array = copy.copy(kept.get(later, self.array))
        stride = max(SPARED, array.size // SPARED)
        for i in range(later - 1, first - 1, -1):
            array[self.indices[i]] = self.saved[i]
            if (later - i) % stride == 0:
                kept[i] = copy.copy(array)
        return array
