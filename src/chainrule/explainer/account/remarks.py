"""Where a zero, an infinity or a nan was born, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.explainer.account.brief import is_tuple, short
from chainrule.explainer.account.derivatives import operand_expression, operand_text
from chainrule.explainer.account.sweep import Contribution, SweepStep
from chainrule.explainer.account.views import VertexView
from chainrule.nodes.admission import is_inexact
from chainrule.rules import elementwise
from chainrule.values.foreign import first_foreign, is_foreign
from chainrule.values.types import Result

MEND_FIRST = "{} is infinite already: mend that first."
"""The remedy where an infinity has become a nan."""


@dataclass
class Remark:
    """Where a zero, an infinity or a nan was born, and what to do about it.

    ``kind`` is "zero", "inf", "nan", or "rounding" where numbers cancel but for their
    last digits; ``in_sweep`` tells whether it was born in the sweep, not in the
    function.
    """

    vertex: int
    kind: str
    message: str
    in_sweep: bool = False


class Remarks:
    """The remarks on one account: on the recording, then on the sweep."""

    def __init__(
        self,
        vertices: Sequence[VertexView],
        steps: Sequence[SweepStep],
        totals: Mapping[int, Result],
        mode: str,
    ) -> None:
        self.vertices = vertices
        self.steps = steps
        self.totals = totals
        self.mode = mode

    def all(self) -> list[Remark]:
        """Return the remarks; what a derivative's own rule leaves out is none."""
        on_values = [r for v in self.vertices if v.rule for r in self._on_value(v)]
        on_sweep = [r for step in self.steps for r in self._on_step(step)]
        on_sweep += self._on_sums()
        for remark in on_sweep:
            remark.in_sweep = True
        return [r for r in (*on_values, *on_sweep) if r.kind != "zero" or self._own(r)]

    def _own(self, remark: Remark) -> bool:
        """Tell whether a remark is on an operation that the program itself wrote."""
        location = self.vertices[remark.vertex].location
        return location is None or not location.derived

    def _on_step(self, step: SweepStep) -> Iterator[Remark]:
        for c in step.contributions:
            yield from self._on_contribution(step, c)
        if self.mode == "reverse":
            yield from self._on_absent(step)

    def _on_contribution(self, step: SweepStep, c: Contribution) -> Iterator[Remark]:
        v, target = self.vertices[c.source], self.vertices[c.target].name
        sent = self.totals[c.target] if self.mode == "forward" else step.incoming
        if has_nan(c.amount):
            known = any(has_nan(x.value) for x in (v, *v.operands))
            if not known and not has_nan(sent):
                what = f"What passes between {v.name} and {target} is nan"
                if c.partial is not None:
                    what += f": {short(sent)} * {short(c.partial)}"
                advice = remedy_here(self.vertices, v)
                if has_inf(sent) and not has_inf(c.partial):
                    sender = target if self.mode == "forward" else v.name
                    advice = MEND_FIRST.format(f"What reaches {sender}")
                yield Remark(c.source, "nan", f"{what}. {advice}")
        elif has_inf(c.partial):
            if not has_inf(v.value):
                what = f"The derivative of {v.name} in {target}, {c.formula},"
                yield Remark(
                    c.source,
                    "inf",
                    f"{what} is infinite here. {remedy_here(self.vertices, v)}",
                )
        elif c.partial is not None and _is_zero(c.partial) and not _is_zero(sent):
            what = f"The derivative of {v.name} in {target}, {c.formula}, is zero here"
            yield Remark(c.source, "zero", f"{what}: nothing flows on this way.")

    def _on_absent(self, step: SweepStep) -> Iterator[Remark]:
        """Yield remarks on operands that an operation did not choose."""
        v = self.vertices[step.vertex]
        rule = v.rule
        if rule is None or not issubclass(rule, elementwise) or not rule.structural:
            return
        if _is_zero(step.incoming):
            return
        reached = {c.position for c in step.contributions}
        for i, x in enumerate(v.operands):
            if x.index is not None and i in rule.parts and i not in reached:
                target = self.vertices[x.index].name
                yield Remark(
                    v.index,
                    "zero",
                    f"{v.name} does not take {target} here: {v.operation} chose "
                    "another value, so nothing flows on this way.",
                )

    def _on_value(self, v: VertexView) -> Iterator[Remark]:
        if has_nan(v.value):
            if not any(has_nan(x.value) for x in v.operands):
                infinite = [x for x in v.operands if x.index is not None]
                infinite = [x for x in infinite if has_inf(x.value)]
                advice = remedy_here(self.vertices, v)
                if infinite:
                    name = operand_text(self.vertices, infinite[0])
                    advice = MEND_FIRST.format(name)
                yield Remark(v.index, "nan", f"{v.name} is nan. {advice}")
        elif has_inf(v.value):
            if not any(has_inf(x.value) for x in v.operands):
                yield Remark(
                    v.index,
                    "inf",
                    f"{v.name} is infinite. {remedy_here(self.vertices, v)}",
                )
        elif v.operation in ("add", "subtract") and _is_rounding(
            v.value, [x.value for x in v.operands]
        ):
            what = f"The two sides of {v.name} cancel: {short(v.value)} is what"
            yield Remark(v.index, "rounding", f"{what} rounding leaves of 0.")

    def _on_sums(self) -> Iterator[Remark]:
        """Yield remarks on inputs to whose gradients the contributions cancel."""
        if self.mode == "forward":
            return
        parts: dict[int, list[Result]] = {}
        for step in self.steps:
            for c in step.contributions:
                parts.setdefault(c.target, []).append(c.amount)
        for i, amounts in parts.items():
            known = self.vertices[i].rule is None and len(amounts) > 1
            if known and _is_rounding(self.totals.get(i), amounts):
                what = f"The contributions to {self.vertices[i].name} cancel: "
                what += f"{short(self.totals[i])} is what rounding leaves of 0."
                yield Remark(i, "rounding", what)


def has_nan(value: Result | None) -> bool:
    """Tell whether a value holds a nan."""
    if isinstance(value, float):
        return math.isnan(value)
    known = value is not None and is_inexact(value) and not is_foreign(value)
    return known and bool(np.isnan(np.asarray(value)).any())


def has_inf(value: Result | None) -> bool:
    """Tell whether a value holds an infinity."""
    if isinstance(value, float):
        return math.isinf(value)
    known = value is not None and is_inexact(value) and not is_foreign(value)
    return known and bool(np.isinf(np.asarray(value)).any())


def _is_zero(value: Result | None) -> bool:
    if isinstance(value, int | float):
        return value == 0
    return isinstance(value, np.ndarray | np.generic) and not value.any()


def _is_rounding(total: Result | None, parts: Sequence[Any]) -> bool:
    """Tell whether a sum is smaller than the rounding of its parts, and not zero."""
    if total is None or is_tuple(total) or not is_inexact(total):
        return False
    if first_foreign((total, *parts)) is not None:  # their entries are not asked for
        return False
    size = np.abs(np.asarray(total))
    if not size.any() or not np.isfinite(size).all():
        return False
    rounding = np.finfo(size.dtype).eps * sum(np.abs(np.asarray(x)) for x in parts)
    return bool(((size > 0) & (size <= rounding)).any())


def remedy(v: VertexView, operands: Sequence[str]) -> str:
    """Return an operation's remedy, with what its operands are called."""
    text = v.rule.remedy if v.rule else ""
    if not text:
        return f"Look at what {v.operation} was given, and guard it with np.where."
    for name, given in zip(v.rule.operand_names, operands, strict=False):
        text = text.replace(f"{{{name}}}", given)
    return text


def remedy_here(vertices: Sequence[VertexView], v: VertexView) -> str:
    """Return an operation's remedy, with what the program calls its operands.

    In a derivative it is that of the operation that the program wrote, if that has one.
    """
    if v.location is not None and v.location.derived:
        place = v.location.filename, v.location.span
        for u in vertices[: v.index]:
            if u.location is None or u.location.derived or not u.rule.remedy:
                continue
            if (u.location.filename, u.location.span) == place:
                return remedy_here(vertices, u)
    operands = range(len(v.operands))
    return remedy(v, [operand_expression(vertices, v, i) for i in operands])
