"""Derivatives of Bessel functions, and spherical ones: SciPy's Python functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes, missing
from chainrule.scipy.special.partial_derivatives import (
    Orders,
    computes,
    derivative_of_2,
)
from chainrule.values.types import Value
from chainrule.wrapping import implements


def _derivative(name: str, v: ArrayLike, z: ArrayLike, n: int) -> Value:
    """Return the n-th derivative of a Bessel function of order v at z."""
    if np.asarray(n).dtype.kind not in "iu" or n < 0:
        raise ArgumentError(
            f"n is how often {name} is differentiated, a whole number from 0 on; "
            f"received {n!r}."
        )
    return derivative_of_2(v, z, name=name, orders=(0, int(n)))


@implements(scipy.special.jvp)
def jvp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Value:
    """Return the n-th derivative of ``J_v`` at z (DLMF 10.6.7)."""
    return _derivative("jv", v, z, n)


@implements(scipy.special.yvp)
def yvp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Value:
    """Return the n-th derivative of ``Y_v`` at z (DLMF 10.6.7)."""
    return _derivative("yv", v, z, n)


@implements(scipy.special.ivp)
def ivp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Value:
    """Return the n-th derivative of ``I_v`` at z (DLMF 10.29.5)."""
    return _derivative("iv", v, z, n)


@implements(scipy.special.kvp)
def kvp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Value:
    """Return the n-th derivative of ``K_v`` at z (DLMF 10.29.5)."""
    return _derivative("kv", v, z, n)


@implements(scipy.special.h1vp)
def h1vp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Value:
    """Return the n-th derivative of Hankel's ``H1_v`` at z (DLMF 10.6.7)."""
    return _derivative("hankel1", v, z, n)


@implements(scipy.special.h2vp)
def h2vp(v: ArrayLike, z: ArrayLike, n: int = 1) -> Value:
    """Return the n-th derivative of Hankel's ``H2_v`` at z (DLMF 10.6.7)."""
    return _derivative("hankel2", v, z, n)


# -------------------------------------------------------------------------- spherical

_SIGNS: Mapping[str, tuple[float, float]] = {
    "spherical_jn": (1.0, -1.0),
    "spherical_yn": (1.0, -1.0),
    "spherical_in": (1.0, 1.0),
    "spherical_kn": (-1.0, -1.0),
}
"""The signs in ``(2 n + 1) f'_n = n f_(n-1) + (n + 1) f_(n+1)`` (DLMF 10.51)."""


@computes(*_SIGNS)
def of_spherical(name: str, orders: Orders, n: NDArray[Any], z: NDArray[Any]) -> Any:
    """Return a derivative of a spherical Bessel function of whole order n at z."""
    function: Any = getattr(scipy.special, name)
    below, above = _SIGNS[name]
    shares: dict[int, Any] = {0: np.ones(np.shape(n))}
    for _ in range(orders[1]):
        following: dict[int, Any] = {}
        for shift, share in shares.items():
            m = n + shift
            down = below * m / (2.0 * m + 1.0) * share
            up = above * (m + 1.0) / (2.0 * m + 1.0) * share
            following[shift - 1] = following.get(shift - 1, 0.0) + down
            following[shift + 1] = following.get(shift + 1, 0.0) + up
        shares = following
    total: Any = 0.0
    for shift, share in shares.items():
        order = np.maximum(n + shift, 0.0).astype(int)
        value = function(order, z)
        total = total + np.where(share == 0, 0.0, share * value)
    return total


def _spherical(name: str, n: ArrayLike, z: ArrayLike, derivative: bool) -> Value:
    """Return a spherical Bessel function, or its first derivative."""
    if holds_nodes(n):
        raise missing(
            f"{name} in its order n",
            "It is a whole number. Pass gd.value(n), or write it with jv of real "
            "order: np.sqrt(np.pi / (2 * z)) * scipy.special.jv(n + 0.5, z).",
        )
    return derivative_of_2(n, z, name=name, orders=(0, int(derivative)))


@implements(scipy.special.spherical_jn)
def spherical_jn(n: ArrayLike, z: ArrayLike, derivative: bool = False) -> Value:
    """Return the spherical ``j_n`` at z (DLMF 10.47.3), or its derivative."""
    return _spherical("spherical_jn", n, z, derivative)


@implements(scipy.special.spherical_yn)
def spherical_yn(n: ArrayLike, z: ArrayLike, derivative: bool = False) -> Value:
    """Return the spherical ``y_n`` at z (DLMF 10.47.4), or its derivative."""
    return _spherical("spherical_yn", n, z, derivative)


@implements(scipy.special.spherical_in)
def spherical_in(n: ArrayLike, z: ArrayLike, derivative: bool = False) -> Value:
    """Return the spherical ``i_n`` at z (DLMF 10.47.7), or its derivative."""
    return _spherical("spherical_in", n, z, derivative)


@implements(scipy.special.spherical_kn)
def spherical_kn(n: ArrayLike, z: ArrayLike, derivative: bool = False) -> Value:
    """Return the spherical ``k_n`` at z (DLMF 10.47.9), or its derivative."""
    return _spherical("spherical_kn", n, z, derivative)
