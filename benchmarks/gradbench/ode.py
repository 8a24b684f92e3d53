"""Runge-Kutta on a chain of equations in which each component drives the next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.gradbench.eval import Arguments, Eval, Function, Input, Size
from benchmarks.tools import Tools
from benchmarks.workload import Workload

END = 2.0
"""The time up to which the equations are followed."""


def ode(xp: Any, rates: Any, *, steps: int) -> Any:
    """Last component at time 2 of a chain of equations, by Runge-Kutta in a loop.

    The equations are y[0]' = rates[0] and y[i]' = rates[i] * y[i - 1], from y = 0.
    A step carries a component at most four further, so beyond that the result and its
    gradient are 0, for the same work.

    Operations of a step: 4 slopes (two slices of y, a product, a concatenation), and 7
    products and 6 sums of vectors.
    """
    y = xp.zeros_like(rates)
    for _ in range(steps):
        y = step(xp, rates, y, END / steps)
    return y[-1]


def ode_scanned(xp: Any, rates: Any, *, steps: int, scan: Callable[..., Any]) -> Any:
    """Last component at time 2 of the same chain, its loop over the steps a ``scan``.

    Operations: those of the loop, which stand in the body of the scan once.
    """
    return follow(xp, rates, steps=steps, scan=scan)[-1]


def follow(xp: Any, rates: Any, *, steps: int, scan: Callable[..., Any]) -> Any:
    """Return all components at time 2."""

    def body(y: Any, _: Any) -> tuple[Any, Any]:
        return step(xp, rates, y, END / steps), None

    return scan(body, xp.zeros_like(rates), None, steps)[0]


def step(xp: Any, rates: Any, y: Any, h: float) -> Any:
    """Return ``y`` after a time ``h``, by the classical method of fourth order."""
    k1 = slope(xp, rates, y)
    k2 = slope(xp, rates, y + 0.5 * h * k1)
    k3 = slope(xp, rates, y + 0.5 * h * k2)
    k4 = slope(xp, rates, y + h * k3)
    return y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


def slope(xp: Any, rates: Any, y: Any) -> Any:
    """Return the derivative of ``y`` by the time."""
    return xp.concatenate([rates[:1], rates[1:] * y[:-1]])


def build_primal(tools: Tools, *, steps: int) -> Callable[[Any], Any]:
    """Return what follows the equations, compiled."""
    return tools.compile(partial(follow, tools.xp, steps=steps, scan=tools.scan))


def build_gradient(tools: Tools, *, steps: int) -> Callable[[Any], Any]:
    """Return the gradient of the last component, compiled."""
    last = partial(ode_scanned, tools.xp, steps=steps, scan=tools.scan)
    return tools.compile(tools.grad(last))


def build_loop(tools: Tools, *, steps: int) -> Callable[[Any], Any]:
    """Return the gradient of the plain loop, compiled."""
    return tools.compile(tools.grad(partial(ode, tools.xp, steps=steps)))


def prepare(given: Input) -> Arguments:
    """Return the rates, and the number of steps as an option."""
    return (np.array(given["x"], dtype=float),), {"steps": given["s"]}


def generate(*, size: int, steps: int) -> Input:
    """Return rates between 0 and 1."""
    return {"x": np.random.default_rng(9).random(size).tolist(), "s": steps}


def ode_workload(
    *, size: int, steps: int, scan: Callable[..., Any] | None = None
) -> Workload:
    """Return it as a workload of the other benchmarks; with ``scan``, scanned."""
    arrays, options = prepare(generate(size=size, steps=steps))
    if scan is None:
        return Workload(ode, arrays, options=options)
    return Workload(ode_scanned, arrays, options={**options, "scan": scan})


EVAL = Eval(
    "ode",
    {
        "primal": Function(build_primal, prepare, peers=("jax",)),
        "gradient": Function(build_gradient, prepare, peers=("jax",)),
        "loop": Function(build_loop, prepare),
    },
    small=lambda: generate(size=5, steps=3),
    sizes=(
        Size(
            "1,000 equations, 10 steps",
            "gradient",
            lambda: generate(size=1000, steps=10),
        ),
        Size("the same, a Python loop", "loop", lambda: generate(size=1000, steps=10)),
        Size(
            "10,000 equations, 100 steps",
            "gradient",
            lambda: generate(size=10_000, steps=100),
            8.0,
            16.0,
        ),
    ),
    differences=lambda given: (partial(ode, np, steps=given["s"]), prepare(given)[0]),
)
