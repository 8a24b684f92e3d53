"""The cotangents of a sweep that is under way, and what is not added to them yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.operations_grad.indexing import picks_once
from chainrule.rules.supports import accumulate, full_is_none, project, supported
from chainrule.sweeps.listening import Listener
from chainrule.values.shapes import shape_of
from chainrule.values.types import Index, Namespace, Support
from chainrule.values.vertices import vertex

_or_at: Any = np.logical_or.at
Cotangents = dict[vertex, supported]


class Bars:
    """The cotangents of a sweep that is under way."""

    __slots__ = ("listener", "reads", "supports", "values", "xp")

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

    def of(self, z: vertex) -> tuple[Any, Any]:
        """Return a vertex' cotangent, ``None`` if it has none, and its support."""
        if self.reads and z in self.reads:
            self._add_reads(z)
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
        if self.supports:
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

    def read(self, x: vertex, z_bar: supported, index: Index) -> None:
        """Keep the cotangent of ``x[index]`` until ``x`` is visited."""
        self.reads.setdefault(x, []).append((z_bar, index))

    def _add_reads(self, x: vertex) -> None:
        """Add the cotangents of all ``x[index]``, in one operation."""
        reads = self.reads.pop(x)
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

    def all(self) -> Cotangents:
        """Return all that is left."""
        for x in list(self.reads):
            self._add_reads(x)
        return {
            z: supported(value, self.supports.get(z))
            for z, value in self.values.items()
        }


def _mark(mask: NDArray[np.bool_], index: Index, support: Support) -> None:
    """Set a mask where an index reads, as far as the support goes."""
    if support is None:
        mask[index] = True
    elif picks_once(index):
        mask[index] |= support
    else:
        _or_at(mask, index, support)
