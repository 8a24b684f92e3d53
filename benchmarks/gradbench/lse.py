"""The logarithm of a sum of exponentials."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.gradbench.eval import Arguments, Eval, Function, Input, Size
from benchmarks.tools import Tools


def logsumexp(xp: Any, x: Any) -> Any:
    """Return log(sum(exp(x))) over the first axis, with no overflow.

    Operations: max, a difference, exp, sum, log, a sum.
    """
    top = xp.max(x, axis=0)
    return top + xp.log(xp.sum(xp.exp(x - top), axis=0))


def build_primal(tools: Tools) -> Callable[[Any], Any]:
    """Return the function, compiled."""
    return tools.compile(partial(logsumexp, tools.xp))


def build_gradient(tools: Tools) -> Callable[[Any], Any]:
    """Return its gradient, compiled."""
    return tools.compile(tools.grad(partial(logsumexp, tools.xp)))


def prepare(given: Input) -> Arguments:
    """Return the vector."""
    return (np.array(given["x"], dtype=float),), {}


def generate(*, n: int) -> Input:
    """Return numbers between 0 and 1."""
    return {"x": np.random.default_rng(12).random(n).tolist()}


EVAL = Eval(
    "lse",
    {
        "primal": Function(build_primal, prepare),
        "gradient": Function(build_gradient, prepare),
    },
    small=lambda: generate(n=6),
    sizes=(
        Size("2,500 numbers", "gradient", lambda: generate(n=2500)),
        Size("1,280,000 numbers", "gradient", lambda: generate(n=1_280_000), 3.0, 4.9),
    ),
    differences=lambda given: (partial(logsumexp, np), prepare(given)[0]),
)
