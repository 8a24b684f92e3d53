"""Frames: which line of the user's, and which function, asks a stand-in."""

from __future__ import annotations

import sys

from chainrule.rules.namespace import whole
from chainrule.values.vertices import is_internal


def user_line() -> str:
    """Return file and line of the innermost frame outside this library and NumPy."""
    frame = sys._getframe(1)
    while frame.f_back is not None and is_internal(frame):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"


def in_forward() -> bool:
    """Tell whether the function that asks for entries is one that ``whole`` runs.

    Such a function, as a rule's forward, is one row where it looks at entries. Frames
    are only looked at where a trace is asked for entries, so that rules cost nothing.
    """
    caller = sys._getframe(2).f_back
    return caller is not None and caller.f_code is whole.__code__
