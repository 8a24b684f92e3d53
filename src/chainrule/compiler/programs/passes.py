"""Passes: what a trace needs to be repeated, simplified.

In: a ``Trace`` and the leaves of its result. Out: a ``Program`` in which each row comes
after its operands, the same call stands once, and every row leads to an output, a guard
or a check. The passes change no result by more than the sign of a zero in a nan, but
for whole powers, which become products, and reassociate nothing, unless
``compile(fastmath=True)`` asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.compiler.programs.common_subexpressions import (
    eliminate_common_subexpressions,
)
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.fastmath import take_fastmath_identities
from chainrule.compiler.programs.identities import take_identities
from chainrule.compiler.programs.loop_results import trim_loops
from chainrule.compiler.programs.masked_parts import choose_masked
from chainrule.compiler.programs.program import Program, Snapshot
from chainrule.compiler.programs.scatters import gather_scatters
from chainrule.compiler.programs.writes import prepare_writes
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.trace import Trace
from chainrule.errors import ArgumentError, CompileError


@dataclass(frozen=True)
class Pass:
    """A change to programs, in place, by the field's name for it.

    One of ``fastmath`` is run where that was asked for, an ``outermost`` one not over
    the bodies of loops and maps, an ``inner`` one over these only.
    """

    name: str
    run: Callable[[Program], None]
    fastmath: bool = False
    outermost: bool = False
    inner: bool = False

    def is_for(self, trace: Trace) -> bool:
        """Tell whether it is run over this trace."""
        return (trace.options.fastmath or not self.fastmath) and (
            not self.inner if trace.parent is None else not self.outermost
        )


PASSES = (
    Pass("dce", eliminate_dead_code),
    Pass("identities", take_identities),
    Pass("fastmath", take_fastmath_identities, fastmath=True),
    Pass("cse", eliminate_common_subexpressions),
    Pass("masks", choose_masked, inner=True),
    Pass("loops", trim_loops),
    Pass("scatters", gather_scatters, outermost=True),
    Pass("writes", prepare_writes),
)
"""Dead code elimination (DCE), identities, common subexpression elimination (CSE),
what masks pick in bodies, the results of loops, what is added entry by entry, and
writes that may be done in place, in the order in which they are run.
"""

TRACED = "traced"
"""The name of the stage before the passes."""

KEPT = 10_000
"""Of programs with up to this many rows, the traced ones are kept, for ``stage``."""

OBSERVERS: list[Callable[[str, Program], None]] = []
"""Called with each stage of each program; the tests verify them here."""


STRUCTURAL = tuple(x for x in PASSES if x.name in ("dce", "cse", "scatters"))
"""The passes for a program that is not run, but asked what depends on what."""


def program_of(
    trace: Trace,
    inputs: Sequence[Row],
    outputs: Sequence[Any],
    passes: Sequence[Pass] = PASSES,
) -> Program:
    """Run the passes over a trace."""
    checks = list(dict.fromkeys(trace.checks))
    program = Program(list(inputs), trace.rows, list(outputs), trace.guards, checks)
    program.mapped = list(trace.mapped)
    _enter(TRACED, program)
    if passes is PASSES and trace.parent is None and len(program.rows) <= KEPT:
        program.traced = Snapshot(program)
    for each in passes:
        if each.is_for(trace):
            each.run(program)
            _enter(each.name, program)
            if each.run is eliminate_dead_code and program.traced is not None:
                program.traced.release(program)
    return program.renumbered()


def _enter(name: str, program: Program) -> None:
    """Note the rows of a stage."""
    program.counts[name] = len(program.rows)
    for observe in OBSERVERS:
        observe(name, program)


def at_stage(program: Program, stage: str) -> Program:
    """Return what a program was after a pass, or as it was traced."""
    stages = list(program.counts)
    if stage not in stages:
        raise ArgumentError(
            f"stage={stage!r} is none of this program's: {', '.join(stages)}."
        )
    if stage == stages[-1]:
        return program
    if program.traced is None:
        raise CompileError(
            f"The stages of a program with more than {KEPT} rows are not kept. Leave "
            f"stage= out for its last one, {stages[-1]}."
        )
    earlier = program.traced.restored()
    for each in PASSES:
        if stage == TRACED:
            break
        if each.name in stages:
            each.run(earlier)
        if each.name == stage:
            break
    return earlier.renumbered()
