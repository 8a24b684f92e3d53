"""The cyclic collector, paused while a call is recorded."""

from __future__ import annotations

import gc
import os
import threading
from typing import ClassVar

from chainrule.locks import lock


class CollectorPaused:
    """Keep the cyclic collector from scanning a growing recording.

    Recordings hold no cycles, and scanning them costs more than making them. It is as
    it was when the last thread has left its outermost call.
    """

    __slots__ = ("_thread",)
    _lock = lock()
    _inside: ClassVar[set[int]] = set()
    """The threads that are inside."""
    _was_enabled = False

    def __enter__(self) -> None:
        """Pause."""
        inside = CollectorPaused._inside
        self._thread: int | None = threading.get_ident()
        if self._thread in inside:
            self._thread = None  # an outer call of this thread has paused it
            return
        with CollectorPaused._lock:
            if not inside:
                CollectorPaused._was_enabled = gc.isenabled()
                gc.disable()
            inside.add(self._thread)

    def __exit__(self, *error: object) -> None:
        """Resume when nobody is inside any more."""
        if self._thread is None:
            return
        with CollectorPaused._lock:
            CollectorPaused._inside.discard(self._thread)
            if not CollectorPaused._inside and CollectorPaused._was_enabled:
                gc.enable()

    @classmethod
    def holds_this_thread(cls) -> bool:
        """Tell whether this thread is inside: it records a call."""
        return threading.get_ident() in cls._inside

    @classmethod
    def forget_other_threads(cls) -> None:
        """Resume in a forked process, which has none of the other threads."""
        if cls._inside:
            cls._inside.intersection_update([threading.get_ident()])
            if not cls._inside and cls._was_enabled:
                gc.enable()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=CollectorPaused.forget_other_threads)
