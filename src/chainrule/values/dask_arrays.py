"""Arrays of Dask in nodes: what NumPy's protocols do not tell of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from chainrule.values.foreign import Library, register_arrays

da: Any = importlib.import_module("dask.array")


def layout(x: Any) -> Mapping[str, Any]:
    """Return the chunks of an array: of what is broadcast to its shape, too."""
    return {"chunks": x.chunks}


register_arrays(da.Array, Library(layout=layout, broadcast_to=da.broadcast_to))
