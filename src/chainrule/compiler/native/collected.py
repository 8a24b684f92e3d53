"""Entries that are collected from, or added at, places in no order: in machine code.

In: the places, which are known before. Out: a function of an array, called as it
stands, or in place by a tape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.calls import Call, Function, call_on
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.movements import picked
from chainrule.compiler.native.sharing import SharedCode
from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.writer import RECORD, Writer
from chainrule.values.shapes import Shape


class Collected(SharedCode):
    """A read or a sum at places of an array.

    Attributes
    ----------
    shape
        That of the result.
    places
        For each entry of what is read, or added, its flat place in the array.
    """

    keeps_shape = True
    operations = 2
    arrays = 3

    def __init__(self, shape: Shape, places: Any) -> None:
        """Keep the places."""
        self.shape = shape
        self.size: int = math.prod(shape)
        self.places: Any = np.ascontiguousarray(np.ravel(places), dtype=np.int64)

    def compiled(self) -> Any:
        """Compile it, for all places."""
        unit = Unit()
        writer = Writer(unit, [RECORD])
        writer.opened(self.arrays)
        self.write(writer, *map(writer.entries, range(self.arrays)))
        writer.finish("collected")
        return Function(Functions(unit, 2), "collected")

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Call:
        """Return the call that works on these arrays."""
        count = len(self.places)
        return call_on(self.code, self.size, count, (self.places, *given, *found))

    def write(self, writer: Writer, places: str, *arrays: str) -> None:
        """Write the loop over ``%last`` places; the result has ``%first`` entries."""
        raise NotImplementedError


class Gathered(Collected):
    """What is read at the places: ``np.take``, for example."""

    __name__ = text = "take"

    def __call__(self, x: Any) -> Any:
        """Return the entries."""
        return np.take(np.ravel(x), self.places).reshape(self.shape)

    def write(self, writer: Writer, places: str, *arrays: str) -> None:
        """Write it."""
        x, z = arrays
        with writer.loop("%last", certain=False) as loop:
            k = writer.add(f"load i64, ptr {writer.at(places, loop.i, 8)}")
            entry = writer.load(writer.moved(x, k))
            writer.store(entry, writer.moved(z, loop.i))


class Scattered(Collected):
    """Zeros with entries added at the places, in their order: ``unindex``."""

    __name__ = text = "unindex"

    def __call__(self, x: Any) -> Any:
        """Return the sums."""
        weights = np.ravel(x)
        found = np.bincount(self.places, weights=weights, minlength=self.size)
        return found.reshape(self.shape)

    def write(self, writer: Writer, places: str, *arrays: str) -> None:
        """Write it."""
        x, z = arrays
        with writer.loop("%first", certain=False) as loop:
            writer.store("0.0", writer.moved(z, loop.i))
        _write_sums(writer, places, x, z)


class AddedAt(Collected):
    """An array with entries added at the places, in their order: ``np.add.at``."""

    __name__ = text = "added_at"
    arrays = 4

    def __call__(self, x: Any, y: Any) -> Any:
        """Return the sums."""
        z = np.array(x, np.float64, order="C")
        np.add.at(z.ravel(), self.places, np.ravel(y))
        return z

    def write(self, writer: Writer, places: str, *arrays: str) -> None:
        """Write it."""
        x, y, z = arrays
        with writer.loop("%first", certain=False) as loop:
            entry = writer.load(writer.moved(x, loop.i))
            writer.store(entry, writer.moved(z, loop.i))
        _write_sums(writer, places, y, z)


def _write_sums(writer: Writer, places: str, x: str, z: str) -> None:
    """Write the loop that adds entries into an array."""
    with writer.loop("%last", certain=False) as loop:
        k = writer.add(f"load i64, ptr {writer.at(places, loop.i, 8)}")
        at = writer.moved(z, k)
        part = writer.load(writer.moved(x, loop.i))
        total = writer.operation("add", 1, writer.load(at), part)
        writer.store(total, at)


def scattered_at(index: Any, shape: Shape) -> Scattered:
    """Return ``unindex`` for one index, of which it is known where each entry goes."""
    return Scattered(shape, picked(index, shape))


__all__ = ["AddedAt", "Collected", "Gathered", "Scattered", "scattered_at"]
