"""Roots and fixed points, with exact Jacobians; the root as a function of others."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.errors import ArgumentError
from chainrule.nodes.node_class import node
from chainrule.progress import counted
from chainrule.scipy.optimize.newton_steps import by_newton
from chainrule.scipy.optimize.problems import Problem, as_array, parts_of
from chainrule.scipy.optimize.results import Found
from chainrule.scipy.optimize.runs import is_traced, solved
from chainrule.scipy.optimize.unknowns import Unknowns, unpacked
from chainrule.solving.implicit import solution
from chainrule.transforms.values import value
from chainrule.values.containers import LEAF
from chainrule.values.shapes import ndarray
from chainrule.values.types import Array, Operation, Value

_np: Any = np
_scipy: Any = scipy.optimize
_Result: Any = scipy.optimize.OptimizeResult
WITH_JACOBIAN = ("hybr", "lm")


def solution_of(problem: Problem, x: Value) -> Any:
    """Return a root in the form of the first guess: a node where it depends on one."""
    return problem.unknowns.restored(flat_solution_of(problem, x))


def flat_solution_of(problem: Problem, x: Value) -> Any:
    """Return a root as a flat array: a node where it depends on one."""
    if not problem.is_node:
        return x

    def residual(y: Value) -> Any:
        return _np.reshape(problem.of(y), (-1,))

    return solution(residual, x, reads=functools.partial(problem.reading, x))


def raveled(problem: Problem) -> Callable[..., Any]:
    """Return the function with one axis."""

    def flat(x: Value) -> Any:
        return _np.ravel(problem.value(x))

    return flat


def matrix_of(problem: Problem) -> Callable[..., Any]:
    """Return the Jacobian of the raveled function."""

    def matrix(x: Value) -> Any:
        return _np.reshape(problem.jacobian(x), (-1, problem.unknowns.start.size))

    return matrix


def root(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str = "hybr",
    jac: Any = None,
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    progress: bool = False,
) -> Any:
    """Return a root of a vector function, as ``scipy.optimize.root`` does.

    The Jacobian is supplied, exact and compiled, where the method takes it. Where
    ``args`` hold a node, or ``fun`` closes over one, ``result.x`` is a node. ``x0`` may
    be a container. ``progress`` shows a bar of the calls (``chainrule[progress]``).
    ``method="newton"``, which SciPy does not have, takes Newton's steps with a sparse
    Jacobian where few products make it: for systems of very many equations. ``tol`` is
    the largest residual there.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.optimize import root
    >>> def f(x, a):
    ...     return np.stack([x[0] ** 2 - a, x[1] - x[0]])
    >>> gd.jacobian(lambda a: root(f, np.ones(2), (a,)).x)(4.0).round(6)
    array([0.25, 0.25])
    """
    unknowns = Unknowns(x0, may_be_complex=True)
    if unknowns.start.dtype.kind == "c" and method in WITH_JACOBIAN:
        raise ArgumentError(
            f"method={method!r} finds real roots, and x0 is complex. Take 'newton' or "
            "'krylov', or the real and the imaginary parts as unknowns."
        )
    if jac is True:
        fun, jac = parts_of(fun)
    problem = Problem(as_array(fun), unknowns, args)

    def drive(problems: Sequence[Problem], start: Any) -> Any:
        (p,) = problems
        given: dict[str, Any] = {}
        shown = p.shown(callback)
        if method == "newton":
            ours = p.supplies(jac)
            slopes = p.sparse_jacobian or matrix_of(p) if ours else p.given(jac)
            with counted(raveled(p), "root", own=progress) as function:
                return by_newton(function, start, slopes, tol, shown, options)
        if method in WITH_JACOBIAN:
            given["jac"] = matrix_of(p) if p.supplies(jac) else p.given(jac)
        given |= {"tol": tol, "callback": shown, "options": options}
        with counted(raveled(p), "root", own=progress) as function:
            return _scipy.root(function, start, method=method, **given)

    return _with_solution(solved(drive, [problem], unknowns.start), problem)


def _with_solution(found: Any, problem: Problem) -> Any:
    """Return a result with the root in its form; beside a node nothing plain."""
    x = flat_solution_of(problem, found.x)
    if isinstance(x, node):
        found = Found(found, x)
    found["x"] = problem.unknowns.restored(x)
    return found


def fsolve(
    func: Callable[..., Any],
    x0: Any,
    args: Any = (),
    fprime: Any = None,
    full_output: bool = False,
    **options: Any,
) -> Any:
    """Return a root of a vector function, as ``scipy.optimize.fsolve`` does.

    See ``root``. Other options are SciPy's.
    """
    unknowns = Unknowns(x0)
    problem = Problem(as_array(func), unknowns, args)
    more = dict(options)
    if problem.supplies(fprime):
        more["col_deriv"] = False  # ours has an equation in each row

    def drive(problems: Sequence[Problem], start: Any) -> Any:
        (p,) = problems
        jac = matrix_of(p) if p.supplies(fprime) else p.given(fprime)
        found = _scipy.fsolve(raveled(p), start, fprime=jac, full_output=True, **more)
        return _Result(zip(("x", "infodict", "ier", "mesg"), found, strict=True))

    found = solved(drive, [problem], unknowns.start)
    at = flat_solution_of(problem, found.x)
    x = unknowns.restored(at)
    x = _np.atleast_1d(x) if unknowns.structure is LEAF else x
    told = found.get("infodict")
    if told is not None and isinstance(at, node):  # its matrices are plain
        told = {"nfev": told["nfev"], "fvec": problem.of(at)}
    return (x, told, found.ier, found.get("mesg")) if full_output else x


def root_scalar(
    f: Callable[..., Any],
    args: Any = (),
    method: str | None = None,
    bracket: Any = None,
    fprime: Any = None,
    fprime2: Any = None,
    x0: float | None = None,
    x1: float | None = None,
    xtol: float | None = None,
    rtol: float | None = None,
    maxiter: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Any:
    """Return a root of a function of one number, as ``scipy.optimize.root_scalar``.

    ``newton`` and ``halley`` are given exact derivatives, and are what is used where
    ``x0`` alone is given. Where ``args`` hold a node, or ``f`` closes over one,
    ``result.root`` is a node.

    Examples
    --------
    >>> import chainrule as gd
    >>> from chainrule.scipy.optimize import root_scalar
    >>> def sqrt(a):
    ...     return root_scalar(lambda x: x * x - a, bracket=(0.0, 10.0)).root
    >>> round(gd.grad(sqrt)(4.0), 9), round(gd.grad(gd.grad(sqrt))(4.0), 9)
    (0.25, -0.03125)
    """
    start = bracket[0] if x0 is None else x0
    if fprime is True:
        f, fprime = parts_of(f)
    known = Unknowns(value(start) * 1.0, may_be_complex=True)
    problem = Problem(f, known, args)
    if method is None and bracket is None and x1 is None:
        method = "newton"
    settings = {"method": method, "options": options}
    settings |= {"xtol": xtol, "rtol": rtol, "maxiter": maxiter}

    def drive(problems: Sequence[Problem], *ends: Any) -> Any:
        numbers = [e if _np.iscomplexobj(e) else float(e) for e in ends]
        given = dict(zip(names, numbers, strict=True))
        if bracket is not None:
            given = {"bracket": (given.pop("low"), given.pop("high")), **given}
        slopes = _slopes(problems[0], method, fprime, fprime2)
        return _scipy.root_scalar(scalar(problems[0]), **given, **settings, **slopes)

    low, high = (None, None) if bracket is None else bracket
    ends = {"low": low, "high": high, "x0": x0, "x1": x1}
    names = [name for name, end in ends.items() if end is not None]
    found = solved(drive, [problem], *(ends[name] for name in names))
    found.root = solution_of(problem, _np.atleast_1d(found.root))
    if not problem.is_node and not is_traced(found.root):
        found.root = _np.ravel(found.root)[0].item()
    return found


def _slopes(problem: Problem, method: Any, fprime: Any, fprime2: Any) -> dict[str, Any]:
    """Return the derivatives of a function of one number: those given, or ours."""
    found: dict[str, Any] = {"fprime": None, "fprime2": None}
    for order, (name, slope) in enumerate([("fprime", fprime), ("fprime2", fprime2)]):
        if not problem.supplies(slope):
            found[name] = _given_slope(slope, problem)
        elif method == "halley" or (method == "newton" and not order):
            found[name] = _slope(problem, order + 1)
    return found


def _given_slope(f: Any, problem: Problem) -> Any:
    """Return a derivative that was given as a function of the unknown alone."""
    if not callable(f):
        return f
    args = value(problem.args)

    def given(x: Value) -> Any:
        return value(f(x, *args))

    return given


def scalar(problem: Problem) -> Callable[[Any], Any]:
    """Return a function of one number, whatever was given for it."""
    return _of_number(problem, problem.value)


def _of_number(problem: Problem, f: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return a function of an array of one entry as one of a number."""
    kind: Any = complex if problem.unknowns.start.dtype.kind == "c" else float
    return lambda x: kind(_np.ravel(f(_np.array([kind(x)])))[0])


def _slope(problem: Problem, order: int) -> Callable[[Any], Any]:
    if problem.unknowns.start.dtype.kind == "c":
        return _of_number(problem, problem.jacobian if order == 1 else problem.second)
    return _of_number(problem, problem.gradient if order == 1 else problem.hessian)


def _bracketing(name: str) -> Callable[..., Any]:
    """Return one of SciPy's functions that take a bracket."""
    theirs: Any = getattr(_scipy, name)
    names = list(inspect.signature(theirs).parameters)[4:]

    @functools.wraps(theirs)
    def solve(
        f: Callable[..., Any],
        a: float,
        b: float,
        args: Any = (),
        *settings: Any,
        **options: Any,
    ) -> Any:
        """Return the root between two numbers; a node where it depends on one."""
        options.update(zip(names, settings, strict=False))
        problem = Problem(f, Unknowns(value(a) * 1.0), args)
        full = options.pop("full_output", False)

        def drive(problems: Sequence[Problem], a: Any, b: Any) -> Any:
            x, found = theirs(
                scalar(problems[0]), float(a), float(b), full_output=True, **options
            )
            return _Result(x=x, found=found, **{k: found[k] for k in _COUNTED})

        result = solved(drive, [problem], a, b)
        z, found = result.x, result.get("found")
        if found is None:  # in a trace, what is a number
            found = _Result({k: result[k] for k in _COUNTED})
        z = solution_of(problem, _np.atleast_1d(z)) if problem.is_node else z
        return (z, _with_root(found, z)) if full else z

    return solve


_COUNTED = ("converged", "function_calls", "iterations")  # what it says in numbers
bisect: Operation = _bracketing("bisect")
brenth: Operation = _bracketing("brenth")
brentq: Operation = _bracketing("brentq")
ridder: Operation = _bracketing("ridder")
toms748: Operation = _bracketing("toms748")


def newton(
    func: Callable[..., Any],
    x0: Any,
    fprime: Any = None,
    args: Any = (),
    **options: Any,
) -> Any:
    """Return a root near ``x0``, as ``scipy.optimize.newton`` does.

    The derivative is supplied, exact. Where ``args`` hold a node, or ``func`` closes
    over one, the root is a node. An array ``x0`` is solved entry by entry.
    """
    x0 = _np.asarray(x0) * 1.0 if isinstance(x0, list) else x0
    problem = Problem(func, Unknowns(x0, may_be_complex=True), unpacked(args))
    is_array = isinstance(x0, ndarray) and x0.ndim
    full = options.pop("full_output", False)

    def drive(problems: Sequence[Problem], start: Any) -> Any:
        (p,) = problems
        more = {k: _given_slope(x, p) for k, x in options.items()}
        slope = _given_slope(fprime, p)
        if p.supplies(fprime):
            slope = _entries(p) if is_array else _slope(p, 1)
        f, first = (p.value, start) if is_array else (scalar(p), start[0].item())
        found: Any = _scipy.newton(f, first, fprime=slope, full_output=True, **more)
        return _Result(x=found[0], found=found)

    flat = problem.unknowns.start
    result = solved(drive, [problem], x0 if is_array else flat)
    z, found = result.x, result.get("found")
    if problem.is_node:
        z = solution_of(problem, _np.atleast_1d(z))
    if not full:
        return z
    if found is None:  # in a trace the root alone is known
        return _Result(root=z) if is_array else (z, None)
    return found._replace(root=z) if is_array else (z, _with_root(found[1], z))


def _with_root(found: Any, root: Value) -> Any:
    """Return what SciPy says of a root, with the root that is returned beside it."""
    if found is not None:  # in a trace the root alone is known
        found["root"] = root
    return found


def _entries(problem: Problem) -> Callable[..., Any]:
    def slopes(x: Value) -> Any:
        return _np.diagonal(problem.jacobian(x))

    return slopes


def fixed_point(
    func: Callable[..., Any], x0: Any, args: Any = (), **options: Any
) -> Any:
    """Return x with x = func(x), as ``scipy.optimize.fixed_point`` does.

    Where ``args`` hold a node, or ``func`` closes over one, it is a node.
    """
    unknowns = Unknowns(x0, may_be_complex=True)
    problem = Problem(func, unknowns, unpacked(args))

    def drive(problems: Sequence[Problem], start: Array) -> Any:
        return _Result(x=_scipy.fixed_point(raveled(problems[0]), start, **options))

    found = solved(drive, [problem], unknowns.start).x
    if not problem.is_node:
        return unknowns.restored(found)

    def residual(y: Value) -> Any:
        return y - _np.reshape(problem.of(y), (-1,))

    x = solution(residual, found, reads=functools.partial(problem.reading, found))
    return unknowns.restored(x)


__all__ = [
    "bisect",
    "brenth",
    "brentq",
    "fixed_point",
    "fsolve",
    "matrix_of",
    "newton",
    "raveled",
    "ridder",
    "root",
    "root_scalar",
    "solution_of",
    "toms748",
]
