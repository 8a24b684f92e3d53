"""Batched rows: how a function's traits say that it runs on all examples at once.

Each form moves the axes by one, or raises ``CannotBatchError``.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np

from chainrule.compiler.batching.examples import (
    CannotBatchError,
    Many,
    Moved,
    as_row,
    shifted,
)
from chainrule.compiler.control.bodies import example_of
from chainrule.compiler.tracing.plain_operators import (
    UFUNCS,
    Entrywise,
    is_of_numbers,
    is_of_whole,
    power,
)
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.indexing import unindex
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import (
    SEQUENCES,
    dtype_of,
    kind_of,
    ndarray,
    shape_of,
)
from chainrule.values.vertices import stand_in

_np: Any = np
_of: Any = operator

# ----------------------------------------------------------------- entry by entry


def elementwise(moved: Moved) -> Any:
    """Batch a function of each entry by broadcasting."""
    n = moved.operands
    operands, rest = moved.args[:n], moved.args[n:]
    if len(operands) < n and not moved.given:
        raise CannotBatchError  # np.where of a condition: another number of places
    others = [x for x in moved.given.values() if isinstance(x, (Many, ndarray))]
    rank = max(map(moved.rank, (*operands, *others)))
    args = [*(moved.aligned(x, rank) for x in operands), *rest]
    given = {k: moved.aligned(x, rank) for k, x in moved.given.items()}
    if type(moved.row.function) is FunctionType:
        _check_broadcasting(moved, args, given)
    return as_row(moved.row.function, args, given)


def _check_broadcasting(moved: Moved, args: Sequence[Any], given: Any) -> None:
    """Refuse the user's function of numbers, which takes no arrays."""
    try:
        with np.errstate(all="ignore"):
            z = moved.row.function(
                *map(example_of, args), **{k: example_of(x) for k, x in given.items()}
            )
    except (TypeError, ValueError):
        raise CannotBatchError from None
    if np.shape(z) != (moved.count, *moved.shape):
        raise CannotBatchError


def plain(moved: Moved) -> Any:
    """Batch one of Python's operators, entry by entry where its numbers are whole."""
    row = moved.row
    rank = max(map(moved.rank, moved.args))
    args = [moved.aligned(x, rank) for x in moved.args]
    if row.dtype is not None and row.dtype.kind == "c":
        return UFUNCS[row.function](*args)
    return as_row(Entrywise(row.function, row.dtype), args, {})


def powers(moved: Moved) -> Any:
    """Batch a power: of numbers it is C's, and not the root that arrays have."""
    row = moved.row
    if row.function is _of.pow and is_of_whole(row):
        return plain(moved)
    made = elementwise if row.given else _power
    return made(moved)


def _power(moved: Moved) -> Any:
    rank = max(map(moved.rank, moved.args))
    base, exponent = (moved.aligned(x, rank) for x in moved.args)
    of_numbers = is_of_numbers(moved.row)
    fixed = not isinstance(moved.args[1], Many)
    if of_numbers and fixed and (isinstance(exponent, stand_in) or exponent == 0.5):
        return as_row(power, (base, exponent), {})
    if moved.row.shape and moved.row.function is _of.pow:
        return base**exponent
    return _np.power(base, exponent)


def beside(row: Row, found: dict[Row, Any]) -> dict[Row, Any]:
    """Return operands, in which Python's numbers have the dtype of what is beside them.

    One of them alone has it, but an array of those of all examples has its own.
    """
    weak = [x for x in row.operands if x.number and isinstance(found[x], Many)]
    others = [x for x in row.args if isinstance(x, ndarray)]
    others += [x for x in row.operands if not x.number]
    if not weak or not others or not _is_entrywise(row.function):
        return found
    numbers = (x.number() for x in weak if x.number)
    dtype = np.result_type(*numbers, *(x.dtype for x in others))
    for x in weak:
        if dtype_of(found[x].value) != dtype:
            found[x] = Many(as_row(np.astype, (found[x].value, dtype), {}))
    return found


def _is_entrywise(function: Any) -> bool:
    return function in UFUNCS or traits_of(function).entrywise


# ------------------------------------------------------------------------ along axes


def along(moved: Moved) -> Any:
    """Batch a function along axes: they are one further on, or the flat array's."""
    known, named = moved.known, moved.named()
    x, listed = moved.args[0], isinstance(moved.args[0], SEQUENCES)
    axes = {name: named.get(name) for name in known.axes}
    mask = moved.given.get("where")
    masked = isinstance(mask, Many)
    operands = [moved.filled(v) for v in (x if listed else [x])]
    if not listed and not isinstance(x, Many) and not masked:
        raise CannotBatchError
    rank = len(moved.shape) if listed else moved.rank(x)
    flat = known.flattens and (None in axes.values() or not rank)
    if flat:
        operands = [_np.reshape(v, (moved.count, -1)) for v in operands]
        rank = 1
        axes = dict.fromkeys(axes, 0)
    changed: Any = {name: shifted(axis, rank) for name, axis in axes.items()}
    if masked:
        changed["where"] = moved.aligned(mask, rank)
    z = moved.called(operands if listed else operands[0], **changed)
    return _np.reshape(z, (moved.count, *moved.shape)) if flat else z


def last_axes(moved: Moved) -> Any:
    """Batch a function of the last axes: the examples stand before them."""
    inputs, outputs = _cores(moved.known.signature)
    operands = moved.args[: len(inputs)]
    if any(k.startswith("ax") and v not in (None, -1) for k, v in moved.given.items()):
        raise CannotBatchError
    lead = max(
        0, *(moved.rank(x) - len(c) for x, c in zip(operands, inputs, strict=True))
    )
    if not lead and moved.known.by_columns and not isinstance(operands[0], Many):
        return _by_columns(moved, *operands)
    values: list[Any] = []
    missing: set[str] = set()
    for x, core in zip(operands, inputs, strict=True):
        absent = {i - len(core): c for i, c in enumerate(core) if c.endswith("?")}
        if moved.rank(x) < len(core):
            missing.update(absent.values())
            x = moved.widened(x, tuple(absent))
        values.append(moved.aligned(x, lead + len(core)))
    z = moved.called(*values)
    if not missing:
        return z
    return z[(..., *(0 if c in missing else slice(None) for c in outputs[0]))]


def _by_columns(moved: Moved, a: Any, b: Any) -> Any:
    """Take the examples as columns: a matrix that all share is factorised once."""
    columns = _np.reshape(_np.moveaxis(b.value, 0, -1), (b.shape[0], -1))
    z = _np.reshape(moved.called(a, columns), (*b.shape, moved.count))
    return _np.moveaxis(z, -1, 0)


def _cores(signature: str) -> tuple[list[list[str]], list[list[str]]]:
    """Return the axes of each operand and of each result: ``(n,n),(n)->(n)``."""
    inputs, outputs = signature.split("->")
    return _axes_in(inputs), _axes_in(outputs)


def _axes_in(side: str) -> list[list[str]]:
    return [core.split(",") for core in re.findall(r"\(([^)]*)\)", side)]


# ------------------------------------------------------------------- moved entries


def in_order(moved: Moved) -> Any:
    """Batch what keeps the order of the entries: reshape, or repeat the whole."""
    x, order = moved.args[0], moved.parameters(1).get("order", "C")
    if not isinstance(x, Many) or order != "C":
        raise CannotBatchError
    if dtype_of(x.value) != moved.row.dtype:
        x = Many(as_row(np.astype, (x.value, moved.row.dtype), {}))
    whole = (moved.count, *moved.shape)
    if shape_of(x.value) == whole:
        return x.value
    if math.prod(shape_of(x.value)) == math.prod(whole):
        return _np.reshape(x.value, whole)
    return _np.broadcast_to(moved.aligned(x, len(moved.shape)), whole)


def moved_entries(moved: Moved) -> Any:
    """Batch what moves entries: pick them from the operands' flattened entries."""
    leaves, places = entry_numbers(moved)
    if not any(isinstance(x, Many) for x in leaves):
        raise CannotBatchError
    flat = [_np.reshape(moved.filled(x), (moved.count, -1)) for x in leaves]
    joined = flat[0] if len(flat) == 1 else _np.concatenate(flat, axis=1)
    if dtype_of(joined) != moved.row.dtype:
        raise CannotBatchError
    whole = (moved.count, *moved.shape)
    if not np.all(places):
        filled = (slice(None), places != 0)
        picked = joined[:, places[filled[1]] - 1]
        return as_row(unindex, (picked,), {"index": filled, "shape": whole})
    if np.array_equal(places.ravel(), 1 + np.arange(shape_of(joined)[1])):
        return _np.reshape(joined, whole)
    return joined[:, places - 1]


def entry_numbers(moved: Moved) -> tuple[list[Any], Any]:
    """Return the operands, and where an example's result has their entries.

    Those are numbered from 1, all operands together; 0 stands where there is none.
    """
    leaves: list[Any] = []
    total = 1

    def numbered(x: Any) -> Any:
        nonlocal total
        if isinstance(x, SEQUENCES):
            return [numbered(v) for v in x]
        own = shape_of(x)
        leaves.append(x)
        start, total = total, total + math.prod(own)
        return np.arange(start, total).reshape(own)

    n = moved.operands
    args = [*map(numbered, moved.args[:n]), *moved.args[n:]]
    if not is_constant([*args, *moved.given.values()]):
        raise CannotBatchError
    found: Any = moved.row.function(*args, **moved.given)
    return leaves, np.asarray(found).astype(np.intp)


def is_constant(x: Any) -> bool:
    """Tell whether an argument is the same in every call, for all examples."""
    kind = kind_of(x)
    if kind is slice:
        x = (x.start, x.stop, x.step)
    elif kind is dict:
        x = list(x.values())
    if isinstance(x, SEQUENCES):
        return all(map(is_constant, x))
    return not isinstance(x, (Many, stand_in))
