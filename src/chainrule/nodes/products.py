"""Products of two arrays, ``x @ y`` and ``np.dot``: the short way into a recording.

It is that of an array and a number, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.nodes.admission import NONE
from chainrule.nodes.recorder import may_change, new, next_serial, plan_of
from chainrule.rules import multilinear, rule
from chainrule.values.shapes import ndarray
from chainrule.values.types import Mask, Operation
from chainrule.values.vertices import vertex

_float64 = np.float64
_BOTH, _FIRST, _SECOND = (True, True), (True, False), (False, True)


def is_product(operation: type[rule]) -> bool:
    """Tell whether a rule is of two operands, and linear in each."""
    two = not operation.variadic and len(operation.operand_names) == 2
    return two and issubclass(operation, multilinear)


def product(operation: type[rule], name: str, record: Operation) -> Operation:
    """Return the function of a product: of arrays what ``record`` does of others."""

    def recorded(x: Any, y: Any, *, where: Mask | None = None) -> Any:
        if isinstance(x, vertex):
            kind, x_ = x.__class__, x._value
            if y.__class__ is kind:
                y_, wanted = y._value, _BOTH
            else:
                y_, wanted = y, _FIRST
        elif isinstance(y, vertex):
            kind, x_, y_, wanted = y.__class__, x, y._value, _SECOND
        else:
            return record(operation, (x, y), where)
        known = x_.__class__ is ndarray and x_.dtype.kind in "fc"
        if y_.__class__ is ndarray:
            known = y_.dtype.kind in "fc" and (known or x_.__class__ is float)
        else:
            known = known and y_.__class__ is float
        if not known or where is not None:
            return record(operation, (x, y), where)
        plan = operation.plans.get(wanted) or plan_of(operation, wanted)
        value = operation.forward(x_, y_)
        if not plan.depends or (
            value.__class__ is not _float64
            and (value.__class__ is not ndarray or value.dtype.kind not in "fc")
        ):
            return record(operation, (x, y), where)
        z = new(kind)
        z._value = value
        z._step, z._parameters = plan.step, NONE
        z.operands = _held(x, y, plan.copied) if plan.copied else (x, y)
        z.serial = next_serial()
        if kind.watched:
            kind.created(z)
        return z

    recorded.__name__ = recorded.__qualname__ = name
    return recorded


def _held(x: Any, y: Any, copied: Sequence[int]) -> tuple[Any, ...]:
    """Return operands with copies of constants that others may write into."""
    if 0 in copied and x.__class__ is ndarray and may_change(x):
        x = x.copy()
    if 1 in copied and y.__class__ is ndarray and may_change(y):
        y = y.copy()
    return x, y
