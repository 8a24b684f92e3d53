"""Natural cubic splines that smooth: close to the values, and of little curvature.

C. Reinsch, "Smoothing by spline functions", Numerische Mathematik 10, 177-183 (1967):
the second derivatives g at the points solve ``(R + lam Q.T Q / w) g = Q.T y``, and the
values are ``y - lam Q g / w``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate
from numpy.typing import ArrayLike

from chainrule.scipy import linalg
from chainrule.scipy.interpolate.pieces import lane
from chainrule.scipy.interpolate.splines import make_interp_spline, ours
from chainrule.scipy.moving import example, floats_of, increasing, moves, refused
from chainrule.values.shapes import normalize_axes
from chainrule.values.types import Array

_np: Any = np
_scipy: Any = scipy.interpolate


def make_smoothing_spline(
    x: ArrayLike,
    y: ArrayLike,
    w: ArrayLike | None = None,
    lam: float | None = None,
    *,
    axis: int = 0,
) -> Any:
    """Return the spline with the least ``sum(w (y - f)**2) + lam integral(f''**2)``.

    It is ``scipy.interpolate.make_smoothing_spline``, differentiable in ``x``, ``y``,
    ``w`` and ``lam``. On nodes ``lam`` is to be given.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import make_smoothing_spline
    >>> x, y = np.arange(6.0), np.array([0.0, 1.5, 1.0, 3.0, 4.5, 4.0])
    >>> def middle(lam):
    ...     return make_smoothing_spline(x, y, lam=lam)(2.0)
    >>> f"{gd.grad(middle)(0.1):.6f}"
    '1.971226'
    """
    if not moves(x, y, w, lam):
        return ours(_scipy.make_smoothing_spline(x, y, w, lam, axis=axis))
    if lam is None:
        raise refused(
            "make_smoothing_spline by cross-validation",
            "Give lam, the weight of the curvature.",
        )
    plain = (example(x), example(y), None if w is None else example(w), example(lam))
    _scipy.make_smoothing_spline(*plain, axis=axis)  # raises where a call is wrong
    at, values, weight = increasing(x), floats_of(y), floats_of(lam)
    axis = normalize_axes(axis, values.ndim)[0]
    values = _np.moveaxis(values, axis, 0)
    flat = _np.reshape(values, (values.shape[0], -1))
    trust: Any = np.ones(at.shape[0]) if w is None else floats_of(w)
    fitted = _np.reshape(_smoothed(at, flat, trust, weight), values.shape)
    fitted = _np.moveaxis(fitted, 0, axis)
    return make_interp_spline(at, fitted, 3, bc_type="natural", axis=axis)


def _smoothed(x: Array, y: Array, w: Array, lam: Array) -> Any:
    """Return the values of the spline at its points."""
    h: Any = _np.diff(x)
    first, last = 1.0 / h[:-1], 1.0 / h[1:]
    middle = -first - last
    v: Any = 1.0 / w
    main = (h[:-1] + h[1:]) / 3.0 + lam * (
        first**2 * v[:-2] + middle**2 * v[1:-1] + last**2 * v[2:]
    )
    near = h[1:-1] / 6.0 + lam * (
        middle[:-1] * first[1:] * v[1:-2] + last[:-1] * middle[1:] * v[2:-1]
    )
    far = lam * (last[:-2] * first[2:] * v[2:-2])
    rows = [_np.concatenate([np.zeros(2), far]), _np.concatenate([np.zeros(1), near])]
    bent = _np.diff(_np.diff(y, axis=0) / lane(h, y.ndim), axis=0)
    g = linalg.solveh_banded(_np.stack([*rows, main]), bent)
    none = np.zeros((1, *y.shape[1:]))
    slopes = _np.diff(_np.concatenate([none, g, none]), axis=0) / lane(h, y.ndim)
    moved = _np.diff(_np.concatenate([none, slopes, none]), axis=0)
    return y - lam * lane(v, y.ndim) * moved


__all__ = ["make_smoothing_spline"]
