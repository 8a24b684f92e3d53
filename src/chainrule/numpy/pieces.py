"""np.piecewise: functions of the entries that a condition chooses."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import MissingRuleError
from chainrule.nodes.admission import plain_operand
from chainrule.nodes.node_class import node
from chainrule.operations import namespace as ops
from chainrule.values.foreign import first_foreign
from chainrule.values.shapes import SEQUENCES, describe
from chainrule.values.types import Array
from chainrule.values.vertices import as_array, is_stand_in, raw, stand_in
from chainrule.wrapping import implements

_numpy: Any = np


@implements(np.piecewise)
def piecewise(
    x: ArrayLike, condlist: ArrayLike, funclist: Sequence[Any], *args: Any, **kw: Any
) -> Any:
    """z = f(x) with the f of the last condition that holds; 0 where none does.

    Each function sees, and is differentiated at, only the entries that it is used for.
    In a trace, where these may be others in each call, one that treats each entry by
    itself sees them all, and is chosen from.
    """
    x = ops.asarray(x)
    conditions = plain_operand(condlist)
    listed = isinstance(conditions, SEQUENCES)
    other = first_foreign([raw(x), *(conditions if listed else [conditions])])
    if other is not None:
        raise MissingRuleError(
            "np.piecewise picks entries by masks, which leave an unknown shape in "
            f"{describe(other)}. Write np.where(mask, f(x), g(x)) or np.select."
        )
    masks = _exclusive(x, conditions, len(funclist))
    z: Any = np.zeros(x.shape, x.dtype)
    for mask, function in zip(masks, funclist, strict=True):
        if not callable(function):
            z = ops.where(mask, function, z)
            continue
        f = _applied(function, args, kw)
        if is_stand_in(mask) and _treats_entries(f, x):
            part = ops.broadcast_to(f(ops.reshape(x, (-1,))), (math.prod(x.shape),))
            z = ops.where(mask, ops.reshape(part, x.shape), z)
        elif not x.shape:
            z = f(x) if mask else z
        elif mask.any():
            part = ops.broadcast_to(f(x[mask]), (int(mask.sum()),))
            z = z + ops.unindex(part, index=mask, shape=x.shape)
    return z if isinstance(z, node) else as_array(z)


def _applied(
    f: Callable[..., Any], args: Sequence[Any], kw: Mapping[str, Any]
) -> Callable[[Any], Any]:
    """Return the function of one argument that passes the others on."""

    def applied(x: Array) -> Any:
        return f(x, *args, **kw)

    return applied


def _treats_entries(f: Callable[[Any], Any], x: Array) -> bool:
    """Tell whether a function of arrays treats each entry by itself, here at least."""
    entries = np.ravel(_example(x))
    every_other = entries[::2]
    whole, some = _example(f(entries)), _example(f(every_other))
    if np.shape(whole) not in ((), entries.shape):
        return False
    taken = np.broadcast_to(whole, entries.shape)[::2]
    return np.array_equal(taken, np.broadcast_to(some, every_other.shape), True)


def _example(x: Any) -> Array:
    """Return a plain value; of a stand-in that of the call that is traced."""
    x = raw(x)
    return x.example if is_stand_in(x) else x


def _exclusive(x: Array, condlist: Any, count: int) -> Sequence[Any]:
    """Return one mask per function: where it is the last whose condition holds."""
    single = np.isscalar(condlist) or (
        not isinstance(condlist[0], list | np.ndarray | stand_in) and x.ndim != 0
    )
    conditions = _numpy.stack([condlist] if single else condlist).astype(bool)
    if len(conditions) == count - 1:
        rest = ~np.any(conditions, axis=0, keepdims=True)
        conditions = np.concatenate([conditions, rest])
    if len(conditions) != count:
        n = len(conditions)
        raise ValueError(
            f"np.piecewise with {n} conditions needs {n} or {n + 1} functions; "
            f"received {count}."
        )
    later = np.logical_or.accumulate(conditions[::-1])[::-1]
    return [*(conditions[:-1] & ~later[1:]), conditions[-1]]
