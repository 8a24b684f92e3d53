"""Where digits are lost: differences of nearly equal numbers, and what is absorbed.

The relative error of an operand grows by the condition number ``|x dz/dx / z|``
(Higham, *Accuracy and Stability of Numerical Algorithms*, section 1.6).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.explainer.account.sweep import Contribution
from chainrule.explainer.account.views import VertexView
from chainrule.explainer.diagnosis.entries import (
    first,
    is_elementwise,
    is_rounded,
    numbers,
)
from chainrule.explainer.diagnosis.reports import Reports
from chainrule.operations_grad.arithmetic import addition_grad, subtraction_grad
from chainrule.rules import linear, multilinear

CONDITION = 1e8
"""Above this condition number half of the digits of a float64 are lost."""

_NOTHING = 1e14
"""Sums with more than this are zero but for rounding: they are meant to be."""


def lost_digits(reports: Reports) -> None:
    """Report operations that lose half of the digits of what was computed before."""
    for c in reports.contributions:
        v = reports.account.vertices[c.source]
        if is_elementwise(v):
            _in_elementwise(reports, c, v)
        elif _is_sum(v):
            _in_sum(reports, c, v)


def _is_sum(v: VertexView) -> bool:
    """Tell whether a result is sums of products of entries, with positive weights."""
    rule: Any = v.rule
    if not isinstance(rule, type) or getattr(rule, "moves", False):
        return False
    if issubclass(rule, multilinear):
        return True
    return issubclass(rule, linear) and rule.nonnegative


def _in_elementwise(reports: Reports, c: Contribution, v: VertexView) -> None:
    z, partial = numbers(v.value), numbers(c.partial)
    x = numbers(v.operands[c.position].value)
    if z is None or x is None or partial is None:
        return
    with np.errstate(all="ignore"):
        condition = np.abs(np.broadcast_to(x * partial, z.shape) / z)
        absorbed = (z == 0) & (x * partial != 0)
    exact = not is_rounded(reports.account, c.target)
    if np.any(absorbed):
        _absorption(reports, reports.account.vertices[c.target])
    lost = np.isfinite(condition) & (condition > CONDITION)
    if exact or not lost.any():
        return
    entry = first(lost & (condition == np.max(condition[lost])))
    if _absorption(reports, reports.account.vertices[c.target]):
        return
    reports.add(
        "cancellation",
        v,
        _message(v, float(condition[entry])),
        operand=c.position,
        entry=entry,
        remedy=_DIFFERENCE,
    )


def _message(v: VertexView, condition: float) -> str:
    digits = round(float(np.log10(condition)))
    return (
        f"{v.name} is {condition:.0e} times as sensitive to rounding errors as its "
        f"operand: {min(digits, 16)} of 16 digits are lost."
    )


def _in_sum(reports: Reports, c: Contribution, v: VertexView) -> None:
    """Report a sum whose terms cancel: ``|sum x| << sum |x|``."""
    if not is_rounded(reports.account, c.target):
        return
    z = numbers(v.value)
    absolute: list[Any] = [
        x if (a := numbers(x)) is None else np.abs(a)
        for x in (o.value for o in v.operands)
    ]
    try:
        whole = np.asarray(v.rule.forward(*absolute, **v.parameters))
    except Exception:  # a sum in a form that is not known here
        return
    if z is None or whole.shape != z.shape:
        return
    with np.errstate(all="ignore"):
        condition = whole / np.abs(z)
    lost = (condition > CONDITION) & (condition < _NOTHING)
    if lost.any():
        entry = first(lost)
        reports.add(
            "cancellation",
            v,
            _message(v, float(condition[entry])),
            operand=c.position,
            remedy=_SUM,
        )


def _absorption(reports: Reports, u: VertexView) -> bool:
    """Report a sum that is the larger of its operands, the smaller being no zero."""
    if u.rule not in (addition_grad, subtraction_grad):
        return False
    z, x, y = (numbers(a) for a in (u.value, *(o.value for o in u.operands)))
    if z is None or x is None or y is None:
        return False
    for i, (kept, gone) in enumerate(((y, x), (x, y))):
        mask = (np.abs(z) == np.abs(kept)) & (gone != 0) & (kept != 0)
        mask &= u.operands[i].index is not None
        if np.any(mask):
            gone_name = reports.account.written(u.operands[i])
            reports.add(
                "cancellation",
                u,
                f"{gone_name} is so small beside the other operand that {u.name} does "
                "not change by it.",
                operand=i,
                entry=first(np.broadcast_to(mask, z.shape)),
                remedy=_ABSORBED,
            )
            return True
    return False


_ABSORBED = (
    "Write what is made of it without the large part: np.log1p(x) for np.log(1 + x), "
    "np.expm1(x) for np.exp(x) - 1."
)
_DIFFERENCE = (
    "Write it in a form without the difference of nearly equal numbers: np.log1p(x) "
    "for np.log(1 + x), np.expm1(x) for np.exp(x) - 1, 2 * np.sin(x / 2)**2 for "
    "1 - np.cos(x), (x - y) * (x + y) for x**2 - y**2, np.var for the mean of squares "
    "less the squared mean. A periodic function wants a reduced argument."
)
_SUM = "Terms of both signs cancel: sum those of a form that has one sign."

__all__ = ["lost_digits"]
