"""Minima, with exact gradients and Hessians; the minimum as a function of others."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.compiler.api import compile as compiled
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.scipy.optimize.problems import (
    Problem,
    Unknowns,
    flat_bounds,
    is_left_to_us,
    parts_of,
)
from chainrule.solving.implicit import implicit
from chainrule.transforms.gradients import grad
from chainrule.transforms.matrices import jacobian
from chainrule.transforms.values import value
from chainrule.values.containers import flatten
from chainrule.values.shapes import SEQUENCES
from chainrule.values.types import Value

_np: Any = np
_scipy: Any = scipy.optimize
WITH_HESSIAN = ("dogleg", "trust-exact")
WITH_PRODUCTS = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")
WITHOUT_GRADIENT = ("nelder-mead", "powell", "cobyla", "cobyqa")
FEW = 200
"""Unknowns up to which a method that takes products is given the Hessian itself."""

NEAR = 1e-3
"""How near to a bound, relative to an unknown, it may hold the unknown."""


class Minimum(_scipy.OptimizeResult):
    """What SciPy returns, with the Hessian at the solution."""

    _hessian: Callable[[], Any]

    @property
    def hess_at_x(self) -> Any:
        """The Hessian at the solution, of the flat unknowns."""
        return self._hessian()

    def standard_errors(self) -> Any:
        """Return the square roots of the diagonal of the inverse Hessian.

        They are those of maximum likelihood, where the function is minus a log
        likelihood. Raises ``LinAlgError`` where the Hessian is singular.
        """
        return _np.sqrt(_np.diagonal(_np.linalg.inv(self.hess_at_x)))


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
) -> Any:
    """Return the minimum of a function, as ``scipy.optimize.minimize`` does.

    The gradient, the Hessian or its products with vectors, and the Jacobians of
    constraints are supplied, exact and compiled, where the method takes them and they
    are not given. ``x0`` may be a container; ``result.x`` is one like it then.

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
    shown: Any = None if callback is None else unknowns.of_flat(callback)
    found = _scipy.minimize(
        problem.value_and_gradient if given.get("jac") is True else problem.value,
        unknowns.start,
        method=method,
        bounds=bounds,
        constraints=_constrained(constraints, unknowns),
        tol=tol,
        callback=shown,
        options=options,
        **given,
    )
    x = found.x
    result = Minimum(found, _hessian=lambda: problem.hessian(_np.asarray(x)))
    if problem.is_node:
        _refuse_some(constraints)
        x = solution_of(problem, x, bounds)
        result["fun"] = problem.of(x, *problem.args)
    result["x"] = unknowns.restored(x)
    return result


def _refuse_some(constraints: Any) -> None:
    if _some(constraints):
        raise ArgumentError(
            "the solution of a constrained problem has no derivative here: pass "
            "gd.value of what the function reads, or write the constraints as bounds "
            "or into the function."
        )


def _some(constraints: Any) -> bool:
    return not isinstance(constraints, SEQUENCES) or len(constraints) > 0


def _derivatives(
    problem: Problem,
    method: Any,
    jac: Any,
    hess: Any,
    hessp: Any,
    bounds: Any,
    constraints: Any,
) -> dict[str, Any]:
    """Return the derivatives that a method takes: those given, or ours."""
    name = method.lower() if isinstance(method, str) else ""
    given: dict[str, Any] = {}
    if name in WITHOUT_GRADIENT:
        return given
    args = value(problem.args)

    def with_args(f: Any) -> Any:
        flat: Any = problem.unknowns.of_flat(f) if callable(f) else None
        return f if flat is None else functools.partial(_given_args, flat, args)

    given["jac"] = True if is_left_to_us(jac) else with_args(jac)
    few = problem.unknowns.start.size <= FEW
    if not is_left_to_us(hess):
        given["hess"] = with_args(hess)
    elif hessp is not None:
        given["hessp"] = with_args(hessp)
    elif name in WITH_HESSIAN or (name in WITH_PRODUCTS and few):
        given["hess"] = problem.hessian
    elif name in WITH_PRODUCTS:
        given["hessp"] = problem.product
    return given


def _given_args(f: Callable[..., Any], args: tuple[Any, ...], *given: Any) -> Any:
    return value(f(*given, *args))


def _constrained(constraints: Any, unknowns: Unknowns) -> Any:
    """Return constraints with the Jacobians that they were not given."""
    if not _some(constraints):
        return ()
    if isinstance(constraints, SEQUENCES):
        return [_constrained(c, unknowns) for c in constraints]
    if isinstance(constraints, dict):
        return _of_a_dict(constraints, unknowns)  # pyright: ignore
    if isinstance(constraints, _scipy.NonlinearConstraint):
        flat = unknowns.of_flat(constraints.fun)
        f = compiled(flat)
        jac = constraints.jac
        if is_left_to_us(jac):
            jac = compiled(jacobian(flat))
        hess = constraints.hess
        if is_left_to_us(hess) or isinstance(hess, _scipy.HessianUpdateStrategy):
            hess = _hessian_of(constraints.fun, unknowns)
        return _scipy.NonlinearConstraint(
            f,
            constraints.lb,
            constraints.ub,
            jac=jac,
            hess=hess,
            keep_feasible=constraints.keep_feasible,
        )
    return constraints


def _hessian_of(f: Callable[..., Any], unknowns: Unknowns) -> Callable[..., Any]:
    """Return the Hessian of a constraint's product with multipliers."""

    def weighted(x: Any, v: Any) -> Any:
        return _np.sum(_np.ravel(f(unknowns.restored(x))) * v)

    return compiled(jacobian(grad(weighted), mode="forward"))


def _of_a_dict(constraint: Mapping[str, Any], unknowns: Unknowns) -> dict[str, Any]:
    args = constraint.get("args", ())
    if any(map(holds_nodes, flatten(args)[0])):
        raise ArgumentError("constraints take plain arguments; pass gd.value of them.")
    f = constraint["fun"]
    found = dict(constraint)
    flat = unknowns.of_flat(f)
    found["fun"] = compiled(flat)
    if is_left_to_us(constraint.get("jac")):
        found["jac"] = compiled(jacobian(flat))
    return found


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


__all__ = ["Minimum", "minimize", "solution_of"]
