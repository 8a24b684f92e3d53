"""Bodies: the function that a loop, a branch or a map repeats, traced by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.programs.passes import program_of
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.active import traces_being_made
from chainrule.compiler.tracing.trace import Trace
from chainrule.compiler.tracing.traced import Traced
from chainrule.errors import CompileError, EscapeError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial
from chainrule.numpy.in_place import private
from chainrule.transforms.one_run import closed_over
from chainrule.values.containers import map_leaves
from chainrule.values.shapes import ndarray
from chainrule.values.versions import pinned, sealed, touched
from chainrule.values.vertices import raw

Leaves = Sequence[Any]
Flat = Callable[..., list[Any]]
"""A function of leaves that returns leaves."""


def traced_in(leaves: Leaves) -> Trace | None:
    """Return the innermost trace that leaves, or values under nodes, belong to."""
    found: Trace | None = None
    for x in map(raw, leaves):
        if isinstance(x, Traced) and (found is None or x.home.level > found.level):
            found = x.home
    return None if found is None else found.innermost()


class Body:
    """A function of leaves, traced by itself on examples.

    Attributes
    ----------
    program
        Its inputs are the leaves, then what was ``captured``.
    captured
        Values of the outer trace that the body reads.
    closed
        Nodes from outside that its results depend on.
    """

    def __init__(
        self, home: Trace, f: Flat, examples: Leaves, times: int = 1,
        *, protected: bool = False, frozen: Iterable[int] = (),
    ) -> None:  # fmt: skip
        """Trace the body, which each run of ``home`` repeats so many times.

        A ``protected`` one is run only where a condition holds. It may write into its
        inputs, which are its own, but for the ``frozen`` ones.
        """
        inner = Trace(home, protected=protected)
        inner.repeats *= times
        start = next_serial()
        inputs = [inner.input(x) for x in examples]
        rows = [x.row for x in inputs]
        with inner.active(), sealed(start, "The body of a loop, a branch or a map"):
            outputs = f(*inputs)
        home.raised = home.raised or inner.raised
        if any(inputs[i].row is not rows[i] for i in frozen):
            raise EscapeError(
                "A function under gd.cond, or one under gd.vmap, writes into an "
                "argument that is not its own. Write into a copy: np.copy(x)."
            )
        self.closed: tuple[node, ...] = closed_over(outputs, start)
        ends: list[Any] = []
        for z in map(raw, outputs):
            if isinstance(z, Traced):
                ends.append(z.row if z.home is inner else inner.capture(z))
            else:
                ends.append(z.copy() if isinstance(z, np.ndarray) else z)
        self.likes: list[Any] = [z.value if isinstance(z, Traced) else z
                                 for z in map(raw, outputs)]  # fmt: skip
        pairs = list(inner.captured.values())
        self.captured: list[Traced] = [outer for outer, _ in pairs]
        rows += [inside.row for _, inside in pairs]
        self.program: Program = program_of(inner, rows, ends)
        self.run: Replay = Replay(self.program)


class Watch:
    """Sees that the steps of a loop, run by Python, return values of a trace.

    The loop itself was given plain values only, so nothing said that it is traced; its
    body closes over what is. At the first such step it is made one row, if it can be:
    a body that decides in Python on what is plain in Python's steps goes on in Python.
    Outside traces nothing is looked at.
    """

    def __init__(self) -> None:
        """Look where the traces are that this thread is making."""
        self._marks = self._lengths()

    @staticmethod
    def _lengths() -> list[tuple[Trace, int, int]]:
        return [(t, len(t.guards), len(t.checks)) for t in traces_being_made()]

    def begin(self, given: Any) -> Any:
        """Be told that a step begins; return what it is given.

        A step that may be run again gets copies, which it may write into.
        """
        if not self._marks:
            return given
        self._marks = self._lengths()
        return map_leaves(private, given)

    def row(self, leaves: Iterable[Any], loop: Callable[[Trace], Any]) -> Any:
        """Return what ``loop(home)`` does, where a step's leaves are in a trace.

        What the step decided is forgotten, for the loop decides it again. ``None``
        says to go on in Python.
        """
        if not self._marks:
            return None
        found = list(leaves)
        home = traced_in(found)
        if home is None or not all(map(_is_numeric, found)):
            return None
        before, after = self._marks, self._lengths()
        try:
            made = loop(home)
        except (CompileError, EscapeError):
            self._marks = []
            for trace, guards, checks in after:
                del trace.guards[guards:], trace.checks[checks:]
            return None
        ends = {trace: (guards, checks) for trace, guards, checks in after}
        for trace, guards, checks in before:
            del trace.guards[guards : ends[trace][0]]
            del trace.checks[checks : ends[trace][1]]
        return made


class Results:
    """What the steps of a loop return, each as it was when its step ended."""

    def __init__(self) -> None:
        """Start empty."""
        self._steps: list[tuple[list[Any], int]] = []

    def add(self, leaves: Leaves) -> None:
        """Add the leaves of a step's result, into which later steps may write."""
        found = [x if isinstance(x, node) else private(x) for x in leaves]
        touched(found)
        self._steps.append((found, next_serial()))

    def columns(self) -> list[list[Any]]:
        """Return the leaves of all steps."""
        return [pinned(leaves, serial) for leaves, serial in self._steps]


def _is_numeric(x: Any) -> bool:
    x = raw(x)
    return isinstance(x, (Traced, float, int, complex, np.number, np.bool_)) or (
        isinstance(x, ndarray) and x.dtype.kind in "fcbiu"
    )


def example_of(x: Any) -> Any:
    """Return a leaf's plain value; in a trace, the value for the example."""
    x = raw(x)
    return x.value if isinstance(x, Traced) else x
