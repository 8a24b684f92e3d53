"""Calls of primitives: what moves in their arguments, and what stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.compat.boxes import ArrayBox
from chainrule.errors import ShapeError
from chainrule.nodes import recorder
from chainrule.nodes.admission import kept
from chainrule.transforms.arrangement import Arrangement
from chainrule.values.containers import flatten, is_container, unflatten
from chainrule.values.shapes import describe, ndarray
from chainrule.values.vertices import first_vertex, raw, vertex

ONE = Arrangement("")
"""The arrangement of one result."""


class Call:
    """A call of a primitive: its arguments, without the numbers that move.

    It is opaque to the operation, which sees the moving numbers alone.

    Attributes
    ----------
    argnums, args, kwargs
        Which arguments move, all of them with ``None`` in these places, and keywords.
    moving
        The boxes among the arguments, and inside of them.
    parts
        The structure of each argument that is a container of boxes, by its number, and
        for each leaf whether it moves, and what it is elsewhere.
    results
        How the results are arranged, known once the function has run.
    value
        The result of the first run, until the operation has taken it.
    """

    __slots__ = ("argnums", "args", "kwargs", "moving", "parts", "results", "value")

    def __init__(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.results: Arrangement = ONE
        self.value: Any = None
        self.args: list[Any] = []
        self.kwargs: dict[str, Any] = {k: kept(v) for k, v in kwargs.items()}
        self.moving: list[Any] = []
        self.parts: dict[int, tuple[Any, list[tuple[bool, Any]]]] = {}
        argnums: list[int] = []
        for i, x in enumerate(args):
            if isinstance(x, vertex):
                self.moving.append(x)
            elif not (is_container(x) and first_vertex(x) is not None):
                self.args.append(kept(x))
                continue
            else:
                self._take_apart(i, x)
            argnums.append(i)
            self.args.append(None)
        self.argnums: tuple[int, ...] = tuple(argnums)

    def _take_apart(self, i: int, x: Any) -> None:
        """Keep a container, and what moves in it apart."""
        leaves, structure = flatten(x)
        moves = [isinstance(v, vertex) for v in leaves]
        self.moving += [v for v in leaves if isinstance(v, vertex)]
        rest = [None if m else kept(v) for v, m in zip(leaves, moves, strict=True)]
        self.parts[i] = structure, list(zip(moves, rest, strict=True))

    def filled(self, numbers: Sequence[Any]) -> list[Any]:
        """Return the arguments with numbers where something moves."""
        args = list(self.args)
        if not self.parts:
            for i, x in zip(self.argnums, numbers, strict=True):
                args[i] = x
            return args
        following = iter(numbers)
        for i in self.argnums:
            if i not in self.parts:
                args[i] = next(following)
            else:
                structure, leaves = self.parts[i]
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
        for i, grad in zip(self.argnums, grads, strict=True):
            if i not in self.parts:
                yield grad
                continue
            structure, leaves = self.parts[i]
            parts = leaves_in(structure, grad)
            for (moves, _), part in zip(leaves, parts, strict=True):
                if moves:
                    yield part


def recorded(rule_class: Any, call: Call) -> Any:
    """Record a call of boxes of numbers and arrays that gives one of these.

    It is what ``record`` does, without a look at what there is not. ``None`` for any
    other call, whose result waits in it if the function was run.
    """
    moving = tuple(call.moving)
    values = [x._value for x in moving]
    kinds = {(x.__class__, v.__class__) for x, v in zip(moving, values, strict=True)}
    if not kinds <= _BOXES:
        return None
    value: Any = rule_class.forward(*values, call=call)
    if kinds == _FLOATS and value.__class__ is np.float64:
        value = float(value)
    is_array = value.__class__ is ndarray and value.dtype.kind in "fc"
    if not (is_array or isinstance(value, float)):
        call.value = value
        return None
    z = recorder.new(ArrayBox)
    z._value, z.operands = value, moving
    z._step = recorder.plan_of(rule_class, (True,) * len(moving)).step
    z._parameters = {"call": call}
    z.serial = recorder.next_serial()
    return z


_FLOATS: Any = {(ArrayBox, float)}
_BOXES: Any = _FLOATS | {(ArrayBox, ndarray), (ArrayBox, np.float64)}


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
    """Return the leaves of a container's cotangent.

    A list may stand for a tuple, and rows of an array for the parts; what there is more
    of them is not looked at, as in autograd.
    """
    if structure.is_leaf():
        return [grad]
    entries = structure.entries()
    if not hasattr(grad, "__len__") or len(grad) < len(entries):
        count = f"{len(grad)} of them" if hasattr(grad, "__len__") else describe(grad)
        raise ShapeError(
            f"The cotangent of a container of {len(entries)} parts needs one for each; "
            f"received {count}."
        )
    pairs = zip(entries, structure.children(), strict=True)
    return [leaf for key, part in pairs for leaf in leaves_in(part, grad[key])]
