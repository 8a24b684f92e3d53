"""What computed masks pick in the bodies of loops and maps, as choices.

``y[mask] *= v`` picks entries, computes with them and writes them back. How many there
are is another number in each step. Here all entries are computed with, and the mask
chooses: ``np.where(mask, y * v, y)``.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule.compiler.programs.common_subexpressions import (
    eliminate_common_subexpressions,
)
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.program import Program, replaced, rewrite
from chainrule.compiler.tracing.calls import named
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Function, Row, rows_in
from chainrule.operations_grad.indexing import getitem, setitem, unindex
from chainrule.rules.registry import rule_of, traits_of
from chainrule.values.shapes import SEQUENCES


def choose_masked(program: Program) -> None:
    """Compute with whole arrays where all that a mask picks is chosen again."""
    picked = _picked(program)
    if not picked:
        return
    wholes: dict[Row, Any] = {}

    def chosen_or_same(row: Row, rows: list[Row]) -> Row:
        mask = picked.get(row)
        if mask is not None:
            wholes[row] = row.args[0] if _is_pick(row) else _whole(row, mask, wholes)
            if not _is_pick(row):
                rows.append(wholes[row])
        else:
            part = next((x for x in row.operands if x in picked), None)
            if part is not None:
                made = _chosen(row, part, picked[part], wholes[part])
                rows += made
                return made[-1]
        rows.append(row)
        return row

    rewrite(program, chosen_or_same, "masks")
    eliminate_dead_code(program)
    eliminate_common_subexpressions(program)


def _picked(program: Program) -> dict[Row, Row]:
    """Return the masks of all that masks have picked, and of what was computed of it.

    They are those whose parts are only computed with, entry by entry, and chosen from.
    """
    picked: dict[Row, Row] = {}
    for row in program.rows:
        if _is_pick(row):
            picked[row] = _index_of(row)
        elif (mask := _mask_of_entries(row, picked)) is not None:
            picked[row] = mask
    counted = {picked[x] for x in program.ends if x in picked}
    for row in program.rows if picked else ():
        for x in row.operands:
            if x in picked and row not in picked and not _chooses(row, x, picked[x]):
                counted.add(picked[x])
    return {x: mask for x, mask in picked.items() if mask not in counted}


def _index_of(row: Row) -> Any:
    return row.args[1] if row.function is operator.getitem else row.given["index"]


def _is_pick(row: Row) -> bool:
    """Tell whether a row is ``x[mask]``, of a mask that is computed."""
    if row.function is not operator.getitem and row.function is not getitem:
        return False
    mask, x = _index_of(row), row.args[0]
    if not isinstance(mask, Row) or mask.dtype != np.bool_ or not mask.shape:
        return False
    return getattr(x, "shape", None) is not None and _fits(x.shape, mask)


def _fits(shape: tuple[int, ...], mask: Row) -> bool:
    return shape[: len(mask.shape)] == mask.shape


def _mask_of_entries(row: Row, picked: dict[Row, Row]) -> Row | None:
    """Return the mask of what is computed of picked entries, one by one."""
    masks = {picked[x] for x in row.operands if x in picked}
    if len(masks) != 1 or row.given or not row.shape or row.dtype is None:
        return None
    if not traits_of(row.function).entrywise:
        return None
    fits = all(_goes_along(x, len(row.shape), picked) for x in row.args)
    return masks.pop() if fits else None


def _goes_along(x: Any, rank: int, picked: dict[Row, Row]) -> bool:
    """Tell whether an operand is picked, or the same for all picked entries."""
    if isinstance(x, SEQUENCES):
        return False
    own = isinstance(x, Row) and x in picked
    known = len(getattr(_source(x), "shape", ()))
    return known == rank if own else known < rank


def _source(x: Any) -> Any:
    """Return what is repeated for all picked entries, as tangents of numbers are."""
    is_repeated = isinstance(x, Row) and rule_of(x.function) is _REPEATING
    return x.args[0] if is_repeated else x


_REPEATING, _SUMMING = rule_of(np.broadcast_to), rule_of(np.sum)


def _whole(row: Row, mask: Row, wholes: dict[Row, Any]) -> Row:
    """Return what was computed of picked entries, computed of all entries."""
    shape = (*mask.shape, *row.shape[1:])
    args = replaced(tuple(map(_source, row.args)), wholes)
    return _row(row.function, args, shape, row.dtype)


def _row(
    function: Function,
    args: tuple[Any, ...],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Row:
    made = Row(function, args, NO_KEYWORDS, rows_in(args), None, -1)
    made.shape, made.dtype = shape, dtype
    return made


def _chooses(row: Row, part: Row, mask: Row) -> bool:
    """Tell whether a row puts a part where the mask holds, or adds all of it up."""
    if row.function is setitem:
        y, value = row.args
        shape = getattr(y, "shape", ())
        plain = value is part and y is not part
    elif row.function is unindex:
        shape, plain = row.given["shape"], True
    else:
        return _sums_all(row)
    whole = len(part.shape) - 1 + len(mask.shape)
    same = plain and row.given["index"] is mask and _fits(shape, mask)
    return same and len(shape) == whole


def _sums_all(row: Row) -> bool:
    if rule_of(row.function) is not _SUMMING:
        return False
    known = named(row.function, row.args, row.given)
    plain = known.get("keepdims") is not True and known.get("dtype") is None
    other = row.given.keys() & {"initial", "where", "out"}
    return row.shape == () and len(row.operands) == 1 and plain and not other


def _chosen(row: Row, part: Row, mask: Row, whole: Any) -> list[Row]:
    """Return the rows that stand for one that chooses, the last one for its result."""
    made: list[Row] = []
    shape, ones = (*mask.shape, *part.shape[1:]), len(part.shape) - 1
    if ones:
        aligned = (*mask.shape, *(1,) * ones)
        made.append(_row(np.reshape, (mask, aligned), aligned, mask.dtype))
    other = row.args[0] if row.function is setitem else part.dtype.type(0)
    shape = other.shape or shape
    dtype = np.result_type(part.dtype, other.dtype)
    made.append(_row(np.where, (made[0] if ones else mask, whole, other), shape, dtype))
    if _sums_all(row):
        made.append(_row(np.sum, (made[-1],), (), row.dtype))
    elif dtype != row.dtype:
        made.append(_row(np.astype, (made[-1], row.dtype), shape, row.dtype))
    return made


__all__ = ["choose_masked"]
