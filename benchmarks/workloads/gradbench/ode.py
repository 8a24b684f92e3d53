"""Runge-Kutta on a chain of equations in which each component drives the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

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

    def body(y: Any, _: Any) -> tuple[Any, Any]:
        y = step(xp, rates, y, END / steps)
        return y, y[-1]

    y, _ = scan(body, xp.zeros_like(rates), np.arange(steps))
    return y[-1]


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


def ode_workload(
    *, size: int, steps: int, scan: Callable[..., Any] | None = None
) -> Workload:
    """Return the chain of ``size`` equations; with ``scan``, scanned."""
    arguments = (np.random.default_rng(9).random(size),)
    if scan is None:
        return Workload(ode, arguments, options={"steps": steps})
    return Workload(ode_scanned, arguments, options={"steps": steps, "scan": scan})
