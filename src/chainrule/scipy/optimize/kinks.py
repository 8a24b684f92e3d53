"""Where a minimum has no derivative: at kinks, and where conditions are dependent."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import SolutionWarning
from chainrule.values.types import Array

_np: Any = np
STEEP = 1e-5
"""A slope, relative to a function, that may be none of a minimum."""
STEP = 1e-2
"""How far, relative to an unknown, its slope is looked at beside a steep minimum."""
TINY = 1e-7
"""How far where the slope is none: at a kink itself."""


def warn(words: str) -> None:
    """Warn of a solution."""
    warnings.warn(words, SolutionWarning, stacklevel=2)


class Minimised(NamedTuple):
    """A function that was minimised, its gradient, and its Hessian's products."""

    value: Callable[[Any], Any]
    gradient: Callable[[Any], Any]
    product: Callable[[Any, Any], Any]


def smooth(
    f: Minimised, x: Array, slope: Array, rest: Array, far: NDArray[Any]
) -> float:
    """Return 1, or nan with a warning where a minimum is at a kink of the function.

    Beside a smooth minimum the gradient changes as its derivative says. ``rest`` is
    what is left of ``slope``: along it, as far as it should take to get to zero, one
    goes over a kink. ``far`` tells which unknowns may be changed.
    """
    rest = _np.where(far, rest, 0.0)
    steepest = float(_np.max(_np.abs(rest), initial=0.0))
    size = 1.0 + abs(float(f.value(x)))
    reach = 1.0 + _np.abs(x)
    allowed = 0.5 * steepest
    if steepest > STEEP * size:
        along = -rest / steepest
        bend = _np.asarray(f.product(x, along))
        bent: Any = along @ bend
        length: Any = _np.min(STEP * reach / _np.maximum(_np.abs(along), 1e-3))
        if bent > 0.0:
            length = min(length, -(along @ rest) / bent)
        change = _np.asarray(f.gradient(x + length * along)) - slope
    else:
        along, length = _np.where(far, reach, 0.0), TINY
        change = _np.asarray(f.gradient(x + length * along)) - slope
        allowed = 1e-3 * size
        if not _np.max(_np.abs(change)[far], initial=0.0) > allowed:
            return 1.0
        bend = _np.asarray(f.product(x, along))
        allowed = max(allowed, 0.5 * length * float(_np.max(_np.abs(bend))))
    if not _np.max(_np.abs(change - length * bend)[far], initial=0.0) > allowed:
        return 1.0
    warn(
        "the minimum lies at a kink of the function: its gradient jumps there, and no "
        "derivative of the minimum follows from it, so that it is nan. Minimise a "
        "smooth function (np.sqrt(x * x + 1e-12), and not np.abs(x))."
    )
    return _np.nan


def regular(*parts: Array) -> float:
    """Return 1, or nan with a warning where rows depend on each other."""
    rows = _np.concatenate(parts)
    if rows.size:
        lengths = _np.linalg.norm(rows, axis=1, keepdims=True)
        s = _np.linalg.svd(rows / _np.where(lengths == 0, 1, lengths), compute_uv=False)
        if len(rows) > rows.shape[1] or s[-1] <= 1e-8 or not lengths.all():
            warn(
                "the active constraints depend on each other at the minimum (their "
                "gradients are not independent), so their multipliers are not unique "
                "and the derivative is nan. Leave out constraints that others imply."
            )
            return _np.nan
    return 1.0


__all__ = ["Minimised", "regular", "smooth", "warn"]
