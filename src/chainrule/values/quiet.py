"""Calls without NumPy's warnings of division by zero, overflow and the like.

``np.errstate`` says so too, but takes a microsecond: as long as a small program.
Compiled functions never warn, as machine code cannot. Where errors are to be raised,
NumPy has to compute.
"""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


def _found() -> tuple[ContextVar[Any], Any]:
    """Return where NumPy keeps what it does at such errors, and what ignores them."""
    outside = contextvars.copy_context()
    with np.errstate(all="ignore"):
        inside = contextvars.copy_context()
    ((variable, ignoring),) = (
        (k, x) for k, x in inside.items() if outside.get(k) is not x
    )
    return variable, ignoring


_VARIABLE, _IGNORING = _found()


def quietly(f: Callable[..., T], *args: Any) -> T:
    """Return ``f(*args)``, with ``np.errstate(all="ignore")``."""
    token = _VARIABLE.set(_IGNORING)
    try:
        return f(*args)
    finally:
        _VARIABLE.reset(token)


class RaisesErrorsError(ArithmeticError):
    """A traced function has NumPy raise errors, as no program does."""


current_state: Callable[[], Any] = functools.partial(_VARIABLE.get, _IGNORING)
"""Return what NumPy does at errors: an object that never changes."""
HARMLESS: set[Any] = set()
"""Such objects that raise nothing, some of those that were looked at."""
_SILENT = ("ignore", "warn")


def raises_errors() -> bool:
    """Tell whether NumPy is to raise errors, or to call somebody."""
    if not all(how in _SILENT for how in np.geterr().values()):
        return True
    if len(HARMLESS) > 8:
        HARMLESS.clear()
    HARMLESS.add(current_state())
    return False


def unless_raised() -> np.errstate:
    """Return a context without warnings, in which errors that are raised still are."""
    states: Any = {
        kind: "ignore" if how in _SILENT else how for kind, how in np.geterr().items()
    }
    return np.errstate(**states)


__all__ = [
    "HARMLESS",
    "RaisesErrorsError",
    "current_state",
    "quietly",
    "raises_errors",
    "unless_raised",
]
