"""The sweep of an account, heard from the library's own: steps and totals."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from chainrule.explainer.account.brief import is_tuple
from chainrule.explainer.account.derivatives import (
    partial_formula,
    partial_term,
    partial_value,
)
from chainrule.explainer.account.formulas import Term
from chainrule.explainer.account.views import VertexView
from chainrule.progress import growing, new_list
from chainrule.rules.namespace import plain
from chainrule.rules.supports import supported, with_support, zeros_of
from chainrule.sweeps.listening import Listener
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import forward_sweep, reverse_sweep
from chainrule.values.shapes import reduced_axes, size_of
from chainrule.values.types import Result
from chainrule.values.vertices import vertex


@dataclass
class Contribution:
    """What one vertex adds to the cotangent of one operand, or takes from its tangent.

    ``shape`` is that of the product before the sum that undoes broadcasting, and
    ``summed`` tells whether there is such a sum.
    """

    source: int
    target: int
    position: int
    partial: Result | None
    amount: Result
    total: Result
    summed: bool
    shape: tuple[int, ...]
    _vertices: Sequence[VertexView] = field(repr=False, compare=False)

    @property
    def term(self) -> Term | None:
        """The local derivative as a term, if it can be one."""
        v = self._vertices[self.source]
        return partial_term(self._vertices, v, self.position)

    @property
    def formula(self) -> str:
        """The local derivative as a formula."""
        v = self._vertices[self.source]
        return partial_formula(self._vertices, v, self.position)

    @property
    def reduction(self) -> str:
        """The sum that undoes broadcasting, in words; ``""`` where there is none."""
        if not self.summed:
            return ""
        after = np.shape(self.amount)
        axes = reduced_axes(self.shape, after)
        noun = "axis" if len(axes) == 1 else "axes"
        listed = ", ".join(map(str, axes))
        return f"summed over {noun} {listed}: {self.shape} -> {after}"


@dataclass
class SweepStep:
    """One vertex' turn in the sweep: what comes in, and what it passes on."""

    vertex: int
    incoming: Result | None
    contributions: list[Contribution]
    _ready: Callable[[], list[int]] = field(repr=False, compare=False)

    @property
    def ready(self) -> list[int]:
        """The vertices whose cotangents are complete after this step, newest first."""
        return self._ready()


class SweepAccount(Listener):
    """One sweep over a recording, which it listens to.

    Attributes
    ----------
    steps
        The turns of the vertices, in the order of the sweep.
    totals
        The cotangent (of a forward sweep the tangent) of each vertex.
    """

    def __init__(
        self, vertices: Sequence[VertexView], index: Mapping[vertex, int]
    ) -> None:
        self.steps: list[SweepStep] = []
        self.totals: dict[int, Result] = {}
        self._vertices = vertices
        self._index = index
        self._entered: list[Contribution] = []

    def contribution(
        self,
        z: vertex,
        position: int,
        product: supported,
        part: supported,
        total: supported,
    ) -> None:
        """Enter what a vertex passes on."""
        source = self._index[z]
        value, before = part.value, product.value
        several = is_tuple(before)
        entered = Contribution(
            source=source,
            target=self._index[z.operands[position]],
            position=position,
            partial=partial_value(self._vertices[source], position),
            amount=value,
            total=total.value,
            summed=not several and size_of(before) > size_of(value),
            shape=() if several else np.shape(before),
            _vertices=self._vertices,
        )
        self._entered.append(entered)

    def _by_source(self) -> dict[int, list[Contribution]]:
        """Return what each vertex passes on."""
        parts: dict[int, list[Contribution]] = collections.defaultdict(list)
        for c in self._entered:
            parts[c.source].append(c)
        return parts

    def sweep_back(self, result: vertex) -> None:
        """Sweep the cotangent 1 of a result that is a real scalar."""
        order = collect([result]).order
        queue = Queue(order, self._index)
        value = result._value
        ones = 1.0 if type(value) is float else np.ones_like(value)
        with growing("sweeping", "contributions"):
            self._entered = new_list()
            seeds = {result: with_support(ones)}
            bars = reverse_sweep(plain, order, seeds, listener=self)
        passed = self._by_source()
        for turn, z in enumerate(order):
            i = self._index[z]
            incoming = bars[z].value if z in bars else zeros_of(z._value)
            self.totals[i] = incoming
            if z.rule is not None:
                self.steps.append(SweepStep(i, incoming, passed[i], queue.after(turn)))

    def sweep_forward(self, result: vertex, inputs: Sequence[int]) -> None:
        """Sweep one tangent: the sum over inputs, each moved by 1."""
        order = collect([result]).order
        seeds: dict[vertex, supported] = {}
        for z in order:
            if z.rule is None:
                moved = self._index[z] in inputs
                ones = np.ones_like(z._value) if moved else np.zeros_like(z._value)
                ones = float(ones) if type(z._value) is float else ones
                seeds[z] = with_support(ones)
        with growing("sweeping", "contributions"):
            self._entered = new_list()
            dots = forward_sweep(plain, order, seeds, listener=self)
        passed = self._by_source()
        for z in reversed(order):
            i = self._index[z]
            if z.rule is not None:
                operands = [x for x in z.operands if isinstance(x, vertex)]
                tangents = [dots[x].value for x in operands if x in dots]
                sole = tangents[0] if len(tangents) == 1 else None
                self.steps.append(SweepStep(i, sole, passed[i], list))
            self.totals[i] = dots[z].value if z in dots else zeros_of(z._value)


class Queue:
    """Which vertices are complete and wait, after each turn of a sweep.

    Kept as the turn at which each becomes complete, so that long queues cost nothing
    until they are asked for.
    """

    def __init__(self, order: Sequence[vertex], index: Mapping[vertex, int]) -> None:
        turns = {z: turn for turn, z in enumerate(order)}
        complete = np.zeros(len(order), dtype=np.intp)
        for turn, z in enumerate(order):
            for x in z.operands:
                if isinstance(x, vertex):
                    complete[turns[x]] = turn
        self._complete = complete
        self._indices = np.array([index[z] for z in order], dtype=np.intp)

    def after(self, turn: int) -> Callable[[], list[int]]:
        """Return a function that lists the vertices that wait after a turn."""

        def ready() -> list[int]:
            waiting = self._complete[turn + 1 :] <= turn
            return self._indices[turn + 1 :][waiting].tolist()

        return ready
