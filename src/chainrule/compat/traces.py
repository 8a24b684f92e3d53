"""Traces: which leaves a program is being run on, and the nodes that it asks for.

A recording of ours is one graph for all levels. What autograd calls the trace of a box
is the innermost run of a function on whose arguments the box depends; its node is an
object that a program may define (``autograd.tracer.Node``). Both are found when they
are asked for: a program that does not look at them pays nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from chainrule.nodes.admission import operation_name
from chainrule.nodes.recorder import next_serial, record
from chainrule.nodes.tables import WRAPPED
from chainrule.sweeps.order import Ordered, collect
from chainrule.values.vertices import raw, vertex


class Trace:
    """One run of a function on boxes.

    Attributes
    ----------
    number
        How many others were open when it began.
    start
        The serial number before its leaves.
    leaves
        The boxes that it began with, by serial number: the node of each and, where
        that stands for a container, the place of the leaf in it.
    nodes
        The nodes that were made, by the serial number of their box.
    keeps_steps
        Whether its nodes are a program's own, which ask for no derivatives.
    """

    start: int
    keeps_steps: bool = False
    _last: tuple[Any, int, Any] = None, 0, None

    leaves: dict[int, tuple[Any, Any]]
    nodes: dict[int, Any]

    def __init__(self, number: int) -> None:
        self.number: int = number
        self.start = next_serial()
        self.leaves, self.nodes = {}, {}

    def enter(self, box: vertex, node: Any, place: Any = None) -> None:
        """Say that the trace begins with a box, whose node is this."""
        self.leaves[box.serial] = node, place
        self.keeps_steps |= node is not None and not hasattr(node, "belongs_to")

    def _before(self, box: vertex) -> Ordered:
        """Return what a box was computed from since the trace began; once in a row."""
        last, serial, ordered = self._last
        if last is not box or serial != box.serial:
            ordered = collect([box], self.start)
            self._last = box, box.serial, ordered
        return ordered

    def under(self, box: vertex) -> list[vertex]:
        """Return what a box was computed from since the trace began, oldest first."""
        return self._before(box).order[::-1]

    def holds(self, box: vertex) -> bool:
        """Tell whether a box depends on the trace's leaves."""
        if box.serial <= self.start:
            return False
        return any(x.serial in self.leaves for x in self.under(box))

    def node_of(self, box: vertex) -> Any:
        """Return the node of a box.

        Those before it are made first, in order; of a class that has ``of_box`` they
        wait until somebody looks for them.
        """
        if box.serial not in self.nodes and self.holds(box):
            first: Any = next(iter(self.leaves.values()))[0]
            of_box = getattr(first, "of_box", None)
            waiting = None
            if of_box is not None and box.serial not in self.leaves:
                waiting = of_box(self, box)
            if waiting is None:
                self._make(self.under(box))
            else:
                self.nodes[box.serial] = waiting
        return self.nodes.get(box.serial)

    def filled(self, box: vertex) -> Any:
        """Return a node that knows all, for a box whose own was made by ``of_box``."""
        self._make(self.under(box)[:-1])
        return self._made(box)

    def _make(self, boxes: Iterable[vertex]) -> None:
        """Make the nodes of some boxes, which come in order."""
        for x in boxes:
            if x.serial not in self.nodes:
                made = self._made(x)
                if made is not None:
                    self.nodes[x.serial] = made

    def _made(self, x: vertex) -> Any:
        if x.serial in self.leaves:
            node, place = self.leaves[x.serial]
            if place is None:
                if hasattr(node, "belongs_to"):
                    node.belongs_to(self, x)
                return node
            return self._new(type(node), x, place, [node], (0,), (place.whole, 0))
        parents: list[Any] = []
        argnums: list[int] = []
        for i, operand in enumerate(x.operands):
            if isinstance(operand, vertex) and operand.serial in self.nodes:
                parents.append(self.nodes[operand.serial])
                argnums.append(i)
        if not parents:
            return None
        kind: Any = parents[0].__class__
        return self._new(kind, x, call_of(x), parents, tuple(argnums), x.operands)

    def settled(self, box: vertex) -> Any:
        """Return a result as it is outside of the trace: plain, unless it is nested."""
        return box if self._before(box).older else raw(box)

    def _new(
        self,
        kind: Any,
        x: vertex,
        fun: Callable[..., Any],
        parents: list[Any],
        argnums: tuple[int, ...],
        operands: tuple[Any, ...],
    ) -> Any:
        moved = set(argnums)
        args = tuple(raw(v) if i in moved else v for i, v in enumerate(operands))
        made = kind(x._value, fun, args, dict(x.parameters), argnums, tuple(parents))
        if hasattr(made, "belongs_to"):
            made.belongs_to(self, x)
        return made


def call_of(x: vertex) -> Callable[..., Any]:
    """Return the function that computed a node, of its operands and parameters."""
    rule = x.rule
    wrapped = WRAPPED.get(rule)
    if wrapped is not None:
        return wrapped

    def call(*operands: Any, **parameters: Any) -> Any:
        return record(rule, operands, parameters)

    call.__name__ = operation_name(rule)
    return call


class Stack(threading.local):
    """The traces that are open, by thread."""

    def __init__(self) -> None:
        self.open: list[Trace] = []

    @property
    def top(self) -> int:
        """The number of the newest trace; -1 without one."""
        return len(self.open) - 1

    def new_trace(self) -> _Opened:
        """Open a trace: ``with trace_stack.new_trace() as number``."""
        return _Opened()


class _Opened:
    """A trace that is open for the time of a ``with``."""

    def __enter__(self) -> int:
        """Open it, and return its number."""
        number = len(STACK.open)
        STACK.open.append(Trace(number))
        return number

    def __exit__(self, *error: object) -> None:
        """Close it."""
        STACK.open.pop()


STACK = Stack()


def numbered(number: int) -> Trace:
    """Return an open trace by its number; the newest, or a new one, where it is not."""
    if 0 <= number < len(STACK.open):
        return STACK.open[number]
    return Trace(number)


def enter(number: int, box: vertex, node: Any) -> None:
    """Say that a trace begins with a box; the box keeps that where it is not open."""
    known = STACK.open
    if 0 <= number < len(known):
        known[number].enter(box, node)
    else:
        box._parameters = {"input": True, "number": number, "node": node}


def unopened(box: vertex) -> Trace | None:
    """Return the innermost trace, of those that nobody opened, of a box."""
    roots = [x for x in collect([box]).order if "input" in x.parameters]
    roots = [x for x in roots[::-1] if "number" in x.parameters]
    number = max((x.parameters["number"] for x in roots), default=-1)
    leaves = [x for x in roots if x.parameters["number"] == number]
    if not leaves:
        return None
    given: Any = leaves[0].parameters
    traces = given.setdefault("traces", {})
    key = tuple(x.serial for x in leaves)
    if key not in traces:
        traces[key] = Trace(number)
        traces[key].start = key[0] - 1
        for x in leaves:
            traces[key].enter(x, x.parameters["node"])
    return traces[key]


def of(box: vertex) -> Trace | None:
    """Return the innermost open trace that a box depends on."""
    for trace in reversed(STACK.open):
        if trace.holds(box):
            return trace
    return unopened(box)


def keeps_steps() -> bool:
    """Tell whether the innermost open trace asks for no derivatives."""
    return bool(STACK.open) and STACK.open[-1].keeps_steps
