"""Minima, with exact gradients and Hessians; the minimum as a function of others."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import scipy.optimize

from chainrule import operations
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.progress import counted
from chainrule.scipy.optimize.bounds import flat_bounds, of_scipy, spread
from chainrule.scipy.optimize.constraints import Condition, are_sparse, conditions
from chainrule.scipy.optimize.minima import minimum
from chainrule.scipy.optimize.problems import FEW, Problem, as_number, parts_of
from chainrule.scipy.optimize.results import Minimum
from chainrule.scipy.optimize.roots import scalar
from chainrule.scipy.optimize.runs import are_plain, is_traced, solved
from chainrule.scipy.optimize.stationary import activity_of, note_activity
from chainrule.scipy.optimize.unknowns import Unknowns
from chainrule.transforms.values import value
from chainrule.values.types import Array

_scipy: Any = scipy.optimize
WITH_HESSIAN = ("dogleg", "trust-exact")
WITH_SPARSE_HESSIAN = ("newton-cg", "trust-constr")
WITH_PRODUCTS = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")
WITHOUT_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")


class OwnMethod:
    """A method that SciPy's ``minimize`` does not know by a name.

    Attributes
    ----------
    descends
        Whether it takes a gradient.
    takes_objects
        Whether constraints have to be objects, and not dicts.
    """

    def __init__(self, *, descends: bool, takes_objects: bool) -> None:
        """Keep what it takes."""
        self.descends = descends
        self.takes_objects = takes_objects


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    progress: bool = False,
) -> Any:
    """Return the minimum of a function, as ``scipy.optimize.minimize`` does.

    The gradient, the Hessian or its products with vectors, and the Jacobians of
    constraints are supplied, exact and compiled, where the method takes them and they
    are not given; ``trust-constr`` and ``Newton-CG`` with many unknowns are given
    sparse matrices, where few products make them. ``x0`` may be a container, and
    ``bounds`` a pair ``(low, high)`` like it; ``result.x`` is one then, and so is what
    ``callback`` is shown. ``progress`` shows a bar of the calls
    (``chainrule[progress]``).

    The result is SciPy's, with ``hess`` and ``standard_errors()``.

    Where ``args``, ``bounds`` or the arguments of a constraint hold a node, or a
    function closes over one, ``result.x`` is a node, and ``result.fun`` is; the rest is
    plain. Its derivative is that of the Karush-Kuhn-Tucker system: unknowns that a
    bound holds stay there, and active constraints stay active, with their multipliers.
    Compiled, the solver is called as it is, and the derivative is compiled.

    Raises
    ------
    ArgumentError
        If ``x0`` is a node.

    Warns
    -----
    SolutionWarning
        For a node, where the derivative is nan: a bound or a constraint is met and does
        not push, so that the minimum has a kink, or active constraints depend on each
        other. And where the solver stopped far from a minimum.

    Notes
    -----
    Source: Fiacco, Introduction to Sensitivity and Stability Analysis in Nonlinear
    Programming (1983).

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.optimize import minimize
    >>> def f(x, a):
    ...     return np.sum((x - a) ** 2) + x[0] * x[1]
    >>> found = minimize(f, np.zeros(2), (np.array([1.0, 2.0]),), method="trust-exact")
    >>> found.x.round(6), found.nhev < 5
    (array([0., 2.]), True)
    >>> gd.jacobian(lambda a: minimize(f, np.zeros(2), (a,), tol=1e-10).x)(
    ...     np.ones(2)
    ... ).round(4)
    array([[ 1.3333, -0.6667],
           [-0.6667,  1.3333]])
    """
    unknowns = Unknowns(x0)
    if jac is True:
        fun, jac = parts_of(fun)
    problem = Problem(as_number(fun), unknowns, args)
    limits = conditions(constraints, unknowns)
    bounds = of_scipy(bounds, unknowns)
    low, high = flat_bounds(bounds, unknowns.start.size)
    is_node = problem.is_node or any(c.is_node for c in limits)
    is_node = is_node or holds_nodes(low) or holds_nodes(high)
    if bounds is not None and not are_plain((low, high)):
        bounds = _NODES
    settings = {"method": method, "tol": tol, "callback": problem.shown(callback)}
    given = (jac, hess, hessp)
    drive = _Run(given, limits, bounds, settings, options, progress, is_node)
    ends = [e for c in limits for e in (c.low, c.high)]
    problems = [problem, *(c.problem for c in limits)]
    found = solved(drive, problems, unknowns.start, low, high, *ends)
    x, active = found.x, activity_of(found)
    if active is not None:
        x = minimum(problem, x, low, high, active, limits)
        found["fun"] = problem.of(x)
    result = Minimum(found, problem, x)
    result["x"] = unknowns.restored(x)
    return result


_NODES = object()
"""Bounds that are nodes or traced: they are taken from the call."""


@dataclass
class _Run:
    """A run of SciPy's ``minimize``, with what it is given."""

    derivatives: tuple[Any, Any, Any]
    limits: list[Condition]
    bounds: Any
    settings: dict[str, Any]
    options: Any
    progress: bool
    is_node: bool

    def __call__(self, problems: Sequence[Problem], start: Array, *ends: Array) -> Any:
        """Run it for the plain values of a call."""
        problem, *others = problems
        low, high, *sides = ends
        rest = list(zip(self.limits, others, sides[::2], sides[1::2], strict=True))
        method = self.settings["method"]
        more = _derivatives(problem, method, *self.derivatives)
        more |= _constrained(rest, method, self.options)
        bounds = self.bounds
        with counted(more.pop("fun"), "minimize", own=self.progress) as function:
            found = _scipy.minimize(
                function,
                start,
                bounds=_scipy.Bounds(low, high) if bounds is _NODES else bounds,
                **self.settings,
                **more,
            )
        if self.is_node:
            if found.x is None:
                raise ArgumentError(
                    f"there is no minimum to be differentiated: {found.message}"
                )
            note_activity(found, problem, low, high, [r[1:] for r in rest])
        return found


def _derivatives(
    problem: Problem, method: Any, jac: Any, hess: Any, hessp: Any
) -> dict[str, Any]:
    """Return what a method takes: the function, and derivatives given or ours."""
    name = method.lower() if isinstance(method, str) else ""
    given: dict[str, Any] = {"fun": problem.value}
    if name in WITHOUT_GRADIENT:
        return given
    if isinstance(method, OwnMethod):
        ours = problem.gradient if problem.supplies(jac) else problem.given(jac)
        return {**given, "jac": ours} if method.descends else given
    if problem.supplies(jac):
        given["fun"], given["jac"] = problem.value_and_gradient, True
    else:
        given["jac"] = problem.given(jac)
    few = problem.unknowns.start.size <= FEW
    if not problem.supplies(hess):
        given["hess"] = problem.given(hess)
    elif hessp is not None and not problem.supplies(hessp):
        given["hessp"] = problem.given(hessp)
    elif name in WITH_HESSIAN or (name in WITH_PRODUCTS and few):
        given["hess"] = problem.hessian
    elif name in WITH_SPARSE_HESSIAN and problem.sparse_hessian is not None:
        given["hess"] = problem.sparse_hessian
    elif name in WITH_PRODUCTS:
        given["hessp"] = problem.product
    return given


def _constrained(
    rest: Sequence[tuple[Condition, Problem, Any, Any]], method: Any, options: Any
) -> dict[str, Any]:
    """Return constraints with derivatives, and the options that they ask for."""
    takes_objects = isinstance(method, str) and method.lower() == "trust-constr"
    if isinstance(method, OwnMethod):
        takes_objects = method.takes_objects
    made = [c.for_scipy(p, low, high, sparse=takes_objects) for c, p, low, high in rest]
    if are_sparse(made):
        given: dict[str, Any] = dict(options or {})
        options = {"sparse_jacobian": True, **given}
    return {"constraints": made, "options": options}


def minimize_scalar(
    fun: Callable[..., Any],
    bracket: Sequence[float] | None = None,
    bounds: Sequence[float] | None = None,
    args: Any = (),
    method: str | None = None,
    tol: float | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Return the minimum of a function of one number, as ``scipy.optimize`` does.

    Where ``args`` or ``bounds`` hold a node, or ``fun`` closes over one, ``result.x``
    and ``result.fun`` are nodes, as those of ``minimize`` are.

    Examples
    --------
    >>> import chainrule as gd
    >>> from chainrule.scipy.optimize import minimize_scalar
    >>> def lowest(a):
    ...     return minimize_scalar(lambda x: x**4 - a * x, tol=1e-12).x
    >>> round(lowest(4.0), 6), round(gd.grad(lowest)(4.0), 6)
    (1.0, 0.083333)
    """
    ends = (-math.inf, math.inf) if bounds is None else bounds
    known = bounds if bounds is not None else (bracket or (0.5,))
    problem = Problem(fun, Unknowns(value(known[0]) * 1.0), args)
    low, high = (spread(end, 1) for end in ends)
    is_node = problem.is_node or holds_nodes(low) or holds_nodes(high)

    def drive(problems: Sequence[Problem], low: Any, high: Any) -> Any:
        found = _scipy.minimize_scalar(
            scalar(problems[0]),
            bracket,
            None if bounds is None else (float(low[0]), float(high[0])),
            method=method,
            tol=tol,
            options=options,
        )
        found["x"] = operations.reshape(operations.asarray(found.x), (1,))
        if is_node:
            note_activity(found, problems[0], low, high)
        return found

    found = solved(drive, [problem], low, high)
    active = activity_of(found)
    if active is not None:
        found["x"] = minimum(problem, found.x, low, high, active)
        found["fun"] = problem.of(found.x)
    found["x"] = found.x[0] if is_node or is_traced(found) else float(found.x[0])
    return found


__all__ = ["minimize", "minimize_scalar"]
