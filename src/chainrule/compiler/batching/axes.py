"""The axes of examples: which each argument of vmap has, and each result."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.values.containers import children, flatten, unflatten
from chainrule.values.shapes import SEQUENCES, describe, shape_of
from chainrule.values.vertices import raw


def examples_of(
    f: Callable[..., Any],
    args: Sequence[Any],
    keywords: Mapping[str, Any],
    in_axes: Any,
) -> tuple[Any, Any, list[Any]]:
    """Return the leaves of a call, their structure, and the axis of each."""
    named: dict[str, Any] = {}
    given: Any = in_axes
    if _is_axis(given):
        given = [given] * len(args)
    elif isinstance(given, SEQUENCES):
        given, named = _by_name(f, len(args), keywords, given)
    if not isinstance(given, SEQUENCES) or len(given) != len(args):
        raise ArgumentError(
            f"vmap was given in_axes={in_axes!r} for {len(args)} arguments. Give one "
            "axis for all, or a sequence with one entry per argument, which is an "
            "axis, None, or a container of them like the argument."
        )
    leaves, structure = flatten((args, keywords))
    axes: list[Any] = []
    for arg, axis in zip(args, given, strict=True):
        axes += _spread(axis, arg, "in_axes")
    for name, arg in (children(keywords) or {}).items():
        axes += (
            _spread(named[name], arg, "in_axes")
            if name in named
            else [0 if shape_of(x) else None for x in flatten(arg)[0]]
        )
    return leaves, structure, axes


def _is_axis(x: Any) -> bool:
    return x is None or (isinstance(x, (int, np.integer)) and not isinstance(x, bool))


def _by_name(
    f: Callable[..., Any], count: int, keywords: Mapping[str, Any], axes: Sequence[Any]
) -> tuple[Sequence[Any], dict[str, Any]]:
    """Return the axes of arguments by position, and those of keywords by name."""
    if len(axes) <= count or not keywords:
        return axes, {}
    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        return axes, {}
    pairs = dict(zip(names[count:], axes[count:], strict=False))
    if len(pairs) != len(axes) - count or not pairs.keys() <= keywords.keys():
        return axes, {}
    return axes[:count], pairs


def _spread(axes: Any, tree: Any, name: str) -> list[Any]:
    """Return an axis for each leaf of a tree, from one for all or a container."""
    if _is_axis(axes):
        return [axes] * len(flatten(tree)[0])
    given, parts = children(axes), children(tree)
    if given is None or parts is None or given.keys() != parts.keys():
        raise ArgumentError(
            f"vmap was given {name} with {axes!r} for {_shown(tree)}. Give one axis "
            "(a whole number), or a container of axes with the same parts."
        )
    return [a for key, part in parts.items() for a in _spread(given[key], part, name)]


def _shown(tree: Any) -> str:
    parts = children(tree)
    if parts is None:
        return describe(raw(tree))
    return f"{describe(tree)} of {', '.join(map(repr, parts)) or 'nothing'}"


def arranged_along(out_axes: Any, results: Sequence[Any], arranged: Any) -> Any:
    """Return the results in their structure, the examples along the axes asked for."""
    axes = result_axes(out_axes, results, arranged)
    for axis, z in zip(axes, results, strict=True):
        rank = len(shape_of(z))
        if axis is None:
            raise ArgumentError(
                "vmap needs an axis for each result in out_axes; received None. Leave "
                "it 0, and take z[0] of a result that is the same for all examples."
            )
        if not -rank <= axis < rank:
            raise ShapeError(
                f"vmap cannot put the examples along axis {axis} of a result whose "
                f"shape with them is {shape_of(z)}. Give out_axes from {-rank} to "
                f"{rank - 1}."
            )
    return unflatten(
        arranged, [moved_axis(z, 0, a) for z, a in zip(results, axes, strict=True)]
    )


def result_axes(out_axes: Any, results: Sequence[Any], arranged: Any) -> list[Any]:
    """Return the axis of the examples in each leaf of the results."""
    return _spread(out_axes, unflatten(arranged, list(results)), "out_axes")


def count_of(leaves: Sequence[Any], axes: Sequence[Any]) -> int:
    """Return the number of examples, which all arguments share."""
    counts: set[int] = set()
    for x, axis in zip(leaves, axes, strict=True):
        if axis is None:
            continue
        shape: Any = shape_of(x)
        if not -len(shape) <= axis < len(shape):
            raise ShapeError(
                f"vmap has no axis {axis} in an argument of shape {shape}. Use "
                "in_axes=None for an argument that all examples share."
            )
        counts.add(shape[axis])
    if len(counts) != 1:
        raise ShapeError(
            f"vmap needs one number of examples; received {sorted(counts) or 'none'}."
        )
    return counts.pop()


def moved_axis(x: Any, source: int, target: int = 0) -> Any:
    """Return ``np.moveaxis``; ``x`` as it is where nothing moves."""
    return x if source == target else np.moveaxis(x, source, target)
