"""Views of buffers, found in the nodes or traced arrays that these have become."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from chainrule.errors import EscapeError
from chainrule.values.same_views import way_to
from chainrule.values.shapes import index_of_view, is_read_only, ndarray
from chainrule.values.versions import array_of, note, shares
from chainrule.values.vertices import raw, vertex


def view_of(state: Any, view: NDArray[Any], base: NDArray[Any]) -> Any:
    """Return the view of ``state`` that shows of it what ``view`` shows of ``base``."""
    part = _part(view, base)
    if part:
        state, base = getattr(state, part), getattr(base, part)
    way = way_to(view, base)
    if way is None:  # windows
        return _locked(state[index_of_view(view, base)])
    z = way.of(state)
    known, source = array_of(raw(z)), array_of(raw(state))
    both = isinstance(known, ndarray) and isinstance(source, ndarray)
    if both and not shares(known, source):
        raise EscapeError(
            "A view of an array that has taken a node cannot be found in it, since "
            "the node lies in memory in another way. Take the view again."
        )
    return _locked(z) if is_read_only(view) else z


def memory_shown(z: Any, state: Any, memory: NDArray[Any]) -> NDArray[Any] | None:
    """Return the view of a buffer's memory that a traced view of its state stands for.

    It is ``None`` where that is no view, or no view by slices.
    """
    shown, source = array_of(z), array_of(state)
    if not (isinstance(shown, ndarray) and isinstance(source, ndarray)):
        return None
    if not shown.size or not shares(shown, source):
        return None
    part = _part(shown, source)
    if part:
        source, memory = getattr(source, part), getattr(memory, part)
    way = way_to(shown, source)
    view = None if way is None else way.of(memory)
    return view if view is not None and np.may_share_memory(view, memory) else None


def _part(view: Any, base: Any) -> str:
    """Return whether a view shows real or imaginary parts: the name, or nothing."""
    if view.dtype == base.dtype:
        return ""
    if view.dtype != base.real.dtype:
        raise EscapeError(
            f"This is a view of an array of {base.dtype} as one of {view.dtype}; "
            "the array has taken a node, whose memory has no such views."
        )
    offset = byte_bounds(view)[0] - byte_bounds(base)[0]
    return "imag" if offset % base.itemsize else "real"


def _locked(z: Any) -> Any:
    """Return a part of a node, or of a traced array, that nobody may write into."""
    if not isinstance(z, vertex):
        return z.guarded()
    note(z, locked=True)
    return z


__all__ = ["memory_shown", "view_of"]
