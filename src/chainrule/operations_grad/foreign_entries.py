"""Parts of foreign arrays: read back, added into and written, each as a new array."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import MissingRuleError
from chainrule.values.foreign import alike, is_foreign, kept, library_of, made_like
from chainrule.values.indices import (
    as_tuple,
    example_of,
    foreign_part,
    is_basic,
    picks_apart,
)
from chainrule.values.types import Index, Shape, Value
from chainrule.values.vertices import constant_full


def unindexed(x: Any, index: Index, shape: Shape) -> Value:
    """Return zeros of ``shape`` with ``x`` added at ``index``; repeats add up."""
    x = made_like(x, foreign_part(index))
    out = constant_full(shape, 0, x)
    parts = as_tuple(index)
    if any(part is None for part in parts):  # which not all libraries can assign to
        index = tuple(part for part in parts if part is not None)
        x = np.reshape(x, np.broadcast_to(0, shape)[example_of(index)].shape)
    if is_basic(index):
        out[index] = x
        return out
    return _added(out, index, x)


def added(x: Any, index: Index, y: Any) -> Any:
    """Return a copy of ``x`` after ``np.add.at(x, index, y)``."""
    return _added(kept(_made_like_either(x, y, index)), index, y)


def _made_like_either(x: Any, y: Any, index: Index) -> Any:
    """Return an array in the library of what is written into it, or of its index."""
    return made_like(made_like(x, y), foreign_part(index))


def _added(x: Any, index: Index, y: Value) -> Any:
    """Add ``y`` into a foreign array that nobody else holds; return it."""
    library = library_of(x)
    if library is not None and library.add_at is not None:
        return library.add_at(x, index, y)
    raise MissingRuleError(
        "The derivative of x[index] with an array of indices adds into an array, which "
        f"{x.__class__.__module__} has no function for. Index with slices and integers."
    )


def assigned(x: Any, index: Index, y: Any) -> Any:
    """Return a copy of ``x`` after ``x[index] = y``."""
    if not picks_apart(index, np.shape(x)):
        raise MissingRuleError(
            "x[index] = y with an index that may pick an entry twice is not the same "
            "in every library. Index with slices, masks, or an array of NumPy's of "
            "different integers; np.add.at(x, index, y) adds up."
        )
    z = kept(_made_like_either(x, y, index))
    library: Any = library_of(z)
    if library.undecided is not None and any(map(is_foreign, as_tuple(index))):
        raise MissingRuleError(
            "x[mask] = y writes as many entries as a lazy mask has. Write "
            "np.where(mask, y, x), with y of the shape of x."
        )
    z[index] = alike((z, y))[1]
    return z
