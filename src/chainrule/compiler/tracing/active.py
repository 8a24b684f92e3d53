"""The traces that each thread is making."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from chainrule.values.quiet import RaisesErrorsError

if TYPE_CHECKING:
    from chainrule.compiler.tracing.rows import Function
    from chainrule.compiler.tracing.trace import Trace


class _Active(threading.local):
    def __init__(self) -> None:
        self.traces: list[Trace] = []
        self.composing: list[Function] = []


ACTIVE = _Active()
"""The traces that this thread is making, and the functions whose parts it calls."""


def is_protected() -> bool:
    """Tell whether the innermost trace runs only where a condition holds."""
    traces = ACTIVE.traces
    return bool(traces) and traces[-1].protected is not None


def keep_off_programs() -> None:
    """Note that NumPy is to raise errors of what is traced, as no program does."""
    for trace in ACTIVE.traces[-1:]:
        trace.raised = trace.raised or RaisesErrorsError()


def traces_being_made() -> list[Trace]:
    """Return the traces that this thread is making, the innermost last."""
    return list(ACTIVE.traces)
