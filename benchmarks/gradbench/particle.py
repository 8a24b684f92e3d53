"""A charged particle that two others push, steered so that it falls on the origin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.gradbench.descent import argmin, gradient
from benchmarks.gradbench.eval import Arguments, Eval, Function, Input, Size
from benchmarks.tools import Tools, chainrule_tools

STEP = 0.1
"""The time from one place to the next."""


def potential(xp: Any, x: Any, y: Any, height: Any) -> Any:
    """Sum of 1 / distance to charges at (10, 0) and at (10, ``height``)."""
    x = x - 10.0
    return 1.0 / xp.sqrt(x * x + y * y) + 1.0 / xp.sqrt(x * x + (y - height) ** 2)


def miss(tools: Tools, mode: str, w: Any) -> Any:
    """Square of where the particle meets the axis, for a charge at (10, 10 - w).

    It starts at (0, 8) with the velocity (0.75, 0), and is followed by Euler's method.
    The force on it is minus the gradient of the potential.
    """
    xp = tools.xp
    slope = gradient(tools, mode, lambda x, y: potential(xp, x, y, 10.0 - w), 2)

    def above(state: tuple[Any, ...]) -> Any:
        _, y, _, v = state
        return y + STEP * v > 0.0

    def move(state: tuple[Any, ...]) -> tuple[Any, ...]:
        x, y, u, v = state
        a, b = slope(x, y)
        return x + STEP * u, y + STEP * v, u - STEP * a, v - STEP * b

    x, y, u, v = tools.while_loop(above, move, (0.0, 8.0, 0.75, 0.0))
    x, y = x + STEP * u, y + STEP * v
    return (x - y / v * u) ** 2


def build(outer: str, inner: str) -> Callable[[Tools], Callable[[Any], Any]]:
    """Return what builds the search for w by these two modes, compiled."""

    def built(tools: Tools) -> Callable[[Any], Any]:
        def search(w: Any) -> Any:
            f = partial(miss, tools, inner)
            return argmin(tools, f, gradient(tools, outer, f, 1), (w,))[0]

        return tools.compile(search)

    return built


def prepare(given: Input) -> Arguments:
    """Return where the search starts."""
    return (float(given["w"]),), {}


EVAL = Eval(
    "particle",
    {
        modes: Function(build(*modes), prepare, peers=("jax",) * (modes[0] == "f"))
        for modes in ("rr", "rf", "fr", "ff")
    },
    small=lambda: {"w": 0.2071},
    sizes=tuple(
        Size(modes, modes, lambda: {"w": 0.0}, 20.0, 4.9)
        for modes in ("rr", "rf", "fr", "ff")
    ),
    differences=lambda given: (
        partial(miss, chainrule_tools(), "r"),
        prepare(given)[0],
    ),
)
