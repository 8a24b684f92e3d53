"""A saddle point: the least of the greatest values of a function, by two searches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.gradbench.descent import argmin, gradient
from benchmarks.gradbench.eval import (
    Arguments,
    Differentiable,
    Eval,
    Function,
    Input,
    Size,
)
from benchmarks.tools import Tools, chainrule_tools


def objective(x: Any, y: Any) -> Any:
    """Square of the length of x minus that of y, points of a plane."""
    return (x[0] * x[0] + x[1] * x[1]) - (y[0] * y[0] + y[1] * y[1])


def argmax(tools: Tools, mode: str, start: Any, x: Any) -> Any:
    """Return the y at which the objective is greatest."""

    def negative(y: Any) -> Any:
        return -objective(x, y)

    return argmin(tools, negative, gradient(tools, mode, negative), start)


def greatest(tools: Tools, mode: str, start: Any, x: Any) -> Any:
    """Return the greatest value of the objective over y; it is found by a search."""
    return objective(x, argmax(tools, mode, start, x))


def build(outer: str, inner: str) -> Callable[[Tools], Callable[[Any], Any]]:
    """Return what builds the search for x, then y, by these two modes, compiled."""

    def built(tools: Tools) -> Callable[[Any], Any]:
        def search(start: Any) -> Any:
            f = partial(greatest, tools, inner, start)
            x = argmin(tools, f, gradient(tools, outer, f), start)
            return tools.xp.concatenate([x, argmax(tools, outer, start, x)])

        return tools.compile(search)

    return built


def prepare(given: Input) -> Arguments:
    """Return where all searches start."""
    return (np.array(given["start"], dtype=float),), {}


def differences(given: Input) -> Differentiable:
    """Return the greatest value as a function of x."""
    (start,), _ = prepare(given)
    return partial(greatest, chainrule_tools(), "r", start), (start,)


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
