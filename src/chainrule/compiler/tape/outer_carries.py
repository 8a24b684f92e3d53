"""Carries of loops that outer products are added to, some steps at a time.

In: the body of a loop. Out: a body without these sums, which returns the vectors of the
products instead, and the code that adds them. A large matrix to which each step adds
``u[:, None] * v`` goes through memory in each step; so the vectors of a few steps are
kept, and added together, in the order of the steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from chainrule.compiler.native.outer_products import added_up, factors_of, is_sum
from chainrule.compiler.native.outer_sums import Tiles
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.rows import Row

if TYPE_CHECKING:
    from chainrule.compiler.tape.native_instructions import Instructions

STEPS = 8
"""How many steps are added together: a power of 2."""


@dataclass(frozen=True)
class OuterCarry:
    """A matrix that a step adds an outer product to.

    Attributes
    ----------
    start, shape
        The first place of the matrix, and its shape.
    vectors
        The first places of the column and the row of a step.
    kept
        Those of the columns and rows that are still to be added.
    from_zero
        Whether the matrix is zero at first, and its places hold anything.
    """

    start: int
    shape: tuple[int, int]
    vectors: tuple[int, int]
    kept: tuple[int, int]
    from_zero: bool

    def keep(self, writer: Instructions, i: str) -> None:
        """Write what keeps the vectors of step i, and adds them after some steps."""
        turn = writer.add(f"and i64 {i}, {STEPS - 1}")
        for size, vector, kept in zip(self.shape, self.vectors, self.kept, strict=True):
            there = writer.at(writer.pointer(kept), turn, 8 * size)
            writer.hand_out(vector, size, there)
        with writer.where(writer.add(f"icmp eq i64 {turn}, {STEPS - 1}")):
            self._add(writer, str(STEPS), i)

    def add_rest(self, writer: Instructions, steps: str) -> None:
        """Write what adds the vectors that are left after so many steps."""
        rest = writer.add(f"and i64 {steps}, {STEPS - 1}")
        with writer.where(writer.add(f"icmp ne i64 {rest}, 0")):
            self._add(writer, rest, steps)
        if self.from_zero:
            with writer.where(writer.add(f"icmp eq i64 {steps}, 0")):
                writer.fill(self.start, math.prod(self.shape))

    def _add(self, writer: Instructions, count: str, step: str) -> None:
        """Write what adds the first so many products to the matrix, in a step."""

        def vector(t: str, which: int) -> str:
            kept = writer.pointer(self.kept[which])
            return writer.at(kept, t, 8 * self.shape[which])

        tiles = Tiles(writer, self.shape, vector)
        before = "false"
        if self.from_zero:
            before = writer.add(f"icmp slt i64 {step}, {STEPS}")
        tiles.write(writer.pointer(self.start), count, before)


def without_outer_sums(
    program: Program, carries: Iterable[int]
) -> tuple[Program, list[tuple[int, Row]]]:
    """Return a body that leaves some of these carries as they are, and what it adds.

    That are the number of the carry and the product, of which the body returns the
    column and the row, after its results and in this order.
    """
    uses = program.uses()
    found: list[tuple[int, Row]] = []
    for i in carries:
        x, z = program.inputs[i], program.outputs[i]
        if not is_sum(z) or z.shape != x.shape or uses[x] != 1 or uses[z] != 1:
            continue
        terms, _ = added_up(z, uses)
        products = [y for y in terms if y is not x]
        if len(products) < len(terms) and all(map(factors_of, products)):
            found += [(i, y) for y in products]
    outputs: list[Any] = list(program.outputs)
    for i, y in found:
        outputs[i] = program.inputs[i]
        outputs += factors_of(y) or ()
    plain = replace(program, outputs=outputs)
    eliminate_dead_code(plain)
    return plain, found


__all__ = ["OuterCarry", "without_outer_sums"]
