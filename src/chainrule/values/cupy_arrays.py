"""Arrays of CuPy in nodes: what NumPy's protocols do not tell of them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from chainrule.values.foreign import Library, register_arrays

_cupy: Any = importlib.import_module("cupy")
_cupyx: Any = importlib.import_module("cupyx")


def add_at(x: Any, index: Any, y: Any) -> Any:
    """Add into an array on the device; entries that are picked twice add up.

    CuPy adds no truth values and no complex numbers so.
    """
    kind = x.dtype.kind
    if kind == "b":
        return add_at(x.astype(np.int32), index, y.astype(np.int32)) != 0
    if kind == "c":
        parts = (
            add_at(x.real.copy(), index, y.real),
            add_at(x.imag.copy(), index, y.imag),
        )
        return (parts[0] + 1j * parts[1]).astype(x.dtype)
    _cupyx.scatter_add(x, index, y)
    return x


register_arrays(_cupy.ndarray, Library(add_at=add_at, mixes=False, writes=True))
