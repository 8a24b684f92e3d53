"""Clusters: Newton's direction, from a gradient and the diagonal of a Hessian."""

from __future__ import annotations

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
from benchmarks.tools import Tools


def cost(xp: Any, points: Any, centroids: Any) -> Any:
    """Sum over the points of the squared distance to the nearest centroid.

    Operations: squares and sums along the axis of space, a matrix product, a sum and a
    difference of all pairs, the minimum over the centroids, a sum.

    Parameters
    ----------
    points, centroids
        Shapes (n, d) and (k, d).
    """
    lengths = xp.sum(points * points, axis=1)[:, None]
    products = points @ xp.swapaxes(centroids, 0, 1)
    squares = lengths + xp.sum(centroids * centroids, axis=1) - 2.0 * products
    return xp.sum(xp.min(squares, axis=1))


def build_cost(tools: Tools) -> Callable[[Any, Any], Any]:
    """Return the cost, compiled."""
    return tools.compile(partial(cost, tools.xp))


def build_direction(tools: Tools) -> Callable[[Any, Any, Any], Any]:
    """Return the function of Newton's direction, compiled.

    Each coordinate of a centroid meets no other in the Hessian, which is a diagonal. So
    its product with a vector of ones, the tangent of the gradient, is that diagonal.
    """

    def direction(points: Any, centroids: Any, ones: Any) -> Any:
        slope = tools.grad(partial(cost, tools.xp, points))
        gradient, curvature = tools.jvp(slope, (centroids,), (ones,))
        return gradient / curvature

    return tools.compile(direction)


def prepare(given: Input) -> Arguments:
    """Return points and centroids."""
    points, centroids = (np.array(given[n], float) for n in ("points", "centroids"))
    return (points, centroids), {}


def prepare_direction(given: Input) -> Arguments:
    """Return points, centroids, and the direction in which the gradient is followed."""
    (points, centroids), options = prepare(given)
    return (points, centroids, np.ones_like(centroids)), options


def generate(*, k: int, n: int, d: int) -> Input:
    """Return n points of a cube, and k of them as centroids, so that none is alone."""
    rng = np.random.default_rng(13)
    points = rng.random((n, d))
    centroids = points[rng.permutation(n)[:k]]
    return {"points": points.tolist(), "centroids": centroids.tolist()}


def differences(given: Input) -> Differentiable:
    """Return the cost as a function of the centroids."""
    points, centroids = prepare(given)[0]
    return partial(cost, np, points), (centroids,)


EVAL = Eval(
    "kmeans",
    {
        "cost": Function(build_cost, prepare),
        "dir": Function(build_direction, prepare_direction),
    },
    small=lambda: generate(k=3, n=20, d=2),
    sizes=(
        Size("k=10, n=1,000, d=8", "dir", lambda: generate(k=10, n=1000, d=8)),
        Size(
            "k=1,000, n=10,000, d=8",
            "dir",
            lambda: generate(k=1000, n=10_000, d=8),
            35,
            47,
        ),
        Size(
            "k=1,000, n=10,000, d=16", "dir", lambda: generate(k=1000, n=10_000, d=16)
        ),
    ),
    differences=differences,
    order=2,
)
