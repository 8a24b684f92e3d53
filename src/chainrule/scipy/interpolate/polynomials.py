"""Polynomials through values: Lagrange's form, in which each value has a factor."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.scipy.interpolate.pieces import moved_to
from chainrule.scipy.moving import (
    example,
    floats_of,
    moves,
    own_floats,
    plain_only,
    refused,
)
from chainrule.values.vertices import is_refused, raw

_scipy: Any = scipy.interpolate
_np: Any = np


def _through(name: str, xi: ArrayLike, yi: ArrayLike, x: ArrayLike, axis: int) -> Any:
    """Return the polynomial through values at points.

    The factor of y[j] is the product over m of (x - x[m]) / (x[j] - x[m]), m not j
    (DLMF 3.3.2): it has all derivatives, also at the x[j].
    """
    knots, values, at = (
        floats_of(xi),
        _np.moveaxis(floats_of(yi), axis, 0),
        floats_of(x),
    )
    if knots.ndim != 1 or knots.shape[0] != values.shape[0]:
        raise ValueError(f"{name} needs one x for each y along the axis.")
    n = knots.shape[0]
    own = np.eye(n, dtype=bool)
    flat = _np.reshape(at, (-1, 1, 1))
    above = _np.where(own, 1.0, flat - knots)
    below = _np.where(own, 1.0, knots[:, None] - knots)
    factors = _np.prod(above / below, axis=-1)
    z = _np.tensordot(factors, values, axes=1)
    z = _np.reshape(z, (*at.shape, *values.shape[1:]))
    return moved_to(z, at.ndim, axis % values.ndim)


def barycentric_interpolate(
    xi: ArrayLike,
    yi: ArrayLike,
    x: ArrayLike,
    axis: int = 0,
    *,
    der: int = 0,
    rng: Any = None,
) -> Any:
    """Return the polynomial through values: ``scipy.interpolate``'s function.

    It is differentiable in ``xi``, ``yi`` and ``x``.

    Examples
    --------
    >>> import chainrule as gd
    >>> from chainrule.scipy.interpolate import barycentric_interpolate
    >>> gd.grad(lambda x: barycentric_interpolate([0, 1, 2], [0, 1, 4], x))(1.0)
    2.0
    """
    if not moves(xi, yi, x):
        return _scipy.barycentric_interpolate(xi, yi, x, axis, der=der, rng=rng)
    _refuse_order("barycentric_interpolate", der)
    return _through("barycentric_interpolate", xi, yi, x, axis)


def krogh_interpolate(
    xi: ArrayLike, yi: ArrayLike, x: ArrayLike, der: int = 0, axis: int = 0
) -> Any:
    """Return the polynomial through values: ``scipy.interpolate``'s function.

    Repeated ``xi``, where ``yi`` are derivatives, are for plain numbers.
    """
    if not moves(xi, yi, x):
        return _scipy.krogh_interpolate(xi, yi, x, der, axis)
    _refuse_order("krogh_interpolate", der)
    return _through("krogh_interpolate", xi, yi, x, axis)


def _refuse_order(name: str, der: Any) -> None:
    if np.ndim(der) or der != 0:
        raise ArgumentError(
            f"{name} on nodes does not support der={der!r}. Differentiate it: "
            "gd.elementwise_grad of it as a function of x."
        )


def lagrange(x: ArrayLike, w: ArrayLike) -> Any:
    """Return the polynomial through plain values, as ``scipy.interpolate.lagrange``."""
    if moves(x, w):
        raise refused(
            "lagrange, which makes a np.poly1d of plain coefficients,",
            "Write barycentric_interpolate(x, w, at): its values have.",
        )
    return _scipy.lagrange(x, w)


_SLOPES = "Differentiate it: gd.elementwise_grad(p)(x), where p is the interpolant."


class BarycentricInterpolator(_scipy.BarycentricInterpolator):
    """The polynomial through values, as ``scipy.interpolate``'s.

    It is differentiable in ``xi``, ``yi`` and the points at which it is called.
    """

    _given: Any = None
    yi: plain_only = plain_only()
    derivative: plain_only = plain_only(_SLOPES)
    derivatives: plain_only = plain_only(_SLOPES)

    def __init__(
        self, xi: ArrayLike, yi: ArrayLike | None = None, axis: int = 0, **more: Any
    ) -> None:
        """Interpolate ``yi`` along an axis."""
        plain = None if yi is None else example(yi)
        _scipy.BarycentricInterpolator.__init__(self, example(xi), plain, axis, **more)
        if yi is not None:
            self._given = own_floats(xi), own_floats(yi), axis
        self._weighted = more.get("wi") is not None
        self._moving: bool = moves(xi, yi)

    def __call__(self, x: ArrayLike) -> Any:
        """Return values at points."""
        if not self._moving and not moves(x):
            return _scipy.BarycentricInterpolator.__call__(self, x)
        if self._given is None:
            raise refused("A polynomial whose values were set later", _ALL)
        if self._weighted:
            raise refused(
                "A polynomial with weights of one's own, wi=,",
                "Leave them away: they follow from xi.",
            )
        xi, yi, axis = self._given
        return _through("BarycentricInterpolator", xi, yi, x, axis)

    def add_xi(self, xi: ArrayLike, yi: ArrayLike | None = None) -> None:
        """Add plain values, as SciPy."""
        if self._moving or moves(xi, yi):
            raise refused("add_xi", _ALL)
        _scipy.BarycentricInterpolator.add_xi(self, xi, yi)
        self._given = None

    def set_yi(self, yi: ArrayLike, axis: int | None = None) -> None:
        """Exchange the values by plain ones, as SciPy."""
        if moves(yi):
            raise refused("set_yi", _ALL)
        _scipy.BarycentricInterpolator.set_yi(self, yi, axis)
        self._given = None


_ALL = "Pass all of them: BarycentricInterpolator(xi, yi)."


class KroghInterpolator(_scipy.KroghInterpolator):
    """The polynomial through values, as ``scipy.interpolate``'s.

    It is differentiable in ``xi``, ``yi`` and the points at which it is called, where
    no ``xi`` is repeated.
    """

    yi: plain_only = plain_only()
    c: plain_only = plain_only("Call it: its values have one.")
    derivative: plain_only = plain_only(_SLOPES)
    derivatives: plain_only = plain_only(_SLOPES)

    def __init__(self, xi: ArrayLike, yi: ArrayLike, axis: int = 0) -> None:
        """Interpolate ``yi`` along an axis."""
        _scipy.KroghInterpolator.__init__(self, example(xi), example(yi), axis)
        self._given: Any = own_floats(xi), own_floats(yi), axis
        self._moving: bool = moves(xi, yi)

    def __call__(self, x: ArrayLike) -> Any:
        """Return values at points."""
        if not self._moving and not moves(x):
            return _scipy.KroghInterpolator.__call__(self, x)
        xi, yi, axis = self._given
        if is_refused(_np.any(_np.diff(_np.sort(raw(xi))) == 0)):
            raise refused("A polynomial with repeated xi", "Call it at plain points.")
        return _through("KroghInterpolator", xi, yi, x, axis)
