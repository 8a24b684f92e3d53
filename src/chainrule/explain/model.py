"""What one gradient did, as data: vertices, steps, contributions, running sums.

Text, pictures and the page are all made from this, so their numbers agree. The numbers
come from the recording by the reference sweep, the same that tests hold every fast path
to.
"""

from __future__ import annotations

import collections
import functools
import inspect
import linecache
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.errors import NotScalarError, RecordingError
from chainrule.explain.observe import departure, name_at, place, run
from chainrule.graph import collect, with_support
from chainrule.nodes import node
from chainrule.rules import (
    accumulate,
    elementwise,
    general,
    linear,
    plain,
    project,
    supported,
    unboxed,
    vertex,
)
from chainrule.symbolic import Formula, Symbols, partial_formulas
from chainrule.values import is_inexact, operation_name

Array = Any


@dataclass
class operand:
    """What an operation was given: a vertex, by its index, or a constant."""

    index: int | None
    value: Any


@dataclass
class vertex_view:
    """One vertex of the recording.

    ``repeat`` counts executions of the same expression, from 1; ``name`` is the name the
    program gives it, or ``v1``, ``v2``, ... by age.
    """

    index: int
    name: str
    value: Any
    rule: Any = None
    operation: str = "input"
    operands: list[operand] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    place: place | None = None
    repeat: int = 1
    repeats: int = 1
    used: bool = True

    @property
    def expression(self) -> str:
        """The expression in the source, or the operation's name."""
        return (self.place.text if self.place else "") or self.operation


@dataclass
class departure_view:
    """A plain value that the program took from the recording, such as a comparison."""

    operation: str
    operands: list[operand]
    result: Any
    place: place | None


@dataclass
class contribution:
    """What one vertex adds to the cotangent of one operand."""

    source: int
    target: int
    position: int
    formula: str
    partial: Any
    amount: Any
    total: Any
    summed: bool
    """Whether broadcasting was undone by a sum."""


@dataclass
class step:
    """One vertex' turn in the sweep."""

    vertex: int
    incoming: Any
    contributions: list[contribution]
    ready: list[int]
    """The vertices whose cotangents are complete after this step, newest first."""


@dataclass
class tick:
    """A gradient next to finite differences, for one input."""

    vertex: int
    gradient: Any
    difference: Any
    agrees: bool | None


@dataclass
class warning:
    """Where a zero or a nan was born, and what to do about it."""

    vertex: int
    kind: str
    message: str
    backward: bool = False
    """Whether it was born in the sweep, not in the function."""


class explanation:
    """One gradient, every step; ``print`` it, draw it, or save it as a page.

    Attributes
    ----------
    vertices, steps, ticks, warnings
        The recording, the sweep over it in the order it runs, the gradients next to
        finite differences, and where a zero or nan was born.
    mode
        ``"reverse"`` or ``"forward"``.
    error
        The exception that ended the function early, if one did: the vertices are the
        part that ran.
    source
        The lines of the function, by line number.
    """

    def __init__(
        self,
        made: run,
        *,
        title: str,
        mode: str = "reverse",
        differences: Callable[[int], Any] | None = None,
    ) -> None:
        """Read a watched run and sweep it."""
        self.title = title
        self.mode = mode
        self.error = made.error
        self.seconds: list[explanation] = []
        self._nodes = _vertices_of(made)
        self._index = {z: i for i, z in enumerate(self._nodes)}
        self.inputs = [self._index[x] for x in made.inputs]
        self.vertices = self._views(made)
        self.watched = made.watched
        self.departures = [self._departure(d) for d in made.departures]
        self.result = self._index.get(made.result) if _is_node(made.result) else None
        self.source = _source(made)
        self.steps: list[step] = []
        self.totals: dict[int, Any] = {}
        if self.result is not None and made.error is None:
            self._sweep()
        self.ticks = [self._tick(i, differences) for i in range(len(self.inputs))]
        self.warnings = self._warnings()

    # ------------------------------------------------------------------- the vertices

    def _views(self, made: run) -> list[vertex_view]:
        counts = collections.Counter(
            made.places[z] for z in self._nodes if z in made.places
        )
        seen: collections.Counter[place] = collections.Counter()
        used = set(collect([made.result]).order) if _is_node(made.result) else set()
        names = _names(self._nodes, made)
        views: list[vertex_view] = []
        for i, z in enumerate(self._nodes):
            spot = made.places.get(z)
            if spot is not None:
                seen[spot] += 1
            views.append(
                vertex_view(
                    index=i,
                    name=names[i],
                    value=z._value,
                    rule=z.rule,
                    operation="input" if z.rule is None else operation_name(z.rule),
                    operands=[self._operand(x) for x in z.operands],
                    parameters=dict(z.parameters) if z.rule else {},
                    place=spot,
                    repeat=seen[spot] if spot else 1,
                    repeats=counts[spot] if spot else 1,
                    used=z in used,
                )
            )
        return views

    def _operand(self, x: Any) -> operand:
        if isinstance(x, vertex):
            return operand(self._index[x], x._value)
        return operand(None, x)

    def _departure(self, d: departure) -> departure_view:
        operands = [
            operand(self._index.get(x), x._value)
            if isinstance(x, vertex)
            else operand(None, x)
            for x in d.operands
        ]
        return departure_view(d.operation, operands, d.result, d.place)

    def written(self, x: operand) -> str:
        """Return an operand as it is written: a vertex' name or a constant."""
        return short(x.value) if x.index is None else self.vertices[x.index].name

    # ---------------------------------------------------------------------- the sweep

    def _sweep(self) -> None:
        if self.mode == "forward":
            self._sweep_forward()
        else:
            self._sweep_reverse()

    def _sweep_reverse(self) -> None:
        result = self._nodes[self.result or 0]
        if not _is_real_scalar(result._value):
            raise NotScalarError(
                "explain needs a function that returns one real scalar; this one "
                f"returned {short(result._value)}. Call np.sum(...) on it first."
            )
        order = collect([result]).order
        waiting = collections.Counter(
            x for z in order for x in z.operands if isinstance(x, vertex)
        )
        ones = 1.0 if type(result._value) is float else np.ones_like(result._value)
        bars: dict[Any, supported] = {result: with_support(ones)}
        ready = [result]
        with np.errstate(all="ignore"):
            for z in order:
                ready.remove(z)
                parts = self._step_back(z, bars)
                for x in z.operands:
                    if isinstance(x, vertex):
                        waiting[x] -= 1
                        if waiting[x] == 0:
                            ready.append(x)
                ready.sort(key=_age, reverse=True)
                incoming = bars[z].value if z in bars else 0.0
                self.totals[self._index[z]] = incoming
                if z.rule is not None:
                    self.steps.append(
                        step(
                            self._index[z],
                            incoming,
                            parts,
                            [self._index[x] for x in ready],
                        )
                    )

    def _step_back(self, z: Any, bars: dict[Any, supported]) -> list[contribution]:
        if z.rule is None or z not in bars:
            return []
        wanted = [i for i, x in enumerate(z.operands) if isinstance(x, vertex)]
        values = [unboxed(x) for x in z.operands]
        pulled = z.rule.pull(plain, bars[z], unboxed(z), values, wanted, z.parameters)
        parts: list[contribution] = []
        for i, raw_part in pulled:
            x = z.operands[i]
            part = project(plain, raw_part, x)
            bars[x] = accumulate(plain, bars.get(x), part)
            parts.append(self._contribution(z, x, i, raw_part, part, bars[x].value))
        return parts

    def _sweep_forward(self) -> None:
        """Sweep one tangent: the sum over inputs, each moved by 1."""
        order = collect([self._nodes[self.result or 0]]).order
        dots: dict[Any, supported] = {}
        with np.errstate(all="ignore"):
            for z in reversed(order):
                i = self._index[z]
                if z.rule is None:
                    moved = i in self.inputs
                    ones = np.ones_like(z._value) if moved else np.zeros_like(z._value)
                    ones = float(ones) if type(z._value) is float else ones
                    dots[z] = with_support(ones)
                else:
                    self._step_forward(z, dots)
                self.totals[i] = dots[z].value if z in dots else 0.0

    def _step_forward(self, z: Any, dots: dict[Any, supported]) -> None:
        values = [unboxed(x) for x in z.operands]
        moving = [i for i, x in enumerate(z.operands) if isinstance(x, vertex)]
        parts: list[contribution] = []
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
        self.steps.append(
            step(self._index[z], incoming[0] if len(incoming) == 1 else None, parts, [])
        )

    def _contribution(
        self, z: Any, x: Any, i: int, raw_part: Any, part: Any, total: Any
    ) -> contribution:
        text, partial = self._local(z, i)
        return contribution(
            source=self._index[z],
            target=self._index[x],
            position=i,
            formula=text,
            partial=partial,
            amount=part.value,
            total=total,
            summed=np.size(raw_part.value) > np.size(part.value),
        )

    def _local(self, z: Any, i: int) -> tuple[str, Any]:
        """Return the local derivative in operand ``i``: its formula and its value."""
        rule = z.rule
        view = self.vertices[self._index[z]]
        if not issubclass(rule, elementwise):
            return _documented(rule, i), None
        values = [unboxed(x) for x in z.operands]
        given = {k: v for k, v in z.parameters.items() if k != "where"}
        partial = rule.parts[i](plain, unboxed(z), *values, **given)
        names = [self._symbol(x) for x in view.operands]
        try:
            text = rule.parts[i](Symbols(), Formula(view.name), *names, **given)
            return str(text if isinstance(text, Formula) else repr(text)), partial
        except (TypeError, AttributeError):
            return _documented(rule, i), partial

    def _symbol(self, x: operand) -> Any:
        """Return an operand for a formula; rules shorten theirs for Python's numbers."""
        if x.index is None and type(x.value) in (int, float, np.float64):
            return x.value if type(x.value) is int else float(x.value)
        return Formula(self.written(x))

    # -------------------------------------------------------------- checks and remarks

    def _tick(self, i: int, differences: Callable[[int], Any] | None) -> tick:
        index = self.inputs[i]
        value = self.vertices[index].value
        gradient = self.totals.get(index)
        if gradient is None:
            gradient = 0.0 if type(value) is float else np.zeros_like(value)
        if differences is None or not self.steps or self.mode == "forward":
            return tick(index, gradient, None, None)
        estimate = differences(i)
        if estimate is None:
            return tick(index, gradient, None, None)
        scale = 1.0 + np.max(np.abs(gradient), initial=0.0)
        apart = np.max(np.abs(np.asarray(gradient) - estimate), initial=0.0)
        return tick(index, gradient, estimate, bool(apart <= 1e-4 * scale))

    def _warnings(self) -> list[warning]:
        found: list[warning] = []
        for v in self.vertices:
            if v.rule is None:
                continue
            inside = [x.value for x in v.operands if is_inexact(x.value)]
            if _has(np.isnan, v.value) and not any(_has(np.isnan, x) for x in inside):
                found.append(warning(v.index, "nan", f"{v.name} is nan. {_remedy(v)}"))
            elif _has(np.isinf, v.value) and not any(_has(np.isinf, x) for x in inside):
                found.append(
                    warning(v.index, "inf", f"{v.name} is infinite. {_remedy(v)}")
                )
        for s in self.steps:
            found += self._step_warnings(s)
        return found

    def _step_warnings(self, s: step) -> list[warning]:
        v = self.vertices[s.vertex]
        found: list[warning] = []
        for c in s.contributions:
            target = self.vertices[c.target].name
            born = _has(np.isnan, c.amount) and not _has(np.isnan, s.incoming)
            if born:
                found.append(
                    warning(
                        s.vertex,
                        "nan",
                        f"The contribution of {v.name} to {target} is nan: "
                        f"{short(s.incoming)} * {short(c.partial)}. {_remedy(v)}",
                        backward=True,
                    )
                )
            elif _has(np.isinf, c.partial) and not _has(np.isinf, v.value):
                found.append(
                    warning(
                        s.vertex,
                        "inf",
                        f"The derivative of {v.name} in {target}, {c.formula}, is "
                        f"infinite here. {_remedy(v)}",
                        backward=True,
                    )
                )
            elif np.ndim(c.amount) == 0 and c.amount == 0 and s.incoming != 0:
                found.append(
                    warning(
                        s.vertex,
                        "zero",
                        f"The derivative of {v.name} in {target}, {c.formula}, is zero "
                        "here: nothing flows on this way.",
                        backward=True,
                    )
                )
        return found


# ------------------------------------------------------------------------- small parts


def short(x: Any, digits: int = 6) -> str:
    """Return a value in little space: a number, or an array's shape and first entries.

    >>> short(0.1), short(np.arange(6.0).reshape(2, 3))
    ('0.1', '(2, 3): 0 1 2 ...')
    """
    if x is None:
        return ""
    if isinstance(x, tuple):
        return "(" + ", ".join(short(v, digits) for v in x) + ")"
    if isinstance(x, bool | np.bool_):
        return str(bool(x))
    if isinstance(x, int | np.integer):
        return str(int(x))
    if np.ndim(x) == 0 and is_inexact(x):
        return f"{x:.{digits}g}"
    if isinstance(x, np.ndarray):
        entries = " ".join(short(v[()], 4) for v in x.flat[:3])
        return f"{x.shape}: {entries}{' ...' if x.size > 3 else ''}"
    return str(x)


def _age(z: Any) -> int:
    return z.serial


def _is_node(x: Any) -> bool:
    return isinstance(x, node)


def _is_real_scalar(value: Any) -> bool:
    return type(value) is float or (
        isinstance(value, np.ndarray | np.generic)
        and value.size == 1
        and value.dtype.kind == "f"
    )


def _vertices_of(made: run) -> list[Any]:
    """Return every vertex, oldest first: what ran, and what the result came from."""
    found = dict.fromkeys([*made.inputs, *made.made])
    if _is_node(made.result):
        found |= dict.fromkeys(collect([made.result]).order)
    for z in list(found):
        for x in z.operands:
            if isinstance(x, vertex):
                found[x] = None
    return sorted(found, key=_age)


def _names(nodes: Sequence[Any], made: run) -> list[str]:
    """Return each vertex' name: the program's own where it has one, made unique."""
    given = dict(zip(made.inputs, made.input_names, strict=True))
    names: list[str] = []
    counts: collections.Counter[str] = collections.Counter()
    inner = 0
    for z in nodes:
        name = given.get(z) or (None if z.rule else z.parameters.get("name"))
        if name is None and z in made.places:
            name = name_at(made.places[z])
        if name is None:
            inner += 1
            name = f"v{inner}"
        counts[name] += 1
        names.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return names


def _documented(rule: Any, i: int) -> str:
    """Return the formula that the rule's method documents for operand ``i``."""
    method: Any = None
    if i in rule.parts:
        method = rule.parts[i]
    elif issubclass(rule, linear | general):
        method = getattr(rule, rule._main, None)
    doc = inspect.getdoc(method) if method is not None else None
    return (doc or "").strip().split("\n")[0]


def _source(made: run) -> dict[str, dict[int, str]]:
    """Return the source lines around what ran, by file and line number."""
    spans: dict[str, list[int]] = {}
    for spot in made.places.values():
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


def _has(test: Any, value: Any) -> bool:
    return is_inexact(value) and bool(np.any(test(value)))


_REMEDIES = {
    "log": "log needs a positive argument: np.log(np.where(x > 0, x, 1.0)), or log1p.",
    "divide": "The denominator is zero: guard it, np.where(y != 0, y, 1.0).",
    "sqrt": "sqrt has no finite derivative at 0: np.sqrt(np.where(x > 0, x, 1.0)).",
    "power": "A power needs a positive base where the exponent is not an integer.",
    "exp": "exp overflows beyond 709: subtract the maximum first, or use logaddexp.",
}


def _remedy(v: vertex_view) -> str:
    default = f"Look at what {v.operation} was given, and guard it with np.where."
    return _REMEDIES.get(v.operation, default)


@functools.lru_cache(maxsize=512)
def formulas_of(rule: Any) -> dict[str, str]:
    """Return an elementwise rule's partial derivatives as text, ``{}`` if it has none."""
    if not issubclass(rule, elementwise):
        return {}
    try:
        return partial_formulas(rule)
    except (TypeError, AttributeError, RecordingError):
        return {}
