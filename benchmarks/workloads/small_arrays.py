"""Arrays of ten elements, and a small network: what one array operation costs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.workload import Comparison, Peer, Workload, faster


def small_chain(xp: Any, x: Any, y: Any, *, laps: int) -> Any:
    """Chain of operations on small arrays.

    Operations of a lap (13), on arrays of 10: z * x, sin(z), z + y, exp(z), z / x,
    log(z), y * z, tanh(z), 1.5 - z, sqrt(z), 2.0 / z, cos(z), z ** 2. After the last
    lap: sum(z). With 23 laps that makes 300.
    """
    z = x
    for _ in range(laps):
        z = z * x
        z = xp.sin(z)
        z = z + y
        z = xp.exp(z)
        z = z / x
        z = xp.log(z)
        z = y * z
        z = xp.tanh(z)
        z = 1.5 - z
        z = xp.sqrt(z)
        z = 2.0 / z
        z = xp.cos(z)
        z = z**2
    return xp.sum(z)


def small_network(
    xp: Any,
    w1: Any,
    b1: Any,
    w2: Any,
    b2: Any,
    w3: Any,
    b3: Any,
    inputs: Any,
    wanted: Any,
) -> Any:
    """Squared error of a network 10-16-16-1 on a batch of 8, in all weights.

    Operations (12): inputs @ w1, + b1, tanh, @ w2, + b2, tanh, @ w3, + b3, - wanted,
    error * error, sum, * (1 / 8). The data are constants.
    """
    hidden = xp.tanh(inputs @ w1 + b1)
    hidden = xp.tanh(hidden @ w2 + b2)
    error = hidden @ w3 + b3 - wanted
    return xp.sum(error * error) * (1 / 8)


def network_workload() -> Workload:
    """Return the network with fixed random weights and data."""
    rng = np.random.default_rng(1)
    sizes = (10, 16, 16, 1)
    weights: list[Any] = []
    for rows, columns in pairwise(sizes):
        weights += [
            rng.standard_normal((rows, columns)) / rows**0.5,
            0.1 * rng.standard_normal(columns),
        ]
    data = rng.standard_normal((8, 10)), rng.standard_normal((8, 1))
    return Workload(small_network, tuple(weights), constants=data)


def comparisons(*, tiny: bool) -> list[Comparison]:
    """Return the chain and the network against the peers."""
    laps = 1 if tiny else 23
    rng = np.random.default_rng(2)
    arguments = rng.uniform(0.5, 1.5, 10), rng.uniform(0.5, 1.5, 10)
    chain = Workload(small_chain, arguments, options={"laps": laps})
    peers = (Peer("torch", faster(2.3)), Peer("autograd", faster(4)), Peer("mygrad"))
    return [
        Comparison(f"arrays of 10, {laps * 13 + 1}", chain, peers, per_operation=True),
        Comparison("network 10-16-16-1, batch 8", network_workload(), peers),
    ]
