"""Graphs and lists of places: what arrays of integers that are arguments pick."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.compiled import Compilation
from benchmarks.workload import Workload, faster
from benchmarks.workloads.kinds.kind import Named, against_jax


def springs(xp: Any, x: Any, stiffness: Any, rest: Any, start: Any, end: Any) -> Any:
    """Energy of springs between points, of which two lists of places say the ends.

    Operations: rows of an array picked twice, a difference, a square, a sum over an
    axis, a square root, a difference, a square, a product, a sum.
    """
    gap = x[end] - x[start]
    length = xp.sqrt(xp.sum(gap * gap, axis=1) + 1e-9)
    return xp.sum(stiffness * (length - rest) ** 2)


def embeddings(xp: Any, table: Any, weights: Any, words: Any, labels: Any) -> Any:
    """Logistic loss of texts, each the mean of the vectors of its words.

    Operations: rows of an array picked by a matrix of places, a mean over an axis, a
    product with a vector, a product, logaddexp, a mean.
    """
    found = xp.mean(table[words], axis=1) @ weights
    return xp.mean(xp.logaddexp(0.0, -labels * found))


def workloads(*, tiny: bool) -> Named:
    """Yield the names and the workloads."""
    rng = np.random.default_rng(31)
    points, many = (5, 9) if tiny else (4000, 20_000)
    x, rest = rng.standard_normal((points, 3)), rng.uniform(0.5, 1.0, many)
    start, end = rng.integers(0, points, (2, many))
    arguments = x, rng.uniform(1.0, 2.0, many), rest
    yield "springs", Workload(springs, arguments, (start, end))
    words, texts, length = (6, 4, 3) if tiny else (5000, 2000, 20)
    table, weights = rng.standard_normal((words, 16)), rng.standard_normal(16)
    data = rng.integers(0, words, (texts, length)), rng.choice([-1.0, 1.0], texts)
    yield "embeddings", Workload(embeddings, (table, weights), data)


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    return against_jax("edges", workloads(tiny=tiny), faster(1.0))
