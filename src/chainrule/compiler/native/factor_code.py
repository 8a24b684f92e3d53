"""The code of factorisations of small matrices, and of systems solved with them.

In: the addresses of matrices, which are read and written row by row. Out: LLVM's text.
The pivots are those of LAPACK, the largest entries.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from chainrule.compiler.native.text import Unit
from chainrule.compiler.native.writer import RECORD, Writer

_WIDTH = 4
"""Numbers in a vector: matrices are small."""
_LONG = 16
"""Rows of a matrix from which on sums of products are added up in vectors."""


class FactorWriter(Writer):
    """Writes factors, and what is solved with them."""

    def __init__(self, unit: Unit, n: int, columns: int, *, transposed: bool) -> None:
        super().__init__(unit, [RECORD])
        self.n = n
        self.columns = columns
        self.transposed = transposed

    # --------------------------------------------------------------------- parts

    def entry(self, matrix: str, i: str | int, j: str | int, width: int = 0) -> str:
        """Return the address of an entry of a matrix of ``width``, or n, columns."""
        return self.at(self.at(matrix, i, 8 * (width or self.n)), j, 8)

    @contextmanager
    def down(self, count: str | int) -> Generator[str]:
        """Write a loop from the last number of a range to the first."""
        with self.loop(count, certain=False) as loop:
            yield self.add(f"sub i64 {self.add(f'sub i64 {count}, 1')}, {loop.i}")

    def subtract(self, to: str, factor: str, x: str, count: str | int) -> None:
        """Write what subtracts a multiple of some numbers from others."""
        minus = self.add(f"fneg double {factor}")
        whole = self.add(f"and i64 {count}, {-_WIDTH}")
        splat = self.splat(minus, _WIDTH)
        for start, stop, width, a in (
            ("0", whole, _WIDTH, splat),
            (whole, count, 1, minus),
        ):
            with self.loop(stop, width, start=start, certain=False) as loop:
                at = self.at(to, loop.i, 8)
                b = self.load(self.at(x, loop.i, 8), width)
                self.store(self.fused(a, b, self.load(at, width), width), at, width)

    def dot(self, x: str, y: str, count: str | int, first: str) -> str:
        """Return a number less the sum of products of some numbers."""
        start: str | int = 0
        if self.n >= _LONG:
            start = self.add(f"and i64 {count}, {-self.width}")
            first = self._whole_dot(x, y, start, first)
        with self.loop(
            count, 1, [("double", first)], start=start, certain=False
        ) as loop:
            a = self.load(self.at(x, loop.i, 8))
            minus = self.add(f"fneg double {a}")
            b = self.load(self.at(y, loop.i, 8))
            loop.after = [self.fused(minus, b, loop.carried[0])]
        return loop.after[0]

    def _whole_dot(self, x: str, y: str, count: str, first: str) -> str:
        """Return a number less the sum of products of whole vectors."""
        width = self.width
        nothing = [(self.whole, self.literal(0.0))]
        with self.loop(count, width, nothing, certain=False) as loop:
            a, b = (self.load(self.at(p, loop.i, 8), width) for p in (x, y))
            loop.after = [self.fused(a, b, loop.carried[0], width)]
        return self.add(f"fsub double {first}, {self.folded(loop.after[0], 'add')}")

    def exchange(self, x: str, y: str, count: int, step: int) -> None:
        """Write what exchanges numbers that are so many apart."""
        with self.loop(count) as loop:
            a, b = self.at(x, loop.i, 8 * step), self.at(y, loop.i, 8 * step)
            first, second = self.load(a), self.load(b)
            self.store(second, a)
            self.store(first, b)

    def divide(self, x: str, by: str, count: str | int) -> None:
        """Write what divides some numbers."""
        with self.loop(count, certain=False) as loop:
            at = self.at(x, loop.i, 8)
            self.store(self.add(f"fdiv double {self.load(at)}, {by}"), at)

    def pivot(self, held: str, k: str) -> str:
        """Return the number of the column that was exchanged with one."""
        number = self.load(self.entry(held, self.n, k))
        return self.add(f"fptosi double {number} to i64")

    def identity(self, z: str) -> None:
        """Write the unit matrix."""
        with self.loop(self.n * self.n) as loop:
            self.store("0.0", self.at(z, loop.i, 8))
        with self.loop(self.n) as loop:
            self.store("1.0", self.at(z, loop.i, 8 * (self.n + 1)))

    def copy(self, source: str, to: str, count: int) -> None:
        """Write what copies numbers."""
        with self.loop(count) as loop:
            self.store(self.load(self.at(source, loop.i, 8)), self.at(to, loop.i, 8))

    def is_singular(self, held: str) -> str:
        """Return whether the matrix of factors is singular."""
        first = self.load(self.entry(held, self.n, 0))
        return self.add(f"fcmp olt double {first}, 0.0")

    def raised(self, flag: str, test: str) -> None:
        """Raise a flag, to 1, where a condition holds."""
        before = self.load(flag)
        self.store(self.add(f"select i1 {test}, double 1.0, double {before}"), flag)

    # ----------------------------------------------------------------- functions

    def factors(self, matrix: str, held: str) -> None:
        """Write L and U of the transposed matrix; see ``factors.factors``."""
        n = self.n
        self.copy(matrix, held, n * n)
        with self.loop(n, 1, [("i1", "false")]) as steps:
            k = steps.i
            row = self.entry(held, k, 0)
            diagonal = self.at(row, k, 8)
            first = self.absolute(self.load(diagonal))
            after = self.add(f"add i64 {k}, 1")
            carried = [("double", first), ("i64", k)]
            with self.loop(n, 1, carried, start=after, certain=False) as search:
                size = self.absolute(self.load(self.at(row, search.i, 8)))
                best, at = search.carried
                more = self.add(f"fcmp ogt double {size}, {best}")
                search.after = [
                    self.add(f"select i1 {more}, double {size}, double {best}"),
                    self.add(f"select i1 {more}, i64 {search.i}, i64 {at}"),
                ]
            at = search.after[1]
            self.store(self.add(f"sitofp i64 {at} to double"), self.entry(held, n, k))
            with self.where(self.add(f"icmp ne i64 {at}, {k}")):
                x, y = (self.at(held, j, 8) for j in (k, at))
                self.exchange(x, y, n, n)
            top = self.load(diagonal)
            zero = self.add(f"fcmp oeq double {top}, 0.0")
            steps.after = [self.add(f"or i1 {steps.carried[0]}, {zero}")]
            right, rest = self.at(row, after, 8), self.add(f"sub i64 {n}, {after}")
            self.divide(right, top, rest)
            with self.loop(n, start=after, certain=False) as rows:
                below = self.entry(held, rows.i, 0)
                factor = self.load(self.at(below, k, 8))
                self.subtract(self.at(below, after, 8), factor, right, rest)
        with self.where(steps.after[0]):
            self.store("-1.0", self.entry(held, n, 0))

    def absolute(self, x: str) -> str:
        """Return the size of a number."""
        return self.external("double", "llvm.fabs.f64", "double", [x])

    def solve(self, held: str, y: str, z: str, flag: str) -> None:
        """Write ``factors.solve``."""
        self.copy(y, z, self.n * self.columns)
        self.solved(held, z, self.columns)
        self.raised(flag, self.is_singular(held))

    def inv(self, held: str, z: str, flag: str) -> None:
        """Write ``factors.inv``."""
        self.identity(z)
        self.solved(held, z, self.n, inverts=True)
        self.raised(flag, self.is_singular(held))

    def solved(self, held: str, z: str, columns: int, *, inverts: bool = False) -> None:
        """Solve in place: lower, upper with ones, exchanges; transposed, backwards.

        It ``inverts`` where the right-hand sides are those of the unit matrix.
        """
        if self.transposed:
            with self.loop(self.n) as loop:
                self._exchanged(held, z, columns, loop.i)
            self._from_left(held, z, columns, unit=True)
            self._from_right(held, z, columns, unit=False)
            return
        self._forward(held, z, columns, inverts=inverts)
        self._backward(held, z, columns)
        with self.down(self.n) as k:
            self._exchanged(held, z, columns, k)

    def _exchanged(self, held: str, z: str, columns: int, k: str) -> None:
        at = self.pivot(held, k)
        valid = self.add(f"icmp sge i64 {at}, 0")
        at = self.add(f"select i1 {valid}, i64 {at}, i64 {k}")
        x, y = (self.entry(z, i, 0, columns) for i in (k, at))
        self.exchange(x, y, columns, 1)

    def _forward(
        self, matrix: str, z: str, columns: int, *, inverts: bool = False
    ) -> None:
        """Solve with the lower triangle, row by row; an inverse is lower, too."""
        with self.loop(self.n) as rows:
            row, to = self.entry(matrix, rows.i, 0), self.entry(z, rows.i, 0, columns)
            diagonal = self.load(self.at(row, rows.i, 8))
            if columns == 1:
                rest = self.dot(row, z, rows.i, self.load(to))
                self.store(self.add(f"fdiv double {rest}, {diagonal}"), to)
            else:
                with self.loop(rows.i, certain=False) as loop:
                    factor = self.load(self.at(row, loop.i, 8))
                    known = self.entry(z, loop.i, 0, columns)
                    count = self._in_row(loop.i, columns, inverts=inverts)
                    self.subtract(to, factor, known, count)
                count = self._in_row(rows.i, columns, inverts=inverts)
                self.divide(to, diagonal, count)

    def _in_row(self, i: str, columns: int, *, inverts: bool) -> str | int:
        """Return how many numbers of a row may not be 0."""
        return self.add(f"add i64 {i}, 1") if inverts else columns

    def _backward(self, matrix: str, z: str, columns: int) -> None:
        """Solve with the upper triangle, which has ones on its diagonal."""
        with self.down(self.n) as k:
            row, to = self.entry(matrix, k, 0), self.entry(z, k, 0, columns)
            after = self.add(f"add i64 {k}, 1")
            if columns == 1:
                rest = self.add(f"sub i64 {self.n}, {after}")
                x, y = self.at(row, after, 8), self.at(z, after, 8)
                self.store(self.dot(x, y, rest, self.load(to)), to)
            else:
                with self.loop(self.n, start=after, certain=False) as loop:
                    factor = self.load(self.at(row, loop.i, 8))
                    known = self.entry(z, loop.i, 0, columns)
                    self.subtract(to, factor, known, columns)

    def _from_left(self, matrix: str, z: str, columns: int, *, unit: bool) -> None:
        """Solve with the upper triangle transposed, column by column."""
        with self.loop(self.n) as loop:
            k = loop.i
            after = self.add(f"add i64 {k}, 1")
            self._taken_out(matrix, z, columns, k, (after, self.n), unit=unit)

    def _from_right(self, matrix: str, z: str, columns: int, *, unit: bool) -> None:
        """Solve with the lower triangle transposed, column by column."""
        with self.down(self.n) as k:
            self._taken_out(matrix, z, columns, k, ("0", k), unit=unit)

    def _taken_out(
        self,
        matrix: str,
        z: str,
        columns: int,
        k: str,
        others: tuple[str, str | int],
        *,
        unit: bool,
    ) -> None:
        """Find unknown k, and take it out of the equations of others."""
        row, known = self.entry(matrix, k, 0), self.entry(z, k, 0, columns)
        if not unit:
            self.divide(known, self.load(self.at(row, k, 8)), columns)
        start, stop = others
        if columns == 1:
            count = self.add(f"sub i64 {stop}, {start}")
            factor = self.load(known)
            x, to = (self.at(p, start, 8) for p in (row, z))
            self.subtract(to, factor, x, count)
            return
        with self.loop(stop, start=start, certain=False) as loop:
            factor = self.load(self.at(row, loop.i, 8))
            self.subtract(self.entry(z, loop.i, 0, columns), factor, known, columns)

    def cholesky(self, x: str, z: str, flag: str) -> None:
        """Write the lower factor, row by row; of the upper triangle if transposed."""
        n = self.n
        with self.loop(n * n) as loop:
            self.store("0.0", self.at(z, loop.i, 8))
        with self.loop(n, 1, [("i1", "false")]) as rows:
            i = rows.i
            row = self.entry(z, i, 0)
            with self.loop(i, certain=False) as loop:
                j = loop.i
                other = self.entry(z, j, 0)
                read = self.entry(x, j, i) if self.transposed else self.entry(x, i, j)
                rest = self.dot(row, other, j, self.load(read))
                diagonal = self.load(self.at(other, j, 8))
                self.store(
                    self.add(f"fdiv double {rest}, {diagonal}"), self.at(row, j, 8)
                )
            rest = self.dot(row, row, i, self.load(self.entry(x, i, i)))
            good = self.add(f"fcmp ogt double {rest}, 0.0")
            bad = self.add(f"xor i1 {good}, true")
            rows.after = [self.add(f"or i1 {rows.carried[0]}, {bad}")]
            self.store(self.operation("sqrt", 1, rest), self.at(row, i, 8))
        self.raised(flag, rows.after[0])

    def solve_triangular(self, factor: str, y: str, z: str, flag: str) -> None:
        """Write ``factors.solve_triangular``."""
        self.copy(y, z, self.n * self.columns)
        self._triangular(factor, z, self.columns, flag)

    def inv_triangular(self, factor: str, z: str, flag: str) -> None:
        """Write ``factors.inv_triangular``."""
        self.identity(z)
        self._triangular(factor, z, self.n, flag, inverts=True)

    def _triangular(
        self, factor: str, z: str, columns: int, flag: str, *, inverts: bool = False
    ) -> None:
        if self.transposed:
            self._from_right(factor, z, columns, unit=False)
        else:
            self._forward(factor, z, columns, inverts=inverts)
        with self.loop(self.n, 1, [("i1", "false")]) as loop:
            x = self.load(self.at(factor, loop.i, 8 * (self.n + 1)))
            zero = self.add(f"fcmp oeq double {x}, 0.0")
            loop.after = [self.add(f"or i1 {loop.carried[0]}, {zero}")]
        self.raised(flag, loop.after[0])


__all__ = ["FactorWriter"]
