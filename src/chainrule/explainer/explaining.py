"""Explaining a node, or a call of a function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.explainer.account.account import Explanation
from chainrule.explainer.watching.watch import Run, watch
from chainrule.nodes.node_class import node
from chainrule.sweeps.order import collect
from chainrule.transforms.gradients import grad
from chainrule.transforms.inputs import input_node
from chainrule.values.containers import flatten, unflatten
from chainrule.values.vertices import raw

_DIFFERENCED = 50
"""Inputs with more entries than this are not checked by finite differences."""


def record_of(z: node) -> Run:
    """Return what led to a node as a run without places."""
    order = collect([z]).order
    leaves: list[Any] = [v for v in reversed(order) if v.rule is None]
    names = [v.parameters.get("name") or f"x{i}" for i, v in enumerate(leaves, 1)]
    made = Run(leaves, names, [v for v in reversed(order) if v.rule is not None])
    made.result = z
    return made


def explain_node(z: node, mode: str) -> Explanation:
    """Explain how a node was computed."""
    return Explanation(record_of(z), title=repr(z), mode=mode, called=False)


def name_of(f: Callable[..., Any]) -> str:
    """Return a function's name, or its class's where it has none."""
    return getattr(f, "__name__", type(f).__name__)


def explain_call(
    f: Callable[..., Any], args: Sequence[Any], keywords: Any, mode: str, order: int
) -> Explanation:
    """Run a function once, watched, and explain its gradient."""
    watched = watch(f, args, keywords)
    name = name_of(f)
    near = _differences(f, args, keywords, watched.positions)
    found = Explanation(watched, title=name, mode=mode, differences=near)
    if order == 2 and found.error is None and found.result is not None:
        for i, x in enumerate(watched.inputs):
            if np.size(x._value) != 1 or np.iscomplexobj(x._value):
                found.notes.append(
                    f"Second derivatives are explained for single real numbers, so not "
                    f"for {watched.input_names[i]}: use gd.hessian or gd.hvp."
                )
                continue
            first = _partial(f, args, watched.positions[i])
            title = f"d {name} / d {watched.input_names[i]}"
            second = watch(first, args, keywords)
            near = _differences(first, args, keywords, second.positions)
            found.seconds.append(
                Explanation(second, title=title, mode=mode, differences=near)
            )
    return found


def _partial(
    f: Callable[..., Any], args: Sequence[Any], position: int
) -> Callable[..., Any]:
    """Return the derivative of ``f`` in one leaf of its arguments, by position."""
    ends = np.cumsum([len(flatten(arg)[0]) for arg in args])
    argnum = int(np.searchsorted(ends, position, side="right"))
    inside = position - (int(ends[argnum - 1]) if argnum else 0)

    def first(*args: Any, **keywords: Any) -> Any:
        leaves, structure = flatten(args[argnum])

        def in_leaf(x: Any, *args: Any, **keywords: Any) -> Any:
            moved = unflatten(structure, [*leaves[:inside], x, *leaves[inside + 1 :]])
            return f(*args[:argnum], moved, *args[argnum + 1 :], **keywords)

        found = grad(in_leaf)(leaves[inside], *args, **keywords)
        return found if np.ndim(raw(found)) == 0 else found.reshape(())

    functools.update_wrapper(first, f)
    return first


def _differences(
    f: Callable[..., Any], args: Sequence[Any], keywords: Any, positions: Sequence[int]
) -> Callable[[int], Any]:
    """Return a function of the input's number that gives central differences."""
    leaves, structure = flatten(tuple(args))

    def moved(place: int, index: Any, h: float) -> float:
        changed = list(leaves)
        for i in positions:  # as nodes, so that the function takes the same way
            value = np.array(raw(leaves[i]))
            if i == place:
                value = value.astype(float)
                value[index] += h
            changed[i] = input_node(
                value if value.ndim else value[()], copy=False, integers=True
            )
        result = raw(f(*unflatten(structure, changed), **keywords))
        return float(np.asarray(result).item())

    def estimate(i: int) -> Any:
        value = np.asarray(raw(leaves[positions[i]]))
        if value.size > _DIFFERENCED or value.dtype.kind == "c":
            return None
        out = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            h = 1e-6 * max(1.0, abs(float(value[index])))
            try:
                with np.errstate(all="ignore"):
                    ends = [moved(positions[i], index, s * h) for s in (1, -1)]
            except Exception:
                return None  # a function may fail beside the point it was called at
            out[index] = (ends[0] - ends[1]) / (2 * h)
        return out if value.ndim else float(out)

    return estimate
