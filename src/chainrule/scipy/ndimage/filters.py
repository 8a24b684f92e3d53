"""Linear filters: correlation, Gaussian and uniform filters, differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.scipy.boundaries import Modes
from chainrule.scipy.correlations import correlation
from chainrule.scipy.ndimage.arguments import (
    Axes,
    Output,
    axes_of,
    for_each,
    image,
    in_order,
)
from chainrule.scipy.ndimage.running_means import mean_of_window
from chainrule.values.types import Array, ArrayValue
from chainrule.values.vertices import raw, stand_in
from chainrule.wrapping import implements

Number = float | ArrayValue
PerAxis = float | ArrayLike
"""A number for all axes, or one for each."""


def _correlated(
    x: Array, w: Array, axes: tuple[int, ...], mode: Modes, cval: complex, origin: Any
) -> Any:
    """Correlate, without conjugation, with weights for some axes, in ascending order"""
    if not isinstance(mode, str):
        raise ArgumentError("A sequence of modes is not supported here.")
    origins = for_each(origin, len(axes))
    for o, n in zip(origins, w.shape, strict=True):
        if not -(n // 2) <= o <= (n - 1) // 2:
            raise ArgumentError(
                f"origin={o} leaves the weights: it is from {-(n // 2)} to "
                f"{(n - 1) // 2} where there are {n}."
            )
    if w.dtype.kind == "c" and x.dtype.kind != "c":
        x = x.astype(np.result_type(x.dtype, np.complex64))
    origins = in_order(origins, axes, x.ndim)
    ascending = tuple(sorted(axes))
    return correlation(x, w, axes=ascending, mode=mode, cval=cval, origin=origins)


def _weights(w: ArrayLike, count: int) -> Array:
    """Return weights as floating-point numbers, checked."""
    w = ops.asarray(w)
    if w.ndim != count or not w.size:
        raise ArgumentError(
            f"weights have the shape {w.shape}; they need {count} axes and an entry."
        )
    return w if w.dtype.kind in "fc" else w.astype(np.float64)


def _turned(w: Array, origin: Any) -> tuple[Array, list[int]]:
    """Return the weights and origins of the correlation that is a convolution."""
    origins = for_each(origin, w.ndim)
    return ops.flip(w), [-o - 1 + n % 2 for o, n in zip(origins, w.shape, strict=True)]


@implements(scipy.ndimage.correlate1d)
def correlate1d(
    input: ArrayLike,
    weights: ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> Any:
    """Return the correlation with weights along an axis."""
    x, w = image(input, output), _weights(weights, 1)
    w = ops.conjugate(w) if w.dtype.kind == "c" else w
    return _correlated(x, w, axes_of(axis, x.ndim), mode, cval, origin)


@implements(scipy.ndimage.convolve1d)
def convolve1d(
    input: ArrayLike,
    weights: ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> Any:
    """Return the convolution with weights along an axis."""
    x = image(input, output)
    w, origins = _turned(_weights(weights, 1), origin)
    return _correlated(x, w, axes_of(axis, x.ndim), mode, cval, origins)


@implements(scipy.ndimage.correlate)
def correlate(
    input: ArrayLike,
    weights: ArrayLike,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    *,
    axes: Axes = None,
) -> Any:
    """Return the correlation with weights along several axes."""
    x = image(input, output)
    along = axes_of(axes, x.ndim)
    w = _weights(weights, len(along))
    w = ops.conjugate(w) if w.dtype.kind == "c" else w
    return _correlated(x, w, along, mode, cval, origin)


@implements(scipy.ndimage.convolve)
def convolve(
    input: ArrayLike,
    weights: ArrayLike,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    *,
    axes: Axes = None,
) -> Any:
    """Return the convolution with weights along several axes."""
    x = image(input, output)
    along = axes_of(axes, x.ndim)
    w, origins = _turned(_weights(weights, len(along)), origin)
    return _correlated(x, w, along, mode, cval, origins)


# ---------------------------------------------------------------------------- Gaussian


def gaussian_kernel(sigma: Number, order: int, radius: int) -> Any:
    """Return a Gaussian at -radius, ..., radius, normalised, or a derivative of it.

    A derivative is the Gaussian times a polynomial, found by q -> q' - x q / sigma².
    """
    x = np.arange(-radius, radius + 1)
    phi = ops.exp(-0.5 / (sigma * sigma) * x**2)
    phi = phi / ops.sum(phi)
    q: list[Any] = [1.0] + [0.0] * order
    for _ in range(order):
        slope = [(i + 1) * c for i, c in enumerate(q[1:])] + [0.0]
        lower = [0.0] + [-c / (sigma * sigma) for c in q[:-1]]
        q = [a + b for a, b in zip(slope, lower, strict=True)]
    return sum((c * x**i for i, c in enumerate(q[1:], 1)), q[0]) * phi


def _radius(sigma: Number, truncate: float, radius: int | None) -> int:
    if radius is not None:
        return radius
    if isinstance(raw(sigma), stand_in):
        raise ArgumentError(
            "How far a Gaussian filter reaches depends on the value of sigma. Pass "
            "radius= where sigma is an argument of a compiled function."
        )
    return int(truncate * float(raw(sigma)) + 0.5)


@implements(scipy.ndimage.gaussian_filter1d)
def gaussian_filter1d(
    input: ArrayLike,
    sigma: Number,
    axis: int = -1,
    order: int = 0,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
) -> Any:
    """Return the correlation with a Gaussian, or with a derivative of it.

    ``sigma`` may be a node; the radius of the filter is constant.
    """
    kernel = gaussian_kernel(sigma, order, _radius(sigma, truncate, radius))
    return correlate1d(input, ops.flip(kernel), axis, output, mode, cval, 0)


@implements(scipy.ndimage.gaussian_filter)
def gaussian_filter(
    input: ArrayLike,
    sigma: PerAxis,
    order: int | tuple[int, ...] = 0,
    output: Output = None,
    mode: str | tuple[str, ...] = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | tuple[int, ...] | None = None,
    axes: Axes = None,
) -> Any:
    """Return the Gaussian filter along several axes, one after the other."""
    x = image(input, output)
    along = axes_of(axes, x.ndim)
    given = (for_each(v, len(along)) for v in (sigma, order, mode, radius))
    for axis, s, o, m, r in zip(along, *given, strict=True):
        if s > 1e-15:
            x = gaussian_filter1d(x, s, axis, o, None, m, cval, truncate, radius=r)
    return x


# -------------------------------------------------------------------- uniform weights


@implements(scipy.ndimage.uniform_filter1d)
def uniform_filter1d(
    input: ArrayLike,
    size: int,
    axis: int = -1,
    output: Output = None,
    mode: str = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
) -> Any:
    """Return the running mean along an axis."""
    x = image(input, output)
    (along,) = axes_of(axis, x.ndim)
    return mean_of_window(x, size=size, axis=along, mode=mode, cval=cval, origin=origin)


@implements(scipy.ndimage.uniform_filter)
def uniform_filter(
    input: ArrayLike,
    size: int | tuple[int, ...] = 3,
    output: Output = None,
    mode: str | tuple[str, ...] = "reflect",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    *,
    axes: Axes = None,
) -> Any:
    """Return the running mean along several axes."""
    x = image(input, output)
    along = axes_of(axes, x.ndim)
    given = (for_each(v, len(along)) for v in (size, mode, origin))
    for axis, n, m, o in zip(along, *given, strict=True):
        if n > 1:
            x = uniform_filter1d(x, int(n), axis, None, m, cval, o)
    return x


# ------------------------------------------------------------------------- differences


def _difference(x: Array, axis: int, mode: Any, cval: complex, smooth: Any) -> Any:
    """Return the central difference along an axis, smoothed along the others."""
    modes = for_each(mode, x.ndim)
    (axis,) = axes_of(axis, x.ndim)
    z = correlate1d(x, np.array([-1.0, 0, 1]), axis, None, modes[axis], cval)
    for a in range(x.ndim):
        if a != axis:
            z = correlate1d(z, np.array(smooth, float), a, None, modes[a], cval)
    return z


@implements(scipy.ndimage.prewitt)
def prewitt(
    input: ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: str | tuple[str, ...] = "reflect",
    cval: complex = 0.0,
) -> Any:
    """Return the difference along an axis, summed over neighbours along the others."""
    return _difference(image(input, output), axis, mode, cval, (1, 1, 1))


@implements(scipy.ndimage.sobel)
def sobel(
    input: ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: str | tuple[str, ...] = "reflect",
    cval: complex = 0.0,
) -> Any:
    """Return the difference along an axis, smoothed along the others by (1, 2, 1)."""
    return _difference(image(input, output), axis, mode, cval, (1, 2, 1))


@implements(scipy.ndimage.laplace)
def laplace(
    input: ArrayLike,
    output: Output = None,
    mode: str | tuple[str, ...] = "reflect",
    cval: complex = 0.0,
    *,
    axes: Axes = None,
) -> Any:
    """Return the sum of the second differences along axes."""
    x = image(input, output)
    along = axes_of(axes, x.ndim)
    w = np.array([1.0, -2, 1])
    modes = for_each(mode, len(along))
    parts = [
        correlate1d(x, w, a, None, m, cval) for a, m in zip(along, modes, strict=True)
    ]
    return sum(parts[1:], parts[0]) if parts else x


def _curvatures(
    x: Array, sigma: Any, mode: Any, cval: complex, axes: Axes, given: Any
) -> list[Any]:
    """Return second derivatives of a Gaussian filter, along one axis each."""
    along = axes_of(axes, x.ndim)
    modes = for_each(mode, len(along))
    sigmas: list[Any] = [0.0] * x.ndim
    for a, s in zip(along, for_each(sigma, len(along)), strict=True):
        sigmas[a] = s
    parts: list[Any] = []
    for axis, m in zip(along, modes, strict=True):
        z = x
        for a, s in enumerate(sigmas):
            if s > 1e-15:
                o = 2 if a == axis else 0
                z = gaussian_filter1d(z, s, a, o, None, m, cval, **given)
        parts.append(z)
    return parts


@implements(scipy.ndimage.gaussian_laplace)
def gaussian_laplace(
    input: ArrayLike,
    sigma: PerAxis,
    output: Output = None,
    mode: str | tuple[str, ...] = "reflect",
    cval: complex = 0.0,
    *,
    axes: Axes = None,
    **kwargs: float,
) -> Any:
    """Return the sum of the second derivatives of a Gaussian filter."""
    x = image(input, output)
    parts = _curvatures(x, sigma, mode, cval, axes, kwargs)
    return sum(parts[1:], parts[0]) if parts else x


@implements(scipy.ndimage.gaussian_gradient_magnitude)
def gaussian_gradient_magnitude(
    input: ArrayLike,
    sigma: PerAxis,
    output: Output = None,
    mode: str | tuple[str, ...] = "reflect",
    cval: complex = 0.0,
    *,
    axes: Axes = None,
    **kwargs: float,
) -> Any:
    """Return the length of the gradient of a Gaussian filter.

    The filter is along all axes, the gradient along ``axes``, as in SciPy. Its
    derivative where the gradient is 0 is 0, as that of ``np.linalg.norm`` is.
    """
    x = image(input, output)
    if x.dtype.kind == "c":
        raise ArgumentError("The length of the gradient needs real numbers.")
    along = axes_of(axes, x.ndim)
    parts: list[Any] = []
    for axis, m in zip(along, for_each(mode, len(along)), strict=True):
        order = tuple(int(a == axis) for a in range(x.ndim))
        parts.append(gaussian_filter(x, sigma, order, None, m, cval, **kwargs))
    return np.linalg.norm(ops.stack(parts), axis=0) if parts else x
