"""Workloads that nothing is tuned on: they only show whether the others mislead."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Comparison, Peer, Workload


def pendulum(xp: Any, angle: Any, gravity: Any, drag: Any, *, steps: int) -> Any:
    """Swing a pendulum with drag by the classical Runge-Kutta method, on floats.

    Operations of the acceleration (9): -gravity, sin(angle), *, drag * speed,
    speed * speed, -(), exp, *, and a difference. A step (62) takes it four times, with
    the products and sums of the method around it. Before the first step: 0.0 * angle.
    After the last: angle**2 + speed**2.
    """
    h = 0.05
    speed = 0.0 * angle

    def acceleration(angle: Any, speed: Any) -> Any:
        return -gravity * xp.sin(angle) - drag * speed * xp.exp(-(speed * speed))

    for _ in range(steps):
        k1, a1 = speed, acceleration(angle, speed)
        k2 = speed + 0.5 * h * a1
        a2 = acceleration(angle + 0.5 * h * k1, k2)
        k3 = speed + 0.5 * h * a2
        a3 = acceleration(angle + 0.5 * h * k2, k3)
        k4 = speed + h * a3
        a4 = acceleration(angle + h * k3, k4)
        angle = angle + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        speed = speed + h / 6 * (a1 + 2 * a2 + 2 * a3 + a4)
    return angle**2 + speed**2


def mixture(
    xp: Any,
    logits: Any,
    means: Any,
    factor: Any,
    offsets: Any,
    points: Any,
    group: Any,
) -> Any:
    """Log likelihood of a Gaussian mixture whose points are shifted by group.

    Operations: offsets[group] (an index with repeats), points - z, z @ factor, means @
    factor, two indices with new axes, their difference, d * d, sum over an axis,
    0.5 * z, logits - z, and a log-sum-exp (max, z - top, exp, sum, log, sum of the
    kept axis, +) of the scores and of the logits, sum, * and a difference.
    """
    shifted = (points - offsets[group]) @ factor
    difference = shifted[:, None, :] - (means @ factor)[None, :, :]
    score = logits - 0.5 * xp.sum(difference * difference, axis=2)
    return xp.sum(_logsumexp(xp, score, 1)) - len(points) * _logsumexp(xp, logits, 0)


def _logsumexp(xp: Any, x: Any, axis: int) -> Any:
    top = xp.max(x, axis=axis, keepdims=True)
    total = xp.sum(xp.exp(x - top), axis=axis)
    return xp.log(total) + xp.sum(top, axis=axis)


def mixture_workload(*, points: int) -> Workload:
    """Return the mixture of 5 components in 3 dimensions with 7 groups."""
    rng = np.random.default_rng(4)
    arguments = (
        rng.standard_normal(5),
        rng.standard_normal((5, 3)),
        np.eye(3) + 0.1 * rng.standard_normal((3, 3)),
        0.1 * rng.standard_normal((7, 3)),
    )
    data = rng.standard_normal((points, 3)), rng.integers(0, 7, points)
    return Workload(mixture, arguments, constants=data)


def comparisons(*, tiny: bool) -> list[Comparison]:
    """Return both workloads against the peers, with no target."""
    steps, points = (2, 20) if tiny else (25, 500)
    peers = (Peer("torch"), Peer("autograd"), Peer("mygrad"))
    swing = Workload(pendulum, (1.0, 9.81, 0.3), options={"steps": steps})
    return [
        Comparison(
            f"held out: pendulum, {steps} steps", swing, peers, per_operation=True
        ),
        Comparison(
            f"held out: mixture, {points} points",
            mixture_workload(points=points),
            peers,
        ),
    ]
