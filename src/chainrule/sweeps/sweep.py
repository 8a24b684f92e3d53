"""The two sweeps over a recording: cotangents backwards, tangents forwards.

``reverse_sweep`` and ``forward_sweep`` are the readable ones. They carry supports, and
with ``xp = chainrule.operations`` they run on nodes, so that the sweep is itself
recorded. Plain sweeps are taken by each vertex's own step first (``sweep_values``,
``push_values``), and by the readable ones only where a nan came out. The readable ones
can be listened to (``listening``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.operations_grad.indexing import getitem_grad, picks_once, setitem_grad
from chainrule.rules.base import pulled, pushed, rule
from chainrule.rules.namespace import plain
from chainrule.rules.supports import (
    accumulate,
    have_nan,
    is_empty,
    needs_supports,
    project,
    supported,
    with_support,
)
from chainrule.steps.recorded_step import recorded_step_of
from chainrule.steps.step import reads_shapes_only
from chainrule.steps.tangent_step import tangent_step_of
from chainrule.sweeps.cotangents import (
    Bars,
    Cotangents,
    adopt,
    is_of_a_trace,
    pushed_on,
)
from chainrule.sweeps.listening import Listener, heard
from chainrule.sweeps.order import Ordered, check_fresh
from chainrule.values.shapes import TUPLE, size_of
from chainrule.values.types import Namespace
from chainrule.values.vertices import GRADIENTS, likeness, raw, vertex

# -------------------------------------------------------------- the readable sweeps


@np.errstate(all="ignore")
def reverse_sweep(
    xp: Namespace,
    order: Sequence[vertex],
    seeds: Mapping[vertex, supported],
    targets: Iterable[vertex] | None = None,
    *,
    as_values: bool = False,
    listener: Listener | None = None,
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
    listener
        Who is told of every vertex and contribution.

    Complexity: each vertex once; at most a small multiple of the forward work. What a
    loop reads of an array, ``x[i]``, is added up in one operation, unless a listener is
    to be told of each.
    """
    recorded = xp is not plain and not as_values
    bars = Bars(xp, seeds, listener if xp is plain else None)
    keep = None if targets is None else set(targets)
    ear = heard(listener, xp)
    if ear is None:
        _pull_all(bars, order, keep, None, recorded=recorded)
        return bars.all()
    with ear:
        _pull_all(bars, order, keep, ear, recorded=recorded)
        return bars.all()


def _pull_all(
    bars: Bars,
    order: Sequence[vertex],
    keep: set[vertex] | None,
    listener: Listener | None,
    *,
    recorded: bool,
) -> None:
    """Take every vertex' turn in ``reverse_sweep``."""
    xp = bars.xp
    members = set(order) | (keep or set())
    for z in order:
        if listener is not None:
            listener.vertex_reached(z)
        is_target = keep is None or z in keep
        z_grad, support = bars.of(z) if is_target else bars.taken(z)
        step = z._step
        if z_grad is None or step is None or is_empty(support):
            continue
        operands = z.operands
        wanted = tuple([isinstance(x, vertex) and x in members for x in operands])
        if True not in wanted:
            continue
        operation, z_bar = step.rule, (z_grad, support)
        alone = bars.listener is None
        if operation in _PARTS and alone and _pull_part(bars, z, *z_bar, wanted):
            continue
        result, values = (z, operands) if recorded else _shown(operation, z)
        if support is None and xp.recorded:
            short = recorded_step_of(step, wanted, z, xp)
            if short is not None and short(z, result, values, z_grad, bars.values):
                if bars.supports:
                    bars.complete(operands)
                continue
        which, z_bar = [i for i, w in enumerate(wanted) if w], supported(*z_bar)
        for i, part in pulled(
            operation, xp, z_bar, result, values, which, z.parameters
        ):
            fitted, total = bars.add(operands[i], part)
            if bars.listener is not None:
                bars.listener.contribution(z, i, part, fitted, total)


def _shown(operation: type[rule], z: vertex) -> tuple[Any, list[Any]]:
    """Return a vertex and its operands as plain values, or what has their shapes."""
    shown = likeness if reads_shapes_only(operation) else raw
    return shown(z), [shown(x) for x in z.operands]


_PARTS = (getitem_grad, setitem_grad)
"""The rules of reading and writing a part of an array."""


def _pull_part(
    bars: Bars, z: vertex, z_grad: Any, support: Any, wanted: tuple[bool, ...]
) -> bool:
    """Pull through a read or a write of a part that is no trace's; tell whether."""
    if is_of_a_trace(z_grad, z.parameters):
        return False
    z_bar = supported(z_grad, support)
    operands, index = z.operands, z.parameters["index"]
    if z._step.rule is getitem_grad:
        bars.read(operands[0], z_bar, index)
        return True
    if not wanted[0] or not picks_once(index):
        return False
    bars.overwritten(z, z_bar, operands[0], operands[1] if wanted[1] else None)
    return True


@np.errstate(all="ignore")
def forward_sweep(
    xp: Namespace,
    order: Sequence[vertex],
    seeds: Mapping[vertex, supported],
    *,
    as_values: bool = False,
    listener: Listener | None = None,
) -> Cotangents:
    """Sweep tangents from operands to results over the same recording.

    ``order`` is that of ``collect``; it is walked from its end. Memory grows with the
    recording, because this is the recording of the reverse sweep, read forwards.
    ``as_values`` and ``listener`` are those of ``reverse_sweep``.
    """
    recorded = xp is not plain and not as_values
    dots: Cotangents = dict(seeds)
    ear = heard(listener, xp)
    if ear is None:
        _push_all(xp, order, dots, None, recorded=recorded)
        return dots
    with ear:
        _push_all(xp, order, dots, ear, recorded=recorded)
        return dots


def _push_all(
    xp: Namespace,
    order: Sequence[vertex],
    dots: Cotangents,
    listener: Listener | None,
    *,
    recorded: bool,
) -> None:
    """Take every vertex' turn in ``forward_sweep``."""
    told = listener if xp is plain else None
    seeds = set(dots)
    own: set[vertex] = set()
    for z in reversed(order):
        if listener is not None:
            listener.vertex_reached(z)
        if z.rule is None or z in seeds:
            continue
        writes = z.rule is setitem_grad and listener is None
        if writes and pushed_on(z, dots, own):
            continue
        operands = z.operands
        tangents = [dots.get(x) if isinstance(x, vertex) else None for x in operands]
        values = operands if recorded else [raw(x) for x in operands]
        result = z if recorded else raw(z)
        if told is not None:
            z_dot = _pushed_apart(tangents, z, values, told)
        elif all(t is None or is_empty(t.support) for t in tangents):
            continue
        else:
            z_dot = pushed(z.rule, xp, tangents, result, values, z.parameters)
        if z_dot is not None:
            dots[z] = project(xp, z_dot, z)
            if writes:
                adopt(z, dots, own)


def _pushed_apart(
    tangents: Sequence[supported | None],
    z: vertex,
    operands: Sequence[Any],
    listener: Listener,
) -> supported | None:
    """Push one operand's tangent at a time, and tell the listener of each."""
    total: supported | None = None
    for i, tangent in enumerate(tangents):
        if tangent is None:
            continue
        alone: list[supported | None] = [None] * len(tangents)
        alone[i] = tangent
        product = pushed(z.rule, plain, alone, raw(z), operands, z.parameters)
        if product is not None:
            part = project(plain, product, z)
            total = accumulate(plain, total, part)
            listener.contribution(z, i, product, part, total)
    return total


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
    """Sweep as ``fast_sweep`` does, and leave every interior cotangent in ``.grad``.

    Those of versions that were overwritten are handed on.
    """
    leaves: list[vertex] = []
    for z in order:
        step = z._step
        if step is None:
            leaves.append(z)
            continue
        z_grad = bars[z]
        if type(z_grad) is float:
            z._grad = z_grad
        elif z.transient:
            bars[z] = None
            if z_grad is None:
                continue
        else:
            z._grad = conjugated(z_grad)
            if z_grad is None:
                continue
        step(z, z_grad, bars)
    return leaves


@np.errstate(all="ignore")
def sweep_values(
    ordered: Ordered, seeds: Mapping[vertex, Any], *, keep: bool
) -> tuple[dict[vertex, Any], list[vertex]]:
    """Sweep plain cotangents; return them and the leaves.

    Fast first, and by the reference where a nan came out. Without supports an untaken
    branch can only ever turn a result into nan, so a result without nan needs no second
    look, and only the others pay for supports. With ``keep`` interior ``.grad`` is set.
    """
    order = ordered.order
    bars = ordered.table()
    bars.update(seeds)
    GRADIENTS.count += keep
    if needs_supports(order, seeds):
        leaves = [z for z in order if z._step is None]
        again = True
    else:
        leaves = (fast_sweep_keeping if keep else fast_sweep)(order, bars)
        again = have_nan([bars[z] for z in leaves])
    check_fresh(leaves, order)
    if again:
        masked = {z: with_support(seed) for z, seed in seeds.items()}
        swept = reverse_sweep(plain, order, masked, None if keep else leaves)
        bars = dict.fromkeys(order)
        bars.update((z, bar.value) for z, bar in swept.items())
        for z in order if keep else ():
            if z._step is not None and not z.transient:
                z._grad = conjugated(bars[z])
    return bars, leaves


def fast_forward_sweep(
    order: Sequence[vertex],
    dots: dict[vertex, Any],
    spent: Mapping[vertex, Sequence[vertex]],
) -> None:
    """Sweep plain tangents by each vertex's own tangent step.

    ``dots`` holds the tangents to start from and is filled in place; a vertex without
    one has no tangent. Those that are ``spent`` at a vertex are dropped after it.
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
        if spent:
            for x in spent.get(z, ()):
                dots.pop(x, None)


LARGE = 1 << 16
"""Entries of a tangent from which those are dropped that nobody reads any more."""


def last_reads(
    order: Sequence[vertex], kept: Iterable[vertex]
) -> dict[vertex, list[vertex]]:
    """Return which vertices each one is the last to read, but for the ``kept`` ones."""
    known, found = set(kept), dict[vertex, list[vertex]]()
    for z in order:
        new = [x for x in z.operands if isinstance(x, vertex) and x not in known]
        found[z] = new
        known.update(new)
    return found


@np.errstate(all="ignore")
def push_values(
    order: Sequence[vertex], seeds: Mapping[vertex, Any], results: Iterable[vertex]
) -> dict[vertex, Any]:
    """Sweep plain tangents to some results: fast first, as in ``sweep_values``.

    A version that was overwritten passes its tangent on, unless it is a result.
    """
    dots, results = dict(seeds), list(results)
    slowly = any(z.transient for z in results)
    slowly = slowly or needs_supports(order, seeds, results)
    if not slowly:
        large = any(size_of(dot) > LARGE for dot in seeds.values())
        large = large and not any(z.transient for z in order)
        spent = last_reads(order, [*results, *seeds]) if large else {}
        fast_forward_sweep(order, dots, spent)
    if slowly or have_nan(list(map(dots.get, results))):
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
