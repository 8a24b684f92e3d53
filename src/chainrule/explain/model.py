"""What one gradient did, as data: vertices, steps, contributions, running sums.

Text, pictures and the page are all made from this, so their numbers agree. The numbers
come from the recording by the reference sweep, the same that tests hold every fast path
to.
"""

from __future__ import annotations

import collections
import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.containers import flatten, is_container
from chainrule.errors import NotScalarError
from chainrule.explain import remarks
from chainrule.explain.brief import short
from chainrule.explain.formulas import (
    documented,
    local_term,
    meanings,
    name,
    written_out,
)
from chainrule.explain.formulas import as_term as constant
from chainrule.explain.observe import Place, Run, operand_texts, program_names
from chainrule.explain.present import Presented
from chainrule.graph import collect, conjugated, with_support
from chainrule.nodes import node
from chainrule.rules import (
    accumulate,
    elementwise,
    plain,
    project,
    supported,
    unboxed,
    vertex,
    zeros_of,
)
from chainrule.shapes import reduced_axes
from chainrule.values import is_inexact, operation_name

Array = Any


@dataclass
class Operand:
    """What an operation was given: a vertex, by its index, or a constant.

    ``name`` is what an array that is a constant is called in formulas.
    """

    index: int | None
    value: Any
    name: str = ""


@dataclass
class VertexView:
    """One vertex of the recording.

    ``repeat`` counts executions of the same expression, from 1; ``name`` is the name the
    program gives it, or ``v1``, ``v2``, ... by age. ``used`` tells whether the result
    was computed from it.
    """

    index: int
    name: str
    value: Any
    rule: Any = None
    operation: str = "input"
    operands: list[Operand] = field(default_factory=list[Operand])
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    place: Place | None = None
    repeat: int = 1
    repeats: int = 1
    used: bool = True

    @property
    def expression(self) -> str:
        """The expression in the source, or the operation's name."""
        return (self.place.text if self.place else "") or self.operation


@dataclass
class Contribution:
    """What one vertex adds to the cotangent of one operand, or takes from its tangent.

    ``shape`` is that of the product before the sum that undoes broadcasting.
    """

    source: int
    target: int
    position: int
    partial: Any
    amount: Any
    total: Any
    summed: bool
    """Whether broadcasting was undone by a sum."""
    shape: tuple[int, ...]
    _formula: Callable[[], str] = field(repr=False, compare=False)

    @property
    def formula(self) -> str:
        """The local derivative as a formula."""
        return self._formula()

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
class Step:
    """One vertex' turn in the sweep."""

    vertex: int
    incoming: Any
    contributions: list[Contribution]
    _ready: Callable[[], list[int]] = field(repr=False, compare=False)

    @property
    def ready(self) -> list[int]:
        """The vertices whose cotangents are complete after this step, newest first."""
        return self._ready()


@dataclass
class Tick:
    """A gradient next to finite differences, for one input.

    In forward mode: the result's tangent next to its difference along the same
    direction.
    """

    vertex: int
    gradient: Any
    difference: Any
    agrees: bool | None


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
        self.error = made.error
        self.seconds: list[Explanation] = []
        self.notes: list[str] = []
        self._nodes = _vertices_of(made)
        self._index = {z: i for i, z in enumerate(self._nodes)}
        self.inputs = [self._index[x] for x in made.inputs]
        self.vertices = self._views(made)
        self.result = self._index.get(made.result) if _is_node(made.result) else None
        self.returned = made.result._value if _is_node(made.result) else made.result
        self.source = _source(made)
        self.steps: list[Step] = []
        self.totals: dict[int, Any] = {}
        if sweep and made.error is None:
            self._sweep(made.result)
        self.ticks = self._ticks(differences)
        self.warnings: list[remarks.Remark] = remarks.remarks_on(self)

    # ------------------------------------------------------------------- the vertices

    def _views(self, made: Run) -> list[VertexView]:
        counts = collections.Counter(made.places.values())
        seen: collections.Counter[Place] = collections.Counter()
        used: set[Any] = set(collect(_nodes_in(made.result)).order)
        names = _names(self._nodes, made)
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
                constant_name = _constant_name(z, i, spot) if np.ndim(x) else ""
                found.append(Operand(None, x, constant_name))
        return found

    def written(self, x: Operand) -> str:
        """Return an operand as it is written: its name, or a constant number."""
        if x.index is not None:
            return self.vertices[x.index].name
        return x.name or short(x.value)

    # ---------------------------------------------------------------------- the sweep

    def _sweep(self, result: Any) -> None:
        if is_container(result) and _nodes_in(result):
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
        queue = _Queue(order, self._index)
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
        values = [unboxed(x) for x in z.operands]
        pulled = z.rule.pull(plain, bars[z], unboxed(z), values, wanted, z.parameters)
        parts: list[Contribution] = []
        for i, raw_part in pulled:
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
        values = [unboxed(x) for x in z.operands]
        moving = [i for i, x in enumerate(z.operands) if isinstance(x, vertex)]
        parts: list[Contribution] = []
        total: supported | None = None
        for i in moving:
            x = z.operands[i]
            if x not in dots:
                continue
            tangents: list[Any] = [None] * len(values)
            tangents[i] = dots[x]
            part = z.rule.push(plain, tangents, unboxed(z), values, z.parameters)
            if part is None:
                continue
            part = project(plain, part, z)
            total = accumulate(plain, total, part)
            parts.append(self._contribution(z, x, i, part, part, total.value))
        if total is not None:
            dots[z] = total
        incoming = [dots[x].value for x in z.operands if x in dots] if moving else []
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
        return documented(
            view.rule, position, meanings(view.rule, view.name, operands)
        )

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
        return _compared(index, conjugated(gradient), estimate)

    def _tick_along(self, differences: Callable[[int], Any] | None) -> Tick:
        """Compare the result's tangent with the sum of the inputs' differences."""
        result = self.result or 0
        tangent = self.totals[result]
        parts: list[Any] = [None]
        if differences is not None and np.ndim(tangent) == 0:
            parts = [differences(i) for i in range(len(self.inputs))]
        known = all(p is not None for p in parts)
        estimate = float(sum(np.sum(p) for p in parts)) if known else None
        return _compared(result, tangent, estimate)


class _Queue:
    """Which vertices are complete and wait, after each turn of a sweep.

    Kept as the turn at which each becomes complete, so that long queues cost nothing
    until they are asked for.
    """

    def __init__(self, order: Sequence[Any], index: dict[Any, int]) -> None:
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


# ------------------------------------------------------------------------- small parts


def _age(z: Any) -> int:
    return z.serial


def _is_node(x: Any) -> bool:
    return isinstance(x, node)


def _nodes_in(result: Any) -> list[Any]:
    return [x for x in flatten(result)[0] if _is_node(x)]


def _is_real_scalar(value: Any) -> bool:
    return type(value) is float or (
        isinstance(value, np.ndarray | np.generic)
        and value.size == 1
        and value.dtype.kind == "f"
    )


def _partial(z: Any, i: int) -> Any:
    """Return the local derivative in operand ``i``, ``None`` where it is no number."""
    if not issubclass(z.rule, elementwise) or i not in z.rule.parts:
        return None
    values = [unboxed(x) for x in z.operands]
    given = {k: v for k, v in z.parameters.items() if k != "where"}
    return z.rule.parts[i](plain, unboxed(z), *values, **given)


def _compared(index: int, gradient: Any, estimate: Any) -> Tick:
    if estimate is None or not np.all(np.isfinite(estimate)):
        return Tick(index, gradient, estimate, None)
    scale = 1.0 + np.max(np.abs(gradient), initial=0.0)
    apart = np.max(np.abs(np.asarray(gradient) - estimate), initial=0.0)
    return Tick(index, gradient, estimate, bool(apart <= 1e-4 * scale))


def _vertices_of(made: Run) -> list[Any]:
    """Return every vertex, oldest first: what ran, and what the result came from."""
    found: dict[Any, None] = dict.fromkeys([*made.inputs, *made.made])
    found |= dict.fromkeys(collect(_nodes_in(made.result)).order)
    for z in list(found):
        for x in z.operands:
            if isinstance(x, vertex):
                found[x] = None
    return sorted(found, key=_age)


def _names(nodes: Sequence[Any], made: Run) -> list[str]:
    """Return each vertex' name: the program's own where it has one, made unique."""
    given: dict[Any, str] = program_names(made.places)
    given.update(zip(made.inputs, made.input_names, strict=True))
    names: list[str] = []
    counts: collections.Counter[str] = collections.Counter()
    inner = 0
    for z in nodes:
        found = given.get(z) or (None if z.rule else z.parameters.get("name"))
        if found is None:
            inner += 1
            found = f"v{inner}"
        counts[found] += 1
        names.append(found if counts[found] == 1 else f"{found}#{counts[found]}")
    return names


def _constant_name(z: Any, i: int, spot: Place | None) -> str:
    """Return what the program calls an array that is a constant."""
    texts = operand_texts(spot.text, len(z.operands)) if spot else ()
    return texts[i] if texts and len(texts[i]) <= 20 else "constant"


def _source(made: Run) -> dict[str, dict[int, str]]:
    """Return the source lines around what ran, by file and line number."""
    spans: dict[str, list[int]] = {}
    for spot in set(made.places.values()):
        spans.setdefault(spot.filename, []).extend((spot.line, spot.end_line))
    found: dict[str, dict[int, str]] = {}
    for filename, numbers in spans.items():
        lines = linecache.getlines(filename)
        first = _function_start(lines, min(numbers))
        last = min(max(numbers) + 1, len(lines))
        found[filename] = {
            n: lines[n - 1].rstrip("\n") for n in range(first, last + 1) if lines
        }
    return found


def _function_start(lines: Sequence[str], line: int) -> int:
    """Return the line of the ``def`` above a line, or the line itself."""
    for n in range(min(line, len(lines)), 0, -1):
        if lines[n - 1].lstrip().startswith(("def ", "async def ")):
            return n
    return line


contribution, operand, step, tick = Contribution, Operand, Step, Tick
explanation, vertex_view = Explanation, VertexView

__all__ = [
    "Contribution",
    "Explanation",
    "Operand",
    "Step",
    "Tick",
    "VertexView",
    "is_inexact",
    "short",
]
