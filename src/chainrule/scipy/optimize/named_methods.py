"""SciPy's functions that are one method of ``minimize`` or of ``root``.

The derivative of what they find is that of its equation, as there.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.scipy.optimize.minimization import minimize, minimize_scalar
from chainrule.scipy.optimize.problems import Problem
from chainrule.scipy.optimize.roots import raveled, solution_of
from chainrule.scipy.optimize.runs import solved
from chainrule.scipy.optimize.unknowns import Unknowns, unpacked
from chainrule.values.types import Operation, Value

_np: Any = np
_scipy: Any = scipy.optimize
_Result: Any = scipy.optimize.OptimizeResult


def _bound(theirs: Any, args: Sequence[Any], named: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of one of SciPy's functions by name, defaults too."""
    bound = inspect.signature(theirs).bind(*args, **named)
    bound.apply_defaults()
    found = dict(bound.arguments)
    if "args" in found:
        found["args"] = unpacked(found["args"])
    return found


def _like(theirs: Any) -> Callable[[Callable[..., Any]], Operation]:
    """Give a function of the arguments, by name, the signature of one of SciPy's."""

    def decorate(solve: Callable[..., Any]) -> Operation:
        @functools.wraps(theirs)
        def called(*args: Any, **named: Any) -> Any:
            return solve(**_bound(theirs, args, named))

        return called

    return decorate


# --------------------------------------------------------------------- of one number


@_like(_scipy.brent)
def brent(func: Callable[..., Any], args: Any, brack: Any, **rest: Any) -> Any:
    """Return a minimum by Brent's method; a node where it depends on one."""
    return _of_one(func, args, brack, "brent", rest, ("x", "fun", "nit", "nfev"))


@_like(_scipy.golden)
def golden(func: Callable[..., Any], args: Any, brack: Any, **rest: Any) -> Any:
    """Return a minimum by golden sections; a node where it depends on one."""
    return _of_one(func, args, brack, "golden", rest, ("x", "fun", "nfev"))


def _of_one(
    func: Callable[..., Any],
    args: Any,
    brack: Any,
    method: str,
    rest: dict[str, Any],
    names: Sequence[str],
) -> Any:
    options = {"xtol": rest["tol"], "maxiter": rest["maxiter"]}
    found = minimize_scalar(func, brack, args=args, method=method, options=options)
    return tuple(found[k] for k in names) if rest["full_output"] else found.x


@_like(_scipy.fminbound)
def fminbound(
    func: Callable[..., Any], x1: Any, x2: Any, args: Any, **rest: Any
) -> Any:
    """Return the minimum between two numbers; a node where it depends on one."""
    options = {"xatol": rest["xtol"], "maxiter": rest["maxfun"], "disp": rest["disp"]}
    found = minimize_scalar(
        func, bounds=(x1, x2), args=args, method="bounded", options=options
    )
    names = ("x", "fun", "status", "nfev")
    return tuple(found[k] for k in names) if rest["full_output"] else found.x


# ------------------------------------------------------------------- with constraints


@_like(_scipy.fmin_slsqp)
def fmin_slsqp(func: Callable[..., Any], x0: Any, args: Any, **rest: Any) -> Any:
    """Return a minimum by SLSQP; a node where it depends on one."""
    made: list[dict[str, Any]] = []
    for kind, short in (("eq", "eqcons"), ("ineq", "ieqcons")):
        made += [{"type": kind, "fun": c, "args": args} for c in rest[short]]
        whole, jac = rest[f"f_{short}"], rest[f"fprime_{short}"]
        if whole is not None:
            made.append({"type": kind, "fun": whole, "args": args, "jac": jac})
    shows = rest["iprint"] if rest["disp"] is None else rest["disp"]
    found = minimize(
        func,
        x0,
        args,
        "SLSQP",
        rest["fprime"],
        bounds=rest["bounds"] or None,
        constraints=made,
        callback=rest["callback"],
        options={
            "maxiter": rest["iter"],
            "ftol": rest["acc"],
            "disp": bool(shows),
            "iprint": rest["iprint"],
        },
    )
    names = ("x", "fun", "nit", "status", "message")
    return tuple(found.get(k) for k in names) if rest["full_output"] else found.x


@_like(_scipy.fmin_cobyla)
def fmin_cobyla(
    func: Callable[..., Any], x0: Any, cons: Any, args: Any, **rest: Any
) -> Any:
    """Return a minimum by COBYLA; a node where it depends on one."""
    listed = [cons] if callable(cons) else list(cons)
    given = args if rest["consargs"] is None else rest["consargs"]
    options = {"tol": rest["rhoend"], "maxiter": rest["maxfun"]}
    options |= {k: rest[k] for k in ("rhobeg", "disp", "catol")}
    options["disp"] = bool(options["disp"])
    return minimize(
        func,
        x0,
        args,
        "COBYLA",
        constraints=[{"type": "ineq", "fun": c, "args": given} for c in listed],
        callback=rest["callback"],
        options=options,
    ).x


# ------------------------------------------------------------------------------ roots


def _nonlinear(name: str) -> Operation:
    """Return one of SciPy's functions for large systems of equations."""
    theirs: Any = getattr(_scipy, name)

    @functools.wraps(theirs)
    def solve(F: Callable[..., Any], xin: Any, *more: Any, **options: Any) -> Any:
        """Return a root; a node where it depends on one."""
        names = list(inspect.signature(theirs).parameters)[2:]
        options.update(zip(names, more, strict=False))
        unknowns = Unknowns(xin, may_be_complex=True)
        problem = Problem(F, unknowns, ())
        callback = options.pop("callback", None)
        if callback is not None:
            options["callback"] = _shown(callback, unknowns)

        def drive(problems: Sequence[Problem], start: Any) -> Any:
            return _Result(
                x=_np.asarray(theirs(raveled(problems[0]), start, **options))
            )

        return solution_of(problem, solved(drive, [problem], unknowns.start).x)

    return solve


def _shown(callback: Callable[..., Any], unknowns: Unknowns) -> Callable[..., Any]:
    def shown(x: Value, f: Value) -> Any:
        return callback(unknowns.restored(x), unknowns.restored(f))

    return shown


anderson: Operation = _nonlinear("anderson")
broyden1: Operation = _nonlinear("broyden1")
broyden2: Operation = _nonlinear("broyden2")
diagbroyden: Operation = _nonlinear("diagbroyden")
excitingmixing: Operation = _nonlinear("excitingmixing")
linearmixing: Operation = _nonlinear("linearmixing")
newton_krylov: Operation = _nonlinear("newton_krylov")


__all__ = [
    "anderson",
    "brent",
    "broyden1",
    "broyden2",
    "diagbroyden",
    "excitingmixing",
    "fmin_cobyla",
    "fmin_slsqp",
    "fminbound",
    "golden",
    "linearmixing",
    "newton_krylov",
]
