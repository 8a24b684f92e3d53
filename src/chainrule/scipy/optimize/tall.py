"""Jacobians of many residuals in few unknowns: dense, and their entries carried."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compiler.api import compile as compiled
from chainrule.sparse.matrices import SparseDerivative, State
from chainrule.values.types import Array, Shape

_np: Any = np
TALL = 20_000
"""Entries from which they are carried: where none is zero, too, that takes less than a
product for each unknown."""


def is_tall(shape: Shape, columns: int) -> bool:
    """Tell whether a Jacobian of so many columns is large, of a vector of residuals."""
    return len(shape) == 1 and shape[0] * columns >= TALL


class Carried:
    """The Jacobian of a function, whose entries are carried, with no products.

    Where they are not, it is compiled as it is.
    """

    def __init__(self, f: Callable[..., Any], jac: Callable[..., Any]) -> None:
        """Take both, of the unknowns and of other values."""
        self._entries: SparseDerivative | None = SparseDerivative(f)
        self._whole = compiled(jac)

    def __call__(self, *args: Any) -> Any:
        """Return it as a dense matrix."""
        if self._entries is not None:
            try:
                state, data = self._entries.evaluated(args, {})
                if self._entries.carried:
                    shape: Any = state.pattern.shape
                    full = data.size == math.prod(shape)
                    return _np.reshape(data, shape) if full else _filled(state, data)
            except Exception:  # there is no program for these arguments
                pass
            self._entries = None
        return self._whole(*args)


def _filled(state: State, data: Array) -> Any:
    return state.arranged(data).toarray()


__all__ = ["Carried", "is_tall"]
