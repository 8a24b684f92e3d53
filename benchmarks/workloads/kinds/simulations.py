"""Hundreds of steps in time of arrays whose entries meet their neighbours.

Each is one text, which marches by a Python loop or by a scan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.workload import Workload
from benchmarks.workloads.kinds.kind import Named

Scan = Callable[..., Any]


def march(step: Callable[[Any], Any], state: Any, steps: int, scan: Scan | None) -> Any:
    """Return the state after so many steps, by a Python loop or by ``scan``."""
    if scan is None:
        for _ in range(steps):
            state = step(state)
        return state
    return scan(lambda state, _: (step(state), None), state, None, length=steps)[0]


def heat(
    xp: Any,
    start: Any,
    conductivity: Any,
    measured: Any,
    *,
    steps: int,
    scan: Scan | None = None,
) -> Any:
    """Squared error of the temperatures of a rod with insulated ends.

    Operations of a step: two slices and a difference, a product, a pad, two slices and
    a difference, a product, a sum.
    """

    def step(u: Any) -> Any:
        flux = xp.pad(conductivity * (u[1:] - u[:-1]), 1)
        return u + 0.4 * (flux[1:] - flux[:-1])

    return xp.sum((march(step, start, steps, scan) - measured) ** 2)


def string(
    xp: Any, position: Any, stiffness: Any, *, steps: int, scan: Scan | None = None
) -> Any:
    """Mean square of a string's position after steps of the leapfrog method.

    Operations of a step: three slices, sums and a difference, a pad, products, a sine,
    two sums.
    """

    def step(state: tuple[Any, Any]) -> tuple[Any, Any]:
        x, v = state
        bend = xp.pad(x[2:] - 2.0 * x[1:-1] + x[:-2], 1)
        v = v + 0.1 * (stiffness * bend - 0.05 * xp.sin(x) - 0.01 * v)
        return x + 0.1 * v, v

    x, _ = march(step, (position, 0.0 * position), steps, scan)
    return xp.mean(x**2)


def traffic(
    xp: Any, density: Any, speed: Any, *, steps: int, scan: Scan | None = None
) -> Any:
    """Squared spread of cars on a ring road, by the method of Lax and Friedrichs.

    Operations of a step: a flux of two products and a difference, four rolls, sums,
    differences and products.
    """

    def step(u: Any) -> Any:
        flux = speed * u * (1.0 - u)
        ahead, behind = xp.roll(u, -1), xp.roll(u, 1)
        change = xp.roll(flux, -1) - xp.roll(flux, 1)
        return 0.5 * (ahead + behind) - 0.2 * change

    u = march(step, density, steps, scan)
    return xp.sum((u - xp.mean(u)) ** 2)


def reaction(
    xp: Any,
    u: Any,
    v: Any,
    feed: Any,
    decay: Any,
    *,
    steps: int,
    scan: Scan | None = None,
) -> Any:
    """Amount that a reaction of Gray and Scott leaves on a periodic grid.

    Operations of a step: eight rolls along two axes, sums, differences and products.
    """

    def spread(x: Any) -> Any:
        across = xp.roll(x, 1, axis=0) + xp.roll(x, -1, axis=0)
        along = xp.roll(x, 1, axis=1) + xp.roll(x, -1, axis=1)
        return across + along - 4.0 * x

    def step(state: tuple[Any, Any]) -> tuple[Any, Any]:
        u, v = state
        made = u * v * v
        return (
            u + 0.16 * spread(u) - made + feed * (1.0 - u),
            v + 0.08 * spread(v) + made - (feed + decay) * v,
        )

    u, v = march(step, (u, v), steps, scan)
    return xp.sum(v * v) + xp.mean(u)


def oscillators(
    xp: Any,
    phases: Any,
    frequencies: Any,
    coupling: Any,
    *,
    steps: int,
    scan: Scan | None = None,
) -> Any:
    """Order of oscillators on a ring that are coupled to their neighbours.

    Operations of a step: two rolls, differences, two sines, products and sums.
    """

    def step(x: Any) -> Any:
        pull = xp.sin(xp.roll(x, 1) - x) + xp.sin(xp.roll(x, -1) - x)
        return x + 0.05 * (frequencies + coupling * pull)

    x = march(step, phases, steps, scan)
    return xp.mean(xp.cos(x)) ** 2 + xp.mean(xp.sin(x)) ** 2


def shallow_water(
    xp: Any, height: Any, depth: Any, *, steps: int, scan: Scan | None = None
) -> Any:
    """Energy of waves in a channel on a staggered grid.

    Operations of a step: six slices, differences, sums and products, a concatenation
    with walls.
    """
    wall = np.zeros(1)

    def step(state: tuple[Any, Any]) -> tuple[Any, Any]:
        h, v = state
        v = v - 0.1 * (h[1:] - h[:-1]) - 0.001 * v * v
        flow = v * 0.5 * (depth[1:] + h[1:] + depth[:-1] + h[:-1])
        flow = xp.concatenate([wall, flow, wall])
        return h - 0.1 * (flow[1:] - flow[:-1]), v

    h, v = march(step, (height, 0.0 * height[1:]), steps, scan)
    return xp.sum(h**2) + xp.sum(v**2)


def simulations(*, tiny: bool, scan: Scan | None) -> Named:
    """Yield the names and the workloads, as loops or as scans."""
    how = {} if scan is None else {"scan": scan}
    rng = np.random.default_rng(22)
    n, steps = (8, 3) if tiny else (1_000, 100)
    arguments = rng.random(n), rng.uniform(0.5, 1.0, n - 1)
    yield (
        f"heat, {n:,} x {steps}",
        Workload(heat, arguments, (rng.random(n),), {"steps": steps, **how}),
    )
    n, steps = (8, 3) if tiny else (2_000, 200)
    arguments = np.sin(np.linspace(0.0, 9.0, n)), rng.uniform(0.5, 1.0, n)
    yield (
        f"string, {n:,} x {steps}",
        Workload(string, arguments, options={"steps": steps, **how}),
    )
    n, steps = (8, 3) if tiny else (500, 150)
    arguments = rng.uniform(0.1, 0.6, n), rng.uniform(0.8, 1.2, n)
    yield (
        f"traffic, {n:,} x {steps}",
        Workload(traffic, arguments, options={"steps": steps, **how}),
    )
    n, steps = (5, 3) if tiny else (64, 50)
    arguments = rng.uniform(0.5, 1.0, (n, n)), rng.random((n, n)) / 2, 0.04, 0.06
    yield (
        f"reaction, {n} x {n} x {steps}",
        Workload(reaction, arguments, options={"steps": steps, **how}),
    )
    n, steps = (8, 3) if tiny else (3_000, 60)
    arguments = rng.uniform(0.0, 6.0, n), rng.standard_normal(n), 1.5
    yield (
        f"oscillators, {n:,} x {steps}",
        Workload(oscillators, arguments, options={"steps": steps, **how}),
    )
    n, steps = (8, 3) if tiny else (1_000, 300)
    arguments = np.exp(-(np.linspace(-4.0, 4.0, n) ** 2)), rng.uniform(0.8, 1.2, n)
    yield (
        f"shallow water, {n:,} x {steps}",
        Workload(shallow_water, arguments, options={"steps": steps, **how}),
    )
