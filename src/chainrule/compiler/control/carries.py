"""Carries: what each step of a loop hands to the next, of the same kind in all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.compiler.control.bodies import Body, example_of
from chainrule.compiler.tracing.columns import Column
from chainrule.compiler.tracing.rows import NUMBERS
from chainrule.compiler.tracing.trace import Trace
from chainrule.compiler.tracing.traced import Traced
from chainrule.errors import ShapeError
from chainrule.nodes.node_class import node
from chainrule.values.shapes import describe, dtype_of, kind_of, ndarray, shape_of
from chainrule.values.types import ArrayValue
from chainrule.values.vertices import raw


def check_carry(
    before: Sequence[Any], after: Sequence[Any], *, same_structure: bool
) -> None:
    """Refuse a step after which the carry has another structure or shape."""
    if same_structure and all(
        shape_of(x) == shape_of(y) for x, y in zip(before, after, strict=True)
    ):
        return
    shown = [", ".join(map(describe, map(raw, side))) for side in (before, after)]
    raise ShapeError(
        "A loop's carry must keep its structure and shapes; it was "
        f"({shown[0]}) and became ({shown[1]}). Start from a carry like the later ones."
    )


def promote(home: Trace, carries: list[Any], body: Body) -> bool:
    """Give carries the dtypes that they have after a step; tell whether one changed.

    In Python the first carry may be an integer and the second a float; one program for
    all steps, and a derivative through them, needs a float from the start. A number of
    Python's that one of NumPy's follows is one itself: float32, or else float32 beside
    it rounds it.
    """
    changed = False
    rows = (*body.program.inputs, *body.program.rows)
    narrow = any(x.dtype in _NARROW for x in rows)
    for i, (x, like) in enumerate(zip(carries, body.likes, strict=False)):
        have, want = held_dtype(example_of(x)), held_in(example_of(x), like)
        strong = (kind_of(example_of(x)), kind_of(like)) == (float, np.float64)
        if narrow and strong and not isinstance(x, node):
            traced = isinstance(x, Traced)
            carries[i] = home.call(np.positive, (x,), None) if traced else np.float64(x)
            changed = True
        if have == want:
            continue
        changed = True
        number: Any = kind_of(like)
        if kind_of(example_of(x)) in NUMBERS and number in NUMBERS:
            carries[i] = x + number()
        elif isinstance(x, Traced):
            carries[i] = home.call(cast, (x, want), None)
        else:
            carries[i] = _in_dtype(x, want)
    return changed


_NARROW = [np.dtype(np.float32), np.dtype(np.complex64)]
"""What a Python number beside it would be rounded to."""


def held_dtype(x: Any) -> np.dtype[Any]:
    """Return a value's dtype: int64 for Python's integers, however large they are."""
    kind = kind_of(x)
    return np.dtype(kind) if kind in NUMBERS else dtype_of(x)


def held_in(*values: Any) -> np.dtype[Any]:
    """Return the dtype that holds values: numbers of Python's take that of others.

    >>> held_in(0, np.float32(0.5)), held_in(0, 0.5)
    (dtype('float32'), dtype('float64'))
    """
    kinds = [(v, kind_of(v)) for v in values]
    dtypes = [kind() if kind in NUMBERS else dtype_of(v) for v, kind in kinds]
    return np.result_type(*dtypes)


def cast(x: Any, dtype: np.dtype[Any]) -> Any:
    """Return a value in a dtype; a Python number or a column that has it as it is."""
    kind = kind_of(x)
    if (kind in NUMBERS and np.dtype(kind) == dtype) or isinstance(x, Column):
        return x
    return np.asarray(x, dtype)[()]


def entry_of(x: Any, place: int) -> Any:
    """Return what is like an entry of an xs; of an array, the one in a place."""
    value = example_of(x)
    return value.like if isinstance(value, Column) else np.asarray(value)[place]


def entries(x: Any, count: int) -> Sequence[Any]:
    """Return the entries of an xs for all steps; a number is one that nobody reads."""
    if isinstance(x, Column):
        return x.entries
    return x if np.ndim(x) else [x] * count


def stacked(ys: Sequence[Any]) -> Any:
    """Return what steps in Python have returned, in one array: see ``held_in``."""
    values = list(map(example_of, ys))
    of_python = [kind_of(x) in NUMBERS for x in values]
    if not any(of_python) or all(of_python):
        return operations.stack(list(ys))
    dtype = held_in(*values)
    pairs = zip(ys, of_python, strict=True)
    return operations.stack([_in_dtype(y, dtype) if of else y for y, of in pairs])


def _in_dtype(x: Any, dtype: np.dtype[Any]) -> Any:
    """Return a number of Python's, plain or in a node, in a dtype."""
    return operations.astype(x, dtype) if isinstance(x, node) else cast(x, dtype)


def as_stacked(stack: Any, like: ArrayValue) -> Any:
    """Return the stacked entries of all steps: an array, or a column of columns."""
    return Column(stack, like) if kind_of(stack) is list else stack


def all_like(stack: Any, like: ArrayValue) -> Any:
    """Return the stacked entries of steps that all have the same."""
    if kind_of(stack) is ndarray and stack.size:
        stack[...] = like
    return as_stacked(stack, like)
