"""Convolution and correlation: directly, by Fourier transforms, block by block."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.rules import multilinear
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.rules.traits import Depends, Numbers
from chainrule.scipy.boundaries import extend
from chainrule.scipy.fft.transforms import (
    complex_transform,
    half_transform,
    whole_of_half,
)
from chainrule.values.shapes import shape_of
from chainrule.values.types import Array, Axis, Namespace, Operation, Shape, Value
from chainrule.wrapping import implements, operation

_theirs: Any = scipy.signal


def kept(n: int, m: int, mode: str) -> slice:
    """Return which part of the full convolution of n and m entries a mode keeps."""
    if mode == "valid":
        return slice(min(n, m) - 1, max(n, m))
    if mode == "same":
        return slice((m - 1) // 2, (m - 1) // 2 + n)
    return slice(0, n + m - 1)


# --------------------------------------------------------- the rule of a direct one


@opaque
def convolved(x: Value, w: Value, *, mode: str = "full", method: str) -> Value:
    """Return SciPy's convolution, ``direct`` or block by block (``oa``)."""
    if method == "oa":
        return _theirs.oaconvolve(x, w, mode)
    if np.ndim(x) == 2:  # written for images: several times faster
        return _theirs.convolve2d(x, w, mode)
    return _theirs.convolve(x, w, mode, method)


EXTRA["convolved"] = convolved


class convolved_grad(multilinear):
    """z[k] = sum over i of x[i] w[k - i], along all axes"""

    forward = convolved

    @staticmethod
    def depends(
        z: Numbers, x: Numbers, w: Numbers, *, mode: str = "full", method: str
    ) -> Depends:
        """Return which entries are multiplied with some weight, and the reverse."""
        part = tuple(kept(n, m, mode) for n, m in zip(x.shape, w.shape, strict=True))
        return (z, _met(x, w.shape, part)), (z, _met(w, x.shape, part))

    cases: Cases = (
        case((5,), (3,), mode="same", method="direct"),
        case((3, 4), (2, 3), method="direct"),
        case((2, 3), (3, 4), mode="valid", method="direct"),
        case((2, 3), (3, 2), mode="same", method="direct"),
        case((2, 40), (2, 3), mode="valid", method="oa"),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Value,
        x: Value,
        w: Value,
        *,
        mode: str = "full",
        method: str,
    ) -> Value:
        """x_grad[i] = sum over k of z_grad[k] w[k - i]"""
        return _against(xp, z_grad, w, x, shape_of(x), shape_of(w), mode, method)

    @staticmethod
    def transpose_w(
        xp: Namespace,
        z_grad: Value,
        x: Value,
        w: Value,
        *,
        mode: str = "full",
        method: str,
    ) -> Value:
        """w_grad[j] = sum over k of z_grad[k] x[k - j]"""
        return _against(xp, z_grad, x, w, shape_of(x), shape_of(w), mode, method)


def _met(x: Numbers, sizes: Shape, part: tuple[slice, ...]) -> Any:
    """Return the numbers of the entries that a convolution adds up."""
    longer = np.pad(x, [(n - 1, n - 1) for n in sizes], constant_values=-1)
    shown = np.lib.stride_tricks.sliding_window_view(longer, sizes)[part]
    return np.moveaxis(shown.reshape(*shown.shape[: x.ndim], -1), -1, 0)


def _against(
    xp: Namespace,
    z_grad: Value,
    other: Value,
    like: Value,
    n: Shape,
    m: Shape,
    mode: str,
    method: str,
) -> Value:
    """Correlate z_grad, put back in its place of the full result, with the other."""
    if mode != "full":
        both = list(zip(n, m, strict=True))
        place = tuple(kept(i, j, mode) for i, j in both)
        z_grad = xp.unindex(
            z_grad, index=place, shape=tuple(i + j - 1 for i, j in both)
        )
    if math.prod(shape_of(other)) > math.prod(shape_of(like)):
        return xp.lagged(other, z_grad, axes=tuple(range(len(n))))
    z = xp.convolved(z_grad, xp.flip(other), mode="valid", method=method)
    return z[tuple(map(slice, shape_of(like)))]


convolution: Operation = operation(convolved_grad)

# ------------------------------------------------------------------------ SciPy's names


def _arrays(in1: ArrayLike, in2: ArrayLike) -> tuple[Array, Array]:
    x, w = ops.asarray(in1), ops.asarray(in2)
    if x.ndim != w.ndim:
        raise ArgumentError(
            f"Arrays of {x.ndim} and {w.ndim} dimensions are not convolved: give both "
            "the same number of axes."
        )
    both = [v if v.dtype.kind in "fc" else v.astype(np.float64) for v in (x, w)]
    return both[0], both[1]


def _swapped(
    x: Array, w: Array, mode: str, axes: Sequence[int] | None = None
) -> tuple[Array, Array]:
    """Return the larger array first where a mode keeps what both cover."""
    if mode not in ("full", "same", "valid"):
        raise ArgumentError(f"mode={mode!r} is none of full, same, valid.")
    if mode != "valid":
        return x, w
    pairs = [
        (x.shape[a], w.shape[a]) for a in (range(x.ndim) if axes is None else axes)
    ]
    if all(n >= m for n, m in pairs):
        return x, w
    if all(n <= m for n, m in pairs):
        return w, x
    raise ArgumentError(
        f"For mode='valid' one of the shapes {x.shape} and {w.shape} must be as large "
        "as the other along every axis."
    )


@implements(scipy.signal.fftconvolve)
def fftconvolve(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", axes: Axis = None
) -> Any:
    """Return the convolution as the product of Fourier transforms."""
    x, w = _arrays(in1, in2)
    if x.ndim == 0:
        return x * w
    if not x.size or not w.size:
        return np.zeros(0)
    along = range(x.ndim) if axes is None else np.atleast_1d(axes).tolist()
    along = [a % x.ndim for a in along]
    along = tuple(a for a in along if x.shape[a] != 1 and w.shape[a] != 1)
    x, w = _swapped(x, w, mode, along)
    if not along:
        return x * w
    full = tuple(x.shape[a] + w.shape[a] - 1 for a in along)
    is_complex = "c" in x.dtype.kind + w.dtype.kind
    lengths = tuple(scipy.fft.next_fast_len(n, not is_complex) for n in full)
    given: Any = {"s": lengths, "axes": along}
    if is_complex:
        product = complex_transform(x, **given) * complex_transform(w, **given)
        z = complex_transform(product, **given, inverse=True)
    else:
        product = half_transform(x, **given) * half_transform(w, **given)
        z = whole_of_half(product, **given)
    index = [slice(None)] * x.ndim
    for a in along:
        index[a] = kept(x.shape[a], w.shape[a], mode)
    for a in range(x.ndim) if mode == "same" else ():  # broadcast axes are cut too
        if a not in along and x.shape[a] < z.shape[a]:
            start = (z.shape[a] - x.shape[a]) // 2
            index[a] = slice(start, start + x.shape[a])
    return z[tuple(index)]


@implements(scipy.signal.oaconvolve)
def oaconvolve(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", axes: Axis = None
) -> Any:
    """Return the convolution, the longer array taken block by block."""
    x, w = _arrays(in1, in2)
    if axes is not None or x.ndim == 0 or not x.size or not w.size:
        return fftconvolve(in1, in2, mode, axes)
    broadcast = any((n == 1) != (m == 1) for n, m in zip(x.shape, w.shape, strict=True))
    if broadcast or x.shape == w.shape:
        return fftconvolve(x, w, mode)
    x, w = _swapped(x, w, mode)
    return convolution(x, w, mode=mode, method="oa")


@implements(scipy.signal.convolve)
def convolve(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", method: str = "auto"
) -> Any:
    """Return the convolution of two arrays along all axes."""
    x, w = _arrays(in1, in2)
    if x.ndim == 0:
        return x * w
    x, w = _swapped(x, w, mode)
    if method == "auto":
        # The choice depends on shapes and dtypes.
        shown = (np.zeros(v.shape, v.dtype) for v in (x, w))
        method = _theirs.choose_conv_method(*shown, mode=mode)
    if method not in ("fft", "direct"):
        raise ArgumentError(f"method={method!r} is none of auto, direct, fft.")
    if method == "direct":
        return convolution(x, w, mode=mode, method="direct")
    return fftconvolve(x, w, mode).astype(np.result_type(x.dtype, w.dtype))


@implements(scipy.signal.correlate)
def correlate(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", method: str = "auto"
) -> Any:
    """Return the correlation of two arrays along all axes."""
    x, w = _arrays(in1, in2)
    w = ops.conjugate(w) if w.dtype.kind == "c" else w
    return convolve(x, ops.flip(w) if w.ndim else w, mode, method)


# ------------------------------------------------------------------------- of images

_BOUNDARIES = {
    "fill": "constant",
    "pad": "constant",
    "wrap": "wrap",
    "circular": "wrap",
    "symm": "reflect",
    "symmetric": "reflect",
}


def _of_images(
    in1: Array, in2: Array, mode: str, boundary: str, fillvalue: complex, later: int
) -> Any:
    """Return the convolution of an image, extended, with another one.

    What is kept as the ``same`` begins ``later`` by one along axes of an even kernel.
    """
    if boundary not in _BOUNDARIES:
        raise ArgumentError(f"boundary={boundary!r} is none of fill, wrap, symm.")
    empty = _BOUNDARIES[boundary] == "constant" and fillvalue == 0
    if mode == "valid" or (empty and (mode == "full" or not later)):
        return convolution(in1, in2, mode=mode, method="direct")
    room = tuple((n - 1, n - 1) for n in in2.shape)
    if np.iscomplexobj(fillvalue) and in1.dtype.kind != "c":
        in1 = in1.astype(np.complex128)
    longer = extend(in1, widths=room, mode=_BOUNDARIES[boundary], cval=fillvalue)
    z = convolution(longer, in2, mode="valid", method="direct")
    both = zip(in1.shape, in2.shape, strict=True)
    return z[tuple(kept(n, m + later * (1 - m % 2), mode) for n, m in both)]


@implements(scipy.signal.convolve2d)
def convolve2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: str = "full",
    boundary: str = "fill",
    fillvalue: complex = 0,
) -> Any:
    """Return the convolution of two images, the first of which has a boundary."""
    x, w = _images(in1, in2)
    x, w = _swapped(x, w, mode)
    return _of_images(x, w, mode, boundary, fillvalue, 0)


@implements(scipy.signal.correlate2d)
def correlate2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: str = "full",
    boundary: str = "fill",
    fillvalue: complex = 0,
) -> Any:
    """Return the correlation of two images, the first of which has a boundary."""
    x, w = _images(in1, in2)
    larger, smaller = _swapped(x, w, mode)
    smaller = ops.conjugate(smaller) if smaller.dtype.kind == "c" else smaller
    z = _of_images(larger, ops.flip(smaller), mode, boundary, fillvalue, 1)
    return z if larger is x else ops.flip(z)


def _images(in1: ArrayLike, in2: ArrayLike) -> tuple[Array, Array]:
    x, w = _arrays(in1, in2)
    if x.ndim != 2:
        raise ArgumentError(f"Images have two axes; received {x.ndim}.")
    return x, w


@implements(scipy.signal.wiener)
def wiener(
    im: ArrayLike,
    mysize: int | Sequence[int] | None = None,
    noise: Value | None = None,
) -> Any:
    """Return the Wiener filter of an array: its local mean, and what is no noise."""
    x = ops.asarray(im)
    size = 3 if mysize is None else mysize
    shape = [size] * x.ndim if isinstance(size, int) else list(size)
    count = float(np.prod(shape))
    mean = correlate(x, np.ones(shape), "same") / count
    power = correlate(x**2, np.ones(shape), "same") / count - mean**2
    floor: Any = ops.mean(power) if noise is None else noise
    is_noise = power < floor
    safe = ops.where(is_noise, 1.0, power)
    return ops.where(is_noise, mean, (x - mean) * (1 - floor / safe) + mean)
