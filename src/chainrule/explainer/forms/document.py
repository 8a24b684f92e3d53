"""An explanation as a document: headings, paragraphs and tables, not yet laid out.

Text and Markdown are two ways to write the same document, so they say the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.explainer.account.account import Account
from chainrule.explainer.account.brief import counted, is_array, printable
from chainrule.explainer.account.fold import Gap, Item, fold, key_of
from chainrule.explainer.account.remarks import Remark
from chainrule.explainer.account.sweep import Contribution, SweepStep
from chainrule.explainer.account.views import Tick, VertexView
from chainrule.explainer.forms.document_parts import (
    Block,
    Cell,
    Heading,
    Paragraph,
    Span,
    Style,
    Table,
)
from chainrule.explainer.forms.wording import (
    main_file,
    number,
    operation_text,
    returned,
    shortened,
    title,
    written,
)
from chainrule.explainer.watching.source import SourceLocation, failed_at
from chainrule.values.types import Result

Row = tuple[Cell, ...] | Span

LIMIT = 100
"""How many operations are shown at most, after loops are folded."""

_TERMS = 3
"""How many terms of a running sum are written one by one."""

_GRADIENTS = 20
"""How many inputs' gradients are listed."""

FORWARD = "Each operation, as it ran, recorded its operands and its value."
BACKWARD = (
    "Newest first, so that each gradient is complete before it is used. It comes in, "
    "times the local derivative it adds to the gradient of an operand."
)
TANGENTS = (
    "Every input moves by 1; each operation passes on how its value moves with it: the "
    "local derivative times the tangent of each operand, summed."
)

DIFFERS = (
    "Differences come out differently where a function has a kink or a jump, or where "
    "it loses digits."
)


def document(
    explained: Account, *, limit: int | None = LIMIT, level: int = 1
) -> list[Block]:
    """Return an explanation as a list of blocks."""
    return list(_Document(explained, limit).blocks(level))


class _Document:
    """One explanation as blocks."""

    def __init__(self, explained: Account, limit: int | None) -> None:
        self.explained = explained
        self.vertices = explained.vertices
        self.limit = limit
        self.items = fold([key_of(v) for v in self.vertices], limit)
        self.file = main_file(explained)
        self.located = any(v.location is not None for v in self.vertices)

    def blocks(self, level: int) -> Iterator[Block]:
        explained = self.explained
        yield Heading(title(explained), level)
        if explained.mode == "forward" and explained.steps:
            yield Heading("Forward, with tangents", level + 1)
            yield Paragraph(TANGENTS)
            yield self.tangents()
        else:
            yield Heading("Forward", level + 1)
            yield Paragraph(FORWARD)
            yield self.forward()
        yield from self.unused()
        if explained.error is not None:
            yield from self.failure(explained.error, level)
        elif explained.result is None:
            yield Paragraph(
                f"The result, {returned(explained)}, was not computed from any input: "
                "every gradient is zero."
            )
        elif not explained.steps:
            yield Paragraph("The result is an input itself: nothing was computed.")
        elif explained.mode == "reverse":
            yield Heading("Backward", level + 1)
            yield Paragraph(BACKWARD)
            yield self.backward()
        yield from self.results(level)
        yield from self.remarks(level)
        for note in explained.notes:
            yield Paragraph(note)
        for second in explained.seconds:
            yield from document(second, limit=self.limit, level=level + 1)

    # --------------------------------------------------------------- the three tables

    def forward(self) -> Table:
        """Return the recording, oldest vertex first."""
        source = ("line", "source") if self.located else ()
        rows: list[Row] = []
        for v in _labelled(self.items, self.vertices, rows):
            style: Style = "" if v.used else "dim"
            cells = [
                Cell((printable(v.name),), "name"),
                Cell((self.operation(v),), style or "code"),
                Cell((written(v.value),), style or "number"),
            ]
            if self.located:
                code = v.location.text if v.location else ""
                cells[1:1] = [
                    Cell((self.line(v.location),), "dim"),
                    Cell((shortened(printable(code)),), style or "code"),
                ]
            rows.append(tuple(cells))
        return Table(("name", *source, "operation", "value"), rows)

    def tangents(self) -> Table:
        """Return the recording with the tangent of each value next to it."""
        steps = {s.vertex: s for s in self.explained.steps}
        rows: list[Row] = []
        for v in _labelled(self.items, self.vertices, rows):
            known = v.index in self.explained.totals
            tangent = self.tangent(v.index) if known else ""
            parts = steps[v.index].contributions if v.index in steps else []
            how = [self.moved(c, among=len(parts)) for c in parts]
            how[1:] = [f"+ {h}" for h in how[1:]]
            cells = [
                Cell((printable(v.name),), "name"),
                Cell((self.operation(v),), "code"),
                Cell((written(v.value),), "number"),
                Cell((tangent,), "number"),
                Cell(tuple(how)),
            ]
            if self.located:
                cells.insert(1, Cell((self.line(v.location),), "dim"))
            rows.append(tuple(cells))
        line = ("line",) if self.located else ()
        headings = ("name", *line, "operation", "value", "tangent", "moved by")
        return Table(headings, rows)

    def backward(self) -> Table:
        """Return every step of the backward sweep, in its order."""
        steps = {s.vertex: s for s in self.explained.steps}
        before = self.sums()
        rows: list[Row] = []
        items = [x for x in reversed(self.items) if _has_steps(x, steps)]
        for v in _labelled(items, self.vertices, rows, backward=True):
            rows += self.step_rows(steps[v.index], before)
        line = ("line",) if self.located else ()
        rest = ("comes in", "local derivative", "adds", "sum so far")
        headings = ("vertex", *line, *rest)
        return Table(headings, rows)

    def step_rows(self, step: SweepStep, before: Sums) -> Iterator[tuple[Cell, ...]]:
        """Yield one row per contribution of a vertex; what they share stands once."""
        v = self.vertices[step.vertex]
        shared = [Cell((printable(v.name),), "name")]
        if self.located:
            shared.append(Cell((self.line(v.location),), "dim"))
        shared.append(Cell((written(step.incoming),), "number"))
        if not step.contributions:
            yield *shared, Cell(("passes nothing on",), "dim"), Cell(()), Cell(())
        for c in step.contributions:
            added = (written(c.amount), c.reduction)
            yield (
                *shared,
                Cell(self.derivative(c), "code"),
                Cell(tuple(line for line in added if line), "number"),
                Cell(self.sum_so_far(c, before[c.source, c.position])),
            )
            shared = [Cell(())] * len(shared)

    # ------------------------------------------------------------------- their cells

    def line(self, location: SourceLocation | None) -> str:
        """Return a line number, with the file's name if it is not the main file."""
        if location is None:
            return ""
        if location.filename == self.file:
            return str(location.line)
        return f"{printable(Path(location.filename).name)}:{location.line}"

    def operation(self, v: VertexView) -> str:
        """Return an operation as a call: ``sum(v1, axis=0)``."""
        return operation_text(self.explained, v)

    def derivative(self, c: Contribution) -> tuple[str, ...]:
        """Return a local derivative: its name, its formula and its value."""
        formula = shortened(printable(c.formula))
        if c.partial is None:
            return (formula or f"the rule of {self.vertices[c.source].operation}",)
        z, x = self.vertices[c.source].name, self.vertices[c.target].name
        value = number(c.partial)
        shown = [f"d{printable(z)}/d{printable(x)}", formula, value]
        return (" = ".join(dict.fromkeys(shown)),)

    def moved(self, c: Contribution, *, among: int) -> str:
        """Return what one operand's tangent moves a result by."""
        x, tangent = printable(self.vertices[c.target].name), self.tangent(c.target)
        if is_array(c.amount) and (c.partial is not None or among == 1):
            factor = "" if c.partial is None else self.factor(c.formula, c.formula)
            return f"{factor}tangent of {x}"
        if c.partial is None:
            return f"{written(c.amount)} from {x}"
        return f"{self.factor(c.formula, number(c.partial))}{tangent} from {x}"

    def tangent(self, index: int) -> str:
        """Return the tangent of a vertex."""
        return written(self.explained.totals[index])

    @staticmethod
    def factor(formula: str, value: str) -> str:
        """Return a local derivative before what it multiplies."""
        formula = shortened(printable(formula))
        shown = " = ".join(dict.fromkeys((formula, value)))
        is_atom = re.fullmatch(r"-?[\w.]+", shown)
        return f"{shown} * " if is_atom else f"({shown}) * "

    def origins(self, terms: Sequence[Contribution]) -> list[str]:
        """Return where contributions come from: lines, or vertices if lines agree."""
        lines = [self.line(self.vertices[t.source].location) for t in terms]
        if "" in lines or len(set(lines)) < len(lines):
            return [printable(self.vertices[t.source].name) for t in terms]
        return [f"line {line}" if line.isdigit() else line for line in lines]

    def sums(self) -> Sums:
        """Return, for each contribution, those to the same vertex up to it."""
        so_far: dict[int, list[Contribution]] = {}
        sums: Sums = {}
        for step in self.explained.steps:
            for c in step.contributions:
                terms = so_far.setdefault(c.target, [])
                terms.append(c)
                sums[c.source, c.position] = (terms, len(terms))
        return sums

    def sum_so_far(
        self, c: Contribution, known: tuple[list[Contribution], int]
    ) -> tuple[str, ...]:
        """Return the running sum of an operand's gradient, and where it came from."""
        terms, count = known
        name = printable(self.vertices[c.target].name)
        if count == 1:
            return (f"{name}: {'the same' if is_array(c.total) else written(c.total)}",)
        if count <= _TERMS:
            shown = list(zip(terms[:count], self.origins(terms[:count]), strict=True))
            parts = [_signed(t.amount, origin) for t, origin in shown]
        else:
            earlier = terms[count - 2].total
            parts = [_signed(earlier, f"{count - 1} before")]
            parts.append(_signed(c.amount, printable(self.vertices[c.source].name)))
        head = parts[0].removeprefix("+ ")
        first = f"{name}: {'-' + head[2:] if head.startswith('- ') else head}"
        return (first, *parts[1:], f"= {written(c.total)}")

    # ---------------------------------------------------------------- after the tables

    def unused(self) -> Iterator[Block]:
        """Yield which operations the result does not need."""
        names = [printable(v.name) for v in self.vertices if not v.used]
        if names and self.explained.result is not None:
            listed = ", ".join(names[:8])
            listed += f" and {len(names) - 8} more" if len(names) > 8 else ""
            yield Paragraph(f"Not needed for the result: {listed}.", "dim")

    def failure(self, error: BaseException, level: int) -> Iterator[Block]:
        """Yield the exception that ended the function."""
        where = failed_at(error)
        line = ""
        if where is not None:
            is_main = where[0] == self.file or not self.located
            line = f" at line {where[1]}{'' if is_main else f' of {where[0]}'}"
        yield Heading("Error", level + 1)
        message = f"{type(error).__name__}: {printable(str(error))}"
        yield Paragraph(f"The function failed{line}: {message}", "bad")
        yield Paragraph("The operations above are those that ran before.")

    def results(self, level: int) -> Iterator[Block]:
        """Yield the gradients next to finite differences."""
        explained = self.explained
        if explained.error is not None or not explained.ticks:
            return
        forward = explained.mode == "forward"
        yield Heading("Result", level + 1)
        ticks = explained.ticks
        checked = any(t.difference is not None for t in ticks)
        shown = ticks if self.limit is None else ticks[:_GRADIENTS]
        rows: list[Row] = []
        for t in shown:
            name = Cell((printable(self.vertices[t.vertex].name),), "name")
            cells = [name, Cell((written(t.gradient),), "number")]
            if checked:
                cells += [Cell((written(t.difference),), "number"), _verdict(t)]
            rows.append(tuple(cells))
        if len(shown) < len(ticks):
            more = counted(len(ticks) - len(shown), "more input")
            rows.append(Span(f"... {more} ..."))
        first = ("result", "tangent") if forward else ("input", "gradient")
        yield Table((*first, *(("finite differences", "") if checked else ())), rows)
        if any(t.agrees is False for t in ticks):
            yield Paragraph(DIFFERS)

    def remarks(self, level: int) -> Iterator[Block]:
        """Yield where zeros, infinities and nans were born; those alike once."""
        alike: dict[Any, list[Remark]] = {}
        for remark in self.explained.warnings:
            v = self.vertices[remark.vertex]
            alike.setdefault((remark.kind, key_of(v)), []).append(remark)
        if not alike:
            return
        yield Heading("Watch out", level + 1)
        for (kind, _), same in alike.items():
            v = self.vertices[same[0].vertex]
            line = self.line(v.location)
            where = f"line {line}" if line.isdigit() else line
            where = f"{where}, {shortened(printable(v.expression))}: " if where else ""
            more = f" ({len(same) - 1} more like this.)" if len(same) > 1 else ""
            style: Style = "bad" if kind in ("nan", "inf") else ""
            yield Paragraph(f"{where}{printable(same[0].message)}{more}", style)


Sums = dict[tuple[int, int], tuple[list[Contribution], int]]


# ------------------------------------------------------------------------- small parts


def _signed(amount: Result, origin: str) -> str:
    text = written(amount)
    if text.startswith("-") and np.isrealobj(amount):
        return f"- {text[1:]} from {origin}"
    return f"+ {text} from {origin}"


def _verdict(tick: Tick) -> Cell:
    if tick.agrees is None:
        return Cell(("not checked",), "dim")
    return Cell(("agrees",), "good") if tick.agrees else Cell(("differs",), "bad")


def _has_steps(item: Item, steps: dict[int, SweepStep]) -> bool:
    if isinstance(item, Gap):
        return any(i in steps for i in range(item.first, item.end))
    return item.index in steps


def _labelled(
    items: Sequence[Item],
    vertices: Sequence[VertexView],
    rows: list[Row],
    *,
    backward: bool = False,
) -> Iterator[VertexView]:
    """Yield the vertices to show, and append the rows between them."""
    label = ""
    for item in items:
        if isinstance(item, Gap):
            rows.append(Span(item.text(backward=backward)))
            continue
        if item.label != label:
            outside = "before the loop" if backward else "after the loop"
            rows.append(Span(f"-- {item.label or outside} --"))
            label = item.label
        yield vertices[item.index]
