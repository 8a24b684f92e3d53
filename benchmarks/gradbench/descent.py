"""Gradient descent with a step that adapts, as the evals of nested derivatives ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.tools import Tools

NEAR = 1e-5
"""The gradient, and the step, at which the search ends."""

Point = tuple[Any, ...]
"""A number for each coordinate."""


def argmin(
    tools: Tools,
    f: Callable[..., Any],
    slope: Callable[..., Point],
    start: Point,
) -> Point:
    """Return where ``f`` is least, downhill from ``start``.

    The step starts at 1e-5. It doubles after ten steps that went down, and halves after
    one that did not, which is taken back. ``slope`` is the gradient of ``f``.
    """
    xp = tools.xp

    def searching(state: tuple[Any, ...]) -> Any:
        _, _, gradient, rate, _ = state
        steep = xp.sqrt(sum(g * g for g in gradient))
        return (steep > NEAR) & (steep * rate > NEAR)

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        point, value, gradient, rate, taken = state
        after = tuple(x - rate * g for x, g in zip(point, gradient, strict=True))
        lower, steeper = f(*after), slope(*after)
        down = lower < value
        pairs = zip((*after, lower, *steeper), (*point, value, *gradient), strict=True)
        chosen = [xp.where(down, new, old) for new, old in pairs]
        taken = xp.where(down, taken + 1.0, 0.0)
        rate = xp.where(down, rate, 0.5 * rate)
        ten = taken == 10.0
        rate, taken = xp.where(ten, 2.0 * rate, rate), xp.where(ten, 0.0, taken)
        n = len(point)
        return tuple(chosen[:n]), chosen[n], tuple(chosen[n + 1 :]), rate, taken

    begin = start, f(*start), slope(*start), xp.asarray(NEAR)[()], xp.asarray(0.0)[()]
    return tools.while_loop(searching, step, begin)[0]


def gradient(
    tools: Tools, mode: str, f: Callable[..., Any], n: int
) -> Callable[..., Point]:
    """Return the gradient by n numbers, by reverse sweeps (``"r"``) or forward."""
    transform = tools.grad if mode == "r" else tools.jacfwd
    return transform(f, tuple(range(n)))
