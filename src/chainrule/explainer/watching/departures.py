"""What a program takes from a recording as plain values: comparisons, roundings.

The recording does not know what became of them, so a replay at other inputs must make
sure that they would be the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.explainer.watching.source import SourceLocation
from chainrule.nodes.node_class import node
from chainrule.rules.registry import traits_of
from chainrule.values.vertices import vertex


@dataclass
class Departure:
    """One plain value: the operation that gave it, on what, and where."""

    operation: str
    operands: tuple[Any, ...]
    result: Any
    location: SourceLocation | None


class Departing(node):
    """A node that is told of the plain values taken from it."""

    __slots__ = ()

    def depart(self, operation: str, operands: tuple[Any, ...], result: Any) -> Any:
        """Be told of a plain result, and return it."""
        raise NotImplementedError

    @property
    def value(self) -> Any:
        """The plain value."""
        return self.depart("value", (self,), node.value.__get__(self))

    @value.setter
    def value(self, value: Any) -> None:
        node.value.__set__(self, value)

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        """Run a ufunc, and tell of a plain result."""
        z = super().__array_ufunc__(ufunc, method, *inputs, **kwargs)
        return self._handed_out(ufunc.__name__, inputs, z)

    def __array_function__(
        self, func: Any, types: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Run any other NumPy function, and tell of a plain result."""
        z = super().__array_function__(func, types, args, kwargs)
        if traits_of(func).of_shapes:
            return z
        return self._handed_out(func.__name__, args, z)

    def _handed_out(self, operation: str, operands: Sequence[Any], z: Any) -> Any:
        leaves = z if type(z) in (tuple, list) else [z]
        if any(isinstance(v, vertex) for v in leaves):
            return z
        return self.depart(operation, tuple(operands), z)


def _telling(name: str, operation: str) -> Callable[..., Any]:
    """Return an operator of nodes that tells of its plain result."""
    plain = getattr(node, name)

    def told(self: Departing, *others: Any) -> Any:
        z = plain(self, *others)
        return z if z is NotImplemented else self.depart(operation, (self, *others), z)

    told.__name__ = name
    return told


for _name, _operation in [
    ("__lt__", "less"),
    ("__le__", "less_equal"),
    ("__gt__", "greater"),
    ("__ge__", "greater_equal"),
    ("__eq__", "equal"),
    ("__ne__", "not_equal"),
    ("__bool__", "bool"),
    ("__round__", "round"),
    ("__floor__", "floor"),
    ("__ceil__", "ceil"),
    ("__trunc__", "trunc"),
    ("__floordiv__", "floor_divide"),
    ("__rfloordiv__", "floor_divide"),
    ("__divmod__", "floor_divide"),
    ("__rdivmod__", "floor_divide"),
]:
    setattr(Departing, _name, _telling(_name, _operation))

__all__ = ["Departing", "Departure"]
