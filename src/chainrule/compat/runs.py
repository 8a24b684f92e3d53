"""One run of a program's function on boxes, and the sweeps over it.

It is the recorded call of ``gd.vjp`` and ``gd.jvp``, with what autograd lets pass: a
result that no argument reaches, cotangents of another shape or dtype. Cotangents are
the plain transpose, in both: nothing is conjugated.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compat import traces
from chainrule.compat.boxes import ArrayBox, Box, as_box
from chainrule.compat.calls import leaves_in
from chainrule.compat.primitives import shaped
from chainrule.rules.supports import zeros_of
from chainrule.sweeps.sweep import push_values, sweep_values
from chainrule.transforms.collector import CollectorPaused
from chainrule.transforms.inputs import input_node
from chainrule.transforms.matrices import rows_of
from chainrule.transforms.recorded_call import Recording, plain_copy
from chainrule.transforms.seeds import tangent_tree, zeros_if_absent
from chainrule.values.containers import (
    LEAF,
    flatten,
    is_container,
    map_leaves,
    unflatten,
)
from chainrule.values.shapes import SEQUENCES, dtype_of, kind_of, ndarray
from chainrule.values.versions import first
from chainrule.values.vertices import raw, vertex


class Run(Recording, traces.Trace):
    """A call of a function of one argument, recorded on boxes: a trace of its own.

    Attributes
    ----------
    depends
        Whether a result may depend on the argument.
    is_alone
        Whether the one result depends on the one argument, and on no box from outside.
    is_nested
        Whether a result depends on boxes from outside.
    whole
        The dtype of arrays of whole numbers that the function only moves. The result
        has it, as autograd's does, and so has the cotangent of one of whole numbers.
    """

    depends: bool
    is_alone: bool
    is_nested: bool
    whole: np.dtype[Any] | None = None

    def __init__(
        self,
        fun: Callable[..., Any],
        x: Any,
        root_of: Callable[[int], Any],
        *,
        copy: bool = True,
    ) -> None:
        """Run the function; ``root_of(i)`` is the node of leaf ``i`` of the argument.

        It is made where the program asks for one.
        """
        self._root_of: Callable[[int], Any] = root_of
        opened = traces.STACK.open
        self.number: int = len(opened)
        opened.append(self)
        try:
            with CollectorPaused():
                self._record(fun, x, copy=copy)
        finally:
            opened.pop()
        z = self.outputs[0] if self.structure is LEAF else None
        if isinstance(z, ArrayBox) and z.serial > self.start:  # the short way
            self.depends = True
            self.is_nested = bool(self.ordered((z,)).older)
            begin: Any = self.inputs[0]
            self.is_alone = (
                not self.is_nested
                and self.places[0][0] is LEAF
                and begin._value.__class__ in _PLAIN
                and z._value.__class__ in _PLAIN
            )
        elif self.structure is LEAF and z.__class__ in _PLAIN:
            self.depends = self.is_nested = self.is_alone = False
        else:
            self.depends, self.is_nested = bool(self.roots()), self.nested()
            self.is_alone = False

    def _record(self, fun: Callable[..., Any], x: Any, *, copy: bool) -> None:
        """Run the function: the short way with a number, an array or a box."""
        box = input_node(x, copy=copy, integers=True) if kind_of(x) in _KNOWN else None
        if box is None:
            Recording.__init__(self, fun, (admitted(x),), (0,), {}, copy=copy)
            return
        self.start: int = box.serial - 1
        self.inputs: list[Any] = [as_box(box)]
        self.places: list[Any] = [(LEAF, [box])]
        self._run(fun, (box,), {})

    def _wrap(self, arg: Any, *, copy: bool, rest: str) -> Any:
        """Return the argument with boxes for its leaves, which begin the trace."""
        wrapped = Recording._wrap(self, arg, copy=copy, rest=rest)
        for x in self.inputs:
            as_box(x)
        return wrapped

    @functools.cached_property
    def nodes(self) -> dict[int, Any]:  # type: ignore[override]
        """The nodes that were made."""
        return {}

    @functools.cached_property
    def leaves(self) -> dict[int, tuple[Any, Any]]:  # type: ignore[override]
        """The boxes of the argument, with their nodes."""
        pairs = enumerate(self.inputs)
        return {first(x).serial: (self._root_of(i), None) for i, x in pairs}

    def only_moves(self) -> bool:
        """Tell whether the result is an array of the argument's entries."""
        order = self.ordered(tuple(self.roots())).order
        moves = [z.rule.moves for z in order if z.rule is not None]
        moves += [isinstance(z, vertex) and np.ndim(raw(z)) > 0 for z in self.outputs]
        return all(moves) and not self.is_nested and bool(_EXACT)

    def value(self) -> Any:
        """Return the result: plain, unless it depends on boxes from outside."""
        outputs = self.outputs
        if self.is_alone:
            value = outputs[0]._value
            return value.copy() if value.__class__ is ndarray else np.float64(value)
        if not self.is_nested:
            outputs = [as_numpys(plain_copy(z)) for z in outputs]
            if self.whole is not None:
                outputs = self._as_whole(outputs)
        return unflatten(self.structure, outputs)

    def pulled(self, g: Any) -> Any:
        """Return the cotangent of the argument, of that of the result."""
        if self.is_alone and not isinstance(g, vertex):
            z, x = self.outputs[0], self.inputs[0]
            seed = {z: seed_of(g, z)}
            bars, _ = sweep_values(self.ordered((z,)), seed, keep=False)
            return _own(bars.get(x), x, g)
        parts = _parts(g, self.structure) if self.depends else []
        pairs = zip(self.outputs, parts, strict=False)
        seeds = {
            i: seed_of(part, z)
            for i, (z, part) in enumerate(pairs)
            if isinstance(z, vertex)
        }
        bars, recorded = self.pull(seeds)
        grads = list(map(zeros_if_absent, bars, self.inputs))
        if not (recorded and traces.STACK.open):
            grads = list(map(as_numpys, grads))
        if self.whole is not None:
            grads = self._as_whole(grads, parts)
        grad = self.arrange(grads)[0]
        return grad.copy() if grad is g and isinstance(g, ndarray) else grad

    def _as_whole(self, parts: list[Any], seeds: Sequence[Any] = ()) -> list[Any]:
        """Return long floats as whole numbers; as floats where seeds are floats."""
        are_whole = all(dtype_of(g).kind in "biu" for g in seeds)
        dtype = self.whole if are_whole else np.float64
        return [None if x is None else x.astype(dtype) for x in parts]

    def stacked_rows(self) -> Any:
        """Return the cotangents of each entry of the result, stacked.

        ``None`` where the argument and the result are no plain arrays.
        """
        alone = self.structure is LEAF and self.places[0][0] is LEAF
        stacked = rows_of(self, 0) if alone and self.whole is None else None
        return stacked and stacked[0]

    def pushed(self, g: Any) -> Any:
        """Return the tangent of the result, of that of the argument."""
        if self.is_alone and not isinstance(g, vertex):
            z, x = self.outputs[0], self.inputs[0]
            seed: dict[Any, Any] = {x: seed_of(g, x)}
            moved = push_values(self.ordered((z,)).order, seed, (z,))
            return _own(moved.get(z), z, g)
        (structure, wrapped) = self.places[0]
        parts = _parts(g, structure)
        pairs = zip(wrapped, parts, strict=True)
        dots, recorded = self.push([seed_of(t, w) for w, t in pairs if w is not None])
        recorded = recorded or self.is_nested
        if not recorded:
            dots = list(map(as_numpys, dots))
        if self.whole is not None:
            dots = self._as_whole(dots, parts)
        return tangent_tree(self, dots, recorded=recorded)


_EXACT = np.finfo(np.longdouble).nmant >= 63  # pyright: ignore
"""Whether a long float holds any whole number of 64 bits."""


def run_of(
    fun: Callable[..., Any],
    x: Any,
    root_of: Callable[[int], Any],
    *,
    copy: bool = True,
) -> Run:
    """Return a run of a function, of whole numbers where it only moves these."""
    run = Run(fun, x, root_of, copy=copy)
    dtype = None if x.__class__ is float else _whole_dtype(x)
    if dtype is not None and run.only_moves():
        run = Run(fun, map_leaves(_long, x), root_of, copy=False)
        run.whole, run.is_alone = dtype, False
    return run


def _whole_dtype(x: Any) -> np.dtype[Any] | None:
    """Return the dtype of an array of whole numbers, or of several that have one."""
    if kind_of(x) is ndarray:
        return x.dtype if x.dtype.kind in "biu" else None
    if not isinstance(x, SEQUENCES):
        return None
    kinds = {v.dtype if kind_of(v) is ndarray else None for v in flatten(x)[0]}
    dtype = kinds.pop() if len(kinds) == 1 else None
    return dtype if dtype is not None and dtype.kind in "biu" else None


def _long(x: Any) -> Any:
    return x.astype(np.longdouble)


def _own(d: Any, x: Any, g: Any) -> Any:
    """Return the derivative at a box, in memory that neither it nor ``g`` shows."""
    if d.__class__ is float:
        return np.float64(d)
    if d is None:
        d = as_numpys(zeros_of(raw(x)))
    shared = d.__class__ is ndarray and (d.base is not None or d is g)
    return d.copy("K") if shared else d


def as_numpys(x: Any) -> Any:
    """Return a Python float as NumPy's, which has a shape and a dtype too."""
    return np.float64(x) if x.__class__ is float else x


def _parts(tree: Any, structure: Any) -> list[Any]:
    """Return the leaves of a container that is like another."""
    if structure is LEAF or structure.num_nodes == 1:
        return [tree]
    try:
        return structure.flatten_up_to(tree)
    except ValueError:
        return leaves_in(structure, tree)


def admitted(x: Any) -> Any:
    """Return an argument whose leaves a box can be made of.

    What a program has entered in ``Box.type_mappings`` is asked, and may refuse.
    """
    if kind_of(x) in _KNOWN:
        return x
    if not is_container(x):
        return _leaf(x)
    leaves, structure = flatten(x)
    return unflatten(structure, list(map(_leaf, leaves)))


def _leaf(x: Any) -> Any:
    if kind_of(x) in _KNOWN or isinstance(x, vertex):
        return x
    maker = Box.type_mappings.get(kind_of(x))
    if maker is None or maker is ArrayBox:
        return x
    return raw(maker(x, None, None))


_PLAIN: Any = frozenset((float, ndarray, np.float64))
_KNOWN: Any = _PLAIN | {ArrayBox}


def seed_of(g: Any, z: Any) -> Any:
    """Return a cotangent, or a tangent, in the shape and dtype of its value."""
    value = raw(z)
    if g.__class__ is float and isinstance(value, float):
        return value.__class__(g)
    if (
        g.__class__ is ndarray
        and value.__class__ is ndarray
        and g.shape == value.shape
        and g.dtype == value.dtype
    ):
        return g
    if g is None:
        return zeros_of(value)
    if isinstance(g, vertex):
        return shaped(g, value)
    if type(value) is float:
        return float(np.real(np.reshape(g, ())))
    dtype, g = dtype_of(value), np.asarray(g)
    if dtype.kind != "c" and g.dtype.kind == "c":
        g = g.real
    return shaped(g, value).astype(dtype)


class _Part(Recording):
    """A part of a recording, from a box back to the leaves of its trace."""

    def __init__(self, start: int, inputs: Sequence[Any], output: Any) -> None:
        self.start = start
        self.inputs = list(inputs)
        self.structure = LEAF
        self._outputs: list[Any] = [output]
        self._end: int = output.serial
        self._known = None


def rest_of(trace: traces.Trace, box: Any, g: Any) -> Any:
    """Return the cotangents of a trace's leaves, of the cotangent of a box."""
    leaves = [x for x in trace.under(box) if x.serial in trace.leaves]
    bars, _ = _Part(trace.start, leaves, box).pull({0: seed_of(g, box)})
    whole = [
        zeros_of(raw(x)) if b is None else b for b, x in zip(bars, leaves, strict=True)
    ]
    place = trace.leaves[leaves[0].serial][1]
    if place is None:
        return whole[0]
    zeros, structure = flatten(place.whole)
    known = {
        trace.leaves[x.serial][1].number: b for x, b in zip(leaves, whole, strict=True)
    }
    parts = [known.get(i, zeros_of(raw(v))) for i, v in enumerate(zeros)]
    return unflatten(structure, parts)
