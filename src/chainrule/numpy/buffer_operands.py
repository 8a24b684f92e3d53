"""What the operands of a buffer's operations are now, and what their results are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule import operations
from chainrule.errors import ArgumentError
from chainrule.numpy.in_place import constant_node
from chainrule.values.buffered import buffered, current
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import SEQUENCES, describe, kind_of
from chainrule.values.types import Operation
from chainrule.values.vertices import first_stand_in, first_vertex, stand_in

_np: Any = np


def is_recorded(x: Any) -> bool:
    """Tell whether something is, or holds, a node or a traced value."""
    return first_vertex(x) is not None or first_stand_in(x) is not None


def writable(x: Any) -> Any:
    """Return what is written into memory of NumPy's; refuse what would be computed."""
    x = current(x)
    if is_foreign(x):
        raise ArgumentError(
            f"A write into an array of NumPy's would ask {describe(x)} for its "
            "entries. Make the array by gd.zeros(n, like=value), or np.zeros_like."
        )
    return x


def now(x: Any) -> Any:
    """Return what buffers are now, also those in lists and tuples."""
    if not isinstance(x, SEQUENCES):
        return current(x)
    if not any(isinstance(v, (*SEQUENCES, buffered)) for v in x):
        return x
    kind, parts = kind_of(x), map(now, x)
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def all_now(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what buffers among keyword arguments are now."""
    return {k: now(x) for k, x in given.items()}


def called(function: Operation, args: Sequence[Any], given: Mapping[str, Any]) -> Any:
    """Return what a function of NumPy returns for what buffers are now.

    ``np.take`` does not look at places to hand a call over.
    """
    args, given = list(map(now, args)), all_now(given)
    inside: Any = first_stand_in(args, given) if function is np.take else None
    if inside is None:
        return function(*args, **given)
    return inside.__array_function__(function, (), args, given)


def as_recorded(array: NDArray[Any], value: object) -> Any:
    """Return an array as a constant node, or as a traced array, as the value is."""
    first = first_vertex(value)
    if first is not None:
        return constant_node(first, array)
    traced: Any = first_stand_in(value)
    if not array.ndim:
        return _np.where(False, _np.sum(traced), array)
    nothing = _np.reshape(_np.ravel(traced)[:0], (0, *(1,) * (array.ndim - 1)))
    return operations.setitem(array, nothing, index=slice(0, 0))


def arrays_in(operands: Any) -> list[Any]:
    """Return the buffers and traced arrays in operands, lists, tuples and dicts."""
    if isinstance(operands, (buffered, stand_in)):
        return [operands]
    inside: Any = operands.values() if kind_of(operands) is dict else operands
    if not isinstance(operands, (dict, *SEQUENCES)):
        return []
    return [b for x in inside for b in arrays_in(x)]


__all__ = [
    "all_now",
    "arrays_in",
    "as_recorded",
    "called",
    "is_recorded",
    "now",
    "writable",
]
