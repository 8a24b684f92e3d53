"""What solves the systems of a solution, and of its transpose."""

from __future__ import annotations

from typing import Any, Protocol

from chainrule.values.types import Value


class Solvable(Protocol):
    """What solves linear systems: a ``System``, or its transpose."""

    def solve(self, b: Value, *, transposed: bool) -> Any:
        """Return the solution for a right side."""
        ...


class Transposed:
    """A system with the transpose of another one's matrix, by the same factors."""

    def __init__(self, system: Solvable) -> None:
        self._system = system

    def solve(self, b: Value, *, transposed: bool) -> Any:
        """Return the solution for a right side."""
        return self._system.solve(b, transposed=not transposed)


__all__ = ["Solvable", "Transposed"]
