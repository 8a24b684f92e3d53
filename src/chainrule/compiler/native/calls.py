"""Calls of machine code: functions of one address each, one after the other.

In: functions, and for each a record of what it works on. Out: what is called without
arguments; calls that follow each other are made by one call from Python, which costs
about as much as the work on a thousand numbers.
"""

from __future__ import annotations

import ctypes
import functools
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.writer import Writer


class Function:
    """A function of machine code, which takes one address."""

    def __init__(self, functions: Functions, name: str) -> None:
        """Look it up."""
        self.address: int = functions.address(name)
        self.run: Callable[[Any], None] = functions.function(name, 1)


class Call:
    """A function, and the address that it is called with."""

    def __init__(self, function: Function, place: int, alive: Any = None) -> None:
        """Keep both, and what must live as long."""
        self.function = function
        self.place = place
        self.alive = alive
        self._at = ctypes.c_ssize_t(place)  # made now, it costs nothing in calls

    def __call__(self) -> None:
        """Make the call."""
        self.function.run(self._at)


class Changing:
    """An array that is another in each call: it is entered where it is read."""

    def __init__(self, dtype: Any) -> None:
        """Hold none; those to come have this dtype."""
        self.array: Any = None
        self.dtype: Any = dtype
        self._records: list[tuple[array[int], int]] = []

    def is_in(self, record: array[int], i: int) -> None:
        """Note a place in the record of a call."""
        self._records.append((record, i))

    def hold(self, x: Any) -> None:
        """Have the calls read, or write, a contiguous array."""
        self.array = x
        place = id(x)
        for record, i in self._records:
            record[i] = place

    def take(self, x: Any) -> None:
        """Have the calls read an argument: in place, where that can be."""
        flags = x.flags
        direct = flags.c_contiguous and flags.aligned
        self.hold(x if direct else np.array(x, order="C"))

    def get(self) -> Any:
        """Return the array."""
        return self.array

    def release(self) -> None:
        """Let the array go: none may be read until another is held."""
        self.array = None


def call_on(
    function: Function,
    first: int,
    last: int,
    arrays: Sequence[Any],
    offsets: Sequence[int] = (),
) -> Call:
    """Return the call for a part of a loop: its bounds, then the arrays' objects.

    Where code is shared that reads arrays from different entries on, their ``offsets``
    follow, in bytes.
    """
    record = array("q", (first, last, *map(id, arrays), *offsets))
    for i, x in enumerate(arrays, 2):
        if isinstance(x, Changing):
            x.is_in(record, i)
    return Call(function, record.buffer_info()[0], (record, arrays))


class Calls:
    """Calls that one call from Python makes."""

    def __init__(self, calls: Sequence[Call]) -> None:
        """Write their table."""
        pairs = [(x.function.address, x.place) for x in calls]
        self._table = np.array(pairs, dtype=np.int64)
        self._calls = calls  # live as long
        self.table: tuple[int, int] = self._table.ctypes.data, len(calls)
        """Its address, and how many calls there are."""
        self._run = _runner()

    def __call__(self) -> None:
        """Make them."""
        self._run(*self.table)


def joined(steps: Iterable[Any]) -> list[Any]:
    """Return steps of which those are one that follow each other in machine code."""
    found: list[Any] = []
    calls: list[Call] = []
    for step in [*steps, None]:
        if isinstance(step, Call):
            calls.append(step)
            continue
        if calls:
            found.append(calls[0] if len(calls) == 1 else Calls(calls))
            calls = []
        if step is not None:
            found.append(step)
    return found


@functools.cache
def _runner() -> Callable[[int, int], None]:
    """Compile what goes through a table of functions and their addresses."""
    unit = Unit()
    writer = Writer(unit, ["ptr %table", "i64 %count"])
    write_calls(writer, "%table", "%count")
    writer.finish("run")
    return Functions(unit, 2).function("run", 2)


def write_calls(writer: Writer, table: str, count: str) -> None:
    """Write the loop over a table of functions and their addresses."""
    with writer.loop(count, certain=False) as loop:
        at = writer.at(table, loop.i, 16)
        function = writer.add(f"load ptr, ptr {at}")
        given = writer.add(f"load ptr, ptr {writer.at(at, 8, 1)}")
        writer.do(f"call void {function}(ptr {given})")


__all__ = [
    "Call",
    "Calls",
    "Changing",
    "Function",
    "call_on",
    "joined",
    "write_calls",
]
