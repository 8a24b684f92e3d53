"""Gaussian mixture: the log posterior of its parameters, with a Wishart prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.gradbench.eval import (
    Arguments,
    Differentiable,
    Eval,
    Function,
    Input,
    Size,
)
from benchmarks.gradbench.lse import logsumexp
from benchmarks.tools import Tools
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
    zero = xp.zeros((icf.shape[0], 1))
    entries = xp.concatenate([xp.exp(icf[:, :d]), icf[:, d:], zero], axis=1)
    return entries[:, places(d)]


def places(d: int) -> np.ndarray:
    """Return where each entry of a matrix stands among those of its factor."""
    found = np.full((d, d), d * (d + 1) // 2)
    found[np.diag_indices(d)] = np.arange(d)
    columns, rows = np.triu_indices(d, 1)
    found[rows, columns] = d + np.arange(len(rows))
    return found


def log_wishart_constant(d: int, freedom: int, gamma: float) -> float:
    """Return the logarithm of what the Wishart density is normalised by."""
    n = d + freedom + 1
    log_gammas = sum(math.lgamma(0.5 * (n - j)) for j in range(d))
    return (
        n * d * math.log(gamma / math.sqrt(2.0))
        - 0.25 * d * (d - 1) * math.log(math.pi)
        - log_gammas
    )


def build_objective(tools: Tools, **prior: float) -> Callable[..., Any]:
    """Return the log posterior, compiled."""
    return tools.compile(partial(gmm, tools.xp, **prior))


def build_gradient(tools: Tools, **prior: float) -> Callable[..., Any]:
    """Return its gradient by the weights, the means and the factors, compiled."""
    return tools.compile(tools.grad(partial(gmm, tools.xp, **prior), (0, 1, 2)))


def prepare(given: Input) -> Arguments:
    """Return weights, means, factors and points, and the prior as options."""
    alphas, means, diagonals, below, points = (
        np.array(given[name], dtype=float) for name in ("alpha", "mu", "q", "l", "x")
    )
    factors = np.concatenate([diagonals, below.reshape(len(diagonals), -1)], axis=1)
    prior = {"freedom": given["m"], "gamma": given["gamma"]}
    return (alphas, means, factors, points), prior


def output(gradient: tuple[Any, Any, Any]) -> dict[str, Any]:
    """Return the gradient under the names of the parameters."""
    alphas, means, factors = map(np.asarray, gradient)
    d = means.shape[1]
    return {
        "alpha": alphas.tolist(),
        "mu": means.tolist(),
        "q": factors[:, :d].tolist(),
        "l": factors[:, d:].tolist(),
    }


def generate(*, points: int, d: int, k: int) -> Input:
    """Return a mixture of ``k`` components in ``d`` dimensions, and points."""
    rng = np.random.default_rng(8)
    return {
        "alpha": rng.standard_normal(k).tolist(),
        "mu": rng.random((k, d)).tolist(),
        "q": rng.standard_normal((k, d)).tolist(),
        "l": rng.standard_normal((k, d * (d - 1) // 2)).tolist(),
        "x": rng.standard_normal((points, d)).tolist(),
        "d": d,
        "k": k,
        "n": points,
        "m": 0,
        "gamma": 1.0,
    }


def gmm_workload(*, points: int, d: int, k: int) -> Workload:
    """Return the mixture as a workload of the other benchmarks."""
    arrays, prior = prepare(generate(points=points, d=d, k=k))
    return Workload(gmm, arrays[:3], arrays[3:], prior)


def differences(given: Input) -> Differentiable:
    """Return the log posterior as a function of what is differentiated."""
    (*parameters, points), prior = prepare(given)
    return lambda *x: gmm(np, *x, points, **prior), tuple(parameters)


EVAL = Eval(
    "gmm",
    {
        "objective": Function(build_objective, prepare),
        "jacobian": Function(build_gradient, prepare, output),
    },
    small=lambda: generate(points=6, d=3, k=2),
    sizes=(
        Size("d=2, k=5", "jacobian", lambda: generate(points=1000, d=2, k=5)),
        Size(
            "d=20, k=25",
            "jacobian",
            lambda: generate(points=1000, d=20, k=25),
            5.0,
            6.8,
        ),
        Size(
            "d=64, k=100",
            "jacobian",
            lambda: generate(points=1000, d=64, k=100),
            120.0,
            172.0,
        ),
    ),
    differences=differences,
)
