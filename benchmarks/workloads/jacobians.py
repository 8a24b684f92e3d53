"""Functions of many numbers or with many results, for their Jacobians."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Workload


def decay(xp: Any, sizes: Any, rates: Any, times: Any, seen: Any) -> Any:
    """Errors of a sum of decaying terms at many times: few numbers in, many out.

    Operations: times[:, None] * rates, negation, exp, a matrix product, a difference.
    """
    return xp.exp(-(times[:, None] * rates)) @ sizes - seen


def features(xp: Any, signal: Any, filters: Any) -> Any:
    """Responses of filters to a signal: many numbers in, few out.

    Operations: sin, signal * signal, product, sum, a matrix product, tanh.
    """
    return xp.tanh(filters @ (xp.sin(signal) + 0.1 * signal * signal))


def tall_workload(*, size: int, results: int) -> Workload:
    """Return the decay of ``size // 2`` terms at this many times."""
    rng = np.random.default_rng(10)
    terms = size // 2
    arguments = rng.uniform(0.5, 1.5, terms), rng.uniform(0.1, 2.0, terms)
    data = np.linspace(0.0, 5.0, results), rng.standard_normal(results)
    return Workload(decay, arguments, data)


def wide_workload(*, size: int, results: int) -> Workload:
    """Return the responses of this many filters to a signal of ``size`` numbers."""
    rng = np.random.default_rng(11)
    filters = rng.standard_normal((results, size)) / size**0.5
    return Workload(features, (rng.standard_normal(size),), (filters,))
