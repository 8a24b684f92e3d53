"""Iterations on arrays until they stand still, or so many times, and mixtures.

``lax.while_loop`` has no reverse derivative, so JAX takes the steps by number that
chainrule takes until its condition fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

import chainrule as gd
from benchmarks.compiled import JAX, Compilation, own_tool
from benchmarks.gradbench.gmm import gmm_workload
from benchmarks.workload import Peer, Workload, faster
from benchmarks.workloads.kinds.kind import compared
from benchmarks.workloads.kinds.simulations import Scan, march

TOLERANCE = 1e-11

Loop = Callable[..., Any]


def settled(
    xp: Any,
    step: Callable[[Any], Any],
    x: Any,
    *,
    while_loop: Loop | None = None,
    steps: int = 0,
    scan: Scan | None = None,
) -> Any:
    """Return ``x`` after steps that no longer change it, or after so many."""
    if while_loop is None:
        return march(step, x, steps, scan)

    def moves(state: tuple[Any, Any]) -> Any:
        return xp.max(xp.abs(state[0] - state[1])) > TOLERANCE

    return while_loop(moves, lambda state: (step(state[0]), state[0]), (x, x + 1.0))[0]


def kepler(xp: Any, eccentricity: Any, mean: Any, **how: Any) -> Any:
    """Mean squared distance of planets, by Newton's method for Kepler's equation.

    Operations of a step: sin, cos, products, differences, a quotient. At the end: cos,
    a product, a difference, a square, a mean.
    """

    def newton(x: Any) -> Any:
        error = x - eccentricity * xp.sin(x) - mean
        return x - error / (1.0 - eccentricity * xp.cos(x))

    anomaly = settled(xp, newton, mean + 0.0 * eccentricity, **how)
    return xp.mean((1.0 - eccentricity * xp.cos(anomaly)) ** 2)


def magnet(xp: Any, field: Any, coupling: Any, **how: Any) -> Any:
    """Energy of a magnet in its mean field.

    Operations of a step: a product of a matrix and a vector, a sum, tanh. At the end:
    products and sums.
    """

    def step(spins: Any) -> Any:
        return xp.tanh(coupling @ spins + field)

    spins = settled(xp, step, 0.0 * field, **how)
    return -0.5 * spins @ coupling @ spins - field @ spins


def roots(xp: Any, slopes: Any, levels: Any, *, vmap: Any, **how: Any) -> Any:
    """Mean square of the roots of many cubics, each by its own Newton's method.

    Operations of a step: powers, products, sums, a difference, a quotient. At the end:
    a square, a mean.
    """

    def root(slope: Any, level: Any) -> Any:
        def newton(x: Any) -> Any:
            return x - (x**3 + slope * x - level) / (3.0 * x**2 + slope)

        return settled(xp, newton, 1.0 + 0.0 * slope, **how)

    return xp.mean(vmap(root)(slopes, levels) ** 2)


def transport(xp: Any, cost: Any, supply: Any, demand: Any, *, steps: int) -> Any:
    """Cost of moving a supply to a demand, by Sinkhorn's method.

    Operations: exp; of a step: two products with a matrix, two quotients. At the end:
    products and a sum.
    """
    kernel = xp.exp(-cost / 0.2)
    v = np.ones(len(demand))
    for _ in range(steps):
        u = supply / (kernel @ v)
        v = demand / (kernel.T @ u)
    return xp.sum(u[:, None] * kernel * v * cost)


def until_settled(workload: Workload) -> tuple[Workload, Workload]:
    """Return it with chainrule's ``while_loop``, and with as many steps of a scan."""
    taken = [0]

    def counting(condition: Any, body: Any, state: Any) -> Any:
        steps = 0
        while condition(state):
            steps += 1
            state = body(state)
        taken[0] = max(taken[0], steps)
        return state

    tools = dict.fromkeys(workload.options, own_tool)
    here = {**workload.options, "while_loop": counting}
    replace(workload, options=here)(np, *workload.arguments)
    return (
        replace(workload, options={**tools, "while_loop": own_tool}),
        replace(workload, options={**tools, "steps": taken[0], "scan": own_tool}),
    )


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    rng = np.random.default_rng(26)
    n = 5 if tiny else 10_000
    arguments = rng.uniform(0.1, 0.7, n), rng.uniform(0.0, 3.0, n)
    planets = Workload(kepler, arguments)
    n = 5 if tiny else 300
    spins = Workload(magnet, (rng.standard_normal(n), rng.random((n, n)) / (2 * n)))
    n = 5 if tiny else 1_000
    arguments = rng.uniform(0.5, 2.0, n), rng.uniform(0.0, 20.0, n)
    cubics = Workload(roots, arguments, options={"vmap": gd.vmap})
    for name, workload in ("Kepler", planets), ("magnet", spins), ("roots", cubics):
        ours, theirs = until_settled(workload)
        peer = Peer(JAX, faster(1.5), theirs, "jax jit, lax.scan")
        yield compared("fixed points", name, ours, (peer,))
    peers = (Peer(JAX, faster(1.5)),)
    n, steps = (4, 3) if tiny else (100, 50)
    data = np.full(n, 1 / n), np.full(n, 1 / n)
    moved = Workload(transport, (rng.random((n, n)),), data, {"steps": steps})
    yield compared("fixed points", f"transport, {steps} steps", moved, peers)
    for d, k in (2, 5), (20, 50), (64, 100):
        mixture = gmm_workload(points=10 if tiny else 1_000, d=2 if tiny else d, k=k)
        yield compared("fixed points", f"GMM, d={d}, k={k}", mixture, peers)
