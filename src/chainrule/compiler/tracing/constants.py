"""Arrays that a trace meets and that are no values of it: kept as they are then."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.values.shapes import kind_of, ndarray

MANY = 1 << 12
"""Entries from which an array is asked whether all are the same."""


def _is_one_number(x: NDArray[Any]) -> bool:
    """Tell whether an array holds a number many times, bit for bit."""
    size = x.dtype.itemsize
    if x.size < MANY or x.dtype.kind not in "fiub" or size > 8 or not x.flags.forc:
        return False
    bits = x.ravel("K").view(f"i{size}")
    return bool(bits[0] == bits[-1] and (bits == bits[0]).all())


def kept(x: NDArray[Any]) -> NDArray[Any]:
    """Return a copy that nobody changes; what is repeated along an axis is there once.

    Cotangents of sums are such arrays, of a single number, and so are their products.
    """
    once = x[(..., *[slice(None if step else 1) for step in x.strides])]
    if _is_one_number(once):
        once = once[(slice(1),) * once.ndim]
    once = once.copy()
    once.flags.writeable = False
    return once if once.shape == x.shape else np.broadcast_to(once, x.shape)


class Constants:
    """The copies of a trace and the bodies in it: what is met again has one."""

    def __init__(self) -> None:
        """Start with none."""
        self._copies: dict[tuple[Any, ...], tuple[Any, Any]] = {}
        """The array that owns the memory and the copy, if these are still there."""

    def kept(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return a copy that nobody changes: the one of before, if ``x`` is as then."""
        owner = x if x.base is None else x.base
        if x.size < MANY or x.dtype.kind not in "fiub" or kind_of(owner) is not ndarray:
            return kept(x)
        place = x.__array_interface__["data"][0]
        key = id(owner), place, x.shape, x.strides, x.dtype
        before, copy = (known() for known in self._copies.get(key, (_gone, _gone)))
        if copy is None or before is not owner or not _same_bits(x, copy):
            copy = kept(x)
            self._copies[key] = weakref.ref(owner), weakref.ref(copy)
        return copy


def _gone() -> None:
    """Return what a weak reference returns when its object is no more."""


def _same_bits(x: NDArray[Any], y: NDArray[Any]) -> bool:
    size = x.dtype.itemsize
    return size <= 8 and np.array_equal(x.view(f"i{size}"), y.view(f"i{size}"))


__all__ = ["Constants", "kept"]
