"""The cyclic collector, paused while a call is recorded."""

from __future__ import annotations

import gc
import os
import threading
from typing import ClassVar

from chainrule.locks import lock


class CollectorPaused:
    """Keep the cyclic collector from scanning a growing recording.

    Recordings hold no cycles, and scanning them costs more than making them. Counted
    over all threads; the collector is as it was when the last one leaves.
    """

    _lock = lock()
    _inside: ClassVar[list[int]] = []
    """The threads that are inside, each as often as it has entered."""
    _was_enabled = False

    def __enter__(self) -> None:
        """Pause."""
        cls = CollectorPaused
        with cls._lock:
            if not cls._inside:
                cls._was_enabled = gc.isenabled()
                gc.disable()
            cls._inside.append(threading.get_ident())

    def __exit__(self, *error: object) -> None:
        """Resume when nobody is inside any more."""
        cls = CollectorPaused
        with cls._lock:
            cls._inside.remove(threading.get_ident())
            if not cls._inside and cls._was_enabled:
                gc.enable()

    @classmethod
    def holds_this_thread(cls) -> bool:
        """Tell whether this thread is inside: it records a call."""
        return bool(cls._inside) and threading.get_ident() in cls._inside

    @classmethod
    def forget_other_threads(cls) -> None:
        """Resume in a forked process, which has none of the other threads."""
        if cls._inside:
            own = threading.get_ident()
            cls._inside[:] = [thread for thread in cls._inside if thread == own]
            if not cls._inside and cls._was_enabled:
                gc.enable()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=CollectorPaused.forget_other_threads)
