"""Instructions of a tape as native code.

In: a tape's instructions, one by one. Out: a function in the language of LLVM. It does
what the interpreter does, without reading instructions: single numbers stay in
registers from the instruction that makes them to those that read them, and only what
somebody else reads is written to the workspace. Instructions on many numbers are made
of vectors of ``WIDTH``, in a loop where there are more than ``UNROLLED``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from chainrule.compiler.native.operations import PAIRS
from chainrule.compiler.native.text import VECTOR, WIDTH
from chainrule.compiler.tape.instructions import Instruction, Operand
from chainrule.compiler.tape.native_values import UNROLLED, Values

_NOTHING = "splat (double -0.0)"
_ZEROS = "zeroinitializer"


class Instructions(Values):
    """Writes instructions of a tape."""

    def write(self, it: Instruction) -> None:
        """Write one instruction."""
        name, z, operands, n = it[:4]
        if name == "matmul" or it.written > UNROLLED:  # which loops may write
            self.forget(z, it.written)
        if name == "matmul":
            (x, dx), (y, dy), (_, dw) = operands
            self._product(z, x, y, it.rows, n, it.inner, dx, dw, dy)
        elif name in ("sum", "dot"):
            self._summed(z, n, operands)
        elif name in ("max", "min"):
            self._extreme(PAIRS[name], z, *operands[0], n)
        elif n == 1:
            self.put(z, self.operation(name, 1, *[self.number(x) for x, _ in operands]))
        elif n <= UNROLLED:
            self._written_out(name, z, n, operands)
        else:
            self._looped(name, z, n, operands)

    def _written_out(self, name: str, z: int, n: int, parts: Sequence[Operand]) -> None:
        columns = [self.pieces(x, step, n) for x, step in parts]
        pieces = zip(*columns, strict=True)
        self.put_pieces(z, n, [self.operation(name, WIDTH, *xs) for xs in pieces])

    def _looped(self, name: str, z: int, n: int, parts: Sequence[Operand]) -> None:
        whole = n - n % WIDTH
        still = {x: self.spread(x) for x, step in parts if step == 0}
        with self.loop(whole, WIDTH) as loop:
            xs = [
                still[x] if step == 0 else self._at(x, step, loop.i, n)
                for x, step in parts
            ]
            found = self.operation(name, WIDTH, *xs)
            self.store(found, self._offset(z, loop.i, 1), WIDTH)
        if whole < n:
            self._written_out(
                name,
                z + whole,
                n - whole,
                [(x + whole * step, step) for x, step in parts],
            )

    def _offset(self, place: int, i: str, step: int) -> str:
        """Write the address of a place and so many steps."""
        moved = i if step == 1 else self.add(f"mul i64 {i}, {step}")
        return self.moved(self.pointer(place), moved)

    def _at(self, x: int, step: int, i: str, n: int) -> str:
        """Return the operand of one turn of a loop."""
        self._mark(x, (step, n))
        place = self._offset(x, i, step)
        if step == 1:
            return self.load(place, WIDTH)
        numbers = [self.load(self.moved(place, j * step)) for j in range(WIDTH)]
        return self.gathered(numbers, WIDTH)

    # ---------------------------------------------------------- sums and products

    def _term(self, xs: Sequence[str]) -> str:
        return xs[0] if len(xs) == 1 else self.operation("multiply", WIDTH, *xs)

    def _summed(self, z: int, n: int, parts: Sequence[Operand]) -> None:
        """Write the sum of n numbers, or of n products."""
        if n <= UNROLLED:
            columns = [self.pieces(x, step, n) for x, step in parts]
            terms = [self._term(xs) for xs in zip(*columns, strict=True)]
            terms[-1] = self.filled(terms[-1], (n - 1) % WIDTH + 1, _NOTHING)
            while len(terms) > 1:
                terms.append(self.operation("add", WIDTH, terms.pop(0), terms.pop(0)))
            self.put(z, self.folded(terms[0], "add"))
            return
        several = 4
        turn = several * WIDTH
        whole = n - n % turn
        total = ""
        if whole:
            with self.loop(whole, turn, [(VECTOR, _NOTHING)] * several) as loop:
                for j, have in enumerate(loop.carried):
                    xs = [
                        self._at(x + j * WIDTH * step, step, loop.i, n - j * WIDTH)
                        for x, step in parts
                    ]
                    loop.after.append(
                        self.operation("add", WIDTH, have, self._term(xs))
                    )
            total = functools.reduce(
                lambda x, y: self.operation("add", WIDTH, x, y), loop.after
            )
        for i in range(whole, n, WIDTH):
            count = min(WIDTH, n - i)
            term = self._term(
                [self.vector(x + i * step, step, count) for x, step in parts]
            )
            term = self.filled(term, count, _NOTHING)
            total = self.operation("add", WIDTH, total, term) if total else term
        self.put(z, self.folded(total, "add"))

    def _extreme(self, name: str, z: int, x: int, step: int, n: int) -> None:
        """Write the largest or smallest of n numbers."""
        count = min(WIDTH, n)
        best = self.vector(x, step, count)
        best = self.filled(best, count, self.spread(x)) if count < WIDTH else best
        whole = (n - count) - (n - count) % WIDTH
        if whole:
            with self.loop(whole, WIDTH, [(VECTOR, best)]) as loop:
                found = self._at(x + WIDTH * step, step, loop.i, n - WIDTH)
                loop.after = [self.operation(name, WIDTH, found, loop.carried[0])]
            best = loop.after[0]
        rest = (n - count) - whole
        if rest:
            last = self.vector(x + (n - rest) * step, step, rest)
            last = self.filled(last, rest, best)
            best = self.operation(name, WIDTH, last, best)
        self.put(z, self.folded(best, name))

    def _product(
        self, z: int, x: int, y: int, m: int, n: int, k: int, dx: int, dw: int, dy: int
    ) -> None:
        """Write the product of an (m, k) and a (k, n) matrix."""
        if m * k * n <= UNROLLED * WIDTH and n > 1:
            self._small_product(z, x, y, m, n, k, dx, dw, dy)
            return
        if n == 1 and m > 1 and dx == 1:  # columns: as the product of the transposes
            self._product(z, y, x, 1, m, k, 0, dy, dw)
            return
        if n == 1 and m > WIDTH and k > UNROLLED and dw == dy == 1:
            self._rows_times_vector(z, x, y, m, k, dx)
            return
        if n == 1:
            for i in range(m):
                self._summed(z + i, k, [(x + i * dx, dw), (y, dy)])
            return
        self._mark(x, (dx, m), (dw, k))
        self._mark(y, (dy, k), (1, n))
        with self.loop(m) as rows:
            left, result = self._offset(x, rows.i, dx), self._offset(z, rows.i, n)
            for first in range(0, n, UNROLLED):
                last = min(n, first + UNROLLED)
                widths = [min(WIDTH, n - j) for j in range(first, last, WIDTH)]
                with self.loop(k, 1, [(VECTOR, _ZEROS)] * len(widths)) as terms:
                    step = self.add(f"mul i64 {terms.i}, {dw}")
                    a = self.splat(self.load(self.moved(left, step)))
                    right = self._offset(y + first, terms.i, dy)
                    for j, (count, have) in enumerate(
                        zip(widths, terms.carried, strict=True)
                    ):
                        b = self.load_vector(self.moved(right, j * WIDTH), count)
                        term = self.operation("multiply", WIDTH, a, b)
                        terms.after.append(self.operation("add", WIDTH, have, term))
                for j, (count, total) in enumerate(
                    zip(widths, terms.after, strict=True)
                ):
                    at = self.moved(result, first + j * WIDTH)
                    self.store_vector(total, at, count)

    def _rows_times_vector(
        self, z: int, x: int, y: int, m: int, k: int, dx: int
    ) -> None:
        """Write the product of an (m, k) matrix, row by row, and a vector."""
        self._mark(x, (dx, m), (1, k))
        self._mark(y, (1, k))
        several = 4
        whole = k - k % WIDTH
        for first in (0, m - m % several):
            together = 1 if first else several
            stop = m if first else m - m % several
            if first == stop:
                continue
            with self.loop(stop, together, start=first) as rows:
                left = self._offset(x, rows.i, dx)
                pointers = [self.moved(left, j * dx) for j in range(together)]
                zeros = [(VECTOR, _NOTHING)] * together
                with self.loop(whole, WIDTH, zeros) as terms:
                    b = self.load(self._offset(y, terms.i, 1), WIDTH)
                    for pointer, have in zip(pointers, terms.carried, strict=True):
                        a = self.load(self.moved(pointer, terms.i), WIDTH)
                        term = self.operation("multiply", WIDTH, a, b)
                        terms.after.append(self.operation("add", WIDTH, have, term))
                totals = terms.after
                if whole < k:
                    b = self.load_vector(self.pointer(y + whole), k - whole)
                    for j, pointer in enumerate(pointers):
                        a = self.load_vector(self.moved(pointer, whole), k - whole)
                        term = self.operation("multiply", WIDTH, a, b)
                        term = self.filled(term, k - whole, _NOTHING)
                        totals[j] = self.operation("add", WIDTH, totals[j], term)
                for j, total in enumerate(totals):
                    to = self.moved(self._offset(z, rows.i, 1), j)
                    self.store(self.folded(total, "add"), to)

    def _small_product(
        self, z: int, x: int, y: int, m: int, n: int, k: int, dx: int, dw: int, dy: int
    ) -> None:
        rows = [self.pieces(y + h * dy, 1, n) for h in range(k)]
        for i in range(m):
            totals: list[str] = []
            for h in range(k):
                a = self.spread(x + i * dx + h * dw)
                terms = [self.operation("multiply", WIDTH, a, b) for b in rows[h]]
                if totals:
                    pairs = zip(totals, terms, strict=True)
                    terms = [self.operation("add", WIDTH, s, t) for s, t in pairs]
                totals = terms
            self.put_pieces(z + i * n, n, totals)


__all__ = ["UNROLLED", "Instructions"]
