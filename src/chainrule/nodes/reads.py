"""Reading a part of an array: ``x[index]``."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from chainrule.nodes.admission import plain_index
from chainrule.nodes.recorder import new, next_serial, plan_of, record
from chainrule.operations_grad.entries import READ, WRITE
from chainrule.operations_grad.indexing import getitem_grad
from chainrule.steps.step import Step
from chainrule.values.shapes import ndarray
from chainrule.values.versions import LOCK, NOTED

BASIC_PARTS = frozenset((int, slice))
"""The types of an index, or of the parts of one, that need no question."""


@functools.cache
def _step() -> Step:
    """Return the step of a read, whose text is written when it is first needed."""
    return plan_of(getitem_grad, (True,)).step


def read(x: Any, index: Any) -> Any:
    """Index as NumPy does: basic, with integer arrays, with masks, or mixed."""
    kind: Any = type(index)  # pyright: ignore[reportUnknownVariableType]
    x_ = x._value
    if kind is tuple and BASIC_PARTS.issuperset(map(type, index)):
        kind = int
    if (kind is not int and kind is not slice) or type(x_) is not ndarray:
        return record(getitem_grad, (x,), {"index": plain_index(index)})
    if x._step is WRITE and x_.dtype is _DOUBLE:
        given = _written_at(x, index)
        if given is not None:
            return given
    # What ``record`` would do, without its questions.
    z = new(x.__class__)
    z._value = value = x_[index]
    z._step = READ
    z._parameters = index
    z.operands = (x,)
    z.serial = next_serial()
    if type(value) is ndarray:
        z._step = _step()
        NOTED.note(z)
    if x.watched:
        x.created(z)
    return z


def _written_at(x: Any, index: Any) -> Any:
    """Return the number that the last two writes put at an entry; ``None`` if none.

    It is what a read of the entry would be: nobody can change it, and its cotangent is
    that of the entry. So a recurrence, ``y[i] = f(y[i - 1])``, reads no array.
    """
    _acquire()
    try:
        at, (before, given) = x._parameters, x.operands
    finally:
        _release()
    if at != index:
        if before._step is not WRITE or not _are_apart(at, index):
            return None
        at, (_, given) = before._parameters, before.operands
        if at != index:
            return None
    return given if _stays(given) else None


def _stays(z: Any) -> bool:
    """Tell whether a number cannot change, as a leaf and an array of no axes may."""
    step = z._step
    if type(z._value) is not np.float64 or step is None:
        return False
    return not step.rule.returns_arrays


def _are_apart(x: Any, y: Any) -> bool:
    """Tell whether two different places, integers or tuples of them, surely differ."""
    kind: Any = type(y)  # pyright: ignore[reportUnknownVariableType]
    if type(x) is int:
        return kind is int and (x < 0) == (y < 0)
    if kind is not tuple or slice in map(type, y):
        return False
    return min(x) >= 0 and min(y) >= 0


_DOUBLE = np.dtype(np.float64)
_acquire, _release = LOCK.acquire, LOCK.release
