"""What the files of the detection share: calls by name, and lines of arrays."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np

from chainrule.compiler.sparsity.patterns import Pattern
from chainrule.compiler.tracing.rows import Row
from chainrule.values.shapes import ndarray

_np: Any = np


def lines(line: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """Return the number of the line that each entry of an array is in."""
    return _np.broadcast_to(_np.arange(math.prod(line)).reshape(line), shape)


class Shared:
    """What several results depend on: one entry for each place of ``shape``."""

    def __init__(self, shape: tuple[int, ...], pattern: Pattern) -> None:
        self.shape = shape
        self.pattern = pattern


def is_array(x: Any) -> bool:
    """Tell whether an argument is a constant array."""
    return isinstance(x, ndarray)


def named_arguments(row: Row) -> dict[str, Any]:
    """Return what a call's arguments are, by their names; defaults are among them."""
    try:
        bound = inspect.signature(row.function).bind(*row.args, **row.given)
    except (TypeError, ValueError):
        names = ("a", "axis")
        return {**dict(zip(names, row.args, strict=False)), **row.given}
    bound.apply_defaults()
    return dict(bound.arguments)


__all__ = ["Shared", "is_array", "lines", "named_arguments"]
