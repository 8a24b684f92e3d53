"""Least squares with exact Jacobians; what was fitted as a function of the data."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np
import scipy.optimize

from chainrule.nodes.admission import holds_nodes
from chainrule.progress import counted
from chainrule.scipy.optimize.bounds import flat_bounds, of_scipy
from chainrule.scipy.optimize.minima import minimum
from chainrule.scipy.optimize.problems import Problem, as_array, is_left_to_us
from chainrule.scipy.optimize.results import Fit, Loss
from chainrule.scipy.optimize.runs import are_plain, solved
from chainrule.scipy.optimize.stationary import activity_of, note_activity
from chainrule.scipy.optimize.unknowns import Unknowns, unpacked
from chainrule.transforms.values import value
from chainrule.values.types import Array, Value

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
    f_scale: Value = 1.0,
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
    ``result.x`` is a node, and ``cost`` and ``fun`` are; the rest is plain. So it is
    where ``bounds`` or ``f_scale`` are nodes.

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
    fun = as_array(functools.partial(fun, **(kwargs or {})))
    problem = Problem(fun, unknowns, unpacked(args))
    if not is_left_to_us(jac):
        jac = functools.partial(jac, **value(kwargs or {}))
    bounds = of_scipy(bounds, unknowns)
    low, high = flat_bounds(as_bounds(bounds), unknowns.start.size)
    is_node = problem.is_node or any(map(holds_nodes, (low, high, f_scale)))
    robust = (loss, f_scale)
    problems = [problem, _squares(problem, robust)] if is_node else [problem]
    if callback is not None:
        options["callback"] = problem.shown(callback)
    known = bounds if are_plain((low, high)) else None
    options |= {"method": method, "loss": loss}
    drive = _Run(jac, known, options, progress, is_node)
    found = solved(drive, problems, unknowns.start, low, high, f_scale)
    active = activity_of(found)
    if active is not None:
        squares = problems[1]
        found["x"] = x = minimum(squares, found.x, low, high, active)
        found["cost"] = squares.of(x)
        found["fun"] = problem.of(x)
    found = Fit(found, functools.partial(_squares, problem, robust), loss, problem)
    found["x"] = unknowns.restored(cast(Any, found)["x"])
    return found


@dataclass
class _Run:
    """A run of SciPy's ``least_squares``, with what it is given."""

    jac: Any
    bounds: Any
    options: dict[str, Any]
    progress: bool
    is_node: bool

    def __call__(
        self,
        problems: Sequence[Problem],
        start: Array,
        low: Array,
        high: Array,
        scale: float,
    ) -> Any:
        """Run it for the plain values of a call."""
        problem, options = problems[0], {**self.options, "f_scale": scale}
        derivative = problem.given(self.jac)
        if problem.supplies(self.jac):
            sparse = problem.sparse_jacobian if options["method"] != "lm" else None
            derivative = sparse or problem.jacobian
        bounds = (low, high) if self.bounds is None else self.bounds
        f = problem.value
        with counted(f, "least_squares", own=self.progress) as function:
            found = _scipy.least_squares(
                function, start, jac=derivative, bounds=bounds, **options
            )
        if self.is_node:
            note_activity(found, problems[1], low, high)
        return found


def _squares(problem: Problem, robust: tuple[Loss, Value]) -> Problem:
    """Return half the sum of squares as a problem, or what a loss makes of them."""
    f = half_squares(problem.f) if robust[0] == "linear" else _half(problem.f, *robust)
    return Problem(f, problem.unknowns, problem.args)


def _half(fun: Callable[..., Any], loss: Loss, scale: Value) -> Callable[..., Any]:
    """Return half the sum of ``s**2 rho((r / s)**2)``, with a loss ``rho``."""

    def f(x: Any, *args: Any) -> Any:
        z = (fun(x, *args) / scale) ** 2
        lost: Any = LOSSES[loss](z) if isinstance(loss, str) else loss(z)[0]
        return 0.5 * scale**2 * _np.sum(lost)

    return f


def _soft_l1(z: Value) -> Any:
    return 2.0 * (_np.sqrt(1.0 + z) - 1.0)


def _huber(z: Value) -> Any:
    return _np.where(z <= 1.0, z, 2.0 * _np.sqrt(_np.maximum(z, 1.0)) - 1.0)


LOSSES: dict[str, Callable[[Any], Any]] = {
    "soft_l1": _soft_l1,
    "huber": _huber,
    "cauchy": np.log1p,
    "arctan": np.arctan,
}
"""SciPy's losses: what a squared residual counts."""


def as_bounds(bounds: Any) -> Any:
    """Return bounds as those of a minimum; ``None`` where there are none."""
    low, high = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else bounds
    if not are_plain((low, high)):
        return Limits(low, high)
    free = _np.all(_np.isneginf(low)) and _np.all(_np.isposinf(high))
    return None if free else _scipy.Bounds(low, high)


class Limits(NamedTuple):
    """Bounds of which some are nodes, which SciPy's ``Bounds`` do not take."""

    lb: Any
    ub: Any


def half_squares(fun: Callable[..., Any]) -> Callable[..., Any]:
    """Return half the sum of squares of a function's results."""

    def f(x: Any, *args: Any) -> Any:
        r = fun(x, *args)
        return 0.5 * _np.sum(r * r)

    return f


__all__ = ["as_bounds", "half_squares", "least_squares"]
