"""Views of arrays that were written: made again when somebody looks at them.

A write takes the state of the views of what it changes: they are *stale*, and have a
class whose slots make them again from their base when they are asked for. A single
entry of a stale view is read and written where it lies in the array that owns the
memory, so that a loop which fills an array through a view makes that view once.
"""

from __future__ import annotations

import math
import weakref
from typing import Any, NamedTuple

import numpy as np

from chainrule.nodes.node_class import node
from chainrule.nodes.reads import read
from chainrule.nodes.recorder import new, next_serial, plan_of
from chainrule.numpy.filling import Table, filled, on_demand
from chainrule.numpy.overwriting import move
from chainrule.operations_grad.indexing import getitem_grad
from chainrule.rules.namespace import evaluate
from chainrule.values.containers import declare_value
from chainrule.values.shapes import ndarray
from chainrule.values.types import Index
from chainrule.values.versions import LOCK, Memory, memory_of, resolved


def outdate(known: Memory) -> None:
    """Take the state of a written array's views: they are made again when looked at."""
    views, known.views = known.views, []
    for reference in views:
        z = reference()
        if z is None or z.__class__ in _FRESH:
            continue
        below = memory_of(z)
        old = new(z.__class__)
        old._value = z._value
        move(z, old)
        z._value, z.operands = None, ()
        z.__class__ = _stale_class(z.__class__)
        below.keep(old)
        resolved(old)
        if z.watched:
            z.exchanged(z, old)
        outdate(below)


def _refresh(z: node) -> None:
    """Make a view again from its base."""
    with LOCK:
        view_class = z.__class__
        if view_class not in _FRESH:
            return
        base = memory_of(z).base
        slots: Any = node
        value = evaluate(z._step.rule, [base._value], z.parameters)
        slots._value.__set__(z, value)
        slots.operands.__set__(z, (base,))
        slots.serial.__set__(z, next_serial())
        z.__class__ = _FRESH[view_class]  # last: other threads do not look before
        memory_of(base).views.append(weakref.ref(z))


_LOST = ("_grad", "_value", "operands")
_STALE: dict[type, type] = {}
_FRESH: dict[type, type] = {}


def _stale_class(node_class: type) -> type:
    """Return the class of a view that is out of date; those of others stay fast."""
    stale = _STALE.get(node_class)
    if stale is None:
        slots: Any = {k: on_demand(getattr(node, k), _refresh) for k in _LOST}
        slots["_like"] = slots["_value"]
        slots |= {"__slots__": (), "serial": math.inf}  # younger than all that used it
        slots |= {"__getitem__": _read, "__setitem__": _write}
        stale = type(node_class.__name__, (node_class,), slots)
        stale.__module__ = node_class.__module__
        _FRESH[stale] = node_class
        _STALE[node_class] = stale
        declare_value(stale)
    return stale


# --------------------------------------------------------------------- single entries


class Layout(NamedTuple):
    """Where the entries of a view lie in the array that owns the memory, its root.

    Attributes
    ----------
    root, whole
        That array, and its shape; it lies in memory by rows.
    shown, offset, strides
        A table of the view's shape, which stays empty, and where the view's entries
        are, counted in entries.
    """

    root: Any
    whole: tuple[int, ...]
    shown: Table
    offset: int
    strides: tuple[int, ...]

    def place(self, index: Any) -> Any:
        """Return the index in the root of a single entry; ``None`` of anything else."""
        found = self.shown.place(index)
        if found is None:
            return None
        parts = found if found.__class__ is tuple else (found,)
        flat = self.offset + sum(map(int.__mul__, parts, self.strides))
        places: list[int] = []
        for length in reversed(self.whole[1:]):
            flat, last = divmod(flat, length)
            places.append(last)
        return (flat, *reversed(places)) if places else flat


def _layout(z: Any) -> Layout | None:
    """Return where a view lies; ``None`` if its entries are not found so."""
    chain: list[Any] = []
    while (known := memory_of(z)).base is not None:
        if known.locked or known.copies or z.watched:
            return None
        chain.append(z)
        z = known.base
    if z.__class__ is not node and z.__class__ is not filled:
        return None
    value = known.log.array if z.__class__ is filled and known.log else z._value
    if type(value) is not ndarray or not value.flags.c_contiguous or not value.size:
        return None
    memory: Any = np.empty(value.shape, value.dtype)  # nobody touches it
    view = memory
    for v in reversed(chain):
        view = evaluate(v._step.rule, [view], v.parameters)
        if type(view) is not ndarray or view.base is None:
            return None
    if view.dtype != value.dtype or not np.may_share_memory(view, memory):
        return None
    if not view.flags.writeable:
        return None
    start, first = (x.__array_interface__["data"][0] for x in (memory, view))
    size = value.itemsize
    strides = tuple(step // size for step in view.strides)
    shown = Table(view.shape)
    return Layout(z, value.shape, shown, (first - start) // size, strides)


def entry_of(z: Any, index: Index) -> tuple[Any, Any]:
    """Return the root of a view, and where an entry is in it, or ``None``."""
    known = memory_of(z)
    if known.layout is None:
        known.layout = _layout(z) or False
    layout: Any = known.layout
    return (layout.root, layout.place(index)) if layout else (None, None)


def _read(z: Any, index: Index) -> Any:
    """Return an entry of a stale view from its root, or a part of it made again."""
    root, place = entry_of(z, index)
    return read(z, index) if place is None else root[place]


def _write(z: Any, index: Index, value: Any) -> None:
    """Write an entry of a stale view into its root, or a part into it made again."""
    root, place = entry_of(z, index)
    if place is None:
        _refresh(z)
        z[index] = value
    else:
        root[place] = value


def _row(y: Any, index: int) -> Any:
    """Return a row of an array that is being filled as a view that is made later."""
    z = new(_stale_class(node))
    z._step, z._parameters = plan_of(getitem_grad, (True,)).step, index
    memory_of(z).base = y
    return z


filled.row = _row  # type: ignore[attr-defined]
