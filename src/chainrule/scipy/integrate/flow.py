"""The flow of a differential equation, by the equation of its cotangents.

``S`` maps an initial state, times and what the right-hand side reads to the states at
these times, by any of SciPy's solvers. Its derivative is no longer that of the steps:

    a' = -(df/dy).T a,      v_bar = integral of (df/dv).T a,

solved backwards from each time to the one before, where the cotangent of the state
there is added. The state on the way is solved for again, from the one that is known at
the earlier time, so that memory is that of one such stretch, and stable in stiff
equations. With ``f2`` the right-hand side of the state and its tangent, and ``S2`` its
flow, the tangent of ``S`` is ``S2``, and the derivatives of the backward solution ``B``
are made of ``S2`` and its ``B2``: every order is there.

Source: Cao, Li, Petzold & Serban, "Adjoint sensitivity analysis for
differential-algebraic equations", 2003, without the algebraic part.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate
from numpy.typing import NDArray

from chainrule.errors import ArgumentError
from chainrule.scipy.integrate.jacobians import jacobian_of
from chainrule.scipy.integrate.replay import Program
from chainrule.transforms.custom_operation import custom_operation
from chainrule.transforms.one_run import with_zeros
from chainrule.transforms.products import jvp, vjp
from chainrule.values.types import Array, ArrayValue, Value
from chainrule.values.vertices import first_stand_in

_np: Any = np
_scipy: Any = scipy.integrate
_EPS = 2.0**-52
States = Callable[..., Any]
"""``states(y0, times, values)`` returns the states at ``times[1:]``, a row for each."""
_ONE_STEP: Any = (_scipy.RK45.__bases__[0], _scipy.Radau)
HELD = 32
"""Steps of the state that are held at once, where the times let it."""
KNOWN = 3
"""How many solutions are kept besides the last one."""
POINTS, WEIGHTS = _np.polynomial.legendre.leggauss(4)
"""Of the quadrature over each step, exact to degree 7."""


class Flow:
    """The states of a differential equation at given times, as an operation.

    Its operands are the initial state, the times from the initial one on, and what the
    right-hand side reads.
    """

    def __init__(
        self,
        program: Program,
        solver: Any,
        options: dict[str, Any],
        states: States | None = None,
    ) -> None:
        """Take the right-hand side, and how it is solved.

        ``states`` computes the states where that is not SciPy's ``solve_ivp``.
        """
        self.program = program
        self.solver = solver
        self.options = options
        self._states: States = states or self._solved
        self._known: list[tuple[Any, Any]] = []
        self._steps: dict[str, float] = {}
        name = "flow"
        self.at: Any = custom_operation(
            self.states, self._pullback, self._pushforward, name=name
        )
        self.back: Any = custom_operation(
            self._back, self._pullback_of_back, self._pushforward_of_back, name="back"
        )

    # ---------------------------------------------------------------- plain values

    def states(self, y0: Array, times: NDArray[Any], *values: Value) -> Any:
        """Return the states, as they are known from the last call if it is the same."""
        if first_stand_in((y0, times, values)) is not None:
            raise TypeError("a solver: run as one step of the trace")
        key = (y0, times, *values)
        for known, found in self._known:
            if len(known) == len(key) and all(map(_np.array_equal, known, key)):
                return found
        found = self._states(y0, times, values)
        self.remember(y0, times, values, found)
        return found

    def remember(
        self, y0: Array, times: NDArray[Any], values: Sequence[Any], found: ArrayValue
    ) -> None:
        """Keep states, so that they need not be computed again."""
        key = tuple(_np.array(x) for x in (y0, times, *values))
        self._known[:] = [*self._known[-KNOWN:], (key, found)]

    def _solved(self, y0: Array, times: NDArray[Any], values: Sequence[Any]) -> Any:
        points = _np.unique(times[1:])
        if len(points) == 1 and points[0] == times[0]:
            return _np.stack([y0] * (len(times) - 1))
        points = points if times[-1] >= times[0] else points[::-1]
        found = self._stretch(y0, times[0], times[-1], values, t_eval=points)
        which = _np.argmax(times[1:, None] == points, axis=1)
        return _np.transpose(found.y)[which]

    def _stretch(
        self, y: Array, start: float, end: float, values: Sequence[Any], **how: Any
    ) -> Any:
        """Solve forwards between two times."""
        f = self.program.slope(values, y)
        options = {**self.options, **how}
        if "jac" not in options:
            options |= self._jacobian(start, y, values)
        if "first_step" in options and options["first_step"] is not None:
            options["first_step"] = min(options["first_step"], abs(end - start))
        found = _scipy.solve_ivp(f, (start, end), y, method=self.solver, **options)
        if found.status < 0:
            raise ArgumentError(
                f"the state could not be solved for again between t={start} and "
                f"t={end}: {found.message}"
            )
        return found

    def _jacobian(self, t: float, y: Array, values: Sequence[Any]) -> dict[str, Any]:
        if not issubclass(self.solver, (_scipy.Radau, _scipy.BDF, _scipy.LSODA)):
            return {}
        dense = issubclass(self.solver, _scipy.LSODA)
        found = jacobian_of(self.program, t, y, values, dense=dense)
        return {} if found is None else {"jac": found}

    def _back(self, bars: Array, y0: Array, times: NDArray[Any], *values: Value) -> Any:
        """Return the cotangents of all operands, given those of the states."""
        if first_stand_in((bars, y0, times, values)) is not None:
            raise TypeError("a solver: run as one step of the trace")
        states = _np.concatenate([y0[None], self.states(y0, times, *values)])
        moves = _stops(_np.any(bars != 0, axis=1))
        a = _np.zeros_like(y0)
        sums = [_np.zeros(_np.shape(v), _np.result_type(v, float)) for v in values]
        of_times = _np.zeros(len(times))
        self._steps = {}
        stretches = list(itertools.pairwise([0, *moves]))
        state: Any = None
        while stretches:
            before, i = stretches.pop()
            slope = self.program.slope(values, y0)(times[i], states[i])
            of_times[i] = _np.sum(bars[i - 1] * slope).real
            a = a + bars[i - 1]
            if times[i] == times[before] or not a.any():
                continue
            if state is None or not _holds(state, times[before]):
                start = self._start(times, stretches, before, i)
                state = self._known_again(states[start], times[start], times[i], values)
            a = self._backwards(a, state, (times[before], times[i]), values, sums)
        first = self.program.slope(values, y0)(times[0], y0)
        of_times[0] = -_np.sum(a * first).real
        return (a, of_times, *sums)

    def _start(
        self,
        times: NDArray[Any],
        stretches: Sequence[tuple[int, int]],
        before: int,
        i: int,
    ) -> int:
        """Return from which time, by number, the state is solved for again.

        That is one of the times before, from where it takes few steps to get here.
        """
        reach = HELD * self._steps.get("state", 0.0)
        for earlier, _ in reversed(stretches):
            if abs(times[i] - times[earlier]) > reach:
                break
            before = earlier
        return before

    def _known_again(
        self, y: Array, start: float, end: float, values: Sequence[Any]
    ) -> Any:
        """Return the state between two times as a function, solved for again."""
        begin = self._begin("state", (start, end))
        state = self._stretch(y, start, end, values, dense_output=True, **begin).sol
        state.at = _looked_up(state)
        self._steps["state"] = abs(end - start) / state.n_segments
        return state

    def _backwards(
        self,
        a: Array,
        state: Any,
        ends: tuple[float, float],
        values: Sequence[Any],
        sums: list[Any],
    ) -> Any:
        """Return the cotangent at the earlier time; add to those of values."""
        size = _np.max(_np.abs(a))

        def slope(t: float, a: Array) -> Any:
            return -self._in_state(t, state.at(t), a, *values)

        options = {**self._tolerances(state, values), **self._begin("back", ends)}
        solver: Any = self.solver(slope, ends[1], a / size, ends[0], **options)
        while solver.status == "running":
            message = solver.step()
            if message is not None:
                raise ArgumentError(f"no cotangents before t={solver.t}: {message}")
            if not sums:
                continue
            half = (solver.t_old - solver.t) / 2
            t = solver.t + half * (1 + POINTS)
            seeds = _np.transpose(solver.dense_output()(t) * (WEIGHTS * half * size))
            parts = self._in_values(t, _np.transpose(state(t)), seeds, *values)
            sums[:] = [s + part for s, part in zip(sums, parts, strict=True)]
        self._steps["back"] = getattr(solver, "h_abs", 0.0)  # what it would try next
        last = solver.y * size
        solver.__dict__.clear()  # SciPy's solvers are cycles, which hold the state
        return last

    def _begin(self, what: str, ends: tuple[float, float]) -> dict[str, Any]:
        """Return the first step of a stretch: as in the one after it.

        Methods of several steps begin with small ones of low order, by themselves.
        """
        if what not in self._steps or not issubclass(self.solver, _ONE_STEP):
            return {}
        return {"first_step": min(self._steps[what], abs(ends[1] - ends[0]))}

    def _tolerances(self, state: Any, values: Sequence[Any]) -> dict[str, Any]:
        """Return the options of the solve backwards, of cotangents of size 1.

        Newton iterations of implicit methods converge to a part of the tolerance, which
        has to be larger than what rounding leaves.
        """
        given = self.options
        found: dict[str, Any] = {"rtol": given.get("rtol", 1e-3)}
        found["atol"] = _np.min(given.get("atol", 1e-6))
        if "max_step" in given:
            found["max_step"] = given["max_step"]
        if issubclass(self.solver, (_scipy.Radau, _scipy.BDF)):
            newton = max(10 * _EPS / found["rtol"], min(0.03, found["rtol"] ** 0.5))
            found["atol"] = max(found["atol"], 100 * _EPS / newton)
        t = state.t_max
        jac = self._jacobian(t, state(t), values).get("jac")
        if jac is not None:

            def of_cotangents(t: float, a: Array) -> Any:
                return -jac(t, state.at(t)).T

            found["jac"] = of_cotangents
        return found

    def _in_state(self, t: Value, y: Value, a: Value, *values: Value) -> Any:
        """Return (df/dy).T a."""

        def pulled(t: Value, y: Value, a: Value, *values: Value) -> Any:
            return vjp(functools.partial(self.program.slope(values, y), t), y)[1](a)[0]

        return self.program.called("in state", pulled, t, y, a, *values)

    def _in_values(self, t: Value, y: Value, a: Value, *values: Value) -> Any:
        """Return the sums of (df/dv).T a over several points, for each value v."""

        def pulled(t: Array, y: Array, a: Array, *values: Value) -> Any:
            def f(*values: Value) -> Any:
                slope = self.program.slope(values, y[0])
                return _np.stack([slope(t[i], y[i]) for i in range(len(y))])

            return vjp(f, *values)[1](a)

        return self.program.called("in values", pulled, t, y, a, *values)

    # ----------------------------------------------------------- derivatives, on nodes

    def _slope_at(self, t: Value, y: Value, values: Sequence[Value]) -> Any:
        return self.program.slope(values, y)(t, y)

    @functools.cached_property
    def doubled(self) -> Flow:
        """The flow of the state and its tangent; values are followed by tangents."""
        program = self.program

        def fun(values: Sequence[Any]) -> Callable[..., Any]:
            half = len(values) // 2

            def slope(t: Value, both: Array) -> Any:
                n = _np.shape(both)[0] // 2

                def f(y: Value, *values: Value) -> Any:
                    return program.slope(values, y)(t, y)

                primals = (both[:n], *values[:half])
                z = jvp(f, primals, (both[n:], *values[half:]))
                return _np.concatenate(z)

            return slope

        options = {k: v for k, v in self.options.items() if k != "jac"}
        if _np.ndim(options.get("atol", 0.0)):
            options["atol"] = _np.tile(options["atol"], 2)
        twice = Program(fun, False, program.may_compile)
        return Flow(twice, self.solver, options)

    def along(self, operands: Sequence[Any], dots: Sequence[Any]) -> Any:
        """Return the tangents of the states; ``dots`` are those of all operands."""
        y0, times, *values = operands
        y_dot, of_times, *of_values = dots
        n = _np.shape(y0)[0]
        begin = y_dot - self._slope_at(times[0], y0, values) * of_times[0]
        both = self.doubled.at(_np.concatenate([y0, begin]), times, *values, *of_values)
        rows = [
            both[i, n:]
            + self._slope_at(times[i + 1], both[i, :n], values) * of_times[i + 1]
            for i in range(_np.shape(both)[0])
        ]
        return _np.stack(rows)

    def _pullback(self, bars: Value, states: Value, *operands: Value) -> Any:
        return self.back(bars, *operands)

    def _pushforward(self, dots: Sequence[Any], states: Value, *operands: Value) -> Any:
        return self.along(operands, with_zeros(dots, operands))

    def _pullback_of_back(
        self, w: Sequence[Any], z: tuple[Any, ...], bars: Value, *operands: Value
    ) -> Any:
        """Transpose B: its product with w is that of ``bars`` with tangents along w."""

        def along(*operands: Value) -> Any:
            return self.along(operands, with_zeros(w, operands))

        tangents, pull = vjp(along, *operands)
        return (tangents, *pull(bars))

    def _pushforward_of_back(
        self, dots: Sequence[Any], z: tuple[Any, ...], bars: Value, *operands: Value
    ) -> Any:
        """The tangent of a gradient is the gradient of a tangent."""
        bars_dot, *of_operands = with_zeros(dots, (bars, *operands))

        def both(*operands: Value) -> Any:
            return self.at(*operands), self.along(operands, of_operands)

        return vjp(both, *operands)[1]((bars_dot, bars))


def _holds(state: Any, t: float) -> bool:
    """Tell whether a solution of SciPy's begins at a time, or before."""
    return state.t_min <= t <= state.t_max


def _looked_up(state: Any) -> Callable[[float], Any]:
    """Return SciPy's solution at one time, faster than it does that itself."""
    up = state.ts[-1] >= state.ts[0]
    ts = (state.ts if up else -state.ts).tolist()[1:-1]
    pieces = [_piece(p) for p in state.interpolants]

    def at(t: float) -> Any:
        return pieces[bisect.bisect_left(ts, t if up else -t)](t)

    return at


def _piece(p: Any) -> Callable[[float], Any]:
    """Return SciPy's polynomial of one step at one time.

    The coefficients of explicit Runge-Kutta methods are slopes, those of others values.
    """
    if hasattr(p, "Q") and p.__class__.__module__ == _scipy.RK45.__module__:
        scaled, powers = p.Q * p.h, _np.arange(1.0, p.order + 2)
        return lambda t: p.y_old + scaled @ ((t - p.t_old) / p.h) ** powers
    return lambda t: p._call_impl(_np.asarray(t))


def _stops(moving: NDArray[Any]) -> Any:
    """Return at which times, by number, the solve backwards stops.

    It does where the state has a cotangent, and else after about the square root of
    all times, which bounds what is held on the way.
    """
    longest = max(1, math.isqrt(len(moving)))
    found: list[int] = []
    last = _np.flatnonzero(moving)[-1:]
    for i in range(int(last[0]) + 1 if last.size else 0):
        before = found[-1] if found else 0
        if moving[i] or i + 1 - before >= longest:
            found.append(i + 1)
    return found


__all__ = ["Flow"]
