"""Program: the rows of a trace that are needed, simplified; and the passes over them.

In: a ``Trace`` and the leaves of its result. Out: a ``Program`` in which each row comes
after its operands, the same call stands once, and every row leads to an output, a guard
or a check. The passes change no result by more than the sign of a zero in a nan, and
reassociate nothing:

``shared``
    hash-consing: the same function of the same operands is one row. Identities that are
    exact in floating point are taken on the way (``identities``), and with
    ``compile(fastmath=True)`` those that are exact in real arithmetic (``fastmath``).
``needed``
    dead code: a walk back from outputs, guards and checks.
``trimmed``
    loops store only the results that are read.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.compiler.programs.fastmath import simplified
from chainrule.compiler.programs.identities import identity
from chainrule.compiler.progress import watched
from chainrule.compiler.tracing.plain_operators import UFUNCS, power
from chainrule.compiler.tracing.rows import Guard, Row, mapped
from chainrule.compiler.tracing.trace import Trace
from chainrule.operations_grad.indexing import setitem, unindex
from chainrule.rules import REGISTRY
from chainrule.rules.supports import masked_result
from chainrule.values.shapes import ARRAYS, SEQUENCES, TUPLE, kind_of

_np: Any = np


@dataclass(eq=False)
class Program:
    """Rows to run, in order, and what of them is returned, guarded and checked.

    Attributes
    ----------
    inputs
        The rows that stand for the arguments' leaves.
    rows
        The calls.
    outputs
        The leaves of the result: rows, or plain constants.
    guards, checks
        The decisions to hold to, in order, and the rows that must not be nan.
    counts
        Rows after each pass, by name.
    mapped
        Of each vmap whose rows are among these: the examples, and why it is so.
    """

    inputs: list[Row]
    rows: list[Row]
    outputs: list[Any]
    guards: list[Guard] = field(default_factory=list[Guard])
    checks: list[Row] = field(default_factory=list[Row])
    counts: dict[str, int] = field(default_factory=dict[str, int])
    mapped: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def last_uses(self) -> dict[Row, int]:
        """Return for each row the place of the row that reads it last."""
        last: dict[Row, int] = {}
        for i, row in enumerate(self.rows):
            for x in row.operands:
                last[x] = i
        end = len(self.rows)
        for x in [*self.outputs, *self.checks, *(g.row for g in self.guards)]:
            if isinstance(x, Row):
                last[x] = end
        return last


def program_of(trace: Trace, inputs: Sequence[Row], outputs: Sequence[Any]) -> Program:
    """Run the passes over a trace."""
    program = Program(list(inputs), trace.rows, list(outputs), trace.guards)
    program.checks = list(dict.fromkeys(trace.checks))
    program.mapped = list(trace.mapped)
    program.counts["traced"] = len(program.rows)
    needed(program)
    program.counts["needed"] = len(program.rows)
    shared(program, fastmath=trace.options.fastmath)
    needed(program)
    trimmed(program)
    program.counts["shared"] = len(program.rows)
    for i, row in enumerate(program.rows):
        row.serial = i
    return program


# ------------------------------------------------------------------------ dead code


def needed(program: Program) -> None:
    """Keep the rows that lead to an output, a guard, a check, or a shape of values.

    Where a shape depends on values (``x[x > 0]``), Python may have read it.
    """
    ends = [*program.outputs, *program.checks, *(g.row for g in program.guards)]
    keep = {x for x in ends if isinstance(x, Row)}
    kept: list[Row] = []
    for row in reversed(program.rows):
        if row in keep or not keeps_shape(row):
            keep.update(row.operands)
            kept.append(row)
    program.rows = kept[::-1]


def keeps_shape(row: Row) -> bool:
    """Tell whether a row has the same shape for all entries of its operands.

    Ufuncs and the library's own operations have; an index that holds a mask, and NumPy
    functions that are not among them, are looked at in every call.
    """
    f = row.function
    if row.shape is None or type(f) is np.ufunc or f in UFUNCS or f is power:
        return True  # of several results, the items are looked at
    if f is operator.getitem:
        source = row.args[0]
        if isinstance(source, Row) and source.shape is None:
            return _keeps_shape_of_all(source)
        parts: Any = row.args[1] if isinstance(row.args[1], TUPLE) else row.args[1:]
        return not any(map(_may_reshape, parts))
    return _keeps_shape_of_all(row)


def _may_reshape(part: Any) -> bool:
    """Tell whether a part of an index may pick another number of entries."""
    if kind_of(part) is slice:
        return _is_moving(part)
    return isinstance(part, Row) and part.dtype == np.bool_


def _is_moving(x: Any) -> bool:
    return any(isinstance(v, Row) for v in (x.start, x.stop, x.step))


def _keeps_shape_of_all(row: Row) -> bool:
    f = row.function
    if isinstance(f, np.ufunc) or (f is np.where and len(row.args) == 3):
        return True
    if f is unindex or f is setitem or getattr(f, "keeps_shape", False):
        return True  # its shape is a constant; loops and maps say so of themselves
    if any(_may_be_count(x, row) for x in row.operands):
        return False
    if isinstance(getattr(f, "__self__", None), np.ufunc):
        return True
    if not _known_forwards:
        _known_forwards.update(id(r.forward) for r in REGISTRY if hasattr(r, "forward"))
    return id(f) in _known_forwards or f in _SHAPED


def _may_be_count(x: Row, row: Row) -> bool:
    """Tell whether an operand may be an axis, a count or a length."""
    if x.dtype is not None and x.dtype.kind not in "biu":
        return False
    return x is not row.args[0] and not _holds(row.args[0], x)


def _holds(tree: Any, x: Row) -> bool:
    """Tell whether nested lists hold a row."""
    if not isinstance(tree, SEQUENCES):
        return False
    return any(part is x or _holds(part, x) for part in tree)


_SHAPED: set[Any] = {
    float, round, math.floor, math.ceil, math.trunc, masked_result,
    np.all, np.any, np.argmax, np.argmin, np.argsort, np.asarray,
    np.astype, np.broadcast_to, np.concatenate, np.copy, np.diagonal, np.einsum,
    np.linalg.cholesky, np.linalg.eigh, np.linalg.svd, np.moveaxis, np.ravel,
    np.reshape, np.stack, np.std,
}  # fmt: skip
"""Functions that are no rule's forward, and whose shape entries do not change."""

_known_forwards: set[int] = set()


# ------------------------------------------------------------------ results of loops


def trimmed(program: Program) -> None:
    """Let each loop take only the xs that its body reads, and store what is read.

    A first derivative reads no carries of the sweep, for example, nor the function
    itself its own. A row's function says by its methods ``reading`` and ``storing``
    that it can do with less.
    """
    read: dict[Any, set[int]] = {
        row: set() for row in program.rows
        if row.shape is None and hasattr(row.function, "storing")
    }  # fmt: skip
    if not read:
        return
    for row in read:
        row.args = row.function.reading(row.args)
        row.operands = _rows_in(row.args)
    needed(program)
    for row in program.rows:
        if row.function is operator.getitem and row.operands[0] in read:
            read[row.operands[0]].add(row.args[1])
    for row, places in read.items():
        row.function = row.function.storing(places)


def _rows_in(args: Any) -> list[Row]:
    """Return the rows among arguments, in order."""
    found: list[Row] = []

    def collected(x: Any) -> Any:
        if isinstance(x, Row):
            found.append(x)
        return x

    mapped(collected, args)
    return found


# --------------------------------------------------------------- the same call, once


def shared(program: Program, *, fastmath: bool = False) -> None:
    """Make one row of equal calls, and take identities."""
    known: dict[Any, Row] = {}
    moved: dict[Row, Any] = {}
    stay = moved.keys().isdisjoint
    kept: list[Row] = []

    def placed(row: Row) -> Any:
        """Return what stands for a row: itself, an earlier row, or a constant."""
        found: Any = identity(row)
        if found is None and fastmath:
            found = simplified(row, placed)
        if found is None:
            found = known.setdefault(_call_key(row), row)
        if found is row:
            kept.append(row)
        return found

    decided = {guard.row for guard in program.guards}
    with watched(program.rows, "equal calls", "rows") as rows:
        for row in rows:
            if not stay(row.operands):
                _rewrite(row, moved)
            found = placed(row)
            if found is not row:
                if row in decided and not isinstance(found, Row):
                    kept.append(row)  # Python asks for this value
                else:
                    moved[row] = found
    program.rows = kept
    program.outputs = [moved.get(x, x) if isinstance(x, Row) else x
                       for x in program.outputs]  # fmt: skip
    checks = [moved.get(x, x) for x in program.checks]
    program.checks = list(dict.fromkeys(x for x in checks if isinstance(x, Row)))
    program.guards = [g.at(moved.get(g.row, g.row)) for g in program.guards]


def _rewrite(row: Row, moved: Mapping[Row, Any]) -> None:
    """Let a row read what its operands have become."""
    row.args = tuple([replaced(x, moved) for x in row.args])
    if row.given:
        row.given = {k: replaced(x, moved) for k, x in row.given.items()}
    operands = [moved.get(x, x) for x in row.operands]
    row.operands = [x for x in operands if isinstance(x, Row)]


def replaced(x: Any, place: Mapping[Row, Any]) -> Any:
    """Replace rows that have a place, also inside lists, tuples and slices."""

    def placed(x: Any) -> Any:
        return place.get(x, x) if isinstance(x, Row) else x

    return mapped(placed, x)


def _call_key(row: Row) -> Any:
    """Return what is equal for calls that compute the same."""
    if not row.given:
        for x in row.args:
            kind = kind_of(x)
            if kind is not Row and (kind is not float or x == 0.0):
                break
        else:  # the arguments are their own keys, but for 0.0, which equals -0.0
            return (row.function, row.args, row.number)
    return (row.function, _key(row.args), _key(row.given), row.number)


_SMALL = 1024


def _key(x: Any) -> Any:
    """Return a hashable stand-in for an argument; equal ones compute the same."""
    kind = kind_of(x)
    if kind is Row:
        return id(x)
    if kind is float:
        return (float, x, math.copysign(1.0, x))
    if kind is complex:
        return (complex, _key(x.real), _key(x.imag))
    if kind is tuple or kind is list:
        return (kind, *[_key(v) for v in x])
    if kind is dict:
        return (kind, *[(k, _key(v)) for k, v in x.items()])
    if kind is slice:
        return (kind, _key(x.start), _key(x.stop), _key(x.step))
    if isinstance(x, ARRAYS):
        if x.nbytes <= _SMALL:
            return (kind, x.shape, x.dtype.str, x.tobytes())
        return id(x)
    try:
        hash(x)
    except TypeError:
        return id(x)
    return (kind, x)
