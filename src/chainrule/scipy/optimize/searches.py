"""SciPy's searches for global minima; the minimum found as a function of others.

A search is a method of ``minimize``: it is given the function, compiled, and exact
gradients where it descends; the derivative of what it finds is that of any minimum, by
what is active there. Where its arguments and its function are plain and it calls the
function in its own way, many points at once or in other processes, it is SciPy's.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.errors import ArgumentError
from chainrule.scipy.optimize.minimization import WITHOUT_GRADIENT, OwnMethod, minimize
from chainrule.scipy.optimize.problems import Problem, as_number
from chainrule.scipy.optimize.unknowns import Unknowns, unpacked
from chainrule.transforms.values import value
from chainrule.values.types import Array, ArrayValue, Operation, Value

_np: Any = np
_scipy: Any = scipy.optimize
_Result: Any = scipy.optimize.OptimizeResult
LOCAL = "minimizer_kwargs"
"""What searches that descend tell their local minimiser."""


class Search(OwnMethod):
    """One of SciPy's searches as a method of ``minimize``."""

    def __init__(
        self, run: Callable[..., Any], *, descends: bool, takes_objects: bool = False
    ) -> None:
        """Keep what runs it on the function, the gradient, bounds and constraints."""
        super().__init__(descends=descends, takes_objects=takes_objects)
        self._run = run

    def __call__(self, fun: Callable[..., Any], x0: Array, **given: Any) -> Any:
        """Run it, as SciPy's ``minimize`` runs a method."""
        return self._run(fun, x0, given)


def _searching(name: str) -> Callable[[Callable[..., Any]], Operation]:
    """Give a search, a function of named arguments, the signature of SciPy's."""
    theirs: Any = getattr(_scipy, name)
    signature = inspect.signature(theirs)

    def decorate(search: Callable[..., Any]) -> Operation:
        @functools.wraps(theirs)
        def called(*args: Any, **named: Any) -> Any:
            """Return what SciPy's search finds, as a node where it depends on one."""
            bound = signature.bind(*args, **named).arguments
            if "args" in bound and name != "brute":
                bound["args"] = unpacked(bound["args"])
            own_way = bound.get("vectorized") or bound.get("workers", 1) != 1
            if own_way and _is_plain(bound):
                return theirs(*args, **named)
            return search(theirs, **bound)

        return called

    return decorate


def _is_plain(bound: dict[str, Any]) -> bool:
    """Tell whether a search that calls its function in its own way reads no node."""
    low, high = _ends(bound.get("bounds", bound.get("ranges")))
    start, f = 0.5 * (low + high), bound["func"]
    if bound.get("vectorized"):
        f = _of_one_point(f)
    return not Problem(as_number(f), Unknowns(start), bound.get("args", ())).is_node


def _ends(bounds: Any) -> tuple[Any, Any]:
    """Return the plain lower and upper bounds of a search."""
    if hasattr(bounds, "lb"):
        return _np.asarray(value(bounds.lb), float), _np.asarray(
            value(bounds.ub), float
        )
    low, high = zip(*(tuple(value(b))[:2] for b in bounds), strict=True)
    return _np.asarray(low, float), _np.asarray(high, float)


def _middle(bounds: Any) -> Any:
    low, high = _ends(bounds)
    return 0.5 * (low + high)


def _of_one_point(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of points in columns as one of a single point."""

    def one(x: Array, *args: Any) -> Any:
        return f(x[:, None], *args)[0]

    return one


def _plain_ends(given: dict[str, Any]) -> Any:
    return list(zip(*_ends(given["bounds"]), strict=True))


@_searching("differential_evolution")
def differential_evolution(
    theirs: Callable[..., Any],
    func: Callable[..., Any],
    bounds: Any,
    args: Any = (),
    constraints: Any = (),
    x0: Any = None,
    *,
    integrality: ArrayValue | Sequence[bool] | bool | None = None,
    vectorized: bool = False,
    workers: int | Callable[..., Any] = 1,
    **rest: Any,
) -> Any:
    """Return what differential evolution finds; its last steps have our gradient."""
    rest["x0"] = x0
    if integrality is not None and _np.any(integrality):
        rest |= {"integrality": integrality, "vectorized": vectorized}
        rest["workers"] = workers
        return _of_integers(theirs, func, bounds, args, constraints, **rest)
    if vectorized:
        func = _of_one_point(func)
    polish = rest.pop("polish", True)

    def run(fun: Callable[..., Any], _: Array, given: dict[str, Any]) -> Any:
        if polish is True:
            method = "trust-constr" if given["constraints"] else "L-BFGS-B"
            last: Any = functools.partial(_descended, method, given["jac"])
        else:
            last = polish
        limits = tuple(given["constraints"])
        return theirs(fun, _plain_ends(given), constraints=limits, polish=last, **rest)

    start = _middle(bounds) if x0 is None else x0
    search = Search(run, descends=True, takes_objects=True)
    return minimize(func, start, args, search, bounds=bounds, constraints=constraints)


def _descended(
    method: str, jac: Any, fun: Callable[..., Any], x0: Array, **given: Any
) -> Any:
    """Return the local minimum near a point."""

    def number(x: Array) -> Any:  # the function that evolves returns an array
        return _np.ravel(fun(x))[0]

    return _scipy.minimize(number, x0, method=method, jac=jac, **given)


def _of_integers(
    theirs: Callable[..., Any],
    func: Callable[..., Any],
    bounds: Any,
    args: Any,
    constraints: Any,
    **rest: Any,
) -> Any:
    f = _of_one_point(func) if rest["vectorized"] else func
    if Problem(as_number(f), Unknowns(_middle(bounds)), args).is_node:
        raise ArgumentError(
            "a minimum in whole numbers has no derivative of its own. Search with "
            "plain values, gd.value(x), and then minimise in the other unknowns alone."
        )
    return theirs(func, bounds, args, constraints=constraints, **rest)


@_searching("dual_annealing")
def dual_annealing(
    theirs: Callable[..., Any],
    func: Callable[..., Any],
    bounds: Any,
    args: Any = (),
    minimizer_kwargs: Mapping[str, Any] | None = None,
    x0: Value | None = None,
    **rest: Any,
) -> Any:
    """Return what dual annealing finds; its local searches have our gradient."""
    local = dict(minimizer_kwargs or {})

    def run(fun: Callable[..., Any], _: Array, given: dict[str, Any]) -> Any:
        inner = {"method": "L-BFGS-B", "bounds": _plain_ends(given), **local}
        inner |= _slopes(inner, given)
        return theirs(fun, _plain_ends(given), minimizer_kwargs=inner, x0=x0, **rest)

    start = _middle(bounds) if x0 is None else x0
    jac = local.pop("jac", None)
    return minimize(func, start, args, Search(run, descends=True), jac, bounds=bounds)


def _slopes(local: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the gradient for a local method that takes it."""
    name = local.get("method")
    if isinstance(name, str) and name.lower() in WITHOUT_GRADIENT:
        return {}
    return {"jac": given["jac"]}


@_searching("shgo")
def shgo(
    theirs: Callable[..., Any],
    func: Callable[..., Any],
    bounds: Any,
    args: Any = (),
    constraints: Any = None,
    minimizer_kwargs: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    workers: int | Callable[..., Any] = 1,
    **rest: Any,
) -> Any:
    """Return what SHGO finds; its local searches have our gradient."""
    local, more = dict(minimizer_kwargs or {}), dict(options or {})
    jac = more.pop("jac", local.pop("jac", None))

    def run(fun: Callable[..., Any], _: Array, given: dict[str, Any]) -> Any:
        inner = {"method": "SLSQP", **local}
        slopes = _slopes(inner, given)
        return theirs(
            fun,
            _plain_ends(given),
            constraints=given["constraints"] or None,
            minimizer_kwargs=inner,
            options={**more, **slopes},
            **rest,
        )

    given: dict[str, Any] = {"bounds": bounds, "constraints": constraints or ()}
    search = Search(run, descends=True)
    return minimize(func, _middle(bounds), args, search, jac, **given)


@_searching("direct")
def direct(
    theirs: Callable[..., Any],
    func: Callable[..., Any],
    bounds: Any,
    args: Any = (),
    **rest: Any,
) -> Any:
    """Return what DIRECT finds."""

    def run(fun: Callable[..., Any], _: Array, given: dict[str, Any]) -> Any:
        return theirs(fun, _plain_ends(given), **rest)

    search = Search(run, descends=False)
    return minimize(func, _middle(bounds), args, search, bounds=bounds)


@_searching("brute")
def brute(
    theirs: Callable[..., Any],
    func: Callable[..., Any],
    ranges: Any,
    args: Any = (),
    full_output: bool = False,
    workers: int | Callable[..., Any] = 1,
    **rest: Any,
) -> Any:
    """Return what a search on a grid, and a minimiser from there, find."""

    def run(fun: Callable[..., Any], _: Array, __: dict[str, Any]) -> Any:
        found = theirs(fun, ranges, full_output=True, **rest)
        return _Result(zip(("x", "fun", "grid", "Jout"), found, strict=True))

    steps = [_range(r) for r in ranges]
    start = _np.array([0.5 * (low + high) for low, high in steps])
    found = minimize(func, start, args, Search(run, descends=False))
    told = (found.x, found.fun, found.grid, found.get("Jout"))
    return told if full_output else found.x


def _range(given: Any) -> tuple[float, float]:
    low, high = (given.start, given.stop) if hasattr(given, "stop") else given[:2]
    return float(low or 0.0), float(high)


@_searching("basinhopping")
def basinhopping(
    theirs: Callable[..., Any],
    func: Callable[..., Any],
    x0: Value,
    minimizer_kwargs: Mapping[str, Any] | None = None,
    **rest: Any,
) -> Any:
    """Return what hopping between basins finds; it descends with our gradient."""
    local = dict(minimizer_kwargs or {})
    outer = {k: local.pop(k) for k in ("bounds", "constraints") if k in local}
    args, jac = local.pop("args", ()), local.pop("jac", None)

    def run(fun: Callable[..., Any], start: Array, given: dict[str, Any]) -> Any:
        inner = {**local, **_slopes(local, given)}
        inner |= {k: given[k] for k in outer}
        return theirs(fun, start, minimizer_kwargs=inner, **rest)

    return minimize(func, x0, args, Search(run, descends=True), jac, **outer)


__all__ = [
    "Search",
    "basinhopping",
    "brute",
    "differential_evolution",
    "direct",
    "dual_annealing",
    "shgo",
]
