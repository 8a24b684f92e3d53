"""Diagnosing a call: it is watched, swept, and looked through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.explainer.account.account import Account
from chainrule.explainer.diagnosis.births import born_in_slopes, born_in_values
from chainrule.explainer.diagnosis.finding import Diagnosis
from chainrule.explainer.diagnosis.flows import loops, saturation, zeros
from chainrule.explainer.diagnosis.kinks import kinks
from chainrule.explainer.diagnosis.losses import lost_digits
from chainrule.explainer.diagnosis.reports import Reports, magnitude
from chainrule.explainer.watching.reading import nodes_in
from chainrule.explainer.watching.run import Run
from chainrule.explainer.watching.watch import watch
from chainrule.transforms.matrices import distinct_weights
from chainrule.values.vertices import raw


def diagnose_call(
    f: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]
) -> Diagnosis:
    """Run a function once, watched, and report what its derivative suffers from."""
    title = getattr(f, "__name__", type(f).__name__)
    run = watch(f, args, keywords)
    size, count = 0.0, len(run.recorded)
    if run.error is None:
        size = max((magnitude(z._value) for z in nodes_in(run.result)), default=0.0)
        run.result = _total(run)
    with np.errstate(all="ignore"):
        account = Account(run, title=title)
        added = {account.index_of(z) for z in run.recorded[count:]}
        reports = Reports(account, size, added)
        born_in_values(reports)
        born_in_slopes(reports)
        lost_digits(reports)
        loops(reports)
        own = not run.differentiates  # the zeros of a derivative are no fault
        if own:
            saturation(reports)
        kinks(reports, of_derivative=not own)
        if own:
            zeros(reports)
    operations = sum(v.rule is not None for v in account.vertices) - len(added)
    return Diagnosis(title, reports.all(), operations, run.error)


def _total(run: Run) -> Any:
    """Return a sum of all results, with weights by which they do not cancel."""
    known = [z for z in nodes_in(run.result) if np.asarray(raw(z)).dtype.kind in "fc"]
    if len(known) == 1 and np.ndim(raw(known[0])) == 0 and np.isrealobj(raw(known[0])):
        return known[0]
    total: Any = None
    for z in known:
        real: Any = np.real(z) if np.iscomplexobj(raw(z)) else z
        weights = distinct_weights(np.shape(raw(z)), np.asarray(raw(real)).dtype)
        part = np.sum(real * weights)
        total = part if total is None else total + part
    return total


__all__ = ["diagnose_call"]
