"""Bodies: the function that a loop, a branch or a map repeats, traced by itself.

``Body`` traces it. ``pulled_through`` and ``pushed_through`` sweep one run of it: what
the derivatives of loops, branches and maps repeat in their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.programs.program import Program, program_of
from chainrule.compiler.tracing.active import traces_being_made
from chainrule.compiler.tracing.trace import Trace
from chainrule.compiler.tracing.traced import Traced
from chainrule.errors import CompileError, EscapeError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial
from chainrule.numpy.in_place import private
from chainrule.rules.supports import supported, zeros_of
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import forward_sweep, reverse_sweep
from chainrule.transforms.recorded_call import Recording
from chainrule.values.containers import map_leaves
from chainrule.values.shapes import TUPLE, ndarray
from chainrule.values.versions import pinned, sealed, touched
from chainrule.values.vertices import raw, refuse_nans

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
        nodes = [z for z in outputs if isinstance(z, node)]
        older = [*collect(nodes, start).older, *(z for z in nodes if z.serial <= start)]
        self.closed: tuple[node, ...] = tuple(dict.fromkeys(older))
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


# ------------------------------------------------------------------- sweeps of one run


def filled(parts: Sequence[Any], likes: Sequence[Any]) -> list[Any]:
    """Return cotangents, or tangents, with zeros for those that are absent."""
    return [_filled(p, raw(x)) for p, x in zip(parts, likes, strict=True)]


def _filled(part: Any, like: Any) -> Any:
    value = part.value if isinstance(part, supported) else part
    if value is None:
        return zeros_of(like)
    if isinstance(value, TUPLE):
        return tuple(_filled(v, w) for v, w in zip(value, like, strict=True))
    return value


def _recorded(flat: Flat, leaves: list[Any], moving: Sequence[int]) -> Recording:
    """Record one run, the moving leaves as its inputs."""

    def step(*inputs: Any) -> tuple[Any, ...]:
        filled = list(leaves)
        for i, x in zip(moving, inputs, strict=True):
            filled[i] = x
        return tuple(flat(*filled))

    return Recording(step, [leaves[i] for i in moving], range(len(moving)), {})


def pulled_through(
    xp: Any, flat: Flat, leaves: Leaves, moving: Sequence[int],
    closed: Sequence[node], bars: Sequence[Any],
) -> list[Any]:  # fmt: skip
    """Return the cotangents of moving leaves and of closed nodes, from one run.

    ``bars`` has a cotangent, or ``None``, for each result.
    """
    run = _recorded(flat, list(leaves), moving)
    seeds: dict[Any, Any] = {}
    for z, bar in zip(run.outputs, bars, strict=True):
        if isinstance(z, node) and bar is not None:
            have = seeds.get(z)
            seeds[z] = supported(bar if have is None else have.value + bar)
    targets = [*run.inputs, *closed]
    swept = reverse_sweep(xp, collect(seeds, run.start).order, seeds, targets)
    found = filled([swept.get(t) for t in targets], targets)
    refuse_nans(found)
    return found


def handed(
    found: Mapping[int, Any], wanted: Iterable[int]
) -> Iterator[tuple[int, supported]]:
    """Yield the cotangents that a sweep wants, of those that were found."""
    for i in wanted:
        if i in found:
            yield i, supported(found[i])


def pushed_through(
    xp: Any, flat: Flat, leaves: Leaves, moving: Sequence[int],
    closed: Sequence[node], dots: Sequence[Any],
) -> tuple[list[Any], list[Any]]:  # fmt: skip
    """Return the results of one run, and their tangents.

    ``dots`` has a tangent for each moving leaf, then for each closed node.
    """
    run = _recorded(flat, list(leaves), moving)
    targets = [*run.inputs, *closed]
    seeds: dict[Any, Any] = {
        t: supported(d) for t, d in zip(targets, dots, strict=True)
    }
    roots = [z for z in run.outputs if isinstance(z, node)]
    swept = forward_sweep(xp, collect(roots, run.start).order, seeds)
    parts = [swept.get(z) if isinstance(z, node) else None for z in run.outputs]
    found = filled(parts, run.outputs)
    refuse_nans(found)
    return list(run.outputs), found
