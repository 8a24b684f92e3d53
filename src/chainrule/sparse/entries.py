"""Entries of a sparse matrix, carried through a recording beside its values.

In: the recording of a function. Out: the entries of its Jacobian, all in one sweep
forwards. The tangent of a value is a list of *fragments*: a stencil has one for each
neighbour, whatever the number of unknowns. Rules of one entry each multiply them by
their partials, rules that move entries move them, and rules that add entries say which
rows they are added to. What other rules do is left to products with vectors.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.sparsity.calls import moved_from
from chainrule.compiler.sparsity.structure import Structure
from chainrule.compiler.tracing.traced import Traced
from chainrule.operations_grad.contraction import matmul_grad
from chainrule.rules.declarations import needed
from chainrule.rules.elementwise_rule import elementwise
from chainrule.rules.linear_rule import linear, multilinear, zeroed_in
from chainrule.rules.namespace import plain
from chainrule.rules.supports import fit, product, split_where
from chainrule.sparse.fragments import (
    CarryError,
    Fragment,
    Fragments,
    added_up,
    as_operand,
    broadcast,
    is_number,
    picked,
    same,
    without_zeros,
)
from chainrule.sparse.places import Places, run_of
from chainrule.sweeps.sweep import last_reads
from chainrule.transforms.recorded_call import Recording
from chainrule.values.shapes import dtype_of, shape_of, size_of
from chainrule.values.types import Shape, Value
from chainrule.values.vertices import (
    ARITHMETIC_ERRORS,
    first_stand_in,
    likeness,
    raw,
    refuse_nans,
    stand_in,
    vertex,
)

_np: Any = np


class Carrier:
    """Carries fragments through a recording, to a limit of computed numbers."""

    def __init__(self, limit: float) -> None:
        """Count from zero."""
        self.limit: float = limit
        self.spent: int = 0

    def carried(self, run: Recording) -> list[Fragments]:
        """Return the fragments of each output of a recording."""
        ordered = run.ordered(tuple(run.roots()))
        order, older = ordered.order, ordered.older
        if older:
            raise CarryError
        dots: dict[vertex, Fragments] = {}
        start = 0
        for x in run.inputs:
            size = math.prod(shape_of(raw(x)))
            columns = _np.arange(start, start + size, dtype=_np.int32)
            dots[x] = [Fragment(None, columns, 1.0)]
            start += size
        spent = last_reads(order, [*run.roots(), *run.inputs])
        with _np.errstate(all="ignore"):
            for z in reversed(order):
                if z.rule is not None and z not in dots:
                    tangents = [_known(x, dots) for x in z.operands]
                    if any(tangents):
                        dots[z] = self._merged(self._of(z, tangents))
                for x in spent.get(z, ()):
                    dots.pop(x, None)
        return [_known(z, dots) for z in run.outputs]

    def _of(self, z: vertex, tangents: Sequence[Fragments]) -> list[Fragment]:
        """Return the fragments of a value from those of its operands."""
        rule, operands = z.rule, [raw(x) for x in z.operands]
        moving = [x for x, t in zip(operands, tangents, strict=True) if t]
        if rule.outputs > 1 or first_stand_in(z.parameters) is not None:
            raise CarryError
        if any(dtype_of(x).kind != "f" for x in (likeness(z), *moving)):
            raise CarryError
        if issubclass(rule, elementwise):
            return self._multiplied(z, operands, tangents)
        if rule.moves:
            return self._moved(z, operands, tangents)
        if issubclass(rule, linear) and not issubclass(rule, multilinear):
            return added_up(z, operands, tangents)
        if issubclass(rule, matmul_grad) and not z.parameters:
            return self._contracted(z, operands, tangents)
        raise CarryError

    # --------------------------------------------------------------------- by kinds

    def _multiplied(
        self, z: vertex, operands: Sequence[Any], tangents: Sequence[Fragments]
    ) -> list[Fragment]:
        """Multiply by the partials of a function of one entry each."""
        where, given = split_where(z.parameters)
        if where is not None:
            raise CarryError
        found: list[Fragment] = []
        value = raw(z)
        for i, fragments in enumerate(tangents):
            if not fragments or i not in z.rule.parts:
                continue
            try:
                partial = z.rule.parts[i](plain, value, *operands, **given)
            except ARITHMETIC_ERRORS:
                raise CarryError from None
            partial = needed(z.rule, i, partial)
            found += self._by(fragments, shape_of(operands[i]), partial, value)
        return found

    def _contracted(
        self, z: vertex, operands: Sequence[Any], tangents: Sequence[Fragments]
    ) -> list[Fragment]:
        """Multiply a product's terms by the other operand, and say where they add up.

        A term has the axes of the result, with the one that is summed in between.
        """
        both = [_stack_of(x, i) for i, x in enumerate(operands)]
        like, shape = likeness(z), _np.broadcast_shapes(*map(shape_of, both))
        few = size_of(like) + sum(map(size_of, both))
        if math.prod(shape) > NARROW * few:
            raise CarryError
        rows = _np.arange(size_of(like), dtype=_np.int32)
        rows = rows.reshape(*shape[:-2], 1, shape[-1])
        rows = _np.ravel(_np.broadcast_to(rows, shape))
        terms = _np.broadcast_to(_np.zeros((), dtype_of(like)), shape)
        found: list[Fragment] = []
        for i, fragments in enumerate(tangents):
            own = shape_of(both[i])
            apart = [f if f.rows is not None else _reshaped(f, own) for f in fragments]
            for f in self._by(apart, own, both[1 - i], terms):
                values = f.values
                if not is_number(values):
                    values = _np.reshape(values, (-1,))
                at = rows if f.rows is None else rows[f.rows]
                found.append(Fragment(at, f.columns, values))
        return found

    def _by(
        self, fragments: Fragments, own: Shape, partial: Value, like: Value
    ) -> list[Fragment]:
        """Return fragments of an operand, broadcast to a result, times a partial."""
        shape = shape_of(like)
        found: list[Fragment] = []
        for f in broadcast(fragments, own, shape):
            factor = partial
            if f.rows is not None and shape_of(partial):
                flat = _np.reshape(_np.broadcast_to(partial, shape), (-1,))
                factor = flat[f.rows]
            if not isinstance(factor, stand_in):
                f = without_zeros(f, factor, shape)
            if f.columns.max(initial=-1) >= 0:
                found.append(self._times(f, factor, like))
        return found

    def _times(self, f: Fragment, factor: Value, like: Value) -> Fragment:
        """Return a fragment times a partial, of the dtype of a value."""
        if is_number(factor) and is_number(f.values):
            return f._replace(values=float(f.values * factor))
        is_one = is_number(f.values) and f.values == 1
        values = factor if is_one else product(plain, f.values, factor, None)
        if f.rows is not None:  # of the same dtype: a mask's True and True add up to 2
            like = _np.broadcast_to(_np.zeros((), dtype_of(like)), f.rows.shape)
        values = fit(plain, values, like)
        return self._kept(f._replace(values=values))

    def _moved(
        self, z: vertex, operands: Sequence[Any], tangents: Sequence[Fragments]
    ) -> list[Fragment]:
        """Move entries, and the numbers of their columns."""
        rule, given = z.rule, z.parameters
        if issubclass(rule, linear):
            given = zeroed_in(rule, given)
        places = moved_from(
            lambda *numbers: plain.apply(rule, numbers, given),
            list(map(shape_of, operands)),
        )
        if places is None:
            raise CarryError
        sizes = [size_of(x) for x in operands]
        whole = [[f for f in t if f.rows is None] for t in tangents]
        found: list[Fragment] = []
        for parts in itertools.zip_longest(*whole):
            some = [f for f in parts if f is not None]
            columns = _np.concatenate(
                [
                    _np.full(n, -1, _np.int32) if f is None else f.columns
                    for f, n in zip(parts, sizes, strict=True)
                ]
            )
            columns = _np.where(places < 0, -1, columns[places])
            values = some[0].values
            if any(not is_number(f.values) or f.values != values for f in some):
                given_values = map(as_operand, parts, operands)
                values = plain.apply(rule, list(given_values), given)
            found.append(self._kept(Fragment(None, columns, values)))
        starts = itertools.accumulate([0, *sizes[:-1]])
        for fragments, start in zip(tangents, starts, strict=True):
            scattered = [f for f in fragments if f.rows is not None]
            found += [self._kept(picked(f, places, start)) for f in scattered]
        return found

    # ------------------------------------------------------------------------ costs

    def _merged(self, fragments: Fragments) -> list[Fragment]:
        """Add fragments of the same rows and columns; leave out those of none."""
        found: list[Fragment] = []
        for f in fragments:
            if f.columns.max(initial=-1) < 0:
                continue
            for k, g in enumerate(found):
                if same(f.rows, g.rows) and same(f.columns, g.columns):
                    found[k] = self._kept(g._replace(values=g.values + f.values))
                    break
            else:
                found.append(f)
        return found

    def _kept(self, f: Fragment) -> Fragment:
        """Return a fragment, once its numbers are counted."""
        if isinstance(f.values, stand_in):
            self.spent += f.columns.size
            if self.spent > self.limit:
                raise CarryError
        return f


NARROW = 16
"""How many terms a product may have, for each entry of its operands and result."""


def _stack_of(x: Value, i: int) -> Any:
    """Return an operand of ``matmul`` with the axes of its terms, (..., m, k, n)."""
    vector = len(shape_of(x)) == 1
    if i == 0:
        return _np.reshape(x, (1, -1, 1)) if vector else _np.expand_dims(x, -1)
    return _np.reshape(x, (1, -1, 1)) if vector else _np.expand_dims(x, -3)


def _reshaped(f: Fragment, shape: Shape) -> Fragment:
    return f if is_number(f.values) else f._replace(values=_np.reshape(f.values, shape))


def _known(x: vertex | Value, dots: Mapping[vertex, Fragments]) -> Fragments:
    return dots.get(x, ()) if isinstance(x, vertex) else ()


# -------------------------------------------------------------------------- matrices


def entries_of(
    flat: Callable[..., Any],
    leaves: Sequence[Any],
    pattern: Structure,
    *,
    symmetric: bool,
    limit: float,
) -> Any:
    """Return the entries of a Jacobian in the order of its pattern.

    Parameters
    ----------
    flat
        The function of real arrays, ``leaves``, whose results are real too; traced, as
        zeros among plain values are there whatever the leaves are.
    pattern
        The places of the entries, by rows, columns in order in each.
    symmetric
        Whether those above the diagonal are read below it.
    limit
        How many numbers may be computed on the way.

    Raises
    ------
    CarryError
        If a rule is of another kind, more is computed, or an entry is not in the
        pattern.
    """
    run = Recording(flat, tuple(leaves), range(len(leaves)), {})
    for z in map(raw, run.outputs if symmetric else ()):
        if isinstance(z, Traced):
            _allow_nan(z)
    found, dtype = _all_rows(run, Carrier(limit).carried(run))
    del run  # and the values that it holds
    places = Places(pattern, symmetric=symmetric)
    base = _np.zeros(pattern.nnz, dtype)
    while found:
        rows, columns, values = found.pop()
        some = places.wanted(rows, columns)
        if not some.any():
            continue
        at = places.of(rows[some], columns[some])
        if at is None:
            raise CarryError
        if isinstance(values, stand_in):
            refuse_nans([values])
            part = _np.reshape(values, (-1,))
            places.add(part if some.all() else part[run_of(_np.flatnonzero(some))], at)
        else:
            plain_values = _np.broadcast_to(_np.ravel(values), some.shape)[some]
            _np.add.at(base, at, plain_values)
    return places.added_to(base)


def _allow_nan(gradient: Traced) -> None:
    """Take back that a gradient may not be nan, as nobody reads it."""
    checks = gradient.home.checks
    known = [i for i, row in enumerate(checks) if row is gradient.row]
    if known:
        del checks[known[-1]]


def _all_rows(run: Recording, parts: Sequence[Fragments]) -> tuple[list[Fragment], Any]:
    """Return the fragments of all results together, and their dtype."""
    values = [likeness(z) for z in run.outputs]
    sizes = list(map(size_of, values))
    found: list[Fragment] = []
    for start, size, own in zip(
        itertools.accumulate([0, *sizes[:-1]]), sizes, parts, strict=True
    ):
        for f in own:
            rows = _np.arange(size, dtype=_np.int32) if f.rows is None else f.rows
            rows = rows + start if start else rows
            found.append(Fragment(rows, f.columns, f.values))
    return found, _np.result_type(*map(dtype_of, values))


__all__ = ["CarryError", "entries_of"]
