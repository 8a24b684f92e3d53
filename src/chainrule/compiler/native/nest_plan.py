"""Plans of loop nests: what is read, computed, written and reduced.

In: nothing. Out: a ``Plan``, whose entries are those of one shape. An operand is an
array read in place by any strides (``Access``), or put together of several: the grid
of ``boxes`` has a box for each combination of the arrays that are read in it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

FLOAT: Any = np.dtype(np.float64)
Shape = tuple[int, ...]
Box = tuple[tuple[int, int], ...]
"""The first entry, and the one after the last, along each axis."""


@dataclass(frozen=True)
class Access:
    """Where an array's entries are: a byte per step along each axis, and its dtype."""

    dtype: Any
    strides: Shape
    offset: int = 0

    @property
    def parts(self) -> int:
        """Numbers in an entry: two in a complex one."""
        return 2 if self.dtype.kind == "c" else 1

    def step(self, axis: int) -> int:
        """Return the step along an axis, in entries."""
        return self.strides[axis] // self.dtype.itemsize


class Piece(NamedTuple):
    """The box of an operand that one input has, or that is 0 (``None``)."""

    box: Box
    input: int | None


@dataclass(frozen=True)
class Step:
    """One elementwise operation: its result's number is its place in the list.

    Operands are ``("input", i)``, ``("pieces", i)``, ``("step", i)`` or
    ``("number", x)``. Complex results are two numbers each, one after the other, and
    so are all operands of an operation on complex numbers.
    """

    name: str
    operands: tuple[tuple[str, Any], ...]
    of_complex: bool = False
    is_complex: bool = False


@dataclass(frozen=True)
class Reduction:
    """A step's result reduced over axes, by an operation of ``REDUCTIONS``."""

    name: str
    step: int
    axes: Shape
    dtype: Any = FLOAT


@dataclass(frozen=True)
class Plan:
    """What a nest computes.

    ``inputs`` are the operands' entries for the whole shape (stride 0 where they are
    broadcast), ``results`` the numbers and dtypes of the steps that are written, and
    ``pieces`` the operands that are put together of inputs, box by box.
    """

    shape: Shape
    inputs: tuple[Access, ...]
    steps: tuple[Step, ...]
    results: tuple[tuple[int, Any], ...]
    reductions: tuple[Reduction, ...]
    pieces: tuple[tuple[Piece, ...], ...] = ()
    real: str = "double"
    """The kind of the numbers that are computed with: ``double`` or ``float``."""
    flushes: bool = False
    """Whether subnormal numbers are taken as 0."""

    @property
    def boxes(self) -> list[Box]:
        """The boxes in which the same inputs are read throughout, the largest first."""
        found = grid(self.shape, self.pieces)
        return sorted(found, key=lambda box: -math.prod(b - a for a, b in box))

    def read_in(self, box: Box, number: int) -> int | None:
        """Return the input that an operand of pieces is in one of the boxes."""
        for piece in self.pieces[number]:
            if all(a <= b < c for (a, c), (b, _) in zip(piece.box, box, strict=True)):
                return piece.input
        raise AssertionError(box)


def grid(shape: Shape, pieces: Sequence[Sequence[Piece]]) -> list[Box]:
    """Return the boxes that the edges of all pieces cut a shape into."""
    axes: list[list[tuple[int, int]]] = []
    for axis, n in enumerate(shape):
        edges = {0, n} | {e for one in pieces for p in one for e in p.box[axis]}
        axes.append(list(itertools.pairwise(sorted(edges))))
    return list(itertools.product(*axes))


def merged(plan: Plan) -> Plan:
    """Return a plan without the axes along which all arrays go on as along the next.

    So loops are long where the last axis is short.
    """
    for axis in reversed(range(len(plan.shape) - 1)):
        if _go_on(plan, axis):
            plan = _without(plan, axis)
    return plan


def _go_on(plan: Plan, axis: int) -> bool:
    """Tell whether one loop may do for an axis and the next."""
    n, m = plan.shape[axis : axis + 2]
    alike = all(
        1 in (n, m) or a.strides[axis] == m * a.strides[axis + 1] for a in plan.inputs
    )
    same = all(
        1 in (n, m) or (axis in r.axes) == (axis + 1 in r.axes) for r in plan.reductions
    )
    boxes = (p.box for pieces in plan.pieces for p in pieces)
    return alike and same and all(box[axis + 1] == (0, m) for box in boxes)


def _without(plan: Plan, axis: int) -> Plan:
    """Return a plan with one axis in the place of two."""
    m = plan.shape[axis + 1]
    kept = axis if m == 1 else axis + 1  # whose steps are those of both

    def joined(xs: Sequence[Any], x: Any) -> tuple[Any, ...]:
        return (*xs[:axis], x, *xs[axis + 2 :])

    def read(a: Access) -> Access:
        return replace(a, strides=joined(a.strides, a.strides[kept]))

    def piece(p: Piece) -> Piece:
        start, stop = p.box[axis]
        return Piece(joined(p.box, (start * m, stop * m)), p.input)

    def reduction(r: Reduction) -> Reduction:
        axes = {i - (i > axis) for i in r.axes if i not in (axis, axis + 1)}
        axes |= {axis} if kept in r.axes else set[int]()
        return replace(r, axes=tuple(sorted(axes)))

    return replace(
        plan,
        shape=joined(plan.shape, plan.shape[axis] * m),
        inputs=tuple(map(read, plan.inputs)),
        reductions=tuple(map(reduction, plan.reductions)),
        pieces=tuple(tuple(map(piece, pieces)) for pieces in plan.pieces),
    )


def access(base: Any, view: Any, shape: Shape) -> Access | None:
    """Return how a view reads an array, broadcast to a shape; ``None`` if it copies."""
    if view is not base and not np.may_share_memory(view, base):
        return None
    wide = np.broadcast_to(view, shape)
    start = wide.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return Access(base.dtype, wide.strides, start)


def contiguous(shape: Shape, dtype: Any, without: Sequence[int] = ()) -> Access:
    """Return the strides of a result, 0 along axes that are summed over."""
    strides, size = [0] * len(shape), np.dtype(dtype).itemsize
    for axis in reversed(range(len(shape))):
        if axis not in without:
            strides[axis] = size
            size *= shape[axis]
    return Access(np.dtype(dtype), tuple(strides))


__all__ = [
    "Access",
    "Box",
    "Piece",
    "Plan",
    "Reduction",
    "Shape",
    "Step",
    "access",
    "contiguous",
    "grid",
    "merged",
]
