"""Arrays of Dask in nodes: what NumPy's protocols do not tell of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.values.foreign import Library, register_arrays

_delayed: Any = importlib.import_module("dask").delayed
da: Any = importlib.import_module("dask.array")


def layout(x: Any) -> Mapping[str, Any]:
    """Return the chunks of an array: of what is broadcast to its shape, too."""
    return {"chunks": x.chunks}


def add_at(x: Any, index: Any, y: Any) -> Any:
    """Add into an array, as one task: ``y`` is gathered there, and so is the result."""
    added = _delayed(_added_at, pure=True)(x, index, y)
    return da.from_delayed(added, shape=x.shape, dtype=x.dtype)


def _added_at(x: Any, index: Any, y: Any) -> Any:
    out = np.array(x)
    np.add.at(out, index, y)
    return out


register_arrays(
    da.Array, Library(add_at=add_at, layout=layout, broadcast_to=da.broadcast_to)
)
