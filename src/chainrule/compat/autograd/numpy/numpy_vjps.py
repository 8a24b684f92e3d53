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
from chainrule.values.vertices import raw

nograd_functions: list[Any] = []
"""Functions without a derivative; here NumPy's names say themselves what they are."""


def unbroadcast(x: Any, target_meta: Any, broadcast_idx: int = 0) -> Any:
    """Return a cotangent summed to the shape that ``metadata`` tells of the target."""
    shape, _, dtype, is_complex = target_meta
    if np.iscomplexobj(raw(x)) and not is_complex:
        x = np.real(x)
    return shaped(x, np.broadcast_to(np.zeros((), dtype), shape))


def unbroadcast_f(target: Any, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a vjp whose result is summed to the shape of the target."""
    meta = metadata(target)

    def summed(g: Any) -> Any:
        return unbroadcast(f(g), meta)

    return summed


def replace_zero(x: Any, val: Any) -> Any:
    """Return an array with another value where it is zero."""
    where: Any = np.where
    return where(x, x, val)


def balanced_eq(x: Any, z: Any, y: Any) -> Any:
    """Return 1 where ``x`` is ``z``, and a half where ``y`` is so too."""
    return (x == z) / (1.0 + (x == y))


def match_complex(target: Any, x: Any) -> Any:
    """Return an array as complex as another."""
    wanted, given = np.iscomplexobj(raw(target)), np.iscomplexobj(raw(x))
    if given and not wanted:
        return np.real(x)
    return x + 0j if wanted and not given else x


def repeat_to_match_shape(
    g: Any, shape: tuple[int, ...], dtype: Any, axis: Any, keepdims: Any
) -> tuple[Any, int]:
    """Return the cotangent of a sum, repeated along its axes, and how often it is."""
    ones = list(shape)
    for i in normalize_axes(axis, len(shape)):
        ones[i] = 1
    count = math.prod(shape) // max(math.prod(ones), 1) if shape else 1
    reshape: Any = np.reshape
    return reshape(g, ones) + np.zeros(shape, dtype), count


def reverse_axis(x: Any, axis: int) -> Any:
    """Return an array with its entries along an axis in the other order."""
    flip: Any = np.flip
    return flip(x, axis)


def untake(x: Any, idx: Any, vs: Any) -> SparseObject:
    """Return the cotangent of what ``[idx]`` took ``x`` from."""

    def add(array: Any) -> Any:
        np.add.at(array, idx, x)
        return array

    return SparseObject(vs, add)


def wrapped_reshape(x: Any, *args: Any, **kwargs: Any) -> Any:
    """Return ``x.reshape``, of a shape as a tuple or as several numbers."""
    reshape: Any = np.reshape
    shape = args[0] if len(args) == 1 and isinstance(args[0], TUPLE) else args
    return reshape(x, shape, **kwargs)
