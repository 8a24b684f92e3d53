"""The rule of convolution, of which correlation is a reflection."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.rules import multilinear
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import plain
from chainrule.rules.traits import Depends, Numbers
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Value
from chainrule.values.vertices import first_stand_in

_convolve: Any = np.convolve


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

    @staticmethod
    def depends(z: Numbers, a: Numbers, v: Numbers, *, mode: str = "full") -> Depends:
        """Return which entries stand under each other's, as one is moved along."""
        found: list[Any] = []
        for x, other in ((a, v), (v, a)):
            room = other.size - 1
            longer = np.pad(x, room, constant_values=-1)
            shown = np.lib.stride_tricks.sliding_window_view(longer, other.size)
            found.append((z[:, None], shown[_stretch(a.size, v.size, mode)]))
        return tuple(found)

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
    def forward(a: Value, v: Value, *, mode: str = "full") -> Value:
        """Call NumPy's convolution; in a trace, take its steps if they are few."""
        if first_stand_in(a, v) is None:
            return _convolve(a, v, mode)
        return _by_steps(a, v, mode)

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


SHORT = 32
"""Entries of a kernel, or of a result, that are taken one by one in a trace."""


def _by_steps(a: Any, v: Any, mode: str) -> Any:
    """Return a convolution as products with each entry of the shorter operand.

    >>> x = np.array([1.0, 2.0, 3.0])
    >>> _by_steps(x, np.array([1.0, 10.0]), "full")
    array([ 1., 12., 23., 30.])
    """
    if shape_of(a)[0] < shape_of(v)[0]:
        a, v = v, a
    n, m = shape_of(a)[0], shape_of(v)[0]
    if mode == "valid" and n - m < SHORT:
        turned = v[::-1]
        return np.stack([np.dot(a[k : k + m], turned) for k in range(n - m + 1)])
    if m > SHORT:
        return _convolve(a, v, mode)
    if mode == "valid":
        return sum(
            [a[m - 1 - j : n - j] * v[j] for j in range(1, m)], a[m - 1 :] * v[0]
        )
    whole, z = (n + m - 1,), None
    for j in range(m):
        term = plain.unindex(a * v[j], index=slice(j, j + n), shape=whole)
        z = term if z is None else z + term
    return z if mode == "full" else z[_stretch(n, m, mode)]  # type: ignore[index]


def _against(xp: Namespace, z_grad: Value, other: Any, n: int, mode: str) -> Value:
    """Correlate z_grad, put back in its place of the full result, with the other."""
    m = shape_of(other)[0]
    if mode != "full":
        place = _stretch(n, m, mode)
        z_grad = xp.unindex(z_grad, index=place, shape=(n + m - 1,))
    return xp.convolve(z_grad, other[::-1], mode="valid")[:n]
