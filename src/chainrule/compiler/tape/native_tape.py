"""Tapes in native code: a stretch of tape, or all steps of a scan, as one function.

In: a tape's instructions and the places that are read from outside. Out: functions of
the address of a workspace. They do what the interpreter does, without reading
instructions: single numbers stay in registers from the row that makes them to those
that read them, and only what somebody else reads is written to the workspace. Rows of
many numbers are made of vectors of ``LANES``, in a loop where there are more than
``UNROLLED``.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.native.expressions import LANES, literal, operation
from chainrule.compiler.native.llvm import VECTOR, Functions, Unit, Writer, objects
from chainrule.compiler.native.operations import (
    ELEMENTWISE,
    NAMES,
    OPCODES,
    operands_of,
)
from chainrule.compiler.tape.instructions import (
    Code,
    Instruction,
    Operand,
)
from chainrule.compiler.tape.lowering import CannotLowerError

_np: Any = np

UNROLLED = 64
"""Rows of at most so many numbers are written out; longer ones are loops."""

QUICK = 600
"""Rows from which on compiling quickly matters more than the last bit of speed."""

CHUNK = 16_000
"""Numbers that the rows of a function may make: each may need a place on the stack, and
LLVM's time grows faster than the length of a function."""

BODY = 64_000
"""The same for a scan's body, which is not divided."""


class Rows(Writer):
    """Writes rows of tape.

    A value that was written whole is known by name: a number by its place, a row of
    numbers by its first place and length; what is written to some of its places makes
    it be forgotten. Stores are kept apart in ``lines``, as (first place, length, text),
    until it is known which are read.
    """

    def __init__(
        self,
        unit: Unit,
        parameters: Sequence[str],
        read: Any,
        constants: Mapping[int, float],
        known: bytearray | None = None,
    ) -> None:
        """Begin; ``read`` marks the places that somebody else reads.

        ``known``, all 0 at first, marks those that may be known by name; it may be
        shared.
        """
        super().__init__(unit, parameters)
        self.read = read
        self._known = bytearray(len(read)) if known is None else known
        self._constants = constants
        self._numbers: dict[int, str] = {}
        self._vectors: dict[tuple[int, int], list[str]] = {}
        self._splats: dict[str, str] = {}
        self._moving: list[tuple[int, int, str]] = []

    def move(self, start: int, count: int, pointer: str) -> None:
        """Say that so many places from one on are elsewhere, at a pointer."""
        self._moving.append((start, count, pointer))

    def word(self, table: str, i: int) -> str:
        """Return an integer of a table."""
        return self.add(f"load i64, ptr {self.at(table, i, 8)}")

    def part(self, array: tuple[str, str], t: str, n: int) -> str:
        """Return the address of step t's part, n numbers of an array with a mask."""
        entries, mask = array
        return self.at(entries, self.add(f"and i64 {t}, {mask}"), 8 * n)

    def pointer(self, place: int | str) -> str:
        """Write the address of a place."""
        base = "%work"
        if type(place) is int:
            for start, count, moved in self._moving:
                if start <= place < start + count:
                    place, base = place - start, moved
                    break
        return self.add(f"getelementptr double, ptr {base}, i64 {place}")

    # ------------------------------------------------------------------- reading

    def _mark(self, start: int, *axes: tuple[int, int]) -> None:
        """Note that the places from one on are read, by (step, count) of each axis."""
        low, high = _reach(start, *axes)
        self.read[low:high] = True

    def take_in(self, place: int, count: int, pointer: str) -> None:
        """Copy numbers from outside the workspace to their places."""
        if count > UNROLLED:
            self._copied(pointer, self.pointer(place), count)
        elif count == 1:
            self.put(place, self.add(f"load double, ptr {pointer}"))
        else:
            starts = range(0, count, LANES)
            pieces = [self._loaded(pointer, i, min(LANES, count - i)) for i in starts]
            self.put_pieces(place, count, pieces)

    def _copied(self, source: str, target: str, count: int) -> None:
        """Write a loop that copies numbers from one address to another."""
        whole = count - count % LANES
        with self.loop(whole, LANES) as loop:
            x = self.add(f"load {VECTOR}, ptr {self.at(source, loop.i, 8)}, align 8")
            self.do(f"store {VECTOR} {x}, ptr {self.at(target, loop.i, 8)}, align 8")
        if whole < count:
            kind, rest = f"<{count - whole} x double>", self.at(source, whole, 8)
            x = self.add(f"load {kind}, ptr {rest}, align 8")
            self.do(f"store {kind} {x}, ptr {self.at(target, whole, 8)}, align 8")

    def number(self, place: int) -> str:
        """Return the number at a place."""
        found = self._numbers.get(place)
        if found is None:
            if place in self._constants:
                return literal(self._constants[place])
            self.read[place] = True
            found = self.add(f"load double, ptr {self.pointer(place)}")
            self._numbers[place] = found
            self._known[place] = 1
        return found

    def spread(self, place: int) -> str:
        """Return a vector of the number at a place."""
        if place in self._constants:
            return literal(self._constants[place], LANES)
        x = self.number(place)
        found = self._splats.get(x)
        if found is None:
            found = self._splats[x] = self.splat(x)
        return found

    def vector(self, start: int, step: int, count: int) -> str:
        """Return up to ``LANES`` numbers from memory, as a vector of ``LANES``."""
        if step == 1:
            self._mark(start, (1, count))
            return self._loaded(self.pointer(start), 0, count)
        found = "poison"
        for i in range(count):
            x = self.number(start + i * step)
            found = self.add(f"insertelement {VECTOR} {found}, double {x}, i64 {i}")
        return found

    def pieces(self, start: int, step: int, count: int) -> list[str]:
        """Return a row's operand in vectors of ``LANES``."""
        if step == 0:
            return [self.spread(start)] * -(-count // LANES)
        found = self._vectors.get((start, count)) if step == 1 else None
        if found is None:
            found = [
                self.vector(start + i * step, step, min(LANES, count - i))
                for i in range(0, count, LANES)
            ]
            if step == 1:
                self._vectors[start, count] = found
                self._known[start : start + count] = b"\1" * count
        return found

    # ------------------------------------------------------------------- writing

    def store_if_read(self, x: str, kind: str, place: int, count: int) -> None:
        """Write a store that stays if the places are read."""
        have = len(self.lines)
        self.do(f"store {kind} {x}, ptr {self.pointer(place)}, align 8")
        text = "".join(self.lines[have:])
        del self.lines[have:]
        self.lines.append((place, count, text))

    def hand_out(self, place: int, count: int, pointer: str) -> None:
        """Write a value to an array outside the workspace."""
        if count == 1:
            self.do(f"store double {self.number(place)}, ptr {pointer}, align 8")
            return
        if count > UNROLLED:
            self._mark(place, (1, count))
            self._copied(self.pointer(place), pointer, count)
            return
        for i, x in enumerate(self.pieces(place, 1, count)):
            n = min(LANES, count - i * LANES)
            at = self.add(f"getelementptr double, ptr {pointer}, i64 {i * LANES}")
            cut = self.resized(x, LANES, n)
            self.do(f"store <{n} x double> {cut}, ptr {at}, align 8")

    def _forget(self, start: int, count: int) -> None:
        """Forget what so many places held, as they are written."""
        stop = start + count
        if 1 not in self._known[start:stop]:
            return
        self._numbers = {
            p: x for p, x in self._numbers.items() if not start <= p < stop
        }
        self._vectors = {
            (p, n): x
            for (p, n), x in self._vectors.items()
            if stop <= p or p + n <= start
        }
        self._known[start:stop] = bytes(count)

    def put(self, place: int, x: str) -> None:
        """Keep a number."""
        self._forget(place, 1)
        self._numbers[place] = x
        self._known[place] = 1
        self.store_if_read(x, "double", place, 1)

    def put_pieces(self, place: int, count: int, parts: list[str]) -> None:
        """Keep a row of numbers."""
        self._forget(place, count)
        self._vectors[place, count] = parts
        self._known[place : place + count] = b"\1" * count
        for i, x in zip(range(0, count, LANES), parts, strict=True):
            n = min(LANES, count - i)
            self.store_if_read(
                self.resized(x, LANES, n), f"<{n} x double>", place + i, n
            )

    def finish(self, name: str) -> None:
        """Hand the function to its unit, without the stores that nobody reads."""
        kept: list[Any] = []
        for line in self.lines:
            if type(line) is str:
                kept.append(line)
            elif self.read[line[0] : line[0] + line[1]].any():
                kept.append(line[2])
        self.lines = kept
        super().finish(name)

    # ---------------------------------------------------------------------- rows

    def row(self, row: Instruction) -> None:
        """Write one row of tape."""
        name, z, operands, n = row[:4]
        if row.written > UNROLLED:
            self._forget(z, row.written)
        if name == "matmul":
            (x, dx), (y, dy), (_, dw) = operands
            self._product(z, x, y, row.rows, n, row.inner, dx, dw, dy)
        elif name in ("sum", "dot"):
            self._summed(z, n, operands)
        elif name in ("max", "min"):
            self._extreme("maximum" if name == "max" else "minimum", z, *operands[0], n)
        elif n == 1:
            self.put(z, self.operation(name, 1, *[self.number(x) for x, _ in operands]))
        elif n <= UNROLLED:
            self._written_out(name, z, n, operands)
        else:
            self._looped(name, z, n, operands)

    def _written_out(self, name: str, z: int, n: int, parts: Sequence[Operand]) -> None:
        columns = [self.pieces(x, step, n) for x, step in parts]
        pieces = zip(*columns, strict=True)
        self.put_pieces(z, n, [self.operation(name, LANES, *xs) for xs in pieces])

    def _looped(self, name: str, z: int, n: int, parts: Sequence[Operand]) -> None:
        whole = n - n % LANES
        still = {x: self.spread(x) for x, step in parts if step == 0}
        with self.loop(whole, LANES) as loop:
            xs = [
                still[x] if step == 0 else self._at(x, step, loop.i, n)
                for x, step in parts
            ]
            found = self.operation(name, LANES, *xs)
            place = self._offset(z, loop.i, 1)
            self.do(f"store {VECTOR} {found}, ptr {place}, align 8")
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
        base = self.pointer(place)
        return self.add(f"getelementptr double, ptr {base}, i64 {moved}")

    def _at(self, x: int, step: int, i: str, n: int) -> str:
        """Return the operand of one turn of a loop."""
        self._mark(x, (step, n))
        place = self._offset(x, i, step)
        if step == 1:
            return self.add(f"load {VECTOR}, ptr {place}, align 8")
        found = "poison"
        for j in range(LANES):
            at = self.add(f"getelementptr double, ptr {place}, i64 {j * step}")
            one = self.add(f"load double, ptr {at}")
            found = self.add(f"insertelement {VECTOR} {found}, double {one}, i64 {j}")
        return found

    # ---------------------------------------------------------- sums and products

    def _term(self, xs: Sequence[str]) -> str:
        return xs[0] if len(xs) == 1 else self.operation("multiply", LANES, *xs)

    def _summed(self, z: int, n: int, parts: Sequence[Operand]) -> None:
        """Write the sum of n numbers, or of n products."""
        if n <= UNROLLED:
            columns = [self.pieces(x, step, n) for x, step in parts]
            terms = [self._term(xs) for xs in zip(*columns, strict=True)]
            terms[-1] = self.filled(terms[-1], (n - 1) % LANES + 1, _NOTHING)
            while len(terms) > 1:
                terms.append(self.operation("add", LANES, terms.pop(0), terms.pop(0)))
            self.put(z, self.folded(terms[0], "add"))
            return
        several = 4
        turn = several * LANES
        whole = n - n % turn
        total = ""
        if whole:
            with self.loop(whole, turn, [(VECTOR, _NOTHING)] * several) as loop:
                for j, have in enumerate(loop.carried):
                    xs = [
                        self._at(x + j * LANES * step, step, loop.i, n - j * LANES)
                        for x, step in parts
                    ]
                    loop.after.append(
                        self.operation("add", LANES, have, self._term(xs))
                    )
            total = functools.reduce(
                lambda x, y: self.operation("add", LANES, x, y), loop.after
            )
        for i in range(whole, n, LANES):
            count = min(LANES, n - i)
            term = self._term(
                [self.vector(x + i * step, step, count) for x, step in parts]
            )
            term = self.filled(term, count, _NOTHING)
            total = self.operation("add", LANES, total, term) if total else term
        self.put(z, self.folded(total, "add"))

    def _extreme(self, name: str, z: int, x: int, step: int, n: int) -> None:
        """Write the largest or smallest of n numbers."""
        count = min(LANES, n)
        best = self.vector(x, step, count)
        best = self.filled(best, count, self.spread(x)) if count < LANES else best
        whole = (n - count) - (n - count) % LANES
        if whole:
            with self.loop(whole, LANES, [(VECTOR, best)]) as loop:
                found = self._at(x + LANES * step, step, loop.i, n - LANES)
                loop.after = [self.operation(name, LANES, found, loop.carried[0])]
            best = loop.after[0]
        rest = (n - count) - whole
        if rest:
            last = self.vector(x + (n - rest) * step, step, rest)
            last = self.filled(last, rest, best)
            best = self.operation(name, LANES, last, best)
        self.put(z, self.folded(best, name))

    def _product(
        self, z: int, x: int, y: int, m: int, n: int, k: int, dx: int, dw: int, dy: int
    ) -> None:
        """Write the product of an (m, k) and a (k, n) matrix."""
        if m * k * n <= UNROLLED * LANES and n > 1:
            self._small_product(z, x, y, m, n, k, dx, dw, dy)
            return
        if n == 1 and m > 1 and dx == 1:  # columns: as the product of the transposes
            self._product(z, y, x, 1, m, k, 0, dy, dw)
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
                widths = [min(LANES, n - j) for j in range(first, last, LANES)]
                with self.loop(k, 1, [(VECTOR, _ZEROS)] * len(widths)) as terms:
                    step = self.add(f"mul i64 {terms.i}, {dw}")
                    at = self.add(f"getelementptr double, ptr {left}, i64 {step}")
                    a = self.splat(self.add(f"load double, ptr {at}"))
                    right = self._offset(y + first, terms.i, dy)
                    for j, (count, have) in enumerate(
                        zip(widths, terms.carried, strict=True)
                    ):
                        b = self._loaded(right, j * LANES, count)
                        term = self.operation("multiply", LANES, a, b)
                        terms.after.append(self.operation("add", LANES, have, term))
                for j, (count, total) in enumerate(
                    zip(widths, terms.after, strict=True)
                ):
                    at = self.add(
                        f"getelementptr double, ptr {result}, i64 {first + j * LANES}"
                    )
                    cut = self.resized(total, LANES, count)
                    self.do(f"store <{count} x double> {cut}, ptr {at}, align 8")

    def _loaded(self, pointer: str, offset: int, count: int) -> str:
        at = self.add(f"getelementptr double, ptr {pointer}, i64 {offset}")
        x = self.add(f"load <{count} x double>, ptr {at}, align 8")
        return self.resized(x, count, LANES)

    def _small_product(
        self, z: int, x: int, y: int, m: int, n: int, k: int, dx: int, dw: int, dy: int
    ) -> None:
        rows = [self.pieces(y + h * dy, 1, n) for h in range(k)]
        for i in range(m):
            totals: list[str] = []
            for h in range(k):
                a = self.spread(x + i * dx + h * dw)
                terms = [self.operation("multiply", LANES, a, b) for b in rows[h]]
                if totals:
                    pairs = zip(totals, terms, strict=True)
                    terms = [self.operation("add", LANES, s, t) for s, t in pairs]
                totals = terms
            self.put_pieces(z + i * n, n, totals)


_NOTHING = "splat (double -0.0)"
_ZEROS = "zeroinitializer"


def _reach(start: int, *axes: tuple[int, int]) -> tuple[int, int]:
    """Return the first place, and the one after the last, of a grid of places.

    It starts at ``start``; each axis has a step, which may be negative, and a count.
    """
    ends = [step * (count - 1) for step, count in axes]
    low = start + sum(min(0, end) for end in ends)
    return low, start + sum(max(0, end) for end in ends) + 1


def reaches(row: Instruction) -> list[tuple[int, int]]:
    """Return where a row reads and writes: first places, and those after the last."""
    written = row.target, row.target + row.written
    if row.operation == "matmul":
        (x, dx), (y, dy), (_, dw) = row.operands
        left = _reach(x, (dx, row.rows), (dw, row.inner))
        return [left, _reach(y, (dy, row.inner), (1, row.length)), written]
    return [*(_reach(x, (step, row.length)) for x, step in row.operands), written]


# ------------------------------------------------------------------------ estimates


@functools.cache
def _of_names(count: int) -> tuple[Any, Any, Any, Any]:
    """Return, by opcode: instructions for one number and for a vector, and which ...

    ... of a, b, c are read; whether the operation reduces its operands.
    """
    one, vector = np.zeros(count), np.zeros(count)
    read, reduces = np.zeros((count, 3)), np.zeros(count, dtype=bool)
    for op, name in enumerate(NAMES[:count]):
        if name in ELEMENTWISE:
            one[op] = operation(name, 1).text.count("\n")
            vector[op] = operation(name, LANES).text.count("\n")
        else:
            reduces[op], vector[op] = name != "matmul", 2
        read[op] = [p in operands_of(name) for p in "abc"]
    return one, vector, read, reduces


def instructions_of(code: Code) -> int:
    """Return about how many machine instructions a tape becomes, without writing it."""
    one, vector, read, reduces = _of_names(len(NAMES))
    t = code.table
    op, n = t["operation"], t["length"].astype(np.int64)
    steps = np.stack([t["dx"], t["dy"], t["dw"]], axis=1)
    looped = n > UNROLLED
    rest = _np.where(looped, n % LANES, n)
    pieces = -(-rest // LANES)
    loads = _np.select(
        [steps == 1, steps == 0], [1.5 * pieces[:, None], 2.0], 3.0 * rest[:, None]
    )
    turns = _np.select([steps == 1, steps == 0], [2.0, 0.0], 3.0 * LANES)
    taken, turn = (loads * read[op]).sum(1), (turns * read[op]).sum(1)
    loop = _np.where(looped, 12 + vector[op] + turn, 0.0)
    found = _np.where(n == 1, one[op] + 2, pieces * (vector[op] + 2) + taken + loop)
    folded = pieces * vector[op] + taken + 15 + _np.where(looped, 40 + 4 * turn, 0.0)
    found = _np.where(reduces[op], folded, found)
    product = op == OPCODES["matmul"]
    return int(_np.where(product, _of_products(t), found).sum())


def _of_products(table: Any) -> Any:
    """Return the same for products of an (m, k) and a (k, n) matrix."""
    n, m, k = (table[x].astype(np.int64) for x in ("length", "rows", "inner"))
    pieces = -(-n // LANES)
    small = 1.5 * k * pieces + m * (2 * k * pieces + 3 * k + 2 * pieces)
    columns = m * (15 + _np.where(k > UNROLLED, 60, 5 * -(-k // LANES)))
    looped = 15 + 8 * pieces + 12 * -(-n // UNROLLED)
    return _np.select(
        [(m * k * n <= UNROLLED * LANES) & (n > 1), n == 1], [small, columns], looped
    )


# ------------------------------------------------------------------------- executor


class Native:
    """A stretch of tape in machine code."""

    def __init__(self, functions: Functions, names: Sequence[str]) -> None:
        """Keep the functions that it consists of."""
        self._parts = [functions.function(name, 1) for name in names]

    def bound(self, address: int) -> list[Any]:
        """Return the steps that run the rows on the workspace at an address."""
        return [functools.partial(part, address) for part in self._parts]


def is_quick(stretches: Sequence[Code]) -> bool:
    """Tell whether LLVM may take its time over so few rows."""
    return sum(map(len, stretches)) < QUICK


def compiled_stretches(
    stretches: Sequence[Code], read: Any, constants: Mapping[int, float]
) -> list[Native]:
    """Compile stretches of one tape; ``read`` marks the places that others read.

    ``constants`` are the numbers that no row and no argument changes, by their places.
    """
    unit, names = written(stretches, read, constants)
    functions = Functions(unit, 2 if is_quick(stretches) else 0)
    return [Native(functions, found) for found in names]


def written(
    stretches: Sequence[Code], read: Any, constants: Mapping[int, float]
) -> tuple[Unit, list[list[str]]]:
    """Write stretches of one tape; return for each the functions that it became."""
    unit, names = Unit(), list[list[str]]()
    writers: dict[str, Rows] = {}
    known = bytearray(len(read))
    for code in stretches:
        names.append([])
        for part in _divided(code):
            name = f"part{len(writers)}"
            names[-1].append(name)
            writers[name] = Rows(unit, ["ptr %work"], read, constants, known)
            for row in part:
                writers[name].row(row)
    for name, writer in writers.items():
        writer.finish(name)
    return unit, names


def _divided(code: Code) -> list[Code]:
    """Return a stretch in parts, each short enough for one function."""
    ends = np.cumsum(_numbers(code)) // CHUNK
    cuts = [0, *(np.flatnonzero(np.diff(ends)) + 1).tolist(), len(code)]
    return [code[start:stop] for start, stop in itertools.pairwise(cuts)]


def _numbers(code: Code) -> Any:
    """Return how many numbers in registers each row makes, vectors in whole."""
    n = code.table["length"]
    whole = -(-n // LANES) * LANES
    return np.where(n == 1, 4, np.where(n <= UNROLLED, whole, LANES))


@dataclass(frozen=True)
class Steps:
    """A tape that is run once per step of a loop, and what each step reads and writes.

    All are (first place, length) of a step's part of an array: ``taken`` of arrays with
    one part per step, ``given`` of such results. ``carried`` has (before, after,
    length): what a step writes after, the next finds before; the array of all of them
    has one part more than there are steps.
    """

    code: Code
    count: int
    reverse: bool
    taken: Sequence[tuple[int, int]]
    carried: Sequence[tuple[int, int, int]]
    given: Sequence[tuple[int, int]]


def compiled_steps(steps: Steps, read: Any, constants: Mapping[int, float]) -> Any:
    """Return a function of a workspace's address, and those of array objects.

    The first array, of int64, has a mask for each of the others, which are those taken,
    carried and given, of float64: step t finds its part at ``t & mask``.

    Raises ``CannotLowerError`` where a step is too long for one function.
    """
    if _numbers(steps.code).sum() > BODY:
        raise CannotLowerError("a step of many operations")
    unit = Unit()
    count = 1 + len(steps.taken) + len(steps.carried) + len(steps.given)
    writer = Rows(unit, ["ptr %work", *objects(count)], read, constants)
    table = writer.entries(0)
    arrays = [(writer.entries(i), writer.word(table, i - 1)) for i in range(1, count)]
    with writer.loop(steps.count) as loop:
        t = loop.i
        if steps.reverse:
            t = writer.add(f"sub i64 {steps.count - 1}, {t}")
        _write_step(writer, steps, arrays, t)
    writer.finish("steps")
    effort = 2 if len(steps.code) < QUICK else 1
    return Functions(unit, effort).function("steps", 1 + count)


def _write_step(
    writer: Rows, steps: Steps, arrays: Sequence[tuple[str, str]], t: str
) -> None:
    """Write step t: what it takes, its rows, and what it hands on or gives."""
    after = writer.add(f"add i64 {t}, 1")
    now, then = (after, t) if steps.reverse else (t, after)
    taken: list[tuple[int, int, str]] = []
    written: list[tuple[int, int, str]] = []
    rest = iter(arrays)
    for place, n in steps.taken:
        taken.append((place, n, writer.part(next(rest), t, n)))
    for before, end, n in steps.carried:
        array = next(rest)
        taken.append((before, n, writer.part(array, now, n)))
        written.append((end, n, writer.part(array, then, n)))
    for place, n in steps.given:
        written.append((place, n, writer.part(next(rest), t, n)))
    rows = list(steps.code)
    touched = np.array([r for row in rows for r in reaches(row)]).reshape(-1, 2).T
    for place, n, pointer in taken:
        if _is_alone(place, n, touched):
            writer.move(place, n, pointer)
        else:
            writer.take_in(place, n, pointer)
    left: list[tuple[int, int, str]] = []
    for place, n, pointer in written:
        if n > UNROLLED and _is_alone(place, n, touched):
            writer.move(place, n, pointer)
            writer.read[place : place + n] = True
        else:
            left.append((place, n, pointer))
    for row in rows:
        writer.row(row)
    for place, n, pointer in left:
        writer.hand_out(place, n, pointer)


def _is_alone(place: int, n: int, touched: Any) -> bool:
    """Tell whether no row reads or writes n places together with others.

    ``touched`` are the ``reaches`` of all rows. Such places can be elsewhere: what a
    row reads or writes in one piece must be one piece of memory.
    """
    first, after = touched
    inside = (first >= place) & (after <= place + n)
    return bool((inside | (after <= place) | (first >= place + n)).all())


__all__ = [
    "Native",
    "Steps",
    "compiled_steps",
    "compiled_stretches",
    "instructions_of",
    "is_quick",
    "written",
]
