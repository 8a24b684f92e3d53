"""The cotangents of a sweep that is under way, and what is not added to them yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.operations_grad.indexing import add_at, picks_once, setitem_grad
from chainrule.rules.namespace import plain
from chainrule.rules.supports import (
    accumulate,
    full_is_none,
    is_empty,
    project,
    supported,
)
from chainrule.sweeps.listening import Listener
from chainrule.values.foreign import is_foreign
from chainrule.values.indices import foreign_part
from chainrule.values.shapes import dtype_of, ndarray, shape_of
from chainrule.values.types import Index, Namespace, Parameters, Support
from chainrule.values.versions import memory_of
from chainrule.values.vertices import first_stand_in, likeness, raw, vertex

_or_at: Any = np.logical_or.at
Cotangents = dict[vertex, supported]


class Bars:
    """The cotangents of a sweep that is under way."""

    __slots__ = ("listener", "own", "reads", "supports", "values", "xp")

    def __init__(
        self,
        xp: Namespace,
        seeds: Mapping[vertex, supported],
        listener: Listener | None = None,
    ) -> None:
        self.xp: Namespace = xp
        self.listener: Listener | None = listener
        """Who is told of contributions."""
        self.values: dict[vertex, Any] = {z: bar.value for z, bar in seeds.items()}
        self.supports: dict[vertex, Any] = {
            z: bar.support for z, bar in seeds.items() if bar.support is not None
        }
        """The supports of those that have one; without one every entry is supported."""
        self.reads: dict[vertex, list[tuple[supported, Any]]] = {}
        """Cotangents of ``x[index]``, and their indices, which are not yet added."""
        self.own: set[vertex] = set()
        """Whose cotangents, with their supports, nobody else holds."""

    def of(self, z: vertex) -> tuple[Any, Any]:
        """Return a vertex' cotangent, ``None`` if it has none, and its support."""
        if self.reads and z in self.reads:
            self._add_reads(z)
        self.own.discard(z)
        return self.values.get(z), self.supports.get(z)

    def taken(self, z: vertex) -> tuple[Any, Any]:
        """Return a vertex' cotangent and its support, and forget them."""
        if not self.reads and not self.supports:
            return self.values.pop(z, None), None
        if z in self.reads:
            self._add_reads(z)
        return self.values.pop(z, None), self.supports.pop(z, None)

    def complete(self, operands: Sequence[Any]) -> None:
        """Take note that something without a support was added to some vertices."""
        for x in operands:
            if isinstance(x, vertex):
                self.supports.pop(x, None)

    def add(self, x: vertex, part: supported) -> tuple[supported, supported]:
        """Add a contribution; return it as ``x`` takes it, and the sum so far."""
        fitted = project(self.xp, part, x)
        have = self.values.get(x)
        total = None if have is None else supported(have, self.supports.get(x))
        total = accumulate(self.xp, total, fitted)
        self.values[x] = total.value
        self.supports.pop(x, None)
        if total.support is not None:
            self.supports[x] = total.support
        return fitted, total

    def overwritten(self, z: vertex, z_bar: supported, x: vertex, y: Any) -> None:
        """Add the contributions of ``z``, which is ``x`` after ``x[index] = y``.

        What is left of the cotangent is handed on to ``x``, in its own memory where
        nobody else holds it: a write then costs what was written. The same step by the
        rule, which is the reference, costs what the whole array does.
        """
        xp, index = self.xp, z.parameters["index"]
        value: Any = z_bar.value
        support: Any = z_bar.support
        if y is not None:
            y_grad = setitem_grad.transpose_y(xp, value, x, y, index=index)
            taken = None
            if support is not None:
                marks = setitem_grad.transpose_y(plain, support, x, y, index=index)
                taken = full_is_none(np.asarray(marks != 0))
            if not is_empty(taken):
                self.add(y, supported(_apart(y_grad), taken))
        is_own = z in self.own and shape_of(x) != ()  # else it may be a number
        self.own.discard(z)
        if is_own:
            value[index] = 0.0
        else:
            value = xp.setitem(value, 0.0, index=index)
            support = None if support is None else support.copy()
        if support is None:
            support = np.ones(shape_of(x), dtype=bool)
        support[index] = False
        if x in self.values or x in self.reads:
            self.add(x, supported(value, full_is_none(support)))
            return
        self.values[x], self.supports[x] = value, support
        self.own.add(x)

    def read(self, x: vertex, z_bar: supported, index: Index) -> None:
        """Keep the cotangent of ``x[index]`` until ``x`` is visited."""
        self.reads.setdefault(x, []).append((z_bar, index))

    def _add_reads(self, x: vertex) -> None:
        """Add the cotangents of all ``x[index]``, in one operation."""
        reads = self.reads.pop(x)
        if x in self.own:
            reads = [read for read in reads if not self._add_read(x, *read)]
            if not reads:
                return
        shape, xp = shape_of(x), self.xp
        mask = np.zeros(shape, dtype=bool)
        for z_bar, index in reads:
            _mark(mask, index, z_bar.support)
        parts = [z_bar.value for z_bar, _ in reads]
        if len(parts) == 1:
            value = xp.unindex(parts[0], index=reads[0][1], shape=shape)
        else:
            indices = tuple(index for _, index in reads)
            value = xp.unindex_all(parts, indices=indices, shape=shape)
        if mask.any():
            self.add(x, supported(value, full_is_none(mask)))

    def _add_read(self, x: vertex, z_bar: supported, index: Index) -> bool:
        """Add the cotangent of ``x[index]`` in place, if it can be; tell whether."""
        value, mask = self.values[x], self.supports.get(x)
        part, support = z_bar
        is_node = isinstance(value, vertex)
        if mask is None or not picks_once(index):
            return False
        if dtype_of(part) != value.dtype or (isinstance(part, vertex) and not is_node):
            return False
        if is_node:
            value[index] = value[index] + part
        else:
            add_at(value, index, part)
        _mark(mask, index, support)
        return True

    def all(self) -> Cotangents:
        """Return all that is left."""
        for x in list(self.reads):
            self._add_reads(x)
        return {
            z: supported(value, self.supports.get(z))
            for z, value in self.values.items()
        }


def is_of_a_trace(x: Any, parameters: Parameters) -> bool:
    """Tell whether a cotangent or an index is traced, or of another library.

    The caller keeps no name of the array: then it can be changed where it is.
    """
    x = raw(x)
    foreign = is_foreign(x) or foreign_part(parameters["index"]) is not None
    return foreign or first_stand_in(x, parameters) is not None


def pushed_on(z: vertex, dots: Cotangents, own: set[vertex]) -> bool:
    """Let ``z``, which is ``x`` after ``x[index] = y``, have the tangent of ``x``.

    It is written in its own memory, if it is a node of the sweep's ``own`` and nothing
    younger reads that of ``x``; tell whether. By the rule a write costs what the whole
    array does.
    """
    x, y = z.operands
    index = z.parameters["index"]
    if not isinstance(x, vertex) or x not in own or not x.passes_on:
        return False
    if not picks_once(index):
        return False
    y_dot = dots.get(y) if isinstance(y, vertex) else None
    value, mask = dots[x].value, dots[x].support
    part = 0.0 if y_dot is None else y_dot.value
    if dtype_of(part).kind == "c" and value.dtype.kind != "c":
        return False
    value[index] = part
    marks: Any = y_dot is not None and (y_dot.support is None or y_dot.support)
    if mask is None and marks is not True:
        mask = np.ones(shape_of(x), dtype=bool)
    if mask is not None:
        mask[index] = marks
    del dots[x]
    dots[z] = supported(value, mask)
    own.remove(x)
    own.add(z)
    return True


def adopt(z: vertex, dots: Cotangents, own: set[vertex]) -> None:
    """Enter a tangent that a write has made as one that nobody else holds."""
    value, mask = dots[z].value, dots[z].support
    if isinstance(value, vertex):
        dots[z] = supported(value, None if mask is None else np.array(mask))
        own.add(z)


def _apart(part: Any) -> Any:
    """Return a part of a cotangent that does not change with the whole."""
    value = likeness(part)
    if type(value) is not ndarray or value.base is None:
        return part
    if not isinstance(part, vertex):
        return value.copy()
    part._value = value.copy()
    memory_of(part).alone = True
    return part


def _mark(mask: NDArray[np.bool_], index: Index, support: Support) -> None:
    """Set a mask where an index reads, as far as the support goes."""
    if support is None:
        mask[index] = True
    elif picks_once(index):
        mask[index] |= support
    else:
        _or_at(mask, index, support)
