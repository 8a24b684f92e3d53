"""What one gradient did, as data: vertices, steps, contributions, running sums.

Text, pictures and the page are all made from this, so their numbers agree. The numbers
come from the readable sweep, the same that tests hold every fast path to.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from chainrule.errors import NotScalarError
from chainrule.explainer.account.brief import is_tuple, short
from chainrule.explainer.account.derivatives import operand_text
from chainrule.explainer.account.following import Follows
from chainrule.explainer.account.remarks import Remark, Remarks
from chainrule.explainer.account.sweep import SweepAccount, SweepStep
from chainrule.explainer.account.views import Operand, Tick, VertexView
from chainrule.explainer.watching.departures import Departure
from chainrule.explainer.watching.reading import (
    constant_name,
    nodes_in,
    source_of,
    vertex_names,
    vertices_of,
)
from chainrule.explainer.watching.run import Run
from chainrule.explainer.watching.source import SourceLocation
from chainrule.nodes.admission import operation_name
from chainrule.progress import watched
from chainrule.rules.supports import zeros_of
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import conjugated
from chainrule.values.containers import is_container
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import dtype_of, size_of
from chainrule.values.types import Result
from chainrule.values.vertices import vertex

Differences = Callable[[int], Result | None]
"""Central differences in one input, by its number; ``None`` where there are none."""


class Account:
    """One gradient, every step.

    Attributes
    ----------
    vertices, steps, ticks, warnings
        The recording, the sweep over it in the order it runs, the gradients next to
        finite differences, and where a zero or nan was born.
    inputs, result, returned
        The vertices of the inputs and of the result, and the result's value.
    title, called
        The name of the function, or the node; whether a function was called.
    totals
        The cotangent (in forward mode the tangent) of each vertex.
    mode
        ``"reverse"`` or ``"forward"``.
    seconds
        With ``order=2`` the accounts of the first derivatives' own gradients.
    branches
        The accounts of runs in which a comparison came out the other way.
    notes
        What is not shown, and why.
    error
        The exception that ended the function early, if one did: the vertices are the
        part that ran.
    departures
        The plain values that the program took: of comparisons, of roundings.
    follows
        Tells whether the recording, at other inputs, computes what the function does.
    source
        The lines of the function, by line number.
    """

    def __init__(
        self,
        run: Run,
        *,
        title: str,
        mode: str = "reverse",
        differences: Differences | None = None,
        follows: Follows | None = None,
        sweep: bool = True,
        called: bool = True,
    ) -> None:
        """Read a watched run and sweep it."""
        self.title = title
        self.called = called
        self.mode = mode
        self.error: Exception | None = run.error
        self.follows: Follows = follows or _unknown
        self.seconds: list[Self] = []
        self.branches: list[Self] = []
        self.notes: list[str] = []
        nodes = vertices_of(run)
        self._index: dict[vertex, int] = {z: i for i, z in enumerate(nodes)}
        self.inputs: list[int] = [self._index[x] for x in run.inputs]
        self.vertices: list[VertexView] = self._views(nodes, run)
        result = run.result
        self.result: int | None = self.index_of(result)
        self.returned: Any = result._value if isinstance(result, vertex) else result
        self.departures: Sequence[Departure] = run.departures
        self.source: dict[str, dict[int, str]] = source_of(run)
        self.steps: list[SweepStep] = []
        self.totals: dict[int, Result] = {}
        if sweep and run.error is None:
            self._sweep(result)
        self.ticks: list[Tick] = self._ticks(differences)
        if any(np.iscomplexobj(self.vertices[i].value) for i in self.inputs):
            self.notes.append(
                "Gradients in complex inputs are conjugated at the end, so that "
                "x - rate * x.grad descends."
            )
        remarks = Remarks(self.vertices, self.steps, self.totals, mode)
        self.warnings: list[Remark] = remarks.all()

    # ------------------------------------------------------------------- the vertices

    def _views(self, nodes: Sequence[vertex], run: Run) -> list[VertexView]:
        places: dict[vertex, Any] = {z: (at, z.rule) for z, at in run.locations.items()}
        counts = collections.Counter(places.values())
        seen: collections.Counter[Any] = collections.Counter()
        used = set(collect(nodes_in(run.result)).order)
        names = vertex_names(nodes, run)
        views: list[VertexView] = []
        with watched(nodes, "reading", "operations") as steps:
            for i, z in enumerate(steps):
                location = run.locations.get(z)
                place = places.get(z)
                seen[place] += 1
                rule = z.rule
                view = VertexView(
                    index=i,
                    name=names[i],
                    value=z._value,
                    rule=rule,
                    operation="input" if rule is None else operation_name(rule),
                    operands=self._operands(z, location),
                    parameters=dict(z.parameters) if rule else {},
                    location=location,
                    repeat=seen[place] if location else 1,
                    repeats=counts[place] if location else 1,
                    used=z in used,
                )
                views.append(view)
        return views

    def _operands(self, z: vertex, location: SourceLocation | None) -> list[Operand]:
        operands: list[Operand] = []
        for i, x in enumerate(z.operands):
            if isinstance(x, vertex):
                operands.append(Operand(self._index[x], x._value))
            else:
                text = constant_name(z, i, location) if np.ndim(x) else ""
                operands.append(Operand(None, x, text))
        return operands

    def index_of(self, x: Any) -> int | None:
        """Return which vertex a node is; ``None`` if it is none of them."""
        return self._index.get(x) if isinstance(x, vertex) else None

    def written(self, x: Operand) -> str:
        """Return an operand as it is written: its name, or a constant number."""
        return operand_text(self.vertices, x)

    # ---------------------------------------------------------------------- the sweep

    def _sweep(self, result: Any) -> None:
        if is_container(result) and nodes_in(result):
            raise NotScalarError(
                "explain needs a function that returns one result; this one returned "
                f"a {type(result).__name__}. Return one of its parts, or a sum of them."
            )
        if not isinstance(result, vertex):
            return
        sweep = SweepAccount(self.vertices, self._index)
        with np.errstate(all="ignore"):
            if self.mode == "forward":
                sweep.sweep_forward(result, self.inputs)
            else:
                _refuse_non_scalar(result._value)
                sweep.sweep_back(result)
        self.steps, self.totals = sweep.steps, sweep.totals

    # ------------------------------------------------------------------------- checks

    def _ticks(self, differences: Differences | None) -> list[Tick]:
        """Compare the gradients, or the result's tangent, with differences."""
        if not self.steps or any(map(_is_cut, self.vertices)):
            differences = None
        if self.mode == "reverse":
            numbers = range(len(self.inputs))
            return [self._gradient_tick(i, differences) for i in numbers]
        return [self._tangent_tick(differences)] if self.steps else []

    def _gradient_tick(self, i: int, differences: Differences | None) -> Tick:
        index = self.inputs[i]
        gradient = self.totals.get(index)
        if gradient is None:
            gradient = zeros_of(self.vertices[index].value)
        difference = None if differences is None else differences(i)
        return self._compared(index, conjugated(gradient), difference)

    def _tangent_tick(self, differences: Differences | None) -> Tick:
        """Compare the result's tangent with the sum of the inputs' differences."""
        result = self.result or 0
        tangent = self.totals[result]
        difference = None
        if differences is not None and np.ndim(tangent) == 0:
            parts = [differences(i) for i in range(len(self.inputs))]
            known = [np.sum(np.asarray(p)) for p in parts if p is not None]
            difference = float(sum(known)) if len(known) == len(parts) else None
        return self._compared(result, tangent, difference)

    def _compared(
        self, vertex: int, gradient: Result, difference: Result | None
    ) -> Tick:
        if difference is None or is_foreign(gradient):
            return Tick(vertex, gradient, None, None)
        infinite = np.any(np.isinf(np.asarray(gradient)))  # which no difference is
        if infinite or not np.all(np.isfinite(np.asarray(difference))):
            return Tick(vertex, gradient, difference, None)
        gap = np.asarray(gradient) - np.asarray(difference)
        allowed = 1e-4 * max(_largest(gradient), _largest(difference))
        allowed += 1e-8 * (1.0 + _largest(self.returned))
        return Tick(vertex, gradient, difference, bool(_largest(gap) <= allowed))


def _unknown() -> bool:
    return True


def _is_cut(v: VertexView) -> bool:
    """Tell whether a value lost the digits that differences need."""
    return v.operation == "astype" and dtype_of(v.value).itemsize < 8


def _largest(x: Result) -> float:
    return float(np.max(np.abs(np.asarray(x)), initial=0.0))


def _refuse_non_scalar(value: Result) -> None:
    single = not is_tuple(value) and size_of(value) == 1
    if not single or dtype_of(value).kind != "f":
        raise NotScalarError(
            "explain needs a function that returns one real scalar; this one "
            f"returned {short(value)}. Call np.sum(...) on it first, or "
            "explain it with mode='forward'."
        )
