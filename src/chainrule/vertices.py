"""The vertex: what the layers below the node class know of a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np


class vertex:
    """Anything a recording is made of: has ``value``, ``grad`` and ``grad_ops``.

    Results take the class of an operand whose class is ``watched``, and its ``created``
    is told of each. One that ``traces`` also records what is locally constant.
    """

    __slots__ = ()
    watched: ClassVar[bool] = False
    traces: ClassVar[bool] = False

    _value: Any
    _step: Any
    _grad: Any
    _parameters: Mapping[str, Any]
    operands: tuple[Any, ...]
    serial: int

    @classmethod
    def created(cls, z: Any) -> None:
        """Be told of a new result; only called where the class is ``watched``."""


def raw(x: Any) -> Any:
    """Return the plain value under a node; anything else is returned as it is."""
    return x._value if isinstance(x, vertex) else x


def unboxed(x: Any) -> Any:
    """Return the plain value under a node, a Python float as a NumPy one.

    NumPy's floats follow NumPy at poles and overflows, where Python's raise.
    """
    x = raw(x)
    return np.float64(x) if type(x) is float else x


def boxed(operands: Sequence[Any]) -> list[Any]:
    """Return operands with constants as NumPy's numbers; nodes stay."""
    return [x if isinstance(x, vertex) else unboxed(x) for x in operands]


ARITHMETIC_ERRORS = (ZeroDivisionError, OverflowError, ValueError)
"""What Python's floats raise where NumPy's return inf or nan."""
