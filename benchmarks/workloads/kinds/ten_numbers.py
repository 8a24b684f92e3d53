"""Functions of ten numbers, as optimisers call them thousands of times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.compiled import JAX, Compilation, own_tool
from benchmarks.workload import Peer, Workload, faster
from benchmarks.workloads.kinds.kind import Named, against_jax, compared
from benchmarks.workloads.kinds.simulations import Scan


def rosenbrock(xp: Any, x: Any) -> Any:
    """Rosenbrock's function.

    Operations: four slices, squares, differences, products, sum.
    """
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def ackley(xp: Any, x: Any) -> Any:
    """Ackley's function.

    Operations: a square, two means, sqrt, cos, two exp, products and sums.
    """
    wide = xp.exp(-0.2 * xp.sqrt(xp.mean(x**2)))
    narrow = xp.exp(xp.mean(xp.cos(2.0 * np.pi * x)))
    return 20.0 + np.e - 20.0 * wide - narrow


def portfolio(xp: Any, x: Any, returns: Any, covariance: Any) -> Any:
    """Risk minus return of a portfolio whose shares are a softmax, and its entropy.

    Operations: exp, a sum, a quotient, two products with an array, sqrt, log, a sum.
    """
    shares = xp.exp(x)
    shares = shares / xp.sum(shares)
    risk = xp.sqrt(shares @ covariance @ shares)
    return risk - shares @ returns + 0.1 * xp.sum(shares * xp.log(shares))


def free_energy(xp: Any, x: Any, volume: Any, attraction: Any) -> Any:
    """Helmholtz energy of a mixed fluid by the equation of Peng and Robinson.

    Operations: a product with a vector, one with a matrix, log three times, quotients,
    products and sums.
    """
    filled = volume @ x
    ideal = xp.sum(x * xp.log(x / (1.0 - filled)))
    ratio = (1.0 + (1.0 + 2.0**0.5) * filled) / (1.0 + (1.0 - 2.0**0.5) * filled)
    return ideal - x @ attraction @ x / (8.0**0.5 * filled) * xp.log(ratio)


def arm(xp: Any, joints: Any, lengths: Any) -> Any:
    """Distance from the hand of a planar arm to a point, with bent joints dearer.

    Operations of a joint, on numbers: two indices, a sum, cos, sin, products and sums.
    """
    angle = x = y = effort = 0.0
    for i in range(10):
        angle = angle + joints[i]
        x = x + lengths[i] * xp.cos(angle)
        y = y + lengths[i] * xp.sin(angle)
        effort = effort + joints[i] ** 2
    return (x - 2.0) ** 2 + (y - 3.0) ** 2 + 0.01 * effort


def swing_up(xp: Any, torques: Any, *, scan: Scan | None = None) -> Any:
    """Where a pendulum ends that ten torques drive, each for four steps.

    Operations of a step, on numbers: an index, sin, products, sums and differences.
    """

    def step(state: tuple[Any, Any, Any], torque: Any) -> tuple[Any, None]:
        angle, speed, cost = state
        speed = speed + 0.05 * (torque - 9.81 * xp.sin(angle) - 0.1 * speed)
        return (angle + 0.05 * speed, speed, cost + 1e-3 * torque**2), None

    state = 0.0, 0.0, 0.0
    if scan is None:
        for i in range(40):
            state, _ = step(state, torques[i // 4])
    else:
        state, _ = scan(step, state, xp.repeat(torques, 4))
    angle, speed, cost = state
    return (1.0 + xp.cos(angle)) ** 2 + 0.1 * speed**2 + cost


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    del tiny  # they are
    yield from against_jax("ten numbers", workloads(), faster(2.0))
    arguments = (np.linspace(1.0, 5.0, 10),)
    loop = Workload(swing_up, arguments)
    scanned = Workload(swing_up, arguments, options={"scan": own_tool})
    # Unrolled it takes jax.jit half a second: XLA computes the shared parts again.
    peer = Peer(JAX, faster(2.0), scanned, "jax jit, lax.scan")
    yield compared("ten numbers", "swing up", loop, (peer,))


def workloads() -> Named:
    """Yield the names and the workloads."""
    rng = np.random.default_rng(24)
    x = rng.uniform(0.5, 1.5, 10)
    yield "Rosenbrock", Workload(rosenbrock, (x,))
    yield "Ackley", Workload(ackley, (x,))
    root = rng.standard_normal((10, 10))
    data = 0.1 * rng.standard_normal(10), root @ root.T / 10
    yield "portfolio", Workload(portfolio, (x,), data)
    data = rng.uniform(0.01, 0.05, 10), np.abs(root + root.T)
    yield "free energy", Workload(free_energy, (x,), data)
    yield "arm", Workload(arm, (0.3 * x,), (rng.uniform(0.5, 1.0, 10),))
