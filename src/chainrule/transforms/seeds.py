"""Seeds: checked cotangents and tangents in the structure of results and arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.errors import ArgumentError, CompileError, ShapeError
from chainrule.nodes.admission import check_cotangent, holds_nodes
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import stacked
from chainrule.rules.supports import is_inexact, zeros_of
from chainrule.transforms.recorded_call import Recording, plain_copy
from chainrule.values.buffered import current
from chainrule.values.containers import Structure, flatten, unflatten
from chainrule.values.foreign import PLAIN, is_foreign, made_like
from chainrule.values.shapes import (
    SEQUENCES,
    describe,
    dtype_of,
    kind_of,
    ndarray,
    shape_of,
)
from chainrule.values.types import Value
from chainrule.values.vertices import raw, stand_in

# ---------------------------------------------------------------- results, checked


def is_differentiable(z: Any) -> bool:
    """Tell whether a result is made of real or complex floats."""
    return isinstance(z, node) or is_inexact(z)


def check_numeric(z: Any, name: str) -> None:
    """Raise if a result is no number, or a whole number or truth value."""
    if is_differentiable(z):
        return
    if isinstance(z, int | np.ndarray | np.generic | stand_in) or is_foreign(z):
        kind = "a truth value" if dtype_of(z).kind == "b" else "a whole number"
        raise ArgumentError(
            f"{name} needs a function that returns real or complex numbers; this one "
            f"returned {describe(z)}. It is {kind}, which is constant between its "
            "jumps and is not differentiable. Return a float, such as the value that "
            "it was computed from."
        )
    raise ArgumentError(
        f"{name} needs a function that returns numbers; this one returned "
        f"{describe(z)}."
    )


def check_returned(run: Recording, name: str) -> None:
    """Raise if a function returned ``None``, as one does that forgets its return."""
    if not run.outputs and unflatten(run.structure, []) is None:
        raise ArgumentError(
            f"{name} needs a function that returns numbers; this one returned None. "
            "Let it return its result."
        )


def check_some_numeric(
    run: Recording, name: str, *, numbers_only: bool = False
) -> None:
    """Raise if no part of a result can be differentiated, or if it is ``None``.

    With ``numbers_only`` also if one is no number.
    """
    check_returned(run, name)
    beside = any(map(is_differentiable, run.outputs))
    for z in run.outputs:
        number = isinstance(z, int | np.ndarray | np.generic | stand_in)
        if not beside or (numbers_only and not number):
            check_numeric(z, name)


# --------------------------------------------------------------- seeds that are given


def check_tuples(primals: Sequence[Any], tangents: Sequence[Any], name: str) -> None:
    """Raise unless two tuples of one length were given."""
    for x, what in ((primals, "primals"), (tangents, "tangents")):
        if not isinstance(x, SEQUENCES):
            raise ArgumentError(
                f"{name} needs a tuple of {what}, one per argument; received "
                f"{describe(x)}. Write ({what[:-1]},)."
            )
    if len(primals) != len(tangents):
        raise ShapeError(
            f"{name} needs one tangent per primal; received {len(primals)} primals and "
            f"{len(tangents)} tangents."
        )


def tangents_of(run: Recording, tangents: Sequence[Any]) -> list[Any]:
    """Return one checked tangent per input."""
    checked: list[Any] = []
    for (structure, wrapped), tangent in zip(run.places, tangents, strict=True):
        taken = [w is not None for w in wrapped]
        leaves = _matching_leaves(tangent, structure, taken, "A tangent", "primal")
        for w, t in zip(wrapped, leaves, strict=True):
            if w is not None:
                checked.append(_checked(t, w._value, "a tangent"))
            else:
                _refuse_seed(t, "A tangent")
    return checked


def seeds_of(run: Recording, z_grad: Any) -> dict[int, Any]:
    """Return checked cotangents by output position."""
    taken = [is_differentiable(z) for z in run.outputs]
    leaves = _matching_leaves(z_grad, run.structure, taken, "z_grad", "result")
    seeds: dict[int, Any] = {}
    for i, (z, g) in enumerate(zip(run.outputs, leaves, strict=True)):
        if not taken[i]:
            _refuse_seed(g, "z_grad")
        else:
            seed = _checked(g, raw(z), "z_grad")
            if isinstance(z, node):
                seeds[i] = seed
    return seeds


def _checked(seed: Value, value: Any, name: str) -> Any:
    """Return a seed in the shape and dtype of a value; nodes in a list are joined."""
    seed = stacked(seed) if holds_nodes(seed) else seed
    return check_cotangent(seed, value, name)


def _matching_leaves(
    tree: Any, structure: Structure, taken: Sequence[bool], what: str, whose: str
) -> list[Any]:
    """Return the leaves of a container that must be like another one.

    Where that holds what is not differentiated (``taken``), ``None`` may stand.
    """
    if structure.num_nodes == 1 and not isinstance(tree, tuple | dict):
        return [current(tree)]
    leaves, received = flatten(tree)
    if received == structure:
        return leaves
    if not all(taken):
        parts: list[Any] = _up_to(structure, tree)
        pairs = zip(parts, taken, strict=False)
        if parts and not any(t and x is None for x, t in pairs):
            return parts
    raise ShapeError(
        f"{what} must have the structure of the {whose}, {structure}; "
        f"received {received}."
    )


def _up_to(structure: Structure, tree: Any) -> list[Any]:
    """Return what stands in the places of a structure's leaves; none if it differs."""
    try:
        return structure.flatten_up_to(tree)
    except ValueError:
        return []


def _refuse_seed(seed: Value, what: str) -> None:
    """Raise if a seed other than zero is given for what is not differentiated."""
    if not isinstance(seed, node | int | float | complex | ndarray | np.generic):
        return
    if isinstance(seed, node) or (is_inexact(seed) and np.any(seed != 0)):
        raise ArgumentError(
            f"{what} of {describe(raw(seed))} was given for a part that is not "
            "differentiated: whole numbers, truth values and text beside floats are "
            "passed as they are. Give None there, or make that part a float."
        )


def tangent_tree(run: Recording, dots: list[Any], *, recorded: bool) -> Any:
    """Return tangents in the structure of the result, ``None`` where it has none."""
    leaves: list[Any] = []
    for d, z in zip(dots, run.outputs, strict=True):
        if d is None:
            d = zeros_of(raw(z)) if is_differentiable(z) else None
        leaves.append(d if recorded else plain_copy(d))
    return unflatten(run.structure, leaves)


# ------------------------------------------------------------------ seeds that are made


def ones_of(z: Value) -> Any:
    """Return ones like a value (a float for a float)."""
    value = raw(z)
    if isinstance(value, stand_in):
        return 1.0 if value.is_number else np.ones_like(value)[()]  # type: ignore
    kind = kind_of(value)
    if kind is ndarray or (kind not in PLAIN and is_foreign(value)):
        return np.ones_like(value)
    return kind(1)


def units_of(z: Value) -> list[Any]:
    """Return the unit arrays of a value's shape, entry by entry."""
    value = raw(z)
    zero = np.zeros(np.shape(value), dtype_of(value))
    units: list[Any] = []
    for index in np.ndindex(zero.shape):
        unit = zero.copy()
        unit[index] = 1
        units.append(made_like(unit, value))
    return units


# ----------------------------------------------------------------- complex derivatives


def entrywise(run: Recording) -> list[Any]:
    """Return the derivative of the sum of all results in each input, not conjugated.

    Real inputs of complex results have complex derivatives: the parts are swept one by
    one, since a sweep leaves its receiver the real part. ``None``: absent.
    """
    bars, _ = run.pull({i: ones_of(z) for i, z in enumerate(run.outputs)})
    turned = {
        i: -1j * ones_of(z)
        for i, z in enumerate(run.outputs)
        if dtype_of(raw(z)).kind == "c"
    }
    if not turned:
        return bars
    derivatives: list[Any] = []
    for bar, part, x in zip(bars, run.pull(turned)[0], run.inputs, strict=True):
        if bar is None and part is None:
            derivatives.append(None)
            continue
        if x.dtype.kind != "c":
            bar = zeros_if_absent(bar, x) + 1j * zeros_if_absent(part, x)
        else:
            straight, turn = (zeros_if_absent(v, x) for v in (bar, part))
            size = natural_size(run.outputs, x)
            name = "elementwise_grad"
            bar = refuse_conjugation(straight, 1j * turn, straight, size, name)
        derivatives.append(bar)
    return derivatives


def zeros_if_absent(bar: Value | None, x: node) -> Any:
    """Return an input's cotangent, zeros where it has none."""
    return zeros_of(x._value) if bar is None else bar


def natural_size(results: Sequence[Any], x: Any) -> Any:
    """Return the size that derivatives of some results in ``x`` usually have.

    What is far below it is the rounding of terms that cancel. It has an entry for each
    of ``x`` where the results have its shape.
    """
    magnitude: Any = np.abs(raw(x))
    least: Any = 1e-8 * np.maximum(np.max(magnitude, initial=0.0), 1.0)
    size: Any = 0.0
    for z in results:
        value: Any = np.abs(raw(z))
        same = shape_of(value) == shape_of(magnitude)
        size = size + (value if same else np.max(value, initial=0.0))
    return size / np.maximum(magnitude, least)


def refuse_conjugation(
    block: Value,
    got: Value,
    expected: Value,
    size: Value,
    name: str,
    scale: Value | None = None,
) -> Any:
    """Return a derivative, if sweeps along 1 and i agree that it is a complex number.

    In a loop that is traced, where nothing can be decided for all examples, it is nan
    where they do not.

    Parameters
    ----------
    block
        The derivative.
    got, expected
        What both sweeps say of it, which should be equal.
    size
        Its ``natural_size``.
    name
        The transform, for the message.
    scale
        The size of the terms that add up to each entry of ``expected``, if it is a sum.
    """
    got, expected = raw(got), raw(expected)
    if scale is None:
        scale = np.maximum(np.abs(got), np.abs(expected))
    eps = float(np.finfo(dtype_of(expected)).eps)
    wrong = np.any(np.abs(got - expected) > eps**0.5 * scale + 1e4 * eps * size)
    try:
        differs = bool(wrong)
    except CompileError:
        return operations.where(wrong, np.nan, block)
    if differs:
        raise ArgumentError(
            f"{name} received a complex argument that f uses in a way that is not "
            "complex differentiable (conj, real, abs, ...), so no complex number is "
            "its derivative. Differentiate with respect to the real and imaginary "
            f"parts: {name}(lambda a, b: f(a + 1j*b), (0, 1))."
        )
    return block
