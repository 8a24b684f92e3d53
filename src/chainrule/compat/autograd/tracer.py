"""``autograd.tracer``: boxes, traces, and functions that are one step of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Self

from chainrule.compat import traces
from chainrule.compat.autograd.util import toposort as toposort
from chainrule.compat.boxes import ArrayBox, Box, Maker, as_box
from chainrule.compat.primitives import (
    notrace_primitive as notrace_primitive,
)
from chainrule.compat.primitives import primitive as primitive
from chainrule.compat.primitives import register_notrace as register_notrace
from chainrule.transforms.values import value as values_of
from chainrule.values.containers import flatten, is_container, unflatten
from chainrule.values.vertices import vertex

trace_stack: traces.Stack = traces.STACK
box_type_mappings: dict[Any, Maker] = Box.type_mappings
box_types: set[type] = Box.types


class Node:
    """What a trace keeps of each step: a program derives its own from this.

    A step is told its value, function, arguments, keywords, which of the arguments
    moved, and the nodes of these.
    """

    __slots__: ClassVar[Any] = []

    def __init__(
        self,
        value: Any,
        fun: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        parent_argnums: tuple[int, ...],
        parents: tuple[Any, ...],
    ) -> None:
        raise NotImplementedError

    def initialize_root(self, *args: Any, **kwargs: Any) -> None:
        """Make this the node of what a trace begins with."""
        raise NotImplementedError

    @classmethod
    def new_root(cls, *args: Any, **kwargs: Any) -> Self:
        """Return a node for what a trace begins with."""
        root = cls.__new__(cls)
        root.initialize_root(*args, **kwargs)
        return root


class Place:
    """Where a leaf is in a container that a trace begins with."""

    def __init__(self, whole: Any, number: int) -> None:
        self.whole: Any = whole
        self.number = number
        self.__name__: str = "container_take"

    def __call__(self, whole: Any, *_: Any, **__: Any) -> Any:
        """Return the leaf of another container of this structure."""
        return flatten(whole)[0][self.number]


def new_box(value: Any, trace: int, node: Any) -> Any:
    """Return a value as a box that a trace begins with; leaf by leaf in a container."""
    maker = Box.type_mappings.get(value.__class__)
    if maker is not None:
        return maker(value, trace, node)
    if is_container(value):
        leaves, structure = flatten(value)
        boxes: list[Any] = []
        for i, x in enumerate(leaves):
            box = ArrayBox(x)
            traces.numbered(trace).enter(box, node, Place(value, i))
            boxes.append(box)
        return unflatten(structure, boxes)
    if not isinstance(value, vertex):
        raise TypeError(f"Can't differentiate w.r.t. type {type(value)}")
    return ArrayBox(value, trace, node)


def trace(start_node: Any, fun: Callable[..., Any], x: Any) -> tuple[Any, Any]:
    """Run a function on a box; return its value and its node, ``None`` without one."""
    with trace_stack.new_trace() as number:
        end = fun(new_box(x, number, start_node))
        if not isinstance(end, vertex) or not traces.numbered(number).holds(end):
            warnings.warn("Output seems independent of input.", stacklevel=2)
            return end, None
        known = traces.numbered(number)
        return known.settled(end), known.node_of(as_box(end))


def isbox(x: Any) -> bool:
    """Tell whether something is a box."""
    return isinstance(x, vertex)


def getval(x: Any) -> Any:
    """Return the plain value under a box, also in a container."""
    return values_of(x) if is_container(x) or isinstance(x, vertex) else x
