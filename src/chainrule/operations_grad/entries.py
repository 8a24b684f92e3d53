"""Steps of reads and writes of single entries, which loops make by the million.

Such a vertex keeps its index bare, where others keep a mapping of parameters. The steps
do what those of ``getitem_grad`` and ``setitem_grad`` do, to which they leave what is
not plain.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from chainrule.operations_grad.indexing import getitem_grad, setitem_grad
from chainrule.operations_grad.shaping import stack_grad
from chainrule.rules.namespace import plain
from chainrule.rules.supports import fit
from chainrule.steps.owned_arrays import GIVEN, accumulate_by, add_into
from chainrule.steps.step import Step, named, reference_step
from chainrule.steps.tangent_step import tangent_step_of
from chainrule.values.shapes import ndarray
from chainrule.values.vertices import vertex

Bars = dict[vertex, Any]
_REAL: Any = frozenset((float, np.float64, np.float32))
_REAL_OR_NONE = _REAL | {type(None)}
_count = sys.getrefcount


def _probe() -> int:
    bars = {"x": np.empty(1)}
    c = bars["x"]
    return _count(c)


_HELD_ONCE = _probe()
"""Reference count of an array that is held by one table and one name."""


def _read(z: vertex, z_grad: Any, bars: Bars) -> None:
    """x_grad[index] += z_grad"""
    (x,) = z.operands
    c = bars[x]
    if (
        type(z_grad) in _REAL
        and type(c) is ndarray
        and _count(c) == _HELD_ONCE
        and c.base is None
    ):
        c[z._parameters] += z_grad
        return
    del c
    index: dict[str, Any] = {"index": z._parameters}
    v = x._like
    try:
        accumulate_by(bars, x, v, getitem_grad.accumulate_x, z_grad, index)
    except (TypeError, ValueError):
        part: Any = getitem_grad.transpose_x(plain, z_grad, v, **index)
        add_into(bars, x, fit(plain, part, v))


def _write(z: vertex, z_grad: Any, bars: Bars) -> None:
    """y_grad = z_grad[index]; x_grad = z_grad, zero at index, in its memory"""
    x, y = z.operands
    index: Any = z._parameters
    part = z_grad[index] if type(z_grad) is ndarray else None
    value = y._value
    if type(value) is float and type(part) is np.float64:
        part = float(part)
    elif type(value) is not type(part) or type(part) is ndarray or part is None:
        reference_step(z, z_grad, bars)
        return
    if _count(z_grad) != GIVEN or z_grad.base is not None:
        z_grad = z_grad.copy()
    z_grad[index] = 0.0
    c = bars[y]
    bars[y] = part if c is None else c + part
    if bars[x] is None:
        bars[x] = z_grad
    else:
        add_into(bars, x, z_grad)


def _write_constant(z: vertex, z_grad: Any, bars: Bars) -> None:
    """x_grad = z_grad, zero at index, in its memory"""
    if type(z_grad) is not ndarray:
        reference_step(z, z_grad, bars)
        return
    x = z.operands[0]
    if _count(z_grad) != GIVEN or z_grad.base is not None:
        z_grad = z_grad.copy()
    z_grad[z._parameters] = 0.0
    if bars[x] is None:
        bars[x] = z_grad
    else:
        add_into(bars, x, z_grad)


def _entries(z: vertex, z_grad: Any, bars: Bars) -> None:
    """x_grad, y_grad, ... = z_grad[0], z_grad[1], ..."""
    if type(z_grad) is not ndarray:
        reference_step(z, z_grad, bars)
        return
    for x, part in zip(z.operands, z_grad, strict=True):
        if not isinstance(x, vertex):
            continue
        kind: Any = x._value.__class__
        if kind is float:
            part = float(part)
        elif kind is not type(part):
            part = fit(plain, part, x._value)
        c = bars[x]
        bars[x] = part if c is None else c + part


# -------------------------------------------------------------------- tangents


def _pushed_read(z: vertex, dots: Bars) -> Any:
    """z_dot = x_dot[index]"""
    x_dot: Any = dots.get(z.operands[0])
    if type(x_dot) is ndarray:
        z_dot: Any = x_dot[z._parameters]
        if type(z_dot) is type(z._value):
            return z_dot
    return None if x_dot is None else _read_by_rule(z, dots)


def _pushed_write(z: vertex, dots: Bars) -> Any:
    """z_dot = x_dot, y_dot at index, in its memory"""
    x, y = z.operands
    if x.passes_on:
        y_dot: Any = dots.get(y, 0.0) if isinstance(y, vertex) else 0.0
        x_dot: Any = dots.pop(x, None)
        own = type(x_dot) is ndarray and _count(x_dot) == _HELD_ONCE - 1
        if own and x_dot.base is None and type(y_dot) in _REAL:
            x_dot[z._parameters] = y_dot
            return x_dot
        if x_dot is not None:
            dots[x] = x_dot
    return _write_by_rule(z, dots)


def _pushed_entries(z: vertex, dots: Bars) -> Any:
    """z_dot = x_dot, y_dot, ..., stacked"""
    parts: Any = [dots.get(x) if isinstance(x, vertex) else None for x in z.operands]
    if not _REAL_OR_NONE.issuperset(map(type, parts)):
        return _entries_by_rule(z, dots)
    if not any(part is not None for part in parts):
        return None
    return np.array([0.0 if part is None else part for part in parts], z._value.dtype)


READ: Step = named(_read, getitem_grad, ("entry", (True,)))
"""The step of ``x[index]`` where that is one entry."""
WRITE: Step = named(_write, setitem_grad, ("entry", (True, True)))
"""The step of ``x[index] = y`` where both are one number and ``y`` is a node."""
WRITE_CONSTANT: Step = named(_write_constant, setitem_grad, ("entry", (True, False)))
"""The step of ``x[index] = y`` where ``y`` is a constant number."""
ENTRIES: Step = named(_entries, stack_grad, ("entries", (True,)))
"""The step of an array of numbers, some of which are nodes."""

_read_by_rule, _write_by_rule = tangent_step_of(READ), tangent_step_of(WRITE)
_entries_by_rule = tangent_step_of(ENTRIES)
_pushed: Any = {READ: _pushed_read, WRITE: _pushed_write, WRITE_CONSTANT: _pushed_write}
_pushed[ENTRIES] = _pushed_entries
for _step, _push in _pushed.items():
    _step.tangent_step = _push
