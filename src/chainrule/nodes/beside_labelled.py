"""What xarray's objects and its own code ask of a node or a traced value.

xarray holds nodes, and its own operators keep the labels: they answer where a node
stands on the left. Its indexing asks what kind of array it has.
"""

from __future__ import annotations

import sys
from typing import Any

from chainrule.values.frames import Frame
from chainrule.values.types import Value


def beside_labelled(name: str, x: Value, y: Value) -> Any:
    """Return an operator's result where the right operand labels its values.

    That is one of xarray's objects, or a ``Frame``; ``NotImplemented`` elsewhere.
    """
    kind: type = y.__class__
    if kind is not Frame and kind.__module__.partition(".")[0] != "xarray":
        return NotImplemented
    reflected = getattr(y, f"__r{name.strip('_')}__", None)
    return NotImplemented if reflected is None else reflected(x)


def asked_by_indexing() -> bool:
    """Tell whether xarray's indexing asks for the array API, two frames above.

    It would index without arrays that point at entries, which NumPy's arrays take.
    """
    frame: Any = sys._getframe(2)
    home = frame.f_globals.get("__name__", "")
    return home == "xarray.core.indexing" and frame.f_code.co_name == "as_indexable"


__all__ = ["asked_by_indexing", "beside_labelled"]
