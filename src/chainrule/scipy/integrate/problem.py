"""An initial value problem: its functions, with what they read taken out of them."""

from __future__ import annotations

import collections
import copy
import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.integrate

from chainrule import operations
from chainrule.errors import ArgumentError, CompileError, SolutionWarning
from chainrule.nodes.admission import holds_nodes
from chainrule.scipy.integrate.flow import Flow
from chainrule.scipy.integrate.flow_curve import FlowCurve
from chainrule.scipy.integrate.jacobians import jacobian_of
from chainrule.scipy.integrate.methods import method_of
from chainrule.scipy.integrate.replay import Program, Steps, moved, times_of
from chainrule.scipy.integrate.results import fill
from chainrule.scipy.integrate.solution import Solution
from chainrule.scipy.integrate.steps import Method, recording
from chainrule.transforms.closures import Opened
from chainrule.transforms.values import value
from chainrule.values.shapes import ndarray
from chainrule.values.types import ArrayValue, Value
from chainrule.values.vertices import first_stand_in, raw

_np: Any = np
_scipy: Any = scipy.integrate
WITH_JACOBIAN = (_scipy.Radau, _scipy.BDF, _scipy.LSODA)
MEMORY = 4
"""How many solves are kept for the derivatives that follow them."""
Solved = tuple[Any, list[dict[str, Any]]]
"""SciPy's result, and what was noted of its steps."""


@dataclass
class Problem:
    """What is constant in an initial value problem.

    Attributes
    ----------
    template
        ``(fun, events, args, jac)`` with its values taken out.
    program
        The right-hand side, and what is compiled of it.
    by_steps
        Whether the derivative is that of the steps, or the adjoint equation's.
    """

    template: Opened
    program: Program
    solver: Any
    options: dict[str, Any]
    dense: bool
    by_steps: bool
    _memory: collections.OrderedDict[bytes, Solved] = field(
        default_factory=collections.OrderedDict[bytes, Solved]
    )

    @functools.cached_property
    def method(self) -> Method:
        """How its steps are taken again."""
        found = method_of(self.solver)
        assert found is not None  # noqa: S101 - it was asked for before
        return found

    @functools.cached_property
    def flow(self) -> Flow:
        """Its solution by the adjoint equation."""
        return Flow(self.program, self.solver, self.options)

    def events(self, values: Sequence[Any]) -> list[Callable[..., Any]]:
        """Return the events that read these values."""
        _, events, args, _ = self.template.filled(values)
        return [with_args(e, args) for e in events]

    def solved(
        self,
        y0: ArrayValue,
        ends: Sequence[float],
        t_eval: ArrayValue | None,
        values: Sequence[Any],
    ) -> Solved:
        """Return SciPy's result for plain values, and what it noted of its steps."""
        key = b"|".join(_np.asarray(x).tobytes() for x in (y0, *ends, t_eval, *values))
        known = self._memory.get(key)
        if known is None:
            known = self._memory[key] = self._solved(y0, ends, t_eval, values)
            while len(self._memory) > MEMORY:
                self._memory.popitem(last=False)
        found, notes = copy.copy(known[0]), list(known[1])
        for name in ("t_events", "y_events"):
            found[name] = found[name] and list(found[name])
        return found, notes

    def _solved(
        self,
        y0: ArrayValue,
        ends: Sequence[float],
        t_eval: ArrayValue | None,
        values: Sequence[Any],
    ) -> Solved:
        notes: list[dict[str, Any]] = []
        fun = self.program.fun(values)
        solver = self.solver
        if self.by_steps:
            solver = recording(solver, self.method, notes)
        found = _scipy.solve_ivp(
            plainly(fun),
            ends,
            y0,
            method=solver,
            t_eval=t_eval,
            events=[plainly(e) for e in self.events(values)] or None,
            vectorized=self.program.vectorized,
            **self.options,
            **self.jacobian(ends[0], y0, values),
        )
        return found, notes

    def result(
        self,
        y0: ArrayValue,
        ends: Sequence[Any],
        t_eval: ArrayValue | None,
        values: Sequence[Any],
    ) -> Any:
        """Return SciPy's result with what depends on nodes in it."""
        if raw(y0).dtype.kind not in "fc":
            y0 = y0 * 1.0
        wanted = None if t_eval is None else raw(t_eval)
        plain = [raw(v) for v in values]
        found, notes = self.solved(raw(y0), list(map(raw, ends)), wanted, plain)
        if not found.success and any(map(holds_nodes, [y0, *ends, *values])):
            warnings.warn(
                f"solve_ivp has stopped before the end ({found.message}), and so does "
                "what is differentiated.",
                SolutionWarning,
                stacklevel=3,
            )
        if self.by_steps:
            curve = self._of_steps(notes, y0, ends, values, found, t_eval)
        else:
            curve = self._of_flow(y0, ends, values, found)
        found.sol = curve if self.dense else None
        fill(found, curve, t_eval, self.events(values))
        return found

    def _of_steps(
        self,
        notes: list[dict[str, Any]],
        y0: ArrayValue,
        ends: Sequence[Any],
        values: Sequence[Any],
        found: Any,
        t_eval: ArrayValue | None,
    ) -> Solution:
        times, given = times_of(notes[1:], *ends)
        dense = self.dense or t_eval is not None or bool(found.t_events)
        steps = Steps(self.method.prepared(given), notes[0], dense)
        states, rows = self.program.taken(self.method, steps, y0, values)
        states = _np.concatenate([_np.reshape(y0, (1, -1)), states])
        return self._solution(times, given["t"], given["h"], states, rows)

    def _solution(self, *parts: Any) -> Solution:
        return Solution(*parts, later=self.method.alternate)

    def _of_flow(
        self, y0: ArrayValue, ends: Sequence[Any], values: Sequence[Any], found: Any
    ) -> FlowCurve:
        if holds_nodes(self.program.fun(list(map(raw, values)))(raw(ends[0]), raw(y0))):
            raise ArgumentError(
                "the adjoint equation needs all nodes that fun reads in args, or in "
                "its closure and defaults. Pass them there, or derivative='steps'."
            )
        times = moved(_np.asarray(found.t), *ends)
        return FlowCurve(self.flow, y0, ends[0], times, values, _np.transpose(found.y))

    def curve(
        self, parts: Sequence[Any], y0: ArrayValue, t0: Value, values: Sequence[Any]
    ) -> Any:
        """Return the solution as a function of time, in a trace."""
        if self.by_steps:
            return self._solution(*parts)
        ts, known = parts
        return FlowCurve(self.flow, y0, t0, ts, values, known)

    def jacobian(
        self, t: float, y0: ArrayValue, values: Sequence[Any]
    ) -> dict[str, Any]:
        """Return the Jacobian as an option, where a method takes one."""
        _, _, args, given = self.template.filled(values)
        if callable(given):
            return {"jac": plainly(with_args(given, args))}
        if given is not None:
            return {"jac": given}
        if not issubclass(self.solver, WITH_JACOBIAN):
            return {}
        y = _np.asarray(y0)
        y = y if y.dtype.kind in "fc" else y.astype(float)
        found = jacobian_of(
            self.program, t, y, values, dense=issubclass(self.solver, _scipy.LSODA)
        )
        return {} if found is None else {"jac": found}


def with_args(f: Callable[..., Any], args: Sequence[Any]) -> Callable[..., Any]:
    """Return a function of time and state; an event keeps its attributes."""
    if not len(args):
        return f

    def of(t: Value, y: Value) -> Any:
        return f(t, y, *args)

    vars(of).update(getattr(f, "__dict__", {}))
    return of


def plainly(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function with its results as plain values."""

    def plain(*args: Any) -> Any:
        z = f(*args)
        if type(z) is ndarray and z.dtype.char != "O":
            return z
        _check(z)
        if first_stand_in(z) is not None:
            raise CompileError(
                "A function of a differential equation reads a traced value that "
                "is in none of its arguments, closures and defaults. Pass it in args."
            )
        return value(operations.asarray(z)) if holds_nodes(z) else z

    return _as_event(plain, f)


class MeetsNodeError(Exception):
    """A function that was thought to be plain returned a node."""


def watched(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that raises where it returns a node."""

    def plain(*args: Any) -> Any:
        z = f(*args)
        if type(z) is not ndarray:
            _check(z)
            if holds_nodes(z):
                raise MeetsNodeError
        return z

    return _as_event(plain, f)


def _check(z: Value | None) -> None:
    """Raise where a function returned nothing: SciPy takes it for nan, and goes on."""
    if z is None:
        raise ArgumentError(
            "a function of a differential equation returned None. Let it return its "
            "result."
        )


def _as_event(plain: Callable[..., Any], f: Callable[..., Any]) -> Callable[..., Any]:
    for name in ("terminal", "direction"):
        if hasattr(f, name):
            setattr(plain, name, getattr(f, name))
    return plain


__all__ = ["MeetsNodeError", "Problem", "plainly", "watched", "with_args"]
