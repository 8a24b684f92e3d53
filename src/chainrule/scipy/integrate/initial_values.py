"""Initial value problems: solve_ivp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate

from chainrule import operations
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.node_class import node
from chainrule.scipy.integrate.problem import (
    MeetsNodeError,
    Problem,
    watched,
    with_args,
)
from chainrule.scipy.integrate.replay import Program, Steps, program_for, times_of
from chainrule.scipy.integrate.solution import Solution, segments
from chainrule.scipy.integrate.whole import Whole
from chainrule.solving import implicit
from chainrule.transforms.closures import Opened, opened
from chainrule.values.containers import flatten
from chainrule.values.types import Value
from chainrule.values.vertices import first_stand_in, raw, stand_in

_np: Any = np
_scipy: Any = scipy.integrate


def solve_ivp(
    fun: Callable[..., Any],
    t_span: Sequence[Value],
    y0: Value,
    method: Any = "RK45",
    t_eval: Value | None = None,
    dense_output: bool = False,
    events: Any = None,
    vectorized: bool = False,
    args: Sequence[Any] | None = None,
    **options: Any,
) -> Any:
    """Return the solution of an initial value problem, as SciPy's ``solve_ivp`` does.

    It is differentiable in ``y0``, in both ends of ``t_span``, in ``t_eval``, in
    ``args``, and in the nodes that ``fun`` and the events close over.

    The steps that SciPy accepts are taken again on nodes: the derivative is that of the
    solution as it was computed, exactly, in both modes and at every order. The lengths
    of the steps are constant; they move with ``t0``, and the last one ends at ``tf``.

    Parameters
    ----------
    fun
        ``fun(t, y, *args)`` returns dy/dt, an array or a list of numbers.
    t_span, y0
        The first and the last time, and the state at the first, shape (n,).
    method
        ``"RK45"``, ``"RK23"``, ``"DOP853"``, ``"Radau"``, ``"BDF"``, or a class with
        another tableau. ``"LSODA"`` takes plain values.
    t_eval, dense_output, events, vectorized, args
        As SciPy takes them; containers of nodes may be among ``args``.
    options
        SciPy's ``rtol``, ``atol``, ``first_step``, ``max_step`` and so on. Where a
        method takes ``jac`` and none is given, it is exact, and sparse where that pays.

    Returns
    -------
    OdeResult
        SciPy's result, with nodes as ``t``, ``y``, ``t_events`` and ``y_events``, and a
        function of time as ``sol``. Without a node among what it depends on it is
        SciPy's own.

    Raises
    ------
    ArgumentError
        If the method's steps cannot be taken again, or an option is a node.

    Notes
    -----
    Source: Hairer, Nørsett & Wanner, Solving Ordinary Differential Equations I, II.6.
    The equations of implicit steps are differentiated by the implicit function theorem
    where SciPy's Newton iteration has left them, far below the tolerance.
    The time of an event is a root of the event along the polynomial between two steps,
    and differentiated by the implicit function theorem. Compiled, the solver is one
    call, and ``t_eval`` should be given: else the shape of ``y`` depends on the steps.

    Examples
    --------
    >>> import chainrule as gd
    >>> from chainrule.scipy.integrate import solve_ivp
    >>> def left(rate):
    ...     found = solve_ivp(lambda t, y: -rate * y, (0.0, 1.0), [2.0], rtol=1e-9)
    ...     return found.y[0, -1]
    >>> round(float(left(1.0)), 4), round(gd.grad(left)(1.0), 4)
    (0.7358, -0.7358)
    """
    if any(map(holds_nodes, flatten(options)[0])):
        raise ArgumentError(
            f"solve_ivp has no derivative in its options, {', '.join(options)}. Pass "
            "gd.value of them."
        )
    given = [] if events is None else [events] if callable(events) else list(events)
    ends = [_time(x) for x in t_span]
    points = None if t_eval is None else operations.asarray(t_eval)
    y = operations.asarray(y0)
    parts = (fun, given, tuple(args or ()), options.pop("jac", None))
    template = opened(parts)
    operands = [y, *ends, *([] if points is None else [points]), *template.values]
    solver = _solver_of(method)
    program = _program(template, solver, vectorized)
    problem = Problem(template, program, solver, options, dense_output)
    if first_stand_in(list(map(raw, operands))) is not None:
        return _in_trace(problem, operands, points is not None)
    if not any(map(holds_nodes, operands)):
        try:
            return _plain(problem, ends, y, points)
        except MeetsNodeError:
            pass
    return _steps(problem, y, ends, points, template.values)


def _time(t: Any) -> Any:
    return t if isinstance(t, (node, stand_in)) else float(t)


def _solver_of(method: Any) -> Any:
    """Return the class of a method by its name."""
    known = ("RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA")
    return getattr(_scipy, method) if method in known else method


def _program(template: Opened, solver: Any, vectorized: bool) -> Program:
    """Return the right-hand side, as it was kept if it is the same but for values."""
    key = template.key

    def slope(values: Sequence[Any]) -> Callable[..., Any]:
        fun, _, args, _ = template.filled(values)
        return with_args(fun, args)

    def made() -> Program:
        return Program(slope, vectorized, may_compile=key is not None)

    return program_for(None if key is None else (key, solver, vectorized), made)


def _plain(problem: Problem, ends: Sequence[float], y0: Any, t_eval: Any) -> Any:
    """Return what SciPy itself returns."""
    fun, events, args, _ = problem.template.whole
    return _scipy.solve_ivp(
        watched(with_args(fun, args)),
        ends,
        y0,
        method=problem.solver,
        t_eval=t_eval,
        dense_output=problem.dense,
        events=[watched(with_args(e, args)) for e in events] or None,
        vectorized=problem.program.vectorized,
        **problem.options,
        **problem.jacobian(ends[0], y0, problem.template.values),
    )


NUMBERS = ("status", "nfev", "njev", "nlu")


def _in_trace(problem: Problem, operands: Sequence[Any], at_points: bool) -> Any:
    """Return the result in a trace, where the solver is one row."""
    problem.program.may_compile = True
    kept: list[Any] = []
    start = 4 if at_points else 3

    def f(*operands: Any) -> tuple[Any, ...]:
        y0, t0, tf = operands[:3]
        t_eval = operands[3] if at_points else None
        found = _steps(problem, y0, (t0, tf), t_eval, operands[start:])
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
        found.sol = Solution(*parts, later=problem.method.alternate)
    return found


def _steps(
    problem: Problem,
    y0: Any,
    t_span: Sequence[Any],
    t_eval: Any,
    values: Sequence[Any],
) -> Any:
    """Return the result by the steps that SciPy accepts, taken on nodes."""
    t0, tf = t_span
    if raw(y0).dtype.kind not in "fc":
        y0 = y0 * 1.0
    wanted = None if t_eval is None else raw(operations.asarray(t_eval))
    plain = [raw(v) for v in values]
    found, notes = problem.solved(raw(y0), (raw(t0), raw(tf)), wanted, plain)
    times, given = times_of(notes[1:], t0, tf)
    dense = problem.dense or t_eval is not None or bool(found.t_events)
    steps = Steps(problem.method.prepared(given), notes[0], dense)
    states, rows = problem.program.taken(problem.method, steps, y0, values)
    states = _np.concatenate([_np.reshape(y0, (1, -1)), states])
    sol = Solution(
        times, given["t"], given["h"], states, rows, later=problem.method.alternate
    )
    found.sol = sol if problem.dense else None
    _fill(found, sol, t_eval, problem.events(values))
    return found


def _fill(found: Any, sol: Solution, t_eval: Any, events: Sequence[Any]) -> None:
    """Put what depends on nodes into SciPy's result."""
    for i, event in enumerate(events):
        times = found.t_events[i]
        if len(times):
            roots = [_root(event, sol, float(t)) for t in times]
            found.t_events[i] = _np.stack([t for t, _ in roots])
            found.y_events[i] = _np.stack([y for _, y in roots])
    if t_eval is not None:
        where = segments(raw(sol.ts), found.t, later=False)
        times = operations.asarray(t_eval)[: len(found.t)]
        found.t, found.y = times, _np.transpose(sol.at(times, where))
        return
    states = sol.states
    if found.status == 1:
        t, y = _last(found)
        sol.ts = _np.concatenate([sol.ts[:-1], _np.reshape(t, (1,))])
        states = _np.concatenate([states[:-1], _np.reshape(y, (1, -1))])
    found.t, found.y = sol.ts, _np.transpose(states)


def _root(event: Callable[..., Any], sol: Solution, t: float) -> tuple[Any, Any]:
    """Return the time of an event as a node, and the state there."""
    i = segments(raw(sol.ts), t, later=False)

    def residual(t: Value) -> Any:
        return _np.reshape(operations.asarray(event(t, sol.at(t, i))), ())

    def found() -> float:
        return t

    root = implicit(found, residual)()
    return root, sol.at(root, i)


def _last(found: Any) -> tuple[Any, Any]:
    """Return the event that has ended the solution."""
    end = float(found.t[-1])
    for times, states in zip(found.t_events, found.y_events, strict=True):
        if len(times) and float(raw(times)[-1]) == end:
            return times[-1], states[-1]
    raise AssertionError("a solution that has ended at no event")
