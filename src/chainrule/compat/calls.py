"""Calls of primitives: what moves in their arguments, and what stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chainrule.nodes.admission import kept
from chainrule.transforms.arrangement import Arrangement
from chainrule.values.containers import flatten, is_container, unflatten
from chainrule.values.vertices import first_vertex, raw, vertex


class Call:
    """A call of a primitive: its arguments, without the numbers that move.

    It is opaque to the operation, which sees the moving numbers alone. ``containers``
    says whether some of them are inside of a container.
    """

    __slots__ = (
        *("argnums", "args", "containers", "kwargs"),
        *("moving", "places", "results"),
    )

    def __init__(self, name: str, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.results: Arrangement = Arrangement(name)
        self.args: list[Any] = []
        self.kwargs: dict[str, Any] = {k: kept(v) for k, v in kwargs.items()}
        self.argnums: tuple[int, ...]
        self.containers: bool = False
        self.moving: list[Any] = []
        self.places: list[tuple[int, Any, list[Any]]] = []
        for i, x in enumerate(args):
            self._place(i, x)
        self.argnums = tuple([place[0] for place in self.places])

    def _place(self, i: int, x: Any) -> None:
        """Keep an argument, and what moves in it apart."""
        if isinstance(x, vertex):
            self.places.append((i, None, []))
            self.moving.append(x)
            self.args.append(None)
            return
        if is_container(x) and first_vertex(x) is not None:
            self.containers = True
            leaves, structure = flatten(x)
            moves = [isinstance(v, vertex) for v in leaves]
            self.moving += [v for v in leaves if isinstance(v, vertex)]
            rest = [None if m else kept(v) for v, m in zip(leaves, moves, strict=True)]
            self.places.append((i, structure, list(zip(moves, rest, strict=True))))
            self.args.append(None)
            return
        self.args.append(kept(x))

    def filled(self, numbers: Sequence[Any]) -> list[Any]:
        """Return the arguments with numbers where something moves."""
        args = list(self.args)
        if not self.containers:
            for i, x in zip(self.argnums, numbers, strict=True):
                args[i] = x
            return args
        following = iter(numbers)
        for i, structure, leaves in self.places:
            if structure is None:
                args[i] = next(following)
            else:
                parts = [next(following) if m else rest for m, rest in leaves]
                args[i] = unflatten(structure, parts)
        return args

    def of_numbers(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return this call of a function, as a function of what moves."""

        def called(*numbers: Any) -> Any:
            return function(*self.filled(numbers), **self.kwargs)

        return called

    def settled(self, z: Any) -> Any:
        """Return a result whose boxes, from the function's own objects, are plain.

        Only those that the arguments determine: the rule says how these move.
        """
        leaves, structure = flatten(z)
        given = set(map(id, self.moving))
        plain = [raw(x) if _is_of(x, given) else x for x in leaves]
        return unflatten(structure, plain)

    def leaves_of(self, grads: Sequence[Any]) -> Iterator[Any]:
        """Yield the cotangents of what moves, of those of whole arguments."""
        for (_, structure, leaves), grad in zip(self.places, grads, strict=True):
            if structure is None:
                yield grad
                continue
            parts = leaves_in(structure, grad)
            for (moves, _), part in zip(leaves, parts, strict=True):
                if moves:
                    yield part


def _is_of(x: Any, given: set[int]) -> bool:
    """Tell whether a box was computed from some boxes, by their identity, alone."""
    waiting, met = [x], set[int]()
    while waiting:
        v = waiting.pop()
        if not isinstance(v, vertex) or id(v) in given or id(v) in met:
            continue
        met.add(id(v))
        if not v.operands:
            return False
        waiting.extend(v.operands)
    return isinstance(x, vertex)


def leaves_in(structure: Any, grad: Any) -> list[Any]:
    """Return the leaves of a container's cotangent; rows of an array serve as parts."""
    if structure.is_leaf():
        return [grad]
    pairs = zip(structure.entries(), structure.children(), strict=True)
    return [leaf for key, part in pairs for leaf in leaves_in(part, grad[key])]
