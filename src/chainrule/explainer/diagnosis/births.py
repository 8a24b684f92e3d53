"""Where a nan or an infinity was born: in a value, or in a derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.explainer.account.brief import short
from chainrule.explainer.account.derivatives import (
    operand_expression,
    partial_value,
)
from chainrule.explainer.account.remarks import MEND_FIRST, remedy_here
from chainrule.explainer.account.sweep import Contribution
from chainrule.explainer.account.views import VertexView
from chainrule.explainer.diagnosis.entries import (
    Mask,
    Predicate,
    at,
    first,
    is_elementwise,
    numbers,
    shape_of,
    where,
)
from chainrule.explainer.diagnosis.reports import Reports
from chainrule.operations_grad.partials import chosen_grad


def born_in_values(reports: Reports) -> None:
    """Report operations that are nan, or infinite, where no operand is.

    What a derivative does not take, ``np.where(x > 0, 1 / x, 0)``, is harmless.
    """
    account = reports.account
    ends = [account.returned, *(account.totals.get(i) for i in account.inputs)]
    if account.error is None and all(where(x, _unknown) is None for x in ends):
        return
    taken = account.error is not None or where(account.returned, _unknown) is not None
    for v in account.vertices:
        for kind in ("nan", "infinity"):
            holds: Predicate = np.isnan if kind == "nan" else np.isinf
            mask = None if v.rule is None else _born(v, holds)
            if mask is not None and not taken:
                mask = _in_slopes(reports, v, mask)
            if mask is not None:
                _report_value(reports, v, kind, mask)


def _in_slopes(reports: Reports, v: VertexView, mask: Mask) -> Mask | None:
    """Return where a value that the result does not take spoils what flows back."""
    for c in reports.contributions_of(v.index):
        amount = numbers(c.amount)
        if amount is None or amount.shape != mask.shape:
            return mask
        if (mask & _unknown(amount)).any():
            return mask & _unknown(amount)
    return None if is_elementwise(v) else mask


def _born(v: VertexView, holds: Predicate) -> Mask | None:
    """Return where an operation's result is what no operand that was computed is."""
    born = where(v.value, holds)
    for x in v.operands:
        before = None if x.index is None else where(x.value, holds)
        if born is None or before is None:
            continue
        if not is_elementwise(v):
            return None
        born = born & ~np.broadcast_to(before, born.shape)
    return born if born is not None and born.any() else None


_IN_LOGARITHMS = (
    "Keep to logarithms: add those of factors, and add exponentials by "
    "np.logaddexp.reduce or chainrule.scipy.special.logsumexp."
)
_IN_DATA = "Look for nan and inf in the data: np.isfinite, np.nan_to_num."
_NO_SLOPE = (
    "At a kink the first derivative is a convention, and the second does not exist: "
    "move the point, or use a smooth form."
)


def _report_value(reports: Reports, v: VertexView, kind: str, mask: Mask) -> None:
    entry = first(mask) if is_elementwise(v) else None
    shape = mask.shape
    guilty, why, advice = None, "", remedy_here(reports.account.vertices, v)
    for i, x in enumerate(v.operands):
        value = at(x.value, entry, shape)
        if x.index is None and where(value, _unknown) is not None:
            name = reports.account.written(x)
            why, advice = f" It is in a constant there, {name}.", _IN_DATA
            if v.location is None or v.location.derived:
                why, advice = " It is a slope that has no slope itself.", _NO_SLOPE
        if x.index is not None and guilty is None:
            guilty = i
        if np.ndim(value) == 0 and (value == 0 or np.isinf(value)):
            source = _underflown(reports, x.index) if value == 0 else None
            if source is not None:
                zero = reports.account.written(x)
                why = f" The 0 of {zero} is an underflow of {source.expression}."
            guilty = guilty if x.index is None else i
            advice = _undone(reports, v, x.index, source) or advice
            if x.index is not None and np.isinf(value):
                advice = MEND_FIRST.format(reports.account.written(x))
    name = v.name if not entry else f"{v.name}{list(entry)}"
    message = f"{name} is {'nan' if kind == 'nan' else 'infinite'}.{why}"
    reports.add(kind, v, message, operand=guilty, entry=entry, remedy=advice)


_LOGARITHM = "is its logarithm"
"""What the remedies of operations say whose logarithm has a function of its own."""


def _underflown(reports: Reports, index: int | None) -> VertexView | None:
    """Return the operation whose underflow a zero is, also by sums and products."""
    while index is not None:
        u = reports.account.vertices[index]
        if _underflows(u):
            return u
        zero = [x.index for x in u.operands if where(x.value, _is_zero) is not None]
        index = zero[0] if zero else None
    return None


def _underflows(u: VertexView) -> bool:
    """Tell whether a zero is an underflow: it is flat there, and no operand is zero."""
    if u.operation == "prod":
        return where(u.operands[0].value, _is_zero) is None
    if not is_elementwise(u) or u.rule.structural or len(u.operands) != 1:
        return False
    slope = numbers(partial_value(u, 0))
    flat = slope is not None and np.any((slope == 0) & (np.asarray(u.value) == 0))
    return bool(flat) and where(u.operands[0].value, _is_zero) is None


def _undone(
    reports: Reports, v: VertexView, index: int | None, source: VertexView | None
) -> str:
    """Return what to write for the logarithm of what is 0, or too large."""
    vertices = reports.account.vertices
    u = None if index is None else vertices[index]
    if u is None or not v.operation.startswith("log"):
        return ""
    if u.rule is not None and _LOGARITHM in u.rule.remedy:
        return remedy_here(vertices, u)
    if source is None or source.operation != "exp":
        return ""
    if (v.operation, u.operation) == ("log", "exp"):
        inside = operand_expression(vertices, u, 0)
        return f"The logarithm of an exponential is its argument: write {inside}."
    return _IN_LOGARITHMS


def born_in_slopes(reports: Reports) -> None:
    """Report local derivatives, and products with them, that are not finite."""
    for c in reports.contributions:
        v = reports.account.vertices[c.source]
        bad = _born_in_slope(v, c)
        incoming = reports.incoming.get(c.source)
        if bad is not None and where(incoming, _unknown) is None:
            _report_slope(reports, c, v, incoming, bad)


def _born_in_slope(v: VertexView, c: Contribution) -> Mask | None:
    """Return where what passes on is not finite, and was not born in the values."""
    bad = where(c.amount, _unknown)
    for x in (v.value, *(x.value for x in v.operands)):
        unknown = where(x, _unknown)
        if bad is None or unknown is None:
            continue
        if not is_elementwise(v) or unknown.shape != bad.shape:
            return None
        bad = bad & ~unknown
    return bad if bad is not None and bad.any() else None


def _report_slope(
    reports: Reports, c: Contribution, v: VertexView, z: Any, bad: Mask
) -> None:
    advice = remedy_here(reports.account.vertices, v)
    partial = numbers(c.partial)
    steep = None if partial is None else where(partial, _unknown)
    target = reports.account.vertices[c.target].name
    shape = shape_of(v.value)
    if steep is not None:
        steep = np.broadcast_to(steep, shape)
        here = steep & bad if bad.shape == shape else steep
        entry = first(here if here.any() else steep)
        g, slope = at(z, entry, shape), at(partial, entry, shape)
        name = f"the derivative of {v.name} in {target}, {c.formula},"
        kind = "nan" if g == 0 or np.isnan(slope) else "infinity"
        if g == 0:
            message = f"What comes in is 0, and {name} is {short(slope)}: 0 * inf."
        else:
            message = f"{name[0].upper()}{name[1:]} is {short(slope)} here."
        if v.rule is chosen_grad:
            message = f"{v.name} is the slope at a kink, which has no slope itself."
            advice = _NO_SLOPE
    else:
        entry, kind = None, "nan" if where(c.amount, np.isnan) is not None else ""
        kind = kind or "infinity"
        message = f"What passes from {v.name} to {target} is not finite."
    reports.add(
        kind,
        v,
        message,
        operand=c.position,
        entry=entry,
        remedy=advice,
        in_derivative=True,
    )


def _unknown(x: Any) -> Any:
    return ~np.isfinite(x)


def _is_zero(x: Any) -> Any:
    return np.asarray(x) == 0


__all__ = ["born_in_slopes", "born_in_values"]
