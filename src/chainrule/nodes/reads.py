"""Reading a part of an array: ``x[index]``."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from chainrule.nodes.admission import plain_index
from chainrule.nodes.recorder import new, next_serial, plan_of, record
from chainrule.operations_grad.entries import READ
from chainrule.operations_grad.indexing import getitem_grad
from chainrule.steps.step import Step
from chainrule.values.shapes import ndarray
from chainrule.values.versions import NOTED

INTEGERS: Any = frozenset((np.int64, np.int32))
"""NumPy's integers that loops run over."""
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
    if kind is not int and kind is not slice:
        if kind in INTEGERS:
            index, kind = int(index), int
        elif kind is tuple and BASIC_PARTS.issuperset(map(type, index)):
            kind = int
    if (kind is not int and kind is not slice) or type(x_) is not ndarray:
        return record(getitem_grad, (x,), {"index": plain_index(index)})
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
