"""Factorisations of small matrices in native code, and what is computed from them.

In: the name of a function of ``factors``, and the size of its matrix. Out: a
``MatrixFunction``, which works on arrays in place. LAPACK takes a microsecond to begin;
here a matrix of four rows is factorised in a tenth of that. The pivots are those of
LAPACK: the largest entries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.calls import Call, Changing, Function, call_on
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.matrix_code import MatrixWriter
from chainrule.compiler.native.sharing import SharedCode
from chainrule.compiler.native.text import Unit
from chainrule.values.shapes import Shape

LARGEST = 96
"""Rows of a matrix from which on it is left to LAPACK."""


class MatrixFunction(SharedCode):
    """A function of one matrix in machine code.

    Attributes
    ----------
    likes
        The shapes and dtypes of its results.
    fails
        Whether the last result is a flag: 1 where NumPy raises an error.
    """

    keeps_shape = True
    operations = 10
    fills = True

    def __init__(
        self,
        name: str,
        n: int,
        columns: int | None,
        *,
        transposed: bool,
        stack: Shape = (),
    ) -> None:
        """Describe it: ``columns`` are those of a matrix that is solved for.

        It is done to each matrix of a stack of some shape.
        """
        self.__name__: str = name
        self.text: str = f"{name} {n} {columns} {transposed}"
        self._described = name, n, columns or 1, transposed
        self._count = math.prod(stack)
        shapes: dict[str, list[tuple[int, ...]]] = {
            "factors": [(n + 1, n)],
            "slogdet": [(), ()],
            "det": [()],
        }
        right = (n,) if columns is None else (n, columns)
        solved = [right if name.startswith("solve") else (n, n), ()]
        dtype = np.dtype(np.float64)
        self.likes: list[tuple[tuple[int, ...], np.dtype[Any]]] = [
            ((*stack, *shape), dtype) for shape in shapes.get(name, solved)
        ]
        self.fails: bool = name not in shapes
        if self.fails:
            self.likes[-1] = (), dtype
        self.results: int = len(self.likes) - self.fails if stack else 0
        """How many results may be in memory of their own: one matrix is small."""

    def compiled(self) -> Any:
        """Compile it."""
        unit = Unit()
        name, n, columns, transposed = self._described
        writer = MatrixWriter(unit, n, columns, transposed=transposed)
        writer.write(name)
        return Function(Functions(unit, 2), name)

    def bound(self, given: Sequence[Any], found: Sequence[Any]) -> Call:
        """Return the call that works on these arrays."""
        arrays: list[Any] = [
            x if isinstance(x, Changing) else np.ascontiguousarray(x, dtype=np.float64)
            for x in given
            if not isinstance(x, bool)
        ]
        return call_on(self.code, 0, self._count, (*arrays, *found))


__all__ = ["LARGEST", "MatrixFunction"]
