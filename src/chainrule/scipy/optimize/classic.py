"""SciPy's older functions for minima and fits, with exact derivatives supplied."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.node_class import node
from chainrule.scipy.optimize.bounds import flat_bounds, of_scipy
from chainrule.scipy.optimize.fits import as_bounds, half_squares
from chainrule.scipy.optimize.minima import minimum
from chainrule.scipy.optimize.problems import Problem, as_array, as_number, parts_of
from chainrule.scipy.optimize.results import inverse, jacobian_at
from chainrule.scipy.optimize.roots import matrix_of, raveled
from chainrule.scipy.optimize.runs import are_plain, solved
from chainrule.scipy.optimize.stationary import activity_of, note_activity
from chainrule.scipy.optimize.unknowns import Unknowns, unpacked
from chainrule.transforms.gradients import grad
from chainrule.values.shapes import TUPLE, ndarray
from chainrule.values.types import Array, Operation, Parameters, Value
from chainrule.values.vertices import stand_in

_np: Any = np
_scipy: Any = scipy.optimize
_Result: Any = scipy.optimize.OptimizeResult
_PLAIN = (ndarray, stand_in)
WITH_VALUE = ("fmin_l_bfgs_b", "fmin_tnc")
"""Those whose function may return its value and its gradient."""


def _classic(name: str) -> Callable[..., Any]:
    """Return one of SciPy's functions of the names ``fmin...``."""
    theirs: Any = getattr(_scipy, name)
    signature = inspect.signature(theirs)
    names = list(signature.parameters)

    @functools.wraps(theirs)
    def solve(f: Callable[..., Any], x0: Any, *more: Any, **options: Any) -> Any:
        """Return the minimum; a node where it depends on one."""
        options.update(zip(names[2:], more, strict=False))
        unknowns, args = Unknowns(x0), unpacked(options.pop("args", ()))
        if name in WITH_VALUE and _returns_both(f, unknowns, args, options):
            f, options["fprime"] = parts_of(f)
        problem = Problem(as_number(f), unknowns, args)
        bounds = of_scipy(options.pop("bounds", None), unknowns)
        low, high = flat_bounds(bounds, unknowns.start.size)
        is_node = problem.is_node or not are_plain((low, high))
        options.update(_shown(options.pop("callback", None), unknowns))
        given = {k: options.pop(k, None) for k in ("fprime", "fhess", "fhess_p")}
        options.pop("approx_grad", None)

        def drive(problems: Sequence[Problem], start: Any, *ends: Any) -> Any:
            (p,) = problems
            slopes = _slopes(p, given, names)
            if bounds is not None:
                slopes["bounds"] = list(zip(*ends, strict=True))
            found = theirs(p.value, start, **slopes, **options)
            x, *rest = found if isinstance(found, TUPLE) else (found,)
            result = _Result(x=_np.asarray(x), **_numbered(rest))
            if is_node:
                note_activity(result, p, *ends)
            return result

        found = solved(drive, [problem], unknowns.start, low, high)
        active = activity_of(found)
        if active is not None:
            found["x"] = minimum(problem, found.x, low, high, active)
        return _with_rest(name, problem, found)

    return solve


def _numbered(rest: Sequence[Any]) -> dict[str, Any]:
    """Return what else SciPy says by its places, of which a trace has the numbers."""
    return {f"{i} of {len(rest)}": x for i, x in enumerate(rest)}


def _with_rest(name: str, problem: Problem, found: Any) -> Any:
    """Return a minimum, and what else SciPy says; of a node, what is differentiated.

    ``None`` is in the places of arrays that are plain beside a node, and in a trace of
    what is no number.
    """
    x = found.x
    count = max((int(k.split(" of ")[1]) for k in found if " of " in k), default=0)
    rest: list[Any] = [found.get(f"{i} of {count}") for i in range(count)]
    if isinstance(x, node) and count and name != "fmin_tnc":
        slope = grad(problem.of)(x)
        rest = [None if isinstance(v, _PLAIN) and v.shape else v for v in rest]
        rest[0] = problem.of(x)
        if name == "fmin_bfgs":
            rest[1] = slope
        if name == "fmin_l_bfgs_b":
            rest[1] = {**(rest[1] or {}), "grad": slope}
    z = problem.unknowns.restored(x)
    return (z, *rest) if rest else z


def _shown(callback: Callable[..., Any] | None, unknowns: Unknowns) -> dict[str, Any]:
    """Return a callback, if there is one, as one of the flat array."""
    return {} if callback is None else {"callback": unknowns.of_flat(callback)}


def _returns_both(
    f: Callable[..., Any], unknowns: Unknowns, args: Any, options: dict[str, Any]
) -> bool:
    """Tell whether a function returns its gradient beside its value."""
    if options.get("fprime") is not None or options.get("approx_grad"):
        return False
    first = Problem(f, unknowns, args).first
    return isinstance(first, TUPLE) and len(first) == 2


def _slopes(problem: Problem, given: dict[str, Any], names: list[str]) -> Any:
    """Return the derivatives that a function takes: those given, or ours."""
    found: dict[str, Any] = {}
    if "fprime" in names:
        ours = problem.supplies(given["fprime"])
        found["fprime"] = problem.gradient if ours else problem.given(given["fprime"])
    if "fhess" in names:
        for name in ("fhess", "fhess_p"):
            if not problem.supplies(given[name]):
                return {**found, name: problem.given(given[name])}
        found["fhess_p"] = problem.product
    return found


fmin: Operation = _classic("fmin")
fmin_bfgs: Operation = _classic("fmin_bfgs")
fmin_cg: Operation = _classic("fmin_cg")
fmin_l_bfgs_b: Operation = _classic("fmin_l_bfgs_b")
fmin_ncg: Operation = _classic("fmin_ncg")
fmin_powell: Operation = _classic("fmin_powell")
fmin_tnc: Operation = _classic("fmin_tnc")


def leastsq(
    func: Callable[..., Any],
    x0: Any,
    args: Any = (),
    Dfun: Any = None,
    full_output: bool = False,
    col_deriv: bool = False,
    **options: Any,
) -> Any:
    """Return what minimises the sum of squares, as ``scipy.optimize.leastsq`` does.

    The Jacobian is supplied, exact. Where ``args`` hold a node, or ``func`` closes over
    one, the solution is a node. See ``least_squares``.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.optimize import leastsq
    >>> t = np.linspace(0.0, 1.0, 5)
    >>> gd.jacobian(lambda y: leastsq(lambda p: p[0] * t - y, [1.0])[0])(t).round(3)
    array([[0.   , 0.133, 0.267, 0.4  , 0.533]])
    """
    unknowns, func = Unknowns(x0), as_array(func)
    problem = Problem(func, unknowns, args)
    squares = Problem(half_squares(func), unknowns, args) if problem.is_node else None
    free = flat_bounds(None, unknowns.start.size)

    def drive(problems: Sequence[Problem], start: Array) -> Any:
        p, ours = problems[0], problems[0].supplies(Dfun)
        found = _scipy.leastsq(
            raveled(p),
            start,
            Dfun=matrix_of(p) if ours else p.given(Dfun),
            full_output=True,
            col_deriv=False if ours else col_deriv,
            **options,
        )
        names = ("x", "cov_x", "infodict", "mesg", "ier")
        result = _Result(zip(names, found, strict=True))
        if squares is not None:
            note_activity(result, problems[1], *free)
        return result

    problems = [problem] if squares is None else [problem, squares]
    found = solved(drive, problems, unknowns.start)
    x, active = found.x, activity_of(found)
    if squares is not None and active is not None:
        x = minimum(squares, x, *free, active)
    if not full_output:
        return unknowns.restored(x), found.ier
    spread, told = _beside(problem, x, found.get("cov_x"), found.get("infodict"))
    return unknowns.restored(x), spread, told, found.get("mesg"), found.ier


def _beside(
    problem: Problem, x: Value, spread: Array | None, told: Parameters | None
) -> Any:
    """Return a covariance and what SciPy tells; of a node, what is differentiated."""
    if not isinstance(x, node):
        return spread, told
    slopes, r = jacobian_at(problem, x), problem.of(x)
    inverted = None if spread is None else inverse(slopes.T @ slopes)
    return inverted, {"fvec": r, **({} if told is None else {"nfev": told["nfev"]})}


def lsq_linear(
    A: Any,
    b: Any,
    bounds: Any = (-np.inf, np.inf),
    method: str = "trf",
    tol: float = 1e-10,
    **options: Any,
) -> Any:
    """Return the x with ``low <= x <= high`` for which ``|A x - b|`` is least.

    Where ``A``, ``b`` or ``bounds`` hold a node, ``result.x`` is a node, and ``cost``
    and ``fun`` are. Options are those of ``scipy.optimize.lsq_linear``.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.optimize import lsq_linear
    >>> A = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> def nearest(b):
    ...     return lsq_linear(A, b, (0.0, np.inf)).x
    >>> gd.jacobian(nearest)(np.array([1.0, 0.5, -2.0])).round(3) + 0.0
    array([[0.5, 0.5, 0. ],
           [0. , 0. , 0. ]])
    """

    def run(a: Any, b: Any, low: Any, high: Any) -> Any:
        ends = (low, high)
        return _scipy.lsq_linear(a, b, ends, method=method, tol=tol, **options)

    low, high = flat_bounds(as_bounds(bounds), _shape(A)[1])
    return _linear(run, A, b, low, high)


def nnls(A: Any, b: Any, **options: Any) -> Any:
    """Return the x >= 0 for which ``|A x - b|`` is least, and that norm.

    Where ``A`` or ``b`` hold a node, both are nodes. Options are those of
    ``scipy.optimize.nnls``.
    """

    def run(a: Any, b: Any, *ends: Any) -> Any:
        x, norm = _scipy.nnls(a, b, **options)
        return _Result(x=x, cost=0.5 * norm**2, fun=a @ x - b)

    size = _shape(A)[1]
    found = _linear(run, A, b, _np.zeros(size), _np.full(size, _np.inf))
    return found.x, _np.sqrt(2.0 * found.cost)


def _shape(a: Any) -> tuple[int, ...]:
    return a.shape if hasattr(a, "shape") else _np.shape(a)


def _linear(run: Callable[..., Any], a: Any, b: Any, low: Any, high: Any) -> Any:
    """Return a result of linear least squares, with nodes where it depends on some."""
    unknowns = Unknowns(_np.zeros(_shape(a)[1]))
    ends = (low, high)
    given = [a, b, *ends]
    if are_plain(given) and not holds_nodes(a):
        return run(*given)
    fun = half_squares(_deviation)
    problem, deviation = (Problem(f, unknowns, (a, b)) for f in (fun, _deviation))

    def drive(problems: Sequence[Problem], *values: Any) -> Any:
        found = run(*values)
        note_activity(found, problems[0], *values[2:])
        return found

    found = solved(drive, [problem], *given)
    active = activity_of(found)
    if active is not None:
        found["x"] = x = minimum(problem, found.x, *ends, active)
        found["cost"] = problem.of(x)
        found["fun"] = deviation.of(x)
    return found


def _deviation(x: Array, a: Any, b: Array) -> Any:
    return a @ x - b


__all__ = [
    "fmin",
    "fmin_bfgs",
    "fmin_cg",
    "fmin_l_bfgs_b",
    "fmin_ncg",
    "fmin_powell",
    "fmin_tnc",
    "leastsq",
    "lsq_linear",
    "nnls",
]
