"""Captured matrices that are transposed for a loop: its body transposes them.

In: a program. Out: the same, in which a loop captures the matrix itself, where its body
only multiplies the transposed one with vectors: so nobody copies it in another order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.compiler.programs.program import Program, replaced, transposed
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.values.shapes import shape_of


def transpose_inside(program: Program) -> bool:
    """Let bodies transpose what they capture transposed; tell whether one does."""
    found = False
    for row in program.rows:
        if row.shape is not None or not hasattr(row.function, "narrowed"):
            continue
        *_, leaves, captured = row.args
        inputs = row.function.body.program.inputs[len(leaves) :]
        if len(inputs) != len(captured):
            continue  # a condition captures as well
        turned = {
            inside: x
            for inside, x in zip(inputs, captured, strict=True)
            if _is_matrix(transposed(x))
            and _meets_vectors(row.function.body.program, inside)
        }
        if turned:
            _transpose(row, turned)
            found = True
    return found


def _is_matrix(x: Any) -> bool:
    return isinstance(x, Row) and len(x.shape or ()) == 2


def _meets_vectors(body: Program, x: Row) -> bool:
    """Tell whether a body only multiplies a matrix with vectors."""
    readers = [row for row in body.rows if x in row.operands]
    products = all(
        row.function is np.matmul
        and not row.given
        and any(len(shape_of(y)) == 1 for y in row.args)
        for row in readers
    )
    return bool(readers) and products and x not in body.ends


def _transpose(loop: Row, turned: dict[Row, Row]) -> None:
    """Have a loop capture matrices, and its body transpose them."""
    *count, leaves, captured = loop.args
    body: Program = loop.function.body.program.copied()
    pairs = zip(body.inputs[len(leaves) :], captured, strict=True)
    held = [(x, inside) for inside, x in pairs if inside not in turned]
    known = {id(x): inside for x, inside in held}  # one value may be captured twice
    inside: dict[Row, Row] = {}
    for x, outer in turned.items():
        matrix: Row = outer.args[0]
        if id(matrix) not in known:
            known[id(matrix)] = matrix.as_input()
            held.append((matrix, known[id(matrix)]))
        inside[x] = x.with_call(np.transpose, (known[id(matrix)],))
    for row in body.rows:
        if any(x in inside for x in row.operands):
            row.args = replaced(row.args, inside)
            row.operands = rows_in((row.args, row.given))
    body.inputs = [*body.inputs[: len(leaves)], *(x for _, x in held)]
    body.rows = [*inside.values(), *body.rows]
    loop.function = loop.function.narrowed(body.renumbered())
    loop.args = *count, leaves, [x for x, _ in held]
    loop.operands = rows_in(loop.args)


__all__ = ["transpose_inside"]
