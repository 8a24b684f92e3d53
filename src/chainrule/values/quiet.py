"""Calls without NumPy's warnings of division by zero, overflow and the like.

``np.errstate`` says so too, but takes a microsecond: as long as a small program.
"""

from __future__ import annotations

import contextvars
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


__all__ = ["quietly"]
