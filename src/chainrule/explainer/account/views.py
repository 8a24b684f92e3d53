"""What an account holds of the recording: vertices, operands, and gradients checked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chainrule.explainer.watching.source import SourceLocation
from chainrule.rules import rule
from chainrule.values.types import Result


@dataclass
class Operand:
    """An operand of an operation: a vertex, by its index, or a constant.

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
    rule: type[rule] | Any = None
    operation: str = "input"
    operands: list[Operand] = field(default_factory=list[Operand])
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    location: SourceLocation | None = None
    repeat: int = 1
    repeats: int = 1
    used: bool = True

    @property
    def expression(self) -> str:
        """The expression in the source, or the operation's name."""
        return (self.location.text if self.location else "") or self.operation


@dataclass
class Tick:
    """A gradient next to finite differences, for one input.

    In forward mode: the result's tangent next to its difference along the same
    direction.
    """

    vertex: int
    gradient: Result
    difference: Result | None
    agrees: bool | None
