"""Dtypes of results that are computed in double precision."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.values.types import Value

Reals = NDArray[Any]
"""Arrays of numbers that functions of many entries compute with."""


def dtype_for(*operands: Value) -> np.dtype[Any]:
    """Return the dtype of a function of operands: float32 if all of them are."""
    return np.result_type(np.float32, *map(np.asarray, operands))


def in_double(x: Value) -> Any:
    """Return an operand as an array of double precision, real or complex."""
    array: Any = np.asarray(x)
    return array.astype(np.result_type(array, np.float64))
