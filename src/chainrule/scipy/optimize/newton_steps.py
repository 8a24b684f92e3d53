"""Newton's method for systems of many equations, whose Jacobians are sparse."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import scipy.optimize
import scipy.sparse
from scipy.sparse import linalg

from chainrule.errors import ArgumentError
from chainrule.values.types import Array

_np: Any = np
_Result: Any = scipy.optimize.OptimizeResult
_is_sparse: Any = scipy.sparse.issparse
_solve: Any = linalg.splu
OPTIONS = ("maxiter", "disp")
SHORTEST = 1e-8
"""The shortest step, as a part of Newton's own."""


def by_newton(
    f: Callable[[Array], Array],
    start: Array,
    jac: Callable[[Array], Any],
    tol: float | None,
    callback: Callable[..., Any] | None,
    options: Mapping[str, Any] | None,
) -> Any:
    """Return a root, by Newton's steps, halved until the residual gets smaller.

    It ends where the largest residual is ``tol`` or less (1e-10), in ``maxiter`` steps
    (50). Source: Dennis & Schnabel, Numerical Methods for Unconstrained Optimization
    and Nonlinear Equations (1983), 6.3.
    """
    given = dict(options or {})
    unknown = given.keys() - set(OPTIONS)
    if unknown:
        raise ArgumentError(
            f"root with method='newton' has the options {', '.join(OPTIONS)}; received "
            f"{', '.join(sorted(unknown))}."
        )
    least = 1e-10 if tol is None else tol
    x, r, calls = _np.array(start), f(start), 1
    message, steps = "the residual is not small after maxiter steps", 0
    for _ in range(given.get("maxiter", 50)):
        if not _np.max(_np.abs(r), initial=0.0) > least:
            break
        step = _newton_step(jac(x), r)
        steps += 1
        found = None if step is None else _shortened(f, x, r, step)
        if found is None:
            singular = "the Jacobian is singular"
            message = singular if step is None else "no step makes the residual smaller"
            break
        x, r, tried = found
        calls += tried
        if callback is not None:
            callback(x, r)
    success = bool(_np.max(_np.abs(r), initial=0.0) <= least)
    message = "a root was found" if success else message
    counts = {"nfev": calls, "njev": steps, "nit": steps}
    told = {"success": success, "status": int(success), "message": message}
    return _Result(x=x, fun=r, method="newton", **told, **counts)


def _newton_step(matrix: Any, r: Array) -> Any:
    """Return the step to where the linear part of the residual is zero, if any."""
    try:
        if _is_sparse(matrix):
            step = _solve(matrix.tocsc()).solve(-r)
        else:
            step = _np.linalg.solve(matrix, -r)
    except (RuntimeError, np.linalg.LinAlgError):
        return None
    return step if _np.isfinite(step).all() else None


def _shortened(f: Callable[[Array], Array], x: Array, r: Array, step: Array) -> Any:
    """Return a point along a step with a smaller residual, it, and how many calls."""
    norm, length, calls = _np.linalg.norm(r), 1.0, 0
    while length > SHORTEST:
        y = x + length * step
        with _np.errstate(all="ignore"):
            found = f(y)
        calls += 1
        if _np.linalg.norm(found) <= (1.0 - 1e-4 * length) * norm:
            return y, found, calls
        length /= 2
    return None


__all__ = ["by_newton"]
