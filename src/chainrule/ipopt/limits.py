"""What limits the unknowns of a problem: its constraints, and bounds in any form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import scipy.optimize
import scipy.optimize as sopt

from chainrule.errors import ArgumentError, ShapeError
from chainrule.scipy.optimize.constraints import Constraint, as_object
from chainrule.scipy.optimize.problems import Unknowns
from chainrule.values.containers import flatten
from chainrule.values.shapes import describe
from chainrule.values.types import Array, Shape, Value

_np: Any = np
Bounds = tuple[Any, Any] | list[tuple[float | None, float | None]] | sopt.Bounds | None
"""``(low, high)`` in any form, pairs, or SciPy's object."""
_scipy: Any = scipy.optimize


def as_nonlinear(constraint: Constraint) -> Any:
    """Return a constraint as an object with a function and limits."""
    if isinstance(constraint, Mapping):
        return as_object(constraint)
    given = cast(Any, constraint)
    if isinstance(given, _scipy.LinearConstraint):
        matrix = given.A

        def product(x: Array, *_: Any) -> Any:
            return matrix @ joined(flatten(x)[0])

        return _scipy.NonlinearConstraint(product, given.lb, given.ub)
    if not isinstance(given, _scipy.NonlinearConstraint):
        raise ArgumentError(
            "a constraint is a NonlinearConstraint, a LinearConstraint or a dict; "
            f"received {describe(given)}."
        )
    return given


def joined(parts: Sequence[Value]) -> Any:
    """Return arrays as one flat array."""
    return _np.concatenate([_np.zeros(0), *map(_np.ravel, parts)])


def sides(limits: Sequence[Any], shapes: Sequence[Shape]) -> Any:
    """Return limits of arrays of these shapes as one flat array."""
    try:
        both = zip(limits, shapes, strict=True)
        return joined([_np.broadcast_to(limit, shape) for limit, shape in both])
    except ValueError as error:
        found = [np.shape(limit) for limit in limits]
        raise ShapeError(
            f"the bounds have shapes {found}, and what they limit {list(shapes)}."
        ) from error


def limits(bounds: Bounds, unknowns: Unknowns) -> tuple[Any, Any]:
    """Return the lower and the upper bounds of the flat unknowns."""
    given = cast(Any, bounds)
    if isinstance(given, _scipy.Bounds):
        given = (given.lb, given.ub)
    elif isinstance(given, list):
        pairs = cast(list[Any], given)
        given = ([low for low, _ in pairs], [high for _, high in pairs])
    elif given is None:
        given = (None, None)
    if not isinstance(given, tuple) or len(cast(Any, given)) != 2:
        raise ArgumentError(
            f"bounds are a tuple (low, high) or a list of pairs; received {bounds!r}."
        )
    low, high = cast(tuple[Any, Any], given)
    return _limit(low, unknowns, -np.inf), _limit(high, unknowns, np.inf)


def _limit(bound: Any, unknowns: Unknowns, none: float) -> Any:
    """Return one side's bounds; ``none`` where there is none."""
    size = unknowns.start.size
    if bound is None:
        return _np.full(size, none)
    if unknowns.is_flat and isinstance(bound, list):
        bound = _np.array([none if b is None else b for b in cast(Any, bound)], float)
    leaves, structure = flatten(bound)
    if len(leaves) == 1 and np.shape(leaves[0]) in ((), (size,)):
        return _np.broadcast_to(_np.asarray(leaves[0], float), (size,))
    if structure != unknowns.structure:
        raise ArgumentError(
            "a bound is a number, an array of the flat unknowns, or in their form; "
            f"received {describe(bound)}."
        )
    return sides(leaves, unknowns.shapes)


__all__ = ["as_nonlinear", "joined", "limits", "sides"]
