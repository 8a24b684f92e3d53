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
from chainrule.explainer.diagnosis.reports import Reports
from chainrule.explainer.watching.reading import nodes_in
from chainrule.explainer.watching.run import Run
from chainrule.explainer.watching.watch import watch
from chainrule.values.vertices import raw


def diagnose_call(
    f: Callable[..., Any], args: Sequence[Any], keywords: Mapping[str, Any]
) -> Diagnosis:
    """Run a function once, watched, and report what its derivative suffers from."""
    title = getattr(f, "__name__", type(f).__name__)
    run = watch(f, args, keywords)
    if run.error is None:
        run.result = _total(run)
    with np.errstate(all="ignore"):
        reports = Reports(Account(run, title=title))
        born_in_values(reports)
        born_in_slopes(reports)
        lost_digits(reports)
        if not run.differentiates:  # the zeros and kinks of a derivative are its own
            saturation(reports)
            kinks(reports)
            loops(reports)
            zeros(reports)
    operations = sum(v.rule is not None for v in reports.account.vertices)
    return Diagnosis(title, reports.all(), operations, run.error)


def _total(run: Run) -> Any:
    """Return the sum of all results, which every result has its part in."""
    known = [z for z in nodes_in(run.result) if np.asarray(raw(z)).dtype.kind in "fc"]
    if len(known) == 1 and np.ndim(raw(known[0])) == 0 and np.isrealobj(raw(known[0])):
        return known[0]
    count = len(run.recorded)
    total: Any = None
    for z in known:
        part = np.sum(np.real(z)) if np.iscomplexobj(raw(z)) else np.sum(z)
        total = part if total is None else total + part
    for z in run.recorded[count:]:
        run.locations.pop(z, None)  # the program does not sum
    return total


__all__ = ["diagnose_call"]
