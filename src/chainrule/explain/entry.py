"""``explain(f)(x, ...)`` and ``explain(node)``: the way in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.containers import flatten, unflatten
from chainrule.errors import ArgumentError
from chainrule.explain.model import Explanation
from chainrule.explain.observe import Run, watch
from chainrule.graph import collect
from chainrule.nodes import node
from chainrule.rules import raw
from chainrule.shapes import describe
from chainrule.transforms import grad
from chainrule.values import is_inexact

_DIFFERENCED = 50
"""Inputs with more entries than this are not checked by finite differences."""


def explain(f: Any, *, mode: str = "reverse", order: int = 1) -> Any:
    """Explain a gradient, step by step.

    Parameters
    ----------
    f
        A function, or a node. A function is run once and watched, so that each
        operation has its line and expression (which costs time, so nothing else does
        it); a node is explained without source lines.
    mode
        ``"reverse"``: the backward sweep. ``"forward"``: the forward sweep of the
        tangent that moves every input by 1.
    order
        2 also explains the gradient of each first derivative.

    Returns
    -------
    Explanation or callable
        For a node its explanation; for a function a function that takes its arguments
        and returns the explanation of that call.

    Examples
    --------
    >>> import chainrule as gd
    >>> x, y = gd.node(2.0, name="x"), gd.node(3.0, name="y")
    >>> explained = gd.explain(x * y + x)
    >>> [(t.gradient, explained.vertices[t.vertex].name) for t in explained.ticks]
    [(4.0, 'x'), (2.0, 'y')]
    """
    if mode not in ("reverse", "forward"):
        raise ArgumentError(
            f"explain needs mode 'reverse' or 'forward'; received {mode!r}."
        )
    if order not in (1, 2):
        raise ArgumentError(f"explain needs order 1 or 2; received {order!r}.")
    if isinstance(f, node):
        return _explain_node(f, mode)
    if not callable(f):
        raise ArgumentError(
            f"explain needs a function or a node; received {describe(f)}. Write "
            "gd.explain(f)(x)."
        )

    def explained(*args: Any, **keywords: Any) -> Explanation:
        """Run the function with these arguments and explain its gradient."""
        return _explain_call(f, args, keywords, mode, order)

    return explained


def _explain_node(z: node, mode: str) -> Explanation:
    order = collect([z]).order
    leaves = [v for v in reversed(order) if v.rule is None]
    names = [v.parameters.get("name") or f"x{i}" for i, v in enumerate(leaves, 1)]
    made = Run(leaves, names, [v for v in reversed(order) if v.rule is not None])
    made.result = z
    return Explanation(made, title=repr(z), mode=mode, called=False)


def _explain_call(
    f: Callable[..., Any], args: Sequence[Any], keywords: Any, mode: str, order: int
) -> Explanation:
    watched = watch(f, args, keywords)
    name = getattr(f, "__name__", type(f).__name__)
    found = Explanation(
        watched, title=name, mode=mode, differences=_differences(f, args, keywords)
    )
    if order == 2 and found.error is None:
        for i, x in enumerate(watched.inputs):
            if np.size(x._value) == 1:
                first = _partial(f, i)
                second = Explanation(
                    watch(first, args, keywords),
                    title=f"d {name} / d {watched.input_names[i]}",
                    mode=mode,
                    differences=_differences(first, args, keywords),
                )
                found.seconds.append(second)
    return found


def _partial(f: Callable[..., Any], i: int) -> Callable[..., Any]:
    """Return the derivative of ``f`` in the i-th inexact leaf of its arguments."""

    def first(*args: Any, **keywords: Any) -> Any:
        grads = grad(f, tuple(range(len(args))))(*args, **keywords)
        leaves = [g for g in flatten(grads)[0] if g is not None]
        return leaves[i]

    first.__name__ = getattr(f, "__name__", "f")
    first.__wrapped__ = f  # type: ignore[attr-defined]
    return first


def _differences(
    f: Callable[..., Any], args: Sequence[Any], keywords: Any
) -> Callable[[int], Any]:
    """Return a function of the input's number that gives central differences."""
    leaves, structure = flatten(tuple(args))
    places = [i for i, x in enumerate(leaves) if is_inexact(x) or _lone_int(x, args)]

    def moved(place: int, index: Any, h: float) -> Any:
        changed = list(leaves)
        value = np.array(leaves[place], dtype=float)
        value[index] += h
        changed[place] = value if np.ndim(leaves[place]) else float(value)
        return float(raw(f(*unflatten(structure, changed), **keywords)))

    def estimate(i: int) -> Any:
        value = np.asarray(leaves[places[i]])
        if value.size > _DIFFERENCED or value.dtype.kind == "c":
            return None
        out = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            h = 1e-6 * max(1.0, abs(float(value[index])))
            try:
                with np.errstate(all="ignore"):
                    ends = [moved(places[i], index, s * h) for s in (1, -1)]
            except Exception:
                return None  # a function may fail beside the point it was called at
            out[index] = (ends[0] - ends[1]) / (2 * h)
        return out if value.ndim else float(out)

    return estimate


def _lone_int(x: Any, args: Sequence[Any]) -> bool:
    return isinstance(x, int) and any(x is a for a in args)
