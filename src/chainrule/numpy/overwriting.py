"""Writing into the memory of an array that nobody else holds, without a copy.

The handle keeps its array, and the version before becomes a node that makes its own
again if it is asked (``overwritten``). Whether somebody else holds the array is told by
the number of references to it. Views are the only ones that let go: they are given
copies of what they show, since they are made again from the written array.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule import operations
from chainrule.errors import StaleValueError
from chainrule.locks import has_global_lock
from chainrule.nodes.admission import NONE, kept
from chainrule.nodes.node_class import node
from chainrule.nodes.out import shown_index
from chainrule.nodes.recorder import as_operand, new, next_serial, plan_of
from chainrule.numpy.filling import NUMBERS, begin, settle
from chainrule.operations_grad.indexing import setitem_grad
from chainrule.values.containers import declare_value
from chainrule.values.foreign import PLAIN, alike, changes_memory, is_foreign
from chainrule.values.indices import foreign_part, is_basic
from chainrule.values.overwritten import Log
from chainrule.values.shapes import ndarray
from chainrule.values.types import Index
from chainrule.values.versions import FROZEN, LOCK, NOTED, SEALS, WRITES, Memory
from chainrule.values.vertices import GRADIENTS, raw, stand_in, vertex

_slots: Any = node
_VALUE: Any = _slots._value
_PLAIN = (vertex, float, int)


class overwritten(node):  # noqa: N801
    """A version whose memory was written into: its array is made when it is read."""

    __slots__ = ()
    transient = True

    @property
    def _value(self) -> Any:  # type: ignore[override]
        with LOCK:
            return _VALUE.__get__(self).restored(self.serial)

    @_value.setter
    def _value(self, value: Any) -> None:  # pyright: ignore
        """Take the value of a new result, whose class is that of an operand."""
        _VALUE.__set__(self, value)
        self.__class__ = node  # type: ignore[assignment]

    @property
    def _like(self) -> Any:  # type: ignore[override]
        return _VALUE.__get__(self).like

    @property
    def passes_on(self) -> bool:  # type: ignore[override]
        """Whether nothing that is younger than the write uses it."""
        return self.serial not in _VALUE.__get__(self).asked

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self._like.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the value."""
        return self._like.dtype

    @property
    def grad(self) -> Any:  # type: ignore[override]
        """That of a leaf; of a result it is not kept: backward() passes it on."""
        if self._step is None or hasattr(self, "_grad"):
            return super().grad
        raise StaleValueError(
            f"{self!r} is what an array was before it was changed in place, and "
            "backward() keeps no gradient of it. Write into a copy, np.copy(x), or "
            "ask for the derivative with gd.vjp."
        )


overwritten.__name__ = overwritten.__qualname__ = "node"
declare_value(overwritten)


def overwrite(
    y: node, known: Memory, index: Index, value: Any, outdate: Callable[..., None]
) -> bool:
    """Write into a node's own memory, if nobody else holds it; tell whether it was.

    ``known`` is the node's memory; it is no view. ``outdate(known)`` takes the state of
    its views.
    """
    settle(y)
    if type(y) is not node:
        return False
    foreign: bool = type(y._value) is not ndarray
    if foreign and not changes_memory(y._value):
        return False
    given: Any = value if isinstance(value, _PLAIN) else as_operand(value)
    is_node: bool = isinstance(given, vertex)
    if isinstance(raw(given), stand_in) or (is_node and given.watched):
        return False
    other = raw(given).__class__ not in PLAIN and is_foreign(raw(given))
    other = other or foreign_part(index) is not None
    if not is_basic(index) if foreign else other:
        return False
    if known.views and not _let_go(known, y._value.size):
        return False
    log = known.log
    alone = _holders(y) == (_ALONE if log is None else _ALONE + 1)
    array: Any = y._value
    if not alone or array.base is not None:
        return False
    try:
        saved, written = array[index], raw(given)
        if foreign:
            saved, written = copy.copy(saved), alike((array, written))[1]
        elif type(saved) is ndarray and saved.base is not None:
            saved = saved.copy()
        array[index] = written
    except BaseException:
        outdate(known)  # the views have let go
        raise
    if log is None:
        known.log = Log(array)
    _enter(y, known, kept(index), saved, given)
    outdate(known)
    begin(y, known, index, given)
    return True


def _enter(y: node, known: Memory, index: Index, saved: Any, given: Any) -> None:
    """Make the state before a write an older version, and enter what it has lost."""
    log: Any = known.log
    old = new(overwritten)
    move(y, old)
    _VALUE.__set__(old, log)
    log.enter(index, saved, old.serial)
    log.gradients = GRADIENTS.count  # the node has handed on what it had
    known.keep(old)
    y._step = plan_of(setitem_grad, (True, isinstance(given, vertex))).step
    y._parameters = {"index": index}
    y.operands, y.serial = (old, old if given is y else given), next_serial()


def move(y: node, old: node) -> None:
    """Hand the state of a node to another one, which is new; all but its value."""
    old._step, old.operands = y._step, y.operands
    old._parameters, old.serial = getattr(y, "_parameters", NONE), y.serial
    if hasattr(y, "_grad"):
        old._grad = y._grad
        del y._grad


def _holders(y: node) -> int:
    return sys.getrefcount(y._value)


def _probe() -> int:
    y = new(node)
    y._value = np.empty(1)
    return _holders(y)


_ALONE = _probe() if has_global_lock() else 0
"""The count of references to an array that a node alone holds.

Without Python's global lock no count says that nobody else holds an array.
"""


def _let_go(known: Memory, size: int) -> bool:
    """Let views hold copies of what they show; tell whether they are all smaller."""
    for reference in known.views:
        z = reference()
        if z is not None and type(z) is node:
            if z._value.size > size or not _let_go(z._memory, size):
                return False
            z._value = copy.copy(z._value)
    return True


# ------------------------------------------------------------------- one after another


def overwrite_again(y: node, index: Any, value: Any) -> bool:
    """Do what ``overwrite`` does of an array that it has written; tell whether it was.

    For an index of integers and slices, and a number or a node of one: what loops write
    by the million. All other questions are those of the first write.
    """
    kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType]
    given: Any = value._value if kind is node else value
    if type(given) not in NUMBERS:
        return False
    _acquire()  # ``with`` takes twice as long
    try:
        known = getattr(y, "_memory", FROZEN)
        log: Any = known.log
        seen = known.views or NOTED or SEALS.count
        if (
            seen
            or log is None
            or log.gradients != GRADIENTS.count
            or type(log.array) is not ndarray
            or _count(y._value) != _ALONE + 1
        ):
            return False
        array = log.array
        saved = array[index]
        if type(saved) is ndarray:
            saved = saved.copy()
        array[index] = given
        old = new(overwritten)
        old.serial = age = y.serial
        old._step, old.operands, old._parameters = y._step, y.operands, y._parameters
        old._memory = FROZEN
        _set_value(old, log)
        log.enter(index, saved, age)
        known.versions.append(old)
        known.ages.append(age)
        WRITES.count += 1
        if begin(y, known, index, value):
            return True
        y._step = plan_of(setitem_grad, (True, kind is node)).step
        y._parameters = {"index": index}
        y.operands, y.serial = (old, value), next_serial()
    finally:
        _release()
    return True


_acquire, _release = LOCK.acquire, LOCK.release
_count = sys.getrefcount
_set_value: Any = _VALUE.__set__


def repeated(value: ArrayLike, size: int, index: Index) -> Any:
    """Return the entries that go to a part of ``x.flat``: repeated, or cut off."""
    value = operations.asarray(value)
    flat: Any = np.empty(size).flat
    where = shown_index(index)
    flat[where] = np.empty(value.shape)  # NumPy's own refusal
    shape: Any = flat[where].shape
    if not value.shape or not value.size:
        return value if value.size else flat[where]
    found: Any = np.resize(value, shape) if shape else operations.reshape(value, ())
    return found
