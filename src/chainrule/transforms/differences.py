"""Derivatives of plain functions by differences, with an estimate of their error.

Central differences with steps h, h / 2, h / 4, ... are extrapolated to the step 0
(Richardson; the estimate and when to stop are those of C. Ridders, Advances in
Engineering Software 4, 75-76 (1982)). Where a function takes complex numbers, the
complex step Im f(x + i h) / h is exact to rounding (W. Squire & G. Trapp, SIAM Review
40, 110-112 (1998)); it is taken where it agrees with a central difference.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[Any]
Function = Callable[[Sequence[Vector]], list[Vector]]
"""A plain function of arrays that returns arrays."""

_LEVELS = 10
_TINY = 1e-30
_CHECK = 1e-4
_CLOSE = 1e-4
_BETWEEN = 0.37
_EPS = float(np.finfo(np.float64).eps)


def directional(
    f: Function,
    at: Sequence[Vector],
    along: Sequence[Vector],
    *,
    order: int,
    step: float,
    rtol: float,
    by_complex: bool,
) -> tuple[list[Vector], float, str]:
    """Return the derivatives of all results along a direction, their error, and how.

    The error is an estimate, relative to the largest entry of the derivatives, or to
    that of the results, over the size of what is moved, where this is larger. Where it
    is above ``rtol``, steps by the size of the moved entries alone are tried too.
    """
    size = _length(at, along)
    if size == 0.0:
        return [0.0 * z for z in f(at)], 0.0, ""

    def moved(h: complex) -> list[Vector]:
        return f([x + h * t for x, t in zip(at, along, strict=True)])

    if by_complex:
        exact = _complex_step(moved, size)
        if exact is not None:
            return exact, _EPS, "complex step"
    table = _Table(moved, size, order)
    found, error = table.best(step / size)
    own = _length([np.where(t, x, 0.0) for x, t in zip(at, along, strict=True)], along)
    for of, h in ((own, step / own), (size, table.smaller)):
        if error <= rtol or not h or (of, h) == (size, step / size):
            continue
        again, less = _Table(moved, of, order).best(h)
        if not error <= less:
            found, error = again, less
    return found, error, "differences"


def _length(at: Sequence[Vector], along: Sequence[Vector]) -> float:
    """Return how far a direction leads, relative to the size of what it moves."""
    return max(
        (
            _largest([t]) / (_largest([x]) or 1.0)
            for x, t in zip(at, along, strict=True)
        ),
        default=0.0,
    )


def _finite(*x: Vector) -> bool:
    return all(bool(np.all(np.isfinite(z))) for z in x)


def _largest(x: Sequence[Vector]) -> float:
    """Return the largest entry; a nan counts as infinite."""
    found = [float(np.max(np.abs(z), initial=0.0)) for z in x]
    return max((math.inf if math.isnan(v) else v for v in found), default=0.0)


def _less(x: Sequence[Vector], y: Sequence[Vector]) -> list[Vector]:
    return [a - b for a, b in zip(x, y, strict=True)]


def _bend(
    high: Sequence[Vector], middle: Sequence[Vector], low: Sequence[Vector]
) -> float:
    """Return how much the rise differs from the fall: by as much as they, at a kink."""
    return _largest(_less(_less(high, middle), _less(middle, low)))


def _complex_step(
    moved: Callable[[complex], list[Vector]], size: float
) -> list[Vector] | None:
    """Return derivatives by the complex step, ``None`` where it does not hold."""
    tiny, h = _TINY / size, _CHECK / size
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            there = moved(1j * tiny)
    except Exception:  # it does not take complex numbers
        return None
    high, low = moved(h), moved(-h)
    if any(map(np.iscomplexobj, high)) or not _finite(*there, *high, *low):
        return None
    exact = [np.imag(z) / tiny for z in there]
    slope = [z / (2 * h) for z in _less(high, low)]
    noise = 10 * _EPS * _largest(high) / h
    allowed = _CLOSE * _largest(slope) + noise
    bend = _bend(high, [np.real(z) for z in there], low) / (2 * h)
    scale = max(_largest(slope), _largest(high) * size)
    if not (_largest(_less(exact, slope)) <= allowed and bend <= 0.01 * scale + noise):
        return None
    return exact


class _Table:
    """Richardson's table of central differences along a line."""

    def __init__(
        self, moved: Callable[[complex], list[Vector]], size: float, order: int
    ) -> None:
        self.moved = moved
        self.columns = order // 2
        self.middle = moved(0.0)
        finite = [np.where(np.isfinite(z), z, 0.0) for z in self.middle]
        self.scale = _largest(finite) * size
        self.found: list[Vector] = []
        self.error = math.inf
        self.bends: list[float] = []
        self.smaller = 0.0
        """The step that does not confirm the best derivatives, if one does not."""

    def best(self, h: float) -> tuple[list[Vector], float]:
        """Return the best derivatives that steps from h on give, and their error.

        A result that is no number at the point itself has none: nan.
        """
        if not _finite(*self.middle):
            slopes = self._row(h, [])[0]
            both = zip(self.middle, slopes, strict=True)
            return [np.where(np.isfinite(z), s, np.nan) for z, s in both], math.inf
        before: list[list[Vector]] = []
        for _ in range(_LEVELS):
            row = self._row(h, before)
            known = bool(before) and math.isfinite(self.error)
            if known and self._apart(row[-1], before[-1]) > 2 * self.error:
                break
            before, h = row, h / 2
        first, second = self.bends[:2]
        kink = second if second > 0.75 * first else 0.0
        size = self._size(self.found)
        if kink > 1e-3 * size:  # it does not go as h does
            self.error = max(self.error, kink / (size or kink))
        self._confirm(_BETWEEN * h)
        return self.found, self.error

    def _confirm(self, h: float) -> None:
        """Compare with a difference of another step: waves may fit halved ones."""
        slope = [z / (2 * h) for z in _less(self.moved(h), self.moved(-h))]
        apart = self._apart(slope, self.found)
        if not apart <= max(1e-3, 10 * self.error):
            self.error, self.smaller = apart, h

    def _row(self, h: float, before: Sequence[list[Vector]]) -> list[list[Vector]]:
        """Return the differences of a step, and what they extrapolate to."""
        high, low = self.moved(h), self.moved(-h)
        self.bends.append(_bend(high, self.middle, low) / (2 * h))
        row = [[z / (2 * h) for z in _less(high, low)]]
        if not self.found:
            self.found = row[0]
        if before and self.columns == 1:
            self._offer(row[0], before[0])
        for j in range(min(len(before), self.columns - 1)):
            factor = 4.0 ** (j + 1) - 1
            steps = _less(row[j], before[j])
            row.append([a + b / factor for a, b in zip(row[j], steps, strict=True)])
            self._offer(row[-1], row[j], before[j])
        return row

    def _offer(self, x: list[Vector], *others: Sequence[Vector]) -> None:
        """Take derivatives that are closer to those before than the best so far."""
        error = max(self._apart(x, other) for other in others)
        if error <= self.error:
            self.found, self.error = x, error

    def _size(self, x: Sequence[Vector]) -> float:
        return max(_largest(x), self.scale)

    def _apart(self, x: Sequence[Vector], y: Sequence[Vector]) -> float:
        far, size = _largest(_less(x, y)), self._size(x)
        return far / size if size else far
