"""Products of matrices that are transposed: NumPy reads these where they are.

In: a program that becomes a tape. Out: the same, or one in which a product of the
transpose of a large array is one call of NumPy's. A tape holds arrays by rows: the
transpose alone would be copied.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program, become, transposed
from chainrule.compiler.tape.held import HELD
from chainrule.compiler.tracing.rows import Row


class TurnedProduct:
    """``x @ y``, where either may be given as what it is the transpose of."""

    __name__ = "matmul"

    def __init__(self, *turns: bool) -> None:
        """Tell which of the two is transposed."""
        self.turns = turns

    def __call__(self, *factors: Any) -> Any:
        """Return the product."""
        x, y = (
            v.T if turns else v for v, turns in zip(factors, self.turns, strict=True)
        )
        return np.matmul(x, y)


def turn_in_products(program: Program) -> Program:
    """Return the program with its transposes of large matrices in their products."""
    products = (row for row in program.rows if row.function is np.matmul)
    if not any(_is_large(x) for row in products for x in _turned(row)):
        return program
    copy = program.copied()
    for row in copy.rows:
        turned = _turned(row)
        large = [*map(_is_large, turned)]
        if any(large):
            pairs = zip(turned, row.args, large, strict=True)
            factors = tuple(before if turns else x for before, x, turns in pairs)
            become(row, TurnedProduct(*large), factors)
    eliminate_dead_code(copy)
    return copy


def _turned(row: Row) -> list[Any]:
    """Return what the factors of a product are transposes of, if they are."""
    if row.function is not np.matmul or row.given or row.dtype != np.float64:
        return []
    return [transposed(x) for x in row.args]


def _is_large(before: Any) -> bool:
    if before is None or len(before.shape or ()) != 2:
        return False
    return before.dtype == np.float64 and math.prod(before.shape) >= HELD


__all__ = ["turn_in_products"]
