"""Hypergeometric series, differentiated term by term in their parameters (DLMF 16.2.1).

The terms are carried as Taylor polynomials in the parameters: a factor ``a + n``
multiplies one by ``a + n + h``, a factor below divides it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Factor = tuple[NDArray[Any], tuple[float, ...]]
"""A parameter, and its slope in each of those that are differentiated."""
_TERMS = 2000
_SMALL = 1e-18


def differentiated(
    above: Sequence[Factor],
    below: Sequence[Factor],
    x: NDArray[Any],
    orders: Sequence[int],
    in_x: int,
) -> NDArray[Any]:
    """Return a derivative of ``sum over n of prod((a)_n) / prod((b)_n) x**n / n!``.

    ``orders`` are those in the parameters, ``in_x`` that in x. The series is summed
    until all of its terms are small; where they do not become so the result is nan.
    """
    term = np.zeros((*(k + 1 for k in orders), *x.shape), x.dtype)
    term[(0,) * len(orders)] = 1.0
    total = np.zeros_like(term)
    for n in range(_TERMS):
        if n >= in_x:  # the term is that of x**(n - in_x)
            share = term * float(math.perm(n, in_x))
            total += share
            size = np.maximum(np.abs(total), 1e-300)
            if n > in_x + 3 and np.all(np.abs(share) <= _SMALL * size):
                break
        for value, slopes in above:
            term = _times(term, value + n, slopes)
        for value, slopes in below:
            term = _over(term, value + n, slopes, orders)
        term = term * (x if n >= in_x else 1.0) / (n + 1.0)
    else:
        return np.full(x.shape, np.nan)
    factor = math.prod(math.factorial(k) for k in orders)
    return factor * total[tuple(orders)]


def _later(term: NDArray[Any], axis: int) -> NDArray[Any]:
    """Return a polynomial times the parameter of an axis, cut off."""
    moved = np.zeros_like(term)
    rest = (slice(None),) * axis
    moved[(*rest, slice(1, None))] = term[(*rest, slice(None, -1))]
    return moved


def _times(term: NDArray[Any], value: Any, slopes: Sequence[float]) -> NDArray[Any]:
    total = term * value
    for axis, slope in enumerate(slopes):
        if slope and term.shape[axis] > 1:
            total = total + slope * _later(term, axis)
    return total


def _over(
    term: NDArray[Any], value: Any, slopes: Sequence[float], orders: Sequence[int]
) -> NDArray[Any]:
    found = np.empty_like(term)
    for index in np.ndindex(*(k + 1 for k in orders)):
        rest = term[index]
        for axis, slope in enumerate(slopes):
            if slope and index[axis]:
                before = (*index[:axis], index[axis] - 1, *index[axis + 1 :])
                rest = rest - slope * found[before]
        found[index] = rest / value
    return found
