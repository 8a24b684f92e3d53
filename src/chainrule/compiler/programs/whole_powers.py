"""Whole powers as products: ``x**5`` is ``x**2 * x * x * x``.

Powers of one value share their products, as those in a polynomial and in its derivative
do. ``x**-2`` is the square of ``1 / x``, ``x**-3`` is ``1 / x**2 / x``, ``2.0**x`` is
``np.exp2(x)``.

A power of n rounds n - 1 times: up to the seventh this stays within 4 units in the last
place, where NumPy's function stays within one. No product leaves the range of numbers
before the power does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.compiler.programs.program import alike, become, constant
from chainrule.compiler.tracing.plain_operators import UFUNCS
from chainrule.compiler.tracing.rows import Row
from chainrule.values.shapes import ARRAYS

HIGHEST = 7


class WholePowers:
    """Writes whole powers as products, and remembers them by their base."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[tuple[Row, Any], list[Row]] = {}

    def __call__(self, row: Row, rows: list[Row]) -> Any:
        """Make a power from the third on a product of rows that are added before it.

        Return the constant that is the power 0; ``None`` for all others.
        """
        if row.given or row.dtype is None or row.dtype.char not in "fd":
            return None
        x, exponent = row.args
        if type(x) is not Row:
            if _is_two(x) and row.number is None and alike(exponent, row):
                become(row, np.exp2, (exponent,))
            return None
        n = _whole(exponent)
        if n is None or not alike(x, row):
            return None
        if n == -2:
            inverse = row.with_call(np.divide, (1.0, x))
            rows.append(inverse)
            become(row, np.multiply, (inverse, inverse))
            return None
        if n == 0:
            return constant(1.0, row)
        powers = self._known.setdefault((x, row.function), [])
        if not powers:
            powers.append(row.with_call(row.function, (x, 2)))
            rows.append(powers[0])
        if n == -3:
            inverse = row.with_call(np.divide, (1.0, powers[0]))
            rows.append(inverse)
            become(row, np.divide, (inverse, x))
            return None
        while len(powers) < n - 2:
            powers.append(row.with_call(np.multiply, (powers[-1], x)))
            rows.append(powers[-1])
        become(row, np.multiply, (powers[n - 3], x))
        return None


def _whole(exponent: Any) -> int | None:
    """Return a constant exponent that is 0, -2, -3 or made of products."""
    if isinstance(exponent, (int, float, *ARRAYS)) and np.ndim(exponent) == 0:
        number: Any = exponent
        if number in (0, -2, -3) or (2 < number <= HIGHEST and number == int(number)):
            return int(number)
    return None


def _is_two(x: Any) -> bool:
    return isinstance(x, (int, float, *ARRAYS)) and np.ndim(x) == 0 and bool(x == 2)


POWERS: Any = {np.power, *(f for f, ufunc in UFUNCS.items() if ufunc is np.power)}
"""The functions of powers."""

__all__ = ["POWERS", "WholePowers"]
