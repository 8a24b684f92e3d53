"""A solution as a function of time, differentiated by the adjoint equation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.scipy.integrate.flow import Flow
from chainrule.values.types import ArrayValue, Value
from chainrule.values.vertices import first_stand_in, raw

_np: Any = np


class FlowCurve:
    """A solution as a function of time, differentiated by the adjoint equation.

    Attributes
    ----------
    ts
        The times between the solver's steps, or those that were asked for.
    states
        The states at these times, a row for each.
    """

    def __init__(
        self,
        flow: Flow,
        y0: Value,
        t0: Value,
        ts: ArrayValue,
        values: Sequence[Any],
        known: ArrayValue,
    ) -> None:
        """Take a flow, and the ``known`` states at ``ts``, plain ones."""
        self.flow = flow
        self.ts = ts
        self._start: tuple[Any, ...] = (y0, t0, *values)
        times: Any = raw(ts)
        self.t_min: float = _np.minimum(times[0], times[-1])
        self.t_max: float = _np.maximum(times[0], times[-1])
        self._plain = known
        if first_stand_in(raw(known)) is None and len(known):
            begin = _np.concatenate([[raw(t0)], times])
            flow.remember(raw(y0), begin, list(map(raw, values)), known)

    def parts(self) -> tuple[Any, ...]:
        """Return the times and the states there, plain."""
        return self.ts, self._plain

    @functools.cached_property
    def states(self) -> Any:
        """The states at ``ts``."""
        return self.points(self.ts)

    def points(self, t: Value) -> Any:
        """Return the states at times in the solver's order, a row for each."""
        y0, t0, *values = self._start
        times = _np.concatenate([_np.reshape(t0, (1,)), t])
        return self.flow.at(y0, times, *values)

    def around(self, t: float) -> Callable[[Any], Any]:
        """Return the state near a time, as a function of time."""
        y = self.points(_np.array([t]))[0]

        def state(later: Value) -> Any:
            return self.flow.at(y, _np.stack([t, later]), *self._start[2:])[0]

        return state

    def __call__(self, t: Value) -> Any:
        """Return the state at a time, or at several times, a column for each."""
        t = operations.asarray(t)
        if _np.ndim(raw(t)) == 0:
            return self.points(_np.reshape(t, (1,)))[0]
        times: Any = raw(t)
        up = raw(self.ts)[-1] >= raw(self.ts)[0]
        order = _np.argsort(times if up else -times, kind="stable")
        back = _np.argsort(order)
        return _np.transpose(self.points(t[order])[back])


__all__ = ["FlowCurve"]
