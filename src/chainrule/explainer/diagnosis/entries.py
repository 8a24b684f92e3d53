"""Entries of values: the first where something holds, and the operands' numbers there.

Values here are real or complex numbers and arrays; tuples of several results have no
entries.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.explainer.account.account import Account
from chainrule.explainer.account.brief import is_tuple
from chainrule.explainer.account.views import VertexView
from chainrule.nodes.admission import is_inexact
from chainrule.nodes.recorder import record
from chainrule.rules import elementwise
from chainrule.transforms.products import jvp
from chainrule.values.vertices import unboxed

Mask = NDArray[np.bool]
Entry = tuple[int, ...]
Predicate = Callable[[Any], Any]


def numbers(x: Any) -> NDArray[Any] | None:
    """Return a value as an array of inexact numbers, ``None`` if it is none."""
    x = unboxed(x)
    if is_tuple(x) or not is_inexact(x):
        return None
    return np.asarray(x)


def where(x: Any, holds: Predicate) -> Mask | None:
    """Return where something holds of a value, ``None`` if it holds nowhere."""
    array = numbers(x)
    if array is None:
        return None
    mask = np.asarray(holds(array))
    return mask if mask.any() else None


def shape_of(x: Any) -> tuple[int, ...]:
    """Return the shape of a value; that of several results in a tuple is none."""
    return () if is_tuple(x) else np.shape(x)


def first(mask: Mask) -> Entry:
    """Return the first entry of a mask that holds."""
    return tuple(int(i) for i in np.argwhere(mask)[0])


def is_elementwise(v: VertexView) -> bool:
    """Tell whether each entry of a result is made of one entry of each operand."""
    return isinstance(v.rule, type) and issubclass(v.rule, elementwise)


def at(x: Any, entry: Entry | None, shape: tuple[int, ...]) -> Any:
    """Return what an operand has at an entry of the result, or all of it."""
    value: Any = unboxed(x)
    if entry is not None and not is_tuple(x) and np.ndim(value):
        with contextlib.suppress(ValueError, IndexError):
            value = np.broadcast_to(value, shape)[entry]
    is_scalar = hasattr(value, "item") and not np.ndim(value)
    return value.item() if is_scalar else value


def own_entry(x: Any, entry: Entry | None, shape: tuple[int, ...]) -> Entry | None:
    """Return the entry of an operand that an entry of the result is made of."""
    if entry is None:
        return None
    lengths = shape_of(x)
    own = entry[len(entry) - len(lengths) :] if lengths else ()
    return tuple(0 if n == 1 else i for i, n in zip(own, lengths, strict=True))


def slope_at(v: VertexView, position: int, x: Any, direction: Any) -> Any:
    """Return the derivative of an operation along a direction, at another operand."""
    values = [unboxed(operand.value) for operand in v.operands]

    def result(moved: Any) -> Any:
        operands = [*values[:position], moved, *values[position + 1 :]]
        return record(v.rule, operands, v.parameters)

    with np.errstate(all="ignore"):
        return np.asarray(jvp(result, (x[()],), (direction[()],))[1])


def numbers_at(account: Account, v: VertexView, entry: Entry | None) -> dict[str, Any]:
    """Return the values of an operation's operands and result at an entry, by name."""
    if not is_elementwise(v):
        entry = None
    shape = shape_of(v.value)
    found: dict[str, Any] = {}
    for x in v.operands:
        name = account.written(x)
        value = at(x.value, entry, shape)
        if name != str(value) and isinstance(x.index, int):
            found[name] = value
    found[v.name] = at(v.value, entry, shape)
    return found


def is_rounded(account: Account, index: int | None) -> bool:
    """Tell whether a value carries rounding errors: it was computed, not only moved."""
    while index is not None:
        v = account.vertices[index]
        if v.rule is None:
            return False
        if not (getattr(v.rule, "moves", False) or v.operation in _EXACT):
            return True
        index = next((x.index for x in v.operands if x.index is not None), None)
    return False


_EXACT = frozenset(("negative", "absolute", "identity", "getitem", "item", "astype"))

__all__ = [
    "at",
    "first",
    "is_elementwise",
    "is_rounded",
    "numbers",
    "numbers_at",
    "own_entry",
    "shape_of",
    "slope_at",
    "where",
]
