"""Carries of loops that a call changes in place, so that no step copies them.

In: the body of a loop, with its loops over large arrays as single rows. Out: which
results of these are made where a carry was.
"""

from __future__ import annotations

import math
import operator
from typing import Any

from chainrule.compiler.native.groups import LARGE
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.rows import Row


def changed_in_place(program: Program, carried: int) -> list[tuple[int, Row, int]]:
    """Return the carries of a body that a call may change where they are.

    These are the number of each, the row of the call, and which of its results it is:
    one that is made entry by entry of the carry, which nobody reads afterwards.
    """
    readers: dict[Row, list[Row]] = {}
    for row in program.rows:
        for x in row.operands:
            readers.setdefault(x, []).append(row)
    pairs = zip(program.inputs[:carried], program.outputs, strict=False)
    found: list[tuple[int, Row, int]] = []
    for i, (x, z) in enumerate(pairs):
        if not isinstance(z, Row) or z.function is not operator.getitem:
            continue
        call, k = z.args
        ends = [*program.outputs, *program.checks]
        once = sum(y is z for y in program.outputs) == 1
        free = once and not any(y is x for y in ends)
        if free and _is_changed(x, z, call, k, readers.get(x, [])):
            found.append((i, call, k))
    return found


def _is_changed(x: Row, z: Row, call: Any, k: Any, reads: list[Row]) -> bool:
    """Tell whether a result of a call may be in place of a large array.

    What only shows the array might be read later: so only calls may read it.
    """
    may = getattr(getattr(call, "function", None), "may_overwrite", None)
    if may is None or z.shape != x.shape or z.dtype != x.dtype:
        return False
    large = math.prod(x.shape or ()) >= LARGE
    calls = all(hasattr(row.function, "bound") for row in reads)
    last = large and calls and reads[-1:] == [call]
    return bool(last and k < call.function.results and may(x, *call.args))


__all__ = ["changed_in_place"]
