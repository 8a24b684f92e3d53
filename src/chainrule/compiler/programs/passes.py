"""Passes: what a trace needs to be repeated, simplified.

In: a ``Trace`` and the leaves of its result. Out: a ``Program`` in which each row comes
after its operands, the same call stands once, and every row leads to an output, a guard
or a check. The passes change no result by more than the sign of a zero in a nan, and
reassociate nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.compiler.programs.common_subexpressions import (
    eliminate_common_subexpressions,
)
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.loop_results import trim_loops
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.trace import Trace


def program_of(trace: Trace, inputs: Sequence[Row], outputs: Sequence[Any]) -> Program:
    """Run the passes over a trace."""
    program = Program(list(inputs), trace.rows, list(outputs), trace.guards)
    program.checks = list(dict.fromkeys(trace.checks))
    program.mapped = list(trace.mapped)
    program.counts["traced"] = len(program.rows)
    eliminate_dead_code(program)
    program.counts["needed"] = len(program.rows)
    eliminate_common_subexpressions(program, fastmath=trace.options.fastmath)
    eliminate_dead_code(program)
    trim_loops(program)
    program.counts["shared"] = len(program.rows)
    for i, row in enumerate(program.rows):
        row.serial = i
    return program
