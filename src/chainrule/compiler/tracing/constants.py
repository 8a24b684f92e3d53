"""Arrays that a trace meets and that are no values of it: kept as they are then."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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


__all__ = ["kept"]
