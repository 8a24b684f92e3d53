"""The structure of a solution, and its numbers as one flat array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.errors import ArgumentError, ShapeError
from chainrule.rules.supports import is_inexact
from chainrule.values.containers import LEAF, Tree, flatten, unflatten
from chainrule.values.shapes import SEQUENCES, describe, ndarray, shape_of
from chainrule.values.types import Value
from chainrule.values.vertices import raw, stand_in

_np: Any = np


class Form:
    """The structure of a solution, and its inexact leaves as one flat array.

    A solution that is a number or an array keeps its shape.
    """

    def __init__(self) -> None:
        self.structure: Any = LEAF
        self.fixed: dict[int, Any] = {}
        self.shapes: list[tuple[int, ...]] = []

    def flat(self, x: Tree) -> Any:
        """Return the leaves of a solution, and note its structure."""
        leaves, self.structure = flatten(x)
        if self.structure is LEAF:
            return _number(x)
        self.fixed = {i: v for i, v in enumerate(leaves) if not is_inexact(v)}
        moving = [_number(v) for i, v in enumerate(leaves) if i not in self.fixed]
        if not moving:
            raise _no_numbers(x)
        return tuple(moving)

    def joined(self, found: Any) -> Any:
        """Return the leaves as one array."""
        if self.structure is LEAF:
            return found
        self.shapes = list(map(shape_of, found))
        return _np.concatenate([_np.reshape(v, (-1,)) for v in found])

    def apart(self, z: Any) -> Any:
        """Return an array in the structure of the solution."""
        if self.structure is LEAF:
            return z
        parts: list[Any] = []
        begin = 0
        for shape in self.shapes:
            size = math.prod(shape)
            part = z[begin : begin + size]
            parts.append(_np.reshape(part, shape) if shape else part[0])
            begin += size
        for i, v in sorted(self.fixed.items()):
            parts.insert(i, v)
        return unflatten(self.structure, parts)

    def residual(self, tree: Tree, z: Value) -> Any:
        """Return the residual's leaves as an array like the solution's."""
        if self.structure is LEAF:
            return operations.asarray(tree) if isinstance(tree, SEQUENCES) else tree
        leaves = flatten(tree)[0]
        if len(leaves) == len(self.shapes) + len(self.fixed):
            leaves = [v for i, v in enumerate(leaves) if i not in self.fixed]
        shapes = [shape_of(raw(v)) for v in leaves]
        if shapes != self.shapes:
            raise ShapeError(
                f"the residual has leaves of shapes {shapes}, and the solution "
                f"{self.shapes}. Return an equation for each unknown, in its place."
            )
        return _np.concatenate([_np.reshape(v, (-1,)) for v in leaves])


def _no_numbers(x: Tree) -> ArgumentError:
    return ArgumentError(
        "implicit needs a solver that returns a number or an array of them, or a "
        f"container; received {describe(x)}. Return its solution: result.x."
    )


def _number(x: Any) -> Any:
    """Return a leaf of a solution as a float or an array of inexact numbers."""
    if isinstance(x, int) and not isinstance(x, bool):
        x = float(x)
    if type(x) is complex:
        x = np.complex128(x)  # which has a shape
    kinds = (ndarray, float, complex, np.generic, stand_in)
    if not isinstance(x, kinds) or not is_inexact(x):
        raise _no_numbers(x)
    if isinstance(x, ndarray):
        return _np.array(x)  # a solver may write its next solution there
    return x


__all__ = ["Form"]
