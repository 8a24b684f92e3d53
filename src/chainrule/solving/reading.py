"""Nodes that a function reads without a derivative: by np.sign, or to compare."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.nodes.node_class import node
from chainrule.rules import linear, rule, rule_of
from chainrule.solving.systems import System
from chainrule.transforms.closures import opened
from chainrule.values.containers import flatten
from chainrule.values.shapes import shape_of
from chainrule.values.types import Value
from chainrule.values.vertices import is_stand_in, raw, stand_in

_np: Any = np


@dataclass
class Reading:
    """What a result was computed from.

    Attributes
    ----------
    nodes
        The nodes whose values play a part, differentiable or not.
    decides
        Whether Python took a decision on a value, so that others may elsewhere.
    """

    nodes: list[node]
    decides: bool = False

    @property
    def may(self) -> bool:
        """Whether a node may play a part, here or elsewhere."""
        return bool(self.nodes) or self.decides


def nodes_read(
    f: Callable[..., Any],
    args: Sequence[Any],
    restored: Callable[[Any], Any],
    x: Value,
    known: Collection[node] = (),
    *,
    with_x: bool = False,
) -> Reading:
    """Return the nodes whose values ``f(restored(x), *args)`` reads.

    Nothing is asked where all that ``f`` and ``args`` hold is ``known``. ``f`` is run
    on stand-ins for nodes, so that ``np.sign(a)`` counts, and so does ``if a > 0``.
    Where that fails all nodes count, and so they do where it cannot be run on others,
    as where a class holds a node. ``with_x`` leaves out the terms of a sum that do
    not read ``x``: no minimum depends on them.
    """
    from chainrule.compiler.tracing.trace import Trace

    held = opened((f, args))
    nodes = [v for v in held.values if isinstance(v, node)]
    every = list(dict.fromkeys([*nodes, *held.fixed]))
    if all(v in known for v in every):
        return Reading([])
    if held.fixed:
        return Reading(every, decides=True)
    trace = Trace()
    inputs = {v: trace.input(_np.array(_example(v))) for v in nodes}
    given = [inputs[v] if isinstance(v, node) else _example(v) for v in held.values]
    unknown = trace.input(_np.array(_example(x)))
    first = unknown.row
    try:
        with trace.active():
            run, others = held.filled(given)
            found = run(restored(unknown), *others)
    except Exception:  # it cannot be run so: it may read whatever it holds
        return Reading(nodes, decides=True)
    ends: list[Any] = list(map(raw, flatten(found)[0]))
    rows = [z.row for z in ends if is_stand_in(z)]
    if with_x:
        rows = [row for row in _terms(rows) if id(first) in _behind([row])]
    rows += [guard.row for guard in trace.guards]
    behind = _behind(rows)
    reads = [v for v in nodes if id(inputs[v].row) in behind]
    return Reading(reads, decides=bool(trace.guards))


def _example(x: Any) -> Any:
    """Return a plain value; in a trace, that of the example."""
    x = raw(x)
    return x.example if isinstance(x, stand_in) else x


def _behind(rows: Sequence[Any]) -> set[int]:
    """Return the identities of rows, and of all that they are computed from."""
    found: set[int] = set()
    todo = list(rows)
    while todo:
        row = todo.pop()
        if id(row) not in found:
            found.add(id(row))
            todo.extend(row.operands)
    return found


def _terms(rows: Sequence[Any]) -> list[Any]:
    """Return the terms of which rows are sums."""
    found: list[Any] = []
    todo = list(rows)
    while todo:
        row = todo.pop()
        f, one = row.function, len(row.operands) == 1
        of_one = f is _np.multiply or issubclass(rule_of(f) or rule, linear)
        if f is _np.add or f is _np.subtract or (one and of_one):
            todo.extend(row.operands)
        else:
            found.append(row)
    return found


def reading(equation: Callable[..., Any], nodes: Sequence[node]) -> Callable[..., Any]:
    """Return an equation that depends on nodes too: with a derivative of zero.

    Where the equation has a unique solution that is the truth; where it has none, its
    derivative in these is none either, and no zero.
    """

    def same(*given: Value) -> Any:
        nothing = sum(_np.sum(_np.real(_np.tanh(v))) for v in nodes)
        return equation(*given) + 0.0 * nothing

    return same


def is_unique(equation: Callable[..., Any], x: Value) -> bool:
    """Tell whether an equation has one solution near a plain one."""
    nothing = _np.zeros(shape_of(x))
    try:
        found = System(equation, x, ()).solve(nothing, transposed=False)
    except _np.linalg.LinAlgError:
        return False
    return bool(_np.isfinite(found).all())


CONSTANT = (
    "the equation of the solution depends neither on the unknowns nor on a node: its "
    "function is piecewise constant (np.sign, a step), or the gradient of what is "
    "minimised is (np.abs), so that no derivative follows from it. Write a smooth "
    "function, or pass gd.value of what it reads."
)
"""What is said where no derivative can be known."""


__all__ = ["CONSTANT", "Reading", "is_unique", "nodes_read", "reading"]
