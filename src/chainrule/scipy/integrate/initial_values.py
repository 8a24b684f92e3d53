"""Initial value problems: solve_ivp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate

from chainrule import operations
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.node_class import node
from chainrule.scipy.integrate.methods import method_of
from chainrule.scipy.integrate.problem import (
    MeetsNodeError,
    Problem,
    watched,
    with_args,
)
from chainrule.scipy.integrate.replay import Program, program_for
from chainrule.scipy.integrate.results import in_trace
from chainrule.transforms.closures import Opened, opened
from chainrule.transforms.values import contains_nodes
from chainrule.values.shapes import describe
from chainrule.values.types import ArrayValue, Value
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
    *,
    derivative: str | None = None,
    **options: Any,
) -> Any:
    """Return the solution of an initial value problem, as SciPy's ``solve_ivp`` does.

    It is differentiable in ``y0``, in both ends of ``t_span``, in ``t_eval``, in
    ``args``, and in the nodes that ``fun`` and the events close over.

    Parameters
    ----------
    fun
        ``fun(t, y, *args)`` returns dy/dt, an array or a list of numbers.
    t_span, y0
        The first and the last time, and the state at the first, shape (n,).
    method
        The name of one of SciPy's methods, or a class of solvers.
    t_eval, dense_output, events, vectorized, args
        As SciPy takes them; containers of nodes may be among ``args``.
    derivative
        ``"steps"`` takes the steps that SciPy has accepted again, on nodes: the exact
        derivative of the solution as it was computed. Their lengths are constant; they
        move with ``t0``, and the last one ends at ``tf``. ``"adjoint"`` solves the
        equation of the cotangents backwards, to the tolerances that were given:
        memory is that of a stretch between two times of ``t_eval`` (of some, where
        few states have a cotangent), not of all steps. By default the steps, and the
        adjoint equation for ``"LSODA"`` and for classes whose steps cannot be taken
        again.
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
    ShapeError
        If ``y0`` has not one dimension.
    ArgumentError
        If the derivative is not there for the method, or an option is a node; with
        ``"adjoint"``, if ``fun`` reads a node that is in none of its arguments,
        defaults and closures.

    Notes
    -----
    Both derivatives are there in both modes and at every order. Source: Hairer, Nørsett
    & Wanner, Solving Ordinary Differential Equations I, II.6; Cao, Li, Petzold &
    Serban, "Adjoint sensitivity analysis for differential-algebraic equations", 2003.
    The equations of implicit steps are differentiated by the implicit function theorem
    where SciPy's Newton iteration has left them, far below the tolerance. So is the
    time of an event, as a root of the event along the solution. Compiled, the solver is
    one call, and ``t_eval`` should be given: else the shape of ``y`` depends on the
    steps.

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
    if contains_nodes(options):
        raise ArgumentError(
            f"solve_ivp has no derivative in its options, {', '.join(options)}. Pass "
            "gd.value of them."
        )
    given = [] if events is None else [events] if callable(events) else list(events)
    ends = [_time(x) for x in t_span]
    points = None if t_eval is None else operations.asarray(t_eval)
    y = _state(y0)
    parts = (fun, given, tuple(() if args is None else args), options.pop("jac", None))
    template = opened(parts)
    operands = [y, *ends, *([] if points is None else [points]), *template.values]
    solver = _solver_of(method)
    program = _program(template, solver, vectorized)
    by_steps = _is_by_steps(derivative, solver)
    problem = Problem(template, program, solver, options, dense_output, by_steps)
    if first_stand_in(list(map(raw, operands))) is not None:
        return in_trace(problem, operands, at_points=points is not None)
    if not any(map(holds_nodes, operands)):
        try:
            return _plain(problem, ends, y, points)
        except MeetsNodeError:
            pass
    return problem.result(y, ends, points, template.values)


def _state(y0: Value) -> Any:
    """Return the first state as an array, or a node of one."""
    y = operations.asarray(y0)
    if _np.ndim(y) != 1:
        raise ShapeError(
            f"solve_ivp needs y0 of one dimension; received {describe(y)}. Pass [y0], "
            "or np.ravel(y0)."
        )
    return y


def _is_by_steps(derivative: str | None, solver: Any) -> bool:
    """Tell which derivative is taken: that of the steps, or the adjoint equation's."""
    possible = method_of(solver) is not None
    if derivative not in (None, "steps", "adjoint"):
        raise ArgumentError(
            f"solve_ivp needs derivative='steps' or 'adjoint'; received {derivative!r}."
        )
    if derivative == "steps" and not possible:
        raise ArgumentError(
            f"the steps of {solver.__name__} happen in code that shows too little of "
            "them to be taken again. Choose another method, or derivative='adjoint'."
        )
    return possible and derivative != "adjoint"


def _time(t: Any) -> Any:
    return t if isinstance(t, (node, stand_in)) else float(t)


def _solver_of(method: Any) -> Any:
    """Return the class of a method by its name."""
    known = ("RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA")
    if isinstance(method, str) and method not in known:
        raise ValueError(f"method={method!r} is none of {', '.join(known)}.")
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


def _plain(
    problem: Problem, ends: Sequence[float], y0: ArrayValue, t_eval: ArrayValue | None
) -> Any:
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


__all__ = ["solve_ivp"]
