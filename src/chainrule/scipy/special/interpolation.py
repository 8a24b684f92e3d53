"""Derivatives in parameters: from values around them, where there is no formula."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

COUNT = 24
"""How many points a derivative in a parameter is interpolated from."""


@functools.cache
def _weights(order: int, degree: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return Chebyshev's points and what a derivative at 0 takes of the values there.

    The interpolating polynomial is cut off behind ``degree``.
    """
    angles = math.pi * (np.arange(COUNT) + 0.5) / COUNT
    total = np.zeros(COUNT)
    for k in range(order, degree + 1):
        slope = chebyshev.Chebyshev.basis(k).deriv(order)(0.0) if order else 0.0
        total += 2.0 / COUNT * slope * np.cos(k * angles)
    return np.cos(angles), total


def interpolated(
    f: Callable[[NDArray[Any]], NDArray[Any]],
    at: NDArray[Any],
    order: int,
    width: NDArray[Any],
) -> NDArray[Any]:
    """Return a derivative of ``f`` in a parameter, from its values around ``at``.

    A polynomial of degree 23 through Chebyshev's points in ``at - width, at + width``
    is differentiated. Where one of degree 17 says otherwise, by more than a millionth
    of what the values allow, the function is not smooth there, and the result is nan.
    """
    points, weights = _weights(order, COUNT - 1)
    fewer = _weights(order, COUNT - 7)[1]
    total: Any = 0.0
    other: Any = 0.0
    size: Any = 0.0
    for i in _pieces(at.size):
        first = (-1, *(1,) * at.ndim)
        values: Any = f(at + width * points[i].reshape(first))
        total = total + np.tensordot(weights[i], values, 1)
        other = other + np.tensordot(fewer[i], values, 1)
        size = np.maximum(size, np.max(np.abs(values), axis=0))
    smooth = np.abs(total - other) <= 1e-6 * (size + np.abs(total))
    return np.where(smooth, total, np.nan) / width**order


def _pieces(size: int) -> list[slice]:
    """Return which points are taken at once: all of them, or one of large arrays."""
    return [slice(i, i + 1) for i in range(COUNT)] if size > 10_000 else [slice(None)]


def in_parameters(
    f: Callable[..., Any],
    operands: Sequence[NDArray[Any]],
    orders: Sequence[int],
    widths: Sequence[NDArray[Any]],
) -> Any:
    """Return a partial derivative of ``f`` in some of its operands, one in the other.

    Where an order is 0 the operand stays as it is and its width is not read.
    """
    i = next((i for i, order in enumerate(orders) if order), None)
    if i is None:
        return f(*operands)
    left = [0 if j == i else order for j, order in enumerate(orders)]
    at, *others = np.broadcast_arrays(operands[i], *operands)

    def around(u: NDArray[Any]) -> Any:
        moved = [u if j == i else x for j, x in enumerate(others)]
        return in_parameters(f, moved, left, widths)

    return interpolated(around, at, orders[i], np.broadcast_to(widths[i], at.shape))
