"""``autograd.numpy.numpy_vjps``: what rules of programs take from autograd's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compat.autograd.extend import SparseObject as SparseObject
from chainrule.compat.autograd.extend import VJPNode as VJPNode
from chainrule.compat.autograd.extend import defvjp as defvjp
from chainrule.compat.autograd.extend import defvjp_argnum as defvjp_argnum
from chainrule.compat.autograd.extend import primitive as primitive
from chainrule.compat.autograd.extend import register_notrace as register_notrace
from chainrule.compat.autograd.extend import vspace as vspace
from chainrule.compat.autograd.numpy.own_functions import metadata
from chainrule.compat.autograd.util import func as func
from chainrule.compat.boxes import ArrayBox as ArrayBox
from chainrule.compat.primitives import shaped
from chainrule.values.shapes import TUPLE, normalize_axes
from chainrule.values.types import Axis, Value
from chainrule.values.vertices import raw

nograd_functions: list[Any] = []
"""Functions without a derivative; here NumPy's names say themselves what they are."""


def unbroadcast(x: Value, target_meta: Any, broadcast_idx: int = 0) -> Any:
    """Return a cotangent summed to the shape that ``metadata`` tells of the target."""
    shape, _, dtype, is_complex = target_meta
    if np.iscomplexobj(raw(x)) and not is_complex:
        x = np.real(x)
    return shaped(x, np.broadcast_to(np.zeros((), dtype), shape))


def unbroadcast_f(target: Value, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a vjp whose result is summed to the shape of the target."""
    meta = metadata(target)

    def summed(g: Value) -> Any:
        return unbroadcast(f(g), meta)

    return summed


def replace_zero(x: Value, val: Value) -> Any:
    """Return an array with another value where it is zero."""
    where: Any = np.where
    return where(x, x, val)


def balanced_eq(x: Value, z: Value, y: Value) -> Any:
    """Return 1 where ``x`` is ``z``, and a half where ``y`` is so too."""
    return (x == z) / (1.0 + (x == y))


def match_complex(target: Value, x: Value) -> Any:
    """Return an array as complex as another."""
    wanted, given = np.iscomplexobj(raw(target)), np.iscomplexobj(raw(x))
    if given and not wanted:
        return np.real(x)
    return x + 0j if wanted and not given else x


def repeat_to_match_shape(
    g: Value, shape: tuple[int, ...], dtype: np.dtype[Any], axis: Axis, keepdims: Any
) -> tuple[Any, int]:
    """Return the cotangent of a sum, repeated along its axes, and how often it is."""
    ones = list(shape)
    for i in normalize_axes(axis, len(shape)):
        ones[i] = 1
    count = math.prod(shape) // max(math.prod(ones), 1) if shape else 1
    reshape: Any = np.reshape
    return reshape(g, ones) + np.zeros(shape, dtype), count


def reverse_axis(x: Value, axis: int) -> Any:
    """Return an array with its entries along an axis in the other order."""
    flip: Any = np.flip
    return flip(x, axis)


def untake(x: Value, idx: Any, vs: Any) -> SparseObject:
    """Return the cotangent of what ``[idx]`` took ``x`` from."""

    def add(array: Any) -> Any:
        np.add.at(array, idx, x)
        return array

    return SparseObject(vs, add)


def wrapped_reshape(x: Value, *args: Any, **kwargs: Any) -> Any:
    """Return ``x.reshape``, of a shape as a tuple or as several numbers."""
    reshape: Any = np.reshape
    shape = args[0] if len(args) == 1 and isinstance(args[0], TUPLE) else args
    return reshape(x, shape, **kwargs)
