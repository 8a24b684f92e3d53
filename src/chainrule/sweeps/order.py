"""The recording as a graph: who made whom, and in which order.

``generate_graph`` and ``topological_sort`` are the two steps in readable form.
``collect`` does both at once for nodes, in the same order: a node is always newer than
its operands, so newest first puts children before parents.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from chainrule.errors import RecordingError, StaleValueError
from chainrule.values.versions import resolved
from chainrule.values.vertices import ASSIGNED, vertex


def generate_graph(
    node: vertex, vertices: list[vertex], edges: dict[vertex, list[vertex]]
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


class Ordered:
    """Vertices in sweep order, and the older ones met.

    The search for them leaves a table of them, which the first sweep takes.
    """

    __slots__ = ("_table", "older", "order")

    def __init__(
        self, order: list[vertex], older: list[vertex], table: dict[vertex, Any]
    ) -> None:
        """Keep what was found, and the table."""
        self.order: list[vertex] = order
        self.older: list[vertex] = older
        self._table: dict[vertex, Any] | None = table

    def table(self) -> dict[vertex, Any]:
        """Return a table of the vertices, for their cotangents."""
        table, self._table = self._table, None
        return dict.fromkeys(self.order) if table is None else table


def collect(roots: Iterable[vertex], start: int = -1) -> Ordered:
    """Order the vertices newer than ``start``, and list the older ones met.

    The order is that of ``topological_sort``; older vertices are where a sweep stops.
    """
    met: dict[vertex, Any] = dict.fromkeys(roots)
    order = [v for v in met if v.serial > start]
    if not order:
        return Ordered([], list(met), {})
    common = order[0].__class__
    push = order.append
    for z in order:
        operands, age = z.operands, z.serial
        for x in operands:
            if type(x) is common or isinstance(x, vertex):
                serial = x.serial
                if serial > age:
                    break
                if x not in met:
                    met[x] = None
                    if serial > start:
                        push(x)
        else:
            continue
        _meet(resolved(z), met, order, start)
    older: list[vertex] = []
    if len(met) > len(order):
        older = [v for v in met if v.serial <= start]
        for v in older:
            del met[v]
    order.sort(key=_age, reverse=True)
    return Ordered(order, older, met)


def _meet(
    operands: Iterable[Any], met: dict[vertex, Any], order: list[vertex], start: int
) -> None:
    """Meet the operands of a vertex of which one was written after it was used."""
    for x in operands:
        if isinstance(x, vertex) and x not in met:
            met[x] = None
            if x.serial > start:
                order.append(x)


def check_fresh(leaves: Iterable[vertex], order: Sequence[vertex]) -> None:
    """Raise if a leaf's value was assigned after an operation had used it.

    The vertices are newest first: none of them is asked where all are newer than any
    assignment.
    """
    if not order or order[-1].serial > ASSIGNED.count:
        return
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
