"""Operators of a node, or a traced value, on the left of one of xarray's objects.

xarray holds nodes, and its own operators keep the labels. They answer.
"""

from __future__ import annotations

from typing import Any

from chainrule.values.types import Value


def beside_labelled(name: str, x: Value, y: Value) -> Any:
    """Return an operator's result where the right operand is one of xarray's objects.

    ``NotImplemented`` where it is not.
    """
    if y.__class__.__module__.partition(".")[0] != "xarray":
        return NotImplemented
    reflected = getattr(y, f"__r{name.strip('_')}__", None)
    return NotImplemented if reflected is None else reflected(x)


__all__ = ["beside_labelled"]
