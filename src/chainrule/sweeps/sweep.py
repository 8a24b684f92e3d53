"""The two sweeps over a recording: cotangents backwards, tangents forwards.

``reverse_sweep`` and ``forward_sweep`` are the readable ones. They carry supports, and
with ``xp = chainrule.operations`` they run on nodes, so that the sweep is itself
recorded. Plain sweeps are taken by each vertex's own step first (``sweep_values``,
``push_values``), and by the readable ones only where a nan came out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.operations_grad.indexing import getitem_grad, picks_once
from chainrule.rules.base import pulled, pushed
from chainrule.rules.namespace import plain
from chainrule.rules.supports import (
    accumulate,
    full_is_none,
    is_empty,
    project,
    supported,
)
from chainrule.steps.recorded_step import recorded_step_of
from chainrule.steps.tangent_step import tangent_step_of
from chainrule.sweeps.order import Ordered, check_fresh
from chainrule.values.shapes import TUPLE, shape_of
from chainrule.values.types import Index, Namespace, Support
from chainrule.values.vertices import first_stand_in, raw, stand_in, vertex

_vdot: Any = np.vdot
_or_at: Any = np.logical_or.at
Cotangents = dict[vertex, supported]


# -------------------------------------------------------------- the readable sweeps


def reverse_sweep(
    xp: Namespace,
    order: Sequence[vertex],
    seeds: Mapping[vertex, supported],
    targets: Iterable[vertex] | None = None,
    *,
    as_values: bool = False,
) -> Cotangents:
    """Sweep cotangents from results to operands.

    Parameters
    ----------
    xp
        ``plain``, or ``chainrule.operations``: then the sweep is itself recorded, and
        vertices without supports take their recorded step (``recorded_steps``).
    order, seeds
        The vertices, children first, and the cotangents to start from.
    targets
        The vertices whose cotangents are kept (all if ``None``); they may include older
        vertices, where the sweep stops.
    as_values
        Whether a recorded sweep takes the vertices as constants: it is then recorded in
        its seeds only.

    Complexity: each vertex once; at most a small multiple of the forward work. What a
    loop reads of an array, ``x[i]``, is added up in one operation.
    """
    recorded = xp is not plain and not as_values
    keep = None if targets is None else set(targets)
    members = set(order) | (keep or set())
    bars = _Bars(xp, seeds)
    for z in order:
        is_target = keep is None or z in keep
        z_grad, support = bars.of(z) if is_target else bars.taken(z)
        step = z._step
        if z_grad is None or step is None or is_empty(support):
            continue
        operands = z.operands
        wanted = tuple([isinstance(x, vertex) and x in members for x in operands])
        if True not in wanted:
            continue
        if recorded and support is None:
            recorded_step = recorded_step_of(step, wanted, z, xp)
            if recorded_step is not None and recorded_step(z, z_grad, bars.values):
                bars.complete(operands)
                continue
        rule, z_bar = step.rule, supported(z_grad, support)
        if rule is getitem_grad and first_stand_in(raw(z_grad), z.parameters) is None:
            bars.read(operands[0], z_bar, z.parameters["index"])
            continue
        values = operands if recorded else [raw(x) for x in operands]
        result = z if recorded else raw(z)
        positions = [i for i, is_wanted in enumerate(wanted) if is_wanted]
        for i, part in pulled(rule, xp, z_bar, result, values, positions, z.parameters):
            bars.add(operands[i], part)
    return bars.all()


class _Bars:
    """The cotangents of a sweep that is under way."""

    __slots__ = ("reads", "supports", "values", "xp")

    def __init__(self, xp: Namespace, seeds: Mapping[vertex, supported]) -> None:
        self.xp = xp
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

    def add(self, x: vertex, part: supported) -> None:
        """Add a contribution; supports unite."""
        have = self.values.get(x)
        total = None if have is None else supported(have, self.supports.get(x))
        total = accumulate(self.xp, total, project(self.xp, part, x))
        self.values[x] = total.value
        self.supports.pop(x, None)
        if total.support is not None:
            self.supports[x] = total.support

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


def forward_sweep(
    xp: Namespace,
    order: Sequence[vertex],
    seeds: Mapping[vertex, supported],
    *,
    as_values: bool = False,
) -> Cotangents:
    """Sweep tangents from operands to results over the same recording.

    ``order`` is that of ``collect``; it is walked from its end. Memory grows with the
    recording, because this is the recording of the reverse sweep, read forwards.
    ``as_values`` is that of ``reverse_sweep``.
    """
    recorded = xp is not plain and not as_values
    dots: Cotangents = dict(seeds)
    for z in reversed(order):
        if z.rule is None or z in seeds:
            continue
        operands = z.operands
        tangents = [dots.get(x) if isinstance(x, vertex) else None for x in operands]
        if all(t is None or is_empty(t.support) for t in tangents):
            continue
        values = operands if recorded else [raw(x) for x in operands]
        result = z if recorded else raw(z)
        z_dot = pushed(z.rule, xp, tangents, result, values, z.parameters)
        if z_dot is not None:
            dots[z] = project(xp, z_dot, z)
    return dots


# ---------------------------------------------------------------- sweeps of values


def fast_sweep(order: Sequence[vertex], bars: dict[vertex, Any]) -> list[vertex]:
    """Sweep plain cotangents by each vertex's own step; return the leaves met.

    ``bars`` maps every vertex to its cotangent or ``None``, and is filled in place. An
    interior cotangent is dropped once it is used.
    """
    leaves: list[vertex] = []
    for z in order:
        step = z._step
        if step is None:
            leaves.append(z)
            continue
        z_grad = bars[z]
        if z_grad is not None:
            bars[z] = None
            step(z, z_grad, bars)
    return leaves


def fast_sweep_keeping(
    order: Sequence[vertex], bars: dict[vertex, Any]
) -> list[vertex]:
    """Sweep as ``fast_sweep`` does, and leave every interior cotangent in ``.grad``."""
    leaves: list[vertex] = []
    for z in order:
        step = z._step
        if step is None:
            leaves.append(z)
            continue
        z_grad = bars[z]
        if type(z_grad) is float:
            z._grad = z_grad
        else:
            z._grad = conjugated(z_grad)
            if z_grad is None:
                continue
        step(z, z_grad, bars)
    return leaves


def sweep_values(
    ordered: Ordered, seeds: Mapping[vertex, Any], *, keep: bool
) -> tuple[dict[vertex, Any], list[vertex]]:
    """Sweep plain cotangents; return them and the leaves.

    Fast first, and by the reference where a nan came out. Without supports an untaken
    branch can only ever turn a result into nan, so a result without nan needs no second
    look, and only the others pay for supports. With ``keep`` interior ``.grad`` is set.
    """
    order, bars = ordered.order, ordered.bars
    bars.update(seeds)
    with np.errstate(all="ignore"):
        leaves = (fast_sweep_keeping if keep else fast_sweep)(order, bars)
        check_fresh(leaves, order)
        if any(has_nan(bars[z]) for z in leaves):
            masked = {z: with_support(seed) for z, seed in seeds.items()}
            swept = reverse_sweep(plain, order, masked, None if keep else leaves)
            bars = dict.fromkeys(order)
            bars.update((z, bar.value) for z, bar in swept.items())
            for z in order if keep else ():
                if z._step is not None:
                    z._grad = conjugated(bars[z])
    return bars, leaves


def fast_forward_sweep(order: Sequence[vertex], dots: dict[vertex, Any]) -> None:
    """Sweep plain tangents by each vertex's own tangent step.

    ``dots`` holds the tangents to start from and is filled in place; a vertex without
    one has no tangent.
    """
    for z in reversed(order):
        step = z._step
        if step is None or z in dots:
            continue
        try:
            tangent_step = step.tangent_step
        except AttributeError:
            tangent_step = tangent_step_of(step)
        z_dot = tangent_step(z, dots)
        if z_dot is not None:
            dots[z] = z_dot


def push_values(
    order: Sequence[vertex], seeds: Mapping[vertex, Any], results: Iterable[vertex]
) -> dict[vertex, Any]:
    """Sweep plain tangents to some results: fast first, as in ``sweep_values``."""
    dots = dict(seeds)
    with np.errstate(all="ignore"):
        fast_forward_sweep(order, dots)
        if any(has_nan(dots.get(z)) for z in results):
            masked = {x: with_support(seed) for x, seed in seeds.items()}
            swept = forward_sweep(plain, order, masked)
            dots = {z: dot.value for z, dot in swept.items()}
    return dots


def conjugated(grad: Any) -> Any:
    """Conjugate a complex gradient; ``None`` (absent) is 0.0."""
    if grad is None:
        return 0.0
    if type(grad) is float or isinstance(grad, TUPLE):
        return grad
    return grad.conj() if grad.dtype.kind == "c" else grad


def with_support(seed: Any) -> supported:
    """Return a seed whose zeros are structural.

    Those of a node are not: what it was computed from may be differentiated, and a zero
    at this point is no zero next to it. Nor are those of a value that a trace stands
    for, since it may be another in a later call.
    """
    if isinstance(seed, (TUPLE, vertex, stand_in)):
        return supported(seed)
    support = np.asarray(seed) != 0
    return supported(seed, None if support.all() else support)


def has_nan(x: Any) -> bool:
    """Tell whether a cotangent holds a nan."""
    if x is None or isinstance(x, TUPLE):
        return False
    if type(x) is float:
        return x != x
    if isinstance(x, stand_in):
        x.refuse_nan()
        return False
    square = _vdot(x, x)  # one pass, and nan where an entry is
    return bool(square != square) and bool(np.isnan(x).any())
