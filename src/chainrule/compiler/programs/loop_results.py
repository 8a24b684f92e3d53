"""Results of loops: each loop takes and stores only what is read.

A row's function says by its methods ``reading`` and ``storing`` that it can do with
less.
"""

from __future__ import annotations

import operator
from typing import Any

from chainrule.compiler.programs.captured_views import transpose_inside
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.histories import narrow_histories
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.rows import rows_in


def trim_loops(program: Program) -> None:
    """Let each loop take only the xs that its body reads, and store what is read.

    A first derivative reads no carries of the sweep, for example, nor the function
    itself its own; and of a history perhaps a few entries (``histories``).
    """
    if not _trim(program):
        return
    narrowed = narrow_histories(program)
    if transpose_inside(program) or narrowed:
        _trim(program)


def _trim(program: Program) -> bool:
    """Trim the loops; tell whether there are some."""
    read: dict[Any, set[int]] = {
        row: set() for row in program.rows
        if row.shape is None and hasattr(row.function, "storing")
    }  # fmt: skip
    if not read:
        return False
    for row in read:
        row.args = row.function.reading(row.args)
        row.operands = rows_in(row.args)
    eliminate_dead_code(program)
    for row in program.rows:
        if row.function is operator.getitem and row.operands[0] in read:
            read[row.operands[0]].add(row.args[1])
    for row, places in read.items():
        row.function = row.function.storing(places)
    return True
