"""The solution of an initial value problem as a function of time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.values.types import ArrayValue, Value
from chainrule.values.vertices import raw

_np: Any = np


class Solution:
    """A polynomial between each two steps, ``sol(t)``, as SciPy's ``OdeSolution``.

    Attributes
    ----------
    ts
        The times between the polynomials, a node where they move.
    t_min, t_max
        The first and the last of them, plain numbers.
    """

    def __init__(
        self, ts: Value, starts: Value, h: Value, ys: Value, rows: Value, *, later: bool
    ) -> None:
        """Take the polynomials: where they start, their lengths, states and rows.

        Between two of them the ``later`` one counts, or the earlier.
        """
        self.ts: Any = ts
        self.states: Any = ys
        self._pieces: tuple[Any, ...] = (starts, h, ys, rows)
        self._later = later
        times: Any = raw(ts)
        self.t_min: float = _np.minimum(times[0], times[-1])
        self.t_max: float = _np.maximum(times[0], times[-1])
        self.n_segments: int = len(raw(starts))

    def __call__(self, t: Value) -> Any:
        """Return the state at a time, or at several times, a column for each."""
        t = operations.asarray(t)
        if _np.ndim(raw(t)) == 0:
            return self.at(t, self._segments(raw(t)))
        return _np.transpose(self.at(t, self._segments(raw(t))))

    def parts(self) -> tuple[Any, ...]:
        """Return the arrays that it consists of, in the order of its arguments."""
        return self.ts, *self._pieces

    def around(self, t: float) -> Callable[[Any], Any]:
        """Return the state near a time, as a function of time."""
        i = segments(raw(self.ts), t, later=False)

        def state(t: Value) -> Any:
            return self.at(t, i)

        return state

    def points(self, t: Value) -> Any:
        """Return the states at times, by the earlier polynomial, a row for each."""
        return self.at(t, segments(raw(self.ts), raw(t), later=False))

    def _segments(self, t: Value) -> Any:
        return segments(raw(self.ts), t, later=self._later)

    def at(self, t: Value, i: ArrayValue) -> Any:
        """Return the states at times in the segments ``i``, a row for each."""
        starts, lengths, states, rows = self._pieces
        x: Any = (t - starts[i]) / lengths[i]
        if _np.ndim(i):
            x = x[:, None]
        rows = rows[i]
        total: Any = 0.0
        for j in reversed(range(_np.shape(raw(rows))[-2])):
            total = (total + rows[..., j, :]) * x
        return states[i] + total


def segments(ts: ArrayValue, t: Value, *, later: bool) -> Any:
    """Return between which two of ``ts`` times lie; they go up or down."""
    sign = 1.0 if ts[-1] >= ts[0] else -1.0
    side = "right" if later else "left"
    found = _np.searchsorted(sign * ts, sign * t, side=side) - 1
    return _np.clip(found, 0, len(ts) - 2)
