"""Where digits are lost: differences of nearly equal numbers, and what is absorbed.

The relative error of an operand grows by the condition number ``|x dz/dx / z|``
(Higham, *Accuracy and Stability of Numerical Algorithms*, section 1.6).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.explainer.account.derivatives import partial_value
from chainrule.explainer.account.sweep import Contribution
from chainrule.explainer.account.views import VertexView
from chainrule.explainer.diagnosis.entries import (
    first,
    is_elementwise,
    is_rounded,
    numbers,
)
from chainrule.explainer.diagnosis.reports import Reports, magnitude
from chainrule.operations_grad.arithmetic import addition_grad, subtraction_grad
from chainrule.rules import linear, multilinear

DIGITS = 1e4
"""By so much the result must be less exact than its numbers: harmless is less."""

_NOTHING = 0.01
"""Sums with more than this over the rounding error are zero: they are meant to be."""


def condition_of(x: Any) -> float:
    """Return the condition number above which half of the digits are lost: 1e8.

    That is of float64; it is 4e3 of float32.
    """
    return 1.5 / float(np.sqrt(np.finfo(x.dtype).eps))


def lost_digits(reports: Reports) -> None:
    """Report operations that lose half of the digits of what was computed before."""
    for c in reports.contributions:
        v = reports.account.vertices[c.source]
        if is_elementwise(v):
            _in_elementwise(reports, c, v)
        elif _is_sum(v):
            _in_sum(reports, c, v)
        else:
            _in_others(reports, c, v)


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
    lost = np.isfinite(condition) & (condition > condition_of(z))
    if exact or not lost.any() or not _matters(reports, v, x * partial, lost):
        return
    entry = first(lost & (condition == np.max(condition[lost])))
    if _absorption(reports, reports.account.vertices[c.target]):
        return
    reports.add(
        "cancellation",
        v,
        _message(v, float(condition[entry]), z),
        operand=c.position,
        entry=entry,
        remedy=_OF_FUNCTIONS.get(v.operation, _DIFFERENCE),
    )


def _matters(reports: Reports, v: VertexView, size: Any, lost: Any) -> bool:
    """Tell whether rounding errors of numbers of this size are seen in the result.

    A difference of nearly equal numbers that is added to something larger is harmless.
    """
    z_grad = numbers(reports.incoming.get(v.index))
    if z_grad is None:
        return True
    with np.errstate(all="ignore"):
        seen = np.where(lost, np.abs(z_grad * size), 0.0)
    return not magnitude(seen) < DIGITS * reports.size


def _message(v: VertexView, condition: float, z: Any) -> str:
    most = round(-float(np.log10(np.finfo(z.dtype).eps)))
    digits = min(round(float(np.log10(condition))), most)
    return (
        f"{v.name} is {condition:.0e} times as sensitive to rounding errors as its "
        f"operand: {digits} of {most} digits are lost."
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
    lost = (condition > condition_of(z)) & (condition < _nothing(z))
    if lost.any() and _matters(reports, v, whole, lost):
        entry = first(lost)
        reports.add(
            "cancellation",
            v,
            _message(v, float(condition[entry]), z),
            operand=c.position,
            remedy=_SUM,
        )


def _in_others(reports: Reports, c: Contribution, v: VertexView) -> None:
    """Report a variance, a determinant, a solution of equations, ... that cancels.

    Of its condition number a lower bound is known, ``sum |x x_grad| / sum |z z_grad|``:
    by how much changes of its operand's entries change what is made of it.
    """
    if getattr(v.rule, "moves", False) or not is_rounded(reports.account, c.target):
        return
    z, x = numbers(v.value), numbers(v.operands[c.position].value)
    z_grad, x_grad = numbers(reports.incoming.get(v.index)), numbers(c.amount)
    if z is None or x is None or z_grad is None or x_grad is None:
        return
    if x_grad.shape != x.shape or z_grad.shape != z.shape:
        return
    with np.errstate(all="ignore"):
        whole, made = np.sum(np.abs(x * x_grad)), np.sum(np.abs(z * z_grad))
        condition = float(whole / made)
    seen = float(whole) >= DIGITS * reports.size
    if condition_of(z) < condition < _nothing(z) and seen:
        message = _message(v, condition, z)
        reports.add("cancellation", v, message, operand=c.position, remedy=_CENTRED)


def _nothing(z: Any) -> float:
    return _NOTHING / float(np.finfo(z.dtype).eps)


def _absorption(reports: Reports, u: VertexView) -> bool:
    """Report a sum that is the larger of its operands, the smaller being no zero.

    And a function that does not change by its operand, as ``cos`` near 0.
    """
    if u.rule not in (addition_grad, subtraction_grad):
        return _is_flat(reports, u)
    z, x, y = (numbers(a) for a in (u.value, *(o.value for o in u.operands)))
    if z is None or x is None or y is None:
        return False
    turned = -y if u.rule is subtraction_grad else y
    for i, (kept, gone) in enumerate(((turned, x), (x, y))):
        mask = (z == kept) & (gone != 0) & (kept != 0) & np.isfinite(kept)
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


def _is_flat(reports: Reports, u: VertexView) -> bool:
    """Report a function of one operand whose changes are lost in rounding."""
    if not is_elementwise(u) or len(u.operands) != 1 or u.rule.structural:
        return False
    z, x, partial = (
        numbers(a) for a in (u.value, u.operands[0].value, partial_value(u, 0))
    )
    if z is None or x is None or partial is None:
        return False
    with np.errstate(all="ignore"):
        change = np.abs(x * partial / z)
    mask = (change > 0) & (change < np.finfo(z.dtype).eps / 2) & (x != 0)
    if not mask.any():
        return False
    name = reports.account.written(u.operands[0])
    reports.add(
        "cancellation",
        u,
        f"{name} is so near to 0 that {u.name} does not change by it, and what is made "
        "of the difference is rounding.",
        operand=0,
        entry=first(np.broadcast_to(mask, z.shape)),
        remedy=_DIFFERENCE,
    )
    return True


_ABSORBED = (
    "Write what is made of it without the large part: np.log1p(x) for np.log(1 + x), "
    "np.expm1(x) for np.exp(x) - 1."
)
_DIFFERENCE = (
    "Write it in a form without the difference of nearly equal numbers: np.log1p(x) "
    "for np.log(1 + x), np.expm1(x) for np.exp(x) - 1, 2 * np.sin(x / 2)**2 for "
    "1 - np.cos(x), (x - y) * (x + y) for x**2 - y**2, (x**2 - y) / (x + np.sqrt(y)) "
    "for x - np.sqrt(y), np.var for the mean of squares less the squared mean; or its "
    "series."
)
_ANGLE = (
    "An angle near 0 or pi cannot be told from its cosine, nor one near pi / 2 from "
    "its sine: take np.arctan2 of both."
)
_PERIODIC = (
    "Reduce the argument of a periodic function before it is large: its rounding error "
    "is one of the angle."
)
_OF_FUNCTIONS = {
    **dict.fromkeys(("arccos", "arcsin"), _ANGLE),
    **dict.fromkeys(("sin", "cos", "tan"), _PERIODIC),
}
_CENTRED = (
    "Compute it of numbers that are not nearly equal, or nearly dependent: subtract "
    "what they have in common first, rescale them, or add a small regularisation."
)
_SUM = "Terms of both signs cancel: sum those of a form that has one sign."

__all__ = ["lost_digits"]
