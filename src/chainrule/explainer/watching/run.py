"""One watched call: the nodes it made, their places in the source, and its result."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Sequence
from types import FrameType
from typing import Any, Self, cast

import numpy as np

from chainrule.explainer.watching.departures import Departing, Departure
from chainrule.explainer.watching.source import (
    CodePositions,
    SourceLocation,
    user_frame,
)
from chainrule.sweeps.listening import Listener
from chainrule.values.vertices import vertex


class Run(Listener):
    """One watched call, which listens to the recorded sweeps inside.

    Attributes
    ----------
    inputs, input_names
        One node per differentiated leaf of the arguments, and what it is called.
    leaf_numbers
        Which leaf of the arguments, those by keyword last, each input is.
    leaf_count
        How many leaves the arguments have in all.
    turned, most
        Which decisions are turned round, by their numbers, and how many there may be.
    decisions
        Where each truth value was taken that the program may branch on.
    recorded
        The nodes that the call made, in order.
    locations
        Where in the source they were computed.
    departures
        The plain values that the program took from the recording.
    result, error
        What the call returned, or the exception that ended it.
    differentiates
        Whether a sweep ran inside: the call computed a derivative.
    """

    def __init__(
        self,
        inputs: Sequence[vertex] = (),
        names: Sequence[str] = (),
        recorded: Sequence[vertex] = (),
    ) -> None:
        self.inputs: list[vertex] = list(inputs)
        self.input_names: list[str] = list(names)
        self.leaf_numbers: list[int] = []
        self.leaf_count: int = 0
        self.turned: Container[int] = ()
        self.most: int | None = None
        self.decisions: list[SourceLocation | None] = []
        self.recorded: list[vertex] = list(recorded)
        self.locations: dict[vertex, SourceLocation] = {}
        self.departures: list[Departure] = []
        self.result: Any = None
        self.error: Exception | None = None
        self.differentiates: bool = False
        self._positions = CodePositions()
        self._turns: list[_Turn] = []

    def __enter__(self) -> Self:
        """Begin the call, or a recorded sweep inside it."""
        self.differentiates = bool(self._turns)
        self._turns.append(_Turn(user_frame()))
        return self

    def __exit__(self, *error: object) -> None:
        """End it."""
        self._turns.pop()

    def vertex_reached(self, z: vertex) -> None:
        """Note whose turn it is in the innermost sweep."""
        self._turns[-1].vertex = z

    def decided(self, *, truth: bool, location: SourceLocation | None) -> bool:
        """Note a truth value that the program takes, and turn it if it is to be."""
        number = len(self.decisions)
        if self.most is not None and number >= self.most:
            raise RuntimeError("too many decisions on a branch that was turned")
        self.decisions.append(location)
        return truth != (number in self.turned)

    def location(self) -> SourceLocation | None:
        """Return where the program is.

        In a recorded sweep that is the place of the vertex whose turn it is, unless
        the sweep runs code of the user's own, such as a pullback.
        """
        frame = user_frame()
        turn = self._turns[-1] if self._turns else None
        if turn is None or frame is not turn.caller:
            return None if frame is None else self._positions.location(frame)
        location = None if turn.vertex is None else self.locations.get(turn.vertex)
        if location is None:
            return None
        return dataclasses.replace(location, derived=location.derived + 1)


@dataclasses.dataclass
class _Turn:
    """The vertex whose turn it is in a sweep, and the user's frame that runs it."""

    caller: FrameType | None
    vertex: vertex | None = None


class Observed(Departing):
    """A node whose results are entered in the run of their operands."""

    __slots__ = ("run",)
    watched = runs_python = True
    run: Run

    @classmethod
    def created(cls, z: vertex) -> None:
        """Enter a new result, with its location."""
        run = next(x.run for x in z.operands if isinstance(x, Observed))
        cast("Observed", z).run = run
        run.recorded.append(z)
        location = run.location()
        if location is not None:
            run.locations[z] = location

    @classmethod
    def joined(cls, z: vertex, beside: vertex) -> None:
        """Take an array that was a constant into the run."""
        cast("Observed", z).run = cast("Observed", beside).run

    @classmethod
    def exchanged(cls, x: vertex, old: vertex) -> None:
        """Exchange the locations of an array that was written and of what it was."""
        run = cast("Observed", x).run
        cast("Observed", old).run = run
        before, after = run.locations.pop(x, None), run.locations.pop(old, None)
        after = after or run.location()
        pairs = ((old, before), (x, after))
        run.locations |= {z: where for z, where in pairs if where is not None}
        run.inputs[:] = [old if z is x else z for z in run.inputs]
        run.recorded += [old, x]

    def depart(self, operation: str, operands: tuple[Any, ...], result: Any) -> Any:
        """Note a plain value that is taken from the recording."""
        location = self.run.location()
        if type(result) in (bool, np.bool):
            result = self.run.decided(truth=bool(result), location=location)
        departure = Departure(operation, operands, result, location)
        self.run.departures.append(departure)
        return result


__all__ = ["Observed", "Run"]
