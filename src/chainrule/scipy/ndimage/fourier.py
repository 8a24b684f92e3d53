"""Filters in the frequency domain: products with a function of the frequency."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.operations import namespace as ops
from chainrule.scipy.ndimage.arguments import Output, axes_of, for_each, image
from chainrule.values.types import Array, ArrayValue, Shape
from chainrule.wrapping import implements

PerAxis = float | ArrayLike
_theirs: Any = scipy.ndimage


def _spectrum(x: ArrayLike, output: Output, *, is_complex: bool = False) -> Array:
    """Return an input in the dtype of the result."""
    x = ops.asarray(x)
    if output is None and x.dtype.kind not in "fc":
        output = np.float64
    if is_complex and output is None and x.dtype.kind != "c":
        output = np.complex128
    return image(x, output)


def _frequencies(shape: Shape, n: int, axis: int) -> list[NDArray[np.float64]]:
    """Return the cycles per entry along each axis: of n entries, if half are kept."""
    found: list[NDArray[np.float64]] = []
    for a, count in enumerate(shape):
        half = a == axis and n >= 0
        f: Any = np.arange(count) / n if half else np.fft.fftfreq(count)
        found.append(f.reshape(-1, *(1,) * (len(shape) - 1 - a)))
    return found


def _filtered(x: Array, given: Any, n: int, axis: int, kind: str) -> Any:
    """Multiply by the filter of a kind: of SciPy, or of nodes."""
    (axis,) = axes_of(axis, x.ndim)
    values = for_each(given, x.ndim)
    if not holds_nodes(values):
        ones = np.ones(x.shape, np.result_type(x.dtype, np.complex64))
        filtered: Any = getattr(_theirs, f"fourier_{kind}")(ones, values, n, axis)
        whole = filtered if kind == "shift" else np.real(filtered)
        return x * whole
    for f, v in zip(_frequencies(x.shape, n, axis), values, strict=True):
        x = x * _RESPONSES[kind](f, v).astype(x.dtype)
    return x


def _gaussian(f: NDArray[np.float64], sigma: ArrayValue) -> Any:
    return ops.exp(-2 * math.pi**2 * f**2 * sigma**2)


def _uniform(f: NDArray[np.float64], size: ArrayValue) -> Any:
    return ops.sinc(f * size)


def _shift(f: NDArray[np.float64], shift: ArrayValue) -> Any:
    return ops.exp(-2j * math.pi * f * shift)


_RESPONSES = {"gaussian": _gaussian, "uniform": _uniform, "shift": _shift}


@implements(scipy.ndimage.fourier_gaussian)
def fourier_gaussian(
    input: ArrayLike,
    sigma: PerAxis,
    n: int = -1,
    axis: int = -1,
    output: Output = None,
) -> Any:
    """Return an input times the transform of a Gaussian, of a sigma in entries."""
    return _filtered(_spectrum(input, output), sigma, n, axis, "gaussian")


@implements(scipy.ndimage.fourier_uniform)
def fourier_uniform(
    input: ArrayLike,
    size: PerAxis,
    n: int = -1,
    axis: int = -1,
    output: Output = None,
) -> Any:
    """Return an input times the transform of a box, of a size in entries."""
    return _filtered(_spectrum(input, output), size, n, axis, "uniform")


@implements(scipy.ndimage.fourier_ellipsoid)
def fourier_ellipsoid(
    input: ArrayLike,
    size: PerAxis,
    n: int = -1,
    axis: int = -1,
    output: Output = None,
) -> Any:
    """Return an input times the transform of an ellipsoid."""
    if holds_nodes(size):
        raise ArgumentError(
            "fourier_ellipsoid has no derivative in its size. Pass gd.value(size)."
        )
    return _filtered(_spectrum(input, output), size, n, axis, "ellipsoid")


@implements(scipy.ndimage.fourier_shift)
def fourier_shift(
    input: ArrayLike,
    shift: PerAxis,
    n: int = -1,
    axis: int = -1,
    output: Output = None,
) -> Any:
    """Return the transform of a shifted array from that of the array."""
    x = _spectrum(input, output, is_complex=True)
    return _filtered(x, shift, n, axis, "shift")
