"""What the files of the detection share: moved entries, and several results."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.sparsity.patterns import Pattern
from chainrule.values.shapes import ndarray

_np: Any = np
FIRST = 2.0**40
"""The number of the first entry of an operand: constants are below, or far beyond."""


class Shared:
    """What several results depend on: one entry for each place of ``shape``."""

    def __init__(self, shape: tuple[int, ...], pattern: Pattern) -> None:
        self.shape = shape
        self.pattern = pattern


def moved_from(function: Callable[..., Any], shapes: Sequence[tuple[int, ...]]) -> Any:
    """Return where the entries of a result come from, of a function that moves entries.

    The entries of its operands are numbered one after the other, and it is run on their
    numbers, which begin at FIRST; -1 is a constant. ``None`` where it takes no numbers.
    """
    starts = [0, *itertools.accumulate(map(math.prod, shapes))]
    end = FIRST + starts.pop()
    numbers = [
        _np.arange(FIRST + n, FIRST + n + math.prod(shape)).reshape(shape)
        for n, shape in zip(starts, shapes, strict=True)
    ]
    try:
        found = _np.asarray(_np.real(function(*numbers)))
    except (TypeError, ValueError):
        return None
    if found.dtype != _np.float64:
        return None  # it does not hold the numbers
    is_moved = (found >= FIRST) & (found < end)
    places = _np.where(is_moved, found - FIRST, -1)
    return places.ravel().astype(_np.int32 if end - FIRST < 1 << 31 else _np.intp)


def is_array(x: Any) -> bool:
    """Tell whether an argument is a constant array."""
    return isinstance(x, ndarray)


__all__ = ["FIRST", "Shared", "is_array", "moved_from"]
