"""What one gradient did, as data: vertices, steps, contributions, running sums.

Text, pictures and the page are all made from this, so their numbers agree. The numbers
come from the recording by the reference sweep, the same that tests hold every fast path
to.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import NotScalarError
from chainrule.explainer.account import remarks
from chainrule.explainer.account.brief import short
from chainrule.explainer.account.formulas import as_term as constant
from chainrule.explainer.account.formulas import (
    documented,
    local_term,
    meanings,
    name,
    written_out,
)
from chainrule.explainer.account.views import (
    Contribution,
    Operand,
    Queue,
    Step,
    Tick,
    VertexView,
)
from chainrule.explainer.explanation import Presented
from chainrule.explainer.watching.departures import Departure
from chainrule.explainer.watching.reading import (
    constant_name,
    is_node,
    nodes_in,
    source_of,
    vertex_names,
    vertices_of,
)
from chainrule.explainer.watching.watch import Place, Run
from chainrule.nodes.admission import operation_name
from chainrule.rules import elementwise
from chainrule.rules.base import pulled, pushed
from chainrule.rules.namespace import plain
from chainrule.rules.supports import accumulate, project, supported, zeros_of
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import conjugated, with_support
from chainrule.values.containers import is_container
from chainrule.values.vertices import raw, unboxed, vertex


class Explanation(Presented):
    """One gradient, every step; ``print`` it, draw it, or save it as a page.

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
        With ``order=2`` the explanations of the first derivatives' own gradients.
    notes
        What is not shown, and why.
    error
        The exception that ended the function early, if one did: the vertices are the
        part that ran.
    departures
        The plain values that the program took: of comparisons, of roundings.
    source
        The lines of the function, by line number.
    """

    def __init__(
        self,
        made: Run,
        *,
        title: str,
        mode: str = "reverse",
        differences: Callable[[int], Any] | None = None,
        sweep: bool = True,
        called: bool = True,
    ) -> None:
        """Read a watched run and sweep it."""
        self.title = title
        self.called = called
        self.mode = mode
        self.error: BaseException | None = made.error
        self.seconds: list[Explanation] = []
        self.notes: list[str] = []
        self._nodes = vertices_of(made)
        self._index = {z: i for i, z in enumerate(self._nodes)}
        self.inputs: list[int] = [self._index[x] for x in made.inputs]
        self.vertices: list[VertexView] = self._views(made)
        self.result: int | None = (
            self._index.get(made.result) if is_node(made.result) else None
        )
        self.returned: Any = made.result._value if is_node(made.result) else made.result
        self.departures: Sequence[Departure] = made.departures
        self.source: dict[str, dict[int, str]] = source_of(made)
        self.steps: list[Step] = []
        self.totals: dict[int, Any] = {}
        if sweep and made.error is None:
            self._sweep(made.result)
        self.ticks: list[Tick] = self._ticks(differences)
        if any(np.iscomplexobj(self.vertices[i].value) for i in self.inputs):
            self.notes.append(
                "Gradients in complex inputs are conjugated at the end, so that "
                "x - rate * x.grad descends."
            )
        self.warnings: list[remarks.Remark] = remarks.remarks_on(self)

    # ------------------------------------------------------------------- the vertices

    def _views(self, made: Run) -> list[VertexView]:
        counts = collections.Counter(made.places.values())
        seen: collections.Counter[Place] = collections.Counter()
        used: set[Any] = set(collect(nodes_in(made.result)).order)
        names = vertex_names(self._nodes, made)
        views: list[VertexView] = []
        for i, z in enumerate(self._nodes):
            spot = made.places.get(z)
            if spot is not None:
                seen[spot] += 1
            rule = z.rule
            views.append(
                VertexView(
                    index=i,
                    name=names[i],
                    value=z._value,
                    rule=rule,
                    operation="input" if rule is None else operation_name(rule),
                    operands=self._operands(z, spot),
                    parameters=dict(z.parameters) if rule else {},
                    place=spot,
                    repeat=seen[spot] if spot else 1,
                    repeats=counts[spot] if spot else 1,
                    used=z in used,
                )
            )
        return views

    def _operands(self, z: Any, spot: Place | None) -> list[Operand]:
        found: list[Operand] = []
        for i, x in enumerate(z.operands):
            if isinstance(x, vertex):
                found.append(Operand(self._index[x], x._value))
            else:
                text = constant_name(z, i, spot) if np.ndim(x) else ""
                found.append(Operand(None, x, text))
        return found

    def index_of(self, x: Any) -> int | None:
        """Return which vertex a node is; ``None`` if it is none of them."""
        return self._index.get(x)

    def written(self, x: Operand) -> str:
        """Return an operand as it is written: its name, or a constant number."""
        if x.index is not None:
            return self.vertices[x.index].name
        return x.name or short(x.value)

    # ---------------------------------------------------------------------- the sweep

    def _sweep(self, result: Any) -> None:
        if is_container(result) and nodes_in(result):
            raise NotScalarError(
                "explain needs a function that returns one result; this one returned "
                f"a {type(result).__name__}. Return one of its parts, or a sum of them."
            )
        if self.result is None:
            return
        with np.errstate(all="ignore"):
            if self.mode == "forward":
                self._sweep_forward(result)
            else:
                self._sweep_reverse(result)

    def _sweep_reverse(self, result: Any) -> None:
        if not _is_real_scalar(result._value):
            raise NotScalarError(
                "explain needs a function that returns one real scalar; this one "
                f"returned {short(result._value)}. Call np.sum(...) on it first, or "
                "explain it with mode='forward'."
            )
        order = collect([result]).order
        queue = Queue(order, self._index)
        ones = 1.0 if type(result._value) is float else np.ones_like(result._value)
        bars: dict[Any, supported] = {result: with_support(ones)}
        for turn, z in enumerate(order):
            parts = self._step_back(z, bars)
            incoming = bars[z].value if z in bars else zeros_of(z._value)
            self.totals[self._index[z]] = incoming
            if z.rule is not None:
                ready = queue.after(turn)
                self.steps.append(Step(self._index[z], incoming, parts, ready))

    def _step_back(self, z: Any, bars: dict[Any, supported]) -> list[Contribution]:
        if z.rule is None or z not in bars:
            return []
        wanted = [i for i, x in enumerate(z.operands) if isinstance(x, vertex)]
        values = [raw(x) for x in z.operands]
        found = pulled(z.rule, plain, bars[z], raw(z), values, wanted, z.parameters)
        parts: list[Contribution] = []
        for i, raw_part in found:
            x = z.operands[i]
            part = project(plain, raw_part, x)
            bars[x] = accumulate(plain, bars.get(x), part)
            parts.append(self._contribution(z, x, i, raw_part, part, bars[x].value))
        return parts

    def _sweep_forward(self, result: Any) -> None:
        """Sweep one tangent: the sum over inputs, each moved by 1."""
        dots: dict[Any, supported] = {}
        for z in reversed(collect([result]).order):
            i = self._index[z]
            if z.rule is None:
                moved = i in self.inputs
                ones = np.ones_like(z._value) if moved else np.zeros_like(z._value)
                ones = float(ones) if type(z._value) is float else ones
                dots[z] = with_support(ones)
            else:
                self._step_forward(z, dots)
            self.totals[i] = dots[z].value if z in dots else zeros_of(z._value)

    def _step_forward(self, z: Any, dots: dict[Any, supported]) -> None:
        values = [raw(x) for x in z.operands]
        moving = [i for i, x in enumerate(z.operands) if isinstance(x, vertex)]
        parts: list[Contribution] = []
        total: supported | None = None
        for i in moving:
            x = z.operands[i]
            if x not in dots:
                continue
            tangents: list[Any] = [None] * len(values)
            tangents[i] = dots[x]
            part = pushed(z.rule, plain, tangents, raw(z), values, z.parameters)
            if part is None:
                continue
            part = project(plain, part, z)
            total = accumulate(plain, total, part)
            parts.append(self._contribution(z, x, i, part, part, total.value))
        if total is not None:
            dots[z] = total
        operands = [z.operands[i] for i in moving]
        incoming = [dots[x].value for x in operands if x in dots]
        sole = incoming[0] if len(incoming) == 1 else None
        self.steps.append(Step(self._index[z], sole, parts, list))

    def _contribution(
        self, z: Any, x: Any, i: int, raw_part: Any, part: Any, total: Any
    ) -> Contribution:
        source = self._index[z]
        value, before = part.value, raw_part.value
        several = isinstance(before, tuple)

        def formula() -> str:
            return self.local_formula(source, i)

        return Contribution(
            source=source,
            target=self._index[x],
            position=i,
            partial=_partial(z, i),
            amount=value,
            total=total,
            summed=not several and np.size(before) > np.size(value),
            shape=() if several else np.shape(before),
            _formula=formula,
        )

    def operand_terms(self, source: int) -> list[Any]:
        """Return the operands of a vertex as terms: names, and constant numbers."""
        return [
            constant(x.value)
            if x.index is None and not x.name
            else name(self.written(x), unboxed(x.value))
            for x in self.vertices[source].operands
        ]

    def local_term(self, source: int, position: int) -> Any:
        """Return the local derivative in an operand as a term, if it can be one."""
        view = self.vertices[source]
        z = name(view.name, unboxed(view.value))
        operands = self.operand_terms(source)
        return local_term(view.rule, z, operands, position, view.parameters)

    def local_formula(self, source: int, position: int) -> str:
        """Return the local derivative in an operand as a formula."""
        term = self.local_term(source, position)
        if term is not None:
            return written_out(term)
        view = self.vertices[source]
        operands = [self.written(x) for x in view.operands]
        meant = meanings(view.rule, view.name, operands, view.parameters)
        return documented(view.rule, position, meant)

    # ------------------------------------------------------------------------- checks

    def _ticks(self, differences: Callable[[int], Any] | None) -> list[Tick]:
        if self.mode == "forward":
            return [] if not self.steps else [self._tick_along(differences)]
        return [self._tick(i, differences) for i in range(len(self.inputs))]

    def _tick(self, i: int, differences: Callable[[int], Any] | None) -> Tick:
        index = self.inputs[i]
        gradient = self.totals.get(index)
        if gradient is None:
            gradient = zeros_of(self.vertices[index].value)
        estimate = None
        if differences is not None and self.steps:
            estimate = differences(i)
        return self._compared(index, conjugated(gradient), estimate)

    def _tick_along(self, differences: Callable[[int], Any] | None) -> Tick:
        """Compare the result's tangent with the sum of the inputs' differences."""
        result = self.result or 0
        tangent = self.totals[result]
        parts: list[Any] = [None]
        if differences is not None and np.ndim(tangent) == 0:
            parts = [differences(i) for i in range(len(self.inputs))]
        known = all(p is not None for p in parts)
        estimate = float(sum(np.sum(p) for p in parts)) if known else None
        return self._compared(result, tangent, estimate)

    def _compared(self, index: int, gradient: Any, estimate: Any) -> Tick:
        if estimate is None or not np.all(np.isfinite(estimate)):
            return Tick(index, gradient, estimate, None)
        largest = max(np.max(np.abs(x), initial=0.0) for x in (gradient, estimate))
        noise = 1e-8 * (1.0 + np.max(np.abs(self.returned), initial=0.0))
        apart = np.max(np.abs(np.asarray(gradient) - estimate), initial=0.0)
        return Tick(index, gradient, estimate, bool(apart <= 1e-4 * largest + noise))


# ------------------------------------------------------------------------- small parts


def _is_real_scalar(value: Any) -> bool:
    if isinstance(value, tuple):
        return False
    return np.size(value) == 1 and np.asarray(value).dtype.kind == "f"


def _partial(z: Any, i: int) -> Any:
    """Return the local derivative in operand ``i``, ``None`` where it is no number."""
    if not issubclass(z.rule, elementwise) or i not in z.rule.parts:
        return None
    values = [unboxed(x) for x in z.operands]
    given = {k: v for k, v in z.parameters.items() if k != "where"}
    return z.rule.parts[i](plain, unboxed(z), *values, **given)


__all__ = [
    "Contribution",
    "Explanation",
    "Operand",
    "Step",
    "Tick",
    "VertexView",
    "short",
]
