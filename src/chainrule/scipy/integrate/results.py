"""What a solver's result is with nodes in it: states, events, and a trace's row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from chainrule import operations
from chainrule.scipy.integrate.whole import Whole
from chainrule.solving.implicit import solution
from chainrule.values.types import ArrayValue, Value
from chainrule.values.vertices import raw

_np: Any = np
NUMBERS = ("status", "nfev", "njev", "nlu")


class Curve(Protocol):
    """A solution as a function of time."""

    ts: Any
    states: Any

    def around(self, t: float) -> Callable[[Any], Any]:
        """Return the state near a time, as a function of time."""
        ...

    def points(self, t: Value) -> Any:
        """Return the states at times in the solver's order, a row for each."""
        ...


class Solvable(Protocol):
    """A problem whose result may be one row of a trace."""

    dense: bool
    program: Any

    def result(
        self,
        y0: ArrayValue,
        ends: Sequence[Any],
        t_eval: ArrayValue | None,
        values: Sequence[Any],
    ) -> Any:
        """Return the result for plain values and nodes."""
        ...

    def curve(
        self, parts: Sequence[Any], y0: ArrayValue, t0: Value, values: Sequence[Any]
    ) -> Any:
        """Return the solution as a function of time, in a trace."""
        ...


def fill(
    found: Any,
    curve: Curve,
    t_eval: ArrayValue | None,
    events: Sequence[Callable[..., Any]],
) -> None:
    """Put what depends on nodes into SciPy's result."""
    for i, event in enumerate(events):
        times = found.t_events[i]
        if len(times):
            roots = [_root(event, curve, float(t)) for t in times]
            found.t_events[i] = _np.stack([t for t, _ in roots])
            found.y_events[i] = _np.stack([y for _, y in roots])
    if t_eval is not None:
        if len(found.t):
            times = operations.asarray(t_eval)[: len(found.t)]
            found.t, found.y = times, _np.transpose(curve.points(times))
        return
    states = curve.states
    if found.status == 1:
        t, y = _last(found)
        curve.ts = _np.concatenate([curve.ts[:-1], _np.reshape(t, (1,))])
        states = _np.concatenate([states[:-1], _np.reshape(y, (1, -1))])
    found.t, found.y = curve.ts, _np.transpose(states)


def _root(event: Callable[..., Any], curve: Curve, t: float) -> tuple[Any, Any]:
    """Return the time of an event as a node, and the state there."""
    state = curve.around(t)

    def residual(t: Value) -> Any:
        return _np.reshape(operations.asarray(event(t, state(t))), ())

    root = solution(residual, np.float64(t))
    return root, state(root)


def _last(found: Any) -> tuple[Any, Any]:
    """Return the event that has ended the solution."""
    end = float(found.t[-1])
    for times, states in zip(found.t_events, found.y_events, strict=True):
        if len(times) and float(raw(times)[-1]) == end:
            return times[-1], states[-1]
    raise AssertionError("a solution that has ended at no event")


def in_trace(problem: Solvable, operands: Sequence[Any], *, at_points: bool) -> Any:
    """Return the result in a trace, where the solver is one row."""
    problem.program.may_compile = True
    kept: list[Any] = []

    def f(*operands: Any) -> tuple[Any, ...]:
        y0, t0, tf, *values = operands
        t_eval = values.pop(0) if at_points else None
        found = problem.result(y0, (t0, tf), t_eval, values)
        kept[:] = [found]
        numbers = [int(found[name]) for name in NUMBERS]
        events = [*(found.t_events or ()), *(found.y_events or ())]
        parts = found.sol.parts() if problem.dense else ()
        return (found.t, found.y, *numbers, *events, *parts)

    parts = list(Whole(f, "solve_ivp").operation(*operands))
    found = kept[0]
    found.t, found.y = parts[:2]
    for name, x in zip(NUMBERS, parts[2:], strict=False):
        found[name] = x
    found.success = found.status >= 0
    del parts[: 2 + len(NUMBERS)]
    for name in ("t_events", "y_events"):
        count = len(found[name] or ())
        found[name] = found[name] and parts[:count]
        del parts[:count]
    if problem.dense:
        y0, t0, _, *values = operands
        found.sol = problem.curve(parts, y0, t0, values[1:] if at_points else values)
    return found


__all__ = ["Curve", "fill", "in_trace"]
