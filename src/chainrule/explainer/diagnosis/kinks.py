"""Where a function has a kink: its slopes on both sides differ.

Each operation is differentiated along one direction a few units in the last place
before and behind its operand. What is smooth there changes by rounding only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.explainer.account.sweep import Contribution
from chainrule.explainer.account.views import VertexView
from chainrule.explainer.diagnosis.entries import (
    Entry,
    at,
    first,
    is_elementwise,
    numbers,
    own_entry,
    slope_at,
    where,
)
from chainrule.explainer.diagnosis.reports import Reports, magnitude
from chainrule.explainer.watching.departures import Departure
from chainrule.progress import watched
from chainrule.rules import linear, multilinear
from chainrule.values.vertices import raw, unboxed, vertex

LARGEST = 100_000
"""Operands with more entries are not tried."""

EXECUTIONS = 20
"""How many executions of one expression are tried."""

_UNITS, _SMALLEST = 1e-14, 1e-100
"""How far both sides are: relative to an entry, and of an entry that is zero."""

_FARTHER = 100.0
"""How much farther they are tried again: the gap of a kink stays."""


_INFINITE = 1e30
"""A slope so near a kink that is as steep grows without bound."""

_SMOOTH = (
    "Use a smooth form, such as np.sqrt(x**2 + 1e-12) for np.abs(x), and "
    "np.sqrt(np.sum(x**2) + 1e-12) for a norm or a standard deviation; or accept the "
    "convention, which is stated in the documentation of the operation."
)


def kinks(reports: Reports, *, of_derivative: bool) -> None:
    """Report operations, and comparisons, that the point is at a kink of.

    Of a derivative, the comparisons of the function that is differentiated alone.
    """
    for departure in reports.account.departures:
        place = departure.location
        if not of_derivative or place is None or not place.derived:
            _on_boundary(reports, departure)
    if of_derivative:
        return
    with watched(reports.contributions, "looking for kinks", "slopes") as slopes:
        for c in slopes:
            v = reports.account.vertices[c.source]
            if v.repeat <= EXECUTIONS and _may_have(v, c):
                _try(reports, v, c)


def _may_have(v: VertexView, c: Contribution) -> bool:
    if not isinstance(v.rule, type) or issubclass(v.rule, linear | multilinear):
        return False
    x = numbers(v.operands[c.position].value)
    known = x is not None and 0 < x.size <= LARGEST and np.isrealobj(x)
    return bool(known) and magnitude(c.amount) != np.inf


def _try(reports: Reports, v: VertexView, c: Contribution) -> None:
    try:
        before, behind = _sides(v, c)
        mask = _apart(before, behind)
        if mask.any():
            mask &= _stays(before - behind, *_sides(v, c, _FARTHER))
    except Exception:  # a rule that has no forward mode, or a point out of its domain
        return
    incoming = numbers(reports.incoming.get(v.index))
    if incoming is not None and np.shape(incoming) == mask.shape:
        mask &= incoming != 0
    if not mask.any():
        return
    entry: Entry | None = first(mask)
    one, other = (_written(x[entry]) for x in (before, behind))
    sides = f"{one} on one side and {other} on the other"
    entry = entry if is_elementwise(v) else None
    x = reports.account.written(v.operands[c.position])
    along = "" if is_elementwise(v) else " along a direction"
    taken = "the derivative that the rule takes"
    partial = None if entry is None else at(c.partial, entry, mask.shape)
    if partial is not None:
        taken += f", {partial:.3g},"
    reports.add(
        "kink",
        v,
        f"The slope of {v.name} in {x}{along} is {sides}; {taken} is a convention.",
        operand=c.position,
        entry=entry,
        remedy=_SMOOTH,
        in_derivative=True,
    )


def _written(slope: float) -> str:
    steep = "unbounded" if slope > 0 else "unbounded below"
    return steep if abs(slope) > _INFINITE else f"{slope:.3g}"


def _apart(before: Any, behind: Any) -> Any:
    finite = np.isfinite(before) & np.isfinite(behind)
    with np.errstate(all="ignore"):
        gap = np.abs(before - behind)
        return finite & (gap > 1e-6 * (np.abs(before) + np.abs(behind)))


def _stays(gap: Any, before: Any, behind: Any) -> Any:
    """Tell where a gap is no larger farther out: that of a smooth function grows."""
    with np.errstate(all="ignore"):
        return np.abs((before - behind) / gap) < 1.5


def _sides(v: VertexView, c: Contribution, farther: float = 1.0) -> tuple[Any, Any]:
    """Return slopes on both sides.

    At the end of a domain, where the other side is unbounded, one is that of the point.
    """
    before, behind = _slopes(v, c.position, farther)
    partial = numbers(c.partial)
    if is_elementwise(v) and partial is not None and np.isrealobj(partial):
        here = np.broadcast_to(partial, before.shape)
        steep = np.maximum(np.nan_to_num(np.abs(before)), np.nan_to_num(np.abs(behind)))
        ends = np.isfinite(here) & (steep > _INFINITE)
        before = np.where(ends & ~np.isfinite(before), here, before)
        behind = np.where(ends & ~np.isfinite(behind), here, behind)
    return before, behind


def _slopes(v: VertexView, position: int, farther: float = 1.0) -> tuple[Any, Any]:
    """Return derivatives of a result along a direction, on both sides of an operand."""
    x = np.asarray(unboxed(v.operands[position].value))
    direction = np.ones(x.shape)
    if not is_elementwise(v):
        direction = 1.0 + np.arange(x.size).reshape(x.shape) % 7  # no two alike nearby
        direction[(np.arange(x.size) % 2 == 1).reshape(x.shape)] *= -1.0
    direction = direction.astype(x.dtype)
    size = np.abs(x) if is_elementwise(v) else np.max(np.abs(x))
    step = farther * np.maximum(size * _UNITS, _SMALLEST) * direction
    return (
        slope_at(v, position, (x - step).astype(x.dtype), direction),
        slope_at(v, position, (x + step).astype(x.dtype), direction),
    )


def _on_boundary(reports: Reports, departure: Departure) -> None:
    """Report a comparison that was decided where both sides are equal."""
    is_order = departure.operation.startswith(("less", "greater"))
    if not is_order or len(departure.operands) != 2:
        return
    x, y = (np.asarray(unboxed(raw(a))) for a in departure.operands)
    if x.dtype.kind not in "fiu" or y.dtype.kind not in "fiu":
        return
    mask = where(np.asarray(x == y) * 1.0, lambda equal: equal == 1.0)
    known = next(
        (
            i
            for a in departure.operands
            if isinstance(a, vertex) and (i := reports.account.index_of(a)) is not None
        ),
        None,
    )
    if mask is None or known is None or departure.location is None:
        return
    entry = first(mask)
    text = departure.location.text or departure.operation
    reports.add_departure(
        "kink",
        departure,
        known,
        f"Both sides of {text} are equal here, at "
        f"{_entry_of(x, entry, mask.shape):.6g}: the derivative is that of the branch "
        "that was taken.",
        entry,
        remedy="Move the point, or use a smooth form of the branch.",
    )


def _entry_of(x: Any, entry: Entry, shape: tuple[int, ...]) -> float:
    own = own_entry(x, entry, shape)
    return float(x[own] if own else x.reshape(-1)[0])


__all__ = ["kinks"]
