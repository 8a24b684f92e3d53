"""Frames: which line of the user's, and which function, asks a stand-in."""

from __future__ import annotations

import dis
import functools
import opcode
import sys
from types import FrameType
from typing import Any

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

    Such a function, as a rule's forward, is one row where it looks at entries; helpers
    of ``values`` look for the one that calls them. Frames are only looked at where a
    trace is asked for entries, so that rules cost nothing.
    """
    asking = sys._getframe(2)
    while asking.f_back is not None and _is_helper(asking):
        asking = asking.f_back
    return asking.f_back is not None and asking.f_back.f_code is whole.__code__


def in_subscript() -> bool:
    """Tell whether a stand-in is asked between brackets: ``table[x]``."""
    asking = sys._getframe(2)
    code, place = asking.f_code.co_code, asking.f_lasti
    name = dis.opname[code[place]]
    return "SUBSCR" in name or (name == "BINARY_OP" and code[place + 1] == subscript())


@functools.cache
def subscript() -> int | None:
    """Return which operator that is, where it is one: from Python 3.14 on."""
    new: Any = getattr(opcode, "get_nb_ops", tuple)
    known: Any = getattr(opcode, "_nb_ops", None) or new()
    names: list[str] = [name for name, *_ in known]
    return names.index("NB_SUBSCR") if "NB_SUBSCR" in names else None


def _is_helper(frame: FrameType) -> bool:
    return frame.f_globals.get("__name__", "").startswith("chainrule.values.")
