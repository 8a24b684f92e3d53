"""Bodies: the function that a loop, a branch or a map repeats, traced by itself."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
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
from chainrule.values.shapes import in_order, laid_out, ndarray
from chainrule.values.versions import sealed, version
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


def own_example(x: Any) -> Any:
    """Return the example of what a body gets as a copy of its own, without gaps."""
    return in_order(x, "K") if isinstance(x, ndarray) else x


def lie_as(x: Any, like: Any) -> None:
    """Let the example of a loop's result lie in memory as that of a step does."""
    known: Any = x.value if isinstance(x, Traced) else None
    if not (isinstance(known, ndarray) and isinstance(like, ndarray)):
        return
    if known.shape == like.shape and known.strides != like.strides:
        x.value = laid_out(known, np.empty_like(like, known.dtype))


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
        given = home, f, examples, times
        try:
            traced = _traced(*given, protected=protected)
        except NodeAssignedError:  # a node from outside is written into an argument
            traced = _traced(*given, protected=protected, as_nodes=True)
        inner, rows, changed, outputs = traced
        home.raised = home.raised or inner.raised
        if not changed.isdisjoint(frozen):
            raise EscapeError(
                "A function under gd.cond, or one under gd.vmap, writes into an "
                "argument that is not its own. Write into a copy: np.copy(x)."
            )
        self.closed: tuple[node, ...] = closed_over(outputs, start)
        self._serial: int = next_serial()
        results = list(map(raw, outputs))
        self.likes: list[Any] = list(map(example_of, results))
        ends = [_end(inner, z) for z in results]
        pairs = list(inner.captured.values())
        self.captured: list[Traced] = [outer for outer, _ in pairs]
        rows += [inside.row for _, inside in pairs]
        self.program: Program = program_of(inner, rows, ends)
        self.run: Replay = Replay(self.program)

    @property
    def closed_then(self) -> tuple[node, ...]:
        """The nodes from outside in the versions that the body has read."""
        found: Any = tuple([version(x, self._serial) for x in self.closed])
        return found

    def running(self, program: Program, likes: list[Any]) -> Body:
        """Return this body with another program, which returns values like these."""
        made = copy.copy(self)
        made.program, made.likes, made.run = program, likes, Replay(program)
        return made


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
    as_nodes: bool = False,
) -> tuple[Trace, list[Row], set[int], list[Any]]:
    """Return the trace of a body, the rows of its inputs, and what it returned.

    The set has the numbers of the inputs that it wrote into. They are given
    ``as_nodes`` if they are not whole.
    """
    inner = Trace(home, protected=protected)
    inner.repeats *= times
    start = next_serial()
    inputs = [inner.input(own_example(x)) for x in examples]
    rows = [x.row for x in inputs]
    given: list[Any] = list(inputs)
    if as_nodes:
        nodes = [input_node(x, copy=False, integers=False) for x in inputs]
        given = [x if z is None else z for x, z in zip(inputs, nodes, strict=True)]
    serials = [x.serial if isinstance(x, node) else 0 for x in given]
    with inner.active(), sealed(start, "The body of a loop, a branch or a map"):
        outputs = f(*given)
    changed = {i for i, x in enumerate(inputs) if x.row is not rows[i]}
    for i, (x, serial) in enumerate(zip(given, serials, strict=True)):
        if serial and x.serial != serial:
            changed.add(i)
    return inner, rows, changed, outputs


def _end(inner: Trace, z: Any) -> Any:
    """Return the row of a body's result, or the constant that it is."""
    if isinstance(z, Traced):
        return z.row if z.home is inner else inner.capture(z)
    return z.copy() if isinstance(z, ndarray) else z
