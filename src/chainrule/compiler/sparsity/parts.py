"""Patterns of functions that are one row of several: those of parts and branches."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.control.bodies import Body
from chainrule.compiler.control.cond import Branches
from chainrule.compiler.programs.program import replaced
from chainrule.compiler.sparsity.patterns import Pattern, union
from chainrule.compiler.tracing.active import ACTIVE
from chainrule.compiler.tracing.columns import Column
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.trace import Trace
from chainrule.nodes.joined import joined
from chainrule.nodes.tables import FUNCTIONS
from chainrule.values.containers import flatten
from chainrule.values.quiet import quietly

if TYPE_CHECKING:
    from chainrule.compiler.sparsity.detection import Detection

_np: Any = np


def patterns_by_parts(d: Detection, row: Row) -> Any:
    """Return the patterns of a row's results, by the parts that make them.

    ``None`` where it is not composed, or where a part decides on a value: then what
    depends on what is not known of all values.
    """
    parts = _parts(row.function)
    if parts is None or any(x.shape is None or x.dtype is None for x in row.operands):
        return None
    operands = list(dict.fromkeys(row.operands))

    def run(*leaves: Any) -> list[Any]:
        by = dict(zip(operands, leaves, strict=True))
        given = {k: replaced(x, by) for k, x in row.given.items()}
        args, named = joined(parts, replaced(row.args, by), given)
        return flatten(parts(*args, **named))[0]

    ACTIVE.composing.append(row.function)
    try:
        body = quietly(lambda: Body(Trace(), run, list(map(_example, operands))))
    except Exception:  # it does not take this call
        return None
    finally:
        ACTIVE.composing.pop()
    program = body.program
    if program.guards or any(x.where for x in program.rows):
        return None
    found = d.followed(program, list(map(d.known, operands)))
    sizes = [math.prod(_np.shape(like)) for like in body.likes]
    full = [
        Pattern(n, d.columns) if p is None else p
        for p, n in zip(found, sizes, strict=True)
    ]
    return full if row.shape is None else full[0]


def patterns_by_branches(d: Detection, row: Row) -> list[Pattern] | None:
    """Return the patterns of a cond's results: those of both branches.

    ``None`` where a branch has columns of loops around it.
    """
    branches: Branches = row.function
    _, inputs, captured = row.args
    if any(isinstance(x, Column) for x in branches.likes):
        return None
    found = [Pattern(math.prod(np.shape(x)), d.columns) for x in branches.likes]
    for body, outer in zip(branches.bodies, captured, strict=True):
        results = d.followed(body.program, list(map(d.known, [*inputs, *outer])))
        found = [
            p if new is None else union(p, new)
            for p, new in zip(found, results, strict=True)
        ]
    return found


def _parts(function: Any) -> Any:
    """Return what a function is composed of, if it is."""
    ufunc = getattr(function, "__self__", None)
    if isinstance(ufunc, np.ufunc):
        name = function.__name__
        of_any = FUNCTIONS.get(getattr(np.ufunc, name))
        whole = None if of_any is None else functools.partial(of_any, ufunc)
        found = FUNCTIONS.get((ufunc, name), whole)
    else:
        found = FUNCTIONS.get(function)
    return None if hasattr(found, "rule") else found


def _example(x: Row) -> Any:
    """Return numbers in the place of an operand; they rise, as points may have to."""
    size = math.prod(x.shape)
    numbers = _np.linspace(1.0, 2.0, size).astype(x.dtype)
    return numbers.reshape(x.shape) if x.shape else numbers[0]


__all__ = ["patterns_by_branches", "patterns_by_parts"]
