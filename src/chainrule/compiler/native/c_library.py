"""The C library's functions of numbers, by the names of Python's ``math``."""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Iterable
from typing import Any


@functools.cache
def _library() -> ctypes.CDLL:
    """Return the C library with its elementary functions."""
    if sys.platform == "win32":
        return ctypes.CDLL("ucrtbase")
    library = ctypes.CDLL(None)  # what Python itself is linked with
    if hasattr(library, "cbrt"):
        return library
    from ctypes.util import find_library

    return ctypes.CDLL(find_library("m"))


def c_name(name: str) -> str:
    """Return what C calls a function of ``math``, or ``**``."""
    return {"gamma": "tgamma", "Pow": "pow"}.get(name, name)


KNOWN: dict[str, int] = {}
"""Addresses of other things that native code names."""


def address(name: str) -> int:
    """Return where a function, or what else is known, is; 0 if there is none."""
    return KNOWN.get(name) or _address(name)


@functools.cache
def _address(name: str) -> int:
    found = getattr(_library(), name, None)
    return 0 if found is None else ctypes.cast(found, ctypes.c_void_p).value or 0


def free_all(words: Any, places: Iterable[int]) -> None:
    """Free the memory whose addresses are at places of an array of integers."""
    free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address("free"))
    for place in places:
        free(int(words[place]))
        words[place] = 0


__all__ = ["KNOWN", "address", "c_name", "free_all"]
