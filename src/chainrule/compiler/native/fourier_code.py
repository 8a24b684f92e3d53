"""Fourier transforms of powers of two in machine code: Stockham's method of radix 4.

In: how many lines there are, of which length. Out: the loops over stages, on lines
whose real and imaginary parts are apart in the cache. A transform of n real numbers is
a complex one of half the length, whose numbers are pairs of them.

Each stage takes four parts of a line to numbers that are next to each other, in order
at the end, so that nothing is sorted (Van Loan, Computational Frameworks for the Fast
Fourier Transform, section 1.7). The error is that of NumPy's transforms.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.compiler.native.text import Unit, literal
from chainrule.compiler.native.writer import RECORD, Writer

LANES = 4
"""Numbers of a vector: the second stage has no more beside each other."""
SIZE = 8
_LEFT, _RIGHT = [0, 4, 1, 5], [2, 6, 3, 7]

Pair = tuple[str, str]
"""Names of real and imaginary parts, or of where they are."""


class Transform(NamedTuple):
    """What is transformed: ``lines`` stacks of ``n`` rows of ``columns`` numbers.

    ``kind`` is ``fft``, ``ifft``, ``rfft`` or ``irfft``, without the factor of the
    inverse; results are multiplied by ``scale``. Real ones have one column. Complex
    numbers are pairs in memory, or their parts are ``apart``, in two arrays.
    """

    kind: str
    lines: int
    n: int
    columns: int
    scale: float
    apart: bool = False

    @property
    def is_real(self) -> bool:
        """Whether it is of real numbers, or has such."""
        return "r" in self.kind

    @property
    def points(self) -> int:
        """The length of the complex transform that it consists of."""
        return self.n // 2 if self.is_real else self.n

    @property
    def work(self) -> int:
        """How many numbers are kept beside: twice the parts of a line."""
        return 4 * self._room

    @property
    def _room(self) -> int:
        return self.points * self.columns + 16  # parts in other sets of the cache

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where the four parts are in what is kept beside, in bytes."""
        return tuple(SIZE * self._room * i for i in range(4))


def roots(count: int, n: int) -> NDArray[Any]:
    """Return ``exp(-2 pi i k / n)`` of the first k, rounded once."""
    angle = np.arctan(np.longdouble(1.0)) * 8 * np.arange(count) / n
    return np.stack([np.cos(angle), -np.sin(angle)]).astype(np.float64)


def table(n: int, *, is_real: bool) -> NDArray[Any]:
    """Return the roots of unity of each stage, and those that part real numbers."""
    points = n // 2 if is_real else n
    found: list[NDArray[Any]] = []
    left = points
    while left >= LANES:
        every = roots(left, left)
        found += [every[:, ::k][:, : left // 4].ravel() for k in (1, 2, 3)]
        left //= 4
    if is_real:
        found.append(roots(points, n).ravel())
    return np.concatenate(found)


class Stages(Writer):
    """Writes the function of a transform: of operand, result, work and table.

    Operands and results that are apart are two.
    """

    def __init__(self, unit: Unit, transform: Transform) -> None:
        super().__init__(unit, [RECORD])
        self.of = transform

    def write(self, name: str) -> None:
        """Write it."""
        apart, kind = self.of.apart, self.of.kind
        taken, made = (1 + (apart and kind != real) for real in ("rfft", "irfft"))
        self.opened(taken + made + 2)
        *given, work, self._table = map(self.entries, range(taken + made + 2))
        parts = [self.at(work, offset, 1) for offset in self.of.offsets]
        near, far = (parts[0], parts[1]), (parts[2], parts[3])
        n, columns = self.of.n, self.of.columns
        whole, half = n * columns, n // 2 + 1
        pair = 8 if apart else 16
        steps = {"rfft": (8 * n, pair * half), "irfft": (pair * half, 8 * n)}
        x_step, z_step = steps.get(kind, (pair * whole, pair * whole))
        source = near
        with self.loop(self.of.lines) as loop:
            x = [self.at(p, loop.i, x_step) for p in given[:taken]]
            z = [self.at(p, loop.i, z_step) for p in given[taken:]]
            if kind == "irfft":
                self._paired(x, near)
            elif len(x) == 1:
                self._split(x, near)
            else:
                source = self._turned((x[0], x[1]))
            found = self._all_stages(source, far, near)
            (self._parted if kind == "rfft" else self._joined)(found, z)
        self.finish(name)

    def _turned(self, parts: Pair) -> Pair:
        """Return parts in the other order if it is an inverse: a transform of that."""
        re, im = parts
        return (im, re) if "i" in self.of.kind else parts

    # --------------------------------------------------------------- complex arithmetic

    def _do(self, name: str, width: int, *operands: str) -> str:
        return self.add(f"{name} {self.type(width)} {', '.join(operands)}")

    def _sum(self, a: Pair, b: Pair, width: int) -> Pair:
        return self._do("fadd", width, a[0], b[0]), self._do("fadd", width, a[1], b[1])

    def _difference(self, a: Pair, b: Pair, width: int) -> Pair:
        return self._do("fsub", width, a[0], b[0]), self._do("fsub", width, a[1], b[1])

    def _product(self, w: Pair, x: Pair, width: int) -> Pair:
        minus = self._do("fneg", width, self._do("fmul", width, w[1], x[1]))
        across = self._do("fmul", width, w[1], x[0])
        return (
            self.fused(w[0], x[0], minus, width),
            self.fused(w[0], x[1], across, width),
        )

    def _by_number(self, x: str, number: float, width: int) -> str:
        if number == 1.0:
            return x
        return self._do("fmul", width, x, literal(number, width))

    def _read(self, parts: Pair, offset: int, width: int) -> Pair:
        first, second = (self.load(self.at(p, offset, SIZE), width) for p in parts)
        return first, second

    def _put(self, z: Pair, parts: Pair, offset: int, width: int) -> None:
        for x, p in zip(z, parts, strict=True):
            self.store(x, self.at(p, offset, SIZE), width)

    def _moved(self, parts: Pair, i: str | int, step: int = 1) -> Pair:
        return self.at(parts[0], i, SIZE * step), self.at(parts[1], i, SIZE * step)

    def _read_complex(
        self, x: Sequence[str], i: str | int, width: int, *, back: bool = False
    ) -> Pair:
        """Read complex numbers from one on; ``back`` in the reverse order."""
        if len(x) > 1:
            re, im = self._read(self._moved((x[0], x[1]), i), 0, width)
            return (
                (self._reversed(re, width), self._reversed(im, width))
                if back
                else (re, im)
            )
        both = self.load(self.at(x[0], i, 2 * SIZE), 2 * width)
        places = range(width)[::-1] if back else range(width)
        if width == 1:
            return self.element(both, 0, 2), self.element(both, 1, 2)
        first = self.shuffled(both, "poison", 2 * width, [2 * i for i in places])
        return first, self.shuffled(
            both, "poison", 2 * width, [2 * i + 1 for i in places]
        )

    def _reversed(self, x: str, width: int) -> str:
        if width == 1:
            return x
        return self.shuffled(x, "poison", width, range(width)[::-1])

    def _put_complex(
        self, parts: Pair, z: Sequence[str], i: str | int, width: int, scale: float
    ) -> None:
        """Write complex numbers, times a scale, from one on."""
        re, im = (self._by_number(x, scale, width) for x in parts)
        if len(z) > 1:
            self._put((re, im), self._moved((z[0], z[1]), i), 0, width)
            return
        if width == 1:
            both = self.gathered((re, im), 2)
        else:
            places = [i + k * width for i in range(width) for k in (0, 1)]
            both = self.shuffled(re, im, width, places)
        self.store(both, self.at(z[0], i, 2 * SIZE), 2 * width)

    # ------------------------------------------------------------------------- stages

    def _all_stages(self, source: Pair, target: Pair, other: Pair) -> Pair:
        """Write all stages; return where the transform is then.

        The first reads the source, and the others are in the two other places in turns.
        """
        left, beside, start = self.of.points, self.of.columns, 0
        while left >= LANES:
            write = self._first if beside == 1 else self._stage
            write(left, beside, source, target, start)
            start += 6 * (left // 4)
            left, beside = left // 4, 4 * beside
            source, target, other = target, other, target
        if left == 2:
            self._halves(beside, source, target)
            source = target
        return source

    def _roots(self, start: int, p: str, count: int, width: int) -> list[Pair]:
        """Return the roots that three results of a stage are multiplied by."""
        found: list[Pair] = []
        for k in range(3):
            places = (self._table, self.at(self._table, count, SIZE))
            found.append(
                self._read(self._moved(places, p), start + 2 * k * count, width)
            )
        return found

    def _of_four(self, x: Sequence[Pair], w: Sequence[Pair], width: int) -> list[Pair]:
        """Return the transform of four numbers, times roots of unity."""
        a, b, c, d = x
        even, odd = self._sum(a, c, width), self._sum(b, d, width)
        rest, (re, im) = self._difference(a, c, width), self._difference(b, d, width)
        turned = im, self._do("fneg", width, re)  # -i (b - d)
        first, *others = (
            self._sum(even, odd, width),
            self._sum(rest, turned, width),
            self._difference(even, odd, width),
            self._difference(rest, turned, width),
        )
        if w:
            others = [self._product(*x, width) for x in zip(w, others, strict=True)]
        return [first, *others]

    def _first(self, n: int, _: int, source: Pair, target: Pair, start: int) -> None:
        """Write the stage in which only turns are beside each other."""
        m = n // 4
        with self.loop(m, LANES) as loop:
            here, there = self._moved(source, loop.i), self._moved(target, loop.i, 4)
            x = [self._read(here, k * m, LANES) for k in range(4)]
            z = self._of_four(x, self._roots(start, loop.i, m, LANES), LANES)
            re, im = (self._crossed([v[part] for v in z]) for part in (0, 1))
            for k, row in enumerate(zip(re, im, strict=True)):
                self._put(row, there, 4 * k, LANES)

    def _crossed(self, rows: Sequence[str]) -> list[str]:
        """Return the columns of four vectors of four numbers."""
        a, b, c, d = rows
        columns: list[str] = []
        for places in (_LEFT, _RIGHT):
            x = self.shuffled(a, b, LANES, places)
            y = self.shuffled(c, d, LANES, places)
            columns.append(self.shuffled(x, y, LANES, [0, 1, 4, 5]))
            columns.append(self.shuffled(x, y, LANES, [2, 3, 6, 7]))
        return columns

    def _stage(
        self, n: int, beside: int, source: Pair, target: Pair, start: int
    ) -> None:
        """Write a stage in which so many numbers are multiplied by the same root."""
        m = n // 4
        with self.loop(m) as turn:
            here = self._moved(source, turn.i, beside)
            there = self._moved(target, turn.i, 4 * beside)
            w = self._roots(start, turn.i, m, 1) if m > 1 else []
            for first, last, width in _spans(beside):
                wide = [(self.splat(re, width), self.splat(im, width)) for re, im in w]
                with self.loop(last, width, start=first) as loop:
                    x = [
                        self._read(self._moved(here, loop.i), k * m * beside, width)
                        for k in range(4)
                    ]
                    for k, z in enumerate(self._of_four(x, wide, width)):
                        self._put(z, self._moved(there, loop.i), k * beside, width)

    def _halves(self, beside: int, source: Pair, target: Pair) -> None:
        """Write the last stage where two halves are left."""
        for first, last, width in _spans(beside):
            with self.loop(last, width, start=first) as loop:
                here, there = self._moved(source, loop.i), self._moved(target, loop.i)
                a, b = (self._read(here, k * beside, width) for k in (0, 1))
                self._put(self._sum(a, b, width), there, 0, width)
                self._put(self._difference(a, b, width), there, beside, width)

    # ------------------------------------------------------------------ in and out

    def _split(self, x: Sequence[str], parts: Pair) -> None:
        """Write what parts complex numbers, or pairs of real ones."""
        with self.loop(self.of.points * self.of.columns, LANES) as loop:
            z = self._read_complex(x, loop.i, LANES)
            self._put(z, self._turned(self._moved(parts, loop.i)), 0, LANES)

    def _joined(self, parts: Pair, z: Sequence[str]) -> None:
        """Write what puts the parts beside each other, or only where they go."""
        with self.loop(self.of.points * self.of.columns, LANES) as loop:
            both = self._read(self._turned(self._moved(parts, loop.i)), 0, LANES)
            self._put_complex(both, z, loop.i, LANES, self.of.scale)

    def _real_roots(self, i: str, width: int) -> Pair:
        m = self.of.points
        start = self.at(self._table, table(self.of.n, is_real=True).size - 2 * m, SIZE)
        return self._read(self._moved((start, self.at(start, m, SIZE)), i), 0, width)

    def _parted(self, parts: Pair, z: Sequence[str]) -> None:
        """Write the transform of real numbers, of that of their pairs.

        X[k] = (Z[k] + Z'[m - k]) / 2 - i w**k (Z[k] - Z'[m - k]) / 2, Z' conjugate
        """
        m, half = self.of.points, self.of.scale / 2
        re, im = self._read(parts, 0, 1)
        for at, name in ((0, "fadd"), (m, "fsub")):
            end = self._do(name, 1, re, im), literal(0.0)
            self._put_complex(end, z, at, 1, self.of.scale)
        for first, last, width in _spans(m, 1):
            with self.loop(last, width, start=first) as loop:
                a = self._read(self._moved(parts, loop.i), 0, width)
                opposite = self.add(f"sub i64 {m + 1 - width}, {loop.i}")
                b = self._read(self._moved(parts, opposite), 0, width)
                b = self._reversed(b[0], width), self._reversed(b[1], width)
                plus, minus = self._sum(a, b, width), self._difference(a, b, width)
                even = plus[0], minus[1]
                odd = plus[1], self._do("fneg", width, minus[0])
                odd = self._product(self._real_roots(loop.i, width), odd, width)
                both = self._sum(even, odd, width)
                self._put_complex(both, z, loop.i, width, half)

    def _paired(self, x: Sequence[str], parts: Pair) -> None:
        """Write the transform of pairs of real numbers, of that of the numbers.

        2 Z[k] = X[k] + X'[m - k] + i (X[k] - X'[m - k]) / w**k, X' conjugate
        """
        m, parts = self.of.points, self._turned(parts)
        re, im = (self._read_complex(x, i, 1)[0] for i in (0, m))
        ends = self._do("fadd", 1, re, im), self._do("fsub", 1, re, im)
        self._put(ends, parts, 0, 1)
        for first, last, width in _spans(m, 1):
            with self.loop(last, width, start=first) as loop:
                a = self._read_complex(x, loop.i, width)
                opposite = self.add(f"sub i64 {m + 1 - width}, {loop.i}")
                b = self._read_complex(x, opposite, width, back=True)
                plus, minus = self._sum(a, b, width), self._difference(a, b, width)
                even = plus[0], minus[1]
                w = self._real_roots(loop.i, width)
                w = w[0], self._do("fneg", width, w[1])
                re, im = self._product(w, (minus[0], plus[1]), width)
                odd = self._do("fneg", width, im), re
                z = self._sum(even, odd, width)
                self._put(z, self._moved(parts, loop.i), 0, width)


def _spans(stop: int, start: int = 0) -> list[tuple[int, int, int]]:
    """Return what of a range is gone through by vectors, and what by numbers."""
    whole = stop - (stop - start) % LANES
    spans = ((start, whole, LANES), (whole, stop, 1))
    return [(a, b, width) for a, b, width in spans if a < b]


__all__ = ["Stages", "Transform", "table"]
