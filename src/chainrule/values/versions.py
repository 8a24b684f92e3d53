"""Arrays that change: which version of one an operation saw, and who shares its memory.

A node of an array is a *handle*: writing into it gives it a new state, and the state
that it had moves to a node of its own, an older *version*. What was recorded before
still has the handle among its operands, and means that version. It is told by age: no
operand is ever younger than what was made from it, unless it was written afterwards.
So nothing is looked up, and nothing costs time, until a node was written.

A result that shares memory with its operand, as NumPy returns it, is a *view*. It is
noted here when it is recorded, and entered with its base when something is written.
"""

from __future__ import annotations

import contextlib
import operator
import threading
import weakref
from bisect import bisect_left
from collections import deque
from collections.abc import Generator, Iterable
from typing import Any

import numpy as np

from chainrule.errors import EscapeError, StaleValueError
from chainrule.locks import reentrant_lock
from chainrule.values.foreign import may_be_written
from chainrule.values.overwritten import Log
from chainrule.values.shapes import ndarray
from chainrule.values.types import Order
from chainrule.values.vertices import Count, raw, stand_in, vertex

LOCK = reentrant_lock()
"""Held while a node is written or brought up to date."""

WRITTEN: set[int] = set()
"""The memories, by identity, of all living nodes that were ever written."""


class Memory:
    """What a node that was written, is a view, or has views knows beside its state.

    Attributes
    ----------
    near
        Which version a sweep will probably ask for next.
    versions, ages
        The states that it had, the oldest first, as nodes, and their serial numbers.
    alone
        Whether it is no view, although its value shows memory of its operand.
    base
        The node whose memory it shows; ``None`` if it is no view.
    copies
        Whether what is read from it is a copy: of ``x.flat``.
    locked
        Whether NumPy lets nobody write into it.
    layout
        Of a view that was found stale: where its entries are (``stale_views``), or
        ``False``; ``None`` as long as nobody asked.
    log
        The writes into its memory, if that was written in place (``overwritten``).
    table
        What was put into which entry since the newest version, while it is being filled
        (``filling``); else ``None``.
    views
        Weak references to the nodes that show its own memory and are up to date.
    """

    __slots__ = (
        "ages",
        "alone",
        "base",
        "copies",
        "layout",
        "locked",
        "log",
        "near",
        "table",
        "versions",
        "views",
    )

    def __init__(self) -> None:
        """Start without versions and views."""
        self.versions: list[Any] = []
        self.ages: list[int] = []
        self.alone: bool = False
        self.base: Any = None
        self.copies: bool = False
        self.layout: Any = None
        self.locked: bool = False
        self.log: Log | None = None
        self.near: int = 1
        self.table: dict[Any, Any] | None = None
        self.views: list[weakref.ref[Any]] = []

    def keep(self, old: vertex) -> None:
        """Enter a state that was just replaced."""
        if not self.versions:
            WRITTEN.add(id(self))
        self.versions.append(old)
        self.ages.append(old.serial)
        old._memory = FROZEN
        WRITES.count += 1

    def __del__(self) -> None:
        """Leave the list of what was written."""
        if self.versions:
            WRITTEN.discard(id(self))


FROZEN: Memory = Memory()
"""The memory of every older version: nobody writes into it."""


WRITES = Count()
"""How many writes there were, so that what was sorted before can be told."""


def memory_of(x: vertex) -> Memory:
    """Return a node's memory, made when it is first asked for."""
    try:
        return x._memory
    except AttributeError:
        made = x._memory = Memory()
        return made


def version(x: vertex, serial: int) -> vertex:
    """Return the version of a node that something recorded at this age has used."""
    if x.serial < serial:
        return x
    try:
        known = x._memory
    except AttributeError:
        return x
    versions: list[Any] = known.versions
    if not versions:
        return x
    ages, place = known.ages, known.near
    if place >= len(ages) or not ages[place - 1] < serial <= ages[place]:
        place = max(bisect_left(ages, serial), 1)
    known.near = place - 1 or 1  # sweeps ask for one after the other, from the youngest
    return versions[place - 1]


def first(x: vertex) -> Any:
    """Return the state that a node had when it was made."""
    versions = getattr(x, "_memory", FROZEN).versions
    return versions[0] if versions else x


def resolved(z: vertex) -> tuple[Any, ...]:
    """Return a node's operands, each in the version that was used; keep them so."""
    operands, serial = z.operands, z.serial
    versions: Any
    if len(operands) == 1 and isinstance(operands[0], vertex):  # what loops read
        versions = (version(operands[0], serial),)
    else:
        versions = tuple(
            [version(x, serial) if isinstance(x, vertex) else x for x in operands]
        )
    if all(map(operator.is_, versions, operands)):
        return operands
    if z._step.form is None and "grad_ops" in z.parameters:
        raise StaleValueError(
            f"{z!r} has a gradient class written by hand, and one of its vertices was "
            "changed in place afterwards, so that its backward() would read the new "
            "value. Make the vertex a copy first (np.copy(x)), or declare the "
            "operation with gd.custom_operation(forward, pullback)."
        )
    z.operands = versions
    return versions


# ------------------------------------------------------------------ repeated functions


class _Sealed(threading.local):
    def __init__(self) -> None:
        self.runs: list[tuple[int, str, str]] = []


SEALED = _Sealed()
SEALS = Count()
"""How many runs are sealed in all threads: asked by the million, where it is none."""


_REPEATED = (
    "but is run again for derivatives or by each step. Pass the array as an argument "
    "and return it, or"
)


@contextlib.contextmanager
def sealed(start: int, what: str, why: str = _REPEATED) -> Generator[None]:
    """Let nobody write into arrays from before ``start``: ``what`` is run again."""
    SEALED.runs.append((start, what, why))
    with LOCK:
        SEALS.count += 1
    try:
        yield
    finally:
        with LOCK:
            SEALS.count -= 1
        SEALED.runs.pop()


def refuse_outside(x: vertex) -> None:
    """Raise where a function that is run again would write into an outer array."""
    for start, what, why in SEALED.runs:
        if first(x).serial < start:
            raise EscapeError(
                f"{what} writes into an array from outside, {x!r}, {why} write into a "
                "copy: np.copy(x)."
            )


# ------------------------------------------------------------------------------- views


class Noted(deque[Any]):
    """Weak references to results that may be views, not entered with their bases."""

    bound: int = 1 << 10

    def note(self, z: vertex) -> None:
        """Keep a weak reference to a result."""
        self.append(weakref.ref(z))
        if len(self) > self.bound:
            self.prune()

    def prune(self) -> None:
        """Drop those that are gone; look again when there are twice as many."""
        with LOCK:
            for _ in range(len(self)):  # other threads may append meanwhile
                r = self.popleft()
                if r() is not None:
                    self.append(r)
            self.bound = max(2 * len(self), 1 << 10)


NOTED = Noted()


def array_of(value: Any) -> Any:
    """Return a value if it is an array that may be written; of a trace the example.

    It is ``None`` of numbers, and of foreign arrays that do not tell.
    """
    if isinstance(value, stand_in):
        value = value.example
    return value if isinstance(value, ndarray) or may_be_written(value) else None


def is_writeable(value: Any) -> bool:
    """Tell whether the array of a value may be written; only NumPy's are locked."""
    array = array_of(value)
    return not isinstance(array, ndarray) or bool(array.flags.writeable)


def order_of(value: Any) -> Order:
    """Return the order in which NumPy makes arrays of one: by columns, or by rows."""
    known = array_of(value)
    return "F" if isinstance(known, ndarray) and known.flags.fnc else "C"


def shares(value: Any, source: Any) -> bool:
    """Tell whether a value is an array that shows memory of another one."""
    both = isinstance(value, ndarray) and isinstance(source, ndarray)
    if not both and not (may_be_written(value) and may_be_written(source)):
        return False
    base = getattr(value, "base", None)
    if both and base is not None and not isinstance(base, ndarray):
        return bool(np.may_share_memory(value, source))  # as_strided holds its own
    return value is source or (
        base is not None and (base is source or base is getattr(source, "base", None))
    )


def note(z: vertex, *, locked: bool = False) -> None:
    """Note a result as a view of its operand; ``locked``: nobody writes into it."""
    memory_of(z).locked = locked
    memory_of(z).base = z.operands[0]
    NOTED.note(z)


def enter_views() -> None:
    """Enter all views that were noted with their bases."""
    while NOTED:
        reference = NOTED.pop()
        z = reference()
        known = getattr(z, "_memory", None)
        if z is None or known is FROZEN or (known is not None and known.alone):
            continue
        base = z.operands[0]
        if getattr(getattr(base, "_memory", None), "copies", False):
            memory_of(z).alone = True
            continue
        if known is None or known.base is None:
            if not shares(array_of(z._value), array_of(base._value)):
                continue
            memory_of(z).base = base
        memory_of(base).views.append(reference)


def pinned(nodes: Iterable[Any], serial: int) -> list[Any]:
    """Return nodes in the versions of an age; other values as they are."""
    return [version(z, serial) if isinstance(z, vertex) else z for z in nodes]


def touched(nodes: Iterable[Any]) -> None:
    """Bring views among some values up to date."""
    for z in nodes:
        raw(z)
