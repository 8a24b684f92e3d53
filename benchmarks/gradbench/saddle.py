"""A saddle point: the least of the greatest values of a function, by two searches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.gradbench.descent import Point, argmin, gradient
from benchmarks.gradbench.eval import (
    Arguments,
    Differentiable,
    Eval,
    Function,
    Input,
    Size,
)
from benchmarks.tools import Tools, chainrule_tools


def objective(a: Any, b: Any, c: Any, d: Any) -> Any:
    """Square of the length of (a, b) minus that of (c, d)."""
    return (a * a + b * b) - (c * c + d * d)


def argmax(tools: Tools, mode: str, start: Point, a: Any, b: Any) -> Point:
    """Return the point (c, d) at which the objective is greatest."""

    def negative(c: Any, d: Any) -> Any:
        return -objective(a, b, c, d)

    return argmin(tools, negative, gradient(tools, mode, negative, 2), start)


def greatest(tools: Tools, mode: str, start: Point, a: Any, b: Any) -> Any:
    """Return the greatest value of the objective over (c, d), found by a search."""
    return objective(a, b, *argmax(tools, mode, start, a, b))


def build(outer: str, inner: str) -> Callable[[Tools], Callable[[Any], Any]]:
    """Return what builds the search for x, then y, by these two modes, compiled."""

    def built(tools: Tools) -> Callable[[Any], Any]:
        def search(*start: Any) -> Any:
            f = partial(greatest, tools, inner, start)
            point = argmin(tools, f, gradient(tools, outer, f, 2), start)
            return (*point, *argmax(tools, outer, start, *point))

        return tools.compile(search)

    return built


def prepare(given: Input) -> Arguments:
    """Return where all searches start."""
    return tuple(map(float, given["start"])), {}


def differences(given: Input) -> Differentiable:
    """Return the greatest value as a function of the first point."""
    start, _ = prepare(given)
    return partial(greatest, chainrule_tools(), "r", start), start


EVAL = Eval(
    "saddle",
    {
        modes: Function(build(*modes), prepare, peers=("jax",) * (modes[0] == "f"))
        for modes in ("rr", "rf", "fr", "ff")
    },
    small=lambda: {"start": [0.3, 0.3]},
    sizes=tuple(
        Size(modes, modes, lambda: {"start": [1.0, 1.0]}, 15.0, 15.6)
        for modes in ("rr", "rf", "fr", "ff")
    ),
    differences=differences,
)
