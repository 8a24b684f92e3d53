"""Functions of small matrices in machine code, by their factors.

In: the name of a function of ``factors``, the size of its matrix, and the columns that
are solved for. Out: a function of a record.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.compiler.native.factor_code import FactorWriter

_BY_MINORS = 3
"""Rows of a matrix up to which cofactors are products of its entries."""


class MatrixWriter(FactorWriter):
    """Writes the functions."""

    def write(self, name: str) -> None:
        """Write the function of a name."""
        written: dict[str, tuple[int, Callable[..., None]]] = {
            "factors": (2, self.factors),
            "solve": (4, self.solve),
            "inv": (3, self.inv),
            "slogdet": (3, self._slogdet),
            "det": (2, self._det),
            "cofactors": (4, self._cofactors),
            "cholesky": (3, self.cholesky),
            "solve_triangular": (4, self.solve_triangular),
            "inv_triangular": (3, self.inv_triangular),
        }
        count, write = written[name]
        self.opened(count)
        arrays = [self.entries(i) for i in range(count)]
        sizes = self._sizes(name)
        if len(sizes) < count:  # the last one is a flag
            self.store("0.0", arrays[-1])
        with self.loop("%last", certain=False) as loop:
            pairs = zip(arrays, (*sizes, 0), strict=False)  # a flag stays
            write(*(self.at(x, loop.i, 8 * n) for x, n in pairs))
        self.finish(name)

    def _sizes(self, name: str) -> tuple[int, ...]:
        """Return how many numbers the arrays of a function have, for one matrix."""
        n, right = self.n, self.n * self.columns
        matrix, held = n * n, n * (n + 1)
        found: dict[str, tuple[int, ...]] = {
            "factors": (matrix, held),
            "solve": (held, right, right),
            "inv": (held, matrix),
            "slogdet": (held, 1, 1),
            "det": (held, 1),
            "cofactors": (held, matrix, matrix),
            "cholesky": (matrix, matrix),
            "solve_triangular": (matrix, right, right),
            "inv_triangular": (matrix, matrix),
        }
        return found[name]

    def _slogdet(self, held: str, sign: str, size: str) -> None:
        """Write ``factors.slogdet``."""
        first = [("double", "1.0"), ("double", "0.0")]
        with self.loop(self.n, 1, first) as loop:
            x = self.load(self.at(held, loop.i, 8 * (self.n + 1)))
            signed, total = loop.carried
            below = self.add(f"fcmp olt double {x}, 0.0")
            swapped = self._is_swapped(held, loop.i)
            changes = self.add(f"xor i1 {below}, {swapped}")
            minus = self.add(f"fneg double {signed}")
            log = self.operation("log", 1, self.absolute(x))
            loop.after = [
                self.add(f"select i1 {changes}, double {minus}, double {signed}"),
                self.add(f"fadd double {total}, {log}"),
            ]
        signed, total = loop.after
        none = self.is_singular(held)
        low = "0xFFF0000000000000"
        for x, other, to in ((signed, "0.0", sign), (total, low, size)):
            chosen = self.add(f"select i1 {none}, double {other}, double {x}")
            self.store(chosen, to)

    def _is_swapped(self, held: str, k: str) -> str:
        """Return whether column k was exchanged with another."""
        return self.add(f"icmp ne i64 {self.pivot(held, k)}, {k}")

    def _det(self, held: str, z: str) -> None:
        """Write ``factors.det``."""
        self.store(self._determinant(held), z)

    def _determinant(self, held: str) -> str:
        """Return the determinant; 0 of a matrix that is singular."""
        with self.loop(self.n, 1, [("double", "1.0")]) as loop:
            x = self.load(self.at(held, loop.i, 8 * (self.n + 1)))
            product = self.add(f"fmul double {loop.carried[0]}, {x}")
            minus = self.add(f"fneg double {product}")
            swapped = self._is_swapped(held, loop.i)
            loop.after = [
                self.add(f"select i1 {swapped}, double {minus}, double {product}")
            ]
        none = self.is_singular(held)
        return self.add(f"select i1 {none}, double 0.0, double {loop.after[0]}")

    def _cofactors(self, held: str, x: str, z: str, flag: str) -> None:
        """Write ``factors.cofactors``: minors, or det(x) times the inverse, transposed.

        The flag is raised where the inverse would not be exact enough.
        """
        n = self.n
        if n <= _BY_MINORS:
            self._minors(x, z)
            return
        self.transposed: bool = not self.transposed
        self.identity(z)
        self.solved(held, z, n)
        size = self.add(
            f"fmul double {self._largest(x, 8, 8 * n)}, {self._largest(z, 8 * n, 8)}"
        )
        small = self.add(f"fcmp olt double {size}, {self.literal(2.0**26, 1)}")
        bad = self.add(
            f"or i1 {self.add(f'xor i1 {small}, true')}, {self.is_singular(held)}"
        )
        self.raised(flag, bad)
        factor = self._determinant(held)
        with self.loop(n * n) as loop:
            at = self.at(z, loop.i, 8)
            self.store(self.add(f"fmul double {self.load(at)}, {factor}"), at)

    def _minors(self, x: str, z: str) -> None:
        """Write the cofactors of at most three rows."""
        n, places = self.n, range(self.n)
        entries = [[self.load(self.entry(x, i, j)) for j in places] for i in places]
        for i in places:
            for j in places:
                to = self.entry(z, j, i) if self.transposed else self.entry(z, i, j)
                self.store(self._minor(entries, n, i, j), to)

    def _minor(self, entries: list[list[str]], n: int, i: int, j: int) -> str:
        if n == 1:
            return "1.0"
        if n == 2:
            other = entries[1 - i][1 - j]
            return other if i == j else self.add(f"fneg double {other}")
        (a, b), (c, d) = (
            [entries[(i + k) % 3][(j + m) % 3] for m in (1, 2)] for k in (1, 2)
        )
        first, second = (
            self.add(f"fmul double {a}, {d}"),
            self.add(f"fmul double {b}, {c}"),
        )
        return self.add(f"fsub double {first}, {second}")

    def _largest(self, matrix: str, step: int, inner: int) -> str:
        """Return the largest sum of sizes, of numbers ``inner`` bytes apart."""
        with self.loop(self.n, 1, [("double", "0.0")]) as loop:
            start = self.at(matrix, loop.i, step)
            with self.loop(self.n, 1, [("double", "0.0")]) as line:
                size = self.absolute(self.load(self.at(start, line.i, inner)))
                line.after = [self.add(f"fadd double {line.carried[0]}, {size}")]
            total, best = line.after[0], loop.carried[0]
            less = self.add(f"fcmp olt double {total}, {best}")
            loop.after = [self.add(f"select i1 {less}, double {best}, double {total}")]
        return loop.after[0]


__all__ = ["MatrixWriter"]
