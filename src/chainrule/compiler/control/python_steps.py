"""Steps in Python: loops and maps over plain values, whose results may be traced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.control.bodies import traced_in
from chainrule.compiler.tracing.active import traces_being_made
from chainrule.compiler.tracing.trace import Trace
from chainrule.compiler.tracing.traced import Traced
from chainrule.errors import CompileError, EscapeError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial
from chainrule.numpy.making import private
from chainrule.values.containers import map_leaves
from chainrule.values.shapes import ndarray
from chainrule.values.versions import pinned, touched
from chainrule.values.vertices import raw


class Watch:
    """Sees that the steps of a loop, run by Python, return values of a trace.

    The loop itself was called with plain values only, so nothing said that it is
    traced; its body closes over what is. At the first such step it is made one row, if
    it can be: a body that decides in Python on what is plain in Python's steps goes on
    in Python. Outside traces nothing is looked at.
    """

    def __init__(self) -> None:
        """Look where the traces are that this thread is making."""
        self._marks = self._lengths()

    @staticmethod
    def _lengths() -> list[tuple[Trace, int, int]]:
        return [(t, len(t.guards), len(t.checks)) for t in traces_being_made()]

    def begin(self, arguments: Sequence[Any]) -> Any:
        """Be told that a step begins; return its arguments.

        A step that may be run again gets copies, which it may write into.
        """
        if not self._marks:
            return arguments
        self._marks = self._lengths()
        return map_leaves(private, arguments)

    def row(self, leaves: Iterable[Any], loop: Callable[[Trace], Any]) -> Any:
        """Return what ``loop(home)`` does, where a step's leaves are in a trace.

        What the step decided is forgotten, for the loop decides it again. ``None``
        says to go on in Python.
        """
        if not self._marks:
            return None
        leaves = list(leaves)
        home = traced_in(leaves)
        if home is None or not all(map(_is_numeric, leaves)):
            return None
        before, after = self._marks, self._lengths()
        try:
            result = loop(home)
        except (CompileError, EscapeError):
            self._marks = []
            for trace, guards, checks in after:
                del trace.guards[guards:], trace.checks[checks:]
            return None
        ends = {trace: (guards, checks) for trace, guards, checks in after}
        for trace, guards, checks in before:
            del trace.guards[guards : ends[trace][0]]
            del trace.checks[checks : ends[trace][1]]
        return result


class StepResults:
    """What the steps of a loop return, each as it was when its step ended."""

    def __init__(self) -> None:
        """Start empty."""
        self._steps: list[tuple[list[Any], int]] = []

    def add(self, leaves: Sequence[Any]) -> None:
        """Add the leaves of a step's result, into which later steps may write."""
        own = [x if isinstance(x, node) else private(x) for x in leaves]
        touched(own)
        self._steps.append((own, next_serial()))

    def all(self) -> list[list[Any]]:
        """Return the leaves of each step."""
        return [pinned(leaves, serial) for leaves, serial in self._steps]


def _is_numeric(x: Any) -> bool:
    x = raw(x)
    return isinstance(x, (Traced, float, int, complex, np.number, np.bool_)) or (
        isinstance(x, ndarray) and x.dtype.kind in "fcbiu"
    )
