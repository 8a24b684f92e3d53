"""The parts of an explanation, as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.explainer.watching.watch import Place
from chainrule.values.shapes import reduced_axes
from chainrule.values.vertices import vertex


@dataclass
class Operand:
    """What an operation was given: a vertex, by its index, or a constant.

    ``name`` is what an array that is a constant is called in formulas.
    """

    index: int | None
    value: Any
    name: str = ""


@dataclass
class VertexView:
    """One vertex of the recording.

    ``repeat`` counts executions of the same expression, from 1; ``name`` is the name
    the program gives it, or ``v1``, ``v2``, ... by age. ``used`` tells whether the
    result was computed from it.
    """

    index: int
    name: str
    value: Any
    rule: Any = None
    operation: str = "input"
    operands: list[Operand] = field(default_factory=list[Operand])
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    place: Place | None = None
    repeat: int = 1
    repeats: int = 1
    used: bool = True

    @property
    def expression(self) -> str:
        """The expression in the source, or the operation's name."""
        return (self.place.text if self.place else "") or self.operation


@dataclass
class Contribution:
    """What one vertex adds to the cotangent of one operand, or takes from its tangent.

    ``shape`` is that of the product before the sum that undoes broadcasting.
    """

    source: int
    target: int
    position: int
    partial: Any
    amount: Any
    total: Any
    summed: bool
    """Whether broadcasting was undone by a sum."""
    shape: tuple[int, ...]
    _formula: Callable[[], str] = field(repr=False, compare=False)

    @property
    def formula(self) -> str:
        """The local derivative as a formula."""
        return self._formula()

    @property
    def reduction(self) -> str:
        """The sum that undoes broadcasting, in words; ``""`` where there is none."""
        if not self.summed:
            return ""
        after = np.shape(self.amount)
        axes = reduced_axes(self.shape, after)
        noun = "axis" if len(axes) == 1 else "axes"
        listed = ", ".join(map(str, axes))
        return f"summed over {noun} {listed}: {self.shape} -> {after}"


@dataclass
class Step:
    """One vertex' turn in the sweep."""

    vertex: int
    incoming: Any
    contributions: list[Contribution]
    _ready: Callable[[], list[int]] = field(repr=False, compare=False)

    @property
    def ready(self) -> list[int]:
        """The vertices whose cotangents are complete after this step, newest first."""
        return self._ready()


@dataclass
class Tick:
    """A gradient next to finite differences, for one input.

    In forward mode: the result's tangent next to its difference along the same
    direction.
    """

    vertex: int
    gradient: Any
    difference: Any
    agrees: bool | None


class Queue:
    """Which vertices are complete and wait, after each turn of a sweep.

    Kept as the turn at which each becomes complete, so that long queues cost nothing
    until they are asked for.
    """

    def __init__(self, order: Sequence[Any], index: dict[Any, int]) -> None:
        """Note when each vertex of a sweep is complete."""
        turns = {z: turn for turn, z in enumerate(order)}
        complete = np.zeros(len(order), dtype=np.intp)
        for turn, z in enumerate(order):
            for x in z.operands:
                if isinstance(x, vertex):
                    complete[turns[x]] = turn
        self._complete = complete
        self._indices = np.array([index[z] for z in order], dtype=np.intp)

    def after(self, turn: int) -> Callable[[], list[int]]:
        """Return a function that lists the vertices that wait after a turn."""

        def ready() -> list[int]:
            waiting = self._complete[turn + 1 :] <= turn
            return self._indices[turn + 1 :][waiting].tolist()

        return ready
