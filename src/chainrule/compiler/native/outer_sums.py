"""Sums of outer products in machine code: ``u[:, None] * v`` of several u and v.

In: the number of them, and the lengths. Out: an ``OuterSum``, called with their arrays.
A tile of the result stays in registers while the vectors pass by, so that the matrix
goes through memory once, and not once for each product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.calls import Call, Function, call_on
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.matrix_products import COLUMNS, ROWS
from chainrule.compiler.native.sharing import SharedCode
from chainrule.compiler.native.text import WIDTH, Unit
from chainrule.compiler.native.writer import RECORD, Writer
from chainrule.values.shapes import Shape


class OuterSum(SharedCode):
    """The sum of outer products of vectors: ``u0, v0, u1, v1, ...``."""

    __name__ = "outer_sum"
    keeps_shape = True
    operations = 20

    def __init__(self, shape: Shape, count: int) -> None:
        """Describe it: so many products of a shape."""
        self.shape = shape
        self.count = count
        self.text: str = f"outer sum {shape, count}"

    def compiled(self) -> Any:
        """Compile it."""
        writer = Writer(Unit(), [RECORD])

        def vector(t: str, which: int) -> str:
            place = writer.at(writer.at("%record", t, 16), 2 + which, 8)
            return writer.data(writer.add(f"load ptr, ptr {place}"))

        z = writer.at("%record", 2 + 2 * self.count, 8)
        z = writer.data(writer.add(f"load ptr, ptr {z}"))
        tiles = Tiles(writer, self.shape, vector)
        tiles.write(z, str(self.count), "true")
        writer.finish("outer_sum")
        return Function(Functions(writer.unit, 2), "outer_sum")

    def __call__(self, *vectors: Any) -> Any:
        """Return the sum."""
        z = np.empty(self.shape)
        self.bound(tuple(map(np.ascontiguousarray, vectors)), (z,))()
        return z

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Call:
        """Return the call that works on these arrays."""
        return call_on(self.code, 0, 1, (*given, *found))


class Tiles:
    """Writes the loops over tiles of a sum of outer products.

    ``vector(t, 0)`` writes the address of the column of product t, and ``vector(t, 1)``
    that of the row.
    """

    def __init__(
        self, writer: Writer, shape: Shape, vector: Callable[[str, int], str]
    ) -> None:
        """Keep what to write with."""
        self.writer = writer
        self.shape = shape
        self.vector = vector

    def write(self, z: str, count: str, fresh: str) -> None:
        """Write what adds the first so many products, at least one, to a matrix.

        Where ``fresh``, a condition, is true, the matrix is new.
        """
        w, n = self.writer, self.shape[1]
        whole = n - n % COLUMNS
        if whole:
            with w.loop(whole, COLUMNS) as loop:
                self._columns(z, loop.i, COLUMNS, count, fresh)
        if whole < n:
            self._columns(z, whole, n - whole, count, fresh)

    def _columns(
        self, z: str, j: str | int, width: int, count: str, fresh: str
    ) -> None:
        """Write the tiles of some columns, from the first row to the last."""
        w, (m, n) = self.writer, self.shape
        rows = min(m, 12, ROWS * COLUMNS // (-(-width // WIDTH) * WIDTH))
        whole = m - m % rows
        z = w.at(z, j, 8)
        with w.loop(whole, rows) as loop:
            at = w.at(z, loop.i, 8 * n)
            self._tile(at, loop.i, rows, j, width, count, fresh)
        if whole < m:
            at = w.at(z, whole, 8 * n)
            self._tile(at, whole, m - whole, j, width, count, fresh)

    def _tile(
        self,
        z: str,
        i: str | int,
        rows: int,
        j: str | int,
        width: int,
        count: str,
        fresh: str,
    ) -> None:
        """Write one tile: a loop over the products, its sums in registers."""
        w, stride = self.writer, 8 * self.shape[1]
        counts = [min(WIDTH, width - k) for k in range(0, width, WIDTH)]
        wide = [1 << (c - 1).bit_length() for c in counts]
        places = [
            (w.at(w.at(z, r, stride), k * WIDTH, 8), c, v)
            for r in range(rows)
            for k, (c, v) in enumerate(zip(counts, wide, strict=True))
        ]
        first = [(w.type(v), self._first(at, c, v, fresh)) for at, c, v in places]
        with w.loop(count, 1, first) as loop:
            column, row = (self.vector(loop.i, which) for which in range(2))
            column, row = w.at(column, i, 8), w.at(row, j, 8)
            entries = [
                self._loaded(w.at(row, k * WIDTH, 8), c, v)
                for k, (c, v) in enumerate(zip(counts, wide, strict=True))
            ]
            sums = iter(loop.carried)
            for r in range(rows):
                a = w.load(w.at(column, r, 8))
                for b, v in zip(entries, wide, strict=True):
                    loop.after.append(w.fused(w.splat(a, v), b, next(sums), v))
        for (at, c, v), total in zip(places, loop.after, strict=True):
            w.store(w.resized(total, v, c), at, c)

    def _first(self, place: str, count: int, width: int, fresh: str) -> str:
        """Return what products are added to."""
        w, zero = self.writer, self.writer.literal(0.0, width)
        if fresh == "true":
            return zero
        have, kind = self._loaded(place, count, width), w.type(width)
        return w.add(f"select i1 {fresh}, {kind} {zero}, {kind} {have}")

    def _loaded(self, place: str, count: int, width: int) -> str:
        """Return so many numbers from an address on, in a vector of a width."""
        return self.writer.resized(self.writer.load(place, count), count, width)


__all__ = ["OuterSum", "Tiles"]
