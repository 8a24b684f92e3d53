"""Phases: the steps of a nest between calls of ufuncs' loops.

In: a ``Plan``. Out: which steps are such calls, and in which order the others are done:
a phase goes along a stretch of the inner axis, then come the calls whose operands it
has computed. What a later phase reads is kept in buffers of ``BLOCK`` numbers.
"""

from __future__ import annotations

import heapq

from chainrule.compiler.native.nest_plan import Plan, Step
from chainrule.compiler.native.row_steps import REALS, is_written
from chainrule.compiler.native.ufunc_loops import UfuncLoop, loop_of

BLOCK = 256
"""Numbers in a stretch: some ten buffers of them stay in the first cache."""
MOST = 128
"""Buffers that the stack has room for."""


class Phases:
    """The phases of a plan.

    Attributes
    ----------
    steps, calls
        Of each phase: the steps that are computed, in order, and those that are then
        calls.
    loops
        What is called, by step.
    of
        The phase from which on each step's result is there.
    kept
        The steps whose results are in buffers.
    slots
        The buffer of each of these; one is used again when nobody reads it any more.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.steps: list[list[int]] = []
        self.calls: list[list[int]] = []
        self.loops: dict[int, UfuncLoop] = {}
        self.of: list[int] = []
        self.kept: set[int] = set()
        self.slots: dict[int, int] = {}

    def read(self, plan: Plan, place: int) -> int:
        """Return when an input is read for the last time.

        What happens in phase p has the time 2 p, the calls after it have 2 p + 1.
        """
        readers = (
            i for i, s in enumerate(plan.steps) if ("input", place) in s.operands
        )
        return max((self.begin(i) for i in readers), default=0)

    def begin(self, step: int) -> int:
        """Return when a step is done."""
        return 2 * self.of[step] - (step in self.loops)

    def written(self, plan: Plan) -> int:
        """Return when a result is written first."""
        return min((2 * self.of[i] for i, _ in plan.results), default=0)


def phases_of(plan: Plan) -> Phases:
    """Return the phases of a plan; one, without calls, if they took much memory."""
    found = _phases(plan, call=True)
    _assign(found, plan)
    if max(found.slots.values(), default=0) >= MOST:
        found = _phases(plan, call=False)
    return found


def _assign(phases: Phases, plan: Plan) -> None:
    """Give each step that is kept a buffer.

    It is free for what comes later than all that reads it.
    """
    last: dict[int, int] = {i: 2 * phases.of[i] for i in phases.kept}
    begin: dict[int, int] = {}
    for i, step in enumerate(plan.steps):
        begin[i] = phases.begin(i)
        for kind, x in step.operands:
            if kind == "step" and x in last:
                last[x] = max(last[x], begin[i])
    free: list[int] = []
    busy: list[tuple[int, int]] = []
    for i in sorted(phases.kept, key=lambda i: (begin[i], i)):
        while busy and busy[0][0] < begin[i]:
            free.append(heapq.heappop(busy)[1])
        slot = free.pop() if free else len(busy)
        phases.slots[i] = slot
        heapq.heappush(busy, (last[i], slot))


def _phases(plan: Plan, *, call: bool) -> Phases:
    found = Phases()
    for i, step in enumerate(plan.steps):
        operands = [int(x) for kind, x in step.operands if kind == "step"]
        phase = max([found.of[x] for x in operands], default=0)
        while len(found.steps) <= phase + 1:
            found.steps.append([])
            found.calls.append([])
        loop = _loop_of(plan, step) if call or step.of_complex else None
        if loop is None:
            found.steps[phase].append(i)
            found.kept |= {x for x in operands if found.of[x] < phase}
            found.of.append(phase)
        else:
            found.loops[i] = loop
            found.calls[phase].append(i)
            found.kept |= {i, *operands}
            found.of.append(phase + 1)
    last = max(found.of, default=-1)
    del found.steps[last + 1 :], found.calls[last + 1 :]
    return found


def _loop_of(plan: Plan, step: Step) -> UfuncLoop | None:
    """Return the loop to call for a step, if it can read the step's operands."""
    if step.of_complex:
        if is_written(step.name, plan.real):
            return None
        is_complex = step.is_complex
        return loop_of(step.name, plan.real[0], of_complex=True, is_complex=is_complex)
    return loop_of(step.name, plan.real[0]) if _reads_numbers(plan, step) else None


def _reads_numbers(plan: Plan, step: Step) -> bool:
    """Tell whether all arrays that a step reads are of the numbers computed with."""
    inputs: list[int | None] = [x for kind, x in step.operands if kind == "input"]
    for number in [x for kind, x in step.operands if kind == "pieces"]:
        inputs += [piece.input for piece in plan.pieces[int(number)]]
    arrays = (plan.inputs[x] for x in inputs if x is not None)
    return all(a.dtype == REALS[plan.real] or not any(a.strides) for a in arrays)


__all__ = ["BLOCK", "Phases", "phases_of"]
