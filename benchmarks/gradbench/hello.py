"""The square of a number, and its derivative: whether the two sides understand."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.gradbench.eval import Arguments, Eval, Function
from benchmarks.tools import Tools


def square(x: float) -> float:
    """Return x squared."""
    return x * x


def build_square(tools: Tools) -> Callable[[float], float]:
    """Return the square, compiled."""
    return tools.compile(square)


def build_double(tools: Tools) -> Callable[[float], float]:
    """Return its derivative, compiled."""
    return tools.compile(tools.grad(square))


def prepare(x: float) -> Arguments:
    """Return the number, which the suite may write without its decimal point."""
    return (float(x),), {}


EVAL = Eval(
    "hello",
    {
        "square": Function(build_square, prepare),
        "double": Function(build_double, prepare, peers=("jax",)),
    },
    small=lambda: 3.0,
    differences=lambda x: (square, (x,)),
)
