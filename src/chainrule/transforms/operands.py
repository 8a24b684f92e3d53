"""Operands of a custom operation: numbers, containers and functions, as flat arrays.

A rule has arrays as operands. What a user's function is given may be a container that
holds nodes, or a function that closes over some: these nodes are the operands then, and
it is put together again around them.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.joined import holds_followed
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import stacked
from chainrule.rules.supports import is_inexact
from chainrule.transforms.closures import Opened, opened
from chainrule.transforms.products import jvp, vjp
from chainrule.values.containers import LEAF, Structure, Tree, flatten, unflatten
from chainrule.values.shapes import ARRAYS, SEQUENCES, describe, shape_of
from chainrule.values.types import Value
from chainrule.values.vertices import raw, stand_in

NUMBERS = (node, stand_in, float, complex, int, *ARRAYS)
Slot = Structure | Opened | None
"""How an argument is put together: a container, a function, or as it is (``None``)."""


class Taken(NamedTuple):
    """The arguments of a call, taken apart.

    Attributes
    ----------
    layout
        How they are put together again.
    operands
        What is differentiated: numbers, arrays and nodes.
    fixed
        All other leaves, by their places among all leaves.
    """

    layout: Layout
    operands: list[Any]
    fixed: dict[int, Any]


class Layout:
    """How the arguments of a call are put together of leaves."""

    def __init__(self, slots: Sequence[Slot], counts: Sequence[int]) -> None:
        """Keep a slot for each argument, and how many leaves it has."""
        self.slots: list[Slot] = list(slots)
        self.counts: list[int] = list(counts)

    def __repr__(self) -> str:
        """Show how many arguments there are: the same text in every run."""
        return f"{len(self.slots)} arguments"

    def merged(self, operands: Sequence[Any], fixed: Mapping[int, Any]) -> list[Any]:
        """Return the arguments around operands."""
        leaves = list(operands)
        for i in sorted(fixed):
            leaves.insert(i, fixed[i])
        return [_whole(slot, part) for slot, part in self._parts(leaves)]

    def tangents(self, dots: Sequence[Any], fixed: Mapping[int, Any], args: Any) -> Any:
        """Return the tangents of arguments: ``None`` where all are absent.

        That of a function is one of the same arguments.
        """
        leaves = list(dots)
        for i in sorted(fixed):
            leaves.insert(i, None)
        found: list[Any] = []
        for (slot, part), arg in zip(self._parts(leaves), args, strict=True):
            absent = all(t is None for t in part)
            if isinstance(slot, Opened) and not absent:
                found.append(_moved(arg, part))
            else:
                found.append(None if absent else _whole(slot, part))
        return tuple(found)

    def cotangents(self, grads: Sequence[Any], fixed: Mapping[int, Any]) -> list[Any]:
        """Return those of the operands, of cotangents of arguments."""
        leaves: list[Any] = []
        for slot, count, g in zip(self.slots, self.counts, grads, strict=True):
            leaves += _flat_cotangent(slot, count, g)
        return [g for i, g in enumerate(leaves) if i not in fixed]

    def _parts(self, leaves: Sequence[Any]) -> list[tuple[Slot, Sequence[Any]]]:
        parts: list[tuple[Slot, Sequence[Any]]] = []
        begin = 0
        for slot, count in zip(self.slots, self.counts, strict=True):
            parts.append((slot, leaves[begin : begin + count]))
            begin += count
        return parts


def taken(args: Sequence[Any]) -> Taken:
    """Take the arguments of a call apart."""
    slots: list[Slot] = []
    counts: list[int] = []
    operands: list[Any] = []
    fixed: dict[int, Any] = {}
    place = 0
    for x in args:
        slot, leaves, moving = _apart(x)
        slots.append(slot)
        counts.append(len(leaves))
        for leaf, moves in zip(leaves, moving, strict=True):
            if moves:
                operands.append(leaf)
            else:
                fixed[place] = leaf
            place += 1
    return Taken(Layout(slots, counts), operands, fixed)


def _apart(x: Any) -> tuple[Slot, list[Any], list[bool]]:
    """Return how an argument is put together, its leaves, and which of them move."""
    if isinstance(x, NUMBERS):
        return None, [x], [True]
    if isinstance(x, SEQUENCES) and not hasattr(x, "_fields") and _is_of_one_shape(x):
        return None, [stacked(x)], [True]
    leaves, structure = flatten(x)
    if structure is not LEAF and any(map(_reads, leaves)):
        return structure, leaves, list(map(_reads, leaves))
    if callable(x):
        found = opened(x)
        if found.fixed:
            raise ArgumentError(
                f"{describe(x)} reads {found.fixed[0]!r} where nothing can be put in "
                "its place: as an attribute of a class or of a module, or in a "
                "function that assigns to names of its module. Let the function close "
                "over the node, or pass the node as an argument."
            )
        moving = list(map(_reads, found.values))
        if any(moving):
            return found, found.values, moving
    return None, [x], [False]


def _is_of_one_shape(x: Sequence[Any]) -> bool:
    """Tell whether a list holds a node, and only numbers and arrays of one shape."""
    if not holds_nodes(x) or not all(isinstance(v, NUMBERS) for v in x):
        return holds_nodes(x) and all(isinstance(v, SEQUENCES) for v in x)
    return len({shape_of(raw(v)) for v in x}) == 1


def _reads(x: Any) -> bool:
    return holds_followed(x)


# --------------------------------------------------------------------------- functions

_MADE: weakref.WeakKeyDictionary[Any, tuple[Opened, list[Any]]] = (
    weakref.WeakKeyDictionary()
)
"""Functions that were put together, with their templates and values."""


def _whole(slot: Slot, leaves: Sequence[Any]) -> Any:
    if slot is None:
        return leaves[0]
    if isinstance(slot, Opened):
        made = slot.filled(leaves)
        with contextlib.suppress(TypeError):  # some objects have no weak references
            _MADE[made] = (slot, list(leaves))
        return made
    return unflatten(slot, leaves)


def _template(f: Callable[..., Any]) -> tuple[Opened, list[Any]]:
    try:
        known = _MADE.get(f)
    except TypeError:
        known = None
    if known is not None:
        return known
    found = opened(f)
    return found, found.values


def _of_values(
    f: Callable[..., Any], args: Sequence[Any]
) -> tuple[Callable[..., Any], list[Any], list[int]]:
    """Return ``f(*args)`` as a function of what ``f`` closes over, and these values."""
    template, values = _template(f)
    places = [i for i, v in enumerate(values) if is_inexact(raw(v))]

    def of(*inner: Value) -> Any:
        whole = list(values)
        for i, v in zip(places, inner, strict=True):
            whole[i] = v
        return template.filled(whole)(*args)

    return of, [values[i] for i in places], places


class Cotangent:
    """The cotangent of a function: one for each value that it closes over.

    ``closure_vjp`` returns them; their sum is that of calls at several places.
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        """Keep the parts, ``None`` where there is none."""
        self.parts: list[Any] = list(parts)

    def __add__(self, other: Cotangent) -> Cotangent:
        """Return the sum."""
        pairs = zip(self.parts, other.parts, strict=True)
        return Cotangent(
            [b if a is None else a if b is None else a + b for a, b in pairs]
        )

    def __mul__(self, scale: Any) -> Cotangent:
        """Return a multiple."""
        return Cotangent([None if p is None else p * scale for p in self.parts])

    __rmul__ = __mul__

    def __neg__(self) -> Cotangent:
        """Return the other sign."""
        return self * -1.0


def closure_vjp(
    f: Callable[..., Any], *args: Any
) -> tuple[Any, Callable[[Any], Cotangent]]:
    """Return ``f(*args)``, and the function that takes cotangents back into ``f``.

    They go to what ``f`` closes over, and not to the arguments: it is what the pullback
    of a ``custom_operation`` returns for an operand that is a function.

    Examples
    --------
    >>> import chainrule as gd
    >>> def solve(f, x0):
    ...     x = x0
    ...     for _ in range(50):
    ...         x = f(x)
    ...     return x
    >>> def pullback(z_grad, z, f, x0):
    ...     adjoint = z_grad / (1.0 - gd.vjp(f, z)[1](1.0)[0])
    ...     return gd.closure_vjp(f, z)[1](adjoint), None
    >>> fixed_point = gd.custom_operation(solve, pullback)
    >>> def half(a):
    ...     return fixed_point(lambda x: 0.5 * (x + a / x), 1.0)
    >>> half(4.0), gd.grad(half)(4.0)
    (2.0, 0.25)
    """
    of, values, places = _of_values(f, args)
    if not values:
        return f(*args), _no_cotangent
    value, pull = vjp(of, *values)
    count = len(_template(f)[1])

    def pulled(bar: Any) -> Cotangent:
        parts: list[Any] = [None] * count
        for i, part in zip(places, pull(bar), strict=True):
            parts[i] = part
        return Cotangent(parts)

    return value, pulled


def _no_cotangent(bar: Any) -> Cotangent:
    return Cotangent([])


def _moved(f: Callable[..., Any], dots: Sequence[Any]) -> Callable[..., Any]:
    """Return the tangent of a function: of its result at fixed arguments."""

    def tangent(*args: Any) -> Any:
        of, values, places = _of_values(f, args)
        given = [dots[i] for i in places]
        zeros = [
            0.0 * v if t is None else t for v, t in zip(values, given, strict=True)
        ]
        return jvp(of, tuple(values), tuple(zeros))[1]

    return tangent


def _flat_cotangent(slot: Slot, count: int, g: Tree) -> list[Any]:
    """Return the cotangent of an argument, in a list of those of its leaves."""
    if g is None:
        return [None] * count
    if slot is None:
        return [g]
    if isinstance(slot, Opened):
        if isinstance(g, Cotangent) and len(g.parts) in (0, count):
            return g.parts or [None] * count
        raise ShapeError(
            "The cotangent of a function is what gd.closure_vjp(f, ...)[1](bar) "
            f"returns; the pullback returned {g!r}."
        )
    try:
        return slot.flatten_up_to(g)
    except ValueError:
        raise ShapeError(
            f"The cotangent of a container has its structure, {slot}; the pullback "
            f"returned {flatten(g)[1]}."
        ) from None


__all__ = ["Cotangent", "Layout", "Taken", "closure_vjp", "taken"]
