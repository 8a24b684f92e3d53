"""Detection: which entries of the result of a program depend on which inputs.

In: a program, that is, the rows of one path of a function. Out: the pattern of each
result. What a row does to patterns follows from the *kind* of its function: its traits.
It holds for all values of the inputs along this path.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.control.cond import Branches
from chainrule.compiler.control.loops import Loop, Scan
from chainrule.compiler.programs.program import Program, replaced
from chainrule.compiler.sparsity import contractions, indexing
from chainrule.compiler.sparsity.calls import Shared, is_array, moved_from
from chainrule.compiler.sparsity.masks import Masked, dense, masked_pattern, settled
from chainrule.compiler.sparsity.parts import patterns_by_branches, patterns_by_parts
from chainrule.compiler.sparsity.patterns import Pattern, inputs, joined, union
from chainrule.compiler.tracing.calls import named, operand_count, parameters
from chainrule.compiler.tracing.columns import Column
from chainrule.compiler.tracing.rows import Row, rows_in
from chainrule.operations_grad.extremes_at import maximum_at, minimum_at
from chainrule.operations_grad.indexing import (
    added_at,
    setitem,
    unindex,
    unindex_all,
)
from chainrule.rules import locally_constant, traits_of
from chainrule.rules.traits import traits
from chainrule.values.shapes import TUPLE, shape_of
from chainrule.values.types import Array

_np: Any = np
TRIANGLE = 1 << 22
"""Squared entries up to which a sum of the entries before is a triangle, not full."""
STEPS = 200_000
"""Rows of all steps of a loop up to which it is followed step by step."""


class Detection:
    """The patterns of a program's rows.

    Attributes
    ----------
    dense_because
        The functions whose results were taken to depend on all that they are given.
    """

    def __init__(
        self, program: Program, wanted: Sequence[Row], *, filled: int = 0
    ) -> None:
        """Find the patterns; ``wanted`` are the inputs that are differentiated.

        Where one entry in ``filled`` is there, all of them are taken to be; zeros of a
        program that is of one point alone are not always zero.
        """
        self.filled: int = filled
        sizes = [math.prod(x.shape or ()) for x in wanted]
        self.patterns: dict[Row, Any] = dict(zip(wanted, inputs(sizes), strict=True))
        self.columns: int = sum(sizes)
        self.dense_because: list[str] = []
        self._run(program)

    def _run(self, program: Program) -> None:
        """Follow the rows; what is not read any more is dropped."""
        last = program.last_uses()
        for i, row in enumerate(program.rows):
            if any(x in self.patterns for x in row.operands):
                found: Any = masked_pattern(self, row)
                if found is None:
                    settled(self, row)
                    found = self._of_row(row)
                if self.filled and isinstance(found, Pattern):
                    found = found.rounded(self.filled)
                if found is not None:
                    self.patterns[row] = found
            for x in row.operands:
                if last[x] <= i and x.function is not None:
                    self.patterns.pop(x, None)

    def of(self, output: Any) -> Pattern:
        """Return the pattern of a result."""
        found = self.known(output)
        if found is not None:
            return found
        shape: Any = getattr(output, "shape", ())
        return Pattern(math.prod(shape), self.columns)

    # --------------------------------------------------------------------- by kinds

    def _of_row(self, row: Row) -> Pattern | None:
        function, known = row.function, traits_of(row.function)
        if row.shape is None:
            return self._several(row, known)
        if known.of_shapes or issubclass(known, locally_constant):
            return None
        if row.dtype is not None and row.dtype.kind not in "fc":
            return None  # whole numbers and truth values have no derivative
        special = _BY_FUNCTION.get(function)
        if special is not None:
            return special(self, row)
        if known.depends is not None:
            return self._declared(row, known)
        if known.entrywise or function in _OPERATORS:
            return self._entrywise(row, known)
        if known.moves:
            return self._moved(row)
        if known.reduces is not None or known.accumulates is not None or known.axes:
            return self._along_axes(row, known)
        if known.contracts is not None:
            return contractions.contracted(self, row, known)
        if known.signature:
            return self._by_signature(row, known)
        found = patterns_by_parts(self, row)
        return self.dense(row) if found is None else found

    def _declared(self, row: Row, known: type[traits]) -> Pattern:
        """Return the pattern that a rule declares, by the numbers of entries."""
        count = operand_count(row.function, row.args)
        operands = row.args[:count]
        given = parameters(row.function, row.args, row.given, count)
        if rows_in(list(given.values())):
            return self.dense(row)
        shapes = [row.shape, *map(shape_of, operands)]
        numbers = [_np.arange(math.prod(s)).reshape(s) for s in shapes]
        found = Pattern(math.prod(row.shape), self.columns)
        for x, pair in zip(operands, known.depends(*numbers, **given), strict=True):
            p = self.known(x)
            if p is None:
                continue
            if pair is None:
                found = union(found, p.spread(found.size))
                continue
            results, entries = _np.broadcast_arrays(*pair)
            some = (results >= 0) & (entries >= 0)
            part = p.moved(entries[some]).summed(results[some], found.size)
            found = union(found, part)
        return found

    def _several(self, row: Row, known: type[traits]) -> Any:
        """Return what several results depend on, along the axes that they share."""
        if isinstance(row.function, Loop):
            return self._loop(row)
        branches = isinstance(row.function, Branches)
        found = (patterns_by_branches if branches else patterns_by_parts)(self, row)
        if found is not None:
            return found
        arrays = [x for x in row.args if isinstance(x, Row) or is_array(x)]
        cores = [0] * len(arrays) if known.entrywise else _cores(known.signature)
        if len(cores) < len(arrays) or any(x.shape is None for x in arrays):
            return Shared((), self.dense(row))
        pairs = list(zip(arrays, cores, strict=False))
        loop = _loop_of(pairs)
        return Shared(loop, self._over(pairs, loop))

    def _over(self, pairs: Sequence[tuple[Any, int]], loop: Any) -> Pattern:
        """Return the pattern of functions of last axes, one entry for all of these."""
        found = Pattern(math.prod(loop), self.columns)
        for x, n in pairs:
            p = self.known(x)
            if p is None:
                continue
            outer = x.shape[: len(x.shape) - n]
            sums = p.added(x.shape, (*outer, *(1,) * n))
            found = union(found, sums.to(outer, loop))
        return found

    def operands(self, row: Row) -> list[tuple[Row, Pattern]]:
        """Return the operands with a pattern, each once."""
        found = [(x, self.patterns.get(x)) for x in dict.fromkeys(row.operands)]
        return [(x, p) for x, p in found if isinstance(p, Pattern)]

    def dense(self, row: Row) -> Pattern:
        """Return the pattern of a result that depends on all that it is made of."""
        name = getattr(row.function, "__name__", type(row.function).__name__)
        if name not in self.dense_because:
            self.dense_because.append(name)
        return self.everything(row)

    def everything(self, row: Row) -> Pattern:
        """Return the pattern of a result that may depend on all of its operands."""
        size = math.prod(row.shape or ())
        found = Pattern(size, self.columns)
        for _, p in self.operands(row):
            found = union(found, p.spread(size))
        return found

    def _entrywise(self, row: Row, known: type[traits]) -> Pattern:
        if known.chooses:
            return contractions.chosen(self, row)
        if known.vanishes and not self.filled:
            return contractions.multiplied(self, row)
        found = Pattern(math.prod(row.shape), self.columns)
        for x, p in self.operands(row):
            found = union(found, p.to(x.shape, row.shape))
        return found

    def _moved(self, row: Row) -> Pattern:
        """Run a function that moves entries on their numbers, which begin at FIRST."""
        own = self.operands(row)
        if any(map(_is_index, row.operands)):
            return self.dense(row)
        if traits_of(row.function).in_order and not _has_text(row):
            for _, p in own:
                if p.size == math.prod(row.shape):
                    return p
        if row.function is np.concatenate:
            found = indexing.concatenated_pattern(self, row)
            if found is not None:
                return found
        others = {x: _np.zeros(x.shape) for x in row.operands if x.shape is not None}

        def moved(*numbers: Array) -> Any:
            by = {**others, **dict(zip([x for x, _ in own], numbers, strict=True))}
            given = {k: replaced(x, by) for k, x in row.given.items()}
            return row.function(*replaced(row.args, by), **given)

        places = moved_from(moved, [x.shape for x, _ in own])
        if places is None:
            return self.dense(row)
        return joined([p for _, p in own]).moved(places)

    def _loop(self, row: Row) -> Any:
        """Return the patterns of a loop's results: the body is followed in steps."""
        loop = row.function
        known = isinstance(loop, Scan) and not any(
            isinstance(x, Column) for x in loop.entries
        )
        if not known or loop.count * len(loop.body.program.rows) > STEPS:
            return Shared((), self.dense(row))
        leaves, captured = row.args
        inner, n = loop.body.program, loop.carried
        carry = [self.known(x) for x in leaves[:n]]
        outputs: list[list[Any]] = [[] for _ in range(loop.returned - n)]
        before: list[list[Any]] = [[] for _ in loop.history]
        order = range(loop.count)
        for t in reversed(order) if loop.reverse else order:
            for kept, i in zip(before, loop.history, strict=True):
                kept.append(carry[i])
            entries = [self._entry(x, t, loop.count) for x in leaves[n:]]
            given = [*carry, *entries, *map(self.known, captured)]
            results = self.followed(inner, given)
            carry = results[:n]
            for kept, found in zip(outputs, results[n:], strict=True):
                kept.append(found)
        stacks = [s[::-1] if loop.reverse else s for s in (*outputs, *before)]
        sizes = [math.prod(_np.shape(like)) for like in loop.entries]
        return [*carry, *map(self._stacked, stacks, sizes)]

    def followed(
        self, program: Program, given: Sequence[Pattern | None]
    ) -> list[Pattern | None]:
        """Return the patterns of an inner program's results, given its inputs'."""
        outer = self.patterns
        pairs = zip(program.inputs, given, strict=True)
        self.patterns = {x: p for x, p in pairs if p is not None}
        try:
            self._run(program)
            return [self.known(x) for x in program.outputs]
        finally:
            self.patterns = outer

    def known(self, x: Any) -> Pattern | None:
        """Return the pattern of an argument; ``None`` if it is constant."""
        found = self.patterns.get(x) if isinstance(x, Row) else None
        if isinstance(found, Masked):
            return dense(found, x)
        return found if isinstance(found, Pattern) else None

    def _entry(self, x: Any, t: int, count: int) -> Pattern | None:
        """Return the pattern of the entry of an array that a step reads."""
        p = self.known(x)
        if p is None:
            return None
        size = p.size // count
        return p.moved(_np.arange(t * size, (t + 1) * size))

    def _stacked(self, parts: Sequence[Pattern | None], size: int) -> Pattern | None:
        """Return the pattern of the results of all steps, one after the other."""
        if all(p is None for p in parts):
            return None
        empty = Pattern(size, self.columns)
        return joined([empty if p is None else p for p in parts])

    def _along_axes(self, row: Row, known: type[traits]) -> Pattern:
        """Return the pattern of what is computed along axes: a line of all of it."""
        x = row.operands[0]
        p = self.patterns.get(x)
        if len(self.operands(row)) != 1 or not isinstance(p, Pattern) or not x.shape:
            return self.everything(row)
        given = named(row.function, row.args, row.given)
        where = given.get("where")
        if is_array(where):  # the others are left out
            places = _np.where(where, _np.arange(p.size).reshape(x.shape), -1)
            p = p.moved(places) if places.shape == x.shape else p
        axes = given.get("axis", None if known.reduces or known.flattens else -1)
        if known.axes and known.axes[0] != "axis":
            axes = given.get(known.axes[0], axes)
        if known.accumulates is not None and p.size * p.size <= TRIANGLE:
            return _accumulated(p, x.shape, axes)
        if axes is None:
            return p.spread(math.prod(row.shape))
        ndim = len(x.shape)
        over = {int(a) % ndim for a in (axes if isinstance(axes, TUPLE) else (axes,))}
        line = tuple(1 if i in over else n for i, n in enumerate(x.shape))
        sums = p.added(x.shape, line)
        if math.prod(row.shape) == math.prod(line):
            return sums
        if len(row.shape) != ndim:
            return self.everything(row)
        return sums.to(line, row.shape)

    def _by_signature(self, row: Row, known: type[traits]) -> Pattern:
        """Return the pattern of a function of last axes: of all of these together."""
        arrays = [x for x in row.args if isinstance(x, Row) or is_array(x)]
        whole = len(arrays[-1].shape) > 1
        sides = known.signature.split("->", maxsplit=1)[0].split("),(")
        pairs = [
            (x, len(_core(side, whole=whole)))
            for x, side in zip(arrays, sides, strict=False)
        ]
        loop = _loop_of(pairs)
        if row.shape[: len(loop)] != loop:
            return self.everything(row)
        rest = (1,) * (len(row.shape) - len(loop))
        return self._over(pairs, loop).to((*loop, *rest), row.shape)


def _loop_of(pairs: Sequence[tuple[Any, int]]) -> tuple[int, ...]:
    """Return the axes over which functions of so many last axes go."""
    return _np.broadcast_shapes(*(x.shape[: len(x.shape) - n] for x, n in pairs))


def _accumulated(p: Pattern, shape: tuple[int, ...], axis: int | None) -> Pattern:
    """Return the pattern of what adds up lines: an entry and those before it."""
    numbers = _np.arange(p.size).reshape(shape)
    lines = _np.ravel(numbers) if axis is None else _np.moveaxis(numbers, axis, -1)
    after, before = _np.tril_indices(lines.shape[-1])
    sums = _np.ravel(lines[..., after])
    return p.moved(lines[..., before]).summed(sums, p.size)


_OPERATORS = {operator.pos, operator.neg, float}
_BY_FUNCTION: dict[Any, Any] = {
    operator.getitem: indexing.getitem_pattern,
    unindex: indexing.unindex_pattern,
    unindex_all: indexing.unindex_all_pattern,
    setitem: indexing.setitem_pattern,
    added_at: indexing.added_at_pattern,
    maximum_at: indexing.added_at_pattern,
    minimum_at: indexing.added_at_pattern,
    np.einsum: contractions.einsum,
}


def _cores(signature: str) -> list[int]:
    """Return how many last axes of each operand a function is of; none if it varies."""
    if not signature or "?" in signature:
        return []
    parts = signature.split("->", maxsplit=1)[0].split("),(")
    return [len(_core(part, whole=True)) for part in parts]


def _core(part: str, *, whole: bool) -> list[str]:
    """Return the axes in a part of a signature; those with a ``?`` if it is whole."""
    names = part.strip("()").split(",")
    return [c for c in names if c and (whole or not c.endswith("?"))]


def _has_text(row: Row) -> bool:
    """Tell whether a call names an order of entries."""
    return any(isinstance(x, str) for x in (*row.args, *row.given.values()))


def _is_index(x: Row) -> bool:
    """Tell whether a row holds whole numbers: places, which may change."""
    return x.dtype is None or x.dtype.kind not in "fc"


__all__ = ["Detection"]
