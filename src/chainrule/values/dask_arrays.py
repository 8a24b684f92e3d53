"""Arrays of Dask in nodes: what NumPy's protocols do not tell of them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from chainrule.errors import EscapeError
from chainrule.values.foreign import NO_BRANCH, Library, register_arrays
from chainrule.values.shapes import TUPLE, ndarray

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
    if not all(have == (1,) or sum(have) == sum(wanted) for have, wanted in pairs):
        return da.broadcast_to(x, shape, chunks)
    pairs = zip(x.chunks, chunks[lead:], strict=True)
    x = x.rechunk(tuple(h if h == (1,) else wanted for h, wanted in pairs))
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


def cut_as(x: Any, like: Any) -> Any:
    """Return an array in the chunks of another one of its shape."""
    return x if x.chunks == like.chunks else x.rechunk(like.chunks)


def getitem(x: Any, index: Any) -> Any:
    """Return ``x[index]``, also with several arrays of whole numbers in it."""
    parts: list[Any] = []
    part: Any
    for part in index if isinstance(index, TUPLE) else (index,):
        is_mask = type(part) is ndarray and part.dtype == bool and part.ndim > 1
        parts += part.nonzero() if is_mask else [part]
    if any(p is None for p in parts) and any(isinstance(p, _array) for p in parts):
        raise NotImplementedError("x[lazy, None]: write x[lazy][:, None]")
    fancy: list[Any] = [p for p in parts if isinstance(p, list | np.ndarray)]
    whole = all(np.asarray(p).dtype.kind in "iu" for p in fancy)
    if len(fancy) < 2 or not whole or any(p is None for p in parts):
        return x[tuple(parts)]
    if any(p is Ellipsis for p in parts):
        i = next(i for i, p in enumerate(parts) if p is Ellipsis)
        parts[i : i + 1] = [slice(None)] * (x.ndim - len(parts) + 1)
    at = [i for i, p in enumerate(parts) if not isinstance(p, slice)]
    arrays: dict[int, Any] = {i: np.asarray(parts[i]) for i in at}
    z = x.vindex[tuple(arrays.get(i, p) for i, p in enumerate(parts))]
    if at[-1] - at[0] >= len(at):
        return z  # apart from each other: their axes come first, as in vindex
    count = np.broadcast(*arrays.values()).ndim
    return np.moveaxis(z, range(count), range(at[0], at[0] + count))


def add_at(x: Any, index: Any, y: Any) -> Any:
    """Add into an array, as one task: ``y`` is gathered there, and so is the result."""
    added = _delayed(_added_at, pure=True)(x, index, y)
    return da.from_delayed(added, shape=x.shape, dtype=x.dtype)


def _added_at(x: Any, index: Any, y: Any) -> Any:
    out = np.array(x)
    np.add.at(out, index, y)
    return out


def of_entries(f: Callable[..., Any], *values: Any) -> Any:
    """Apply a function of entries to each chunk.

    Dask would try it on memory that holds anything, to learn the dtype.
    """
    tried = [x if np.isscalar(x) else np.ones((1,) * x.ndim, x.dtype) for x in values]
    return da.core.elemwise(f, *values, dtype=f(*tried).dtype)


class Functions:
    """What stands for functions of NumPy's that Dask computes otherwise."""

    @staticmethod
    def astype(x: Any, dtype: DTypeLike, *, copy: bool = True) -> Any:
        """Return an array in another dtype; NumPy's function would compute it."""
        return x.astype(dtype, copy=copy)

    @staticmethod
    def tensordot(x: Any, y: Any, axes: Any = 2) -> Any:
        """Contract axes that may be counted from the end.

        Dask's own result has the shape that is announced, and other blocks.
        """
        if np.ndim(axes):
            pairs = zip((x, y), axes, strict=True)
            axes = tuple([int(i) % v.ndim for i in np.atleast_1d(a)] for v, a in pairs)
        return da.tensordot(x, y, axes)

    @staticmethod
    def inner(x: Any, y: Any) -> Any:
        """Contract the last axes, which Dask has under another name only."""
        return (
            Functions.tensordot(x, y, (-1, -1)) if np.ndim(x) and np.ndim(y) else x * y
        )

    @staticmethod
    def searchsorted(a: Any, v: Any, **given: Any) -> Any:
        """Return places in sorted numbers, which may be NumPy's."""
        return da.searchsorted(da.asarray(a), da.asarray(v), **given)

    @staticmethod
    def digitize(x: Any, bins: Any, *, right: bool = False) -> Any:
        """Return the bins that entries are in; Dask would compute lazy ones."""
        if isinstance(bins, _array):
            raise NotImplementedError("np.digitize with bins that are not computed")
        return da.digitize(x, bins, right=right)

    @staticmethod
    def cholesky(x: Any, *, upper: bool = False) -> Any:
        """Return NumPy's factor: the lower one, where Dask's own is the upper one."""
        return da.linalg.cholesky(x, lower=not upper)


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


register_arrays(
    da.Array,
    Library(
        add_at,
        layout,
        broadcast_to,
        compared,
        getitem=getitem,
        functions=Functions,
        cut_as=cut_as,
        writes=True,
        of_entries=of_entries,
    ),
)
