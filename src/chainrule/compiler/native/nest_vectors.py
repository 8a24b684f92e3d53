"""Vectors of a row of a nest: what is read, computed, written and added up.

In: a ``Line``, and where in it a vector is. Out: the text of one phase of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chainrule.compiler.native.complex_writer import ComplexWriter, Number
from chainrule.compiler.native.nest_phases import BLOCK, phases_of
from chainrule.compiler.native.nest_plan import Access, Box, Plan, contiguous
from chainrule.compiler.native.operations import ELEMENTWISE, REDUCTIONS
from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.writer import RECORD

Totals = dict[int, tuple[str, str]]
"""Of reductions: where the total is, and what it lost in rounding, if that is kept."""


class Stretch(NamedTuple):
    """A box, its innermost axis, and whether threads share it; what is read in it."""

    box: Box
    along: int
    shared: bool
    pieces: list[int | None]
    """The input that each operand of pieces is."""
    reads: set[int]

    @property
    def length(self) -> int:
        """The entries along its innermost axis."""
        begin, end = self.box[self.along]
        return end - begin


class Line(NamedTuple):
    """A row of the inner axis: the arrays' addresses, and what stays along it."""

    pointers: list[str]
    at: Stretch
    still: dict[int, str]
    totals: Totals
    """Those of reductions along it."""


class Place(NamedTuple):
    """A vector: its phase, where it is in the row and in buffers, and how long."""

    phase: int
    i: str
    kept: str
    length: int


class VectorWriter(ComplexWriter):
    """Writes vectors of a plan, and the totals of reductions."""

    def __init__(self, unit: Unit, plan: Plan) -> None:
        """Find the phases."""
        super().__init__(unit, [RECORD], plan.real)
        self.plan = plan
        self.outs: list[Access] = [
            contiguous(plan.shape, dtype) for _, dtype in plan.results
        ]
        self.sums: list[Access] = [
            contiguous(plan.shape, r.dtype, r.axes) for r in plan.reductions
        ]
        self.split: int = 0
        """The axis that threads share, in the largest box."""
        self._phases = phases_of(plan)
        self._stack: dict[str, str] = {}
        self._numbers: int = 2 if any(s.is_complex for s in plan.steps) else 1
        """Numbers in a result, at most."""

    def plus(self, *numbers: str) -> str:
        """Return the sum of integers."""
        found, *others = [x for x in numbers if x != "0"] or ["0"]
        for x in others:
            found = self.add(f"add i64 {found}, {x}")
        return found

    # ---------------------------------------------------------------------- totals

    def opened_totals(self, which: Sequence[int], *, exact: bool) -> Totals:
        """Begin totals; where ``exact``, keep what sums lose in rounding."""
        totals: Totals = {}
        for j in which:
            r = self.plan.reductions[j]
            many = self._width(r.step)
            nothing, kinds = self.literal(neutral(r.name), many), self.type(many)
            lost = self._kept(f"lost{j}", many) if exact and r.name == "add" else ""
            totals[j] = self._kept(f"total{j}", many), lost
            self.do(f"store {kinds} {nothing}, ptr {totals[j][0]}")
            if lost:
                self.do(f"store {kinds} zeroinitializer, ptr {lost}")
        return totals

    def closed_totals(self, totals: Totals, pointers: Sequence[str]) -> None:
        """Add totals to the entries that they belong to."""
        first = len(self.plan.inputs) + len(self.outs)
        for j, total in totals.items():
            r = self.plan.reductions[j]
            place = pointers[first + j], self.sums[j]
            self.add_up(r.name, self._width(r.step), *total, *place)

    def _of_phase(self, totals: Mapping[int, Any], phase: int) -> list[int]:
        """Return the reductions among some that a phase computes."""
        steps = {j: self.plan.reductions[j].step for j in totals}
        return [j for j, step in steps.items() if self._phases.of[step] == phase]

    def _width(self, step: int) -> int:
        """Return how many numbers a vector of a step's results has."""
        return self.width * (2 if self.plan.steps[step].is_complex else 1)

    def _kept(self, name: str, count: int, kind: str = "") -> str:
        """Return the address of numbers on the stack, the same for each name."""
        self._stack.setdefault(name, f"[{count} x {kind or self.real}]")
        return f"%{name}"

    def _buffer(self, step: int) -> str:
        """Return the address of the buffer of a step."""
        slot = self._phases.slots[step]
        return self._kept(f"buffer{slot}", BLOCK * self._numbers)

    def _bytes(self, step: int) -> int:
        """Return the bytes from each result to the next in the buffer of a step."""
        return self.size * self._width(step) // self.width

    # --------------------------------------------------------------------- a vector

    def body(self, line: Line, place: Place, totals: dict[int, str]) -> dict[int, str]:
        """Write a phase for a vector of the inner axis; return its totals."""
        plan, phases, count = self.plan, self._phases, place.length
        along = line.at.along
        value = self._values(line, place)
        rest = line.pointers[len(plan.inputs) :]
        for (k, _), pointer, a in zip(plan.results, rest, self.outs, strict=False):
            if phases.of[k] == place.phase:
                self.written(value(k), pointer, a, along, place.i, count)
        totals = dict(totals)
        sums = zip(plan.reductions, rest[len(self.outs) :], self.sums, strict=True)
        for j, (r, pointer, a) in enumerate(sums):
            if phases.of[r.step] != place.phase:
                continue
            x = value(r.step)
            if j in totals:
                width = self._width(r.step)
                nothing = self.literal(neutral(r.name), width)
                x = self.filled(x, count * a.parts, nothing, width)
                totals[j] = self.operation(r.name, width, totals[j], x)
            else:
                have = self.read(pointer, a, along, place.i, count)
                total = self.operation(r.name, self._width(r.step), have, x)
                self.written(total, pointer, a, along, place.i, count)
        return totals

    def _values(self, line: Line, place: Place) -> Callable[[int], str]:
        """Write the steps of a phase for a vector; return what gives their results."""
        inputs, values, phases = dict(line.still), dict[int, str](), self._phases

        def read(k: int) -> str:
            if k not in inputs:
                pointer, seen = line.pointers[k], self.plan.inputs[k]
                along, length = line.at.along, place.length
                inputs[k] = self.read(pointer, seen, along, place.i, length)
            return inputs[k]

        def value(k: int) -> str:
            if k not in values:  # another phase has left it in its buffer
                at = self.at(self._buffer(k), place.kept, self._bytes(k))
                values[k] = self.load_vector(at, place.length, self._width(k))
            return values[k]

        def operand(kind: str, x: Any) -> Number:
            if kind == "number":
                width = self.width * (2 if isinstance(x, complex) else 1)
                return Number(self.literal(x, width), width)
            if kind == "step":
                return Number(value(int(x)), self._width(int(x)))
            k = line.at.pieces[int(x)] if kind == "pieces" else int(x)
            if k is None:
                return Number(self.literal(0.0), self.width)
            return Number(read(k), self.width * self.plan.inputs[k].parts)

        beside = self._beside(phases.steps[place.phase])
        for k in phases.steps[place.phase]:
            step = self.plan.steps[k]
            operands = [operand(*x) for x in step.operands]
            values[k] = self.computed(step, operands, is_called=k not in beside)
            if k in phases.kept:
                at = self.at(self._buffer(k), place.kept, self._bytes(k))
                self.store_vector(values[k], at, place.length, self._width(k))
        return value

    def _beside(self, phase: Sequence[int]) -> set[int]:
        """Return the steps of a phase that are functions of what others are, too.

        Signs make no difference: most functions begin with the absolute value.
        """
        of: dict[Any, list[int]] = {}
        for k in phase:
            step = self.plan.steps[k]
            known = ELEMENTWISE.get(step.name)
            if known is not None and known.native is not None:
                unsigned = tuple(self._unsigned(kind, x) for kind, x in step.operands)
                of.setdefault(unsigned, []).append(k)
        return {k for steps in of.values() if len(steps) > 1 for k in steps}

    def _unsigned(self, kind: str, x: Any) -> tuple[str, Any]:
        """Return an operand; for the negative of another, that."""
        if kind == "step" and self.plan.steps[int(x)].name == "negative":
            return self.plan.steps[int(x)].operands[0]
        return kind, x


def neutral(name: str) -> float:
    """Return what changes no sum (not even -0) and no largest or smallest number."""
    return -0.0 if name == "add" else REDUCTIONS[name].start


__all__ = ["Line", "Place", "Stretch", "Totals", "VectorWriter", "neutral"]
