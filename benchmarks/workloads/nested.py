"""Derivatives of derivatives: the Hessian of a function of one array."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Comparison, Peer, Workload


def valley(xp: Any, x: Any) -> Any:
    """Rosenbrock's valley with ripples; its Hessian is tridiagonal and not constant.

    Operations: x[1:], x[:-1], squares, differences, products, sin, exp, sums.
    """
    left, right = x[:-1], x[1:]
    slope = right - left * left
    ripple = xp.sin(x) * xp.exp(-(x * x))
    return xp.sum(100.0 * slope * slope + (1.0 - left) ** 2) + xp.sum(ripple)


def comparisons(*, tiny: bool) -> list[Comparison]:
    """Return the Hessian against the peers, with no target."""
    size = 4 if tiny else 50
    x = np.random.default_rng(5).uniform(0.5, 1.5, size)
    peers = (Peer("autograd"), Peer("jax"), Peer("jax jit"))
    workload = Workload(valley, (x,), order=2)
    return [Comparison(f"Hessian, {size} parameters", workload, peers, rounds=11)]
