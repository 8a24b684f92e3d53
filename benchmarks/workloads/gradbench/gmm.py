"""Gaussian mixture: the log posterior of its parameters, with a Wishart prior."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.workload import Workload


def gmm(
    xp: Any,
    alphas: Any,
    means: Any,
    icf: Any,
    points: Any,
    *,
    freedom: int,
    gamma: float,
) -> Any:
    """Log posterior of a Gaussian mixture given points.

    Operations: exp, concatenation and an index that make triangular matrices; points
    minus means, a batched matrix product, squares, sums over axes, two log-sum-exp,
    and for the prior a sum of squares.

    Parameters
    ----------
    alphas
        Logarithms of the components' weights, up to a constant: shape (k,).
    means
        Shape (k, d).
    icf
        Factors Q of the inverse covariances Q.T @ Q, which are lower triangular: the
        logarithms of the diagonal, then what is below it, column by column: shape
        (k, d (d + 1) / 2).
    points
        Shape (n, d).
    freedom, gamma
        Of the prior: each inverse covariance is Wishart with d + freedom + 1 degrees
        of freedom and scale 1 / gamma**2.
    """
    n, d = points.shape
    k = alphas.shape[0]
    factors = triangular(xp, icf, d)
    log_det = xp.sum(icf[:, :d], axis=1)
    white = (points - means[:, None, :]) @ xp.swapaxes(factors, 1, 2)
    score = (alphas + log_det)[:, None] - 0.5 * xp.sum(white * white, axis=2)
    likelihood = xp.sum(logsumexp(xp, score)) - n * (
        logsumexp(xp, alphas) + 0.5 * d * math.log(2.0 * math.pi)
    )
    prior = freedom * xp.sum(log_det) - 0.5 * gamma**2 * xp.sum(factors * factors)
    return likelihood + prior + k * log_wishart_constant(d, freedom, gamma)


def triangular(xp: Any, icf: Any, d: int) -> Any:
    """Return the factors as matrices of shape (k, d, d)."""
    zero = np.zeros((icf.shape[0], 1))
    entries = xp.concatenate([xp.exp(icf[:, :d]), icf[:, d:], zero], axis=1)
    return entries[:, places(d)]


def places(d: int) -> np.ndarray:
    """Return where each entry of a matrix stands among those of its factor."""
    found = np.full((d, d), d * (d + 1) // 2)
    found[np.diag_indices(d)] = np.arange(d)
    columns, rows = np.triu_indices(d, 1)
    found[rows, columns] = d + np.arange(len(rows))
    return found


def logsumexp(xp: Any, x: Any) -> Any:
    """Return log(sum(exp(x))) over the first axis."""
    top = xp.max(x, axis=0)
    return top + xp.log(xp.sum(xp.exp(x - top), axis=0))


def log_wishart_constant(d: int, freedom: int, gamma: float) -> float:
    """Return the logarithm of what the Wishart density is normalised by."""
    n = d + freedom + 1
    log_gammas = sum(math.lgamma(0.5 * (n - j)) for j in range(d))
    return (
        n * d * math.log(gamma / math.sqrt(2.0))
        - 0.25 * d * (d - 1) * math.log(math.pi)
        - log_gammas
    )


def gmm_workload(*, points: int, d: int, k: int) -> Workload:
    """Return the mixture of ``k`` components in ``d`` dimensions."""
    rng = np.random.default_rng(8)
    arguments = (
        rng.standard_normal(k),
        rng.random((k, d)),
        rng.standard_normal((k, d * (d + 1) // 2)),
    )
    data = (rng.standard_normal((points, d)),)
    return Workload(gmm, arguments, data, {"freedom": 0, "gamma": 1.0})
