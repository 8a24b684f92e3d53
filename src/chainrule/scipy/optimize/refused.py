"""Functions of ``scipy.optimize`` that are not differentiated, with the reasons."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
import scipy.optimize

from chainrule.nodes.admission import holds_nodes, missing
from chainrule.nodes.tables import REFUSED
from chainrule.transforms.values import contains_nodes

_np: Any = np
_scipy: Any = scipy.optimize

_CORNER = (
    "its solution is a corner of the feasible set and jumps from one to another. Pass "
    "gd.value(x) to hold it constant, or minimise a smooth problem with linear "
    "constraints by chainrule.scipy.optimize.minimize(..., method='trust-constr')."
)
_ORDER = (
    "it arranges, and an arrangement does not change by small steps. Take its indices "
    "at gd.value(x), and compute the cost of them on the node: cost[rows, columns]."
)
for _name, _reason in (
    ("linprog", _CORNER),
    ("milp", _CORNER),
    ("linear_sum_assignment", _ORDER),
    ("quadratic_assignment", _ORDER),
):
    REFUSED[getattr(_scipy, _name)] = _reason


@functools.wraps(_scipy.approx_fprime)
def approx_fprime(xk: Any, f: Callable[..., Any], *rest: Any, **named: Any) -> Any:
    """Return SciPy's differences; refuse functions of nodes."""
    _refuse(
        "approx_fprime", f, xk, rest[1:], "gd.grad(f) and gd.jacobian(f) are exact."
    )
    return _scipy.approx_fprime(xk, f, *rest, **named)


@functools.wraps(_scipy.bracket)
def bracket(func: Callable[..., Any], *rest: Any, **named: Any) -> Any:
    """Return SciPy's three points around a minimum; refuse functions of nodes."""
    args: Any = named.get("args", rest[2] if len(rest) > 2 else ())
    given = cast(tuple[Any, ...], args if isinstance(args, tuple) else (args,))
    begin = named.get("xa", rest[0] if rest else 0.0)
    _refuse(
        "bracket",
        func,
        begin,
        given,
        "its points follow from comparisons. Bracket with plain values, gd.value(x), "
        "and differentiate minimize_scalar(f, bracket=...).x.",
    )
    return _scipy.bracket(func, *rest, **named)


def _refuse(
    name: str, f: Callable[..., Any], x: Any, args: Sequence[Any], reason: str
) -> None:
    """Raise where a point, an argument or the result of a function is a node."""
    if not any(map(holds_nodes, [x, *args])):
        found = f(_np.asarray(x, float), *args)
        if not contains_nodes(found):
            return
    raise missing(f"scipy.optimize.{name}", reason)


__all__ = ["approx_fprime", "bracket"]
