"""One function call, recorded: inputs wrapped, outputs kept, ready for sweeps.

``Recording(f, args, ...)`` is what every transform starts with. Each differentiated
leaf of the arguments becomes a fresh input node, even a leaf that is a node already;
sweeps stop there and at every node older than the call. If an older node was met the
sweep runs on nodes and is itself recorded: that is all there is to higher orders.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes, plain_operand
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial, stacked
from chainrule.notes import raise_own
from chainrule.numpy.in_place import own
from chainrule.operations import namespace
from chainrule.rules.supports import with_support
from chainrule.sweeps.order import Ordered, collect
from chainrule.sweeps.sweep import (
    forward_sweep,
    push_values,
    reverse_sweep,
    sweep_values,
)
from chainrule.transforms.inputs import input_node, input_nodes
from chainrule.values.containers import LEAF, flatten, is_container, unflatten
from chainrule.values.foreign import PLAIN, cut_as, is_foreign
from chainrule.values.refusals import refuse
from chainrule.values.shapes import ARRAYS, TUPLE, describe, kind_of, ndarray, shape_of
from chainrule.values.versions import WRITES, WRITTEN, first, pinned, touched
from chainrule.values.vertices import first_stand_in, raw, refuse_nans, stand_in, vertex


def _as_result(x: Any) -> Any:
    """Return a leaf of a result; an array of objects as what its entries make."""
    if isinstance(x, vertex):
        return x
    if holds_nodes(x):
        return stacked(x)
    if kind_of(x) is ndarray and x.dtype == object and x.size:
        if first_stand_in(x) is not None:
            return stacked(x)
        entries: Any = np.array(x.tolist())  # np.maximum chose none of the nodes
        return entries if entries.dtype.kind in "biufc" else x
    refuse(x, "The result of a function that is differentiated")
    return x


class Recording:
    """A call of ``f``, recorded.

    Attributes
    ----------
    inputs
        One node per differentiated leaf.
    start, began
        Serial numbers before the inputs and after them.
    outputs, structure
        The leaves of the result (nodes, or plain values that depend on no input), as
        they were when ``f`` returned, and its structure.
    aux
        The second result of ``f``, if it has one.
    """

    _known: tuple[tuple[int, ...], Ordered] | None = None

    def __init__(
        self,
        f: Callable[..., Any],
        args: Sequence[Any],
        argnums: Sequence[int],
        keywords: Mapping[str, Any],
        *,
        has_aux: bool = False,
        copy: bool = False,
    ) -> None:
        """Run ``f`` with the leaves of ``args[argnums]`` as input nodes."""
        self.start: int = next_serial()
        self.inputs: list[node] = []
        self.places: list[tuple[Any, list[node | None]]] = []
        arguments = list(args)
        others = len(argnums) < len(args)
        rest = ", or choose other arguments with argnums=" if others else ""
        for i in argnums:
            arguments[i] = self._wrap(args[i], copy=copy, rest=rest)
        self.began: int = next_serial()
        self._run(f, arguments, keywords, has_aux=has_aux)

    def _run(
        self,
        f: Callable[..., Any],
        arguments: Sequence[Any],
        keywords: Mapping[str, Any],
        *,
        has_aux: bool = False,
    ) -> None:
        """Call ``f`` with its inputs in place, and keep what it returns."""
        try:
            result = f(*arguments, **keywords)
        except Exception as error:
            raise_own(error)
            raise
        self.aux: Any = None
        if has_aux:
            if not isinstance(result, TUPLE) or len(result) != 2:
                raise ArgumentError(
                    "has_aux=True needs a function that returns (result, aux); this "
                    f"one returned {describe(result)}."
                )
            result, self.aux = result
        self.structure: Any
        self._outputs: list[Any] = [result]
        if isinstance(result, vertex):
            self.structure = LEAF
        else:
            leaves, self.structure = flatten(result)
            self._outputs = list(map(_as_result, leaves))
        if WRITTEN:
            self.inputs = list(map(first, self.inputs))
            touched([*self._outputs, *flatten(self.aux)[0]])
        self._end: int = next_serial()

    @property
    def outputs(self) -> list[Any]:
        """The leaves of the result, as they were when ``f`` returned."""
        if WRITTEN:
            self._outputs = pinned(self._outputs, self._end)
        return self._outputs

    def _wrap(self, arg: Any, *, copy: bool, rest: str) -> Any:
        leaves, structure = flatten(arg)
        if structure is LEAF:  # the short way of a number or an array
            z = input_node(leaves[0], copy=copy, integers=True)
            if z is not None:
                self.places.append((structure, [z]))
                self.inputs.append(z)
                return z
        whole = structure is LEAF or not is_container(arg)
        wrapped = input_nodes(leaves, copy=copy, whole=whole)
        if (whole or leaves) and not any(x is not None for x in wrapped):
            raise ArgumentError(
                f"An argument to differentiate must hold numbers; received "
                f"{describe(arg)}{'' if whole else f' of {describe(leaves[0])}'}. Pass "
                f"a float, an array, or a container of them{rest}."
            )
        self.places.append((structure, wrapped))
        self.inputs += [x for x in wrapped if x is not None]
        if structure is LEAF:
            return wrapped[0]
        pairs = zip(wrapped, leaves, strict=True)
        return unflatten(structure, [x if w is None else w for w, x in pairs])

    def roots(self) -> list[node]:
        """Return the outputs that are nodes of this recording, each once."""
        roots = [
            z for z in self.outputs if isinstance(z, node) and z.serial > self.start
        ]
        return list(dict.fromkeys(roots))

    def nested(self) -> bool:
        """Tell whether a result depends on nodes older than this call."""
        leaves = self.outputs
        if self.aux is not None:
            leaves = [*leaves, *flatten(self.aux)[0]]
        roots: dict[vertex, None] = {}
        for z in leaves:
            if isinstance(z, node):
                if z.serial <= self.start:
                    return True
                roots[z] = None
        return bool(self.ordered(tuple(roots)).older)

    def sizes(self) -> list[int]:
        """Return the number of entries of each value that was recorded."""
        order = self.ordered(tuple(self.roots())).order
        return [_size(raw(z)) for z in order]

    def ordered(self, roots: tuple[vertex, ...]) -> Ordered:
        """Return the vertices under some roots in sweep order, sorted once."""
        key, known = (*map(id, roots), WRITES.count), self._known
        if known is not None and known[0] == key:
            return known[1]
        ordered = collect(roots, self.start)
        self._known = key, ordered
        return ordered

    def pull(self, seeds: Mapping[int, Any]) -> tuple[list[Any], bool]:
        """Sweep cotangents from outputs (by position) back to the inputs.

        Returns one cotangent per input, ``None`` where it is absent, and whether the
        sweep was recorded.
        """
        cotangents: dict[vertex, Any] = {}
        outputs = self.outputs
        for i, seed in seeds.items():
            z = outputs[i]
            if isinstance(z, node) and z.serial > self.start:
                cotangents[z] = cotangents[z] + seed if z in cotangents else seed
        if not cotangents:
            return [None] * len(self.inputs), False
        ordered = self.ordered(tuple(cotangents))
        order = ordered.order
        nested = recorded = bool(ordered.older)
        for seed in cotangents.values():
            recorded = recorded or isinstance(seed, vertex)
        if recorded:
            masked = {z: with_support(s) for z, s in cotangents.items()}
            bars = reverse_sweep(
                namespace, order, masked, self.inputs, as_values=not nested
            )
            grads = [bars[x].value if x in bars else None for x in self.inputs]
            refuse_nans(grads)
            grads = owned(grads, self.start, cotangents.values())
            return alike(grads, self.inputs), True
        swept, _ = sweep_values(ordered, cotangents, keep=False)
        grads = owned(map(swept.get, self.inputs), self.start)
        return alike(grads, self.inputs), False

    def push(self, tangents: Sequence[Any]) -> tuple[list[Any], bool]:
        """Sweep one tangent per input (or ``None``) forward to the outputs."""
        outputs, roots = self.outputs, self.roots()
        ordered = self.ordered(tuple(roots))
        order, older = ordered.order, ordered.older
        recorded = bool(older) or any(isinstance(t, vertex) for t in tangents)
        pairs = zip(self.inputs, tangents, strict=True)
        seeds: dict[vertex, Any] = {x: t for x, t in pairs if t is not None}
        if recorded:
            masked = {x: with_support(t) for x, t in seeds.items()}
            swept = forward_sweep(namespace, order, masked, as_values=not older)
            dots = {z: dot.value for z, dot in swept.items()}
        else:
            dots = push_values(order, seeds, roots)
        z_dots = [dots.get(z) if isinstance(z, node) else None for z in outputs]
        refuse_nans(z_dots)
        if recorded:
            z_dots = owned(z_dots, self.start, tangents)
        return alike(z_dots, outputs), recorded

    def arrange(self, leaves: Iterable[Any]) -> list[Any]:
        """Return per-input leaves in the structures of the arguments."""
        following = iter(leaves)
        return [
            next(following)
            if structure is LEAF
            else unflatten(
                structure, [None if w is None else next(following) for w in wrapped]
            )
            for structure, wrapped in self.places
        ]

    def settle(self, tree: Any, *, recorded: bool, copy: bool = False) -> Any:
        """Return a result as the caller sees it: plain, unless it is nested."""
        if recorded:
            return tree
        plain = plain_copy if copy else _apart
        leaves, structure = flatten(tree)
        if structure is LEAF:
            return plain(leaves[0])
        return unflatten(structure, list(map(plain, leaves)))


def _size(value: Any) -> int:
    if isinstance(value, TUPLE):
        return max(map(_size, value), default=1)
    return math.prod(shape_of(value)) or 1


def alike(values: list[Any], likes: Sequence[Any]) -> list[Any]:
    """Return derivatives as Python numbers where values that a trace stands for are.

    Arrays in chunks have those of the values.
    """
    for i, x in enumerate(values):
        kind = x.__class__
        if kind is float or (kind is ndarray and x.shape) or isinstance(x, vertex):
            continue
        if kind not in PLAIN and is_foreign(x):
            values[i] = cut_as(x, raw(likes[i]))
        elif isinstance(x, stand_in):
            values[i] = x.like(raw(likes[i]))
        elif isinstance(x, ARRAYS) and x.shape == () and x.dtype == np.float64:
            value = raw(likes[i])
            if isinstance(value, stand_in) and value.is_number:
                values[i] = float(x)
    return values


def plain_copy(x: Any) -> Any:
    """Return a plain value that shares no memory with a recording."""
    value = raw(x)
    if not isinstance(value, ndarray):
        return _apart(value)
    return plain_operand(value) if value.dtype == object else value.copy()


def _apart(x: Any) -> Any:
    value = raw(x)
    return value.fixed() if isinstance(value, stand_in) else value


def owned(grads: Iterable[Any], start: int, seeds: Iterable[Any] = ()) -> list[Any]:
    """Return derivatives of which no two share memory, each writeable.

    Nor do they share it with ``seeds``, or with nodes that are older than ``start``.
    """
    seen = set(map(id, seeds))
    result: list[Any] = []
    for g in grads:
        if g.__class__ is float or g is None:
            result.append(g)
            continue
        known = id(g) in seen
        seen.add(id(g))
        if isinstance(g, ndarray):
            if known or g.base is not None:
                g = g.copy("K")
        elif isinstance(g, node):
            if known or g.serial < start:
                g = own(g, g)
            elif g._value.__class__ is not float:
                g = g if getattr(g._value, "base", g) is None else own(g)
        result.append(_apart(g) if isinstance(g, stand_in) else g)
    return result
