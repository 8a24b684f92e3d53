"""Filling an array entry by entry: the writes that nobody looks between are one.

A loop that fills an array would make an older version of it with each write, and of
these nobody ever asks for any. So an array whose single entry was written is *being
filled* until somebody looks at it: its writes are entered in a table, and a read of an
entry of the table returns what was put there. Whoever asks for anything else, its value
or what it was made from, finds one write of all entries of the table: what they hold,
stacked, in their places.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from chainrule.nodes.admission import NONE
from chainrule.nodes.node_class import node
from chainrule.nodes.reads import INTEGERS, read
from chainrule.nodes.recorder import new, next_serial, plan_of
from chainrule.operations_grad.entries import ENTRIES, READ, WRITE, WRITE_CONSTANT
from chainrule.operations_grad.indexing import setitem_grad
from chainrule.values.containers import declare_value
from chainrule.values.overwritten import Log
from chainrule.values.shapes import ndarray
from chainrule.values.types import Index
from chainrule.values.versions import FROZEN, LOCK, SEALS, Memory

_slots: Any = node
_float64: Any = np.float64
_FLOAT64 = np.dtype(np.float64)


class on_demand:  # noqa: N801
    """A slot of a node whose state is made when it is asked for."""

    def __init__(self, slot: Any, make: Callable[[Any], None]) -> None:
        """Guard a slot of the node class; ``make(z)`` changes the class of ``z``."""
        self.slot = slot
        self.make = make

    def __get__(self, z: Any, owner: Any = None) -> Any:
        """Make the state and return it."""
        self.make(z)
        return self.slot.__get__(z)

    def __set__(self, z: Any, value: Any) -> None:
        """Make the state and change it."""
        self.make(z)
        self.slot.__set__(z, value)


class Table(dict[Any, Any]):
    """What was put into which entry of an array since its newest version.

    Attributes
    ----------
    shape
        That of the array.
    length, rows
        How many entries, or arrays, an integer may be the index of: one of them is 0.
    """

    __slots__ = ("length", "rows", "shape")

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Start without entries."""
        self.shape: tuple[int, ...] = shape
        self.length: int = shape[0] if len(shape) == 1 else 0
        self.rows: int = shape[0] if len(shape) > 1 else 0

    def place(self, index: Any) -> Any:
        """Return the key of an entry; ``None`` if an index is of none, or of several.

        One entry has one key: an integer, or several of them, none negative.
        """
        kind: Any = index.__class__
        if kind is int or kind in INTEGERS:
            length = self.length
            return int(index) % length if -length <= index < length else None
        shape = self.shape
        if kind is not tuple or len(index) != len(shape) or len(index) < 2:
            return None
        if len(index) == 2:  # without a loop, which takes twice as long
            i, j = index
            if type(i) is int and type(j) is int:
                return index if 0 <= i < shape[0] and 0 <= j < shape[1] else None
            return None
        places: Any = zip(index, shape, strict=True)
        return index if all(type(i) is int and 0 <= i < n for i, n in places) else None


class filled(node):  # noqa: N801
    """An array that is being filled: its latest writes are in a table.

    They go into its memory when somebody looks, so that a write is one step, which no
    other thread can see half done.
    """

    __slots__ = ()
    row: ClassVar[Callable[[Any, int], Any]]
    """Returns a row of one as a view; set by ``stale_views``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value, which no write changes."""
        table = self._memory.table
        return self._value.shape if table is None else table.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the value, which no write changes."""
        return _FLOAT64 if self._memory.table is not None else self._value.dtype

    def __setitem__(self, index: Index, value: Any) -> None:
        """Enter a number, or a node of one, that is written into one entry."""
        kind: Any = value.__class__
        known = self._memory
        table = known.table
        if (
            table is not None
            and (value._value.__class__ if kind is node else kind) in _FLOATS
            and not SEALS.count
        ):
            place: Any = index
            if type(index) is not int or not 0 <= index < table.length:
                place = table.place(index)
            if place is not None:
                table[place] = value
                if known.table is table:  # else another thread has looked meanwhile
                    return
        settle(self)
        node.__setitem__(self, index, value)

    def __getitem__(self, index: Index) -> Any:
        """Return what was put into an entry, or read one that was not written since."""
        table = self._memory.table
        if table is not None:
            place: Any = index
            given: Any = table.get(index) if type(index) is int else None
            if given is None:
                place = table.place(index)
                given = table.get(place)
            if type(given) is node and type(given._value) is _float64:
                step = given._step
                if step is not None and step.returns_numbers:
                    return given  # nobody can change it
            elif given is None and place is not None:
                given = _read(self, place)
                if given is not None:
                    return given
            elif type(index) is int and 0 <= index < table.rows:
                return filled.row(self, index)
        return read(self, index)


filled.__name__ = filled.__qualname__ = "node"
declare_value(filled)


_FLOATS: Any = frozenset((float, _float64, np.float32))
NUMBERS: Any = _FLOATS | {int}
"""Classes of what is written into entries; integers may be too large for a float."""


def _read(y: Any, place: Any) -> Any:
    """Return an entry that was not written; ``None`` if another thread wrote it."""
    with LOCK:
        known = y._memory
        if known.table is None or place in known.table:
            return None
        z = new(node)
        z._value, z._step, z._parameters = known.log.array[place], READ, place
        z.operands, z.serial = (known.versions[-1],), next_serial()
        return z


def begin(y: Any, known: Memory, index: Any, value: Any) -> bool:
    """Begin to fill an array after a write of one entry; tell whether it was one.

    The array has been changed already, and ``known`` has its newest version.
    """
    array: Any = known.log and known.log.array
    number: Any = (value._value if type(value) is node else value).__class__
    is_double = type(array) is ndarray and array.dtype is _FLOAT64
    if not is_double or number not in NUMBERS:
        return False
    table = Table(array.shape)
    place = table.place(index)
    if place is None:
        return False
    table[place] = value
    y.operands, y._parameters = (), NONE
    known.table = table
    y.__class__ = filled
    return True


def settle(y: Any) -> None:
    """Make the writes into an array that is being filled one vertex: the array."""
    with LOCK:
        if y.__class__ is not filled:
            return
        known: Any = getattr(y, "_memory", FROZEN)
        entered, known.table = known.table, None
        if entered is not None:  # else a new result, whose class is that of an operand
            old = known.versions[-1]
            try:
                step, given, parameters = _written(entered.copy(), old, known.log)
            except BaseException:  # the memory is full, or the user interrupts
                known.table = entered
                raise
            _slots._step.__set__(y, step)
            _slots._parameters.__set__(y, parameters)
            _slots.operands.__set__(y, (old, given))
            _slots.serial.__set__(y, next_serial())
        y.__class__ = node  # last: other threads do not look before


def _written(table: dict[Any, Any], old: Any, log: Log) -> tuple[Any, Any, Any]:
    """Write the entries of a table; return the step, its operand and parameters."""
    if len(table) == 1:
        ((place, given),) = table.items()
        log.array[place] = given._value if type(given) is node else given
        return (WRITE if type(given) is node else WRITE_CONSTANT), given, place
    index, operands = _index_of(table), tuple(table.values())
    numbers = [x._value if type(x) is node else x for x in operands]
    given: Any = np.fromiter(numbers, _FLOAT64, len(numbers))
    log.enter(index, log.array[index].copy(), old.serial)
    log.array[index] = given
    is_node = any(type(x) is node for x in operands)
    if is_node:
        z = new(node)
        z._value, z._step, z._parameters = given, ENTRIES, NONE
        z.operands, z.serial = operands, next_serial()
        given = z
    return plan_of(setitem_grad, (True, is_node)).step, given, {"index": index}


def _index_of(table: dict[Any, Any]) -> Any:
    """Return the index of the entries of a table, each of them once."""
    if type(next(iter(table))) is tuple:
        return tuple(np.array(list(table)).T.copy())
    places = np.fromiter(table, np.intp, len(table))
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 == len(places) and bool((places[1:] > places[:-1]).all()):
        return slice(first, last + 1)
    return places


for _name in (
    "_grad",
    "_like",
    "_parameters",
    "_step",
    "_value",
    "operands",
    "serial",
):
    setattr(filled, _name, on_demand(getattr(node, _name), settle))
