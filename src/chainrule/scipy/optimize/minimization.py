"""Minima, with exact gradients and Hessians; the minimum as a function of others."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.compiler.progress import counted
from chainrule.scipy.optimize.constraints import (
    are_sparse,
    refuse_some,
    with_derivatives,
)
from chainrule.scipy.optimize.problems import (
    FEW,
    Problem,
    Unknowns,
    flat_bounds,
    is_left_to_us,
    parts_of,
)
from chainrule.scipy.optimize.results import Minimum
from chainrule.solving.implicit import implicit
from chainrule.transforms.gradients import grad
from chainrule.transforms.values import value
from chainrule.values.types import Value

_np: Any = np
_scipy: Any = scipy.optimize
WITH_HESSIAN = ("dogleg", "trust-exact")
WITH_SPARSE_HESSIAN = ("newton-cg", "trust-constr")
WITH_PRODUCTS = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")
WITHOUT_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")
NEAR = 1e-3
"""How near to a bound, relative to an unknown, it may hold the unknown."""


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
    sparse matrices, where few products make them. ``x0`` may be a container;
    ``result.x`` is one like it then, and so is what ``callback`` is shown. ``progress``
    shows a bar of the calls (``chainrule[progress]``).

    The result is SciPy's, with ``hess`` and ``standard_errors()``.

    Where ``args`` hold a node, or ``fun`` closes over one, ``result.x`` is a node: by
    the gradient that is zero there, and by the bounds that are active. ``result.fun``
    is one then, too; the rest is plain.

    Raises
    ------
    ArgumentError
        If ``x0`` is a node, or ``constraints`` are given and the solution would be one.

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
    problem = Problem(fun, unknowns, args)
    given = _derivatives(problem, method, jac, hess, hessp, bounds, constraints)
    given |= _constrained(constraints, unknowns, method, options)
    with counted(given.pop("fun"), "minimize", asked=progress) as function:
        found = _scipy.minimize(
            function,
            unknowns.start,
            method=method,
            bounds=bounds,
            tol=tol,
            callback=unknowns.of_steps(callback),
            **given,
        )
    x = found.x
    result = Minimum(found, problem)
    if problem.is_node:
        refuse_some(constraints)
        x = solution_of(problem, x, bounds)
        result["fun"] = problem.of(x, *problem.args)
    result["x"] = unknowns.restored(x)
    return result


def _derivatives(
    problem: Problem,
    method: Any,
    jac: Any,
    hess: Any,
    hessp: Any,
    bounds: Any,
    constraints: Any,
) -> dict[str, Any]:
    """Return what a method takes: the function, and derivatives given or ours."""
    name = method.lower() if isinstance(method, str) else ""
    given: dict[str, Any] = {"fun": problem.value}
    if name in WITHOUT_GRADIENT:
        return given
    args = value(problem.args)

    def with_args(f: Any) -> Any:
        flat: Any = problem.unknowns.of_flat(f) if callable(f) else None
        return f if flat is None else functools.partial(_given_args, flat, args)

    if is_left_to_us(jac):
        given["fun"], given["jac"] = problem.value_and_gradient, True
    else:
        given["jac"] = with_args(jac)
    few = problem.unknowns.start.size <= FEW
    if not is_left_to_us(hess):
        given["hess"] = with_args(hess)
    elif hessp is not None:
        given["hessp"] = with_args(hessp)
    elif name in WITH_HESSIAN or (name in WITH_PRODUCTS and few):
        given["hess"] = problem.hessian
    elif name in WITH_SPARSE_HESSIAN and problem.sparse_hessian is not None:
        given["hess"] = problem.sparse_hessian
    elif name in WITH_PRODUCTS:
        given["hessp"] = problem.product
    return given


def _constrained(
    constraints: Any, unknowns: Unknowns, method: Any, options: Any
) -> dict[str, Any]:
    """Return constraints with derivatives, and the options that they ask for."""
    takes_objects = isinstance(method, str) and method.lower() == "trust-constr"
    constraints = with_derivatives(constraints, unknowns, sparse=takes_objects)
    if are_sparse(constraints):
        given: dict[str, Any] = dict(options or {})
        options = {"sparse_jacobian": True, **given}
    return {"constraints": constraints, "options": options}


def _given_args(f: Callable[..., Any], args: tuple[Any, ...], *given: Any) -> Any:
    return value(f(*given, *args))


def solution_of(problem: Problem, x: Any, bounds: Any) -> Any:
    """Return the minimum as a node: what is free has no gradient, the rest stays."""
    low, high = flat_bounds(bounds, x.size)
    slope = _np.asarray(problem.gradient(x))
    at_bound = _at_bound(problem, x, slope, low, high)
    scale = 1e-7 * max(1.0, float(_np.max(_np.abs(slope), initial=0.0)))
    weak = at_bound & (_np.abs(slope) <= scale) & (low < high)
    if weak.any():
        warnings.warn(
            f"unknowns {_np.flatnonzero(weak).tolist()} lie at a bound that does not "
            "push them: the minimum has a kink there, and its derivative is nan.",
            RuntimeWarning,
            stacklevel=4,
        )
    unknown = _np.where(weak, _np.nan, 1.0)

    def stationary(y: Value, *args: Any) -> Any:
        free = grad(problem.of)(y, *args)
        if not at_bound.any():
            return free
        return _np.where(at_bound & ~weak, y - x, free * unknown)

    def known(*_: Any) -> Any:
        return x

    return implicit(known, stationary)(*problem.args)


def _at_bound(problem: Problem, x: Any, slope: Any, low: Any, high: Any) -> Any:
    """Tell which unknowns a bound holds: they are on it, or pushed there from near.

    Interior methods stop before a bound. An unknown near one is held by it, if the
    Newton step of that unknown alone leads to the bound or beyond.
    """
    found = (x <= low) | (x >= high)
    near = _np.minimum(x - low, high - x) <= NEAR * _np.maximum(1.0, _np.abs(x))
    if not (near & ~found).any():
        return found
    curvature = _np.maximum(_np.diagonal(problem.hessian(x)), 0.0)
    down = slope >= curvature * (x - low)
    up = -slope >= curvature * (high - x)
    return found | (near & (down | up) & (slope != 0))


__all__ = ["minimize", "solution_of"]
