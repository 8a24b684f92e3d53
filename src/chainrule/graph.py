"""The recording as a graph: who made whom, in which order, and the two sweeps.

``generate_graph`` and ``topological_sort`` are the two steps in readable form.
``collect`` does both at once for nodes, in the same order: a node is always newer than
its operands, so newest first puts children before parents.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from chainrule.errors import RecordingError, StaleValueError
from chainrule.rules import plain, pulled, pushed
from chainrule.shapes import TUPLE
from chainrule.supports import accumulate, is_empty, project, supported
from chainrule.vertices import raw, stand_in, vertex

Node = Any
_vdot: Any = np.vdot
Cotangents = dict[Node, supported]


def generate_graph(
    node: Node, vertices: list[Node], edges: dict[Node, list[Node]]
) -> None:
    """Walk from ``node`` to everything it was computed from.

    Parameters
    ----------
    node
        The result to start from.
    vertices
        Filled with every vertex reached, each once.
    edges
        Filled with the operands (parents) of each vertex.

    Examples
    --------
    >>> import chainrule as gd
    >>> x = gd.node(2.0)
    >>> z = x * x
    >>> vertices, edges = [], {}
    >>> gd.generate_graph(z, vertices, edges)
    >>> vertices == [z, x], len(edges[z])
    (True, 2)
    """
    waiting = [node]
    while waiting:
        v = waiting.pop()
        if v in edges:
            continue
        vertices.append(v)
        edges[v] = [] if v.grad_ops is None else list(v.grad_ops.vertices)
        waiting.extend(edges[v])


def topological_sort(
    vertices: Sequence[Hashable], edges: Mapping[Any, Sequence[Any]]
) -> list[Any]:
    """Order vertices so that children (results) come before parents (operands).

    A vertex is ready when every child of it is done (Kahn's algorithm). Among ready
    vertices the newest goes first, so the order is that of the recording, reversed.

    Raises
    ------
    RecordingError
        If the edges form a cycle.

    Examples
    --------
    >>> topological_sort(["x", "y", "z"], {"z": ["y", "x"], "y": ["x"], "x": []})
    ['z', 'y', 'x']
    """
    children = dict.fromkeys(vertices, 0)
    for v in vertices:
        for parent in edges.get(v, ()):
            children[parent] = children.get(parent, 0) + 1
    place = {v: i for i, v in enumerate(children)}

    def entry(v: Any) -> tuple[int, int, Any]:
        return -getattr(v, "serial", 0), place[v], v

    ready = [entry(v) for v, count in children.items() if count == 0]
    heapq.heapify(ready)
    order: list[Any] = []
    while ready:
        v = heapq.heappop(ready)[2]
        order.append(v)
        for parent in edges.get(v, ()):
            children[parent] -= 1
            if children[parent] == 0:
                heapq.heappush(ready, entry(parent))
    if len(order) != len(children):
        raise RecordingError(
            f"The graph has a cycle: only {len(order)} of {len(children)} vertices can "
            "be ordered. A value cannot be computed from itself; remove the cycle."
        )
    return order


_age = attrgetter("serial")


class Ordered(NamedTuple):
    """Vertices in sweep order, the older ones met, and an empty table of cotangents."""

    order: list[Node]
    older: list[Node]
    bars: dict[Node, Any]


def collect(roots: Iterable[Node], start: int = -1) -> Ordered:
    """Order the vertices newer than ``start``, and list the older ones met.

    The order is that of ``topological_sort``; older vertices are where a sweep stops.
    """
    met: dict[Node, Any] = dict.fromkeys(roots)
    order = [v for v in met if v.serial > start]
    if not order:
        return Ordered([], list(met), {})
    common = order[0].__class__
    push = order.append
    for z in order:
        for x in z.operands:
            if (type(x) is common or isinstance(x, vertex)) and x not in met:
                met[x] = None
                if x.serial > start:
                    push(x)
    older: list[Node] = []
    if len(met) > len(order):
        older = [v for v in met if v.serial <= start]
        for v in older:
            del met[v]
    order.sort(key=_age, reverse=True)
    return Ordered(order, older, met)


def reverse_sweep(
    xp: Any,
    order: Sequence[Node],
    seeds: Mapping[Node, supported],
    targets: Iterable[Node] | None = None,
) -> Cotangents:
    """Sweep cotangents from results to operands: the readable reference.

    Carries supports, and with ``xp = chainrule.operations`` runs on nodes, so that the
    sweep is itself recorded. ``targets`` are the vertices whose cotangents are kept
    (all if ``None``); they may include older vertices, where the sweep stops.

    Complexity: each vertex once; at most a small multiple of the forward work.
    """
    recorded = xp is not plain
    bars: Cotangents = dict(seeds)
    keep = None if targets is None else set(targets)
    members = set(order) | (keep or set())
    for z in order:
        z_bar = bars.get(z) if keep is None or z in keep else bars.pop(z, None)
        if z_bar is None or z.rule is None or is_empty(z_bar.support):
            continue
        operands = z.operands
        wanted = [
            i for i, x in enumerate(operands) if isinstance(x, vertex) and x in members
        ]
        if not wanted:
            continue
        given = operands if recorded else [raw(x) for x in operands]
        result = z if recorded else raw(z)
        for i, part in pulled(z.rule, xp, z_bar, result, given, wanted, z.parameters):
            x = operands[i]
            bars[x] = accumulate(xp, bars.get(x), project(xp, part, x))
    return bars


def forward_sweep(
    xp: Any, order: Sequence[Node], seeds: Mapping[Node, supported]
) -> Cotangents:
    """Sweep tangents from operands to results over the same recording.

    ``order`` is that of ``collect``; it is walked from its end. Memory grows with the
    recording, because this is the recording of the reverse sweep, read forwards.
    """
    recorded = xp is not plain
    dots: Cotangents = dict(seeds)
    for z in reversed(order):
        if z.rule is None or z in seeds:
            continue
        operands = z.operands
        tangents = [dots.get(x) if isinstance(x, vertex) else None for x in operands]
        if all(t is None or is_empty(t.support) for t in tangents):
            continue
        given = operands if recorded else [raw(x) for x in operands]
        result = z if recorded else raw(z)
        z_dot = pushed(z.rule, xp, tangents, result, given, z.parameters)
        if z_dot is not None:
            dots[z] = project(xp, z_dot, z)
    return dots


def fast_sweep(order: Sequence[Node], bars: dict[Node, Any]) -> list[Node]:
    """Sweep plain cotangents by each vertex's own step; return the leaves met.

    ``bars`` maps every vertex to its cotangent or ``None``, and is filled in place. An
    interior cotangent is dropped once it is used.
    """
    leaves: list[Node] = []
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


def fast_sweep_keeping(order: Sequence[Node], bars: dict[Node, Any]) -> list[Node]:
    """Sweep as ``fast_sweep`` does, and leave every interior cotangent in ``.grad``."""
    leaves: list[Node] = []
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
    found: Ordered, seeds: Mapping[Node, Any], *, keep: bool
) -> tuple[dict[Node, Any], list[Node]]:
    """Sweep plain cotangents; return them and the leaves.

    Fast first, and by the reference where a nan came out. Without supports an untaken
    branch can only ever turn a result into nan, so a result without nan needs no second
    look, and only the others pay for supports. With ``keep`` interior ``.grad`` is set.
    """
    order, bars = found.order, found.bars
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


def conjugated(grad: Any) -> Any:
    """Conjugate a complex gradient; ``None`` (absent) is 0.0."""
    if grad is None:
        return 0.0
    if type(grad) is float or isinstance(grad, TUPLE):
        return grad
    return grad.conj() if grad.dtype.kind == "c" else grad


def with_support(value: Any, seed: Any = None) -> supported:
    """Return a seed whose zeros are structural; ``seed`` may be a node of ``value``."""
    seed = value if seed is None else seed
    if isinstance(value, TUPLE):
        return supported(seed)
    if isinstance(value, stand_in):
        return supported(seed)
    support = np.asarray(value) != 0
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


def check_fresh(leaves: Iterable[Node], order: Sequence[Node]) -> None:
    """Raise if a leaf's value was assigned after an operation had used it."""
    for leaf in leaves:
        if leaf.changed is None:
            continue
        for z in order:
            if z.serial < leaf.changed and any(x is leaf for x in z.operands):
                raise StaleValueError(
                    f"The value of {leaf!r} was assigned after operation "
                    f"{z.operation!r} had used it, so its gradient is undefined. Run "
                    "the function again after the assignment, then call backward()."
                )
