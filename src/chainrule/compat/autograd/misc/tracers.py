"""``autograd.misc.tracers``: functions as graphs of what they call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from chainrule.compat.autograd.tracer import Node, trace
from chainrule.compat.autograd.util import of_arguments, subvals, toposort
from chainrule.compat.autograd.wrap_util import wraps

Function = Callable[..., Any]


class ConstGraphNode(Node):
    """A step that keeps its function, and those of its arguments that did not move."""

    __slots__: ClassVar[Any] = ["parents", "partial_fun"]

    def __init__(
        self,
        value: Any,
        fun: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        parent_argnums: tuple[int, ...],
        parents: tuple[Any, ...],
    ) -> None:
        nothing: Any = [None] * len(parents)
        rest = subvals(args, zip(parent_argnums, nothing, strict=True))
        moved = of_arguments(fun, rest, kwargs, parent_argnums)

        def partial_fun(values: Sequence[Any]) -> Any:
            return moved(*values)

        self.parents: Sequence[Any] = parents
        self.partial_fun: Function = partial_fun

    def initialize_root(self) -> None:
        """Make this the argument of the function."""
        self.parents = []


def const_graph_unary(fun: Function) -> Function:
    """Return a function that is run once, and then by the graph of its first run."""
    order: list[Any] = []

    def maybe_cached_fun(x: Any) -> Any:
        if not order:
            end_value, end_node = trace(ConstGraphNode.new_root(), fun, x)
            if end_node is None:
                raise ValueError("Output is independent of input")
            order.extend(list(toposort(end_node))[::-1])
            return end_value
        values = {order[0]: x}
        for step in order[1:]:
            values[step] = step.partial_fun([values[p] for p in step.parents])
        return values[order[-1]]

    return maybe_cached_fun


def const_graph(fun: Function, *args: Any, **kwargs: Any) -> Function:
    """Return a function whose graph is the same in each call, run by that graph."""
    partial = functools.partial(fun, *args, **kwargs)

    def unary(rest: Any) -> Any:
        return partial(*rest)

    cached = const_graph_unary(unary)

    @wraps(fun)
    def of_args(*rest: Any) -> Any:
        return cached(rest)

    return of_args


class FullGraphNode(Node):
    """A step that keeps its value, and what it was computed from."""

    __slots__: ClassVar[Any] = ["recipe", "value"]

    def __init__(
        self,
        value: Any,
        fun: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        parent_argnums: tuple[int, ...],
        parents: tuple[Any, ...],
    ) -> None:
        self.value: Any = value
        pairs = zip(parent_argnums, parents, strict=True)
        self.recipe: tuple[Any, ...] = fun, args, kwargs, pairs

    def initialize_root(self) -> None:
        """Make this the argument of the function."""
        self.value = None
        self.recipe = _same, (), {}, []


def _same(x: Any) -> Any:
    return x


def full_graph(fun: Function, *args: Any, **kwargs: Any) -> Any:
    """Return the last node of the graph of a call."""

    def unary(given: Any) -> Any:
        return fun(*given, **kwargs)

    return trace(FullGraphNode.new_root(), unary, args)[1]
