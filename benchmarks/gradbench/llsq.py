"""Linear least squares: a polynomial that is to come near the sign of a number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.gradbench.eval import Arguments, Eval, Function, Input, Size
from benchmarks.tools import Tools


def objective(xp: Any, x: Any, *, n: int) -> Any:
    """Half the sum of squares of sign(t) - p(t), at n points t from -1 to 1.

    Operations: Horner's rule, a product and a sum of columns for each coefficient; a
    difference, its square, their sum.

    Parameters
    ----------
    x
        The coefficients of the polynomial p, lowest first: shape (m,).
    n
        The number of points.
    """
    t = xp.linspace(-1.0, 1.0, n)
    value = xp.zeros_like(t)
    for i in reversed(range(x.shape[0])):
        value = value * t + x[i]
    residual = xp.sign(t) - value
    return 0.5 * xp.sum(residual * residual)


def build_primal(tools: Tools, *, n: int) -> Callable[[Any], Any]:
    """Return the objective, compiled."""
    return tools.compile(partial(objective, tools.xp, n=n))


def build_gradient(tools: Tools, *, n: int) -> Callable[[Any], Any]:
    """Return its gradient, compiled."""
    return tools.compile(tools.grad(partial(objective, tools.xp, n=n)))


def prepare(given: Input) -> Arguments:
    """Return the coefficients, and the number of points as an option."""
    return (np.array(given["x"], dtype=float),), {"n": given["n"]}


def generate(*, n: int, m: int) -> Input:
    """Return coefficients between 0 and 1."""
    return {"x": np.random.default_rng(11).random(m).tolist(), "n": n}


EVAL = Eval(
    "llsq",
    {
        "primal": Function(build_primal, prepare),
        "gradient": Function(build_gradient, prepare),
    },
    small=lambda: generate(n=9, m=4),
    sizes=(
        Size("1,024 points", "gradient", lambda: generate(n=1024, m=128)),
        Size("16,392 points", "gradient", lambda: generate(n=16_392, m=128), 3.4, 3.4),
    ),
    differences=lambda given: (
        partial(objective, np, n=given["n"]),
        (np.array(given["x"]),),
    ),
)
