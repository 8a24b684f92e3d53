"""Making findings: what the parts of a diagnosis share."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.explainer.account.account import Account
from chainrule.explainer.account.brief import as_numbers
from chainrule.explainer.account.sweep import Contribution
from chainrule.explainer.account.views import VertexView
from chainrule.explainer.diagnosis.entries import (
    Entry,
    at,
    is_elementwise,
    numbers,
    numbers_at,
    own_entry,
    shape_of,
)
from chainrule.explainer.diagnosis.finding import Factor, Finding
from chainrule.explainer.watching.departures import Departure
from chainrule.explainer.watching.source import SourceLocation


class Reports:
    """The findings on an account; of equal ones at one place the first is kept.

    ``size`` is the largest entry of the results, and ``added`` are the operations that
    sum these: the program does not.
    """

    def __init__(self, account: Account, size: float, added: Container[Any]) -> None:
        self.account = account
        self.size = size
        self._added = added
        self.contributions: list[Contribution] = [
            c for step in account.steps for c in step.contributions
        ]
        self.incoming: dict[int, Any] = {s.vertex: s.incoming for s in account.steps}
        self._by_source: dict[int, list[Contribution]] = {}
        for c in self.contributions:
            self._by_source.setdefault(c.source, []).append(c)
        self._found: dict[tuple[Any, ...], Finding] = {}
        self._strongest: dict[int, tuple[float, Contribution]] = {}
        for c in self.contributions:
            size = magnitude(c.amount)
            if c.target not in self._strongest or size > self._strongest[c.target][0]:
                self._strongest[c.target] = size, c

    def all(self) -> list[Finding]:
        """Return the findings: what is not finite first, on the oldest operations."""
        return sorted(self._found.values(), key=_rank)

    def add(
        self,
        kind: str,
        v: VertexView,
        message: str,
        *,
        operand: int | None = None,
        entry: Entry | None = None,
        values: dict[str, Any] | None = None,
        remedy: str = "",
        in_derivative: bool = False,
    ) -> None:
        """Enter a finding on an operation, unless its place has one of its kind."""
        place = v.index if v.location is None else _place(v.location)
        known = (kind, place) in self._found or ("nan", place) in self._found
        if known or v.index in self._added:
            return
        name, index = "", entry
        if operand is not None:
            x = v.operands[operand]
            name = self.account.written(x)
            index = own_entry(x.value, entry, shape_of(v.value))
        known = numbers_at(self.account, v, entry) if values is None else values
        self._found[kind, place] = Finding(
            kind,
            message,
            v.operation,
            v.expression if v.location is not None else v.operation,
            v.location,
            operand,
            name,
            index,
            known,
            remedy,
            in_derivative,
            self.chain(v, operand, entry),
            v.repeat,
            v.repeats,
            v.index,
        )

    def knows(self, kind: str, v: VertexView) -> bool:
        """Tell whether there is a finding of a kind in an operation's place."""
        place = v.index if v.location is None else _place(v.location)
        return (kind, place) in self._found

    def contributions_of(self, index: int) -> Sequence[Contribution]:
        """Return what an operation passes on in the sweep."""
        return self._by_source.get(index, ())

    def add_departure(
        self,
        kind: str,
        departure: Departure,
        index: int,
        message: str,
        entry: Entry | None = None,
        *,
        remedy: str,
    ) -> None:
        """Enter a finding on a plain value that the program took of a vertex."""
        location = departure.location
        place = None if location is None else _place(location)
        if (kind, place) in self._found:
            return
        v = self.account.vertices[index]
        position = next(
            (
                i
                for i, x in enumerate(departure.operands)
                if self.account.index_of(x) is not None
            ),
            None,
        )
        self._found[kind, place] = Finding(
            kind,
            message,
            departure.operation,
            location.text if location is not None else departure.operation,
            location,
            position,
            v.name,
            entry,
            {v.name: at(v.value, entry, shape_of(departure.result))},
            remedy,
            in_derivative=True,
            age=index,
        )

    def chain(
        self, v: VertexView, operand: int | None, entry: Entry | None
    ) -> tuple[Factor, ...]:
        """Return the factors from the result to an operation, along the widest way.

        With an operand the last one is the derivative in it. What sums the results is
        none of the program's, and left out.
        """
        found: list[Factor] = []
        if operand is not None:
            own = [c for c in self.contributions_of(v.index) if c.position == operand]
            found += [self._factor(c, entry) for c in own[:1]]
        for c in self.way(v.index):
            source = self.account.vertices[c.source]
            entry = entry if is_elementwise(source) else None
            if c.source not in self._added:
                found.append(self._factor(c, entry))
        return tuple(reversed(found))

    def way(self, target: int) -> Iterator[Contribution]:
        """Yield the largest contributions, from a vertex on up to the result."""
        while target in self._strongest and target != self.account.result:
            c = self._strongest[target][1]
            yield c
            target = c.source

    def _factor(self, c: Contribution, entry: Entry | None) -> Factor:
        vertices = self.account.vertices
        name = f"d{vertices[c.source].name}/d{vertices[c.target].name}"
        partial = numbers(as_numbers(c.partial))
        if partial is None:
            return Factor(name, None)
        if partial.ndim and entry is not None:
            try:
                partial = np.broadcast_to(partial, shape_of(vertices[c.source].value))
                slope: Any = partial[entry]
                return Factor(name, float(slope.real))
            except (ValueError, IndexError, TypeError):  # of another shape on the way
                return Factor(name, None)
        single = partial.size == 1 and np.isrealobj(partial)
        return Factor(name, partial.item() if single else None)


def _rank(found: Finding) -> tuple[int, int]:
    """Order findings: what is not finite, what is wrong or fades, what is zero."""
    first = found.kind in ("nan", "infinity")
    return 0 if first else 2 if found.kind == "zero" else 1, found.age


def _place(location: SourceLocation) -> tuple[Any, ...]:
    """Return what all executions of an expression share, and its derivatives."""
    return location.filename, location.span


def magnitude(x: Any) -> float:
    """Return the largest absolute value, infinite where an entry is nan."""
    array = numbers(x)
    if array is None or not array.size:
        return 0.0
    largest = float(np.max(np.abs(array)))
    return np.inf if np.isnan(largest) else largest


__all__ = ["Reports", "magnitude"]
