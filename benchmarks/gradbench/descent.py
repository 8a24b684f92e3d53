"""Gradient descent with a step that adapts, as the evals of nested derivatives ask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.tools import Tools

NEAR = 1e-5
"""The gradient, and the step, at which the search ends."""


def argmin(
    tools: Tools,
    f: Callable[[Any], Any],
    slope: Callable[[Any], Any],
    start: Any,
) -> Any:
    """Return where ``f`` is least, downhill from ``start``: shape (n,).

    The step starts at 1e-5. It doubles after ten steps that went down, and halves after
    one that did not, which is taken back. ``slope`` is the gradient of ``f``.
    """
    xp = tools.xp

    def searching(state: tuple[Any, ...]) -> Any:
        _, _, gradient, rate, _ = state
        steep = xp.sqrt(xp.sum(gradient * gradient))
        return (steep > NEAR) & (steep * rate > NEAR)

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        x, fx, gradient, rate, taken = state
        after = x - rate * gradient
        lower = f(after)
        down = lower < fx
        x = xp.where(down, after, x)
        fx = xp.where(down, lower, fx)
        gradient = xp.where(down, slope(after), gradient)
        taken = xp.where(down, taken + 1.0, 0.0)
        rate = xp.where(down, rate, 0.5 * rate)
        return x, fx, gradient, xp.where(taken == 10.0, 2.0 * rate, rate), taken % 10.0

    begin = start, f(start), slope(start), xp.asarray(1e-5), xp.asarray(0.0)
    return tools.while_loop(searching, step, begin)[0]


def gradient(tools: Tools, mode: str, f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the gradient of ``f`` by reverse sweeps (``"r"``) or forward (``"f"``)."""
    return tools.grad(f) if mode == "r" else tools.jacfwd(f)
