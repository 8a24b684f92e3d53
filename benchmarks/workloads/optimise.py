"""Problems of optimisation and fitting, solved by SciPy's solvers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.solutions import (
    DIFFERENCES,
    JAX,
    Solution,
    by_least_squares,
    by_minimize,
    with_constraint,
)
from benchmarks.workload import Peer, Workload, faster

GRAVITY, DURATION = 9.81, 2.0


def rosenbrock(xp: Any, x: Any) -> Any:
    """Rosenbrock's function, chained.

    Operations: squares, differences and products of neighbours, a sum.
    """
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def broyden(xp: Any, x: Any) -> Any:
    """Broyden's tridiagonal equations.

    Operations: a pad, products and differences of neighbours.
    """
    around = xp.pad(x, 1)
    return (3.0 - 2.0 * x) * x - around[:-2] - 2.0 * around[2:] + 1.0


def decays(xp: Any, p: Any, times: Any, seen: Any) -> Any:
    """Deviations of data from a sum of three decays, and a floor.

    Operations: exp of products, a matrix product, a sum, a difference.
    """
    return xp.exp(-times[:, None] * p[3:6]) @ p[:3] + p[6] - seen


def effort(xp: Any, x: Any) -> Any:
    """The squares of a torque that swings a pendulum up, by the trapezoidal rule.

    Operations: squares, a sum. Constraints: sin, products, differences of neighbours.
    """
    torque = x.reshape(3, -1)[2]
    squares = torque * torque
    return 0.5 * xp.sum(squares[1:] + squares[:-1]) / squares.shape[0]


def motion(xp: Any, x: Any) -> Any:
    """Return what is left of the laws of motion between times, and the ends'."""
    angle, speed, torque = x.reshape(3, -1)
    step = DURATION / (angle.shape[0] - 1)
    rate = torque - GRAVITY * xp.sin(angle) - 0.1 * speed
    return xp.concatenate(
        [
            angle[1:] - angle[:-1] - 0.5 * step * (speed[1:] + speed[:-1]),
            speed[1:] - speed[:-1] - 0.5 * step * (rate[1:] + rate[:-1]),
            xp.stack([angle[0], speed[0], angle[-1] - np.pi, speed[-1]]),
        ]
    )


def logistic(
    xp: Any, w: Any, data: Any, rows: Any, columns: Any, labels: Any, **_: Any
) -> Any:
    """Logistic regression of sparse features, with a ridge.

    Operations: a sparse product (a gather, a product and sums by rows), logaddexp,
    sums.
    """
    if xp is np:
        shape = (labels.size, w.shape[0])
        scores = sp.csr_array((data, (rows, columns)), shape) @ w
    else:
        import jax

        scores = jax.ops.segment_sum(
            data * w[columns], rows, labels.shape[0], indices_are_sorted=True
        )
    return xp.sum(xp.logaddexp(0.0, -labels * scores)) + 0.5 * xp.sum(w * w)


def tridiagonal(size: int) -> Any:
    """Return the pattern of Broyden's equations."""
    ones = [np.ones(size), np.ones(size - 1), np.ones(size - 1)]
    return sp.diags_array(ones, offsets=(0, 1, -1)).tocsr()


def decays_workload(count: int) -> Workload:
    """Return a fit of this many data."""
    rng = np.random.default_rng(20)
    times = np.linspace(0.0, 10.0, count)
    true = np.array([2.0, 1.0, 0.5, 0.2, 1.0, 5.0, 0.3])
    start = np.array([1.0, 1.0, 1.0, 0.1, 0.8, 3.0, 0.0])
    exact = decays(np, true, times, 0.0)
    return Workload(decays, (start,), (times, exact + 0.01 * rng.normal(size=count)))


def logistic_workload(examples: int, features: int) -> Workload:
    """Return a regression with ten features in each example."""
    rng = np.random.default_rng(21)
    rows = np.repeat(np.arange(examples), 10)
    columns = rng.integers(0, features, rows.size)
    data = rng.normal(size=rows.size)
    true = rng.normal(size=features)
    scores = np.bincount(rows, data * true[columns], examples)
    labels = np.where(rng.random(examples) < 1 / (1 + np.exp(-scores)), 1.0, -1.0)
    constants = (data, rows, columns, labels)
    return Workload(logistic, (np.zeros(features),), constants)


def control_workload(count: int) -> Workload:
    """Return a swing-up over this many times."""
    share = np.linspace(0.0, 1.0, count)
    guess = [np.pi * share, np.full(count, np.pi / DURATION), np.zeros(count)]
    return Workload(effort, (np.concatenate(guess),))


def comparisons(*, tiny: bool) -> Iterator[Solution]:
    """Yield the classic set."""
    both = (Peer(DIFFERENCES, faster(1)), Peer(JAX, faster(1)))
    size = 30 if tiny else 1_000
    chained = Workload(rosenbrock, (np.full(size, 0.5),))
    yield Solution(
        f"optimise, Rosenbrock {size:,} by L-BFGS-B",
        chained,
        both,
        rounds=3,
        solve=by_minimize("L-BFGS-B", maxiter=2_000, maxfun=10_000_000),
    )
    yield Solution(
        f"optimise, Rosenbrock {size:,} by Newton-CG",
        chained,
        both[1:],
        rounds=3,
        solve=by_minimize("Newton-CG"),
    )
    size = 300 if tiny else 100_000
    yield Solution(
        f"optimise, Broyden {size:,} by least_squares",
        Workload(broyden, (np.full(size, -1.0),)),
        both,
        rounds=3,
        solve=by_least_squares(tridiagonal, tr_solver="lsmr"),
    )
    size = 50 if tiny else 20_000
    yield Solution(
        f"optimise, a fit of {size:,} residuals",
        decays_workload(size),
        both,
        rounds=3,
        solve=by_least_squares(x_scale="jac"),
    )
    size = 8 if tiny else 40
    yield Solution(
        f"optimise, a swing-up at {size} times by SLSQP",
        control_workload(size),
        both,
        rounds=3,
        solve=with_constraint(motion, maxiter=300),
    )
    sizes = (50, 20) if tiny else (100_000, 1_000)
    yield Solution(
        f"optimise, logistic regression {sizes[0]:,} x {sizes[1]:,}",
        logistic_workload(*sizes),
        both[1:],
        rounds=3,
        solve=by_minimize("L-BFGS-B"),
    )
