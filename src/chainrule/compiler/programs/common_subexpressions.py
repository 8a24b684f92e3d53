"""Common subexpression elimination (CSE): the same call of the same operands once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from chainrule.compiler.programs.fastmath import simplified
from chainrule.compiler.programs.identities import identity
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.progress import watched
from chainrule.compiler.tracing.rows import Row
from chainrule.values.shapes import ARRAYS, kind_of


def eliminate_common_subexpressions(
    program: Program, *, fastmath: bool = False
) -> None:
    """Make one row of equal calls, and take identities."""
    known: dict[Any, Row] = {}
    moved: dict[Row, Any] = {}
    stay = moved.keys().isdisjoint
    kept: list[Row] = []

    def placed(row: Row) -> Any:
        """Return what stands for a row: itself, an earlier row, or a constant."""
        found: Any = identity(row)
        if found is None and fastmath:
            found = simplified(row, placed)
        if found is None:
            found = known.setdefault(call_key(row), row)
        if found is row:
            kept.append(row)
        return found

    decided = {guard.row for guard in program.guards}
    with watched(program.rows, "equal calls", "rows") as rows:
        for row in rows:
            if not stay(row.operands):
                _rewrite(row, moved)
            found = placed(row)
            if found is not row:
                if row in decided and not isinstance(found, Row):
                    kept.append(row)  # Python asks for this value
                else:
                    moved[row] = found
    program.rows = kept
    program.outputs = [moved.get(x, x) if isinstance(x, Row) else x
                       for x in program.outputs]  # fmt: skip
    checks = [moved.get(x, x) for x in program.checks]
    program.checks = list(dict.fromkeys(x for x in checks if isinstance(x, Row)))
    program.guards = [g.at(moved.get(g.row, g.row)) for g in program.guards]


def _rewrite(row: Row, moved: Mapping[Row, Any]) -> None:
    """Let a row read what its operands have become."""
    row.args = tuple([replaced(x, moved) for x in row.args])
    if row.given:
        row.given = {k: replaced(x, moved) for k, x in row.given.items()}
    operands = [moved.get(x, x) for x in row.operands]
    row.operands = [x for x in operands if isinstance(x, Row)]


def call_key(row: Row) -> Any:
    """Return what is equal for calls that compute the same."""
    if not row.given:
        for x in row.args:
            kind = kind_of(x)
            if kind is not Row and (kind is not float or x == 0.0):
                break
        else:  # the arguments are their own keys, but for 0.0, which equals -0.0
            return (row.function, row.args, row.number)
    return (row.function, argument_key(row.args), argument_key(row.given), row.number)


_SMALL = 1024


def argument_key(x: Any) -> Any:
    """Return a hashable stand-in for an argument; equal ones compute the same."""
    kind = kind_of(x)
    if kind is Row:
        return id(x)
    if kind is float:
        return (float, x, math.copysign(1.0, x))
    if kind is complex:
        return (complex, argument_key(x.real), argument_key(x.imag))
    if kind is tuple or kind is list:
        return (kind, *[argument_key(v) for v in x])
    if kind is dict:
        return (kind, *[(k, argument_key(v)) for k, v in x.items()])
    if kind is slice:
        return (kind, argument_key(x.start), argument_key(x.stop), argument_key(x.step))
    if isinstance(x, ARRAYS):
        if x.nbytes <= _SMALL:
            return (kind, x.shape, x.dtype.str, x.tobytes())
        return id(x)
    try:
        hash(x)
    except TypeError:
        return id(x)
    return (kind, x)
