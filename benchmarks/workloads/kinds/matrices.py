"""Linear algebra: what a matrix and its derivatives share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.compiled import Compilation
from benchmarks.workload import Workload, faster
from benchmarks.workloads.kinds.kind import Named, against_jax


def gaussian_process(
    xp: Any, size: Any, width: Any, noise: Any, squares: Any, y: Any
) -> Any:
    """Marginal likelihood of a Gaussian process, up to a constant.

    Operations: exp of a matrix, products, solve, slogdet, an inner product.
    """
    covariance = size**2 * xp.exp(-0.5 * squares / width**2)
    covariance = covariance + noise**2 * np.eye(len(y))
    _, logarithm = xp.linalg.slogdet(covariance)
    return 0.5 * y @ xp.linalg.solve(covariance, y) + 0.5 * logarithm


def normal_density(xp: Any, mean: Any, factor: Any, points: Any) -> Any:
    """Likelihood of points under a normal density, by Cholesky's factor.

    Operations: a product of matrices, cholesky, solve with all points, the diagonal,
    log, sums.
    """
    covariance = factor @ factor.T + np.eye(len(mean))
    lower = xp.linalg.cholesky(covariance)
    white = xp.linalg.solve(lower, (points - mean).T)
    return 0.5 * xp.sum(white**2) + len(points) * xp.sum(xp.log(xp.diagonal(lower)))


def design(xp: Any, weights: Any, x: Any) -> Any:
    """A- and D-optimality of an experiment whose runs have weights.

    Operations: exp, a quotient, a weighted product of matrices, inv, trace, slogdet.
    """
    shares = xp.exp(weights) / xp.sum(xp.exp(weights))
    information = x.T @ (shares[:, None] * x)
    _, logarithm = xp.linalg.slogdet(information)
    return xp.trace(xp.linalg.inv(information)) - logarithm


def all_of_one(xp: Any, root: Any, b: Any) -> Any:
    """Four functions of one matrix.

    Operations: a product of matrices, solve, slogdet, inv, cholesky, traces and sums.
    """
    matrix = root @ root.T + np.eye(len(b))
    solved = xp.linalg.solve(matrix, b)
    _, logarithm = xp.linalg.slogdet(matrix)
    lower = xp.linalg.cholesky(matrix)
    return (
        b @ solved
        + logarithm
        + xp.trace(xp.linalg.inv(matrix))
        + xp.sum(lower[-1] ** 2)
    )


def evidence(xp: Any, decay: Any, noise: Any, x: Any, y: Any) -> Any:
    """Evidence of a ridge regression with a decay for each column.

    Operations: exp, products of matrices, solve, slogdet, inv, the diagonal, sums.
    """
    precision = xp.exp(decay)
    matrix = xp.exp(noise) * x.T @ x + np.eye(x.shape[1]) * precision
    weights = xp.exp(noise) * xp.linalg.solve(matrix, x.T @ y)
    spread = xp.sum(xp.diagonal(xp.linalg.inv(matrix)))
    error = xp.sum((y - x @ weights) ** 2)
    _, logarithm = xp.linalg.slogdet(matrix)
    fit = xp.exp(noise) * error + xp.sum(precision * weights**2)
    return 0.5 * (fit + logarithm - xp.sum(decay) - len(y) * noise) + 0.01 * spread


def many_small(xp: Any, matrices: Any, vectors: Any) -> Any:
    """Sum over many small systems of their solutions' squares and log determinants.

    Operations: solve and slogdet of a stack of matrices, squares, sums.
    """
    solved = xp.linalg.solve(matrices, vectors[:, :, None])
    _, logarithms = xp.linalg.slogdet(matrices)
    return xp.sum(solved**2) + xp.sum(logarithms)


def ellipsoids(xp: Any, roots: Any, points: Any) -> Any:
    """Sum over ellipsoids of a distance and the logarithm of a volume.

    Operations: a product of stacks of matrices, swapaxes, solve, det, log, sums.
    """
    matrices = roots @ xp.swapaxes(roots, 1, 2) + np.eye(3)
    solved = xp.linalg.solve(matrices, points[:, :, None])
    return xp.sum(solved**2) + xp.sum(xp.log(xp.linalg.det(matrices)))


def exponential(xp: Any, generator: Any, state: Any) -> Any:
    """Size of a state after a unit of time: the exponential of a matrix by squarings.

    Operations: ten products of matrices with quotients and sums, six squares of
    matrices, a product, a square, a sum.
    """
    small = generator / 64.0
    term = found = np.eye(len(generator))
    for k in range(1, 11):
        term = term @ small / k
        found = found + term
    for _ in range(6):
        found = found @ found
    return xp.sum((found @ state) ** 2)


def power_iteration(xp: Any, matrix: Any, start: Any, *, steps: int) -> Any:
    """Largest eigenvalue of a matrix, by so many steps.

    Operations of a step: a product of a matrix and a vector, a norm, a quotient. At the
    end: two products.
    """
    v = start
    for _ in range(steps):
        v = matrix @ v
        v = v / xp.sqrt(xp.sum(v * v))
    return v @ (matrix @ v)


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    return against_jax("matrices", workloads(tiny=tiny), faster(1.5))


def workloads(*, tiny: bool) -> Named:
    """Yield the names and the workloads."""
    rng = np.random.default_rng(25)
    n = 6 if tiny else 200
    x = rng.uniform(0.0, 10.0, n)
    data = (x[:, None] - x) ** 2, np.sin(x)
    yield "Gaussian process", Workload(gaussian_process, (1.2, 0.8, 0.3), data)
    n, d = (6, 3) if tiny else (500, 30)
    arguments = rng.standard_normal(d), rng.standard_normal((d, d)) / d**0.5
    points = rng.standard_normal((n, d))
    yield "normal density", Workload(normal_density, arguments, (points,))
    n, d = (6, 3) if tiny else (1_000, 20)
    data = (rng.standard_normal((n, d)),)
    yield "design", Workload(design, (rng.standard_normal(n),), data)
    n = 5 if tiny else 64
    arguments = rng.standard_normal((n, n)) / n**0.5, rng.standard_normal(n)
    yield "all of one", Workload(all_of_one, arguments)
    n, d = (6, 3) if tiny else (500, 40)
    data = rng.standard_normal((n, d)), rng.standard_normal(n)
    arguments = rng.standard_normal(d), 0.2
    yield "evidence", Workload(evidence, arguments, data)
    n = 3 if tiny else 1_000
    arguments = (
        rng.standard_normal((n, 4, 4)) + 4.0 * np.eye(4),
        rng.standard_normal((n, 4)),
    )
    yield "many small", Workload(many_small, arguments)
    n = 3 if tiny else 300
    roots, points = rng.standard_normal((n, 3, 3)), rng.standard_normal((n, 3))
    yield "ellipsoids", Workload(ellipsoids, (roots,), (points,))
    n = 4 if tiny else 24
    arguments, data = ((rng.standard_normal(shape),) for shape in ((n, n), (n, 3)))
    yield "exponential", Workload(exponential, arguments, data)
    n, steps = (5, 3) if tiny else (100, 50)
    root = rng.standard_normal((n, n))
    arguments = (root @ root.T / n,)
    data = (rng.standard_normal(n),)
    yield (
        "power iteration",
        Workload(power_iteration, arguments, data, {"steps": steps}),
    )
