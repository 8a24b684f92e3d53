"""Bounds of unknowns, in the form of these or in one of SciPy's, as flat arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import scipy.optimize
import scipy.optimize as sopt

from chainrule import operations
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.joined import holds_followed
from chainrule.scipy.optimize.unknowns import Unknowns
from chainrule.values.containers import flatten
from chainrule.values.shapes import describe
from chainrule.values.types import Shape, Value

_np: Any = np
_scipy: Any = scipy.optimize
Bounds = tuple[Any, Any] | list[tuple[float | None, float | None]] | sopt.Bounds | None
"""``(low, high)`` in any form, pairs, or SciPy's object."""


def of_scipy(bounds: Bounds, unknowns: Unknowns) -> Any:
    """Return a pair ``(low, high)`` in the form of a container as SciPy's bounds.

    Others are SciPy's already.
    """
    given = cast(Any, bounds)
    if unknowns.is_flat or given.__class__ is not tuple or len(given) != 2:
        return given
    if not any(flatten(side)[1] == unknowns.structure for side in given):
        return given
    return _scipy.Bounds(*limits(given, unknowns))


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


def flat_bounds(bounds: Any, size: int) -> tuple[Any, Any]:
    """Return lower and upper bounds of flat unknowns: nodes where they hold one."""
    if bounds is None:
        return _np.full(size, -_np.inf), _np.full(size, _np.inf)
    if hasattr(bounds, "lb"):
        pair: Any = (bounds.lb, bounds.ub)
    elif len(bounds) == 2 and size != 2:
        pair = bounds
    else:
        low = [-_np.inf if b[0] is None else b[0] for b in bounds]
        high = [_np.inf if b[1] is None else b[1] for b in bounds]
        pair = (low, high)
    return spread(pair[0], size), spread(pair[1], size)


def spread(bound: Value, size: int) -> Any:
    """Return a bound as a flat array, one for each entry."""
    if holds_followed(bound):
        return _np.broadcast_to(operations.asarray(bound), (size,)) * 1.0
    return _np.broadcast_to(_np.asarray(bound, float), (size,))


__all__ = ["Bounds", "flat_bounds", "joined", "limits", "of_scipy", "sides", "spread"]
