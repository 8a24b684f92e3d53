"""The results of a custom operation: flat tuples for rules, structures for users."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import EscapeError, ShapeError
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.node_class import node
from chainrule.rules.supports import is_inexact, zeros_of
from chainrule.values.containers import Tree, flatten, is_container, unflatten
from chainrule.values.refusals import refuse
from chainrule.values.shapes import TUPLE, describe, ndarray
from chainrule.values.vertices import first_stand_in, raw, stand_in

_NUMBERS = (bool, int, float, complex, np.ndarray, np.generic, stand_in, node)


class Arrangement:
    """The structure of a custom operation's results, known once its forward has run.

    Rules keep several results as one flat tuple; the user's functions are given, and
    give, dicts, lists and whatever else ``forward`` returned.
    """

    __slots__ = ("counts", "name", "object", "saved", "saves", "structure")

    def __init__(self, name: str, *, saves: bool = False) -> None:
        """Keep the operation's name, for messages; a single result is expected.

        Where ``forward`` ``saves`` values, those that are numbers and arrays are
        results too, so that a compiled function hands them on; ``counts`` says how many
        leaves are the results', and how many are saved.
        """
        self.name: str = name
        self.saves: bool = saves
        self.structure: Any = None
        self.saved: Any = None
        self.object: Any = None
        self.counts: tuple[int, int] = (1, 0)

    def __repr__(self) -> str:
        """Show the structure of several results: the same text in every run."""
        return "one result" if self.structure is None else str(self.structure)

    def flat(self, z: Tree) -> Any:
        """Return several results as a flat tuple; note the structure they had."""
        if self.saves:
            return self._with_saved(z)
        return self._results(z)

    def _with_saved(self, z: Tree) -> tuple[Any, ...]:
        """Return the results, and the numbers and arrays that are saved."""
        if not isinstance(z, TUPLE) or len(z) != 2:
            raise ShapeError(
                f"The forward of custom operation {self.name!r} returns a pair, its "
                f"result and what it saves; it returned {describe(z)}."
            )
        results = self._results(z[0])
        parts = results if self.structure is not None else (results,)
        leaves, self.saved = flatten(z[1])
        numbers = [isinstance(x, _NUMBERS) for x in leaves]
        if not all(numbers):  # an object: it is kept as it is, and not compiled
            self.object, leaves = z[1], []
        self.counts = (len(parts), len(leaves))
        return (*parts, *map(self._owned, leaves))

    def result(self, parts: Any) -> Any:
        """Return a call's result, in its structure."""
        return self.arranged(self.without_saved(parts))

    def without_saved(self, parts: Any) -> Any:
        """Return a flat tuple of results, or a single one, without what is saved."""
        if not self.saves or parts is None:
            return parts
        found = tuple(parts[: self.counts[0]])
        return found if self.structure is not None else found[0]

    def with_absent(self, z_dot: Any, z: Any) -> Any:
        """Return tangents of results, none for what is saved."""
        if not self.saves or z_dot is None:
            return z_dot
        parts = z_dot if self.structure is not None else (z_dot,)
        return (*parts, *[None] * (len(z) - self.counts[0]))

    def keywords(self, z: Any, *, recorded: bool) -> dict[str, Any]:
        """Return the keyword by which derivatives take what was saved."""
        if not self.saves:
            return {}
        if recorded or not isinstance(z, TUPLE):
            return {"saved": None}
        if self.object is not None:  # one of each call: not of a program's
            return {"saved": self.object if first_stand_in(z) is None else None}
        parts = z[self.counts[0] :]
        return {"saved": unflatten(self.saved, list(parts))}

    def _results(self, z: Tree) -> Any:
        if not is_container(z):
            return self._owned(z)
        leaves, structure = flatten(z)
        if self.structure not in (None, structure):
            raise ShapeError(
                f"The forward of custom operation {self.name!r} returned results in "
                f"the structure {structure}, and before in {self.structure}. Return "
                "the same one in each call."
            )
        self.structure = structure
        return tuple(map(self._owned, leaves))

    def _owned(self, x: Any) -> Any:
        """Return a result that nobody else can change."""
        if holds_nodes(x):
            raise EscapeError(
                f"The forward of custom operation {self.name!r} used a node from "
                "outside, whose derivative would be lost. Pass that node as an operand."
            )
        refuse(x, f"A result of the custom operation {self.name!r}")
        if not isinstance(x, ndarray):
            return x
        if x.dtype == object and first_stand_in(x) is not None:
            raise TypeError("an array of objects: run as one step of the trace")
        return np.array(x)

    def arranged(self, parts: Any) -> Any:
        """Return a flat tuple of results in their structure."""
        return parts if self.structure is None else unflatten(self.structure, parts)

    def cotangents(self, z_grad: Any, z: Any) -> Any:
        """Return cotangents in the results' structure; absent ones are zeros."""
        if self.structure is None:
            return z_grad
        pairs = zip(z_grad, z, strict=True)
        return self.arranged([_zeros_like(v) if g is None else g for g, v in pairs])

    def tangents(self, z_dot: Any, z: Any) -> Any:
        """Return the user's tangents as a flat tuple; ``None`` where it is absent."""
        if self.structure is None or z_dot is None:
            return z_dot
        try:
            parts: list[Any] = self.structure.flatten_up_to(z_dot)
        except ValueError:
            raise ShapeError(
                f"The pushforward of {self.name!r} must return tangents in the "
                f"structure of the results, {self.structure}; it returned "
                f"{flatten(z_dot)[1]}."
            ) from None
        pairs = zip(parts, z, strict=True)
        return tuple(t if is_inexact(raw(v)) else None for t, v in pairs)


def _zeros_like(v: Any) -> Any:
    """Return the cotangent zero of a result; ``None`` for what is no number."""
    value = raw(v)
    number = isinstance(value, int | float | complex | np.ndarray | np.generic)
    return zeros_of(value) if number or isinstance(value, stand_in) else None


__all__ = ["Arrangement"]
