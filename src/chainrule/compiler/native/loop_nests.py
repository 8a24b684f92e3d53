"""Loop nests in native code: elementwise rows of one shape, and sums of their results.

In: rows that all have one shape, their operands, and what is read of them outside, or
summed over some axes. Out: a ``Nest``, called with the operands. NumPy sweeps whole
arrays through memory once per operation; a nest reads each operand once, keeps what is
between in registers, and writes only what is asked for.

An operand may have any strides: what reshapes, broadcasts, slices or transposes an
array is read in place, and so is what is put together of several arrays (a
concatenation, a roll, zeros around an array). Each stretch in which the same arrays are
read has loops of its own (:mod:`chainrule.compiler.native.nest_writer`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.calls import Function, call_on
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.nest_phases import Phases, phases_of
from chainrule.compiler.native.nest_plan import Plan, Shape, contiguous
from chainrule.compiler.native.nest_writer import NestWriter
from chainrule.compiler.native.sharing import Pending, SharedCode, is_shared
from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.threads import Team, parts_of, side_by_side


class _Code:
    """A plan in machine code, and how threads share it."""

    def __init__(self, plan: Plan) -> None:
        """Compile it."""
        unit = Unit(flushes=plan.flushes)
        loops = NestWriter(unit, plan)
        loops.write("nest")
        self.function: Function = Function(Functions(unit, 2), "nest")
        self.turns: int = loops.turns
        self.block: int = loops.width if loops.split == loops.along else 1


class Nest(SharedCode):
    """A plan in machine code: called with the inputs' arrays."""

    def __init__(self, plan: Plan, threads: int | str = 1) -> None:
        """Compile nothing yet; a team of so many threads will share a call."""
        self.plan = plan
        self.team: Team = Team(threads)
        self.text: str = repr(plan)  # tells 0.0 from -0.0, which are equal
        self.likes: list[tuple[Shape, Any]] = [
            *((plan.shape, dtype) for _, dtype in plan.results),
            *(
                (tuple(1 if i in r.axes else n for i, n in enumerate(plan.shape)), t)
                for r, t in ((r, r.dtype) for r in plan.reductions)
            ),
        ]
        """The shapes and dtypes of results and reductions."""

    def compiled(self) -> _Code:
        """Compile the plan."""
        return _Code(self.plan)

    @property
    def pending(self) -> Pending | None:
        """What is still to be compiled."""
        if is_shared(self.text):
            return None
        plan = self.plan
        return Pending(self.text, len(plan.steps) * len(plan.boxes))

    @functools.cached_property
    def _phases(self) -> Phases:
        return phases_of(self.plan)

    def reads_in_step(self, places: Sequence[int]) -> bool:
        """Tell whether each entry of inputs is read before any result is written there.

        That is so where they are read vector by vector, in no later phase.
        """
        plan, written = self.plan, self._phases.written(self.plan)
        pieces = {p.input for pieces in plan.pieces for p in pieces}
        return all(
            a == contiguous(plan.shape, a.dtype)
            and i not in pieces
            and self._phases.read(plan, i) <= written
            for i, a in ((i, plan.inputs[i]) for i in places)
        )

    def __call__(self, arrays: Sequence[Any], out: Sequence[Any] = ()) -> list[Any]:
        """Return the results, then the reductions with axes of length 1.

        ``out`` may hold arrays to write into.
        """
        found: list[Any] = [*out, *[None] * (len(self.likes) - len(out))]
        for i, like in enumerate(self.likes):
            if found[i] is None:
                found[i] = np.empty(*like)
        given = [
            np.ascontiguousarray(x, dtype=a.dtype)
            for x, a in zip(arrays, self.plan.inputs, strict=True)
        ]
        self.bound(given, found)()
        return found

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Callable[[], None]:
        """Return the function that runs on these arrays, as often as it is called.

        ``given`` are contiguous arrays of the inputs' dtypes, ``found`` those of the
        results and reductions.
        """
        code, first = self.code, len(self.plan.results)
        parts = parts_of(code.turns, self.team.count, code.block)
        alone = call_on(code.function, 0, code.turns, (*given, *found))
        if len(parts) == 1:
            self.team.stay_alone()
        if self.team.alone:
            return alone
        totals = list(found[first:])
        sums = [totals, *(list(map(np.empty_like, totals)) for _ in parts[1:])]
        calls = [
            call_on(code.function, *part, (*given, *found[:first], *these))
            for part, these in zip(parts, sums, strict=True)
        ]

        def whole() -> None:
            side_by_side(calls)
            for other in sums[1:]:
                self._join(totals, other)

        return self.team.call(alone, whole)

    def _join(self, totals: Sequence[Any], others: Sequence[Any]) -> None:
        """Take the reductions of another part into these."""
        with np.errstate(all="ignore"):
            for r, total, x in zip(self.plan.reductions, totals, others, strict=True):
                getattr(np, r.name)(total, x, out=total)


__all__ = ["Nest"]
