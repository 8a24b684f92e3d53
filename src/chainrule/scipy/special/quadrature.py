"""Integrals whose integrands fall off: Gauss' rule up to where nothing is left."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.scipy.special.precision import dtype_for, in_double
from chainrule.values.types import Value

_gauss: Any = np.polynomial.legendre.leggauss(112)
_NODES, _WEIGHTS = (_gauss[0] + 1) / 2, _gauss[1] / 2
_BLOCK = 2048
Function = Callable[[Any], Any]


def integral(integrand: Function, width: Any, seam: Any = 0.0) -> Any:
    """Return the integral of a function from 0 to ``width``, an array.

    ``integrand`` is called with points along a new last axis. On both sides of the
    ``seam``, where its behaviour may change within a distance of 1, they lie evenly in
    the logarithm of the distance, if that is more than 1.
    """
    seam = np.minimum(seam, width)
    total: Any = 0.0
    for length, sign in ((width - seam, 1), (seam, -1)):
        if not np.any(length):
            continue
        scale: Any = np.where(length < 1, np.where(length > 0, length, 1.0), 1.0)
        top: Any = np.log1p(length / scale)
        u = top[..., None] * _NODES
        v = seam[..., None] + sign * scale[..., None] * np.expm1(u)
        total = total + ((integrand(v) * np.exp(u)) @ _WEIGHTS) * scale * top
    return total


def width_of(exponent: Function, slope: Function, bound: Any, height: float) -> Any:
    """Return where a convex function that is 0 at 0 reaches ``height``.

    Newton's steps from a ``bound`` beyond that place: none of them passes it.
    """
    w = bound
    for _ in range(16):
        w = w - (exponent(w) - height) / slope(w)
    return w


def in_blocks(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function of arrays of one axis, which is called on few at a time.

    Operands are broadcast and computed in double precision.
    """

    @functools.wraps(function)
    def call(*operands: Value, **parameters: Any) -> Any:
        wide = np.broadcast_arrays(*map(in_double, operands))
        flat = [x.ravel() for x in wide]
        if flat[0].size <= _BLOCK:
            z = function(*flat, **parameters)
        else:
            parts = [
                function(*(x[i : i + _BLOCK] for x in flat), **parameters)
                for i in range(0, flat[0].size, _BLOCK)
            ]
            z = np.concatenate(parts)
        z = z.reshape(wide[0].shape)
        return z.astype(dtype_for(*operands))[()]

    return call
