"""Functions of ``autograd.numpy`` that are not NumPy's, or not as NumPy's are."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.compat.namespaces import served
from chainrule.compat.primitives import unboxed
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.recorder import stacked
from chainrule.values.shapes import SEQUENCES, TUPLE

_where: Any = served(np.where)
_array: Any = served(np.array)
_concatenate: Any = served(np.concatenate)


def where(condition: Any, *args: Any, **kwargs: Any) -> Any:
    """Return ``np.where``; of Python's numbers and lists what Python has."""
    names = ("x", "y")[len(args) :]
    args += tuple(kwargs.pop(name) for name in names if name in kwargs)
    z = _where(condition, *args, **kwargs)
    if not args or not isinstance(z, np.ndarray):
        return z
    if any(map(_is_array, (condition, *args))):
        return z  # pyright: ignore[reportUnknownVariableType]
    return z.tolist()


def _is_array(x: Any) -> bool:
    if isinstance(x, SEQUENCES):
        return any(map(_is_array, x))
    return isinstance(x, np.ndarray | np.generic) or holds_nodes(x)


def concatenate_args(axis: int, *args: Any) -> Any:
    """Return the arguments, concatenated."""
    return _concatenate(args, axis)


def array_from_args(array_args: Any, array_kwargs: Any, *args: Any) -> Any:
    """Return an array of the arguments."""
    return _array(args, *array_args, **array_kwargs)


def wrap_if_boxes_inside(raw_array: Any, slow_op_name: str | None = None) -> Any:
    """Return an array of objects that holds boxes as one box."""
    return stacked(raw_array) if raw_array.dtype == object else raw_array


def make_diagonal(
    D: Any,
    offset: int = 0,
    axis1: int = -1,
    axis2: int = -2,
) -> Any:
    """Return matrices with the last axis of an array on their diagonals."""
    if (offset, axis1, axis2) != (0, -1, -2):
        raise NotImplementedError("make_diagonal has offset=0, axis1=-1, axis2=-2")
    return D[..., None] * np.eye(np.shape(D)[-1])


def metadata(A: Any) -> Any:
    """Return shape, number of axes, dtype, and whether an array is complex."""
    a = unboxed(A)
    return np.shape(a), np.ndim(a), np.result_type(a), np.iscomplexobj(a)


class _Indexed:
    """``np.r_`` or ``np.c_``, with boxes among what it joins."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def __getitem__(self, args: Any) -> Any:
        """Return the joined array."""
        parts: Any = args if isinstance(args, TUPLE) else (args,)
        if not any(map(holds_nodes, parts)):
            return self._own[args]
        shown = tuple(_entries(x) for x in parts)
        return stacked(self._own[shown])


def _entries(x: Any) -> Any:
    """Return a box as an array of objects, one box for each entry."""
    if not holds_nodes(x):
        return x
    x = stacked(x)
    entries = np.empty(x.shape, object)
    for index in np.ndindex(x.shape):
        entries[index] = x[index] if index else x
    return entries if x.shape else x


r_: Any = _Indexed(np.r_)
c_: Any = _Indexed(np.c_)

NAMES: dict[str, Any] = {
    "array_from_args": array_from_args,
    "c_": c_,
    "concatenate_args": concatenate_args,
    "make_diagonal": make_diagonal,
    "metadata": metadata,
    "r_": r_,
    "where": where,
    "wrap_if_boxes_inside": wrap_if_boxes_inside,
}
"""What ``autograd.numpy`` has of these."""
