"""Examples: a row with its arguments' values for all examples, as forms read them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.tracing.rows import Row
from chainrule.values.shapes import TUPLE, normalize_axes, shape_of
from chainrule.values.vertices import first_stand_in

_np: Any = np


@dataclass(frozen=True)
class Many:
    """A value with a leading axis of examples."""

    value: Any


class CannotBatchError(Exception):
    """A row has no batched form for these arguments; it is called per example."""


class Moved:
    """A row with its arguments' values, for a batched form to read.

    ``args`` and ``given`` hold ``Many`` where a value has an axis of examples.
    """

    def __init__(self, row: Row, args: Any, given: Any, count: int) -> None:
        """Keep them."""
        self.row = row
        self.args = args
        self.given = given
        self.count = count

    def rank(self, x: Any) -> int:
        """Return the number of axes of one example."""
        return len(shape_of(plain_of(x))) - isinstance(x, Many)

    def aligned(self, x: Any, rank: int) -> Any:
        """Return a value for broadcasting with others of this rank per example."""
        if not isinstance(x, Many):
            return x
        value, own = x.value, self.rank(x)
        if own >= rank:
            return value
        shape = shape_of(value)
        return _np.reshape(value, (shape[0], *(1,) * (rank - own), *shape[1:]))

    def option(self, name: str, place: int, default: Any = None) -> Any:
        """Return a parameter given by name or position."""
        if name in self.given:
            return self.given[name]
        return self.args[place] if len(self.args) > place else default

    def rest(self, *names: str) -> dict[str, Any]:
        """Return the keywords but these, all the same for every example."""
        found = {k: x for k, x in self.given.items() if k not in names}
        if any(isinstance(x, Many) for x in found.values()):
            raise CannotBatchError
        return found


Form = Callable[[Moved], Any]
"""Runs a row on all examples at once."""


def plain_of(x: Any) -> Any:
    """Return the value of all examples, or what they share."""
    return x.value if isinstance(x, Many) else x


def shifted(axis: Any, rank: int) -> Any:
    """Return an axis of one example as an axis of the batch."""
    if axis is None:
        return tuple(range(1, rank + 1))
    if isinstance(axis, TUPLE):
        return tuple(a + 1 for a in normalize_axes(axis, rank))
    return normalize_axes(axis, rank)[0] + 1 if rank else ()


def as_row(function: Any, values: Sequence[Any], given: Any) -> Any:
    """Call a function, as one row where a value is traced."""
    trace = first_stand_in(*values, given)
    if trace is None:
        return function(*values, **given)
    return trace.whole(function, values, given)
