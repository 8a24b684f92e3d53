"""Six things that people differentiate every day."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.compiled import Compilation, own_tool
from benchmarks.workload import Workload
from benchmarks.workloads.kinds.kind import Named, against_jax
from benchmarks.workloads.kinds.simulations import Scan


def kalman(
    xp: Any, sizes: Any, noise: Any, move: Any, look: Any, seen: Any, *, scan: Scan
) -> Any:
    """Likelihood of observations under a linear model, by Kalman's filter.

    Operations of a step: products of small matrices, solve twice, slogdet, sums.
    """
    disturbance = np.eye(len(move)) * xp.exp(sizes)
    blur = np.eye(len(look)) * xp.exp(noise)

    def step(state: tuple[Any, Any, Any], y: Any) -> tuple[Any, None]:
        x, covariance, total = state
        x = move @ x
        covariance = move @ covariance @ move.T + disturbance
        spread = look @ covariance @ look.T + blur
        surprise = y - look @ x
        gain = xp.linalg.solve(spread, look @ covariance).T
        _, logarithm = xp.linalg.slogdet(spread)
        total = total + surprise @ xp.linalg.solve(spread, surprise) + logarithm
        x = x + gain @ surprise
        return (x, covariance - gain @ look @ covariance, total), None

    start = np.zeros(len(move)), np.eye(len(move)), 0.0
    (_, _, total), _ = scan(step, start, seen)
    return 0.5 * total


def yield_curve(xp: Any, p: Any, times: Any, flows: Any, prices: Any) -> Any:
    """Squared error of bond prices under Svensson's yield curve.

    Operations: six indices, exp of matrices three times, quotients, products and sums,
    a sum over an axis, a sum.
    """
    short, long = times / p[4], times / p[5]
    hump = (1.0 - xp.exp(-short)) / short
    later = (1.0 - xp.exp(-long)) / long - xp.exp(-long)
    rate = p[0] + p[1] * hump + p[2] * (hump - xp.exp(-short)) + p[3] * later
    found = xp.sum(flows * xp.exp(-rate * times), axis=1)
    return xp.sum((found - prices) ** 2)


def wave_inversion(
    xp: Any, speed: Any, wavelet: Any, place: Any, seen: Any, *, scan: Scan
) -> Any:
    """Squared error of the traces that a wave in two dimensions leaves at the surface.

    Operations of a step: five slices and a pad, products, sums and differences, an
    index. At the end: a difference, a square, sum.
    """
    factor = 0.2 * speed**2

    def step(state: tuple[Any, Any], push: Any) -> tuple[Any, Any]:
        now, before = state
        around = now[2:, 1:-1] + now[:-2, 1:-1] + now[1:-1, 2:] + now[1:-1, :-2]
        bend = xp.pad(around - 4.0 * now[1:-1, 1:-1], 1)
        after = 2.0 * now - before + factor * bend + push * place
        return (after, now), after[1]

    rest = np.zeros(speed.shape)
    _, traces = scan(step, (rest, rest), wavelet)
    return xp.sum((traces - seen) ** 2)


def student(xp: Any, weights: Any, scale: Any, x: Any, y: Any) -> Any:
    """Likelihood of a regression whose errors are Student's with four degrees.

    Operations: a product of a matrix and a vector, a difference, exp, a quotient, a
    square, log1p, sum.
    """
    error = (y - x @ weights) / xp.exp(scale)
    return xp.sum(2.5 * xp.log1p(error**2 / 4.0)) + len(y) * scale


def chain_of_bodies(
    xp: Any, angles: Any, lengths: Any, masses: Any, *, scan: Scan, steps: int
) -> Any:
    """Where the end of a chain of hinged rods hangs after so many steps.

    Operations of a step: differences of all angles, cos, sin, products, solve, sums.
    Before the first: a flip, cumsum, an index. After the last: sin, cos, products,
    sums, squares.
    """
    below = xp.flip(xp.cumsum(xp.flip(masses)))
    order = np.arange(len(lengths))
    shared = below[np.maximum.outer(order, order)] * lengths[:, None] * lengths

    def step(state: tuple[Any, Any], _: Any) -> tuple[Any, None]:
        angle, speed = state
        apart = angle[:, None] - angle
        force = -(shared * xp.sin(apart)) @ speed**2
        force = force - 9.81 * below * lengths * xp.sin(angle) - 0.1 * speed
        speed = speed + 0.01 * xp.linalg.solve(shared * xp.cos(apart), force)
        return (angle + 0.01 * speed, speed), None

    (angle, _), _ = scan(step, (angles, 0.0 * angles), None, length=steps)
    across, down = xp.sum(lengths * xp.sin(angle)), xp.sum(lengths * xp.cos(angle))
    return across**2 + 0.5 * down**2


def logistic(xp: Any, weights: Any, x: Any, y: Any) -> Any:
    """Mean likelihood of a logistic regression with a ridge.

    Operations: a product of a matrix and a vector, logaddexp, a product, a difference,
    a mean, a square, sum.
    """
    logits = x @ weights
    likelihood = xp.mean(xp.logaddexp(0.0, logits) - y * logits)
    return likelihood + 1e-3 * xp.sum(weights**2)


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    return against_jax("daily", workloads(tiny=tiny), None)


def workloads(*, tiny: bool) -> Named:
    """Yield the names and the workloads, the largest last."""
    rng = np.random.default_rng(27)
    own = {"scan": own_tool}
    n = 3 if tiny else 200
    move = np.eye(4) + np.diag([0.1, 0.1], 2)
    seen = np.cumsum(rng.standard_normal((n, 2)), axis=0)
    arguments = np.log([0.1, 0.1, 0.01, 0.01]), np.log([0.5, 0.5])
    data = move, np.eye(2, 4), seen
    yield "Kalman filter", Workload(kalman, arguments, data, own)
    bonds, flows = (4, 3) if tiny else (150, 60)
    times = np.linspace(0.5, 30.0, flows) * rng.uniform(0.1, 1.0, (bonds, 1))
    data = times, rng.uniform(1.0, 5.0, (bonds, flows)), rng.uniform(90, 110, bonds)
    p = np.array([0.03, -0.02, 0.01, 0.01, 1.5, 8.0])
    yield "yield curve", Workload(yield_curve, (p,), data)
    n, steps = (5, 4) if tiny else (100, 150)
    place = np.zeros((n, n))
    place[n // 2, n // 2] = 1.0
    wavelet = np.exp(-((np.arange(steps) / steps * 8.0 - 2.0) ** 2))
    data = wavelet, place, 0.1 * rng.standard_normal((steps, n))
    speed = rng.uniform(0.5, 1.0, (n, n))
    yield "wave inversion", Workload(wave_inversion, (speed,), data, own)
    n, d = (9, 2) if tiny else (100_000, 8)
    data = rng.standard_normal((n, d)), rng.standard_t(4, n)
    yield "Student regression", Workload(student, (rng.standard_normal(d), 0.1), data)
    n, steps = (3, 3) if tiny else (6, 100)
    arguments = rng.uniform(0.1, 1.0, n), rng.uniform(0.5, 1.0, n), rng.random(n) + 0.5
    yield (
        "chain of bodies",
        Workload(chain_of_bodies, arguments, options={"steps": steps, **own}),
    )
    n, d = (9, 2) if tiny else (1_000_000, 20)
    data = rng.standard_normal((n, d)), (rng.random(n) < 0.5).astype(float)
    yield (
        "logistic regression",
        Workload(logistic, (0.1 * rng.standard_normal(d),), data),
    )
