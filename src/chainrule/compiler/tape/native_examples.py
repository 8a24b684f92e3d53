"""One example's program in native code, on eight examples at a time.

In: a program traced for one example, of which some inputs differ between examples.
Out: ``Blocks``, called with all examples. Each place of the example's tape is a
register of ``WIDTH`` numbers, one per example. So a block of examples costs what one
would, and nothing between arguments and results is ever written to memory, but what
registers have no room for.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.operations import ELEMENTWISE, OPCODES, PAIRS
from chainrule.compiler.native.text import VECTOR, WIDTH, Unit, literal, type_of
from chainrule.compiler.native.threads import Team, parts_of, side_by_side
from chainrule.compiler.native.writer import Writer, objects
from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.signals import NanFound
from chainrule.compiler.tape.instructions import Code, Instruction
from chainrule.compiler.tape.lowering import Builder, CannotLowerError
from chainrule.compiler.tape.outside import refuse_calls
from chainrule.compiler.tape.places import constants_of
from chainrule.compiler.tracing.rows import Row

LONGEST = 6_000
"""Operations of one example from which on it is too long for one function: each
may need room for eight numbers on the stack."""

_FLAGS = type_of("i1", WIDTH)


class Blocks:
    """The function of a vmap's row: one example's program, on blocks of examples."""

    name = "native code"
    optimized = True

    def __init__(
        self, program: Program, many: Sequence[bool], count: int, threads: int | str = 1
    ) -> None:
        """Lower the program; a team of so many threads shares the examples.

        Raises ``CannotLowerError`` where NumPy would have to run, and where blocks are
        not worth it.
        """
        b = Builder(program)
        refuse_calls(b, program)
        if b.whole:
            raise CannotLowerError("integers that may be too large for a tape")
        places = [np.ravel(b.at[x]).tolist() for x in program.inputs]
        ends = [np.ravel(b.places(x)).tolist() for x in program.outputs]
        if not all((*places, *ends)):
            raise CannotLowerError("empty arrays")
        self.count = count
        self._example = Example(
            b.code,
            constants_of(b.filled, math.inf),
            list(zip(places, many, strict=True)),
            ends,
            [p for x in program.checks for p in np.ravel(b.at[x]).tolist()],
        )
        if count < WIDTH or self._example.operations > LONGEST:
            raise CannotLowerError("few examples, or many operations of each")
        self._likes = [
            x if isinstance(x, Row) else np.asarray(x) for x in program.outputs
        ]
        self.instructions: int = 2 * self._example.operations
        self.team: Team = Team(threads)
        self._run: Any = None

    def hasten(self) -> None:
        """Have LLVM compile it."""
        self._run = compiled_examples(self._example, self.count)

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        """Return the results of all examples, stacked."""
        given = [np.ascontiguousarray(x, dtype=np.float64) for x in inputs]
        found = [np.empty((self.count, *x.shape)) for x in self._likes]
        turns = -(-self.count // WIDTH)
        parts = parts_of(turns, 1 if self.team.alone else self.team.count)
        flags = [np.zeros(1) for _ in parts]
        arrays = [*map(id, given), *map(id, found)]
        both = zip(parts, flags, strict=True)
        calls = [
            functools.partial(self._run, *part, *arrays, id(f)) for part, f in both
        ]
        together = functools.partial(side_by_side, calls)
        if len(calls) == 1:
            self.team.stay_alone()
            together()
        else:
            alone = functools.partial(self._run, 0, turns, *arrays, id(flags[0]))
            self.team.call(alone, together)()
        if any(flag[0] for flag in flags):
            raise NanFound
        pairs = zip(found, self._likes, strict=True)
        return tuple([z.astype(x.dtype, copy=False) for z, x in pairs])


@dataclass(frozen=True)
class Example:
    """The tape of one example.

    ``given`` has for each argument its places, and whether examples have one each;
    ``results`` and ``checks`` the places of the results, and of what must not be nan.
    """

    code: Code
    constants: Mapping[int, float]
    given: Sequence[tuple[Sequence[int], bool]]
    results: Sequence[Sequence[int]]
    checks: Sequence[int]

    @property
    def operations(self) -> int:
        """How many operations the instructions are, one by one."""
        t = self.code.table
        n, m, k = (t[x].astype(np.int64) for x in ("length", "rows", "inner"))
        product = t["operation"] == OPCODES["matmul"]
        return int(n @ (1 + product * (2 * m * k - 1)))


def compiled_examples(example: Example, count: int) -> Any:
    """Return ``f(first, last, *arrays, flag)``, for blocks of examples from first on.

    The arrays are those given, of shape (count, size), or (size,) where all examples
    share one, then those of the results; ``flag[0]`` becomes 1 where a check is nan.
    The last block ends with the last example.
    """
    arrays = len(example.given) + len(example.results) + 1
    unit = Unit()
    _Block(unit, example, count, arrays).write("examples")
    return Functions(unit, 2).function("examples", 2 + arrays)


class _Block(Writer):
    """Writes the loop over blocks."""

    def __init__(self, unit: Unit, example: Example, count: int, arrays: int) -> None:
        super().__init__(unit, ["i64 %first", "i64 %last", *objects(arrays)])
        self.example = example
        self.count = count
        self.values: dict[int, str] = {}
        self.sources: dict[int, tuple[str, int, int]] = {}

    def write(self, name: str) -> None:
        """Write the function."""
        example = self.example
        count = len(example.given) + len(example.results) + 1
        bases = [self.entries(i) for i in range(count)]
        for base, (places, many) in zip(bases, example.given, strict=False):
            if not many:
                for e, p in enumerate(places):
                    at = self.at(base, e, 8)
                    self.values[p] = self.splat(self.load(at))
        blocks = self.add("sub i64 %last, %first")
        with self.loop(blocks, 1, [(_FLAGS, "zeroinitializer")]) as loop:
            block = self.add(f"add i64 {loop.i}, %first")
            start = self.add(f"mul i64 {block}, {WIDTH}")
            late = self.add(f"icmp sgt i64 {start}, {self.count - WIDTH}")
            i = self.add(f"select i1 {late}, i64 {self.count - WIDTH}, i64 {start}")
            for base, (places, many) in zip(bases, example.given, strict=False):
                if many:
                    self._given(self.at(base, i, 8 * len(places)), places)
            for it in example.code:
                self.put(it)
            rest = bases[len(example.given) :]
            for base, places in zip(rest, example.results, strict=False):
                self._result(self.at(base, i, 8 * len(places)), places)
            loop.after = [self._flagged(loop.carried[0])]
        some = self.any_of(loop.after[0], WIDTH)
        self.store(self.add(f"uitofp i1 {some} to double"), bases[-1])
        self.finish(name)

    def _flagged(self, seen: str) -> str:
        for p in self.example.checks:
            x = self.value(p)
            nan = self.add(f"fcmp uno {VECTOR} {x}, {x}")
            seen = self.add(f"or {_FLAGS} {seen}, {nan}")
        return seen

    # --------------------------------------------------------- arguments and results

    def value(self, place: int) -> str:
        """Return the register of a place."""
        found = self.values.get(place)
        if found is None and place in self.example.constants:
            return literal(self.example.constants[place], WIDTH)
        if found is None:
            base, size, e = self.sources[place]
            numbers = [self.load(self.at(base, i * size + e, 8)) for i in range(WIDTH)]
            found = self.values[place] = self.gathered(numbers, WIDTH)
        return found

    def _given(self, base: str, places: Sequence[int]) -> None:
        """Make known where an argument's entries are, or load them."""
        size = len(places)
        if size == 1:
            self.values[places[0]] = self.load(base, WIDTH)
            return
        whole = size - size % WIDTH
        for e in range(0, whole, WIDTH):
            rows = range(e, e + WIDTH * size, size)
            found = self._turned([self.load(self.at(base, i, 8), WIDTH) for i in rows])
            self.values |= dict(zip(places[e : e + WIDTH], found, strict=True))
        for e in range(whole, size):
            self.sources[places[e]] = base, size, e

    def _result(self, base: str, places: Sequence[int]) -> None:
        """Write a result's entries, example by example."""
        size = len(places)
        if size == 1:
            self.store(self.value(places[0]), base, WIDTH)
            return
        whole = size - size % WIDTH
        for e in range(0, whole, WIDTH):
            found = self._turned([self.value(p) for p in places[e : e + WIDTH]])
            for i, x in enumerate(found):
                self.store(x, self.at(base, i * size + e, 8), WIDTH)
        for e in range(whole, size):
            x = self.value(places[e])
            for i in range(WIDTH):
                self.store(self.element(x, i), self.at(base, i * size + e, 8))

    def _turned(self, rows: list[str]) -> list[str]:
        """Return a square of registers transposed, by halves, quarters and pairs."""
        step = 1
        while step < WIDTH:
            found = list(rows)
            for i in range(WIDTH):
                if i & step:
                    continue
                x, y = rows[i], rows[i + step]
                for k, shift in ((i, 0), (i + step, step)):
                    places = [
                        shift + (WIDTH + j - step if j & step else j)
                        for j in range(WIDTH)
                    ]
                    found[k] = self.shuffled(x, y, WIDTH, places)
            rows, step = found, 2 * step
        return rows

    # ------------------------------------------------------------ instructions

    def put(self, it: Instruction) -> None:
        """Write one instruction, entry by entry."""
        name, z, operands, n = it[:4]
        places = zip(
            *[[x + i * step for i in range(n)] for x, step in operands], strict=True
        )
        if name in ELEMENTWISE:
            for i, xs in enumerate(places):
                self.values[z + i] = self.operation(name, WIDTH, *map(self.value, xs))
        elif name == "matmul":
            self._product(it)
        elif name == "dot":
            self.values[z] = self._summed(places)
        else:
            first, *others = [self.value(x) for (x,) in places]
            for other in others:
                first = self.operation(PAIRS[name], WIDTH, first, other)
            self.values[z] = first

    def _product(self, it: Instruction) -> None:
        (x, down), (y, below), (_, across) = it.operands
        for i in range(it.rows):
            for j in range(it.length):
                self.values[it.target + i * it.length + j] = self._summed(
                    (x + i * down + e * across, y + e * below + j)
                    for e in range(it.inner)
                )

    def _summed(self, pairs: Iterable[tuple[int, ...]]) -> str:
        total = ""
        for pair in pairs:
            term = self.operation("multiply", WIDTH, *map(self.value, pair))
            total = self.operation("add", WIDTH, total, term) if total else term
        return total


__all__ = ["Blocks"]
