"""Arrays of Dask in nodes: what NumPy's protocols do not tell of them."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.errors import EscapeError
from chainrule.values.foreign import NO_BRANCH, Library, register_arrays

_delayed: Any = importlib.import_module("dask").delayed
_layers: Any = importlib.import_module("dask.layers")
da: Any = importlib.import_module("dask.array")
_array: Any = da.Array


def layout(x: Any) -> Mapping[str, Any]:
    """Return the chunks of an array: of what is broadcast to its shape, too."""
    return {"chunks": x.chunks}


def broadcast_to(x: Any, shape: tuple[int, ...], chunks: Any) -> Any:
    """Broadcast to a shape in chunks, blockwise: no task of its own once it is fused.

    Dask's own function makes a task for each chunk, which is never fused.
    """
    lead = len(chunks) - x.ndim
    pairs = zip(x.chunks, chunks[lead:], strict=True)
    if not all(have in ((1,), wanted) for have, wanted in pairs):
        return da.broadcast_to(x, shape, chunks)
    axes = tuple(range(len(chunks)))
    return da.blockwise(
        _stretched,
        axes,
        _layers.ArrayChunkShapeDep(chunks),  # the first: it says how many chunks
        axes,
        x,
        axes[lead:],
        dtype=x.dtype,
        align_arrays=False,
    )


def _stretched(shape: tuple[int, ...], x: Any) -> Any:
    return np.broadcast_to(x, shape)


def add_at(x: Any, index: Any, y: Any) -> Any:
    """Add into an array, as one task: ``y`` is gathered there, and so is the result."""
    added = _delayed(_added_at, pure=True)(x, index, y)
    return da.from_delayed(added, shape=x.shape, dtype=x.dtype)


def _added_at(x: Any, index: Any, y: Any) -> Any:
    out = np.array(x)
    np.add.at(out, index, y)
    return out


class Comparison(_array):
    """A comparison of a node, and what is made of it: it decides no branch.

    Its truth would be computed, and the branch that is not taken be lost.
    """

    __slots__ = ()

    def __bool__(self) -> bool:
        """Refuse: nothing is computed while a function is differentiated."""
        raise EscapeError(NO_BRANCH)

    def any(self, *args: Any, **given: Any) -> Any:
        """Return where any holds, which decides nothing either."""
        return compared(_array.any(self, *args, **given))

    def all(self, *args: Any, **given: Any) -> Any:
        """Return where all hold, which decides nothing either."""
        return compared(_array.all(self, *args, **given))

    def __invert__(self) -> Any:
        """Return where it does not hold."""
        return compared(_array.__invert__(self))

    def __and__(self, other: Any) -> Any:
        """Return where both hold."""
        return compared(_array.__and__(self, other))

    def __or__(self, other: Any) -> Any:
        """Return where one holds."""
        return compared(_array.__or__(self, other))

    def __array_function__(self, *given: Any) -> Any:
        """Return what Dask does: np.any and np.all decide nothing either."""
        return compared(_array.__array_function__(self, *given))


def compared(x: Any) -> Any:
    """Return an array of truth values as one that decides no branch."""
    if not isinstance(x, da.Array) or x.dtype != bool:
        return x
    return Comparison(x.dask, x.name, x.chunks, dtype=bool, meta=x._meta)


register_arrays(da.Array, Library(add_at, layout, broadcast_to, compared))
