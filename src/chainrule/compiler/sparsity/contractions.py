"""Patterns of products: a line of each operand, over the axes that they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from string import ascii_letters
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.sparsity.calls import is_array
from chainrule.compiler.sparsity.patterns import Pattern, union
from chainrule.compiler.tracing.calls import named
from chainrule.compiler.tracing.rows import Row
from chainrule.rules.traits import traits

if TYPE_CHECKING:
    from chainrule.compiler.sparsity.detection import Detection
from chainrule.values.types import Array

_np: Any = np


def contracted(d: Detection, row: Row, known: type[traits]) -> Pattern:
    """Return the pattern of a product: of a line of each operand."""
    operands = [x for x in row.args if isinstance(x, Row) or is_array(x)][:2]
    if row.function is np.matmul:
        return d.dense(row) if row.given else matmul(d, row)
    if len(operands) != 2 or not all(x.shape for x in operands):
        shape = next((x.shape for x in operands if x.shape), ())
        same = math.prod(shape) == math.prod(row.shape)
        return entries_of(d, row, shape) if same else d.dense(row)
    a, b = operands
    given = named(row.function, row.args, row.given)
    options = {k: v for k, v in given.items() if k == "axes"}
    pairs = known.contracts(len(a.shape), len(b.shape), **options)
    if pairs is None:
        return d.dense(row)
    found = Pattern(math.prod(row.shape), d.columns)
    for i, x in enumerate((a, b)):
        p = d.known(x)
        if p is None:
            continue
        other = (b, a)[i]
        part = product(d, row, p, x, other, pairs, first=i == 0)
        if part is None:
            return d.dense(row)
        found = union(found, part)
    return found


def entries_of(d: Detection, row: Row, shape: tuple[int, ...]) -> Pattern:
    """Return the pattern of a product with a number, of an array of a shape."""
    found = Pattern(math.prod(shape), d.columns)
    for x, p in d.operands(row):
        found = union(found, p.to(x.shape, shape))
    return found


def matmul(d: Detection, row: Row) -> Pattern:
    """Return the pattern of a product of stacks of matrices."""
    found = Pattern(math.prod(row.shape), d.columns)
    for i, x in enumerate(row.args[:2]):
        p = d.known(x)
        if p is None:
            continue
        other = row.args[1 - i]
        if not isinstance(other, Row) and len(x.shape) == 1 and other.ndim == 2:
            found = union(found, _by_matrix(d, other.T if i == 0 else other, p))
            continue
        axis = -1 if i == 0 or len(x.shape) == 1 else -2
        line = list(x.shape)
        line[axis] = 1
        sums = p.added(x.shape, line)
        if len(other.shape) == 1 or len(x.shape) == 1:
            line.pop(axis)  # a vector: that axis is not in the result
        found = union(found, sums.to(tuple(line), row.shape))
    return found


def einsum(d: Detection, row: Row) -> Pattern:
    """Return the pattern of a contraction, by the letters of its axes."""
    first = row.args[0] if row.args and isinstance(row.args[0], str) else None
    text = row.given.get("subscripts", first)
    arrays = [x for x in row.args if isinstance(x, Row) or is_array(x)]
    if not isinstance(text, str):
        return d.dense(row)
    all_letters, out = _explicit(text.replace(" ", ""), [len(x.shape) for x in arrays])
    found = Pattern(math.prod(row.shape), d.columns)
    for letters, x in zip(all_letters, arrays, strict=True):
        p = d.known(x)
        if p is None:
            continue
        once = "".join(dict.fromkeys(letters))
        own = _np.arange(p.size).reshape(x.shape)
        numbers = _np.einsum(f"{letters}->{once}", own)
        sizes = dict(zip(once, numbers.shape, strict=True))
        line = tuple(n if a in out else 1 for a, n in sizes.items())
        sums = p.moved(numbers).added(numbers.shape, line)
        kept = "".join(a for a in once if a in out)
        entries = _np.arange(math.prod(line)).reshape([sizes[a] for a in kept])
        turned = _np.einsum(f"{kept}->{''.join(a for a in out if a in kept)}", entries)
        shape = tuple(sizes.get(a, 1) for a in out)
        found = union(found, sums.moved(turned).to(shape, row.shape))
    return found


def _explicit(text: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return the letters of each operand and of the result, with none left out."""
    left, arrow, out = text.partition("->")
    parts = left.split(",")
    others = [c for c in ascii_letters if c not in text]
    pairs = zip(parts, ranks, strict=True)
    wide = [n - len(part.replace("...", "")) for part, n in pairs]  # the axes of ...
    most = max(wide)
    named = [
        part.replace("...", "".join(others[most - n : most]))
        for part, n in zip(parts, wide, strict=True)
    ]
    if not arrow:
        once = {c for c in left if left.count(c) == 1 and c.isalpha()}
        out = "..." + "".join(sorted(once))
    return named, out.replace("...", "".join(others[:most]))


def product(
    d: Detection, row: Row, p: Pattern, x: Row, other: Any, pairs: Any, *, first: bool
) -> Pattern | None:
    """Return what a product depends on through one of its operands."""
    i = 0 if first else 1
    axes = {int(a) % len(x.shape) for a in pairs[i]}
    kept = [n for i, n in enumerate(x.shape) if i not in axes]
    away = {int(a) % len(other.shape) for a in pairs[1 - i]}
    others = [n for i, n in enumerate(other.shape) if i not in away]
    shapes = [kept, others] if first else [others, kept]
    if (*shapes[0], *shapes[1]) != row.shape:
        shapes = [[math.prod(s)] for s in shapes]  # np.outer flattens them
    if (*shapes[0], *shapes[1]) != row.shape:
        return None
    if (
        not isinstance(other, Row)
        and not first
        and len(x.shape) == 1
        and other.ndim == 2
    ):
        return _by_matrix(d, other, p)
    if not isinstance(other, Row) and first and len(x.shape) == 1 and other.ndim == 2:
        return _by_matrix(d, other.T, p)
    line = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    sums = p.added(x.shape, line)
    ones = [1] * len(shapes[1 - i])
    own = (*shapes[i], *ones) if first else (*ones, *shapes[i])
    return sums.to(own, row.shape)


def multiplied(d: Detection, row: Row) -> Pattern:
    """Return the pattern of a product of entries: none where a factor is always 0."""
    found = entries_of(d, row, row.shape)
    for x in row.args[:2]:
        if _has_zeros(x):
            kept = _np.broadcast_to(_np.asarray(x) != 0, row.shape)
            found = found.moved(_np.where(kept, numbers_of(row.shape), -1))
    return found


def _has_zeros(x: Any) -> bool:
    """Tell whether a factor is a constant some of whose entries are 0."""
    if isinstance(x, Row):
        return False
    return not _np.all(x) if is_array(x) else x == 0


def chosen(d: Detection, row: Row) -> Pattern:
    """Return the pattern of ``where``: of both sides, or of those that are chosen."""
    condition = row.args[0] if row.args else None
    known = len(row.args) == 3 and not isinstance(condition, Row)
    found = Pattern(math.prod(row.shape), d.columns)
    for i, x in enumerate(row.args):
        p = d.known(x)
        if p is None:
            continue
        part = p.to(x.shape, row.shape)
        if known and i:
            kept = _np.broadcast_to(_np.asarray(condition, bool), row.shape) == (i == 1)
            part = part.moved(_np.where(kept, numbers_of(row.shape), -1))
        found = union(found, part)
    return found


def numbers_of(shape: tuple[int, ...]) -> Any:
    """Return the numbers of an array's entries."""
    return _np.arange(math.prod(shape)).reshape(shape)


def _by_matrix(d: Detection, a: Array, p: Pattern) -> Pattern:
    """Return the pattern of ``a @ x``, of a constant matrix."""
    if d.filled * _np.count_nonzero(a) > a.size:
        return p.spread(a.shape[0])
    rows, columns = _np.nonzero(a)
    groups = p.moved(columns)
    return groups.summed(rows, a.shape[0])


__all__ = ["chosen", "contracted", "einsum", "multiplied"]
