"""The cyclic collector, paused while a call is recorded."""

from __future__ import annotations

import gc
import os
from threading import get_ident

from chainrule.locks import lock

_LOCK = lock()
_INSIDE: set[int] = set()
"""The threads that record a call."""
_was_enabled: bool = False


class CollectorPaused:
    """Keep the cyclic collector from scanning a growing recording.

    Recordings hold no cycles, and scanning them costs more than making them. It is as
    it was when the last thread has left its outermost call.
    """

    __slots__ = ("_thread",)

    def __enter__(self) -> None:
        """Pause."""
        global _was_enabled  # noqa: PLW0603
        thread = get_ident()
        if thread in _INSIDE:
            self._thread: int | None = None  # an outer call has paused it
            return
        self._thread = thread
        with _LOCK:
            if not _INSIDE:
                _was_enabled = gc.isenabled()
                gc.disable()
            _INSIDE.add(thread)

    def __exit__(self, *error: object) -> None:
        """Resume when nobody is inside any more."""
        if self._thread is None:
            return
        with _LOCK:
            _INSIDE.discard(self._thread)
            if not _INSIDE and _was_enabled:
                gc.enable()

    @classmethod
    def holds_this_thread(cls) -> bool:
        """Tell whether this thread is inside: it records a call."""
        return get_ident() in _INSIDE

    @classmethod
    def forget_other_threads(cls) -> None:
        """Resume in a forked process, which has none of the other threads."""
        if _INSIDE:
            _INSIDE.intersection_update([get_ident()])
            if not _INSIDE and _was_enabled:
                gc.enable()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=CollectorPaused.forget_other_threads)
