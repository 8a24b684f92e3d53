"""Programs: the rows of a trace that are needed to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.compiler.tracing.rows import Guard, Row, mapped


@dataclass(eq=False)
class Program:
    """Rows to run, in order, and what of them is returned, guarded and checked.

    Attributes
    ----------
    inputs
        The rows that stand for the arguments' leaves.
    rows
        The calls.
    outputs
        The leaves of the result: rows, or plain constants.
    guards, checks
        The decisions to hold to, in order, and the rows that must not be nan.
    counts
        Rows after each pass, by name.
    mapped
        Of each vmap whose rows are among these: the examples, and why it is so.
    """

    inputs: list[Row]
    rows: list[Row]
    outputs: list[Any]
    guards: list[Guard] = field(default_factory=list[Guard])
    checks: list[Row] = field(default_factory=list[Row])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    mapped: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def last_uses(self) -> dict[Row, int]:
        """Return for each row the place of the row that reads it last."""
        last: dict[Row, int] = {}
        for i, row in enumerate(self.rows):
            for x in row.operands:
                last[x] = i
        end = len(self.rows)
        for x in [*self.outputs, *self.checks, *(g.row for g in self.guards)]:
            if isinstance(x, Row):
                last[x] = end
        return last


def replaced(x: Any, place: Mapping[Row, Any]) -> Any:
    """Replace rows that have a place, also inside lists, tuples and slices."""

    def placed(x: Any) -> Any:
        return place.get(x, x) if isinstance(x, Row) else x

    return mapped(placed, x)
