"""Locks that a forked process finds free.

``os.fork`` copies a lock in the state that it is in, but not the thread that holds it,
so that the child would wait for ever. Every lock of this library is made here.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from typing import Any

_made: weakref.WeakSet[Any] = weakref.WeakSet()


def lock() -> threading.Lock:
    """Return a lock that is free in a forked process."""
    created = threading.Lock()
    _made.add(created)
    return created


def reentrant_lock() -> Any:
    """Return a lock that its owner may take again; it is free in a forked process."""
    created = threading.RLock()
    _made.add(created)
    return created


def has_global_lock() -> bool:
    """Tell whether Python runs one thread at a time."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def _free_all() -> None:
    for held in list(_made):
        owned = getattr(held, "_is_owned", None)
        if owned is None or not owned():
            held._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_all)
