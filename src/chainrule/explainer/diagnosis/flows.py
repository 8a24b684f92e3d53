"""Where a derivative ends, fades or grows: zeros, saturation, loops."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.explainer.account.brief import short
from chainrule.explainer.account.sweep import Contribution
from chainrule.explainer.account.views import VertexView
from chainrule.explainer.diagnosis.entries import first, is_elementwise, numbers
from chainrule.explainer.diagnosis.reports import Reports, magnitude

SATURATED = 1e-12
"""A derivative below this, of a result that changes relatively by less than this share
of its operand's change, is reported."""

LOOP, RATIO = 8, 1e10
"""Loops of so many steps in which a cotangent changes by so much are reported."""


_SATURATED = (
    "Where it is flat because it is saturated, scale what comes in, or use a form that "
    "keeps small differences, such as a logarithm."
)


def zeros(reports: Reports) -> None:
    """Report inputs whose derivative is zero in every entry, and why."""
    account = reports.account
    if account.error is not None:
        return
    for index in account.inputs:
        v = account.vertices[index]
        total = account.totals.get(index)
        array = numbers(v.value)
        if array is None or not array.size or (total is not None and magnitude(total)):
            continue
        reach = _reached_from(reports, index)
        if not (account.result in reach and _report_end(reports, reach)):
            _report_unused(reports, v, reach)


def _reached_from(reports: Reports, index: int) -> set[int]:
    """Return what was computed from a vertex, and that itself."""
    reach = {index}
    for v in reports.account.vertices[index + 1 :]:
        if any(x.index in reach for x in v.operands):
            reach.add(v.index)
    return reach


def _report_end(reports: Reports, reach: set[int]) -> bool:
    """Report the operations at which what flows to an input ends."""
    known = False
    for step in reports.account.steps:
        v = reports.account.vertices[step.vertex]
        if v.index not in reach or not magnitude(step.incoming):
            continue
        sent = {c.position: c for c in step.contributions}
        for i, x in enumerate(v.operands):
            if x.index not in reach:
                continue
            c = sent.get(i)
            if c is None or not magnitude(c.amount):
                _report_zero(reports, v, i, c)
                known = True
    return known


def _report_zero(
    reports: Reports, v: VertexView, i: int, c: Contribution | None
) -> None:
    x = reports.account.written(v.operands[i])
    if c is None:
        message = f"{v.name} does not take {x} here, so nothing flows to it."
    else:
        value = numbers(v.operands[i].value)
        single = value is not None and value.size == 1
        here = f" at {x} = {short(v.operands[i].value)}" if single else " here"
        message = f"The derivative of {v.name} in {x}, {c.formula}, is zero{here}."
    advice = _SATURATED if is_elementwise(v) and len(v.operands) == 1 else ""
    reports.add("zero", v, message, operand=i, remedy=advice, in_derivative=True)


def _report_unused(reports: Reports, v: VertexView, reach: set[int]) -> None:
    """Report an input that the result does not depend on, and what was taken of it."""
    account = reports.account
    taken = [
        d
        for d in account.departures
        if any(account.index_of(x) in reach for x in d.operands)
    ]
    named = [d for d in taken if d.operation != "value"]
    for d in (named or taken)[:1]:
        what = f"{d.operation} is locally constant, so it has no derivative"
        if d.operation == "value":
            what = "a plain value was taken, and what is made of it has no derivative"
        reports.add_departure(
            "zero", d, v.index, f"{v.name} reaches the result by a plain value: {what}."
        )
        return
    used = "but the result is not made of that" if len(reach) > 1 else "by nothing"
    message = f"The result does not depend on {v.name}, which is used {used}."
    if len(reach) > 1:
        last = account.vertices[max(reach)]
        message = f"{last.expression} is computed of {v.name}, {used}."
    reports.add("zero", v, message, values={v.name: v.value}, in_derivative=True)


def saturation(reports: Reports) -> None:
    """Report operations of one operand whose derivative is rounding, or nearly zero."""
    for c in reports.contributions:
        v = reports.account.vertices[c.source]
        if not is_elementwise(v) or len(v.operands) != 1:
            continue
        z, x = numbers(v.value), numbers(v.operands[0].value)
        partial = numbers(c.partial)
        incoming = numbers(reports.incoming.get(v.index))
        if z is None or x is None or partial is None or incoming is None:
            continue
        with np.errstate(all="ignore"):
            change = np.abs(x * partial / z)
        flat = (change < SATURATED) & (np.abs(partial) < SATURATED)
        flat = flat & (partial != 0) & (x != 0) & (incoming != 0)
        if flat.any():
            name = reports.account.written(v.operands[0])
            entry = first(flat)
            reports.add(
                "vanishing",
                v,
                f"{v.name} is saturated: its derivative in {name}, {c.formula}, is "
                f"{short(np.broadcast_to(partial, z.shape)[entry])}.",
                operand=0,
                entry=entry,
                remedy=_SATURATED,
                in_derivative=True,
            )


def loops(reports: Reports) -> None:
    """Report loops in which a cotangent fades or grows from step to step."""
    groups: dict[Any, list[VertexView]] = collections.defaultdict(list)
    for v in reports.account.vertices:
        if v.location is not None and v.repeats >= LOOP and v.index in reports.incoming:
            groups[v.location].append(v)
    changes = [found for vs in groups.values() if (found := _change(reports, vs))]
    seen: set[str] = set()
    for rate, v in sorted(changes, key=lambda found: -abs(found[0])):
        kind = "exploding" if rate > 0 else "vanishing"
        if kind in seen:
            continue
        seen.add(kind)
        word = "grows" if rate > 0 else "shrinks"
        reports.add(
            kind,
            v,
            f"In {v.repeats} executions the gradient {word} by a factor of about "
            f"{math.exp(rate):.3g} each.",
            operand=_moving(reports, v),
            remedy="Rescale the steps so that their factors are near 1, normalise the "
            "state, or clip the gradient.",
            in_derivative=True,
        )


def _change(
    reports: Reports, group: Sequence[VertexView]
) -> tuple[float, VertexView] | None:
    """Return the logarithm of a loop's factor per step, and where it is seen first."""
    sizes = [(v, magnitude(reports.incoming[v.index])) for v in group]
    known = [(v, math.log(s)) for v, s in sizes if 0 < s < math.inf]
    if len(known) < LOOP:
        return None
    # The sweep runs from the last execution to the first.
    whole = known[0][1] - known[-1][1]
    half = known[len(known) // 2][1]
    even = 0.25 < (known[0][1] - half) / whole < 0.75 if whole else False
    if abs(whole) < math.log(RATIO) or not even:
        return None
    own = [math.log(f) for v, _ in known for f in _own_factors(reports, v)]
    if own and abs(math.fsum(own)) < 0.5 * abs(whole):
        return None  # another operation of the loop makes the factor
    return whole / (len(known) - 1), known[-1][0]


def _own_factors(reports: Reports, v: VertexView) -> Iterator[float]:
    """Yield the largest local derivative of an operation, if it is a number."""
    partials = [
        magnitude(c.partial)
        for c in reports.contributions_of(v.index)
        if c.partial is not None
    ]
    largest = max(partials, default=0.0)
    if 0 < largest < math.inf:
        yield largest


def _moving(reports: Reports, v: VertexView) -> int | None:
    return next((c.position for c in reports.contributions_of(v.index)), None)


__all__ = ["loops", "saturation", "zeros"]
