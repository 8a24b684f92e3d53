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
from chainrule.explainer.diagnosis.entries import (
    first,
    is_elementwise,
    numbers,
    slope_at,
)
from chainrule.explainer.diagnosis.reports import Reports, magnitude
from chainrule.operations_grad.arithmetic import addition_grad, subtraction_grad

SATURATED = 1e-12
"""A derivative below this, of a result that changes relatively by less than this share
of its operand's change, is reported."""

_BESIDE = 0.01
"""How far beside a point, relative to it, a saturated function is flat as well."""

SUMS = (addition_grad, subtraction_grad)

_NAMED = 4
"""So many of the operations that send to a value are named."""

LOOP, RATIO = 8, 1e10
"""Loops of so many steps in which a cotangent changes by so much are reported."""


_SATURATED = (
    "Where it is flat because it is saturated, scale what comes in, or use a form that "
    "keeps small differences, such as a logarithm."
)


_CLOSED = (
    "Nothing flows back through it here: start elsewhere, or use a form that leaves a "
    "slope, such as np.where(x > 0, x, 0.01 * x) for np.maximum(x, 0)."
)
_BRANCH = (
    "Give that branch a value that depends on it, such as a few terms of the series of "
    "what the other branch returns."
)
_SMOOTH = "Use a smooth function in its place, or differentiate in another input."
_COMPARISONS = ("less", "greater", "equal", "not_equal")
_STATIONARY = "The point is stationary there: start elsewhere."


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
        known = account.result in reach and (
            _report_end(reports, reach) or _report_balance(reports, reach)
        )
        if not known:
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


def _report_balance(reports: Reports, reach: set[int]) -> bool:
    """Report the youngest value at which what flows in from several sides adds to 0."""
    account = reports.account
    for index in sorted(reach, reverse=True):
        parts = [c for c in reports.contributions if c.target == index]
        sent = [c for c in parts if magnitude(c.amount)]
        total = reports.incoming.get(index, account.totals.get(index))
        if len(sent) < 2 or magnitude(total):
            continue
        v = account.vertices[index]
        names = dict.fromkeys(account.vertices[c.source].name for c in sent)
        sources = ", ".join([*names][:_NAMED])
        reports.add(
            "zero",
            v,
            f"What flows to {v.name} from {sources} adds up to 0.",
            values={v.name: v.value},
            remedy=_STATIONARY,
            in_derivative=True,
        )
        return True
    return False


def _report_zero(
    reports: Reports, v: VertexView, i: int, c: Contribution | None
) -> None:
    if reports.knows("kink", v):  # which says what its rule takes
        return
    x = reports.account.written(v.operands[i])
    if c is None:
        message = f"{v.name} does not take {x} here, so nothing flows to it."
    else:
        value = numbers(v.operands[i].value)
        single = value is not None and value.size == 1
        here = f" at {x} = {short(v.operands[i].value)}" if single else " here"
        formula = "" if " = " in c.formula else f", {c.formula},"
        message = f"The derivative of {v.name} in {x}{formula} is zero{here}."
    advice = _STATIONARY if c is not None else _CLOSED
    if is_elementwise(v) and len(v.operands) == 1 and not v.rule.structural:
        value = numbers(v.operands[0].value)
        if value is not None and np.all(_is_flat_around(v, value)):
            advice = _SATURATED
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
        advice = _SMOOTH
        if d.operation == "value":
            what = "a plain value was taken, and what is made of it has no derivative"
        elif d.operation.startswith(_COMPARISONS) and np.ndim(d.result) == 0:
            what = f"{d.operation} is locally constant, and so is the branch it chose"
            advice = _BRANCH
        message = f"{v.name} reaches the result by a plain value: {what}."
        reports.add_departure("zero", d, v.index, message, remedy=advice)
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
        if flat.any() and np.any(flat := flat & _is_flat_around(v, x)):
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

    for index in reports.account.inputs:
        _absorbed(reports, index)


def _is_flat_around(v: VertexView, x: Any) -> Any:
    """Tell where a function of one operand is flat beside the point too.

    At a minimum or a maximum it is not.
    """
    ones = np.ones_like(x)
    away = np.where(x == 0, 1.0, x)
    beside = [slope_at(v, 0, x + h * away, ones) for h in (-_BESIDE, _BESIDE)]
    return np.logical_and(*(np.abs(slope) < 1e3 * SATURATED for slope in beside))


def _absorbed(reports: Reports, index: int) -> None:
    """Report an input that is lost in a sum with something that is far larger."""
    account = reports.account
    x, total = numbers(account.vertices[index].value), account.totals.get(index)
    if x is None or total is None or not 0 < magnitude(total) < SATURATED:
        return
    if magnitude(x * total) > SATURATED * magnitude(account.returned):
        return
    for c in reports.way(index):
        v = account.vertices[c.source]
        gone, whole = (numbers(a) for a in (v.operands[c.position].value, v.value))
        if v.rule not in SUMS or gone is None or whole is None:
            continue
        mask = (np.abs(gone) < np.finfo(float).eps * np.abs(whole)) & (gone != 0)
        if mask.any():
            reports.add(
                "vanishing",
                v,
                f"{account.written(v.operands[c.position])} is so small beside the "
                f"other operand that {v.name} does not change by it: the derivative of "
                f"the result in {account.vertices[index].name} is {short(total)}.",
                operand=c.position,
                entry=first(mask),
                remedy=_SATURATED,
                in_derivative=True,
            )
            return


def loops(reports: Reports) -> None:
    """Report loops in which a cotangent fades or grows from step to step.

    Of a first derivative, what it computes for the steps of the loop.
    """
    groups: dict[Any, list[VertexView]] = collections.defaultdict(list)
    placed = [(v, v.location) for v in reports.account.vertices if v.location]
    order = max((location.derived for _, location in placed), default=0)
    if order > 1:
        return
    for v, location in placed:
        counts = location.derived == order and v.repeats >= LOOP
        if counts and v.index in reports.incoming:
            groups[location].append(v)
    changes = [c for vs in groups.values() if (c := _change(reports, vs, order))]
    seen: set[str] = set()
    for rate, steps, v in sorted(changes, key=lambda found: -abs(found[0])):
        kind = "exploding" if rate > 0 else "vanishing"
        if kind in seen:
            continue
        seen.add(kind)
        word = "grows" if rate > 0 else "shrinks"
        reports.add(
            kind,
            v,
            f"In {steps} steps the gradient {word} by a factor of about "
            f"{math.exp(rate):.3g} each.",
            operand=_moving(reports, v),
            remedy="Rescale the steps so that their factors are near 1, normalise the "
            "state, or clip the gradient.",
            in_derivative=True,
        )


def _change(
    reports: Reports, group: Sequence[VertexView], order: int
) -> tuple[float, int, VertexView] | None:
    """Return the logarithm of a loop's factor, its steps, and where it is seen first.

    Executions that do not depend on each other, such as those of examples, are one
    step, of which the largest counts.
    """
    flows = [v.value if order else reports.incoming[v.index] for v in group]
    sizes = [magnitude(x) for x in flows]
    finite = [
        (v, math.log(s)) for v, s in zip(group, sizes, strict=True) if 0 < s < math.inf
    ]
    logs = [log for _, log in finite]
    if len(logs) < LOOP or max(logs) - min(logs) < math.log(RATIO):
        return None
    depths = _depths(reports.account.vertices, group)
    steps: dict[int, tuple[VertexView, float]] = {}
    for v, log in finite:
        step = depths[v.index]
        if step not in steps or log > steps[step][1]:
            steps[step] = v, log
    known = [steps[step] for step in sorted(steps)]
    if len(known) < LOOP:
        return None
    # The sweep runs from the last execution to the first, a derivative's program not.
    whole = known[0][1] - known[-1][1]
    half = known[len(known) // 2][1]
    even = 0.25 < (known[0][1] - half) / whole < 0.75 if whole else False
    if abs(whole) < math.log(RATIO) or not even:
        return None
    own = [math.log(f) for v, _ in known for f in _own_factors(reports, v)]
    if own and abs(math.fsum(own)) < 0.5 * abs(whole):
        return None  # another operation of the loop makes the factor
    rate = (-whole if order else whole) / (len(known) - 1)
    return rate, len(known), known[-1][0]


def _depths(
    vertices: Sequence[VertexView], group: Sequence[VertexView]
) -> dict[int, int]:
    """Return how many of a group each vertex was computed of, itself included."""
    members = {v.index for v in group}
    depths: dict[int, int] = {}
    for v in vertices[group[0].index :]:
        known = [depths[x.index] for x in v.operands if x.index in depths]
        depth = max(known, default=0) + (v.index in members)
        if depth:
            depths[v.index] = depth
    return depths


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
