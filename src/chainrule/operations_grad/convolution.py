"""The rule of convolution, of which correlation is a reflection."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.rules import multilinear
from chainrule.rules.cases import Cases, case
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Value


def _stretch(n: int, m: int, mode: str) -> slice:
    """Return which part of the full convolution of n and m entries a mode keeps."""
    short, long = min(n, m), max(n, m)
    if mode == "same":
        return slice((short - 1) // 2, (short - 1) // 2 + long)
    if mode == "valid":
        return slice(short - 1, long)
    return slice(0, n + m - 1)


class convolve_grad(multilinear):
    """z[k] = sum over i of a[i] v[k - i]"""

    forward = np.convolve
    cases: Cases = (
        case((5,), (3,)),
        case((2,), (4,), mode="full"),
        case((5,), (4,), mode="same"),
        case((2,), (5,), mode="same"),
        case((6,), (3,), mode="valid"),
        case((3,), (5,), mode="valid"),
        case((1,), (1,), mode="valid"),
    )

    @staticmethod
    def transpose_a(
        xp: Namespace, z_grad: Value, a: Value, v: Value, *, mode: str = "full"
    ) -> Value:
        """a_grad[i] = sum over k of z_grad[k] v[k - i]"""
        return _against(xp, z_grad, v, shape_of(a)[0], mode)

    @staticmethod
    def transpose_v(
        xp: Namespace, z_grad: Value, a: Value, v: Value, *, mode: str = "full"
    ) -> Value:
        """v_grad[j] = sum over k of z_grad[k] a[k - j]"""
        return _against(xp, z_grad, a, shape_of(v)[0], mode)


def _against(xp: Namespace, z_grad: Value, other: Any, n: int, mode: str) -> Value:
    """Correlate z_grad, put back in its place of the full result, with the other."""
    m = shape_of(other)[0]
    if mode != "full":
        place = _stretch(n, m, mode)
        z_grad = xp.unindex(z_grad, index=place, shape=(n + m - 1,))
    return xp.convolve(z_grad, other[::-1], mode="valid")[:n]
