"""Patterns of what a computed mask picks: ``y[x < 0] = 0.1 * x[x < 0]``.

Which entries a mask picks may change with the inputs. What is picked is followed as the
whole array that it is picked from, and put back by the same mask: the pattern holds for
all values of the mask.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.sparsity.patterns import Pattern, union
from chainrule.compiler.tracing.rows import Row
from chainrule.operations_grad.indexing import setitem, unindex
from chainrule.rules import traits_of
from chainrule.values.shapes import TUPLE

if TYPE_CHECKING:
    from chainrule.compiler.sparsity.detection import Detection

_np: Any = np


@dataclass(frozen=True)
class Masked:
    """Entries of an array that a mask picks: the pattern of all of them."""

    mask: Row
    shape: tuple[int, ...]
    pattern: Pattern

    def is_like(self, other: Masked) -> bool:
        """Tell whether another one is picked by the same mask from a like array."""
        return self.mask is other.mask and self.shape == other.shape


def masked_pattern(d: Detection, row: Row) -> Masked | Pattern | None:
    """Return the pattern of a row that picks by a mask, or has such operands.

    ``None`` stands for any other row; its operands are ``settled`` first.
    """
    if row.function is operator.getitem:
        return _picked(d, row)
    if row.function is setitem:
        return _put(d, row)
    if not any(isinstance(d.patterns.get(x), Masked) for x in row.operands):
        return None
    if row.function is unindex and isinstance(row.args[0], Row):
        return _spread_out(d, row)
    return _entrywise(d, row) if traits_of(row.function).entrywise else None


def settled(d: Detection, row: Row) -> None:
    """Let each entry that a mask picks depend on all that these depend on."""
    for x in row.operands:
        found = d.patterns.get(x)
        if isinstance(found, Masked):
            d.patterns[x] = dense(found, x)


def dense(found: Masked, x: Row) -> Pattern:
    """Return the pattern of picked entries of which the places are not known."""
    return found.pattern.spread(math.prod(x.shape or ()))


def _mask_of(index: Any, shape: tuple[int, ...]) -> Row | None:
    """Return the mask of the first axes that an index is."""
    if isinstance(index, TUPLE) and len(index) == 1:
        index = index[0]
    if not isinstance(index, Row) or index.dtype != np.bool_ or not index.shape:
        return None
    return index if index.shape == shape[: len(index.shape)] else None


def _picked(d: Detection, row: Row) -> Masked | None:
    x, index = row.args
    p = d.patterns.get(x) if isinstance(x, Row) else None
    if not isinstance(p, Pattern):
        return None
    mask = _mask_of(index, x.shape or ())
    return None if mask is None else Masked(mask, x.shape, p)


def _put(d: Detection, row: Row) -> Pattern | None:
    """Return the pattern of an array after entries were written at a mask."""
    x, value = row.args
    mask = _mask_of(row.given["index"], row.shape)
    old, new = (d.patterns.get(v) if isinstance(v, Row) else None for v in (x, value))
    if mask is None or isinstance(old, Masked):
        return None
    found = Pattern(math.prod(row.shape), d.columns)
    found = found if old is None else union(found, old)
    if isinstance(new, Masked):
        if new.mask is not mask or new.shape != row.shape:
            return None
        return union(found, new.pattern)
    if new is None:
        return found
    return union(found, new.spread(found.size)) if value.shape == () else None


def _spread_out(d: Detection, row: Row) -> Pattern | None:
    """Return the pattern of zeros with picked entries put back."""
    part, shape = d.patterns.get(row.args[0]), row.given["shape"]
    if not isinstance(part, Masked) or part.shape != shape:
        return None
    return part.pattern if _mask_of(row.given["index"], shape) is part.mask else None


def _entrywise(d: Detection, row: Row) -> Masked | None:
    """Return the pattern of entries that are computed one by one."""
    first = next(p for x in row.operands if isinstance(p := d.patterns.get(x), Masked))
    found = first.pattern
    for x in row.operands:
        p = d.patterns.get(x)
        if isinstance(p, Masked):
            if not p.is_like(first) or x.shape != row.shape:
                return None
            found = union(found, p.pattern)
        elif p is not None:
            if x.shape != ():
                return None
            found = union(found, p.spread(found.size))
    return Masked(first.mask, first.shape, found)


__all__ = ["Masked", "dense", "masked_pattern", "settled"]
