"""Values for the page's JSON.

Finite numbers are JSON numbers; nan and the infinities are the strings ``"nan"``,
``"inf"`` and ``"-inf"``; what is no number is an object with its ``text``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.explainer.account.brief import is_array, is_bool, short

ENTRIES = 256
"""Arrays with more entries are shown by their first rows and columns."""

_CORNER = 6
_TEXT = 400


def encoded(x: Any, entries: int = ENTRIES) -> Any:
    """Return a value for JSON: a number, or an object with its text.

    An array has its ``shape`` and its ``data``, all entries in order; a large one has
    the ``corner`` of its first rows and columns and its ``low`` and ``high``.
    """
    if x is None:
        return None
    if is_bool(x):
        return {"text": str(bool(x))}
    value = x.item() if hasattr(x, "item") and np.ndim(x) == 0 else x
    if type(value) in (int, float):
        return _number(value)
    text: dict[str, Any] = {"text": clipped(short(x))}
    if is_array(x) and x.dtype.kind in "fiub":
        text["shape"] = list(x.shape)
        if x.size <= entries:
            text["data"] = [_number(v) for v in x.ravel().tolist()]
        else:
            rows = x.reshape(-1, x.shape[-1])
            corner = rows[:_CORNER, : _CORNER if x.ndim > 1 else 2 * _CORNER]
            text["corner"] = [[_number(v) for v in row] for row in corner.tolist()]
            text["low"], text["high"] = map(_number, (x.min().item(), x.max().item()))
    return text


def _number(x: float) -> Any:
    if isinstance(x, int) and abs(x) >= 2**53:
        return {"text": str(x)}
    return x if math.isfinite(x) else str(x)


def clipped(text: str) -> str:
    """Return text of a bearable length."""
    return text if len(text) <= _TEXT else text[: _TEXT - 3] + "..."


__all__ = ["ENTRIES", "clipped", "encoded"]
