"""Gradients next to finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from chainrule.explainer.account.views import Tick
from chainrule.values.types import Result

Differences = Callable[[int], Result | None]
"""Central differences in one input, by its number; ``None`` where there are none."""


def checked(
    vertex: int, gradient: Result, difference: Result | None, result: Result
) -> Tick:
    """Compare a derivative of a result with its difference."""
    if difference is None or not np.all(np.isfinite(np.asarray(difference))):
        return Tick(vertex, gradient, difference, None)
    gap = np.asarray(gradient) - np.asarray(difference)
    allowed = 1e-4 * max(_largest(gradient), _largest(difference))
    allowed += 1e-8 * (1.0 + _largest(result))
    return Tick(vertex, gradient, difference, bool(_largest(gap) <= allowed))


def _largest(x: Result) -> float:
    return float(np.max(np.abs(np.asarray(x)), initial=0.0))


def summed_differences(differences: Differences, inputs: Sequence[int]) -> float | None:
    """Return the difference of a result where all inputs move by the same."""
    total = 0.0
    for i in range(len(inputs)):
        part = differences(i)
        if part is None:
            return None
        total += float(np.sum(np.asarray(part)))
    return total
