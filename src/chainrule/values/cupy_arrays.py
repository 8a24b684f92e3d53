"""Arrays of CuPy in nodes: what NumPy's protocols do not tell of them."""

from __future__ import annotations

import importlib
from typing import Any

from chainrule.values.foreign import Library, register_arrays

_cupy: Any = importlib.import_module("cupy")
_cupyx: Any = importlib.import_module("cupyx")


def add_at(x: Any, index: Any, y: Any) -> Any:
    """Add into an array on the device; entries that are picked twice add up."""
    _cupyx.scatter_add(x, index, y)
    return x


register_arrays(_cupy.ndarray, Library(add_at=add_at))
