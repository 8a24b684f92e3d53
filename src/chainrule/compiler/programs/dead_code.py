"""Dead code elimination (DCE): a walk back from outputs, guards and checks."""

from __future__ import annotations

from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.picking import Unread
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.shapes import keeps_shape


def eliminate_dead_code(program: Program) -> None:
    """Keep the rows that lead to an output, a guard, a check, or a shape of values.

    Where a shape depends on values (``x[x > 0]``), Python may have read it, but not
    where that is only written (``y[y > 0] *= 2``).
    """
    keep = set(program.ends)
    rows: list[Row] = []
    for row in reversed(program.rows):
        if row in keep or not (keeps_shape(row) or isinstance(row.where, Unread)):
            keep.update(row.operands)
            rows.append(row)
    program.rows = rows[::-1]
