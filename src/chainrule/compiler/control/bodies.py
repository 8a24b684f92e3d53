"""Bodies: the function that a loop, a branch or a map repeats, traced by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.programs.passes import program_of
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.columns import Column
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.trace import Trace
from chainrule.compiler.tracing.traced import Traced
from chainrule.compiler.tracing.writing import NodeAssignedError
from chainrule.errors import EscapeError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial
from chainrule.transforms.inputs import input_node
from chainrule.transforms.one_run import closed_over
from chainrule.values.shapes import ndarray
from chainrule.values.versions import sealed
from chainrule.values.vertices import raw

Leaves = Sequence[Any]
FlatFunction = Callable[..., list[Any]]
"""A function of leaves that returns leaves."""


def traced_in(leaves: Leaves) -> Trace | None:
    """Return the innermost trace that leaves, or values under nodes, belong to."""
    home: Trace | None = None
    for x in map(raw, leaves):
        if isinstance(x, Traced) and (home is None or x.home.level > home.level):
            home = x.home
    return None if home is None else home.innermost()


def example_of(x: Any) -> Any:
    """Return a leaf's plain value; in a trace, the value for the example."""
    x = raw(x)
    return x.value if isinstance(x, Traced) else x


def first_example(x: Any) -> Any:
    """Return the first entry along the first axis of a leaf's value for the example."""
    value = example_of(x)
    return value[0] if isinstance(value, Column) else np.asarray(value)[0]


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
    likes
        The results for the examples.
    """

    def __init__(
        self,
        home: Trace,
        f: FlatFunction,
        examples: Leaves,
        times: int = 1,
        *,
        protected: bool = False,
        frozen: Iterable[int] = (),
    ) -> None:
        """Trace the body, which each run of ``home`` repeats so many times.

        A ``protected`` one is run only where a condition holds. It may write into its
        inputs, which are its own, but for the ``frozen`` ones.
        """
        start = next_serial()
        plain = set(frozen)
        try:
            traced = _traced(home, f, examples, times, protected=protected)
        except NodeAssignedError:  # a node from outside is written into an argument
            nodes = set(range(len(examples))) - plain
            traced = _traced(home, f, examples, times, protected=protected, nodes=nodes)
        inner, inputs, rows, outputs = traced
        home.raised = home.raised or inner.raised
        if any(inputs[i].row is not rows[i] for i in plain):
            raise EscapeError(
                "A function under gd.cond, or one under gd.vmap, writes into an "
                "argument that is not its own. Write into a copy: np.copy(x)."
            )
        self.closed: tuple[node, ...] = closed_over(outputs, start)
        results = list(map(raw, outputs))
        self.likes: list[Any] = list(map(example_of, results))
        ends = [_end(inner, z) for z in results]
        pairs = list(inner.captured.values())
        self.captured: list[Traced] = [outer for outer, _ in pairs]
        rows += [inside.row for _, inside in pairs]
        self.program: Program = program_of(inner, rows, ends)
        self.run: Replay = Replay(self.program)


def _body_of(x: Traced, f: FlatFunction, examples: Leaves) -> Body:
    """Return a function as it is traced by itself: see ``stand_in.body``."""
    return Body(x.home.innermost(), f, examples, protected=True)


Traced.body = _body_of  # type: ignore[method-assign]


def _traced(
    home: Trace,
    f: FlatFunction,
    examples: Leaves,
    times: int,
    *,
    protected: bool,
    nodes: Collection[int] = (),
) -> tuple[Trace, list[Traced], list[Row], list[Any]]:
    """Return the trace of a body, its inputs, their rows, and what it returned.

    The inputs with the numbers of ``nodes`` are given as such, if they are not whole.
    """
    inner = Trace(home, protected=protected)
    inner.repeats *= times
    start = next_serial()
    inputs = [inner.input(x) for x in examples]
    rows = [x.row for x in inputs]
    given: list[Any] = list(inputs)
    for i in nodes:
        z = input_node(inputs[i], copy=False, integers=False)
        given[i] = inputs[i] if z is None else z
    with inner.active(), sealed(start, "The body of a loop, a branch or a map"):
        return inner, inputs, rows, f(*given)


def _end(inner: Trace, z: Any) -> Any:
    """Return the row of a body's result, or the constant that it is."""
    if isinstance(z, Traced):
        return z.row if z.home is inner else inner.capture(z)
    return z.copy() if isinstance(z, ndarray) else z
