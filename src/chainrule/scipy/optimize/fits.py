"""Least squares with exact Jacobians; what was fitted as a function of the data."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.compiler.progress import counted
from chainrule.errors import ArgumentError
from chainrule.scipy.optimize.minimization import solution_of
from chainrule.scipy.optimize.problems import Problem, Unknowns, is_left_to_us
from chainrule.scipy.optimize.results import Fit
from chainrule.transforms.values import value
from chainrule.values.types import Value

_np: Any = np
_scipy: Any = scipy.optimize


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    *,
    loss: Any = "linear",
    args: Any = (),
    kwargs: Mapping[str, Any] | None = None,
    callback: Callable[..., Any] | None = None,
    progress: bool = False,
    **options: Any,
) -> Any:
    """Return what minimises half the sum of squares, as ``scipy.optimize`` does.

    The Jacobian is supplied, exact and compiled; with ``method="trf"`` or ``"dogbox"``
    and many unknowns as a sparse matrix, where few products make it. ``x0`` may be a
    container. ``progress`` shows a bar of the calls (``chainrule[progress]``).

    The result is SciPy's, with ``hess``, ``covariance(kind)`` and
    ``standard_errors(kind)``. Where ``args`` hold a node, or ``fun`` closes over one,
    ``result.x`` is a node, and ``cost`` and ``fun`` are; the rest is plain.

    Raises
    ------
    ArgumentError
        If the solution would be a node and ``loss`` is not ``"linear"``.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.optimize import least_squares
    >>> t = np.linspace(0.0, 1.0, 20)
    >>> def residuals(p, y):
    ...     return p[0] * np.exp(-p[1] * t) - y
    >>> y = 2.0 * np.exp(-0.5 * t)
    >>> least_squares(residuals, np.ones(2), args=(y,)).x.round(6)
    array([2. , 0.5])
    >>> gd.jacobian(lambda y: least_squares(residuals, np.ones(2), args=(y,)).x)(
    ...     y
    ... ).shape
    (2, 20)
    """
    unknowns = Unknowns(x0)
    fun = functools.partial(fun, **(kwargs or {}))
    problem = Problem(fun, unknowns, args)
    if not is_left_to_us(jac):
        given = functools.partial(jac, **value(kwargs or {}))
        derivative = _with_args(unknowns.of_flat(given), value(problem.args))
    else:
        sparse = problem.sparse_jacobian if method != "lm" else None
        derivative = sparse or problem.jacobian
    if callback is not None:
        options["callback"] = unknowns.of_steps(callback)
    with counted(problem.value, "least_squares", asked=progress) as function:
        found = _scipy.least_squares(
            function,
            unknowns.start,
            jac=derivative,
            bounds=bounds,
            method=method,
            loss=loss,
            **options,
        )
    found = Fit(found, functools.partial(_squares, problem), loss)
    if problem.is_node:
        _become_nodes(found, problem, bounds, loss)
    found["x"] = unknowns.restored(found.x)
    return found


def _become_nodes(found: Any, problem: Problem, bounds: Any, loss: Any) -> None:
    """Make what was found a node, and what is computed of it."""
    if loss != "linear":
        raise ArgumentError(
            f"with loss={loss!r} the solution has no derivative here. Write the "
            "loss into the residuals, or pass gd.value of what they read."
        )
    squares = _squares(problem)
    x = solution_of(squares, found.x, as_bounds(bounds))
    found["x"], found["cost"] = x, squares.of(x, *problem.args)
    found["fun"] = problem.of(x, *problem.args)


def _squares(problem: Problem) -> Problem:
    """Return half the sum of squares as a problem."""
    return Problem(half_squares(problem.f), problem.unknowns, problem.args)


def as_bounds(bounds: Any) -> Any:
    """Return bounds as those of a minimum; ``None`` where there are none."""
    low, high = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    free = _np.all(_np.isneginf(low)) and _np.all(_np.isposinf(high))
    return None if free else _scipy.Bounds(low, high)


def half_squares(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Return half the sum of squares of a function's results."""

    def f(x: Any, *args: Any) -> Any:
        r = fun(x, *args)
        return 0.5 * _np.sum(r * r)

    return f


def _with_args(f: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any]:
    def given(x: Value) -> Any:
        return value(f(x, *args))

    return given


__all__ = ["as_bounds", "half_squares", "least_squares"]
