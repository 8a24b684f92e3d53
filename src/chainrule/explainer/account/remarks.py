"""Where a zero, an infinity or a nan was born, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.explainer.account.brief import short
from chainrule.nodes.admission import is_inexact
from chainrule.rules import elementwise

if TYPE_CHECKING:
    from chainrule.explainer.account.account import Explanation
    from chainrule.explainer.account.views import Contribution, Step, VertexView


@dataclass
class Remark:
    """Where a zero, an infinity or a nan was born, and what to do about it."""

    vertex: int
    kind: str
    message: str
    in_sweep: bool = False
    """Whether it was born in the sweep, not in the function."""


def remarks_on(explained: Explanation) -> list[Remark]:
    """Return the remarks on the recording, then those on the sweep.

    What a derivative's own rule leaves out (its ``where``) is no remark.
    """
    found: list[Remark] = []
    for v in explained.vertices:
        if v.rule is not None:
            found += _on_value(v)
    values = len(found)
    for step in explained.steps:
        for c in step.contributions:
            found += _on_contribution(explained, step, c)
        if explained.mode == "reverse":
            found += _on_absent(explained, step)
    for remark in found[values:]:
        remark.in_sweep = True
    spots = [explained.vertices[r.vertex].place for r in found]
    return [
        remark
        for remark, spot in zip(found, spots, strict=True)
        if remark.kind != "zero" or spot is None or not spot.derived
    ]


def _on_value(v: VertexView) -> Iterator[Remark]:
    if has_nan(v.value):
        if not any(has_nan(x.value) for x in v.operands):
            yield Remark(v.index, "nan", f"{v.name} is nan. {remedy(v)}")
    elif has_inf(v.value) and not any(has_inf(x.value) for x in v.operands):
        yield Remark(v.index, "inf", f"{v.name} is infinite. {remedy(v)}")


def _on_contribution(
    explained: Explanation, step: Step, c: Contribution
) -> Iterator[Remark]:
    v, target = explained.vertices[c.source], explained.vertices[c.target].name
    sent = explained.totals[c.target] if explained.mode == "forward" else step.incoming
    if has_nan(c.amount):
        known = any(has_nan(x.value) for x in (v, *v.operands))
        if not known and not has_nan(sent):
            what = f"What passes between {v.name} and {target} is nan"
            if c.partial is not None:
                what += f": {short(sent)} * {short(c.partial)}"
            yield Remark(c.source, "nan", f"{what}. {remedy(v)}")
    elif has_inf(c.partial):
        if not has_inf(v.value):
            message = f"The derivative of {v.name} in {target}, {c.formula},"
            yield Remark(c.source, "inf", f"{message} is infinite here. {remedy(v)}")
    elif c.partial is not None and _is_zero(c.partial) and not _is_zero(sent):
        message = f"The derivative of {v.name} in {target}, {c.formula}, is zero here"
        yield Remark(c.source, "zero", f"{message}: nothing flows on this way.")


def _on_absent(explained: Explanation, step: Step) -> Iterator[Remark]:
    """Yield remarks on operands that an operation with branches passes nothing to."""
    v = explained.vertices[step.vertex]
    if not issubclass(v.rule, elementwise) or not v.rule.structural:
        return
    if _is_zero(step.incoming):
        return
    reached = {c.position for c in step.contributions}
    for i, x in enumerate(v.operands):
        if x.index is not None and i in v.rule.parts and i not in reached:
            target = explained.vertices[x.index].name
            yield Remark(
                v.index,
                "zero",
                f"{v.name} does not take {target} here: {v.operation} chose another "
                "value, so nothing flows on this way.",
            )


def has_nan(value: Any) -> bool:
    """Tell whether a value holds a nan."""
    if isinstance(value, float):
        return math.isnan(value)
    return is_inexact(value) and bool(np.isnan(value).any())


def has_inf(value: Any) -> bool:
    """Tell whether a value holds an infinity."""
    if isinstance(value, float):
        return math.isinf(value)
    return is_inexact(value) and bool(np.isinf(value).any())


def _is_zero(value: Any) -> bool:
    if isinstance(value, int | float):
        return value == 0
    return isinstance(value, np.ndarray | np.generic) and not value.any()


_UNIT = "It needs an argument between -1 and 1, and is steep at the ends: np.clip."
_REMEDIES = {
    "log": "log needs a positive argument: np.log(np.where(x > 0, x, 1.0)), or log1p.",
    "log2": "log2 needs a positive argument: np.log2(np.where(x > 0, x, 1.0)).",
    "log10": "log10 needs a positive argument: np.log10(np.where(x > 0, x, 1.0)).",
    "log1p": "log1p needs an argument above -1: guard it with np.where.",
    "divide": "The denominator is zero: guard it, np.where(y != 0, y, 1.0).",
    "reciprocal": "The denominator is zero: guard it, np.where(x != 0, x, 1.0).",
    "sqrt": "sqrt has no finite derivative at 0: np.sqrt(np.where(x > 0, x, 1.0)).",
    "power": "A power needs a positive base where the exponent is not an integer.",
    "exp": "exp overflows beyond 709: subtract the maximum first, or use logaddexp.",
    "multiply": "0 times infinity: guard the factor that is infinite with np.where.",
    "subtract": "Infinity minus infinity: guard what is infinite with np.where.",
    "arcsin": _UNIT,
    "arccos": _UNIT,
    "arctanh": _UNIT,
}


def remedy(v: VertexView) -> str:
    """Return what to do where an operation makes an infinity or a nan."""
    default = f"Look at what {v.operation} was given, and guard it with np.where."
    return _REMEDIES.get(v.operation, default)
