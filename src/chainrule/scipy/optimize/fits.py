"""Least squares with exact Jacobians; what was fitted as a function of the data."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.compiler.api import compile as compiled
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.scipy.optimize.minimization import solution_of
from chainrule.scipy.optimize.problems import Problem, Unknowns, is_left_to_us
from chainrule.sparse.matrices import SparseDerivative
from chainrule.transforms.matrices import jacobian
from chainrule.transforms.values import value
from chainrule.values.types import Value

_np: Any = np
_scipy: Any = scipy.optimize
MANY = 500
"""Unknowns from which the Jacobian is taken as a sparse matrix, by trust regions."""


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
    **options: Any,
) -> Any:
    """Return what minimises half the sum of squares, as ``scipy.optimize`` does.

    The Jacobian is supplied, exact and compiled; with ``method="trf"`` or ``"dogbox"``
    and many unknowns as a sparse matrix, where it is one. ``x0`` may be a container.
    Where ``args`` hold a node, or ``fun`` closes over one, ``result.x`` is a node, and
    ``cost`` and ``fun`` are.

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
    elif unknowns.start.size >= MANY and method != "lm":
        derivative = _sparse_jacobian(problem)
    else:
        derivative = problem.jacobian
    found = _scipy.least_squares(
        problem.value,
        unknowns.start,
        jac=derivative,
        bounds=bounds,
        method=method,
        loss=loss,
        **options,
    )
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
    squares = Problem(_half_squares(problem.f), problem.unknowns, problem.args)
    x = solution_of(squares, found.x, _as_bounds(bounds))
    found["x"], found["cost"] = x, squares.of(x, *problem.args)
    found["fun"] = problem.of(x, *problem.args)


def _as_bounds(bounds: Any) -> Any:
    """Return bounds as those of a minimum; ``None`` where there are none."""
    low, high = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    free = _np.all(_np.isneginf(low)) and _np.all(_np.isposinf(high))
    return None if free else _scipy.Bounds(low, high)


def _half_squares(fun: Callable[..., Any]) -> Callable[..., Any]:
    def f(x: Any, *args: Any) -> Any:
        r = fun(x, *args)
        return 0.5 * _np.sum(r * r)

    return f


def _sparse_jacobian(problem: Problem) -> Callable[..., Any]:
    """Return the Jacobian as a sparse matrix."""
    args = value(problem.args)

    def of(x: Value) -> Any:
        return problem.of(x, *args)

    return SparseDerivative(of)


def _with_args(f: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any]:
    def given(x: Value) -> Any:
        return value(f(x, *args))

    return given


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = (-np.inf, np.inf),
    method: str | None = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    **options: Any,
) -> Any:
    """Return the parameters of a curve, and their covariance, as ``scipy.optimize``.

    The Jacobian in the parameters is supplied, exact and compiled. Where ``xdata``,
    ``ydata`` or ``sigma`` are nodes, or ``f`` closes over one, the parameters are a
    node; the covariance is plain.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.scipy.optimize import curve_fit
    >>> x = np.linspace(0.0, 4.0, 50)
    >>> p, covariance = curve_fit(
    ...     lambda x, a, b: a * np.exp(-b * x), x, 2.5 * np.exp(-1.3 * x)
    ... )
    >>> p.round(6)
    array([2.5, 1.3])
    """
    data = (xdata, ydata, sigma)
    plain = [None if d is None else value(d) for d in data]
    start = _first_guess(f, p0)
    curve = _Curve(f, start, plain[0])
    if check_finite is not None:
        options["check_finite"] = check_finite
    found = _scipy.curve_fit(
        curve.value,
        plain[0],
        plain[1],
        p0=start,
        sigma=plain[2],
        absolute_sigma=absolute_sigma,
        bounds=bounds,
        method=method,
        jac=curve.slopes if is_left_to_us(jac) else jac,
        full_output=full_output,
        **options,
    )
    if not curve.closes_over and not any(
        d is not None and holds_nodes(d) for d in data
    ):
        return found
    return (_fitted(curve, found[0], data, bounds), *found[1:])


class _Curve:
    """A curve, of its parameters as one array and of the points."""

    def __init__(self, f: Callable[..., Any], start: Any, x: Any) -> None:
        self.f = f
        self.count: int = start.size
        self.closes_over: bool = holds_nodes(self.of(start, x))
        slopes: Any = jacobian(self.of, mode="forward")
        self._value: Any = self.of if self.closes_over else compiled(self.of)
        self._slopes: Any = slopes if self.closes_over else compiled(slopes)

    def of(self, p: Any, x: Any) -> Any:
        """Return the curve."""
        return self.f(x, *[p[i] for i in range(self.count)])

    def value(self, x: Any, *p: float) -> Any:
        """Return its plain value."""
        return value(self._value(_np.array(p, float), x))

    def slopes(self, x: Any, *p: float) -> Any:
        """Return the derivatives in the parameters."""
        return value(self._slopes(_np.array(p, float), x))

    def residuals(self, p: Any, x: Any, y: Any, s: Any) -> Any:
        """Return the deviations, in units of ``s``."""
        r = self.of(p, x) - y
        return r if s is None else r / s


def _fitted(curve: _Curve, p: Any, data: tuple[Any, ...], bounds: Any) -> Any:
    """Return fitted parameters as a node."""
    if data[2] is not None and np.ndim(value(data[2])) > 1:
        raise ArgumentError(
            "with a covariance of the data as sigma the fit has no derivative here. "
            "Pass standard deviations, or gd.value of the data."
        )
    squares = Problem(_half_squares(curve.residuals), Unknowns(p), data)
    return solution_of(squares, p, _as_bounds(bounds))


def _first_guess(f: Callable[..., Any], p0: Any) -> Any:
    if p0 is not None:
        return _np.atleast_1d(_np.asarray(p0, float))
    names = list(inspect.signature(f).parameters)
    if len(names) < 2:
        raise ArgumentError("curve_fit needs p0 where the parameters are not named.")
    return _np.ones(len(names) - 1)


__all__ = ["curve_fit", "least_squares"]
