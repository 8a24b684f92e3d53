"""Associated Legendre functions and spherical harmonics."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, NDArray

from chainrule import operations as ops
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.rules import elementwise
from chainrule.rules.cases import REAL, Cases, Dtypes, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.special.interpolation import in_parameters
from chainrule.scipy.special.partial_derivatives import (
    Orders,
    computes,
    derivative_of_2,
    derivative_of_3,
)
from chainrule.values.shapes import is_complex
from chainrule.values.types import Namespace, Operation, Value
from chainrule.values.vertices import raw
from chainrule.wrapping import implements, operation

_where: Any = np.where
_gamma: Any = scipy.special.gamma
_gammaln: Any = scipy.special.gammaln
_WHOLE = "It is a whole number. Pass gd.value({})."
_LARGEST = float(np.nextafter(1.0, 0.0))


@functools.cache
def _power_slopes(order: int) -> tuple[tuple[float, int, int], ...]:
    """Return the derivative of ``w**m`` as terms, ``w = sqrt(1 - x**2)``.

    A term is a number, a power of x and how many factors ``m, m - 2, ...`` there are;
    the power of w falls by 2 with each.
    """
    terms: dict[tuple[int, int], float] = {(0, 0): 1.0}
    for _ in range(order):
        following: dict[tuple[int, int], float] = {}
        for (power, falls), share in terms.items():
            if power:
                key = (power - 1, falls)
                following[key] = following.get(key, 0.0) + share * power
            key = (power + 1, falls + 1)
            following[key] = following.get(key, 0.0) - share
        terms = following
    return tuple((share, power, falls) for (power, falls), share in terms.items())


def _in_argument(k: int, m: NDArray[Any], v: NDArray[Any], x: NDArray[Any]) -> Any:
    """Return a derivative in x, by those of ``w**m`` and ``P_v^m / w**m``.

    The latter are ``(-1)**j P_v^(m + j) / w**(m + j)`` (DLMF 14.6.1); nothing cancels
    near the ends. At the ends themselves those of odd m are infinite.
    """
    if not k:
        return scipy.special.lpmv(m, v, x)
    ends: Any = np.abs(x) == 1
    x = _where(ends, x * _LARGEST, x)
    square: Any = (1.0 - x) * (1.0 + x)
    total: Any = 0.0
    for j in range(k + 1):
        inner: Any = 0.0
        for share, power, falls in _power_slopes(k - j):
            factors = math.prod((m - 2.0 * i for i in range(falls)), start=1.0)
            inner = inner + share * factors * x**power * square ** (-falls - j / 2.0)
        value = scipy.special.lpmv(m + j, v, x)
        taken = _where(inner == 0, 0.0, inner * value)
        total = total + math.comb(k, j) * (-1.0) ** j * taken
    return _where(ends & (m % 2 == 1), total * np.inf, total)


@computes("lpmv")
def of_lpmv(
    name: str, orders: Orders, m: NDArray[Any], v: NDArray[Any], x: NDArray[Any]
) -> Any:
    """Return a partial derivative of P_v^m at x, of whole order m."""

    def in_x(m: NDArray[Any], v: NDArray[Any], x: NDArray[Any]) -> Any:
        return _in_argument(orders[2], m, v, x)

    width = np.minimum(0.5, (np.abs(v + 0.5) + 0.5) / 4.0)
    return in_parameters(in_x, (m, v, x), (0, orders[1], 0), (m, width, x))


class lpmv_grad(elementwise):
    """z = P_v^m(x), Ferrers's function with its phase (DLMF 14.3.1), |x| <= 1"""

    forward = "scipy.special:lpmv"
    refused: Mapping[str, str] = {"m": _WHOLE.format("m")}
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(np.array([[0.0], [1.0], [2.0]]), within(2.5, 5.0, 3), within(-0.6, 0.8)),
    )

    @staticmethod
    def d_v(xp: Namespace, z: Value, m: Value, v: Value, x: Value) -> Value:
        """dz/dv, interpolated"""
        return xp.partial_of_3(m, v, x, name="lpmv", orders=(0, 1, 0))

    @staticmethod
    def d_x(xp: Namespace, z: Value, m: Value, v: Value, x: Value) -> Value:
        """dz/dx = -m x z / w**2 - P_v^(m + 1)(x) / w, w**2 = 1 - x**2"""
        return xp.partial_of_3(m, v, x, name="lpmv", orders=(0, 0, 1))


lpmv: Operation = operation(lpmv_grad)


# ------------------------------------------------------------------------- harmonics


@opaque
def harmonic(n: Value, m: Value, theta: Value, phi: Value) -> Value:
    """Return ``sph_harm_y(n, m, theta, phi)``, and 0 where |m| > n."""
    n, m = np.asarray(n), np.asarray(m)
    outside: Any = np.abs(m) > n
    own: Any = _where(outside, 0, m)
    found: Any = scipy.special.sph_harm_y(n, own, theta, phi)
    return _where(outside, 0.0, found)[()]


EXTRA["harmonic"] = harmonic


def _raising(n: Value, m: Value) -> Any:
    """Return ``sqrt((n - m) (n + m + 1))``, which raises the order of a harmonic."""
    return np.sqrt(np.maximum((n - m) * (n + m + 1.0), 0.0))


class harmonic_grad(elementwise):
    """z = Y_n^m(theta, phi), the spherical harmonic (DLMF 14.30.1)"""

    forward = harmonic
    refused: Mapping[str, str] = {k: _WHOLE.format(k) for k in "nm"}
    dtypes: Dtypes = ("float64",)
    cases: Cases = (
        case(3, np.array([[-2], [0], [3]]), within(0.2, 3.0, 2), within(-3.0, 3.0)),
    )

    @staticmethod
    def d_theta(
        xp: Namespace, z: Value, n: Value, m: Value, theta: Value, phi: Value
    ) -> Value:
        """dz/dtheta, by the functions of orders m + 1 and m - 1: it has no poles"""
        turn: Any = xp.exp(1j * phi)
        above: Any = _raising(n, m) * xp.harmonic(n, m + 1, theta, phi) / turn
        below: Any = _raising(n, -m) * xp.harmonic(n, m - 1, theta, phi) * turn
        return (above - below) / 2.0

    @staticmethod
    def d_phi(
        xp: Namespace, z: Value, n: Value, m: Value, theta: Value, phi: Value
    ) -> Value:
        """dz/dphi = i m z"""
        turned: Any = 1j * m * z
        return turned


_harmonic: Operation = operation(harmonic_grad)


def _whole(name: str, **given: ArrayLike) -> list[NDArray[Any]]:
    """Return degrees and orders as plain integers, or raise for others."""
    for letter, x in given.items():
        if holds_nodes(x) or np.asarray(x).dtype.kind not in "iu":
            raise ArgumentError(
                f"{name} takes plain whole numbers {letter}; received {x!r}. Write "
                f"gd.value({letter}) of a node."
            )
    return [np.asarray(x) for x in given.values()]


def _counted(name: str, diff_n: int, most: float = math.inf) -> range:
    """Return the orders of the derivatives that are asked for."""
    if not 0 <= diff_n <= most:
        raise ArgumentError(
            f"{name} returns diff_n derivatives, from 0 to {most}; received {diff_n}."
        )
    return range(diff_n + 1)


def _slope(n: Any, m: Any, theta: Value, phi: Value, k: int) -> Value:
    """Return the k-th derivative of the harmonic in theta."""
    if not k:
        return _harmonic(n, m, theta, phi)
    turn = ops.exp(1j * phi)
    above = _raising(n, m) * _slope(n, m + 1, theta, phi, k - 1) / turn
    below = _raising(n, -m) * _slope(n, m - 1, theta, phi, k - 1) * turn
    return (above - below) / 2.0


@implements(scipy.special.sph_harm_y)
def sph_harm_y(
    n: ArrayLike, m: ArrayLike, theta: Value, phi: Value, *, diff_n: int = 0
) -> Value | tuple[Value, ...]:
    """Return the spherical harmonic ``Y_n^m(theta, phi)`` (DLMF 14.30.1).

    With ``diff_n`` 1 or 2 also its gradient and its Hessian, along last axes.

    Examples
    --------
    >>> import chainrule as gd
    >>> from chainrule.scipy import special
    >>> z = gd.grad(lambda t: special.sph_harm_y(2, 1, t, 0.0).real)(0.5)
    >>> print(f"{z:.6f}")
    -0.417410
    """
    n, m = _whole("sph_harm_y", n=n, m=m)
    last = len(_counted("sph_harm_y", diff_n, 2)) - 1
    along = [_slope(n, m, theta, phi, k) for k in range(last + 1)]
    if not last:
        return along[0]
    i_m = 1j * m
    gradient = _stacked(along[1], i_m * along[0])
    if last == 1:
        return along[0], gradient
    mixed = i_m * along[1]
    rows = _stacked(along[2], mixed), _stacked(mixed, -1.0 * m * m * along[0])
    return along[0], gradient, ops.stack(rows, axis=-2)


def _stacked(first: Value, second: Value) -> Value:
    """Return two parts along a last axis."""
    shape = np.broadcast_shapes(np.shape(raw(first)), np.shape(raw(second)))
    parts = [ops.broadcast_to(part, shape) for part in (first, second)]
    return ops.stack(parts, axis=-1)


@implements(scipy.special.sph_harm_y_all)
def sph_harm_y_all(
    n: int, m: int, theta: Value, phi: Value, *, diff_n: int = 0
) -> Value | tuple[Value, ...]:
    """Return all ``Y_j^k``, j from 0 to n and k from 0 to m, then from -m to -1."""
    degrees, orders = _all_of("sph_harm_y_all", n, m, theta, phi)
    return sph_harm_y(degrees, orders, theta, phi, diff_n=diff_n)


def _all_of(name: str, n: int, m: int, *angles: Value) -> tuple[Any, Any]:
    """Return the degrees and orders up to n and m, to go along two first axes."""
    _whole(name, n=n, m=m)
    axes = np.broadcast_shapes(*(np.shape(raw(x)) for x in angles))
    orders = np.concatenate([np.arange(m + 1), np.arange(-m, 0)])
    one = (1,) * len(axes)
    return np.arange(n + 1).reshape(-1, 1, *one), orders.reshape(1, -1, *one)


@implements(scipy.special.sph_legendre_p)
def sph_legendre_p(
    n: ArrayLike, m: ArrayLike, theta: Value, *, diff_n: int = 0
) -> Value:
    """Return ``Y_n^m(theta, 0)`` and ``diff_n`` derivatives, along a first axis."""
    n, m = _whole("sph_legendre_p", n=n, m=m)
    counted = _counted("sph_legendre_p", diff_n)
    return ops.stack([ops.real(_slope(n, m, theta, 0.0, k)) for k in counted])


@implements(scipy.special.sph_legendre_p_all)
def sph_legendre_p_all(n: int, m: int, theta: Value, *, diff_n: int = 0) -> Value:
    """Return ``sph_legendre_p`` of all degrees to n and orders to m and from -m on."""
    degrees, orders = _all_of("sph_legendre_p_all", n, m, theta)
    return sph_legendre_p(degrees, orders, theta, diff_n=diff_n)


@implements(scipy.special.legendre_p)
def legendre_p(n: ArrayLike, z: Value, *, diff_n: int = 0) -> Value:
    """Return Legendre's ``P_n(z)`` and ``diff_n`` derivatives, along a first axis."""
    (n,) = _whole("legendre_p", n=n)
    name = "eval_legendre"
    counted = _counted("legendre_p", diff_n)
    return ops.stack([derivative_of_2(n, z, name=name, orders=(0, k)) for k in counted])


@implements(scipy.special.legendre_p_all)
def legendre_p_all(n: int, z: Value, *, diff_n: int = 0) -> Value:
    """Return ``legendre_p`` of all degrees up to n, along a second axis."""
    _whole("legendre_p_all", n=n)
    degrees = np.arange(n + 1).reshape(-1, *(1,) * np.ndim(raw(z)))
    return legendre_p(degrees, z, diff_n=diff_n)


@implements(scipy.special.assoc_legendre_p)
def assoc_legendre_p(
    n: ArrayLike,
    m: ArrayLike,
    z: Value,
    *,
    branch_cut: int = 2,
    norm: bool = False,
    diff_n: int = 0,
) -> Value:
    """Return ``P_n^m(z)`` and ``diff_n`` derivatives, along a first axis.

    Real z are between -1 and 1.
    """
    n, m = _whole("assoc_legendre_p", n=n, m=m)
    in_plane = is_complex(z) and branch_cut in (2, 3)
    if branch_cut != 2 and not in_plane:
        raise ArgumentError(
            "assoc_legendre_p on nodes takes real z between -1 and 1, with "
            f"branch_cut=2; received branch_cut={branch_cut!r}. Write z + 0j for 3."
        )
    inside: Any = np.abs(m) <= n
    own = _where(inside, m, 0)
    factor: Any = _where(inside, 1.0, 0.0)
    if norm:
        ratio = np.exp(_gammaln(n - own + 1) - _gammaln(n + own + 1))
        factor = factor * np.sqrt((n + 0.5) * ratio)
    counted = _counted("assoc_legendre_p", diff_n)
    if in_plane:
        parts = [_in_plane(n, own, z, branch_cut, k) for k in counted]
    else:
        orders = [(0, 0, k) for k in counted]
        parts = [derivative_of_3(own, n, z, name="lpmv", orders=k) for k in orders]
    return ops.stack([factor * part for part in parts])


def _in_plane(n: Any, m: Any, z: Value, branch_cut: int, order: int) -> Value:
    """Return a derivative of ``P_n^m`` at complex numbers, cut beyond 1 or before it.

    It is ``(1 - z**2)**(m / 2)`` times Gegenbauer's polynomial of degree n - m (DLMF
    14.3.21), with ``z**2 - 1`` where it is cut from -1 to 1.
    """
    size: Any = np.abs(m)
    outer = branch_cut == 3
    root = (
        ops.sqrt(z - 1) * ops.sqrt(z + 1)
        if outer
        else ops.sqrt(1 - z) * ops.sqrt(1 + z)
    )
    front: Any = 2.0**size * _gamma(size + 0.5) / math.sqrt(math.pi)
    ratio = np.exp(_gammaln(n - size + 1) - _gammaln(n + size + 1))
    front = front * _where(m < 0, ratio, 1.0 if outer else (-1.0) ** size)
    total: Any = 0.0
    for j in range(order + 1):
        rest = derivative_of_3(
            n - size, size + 0.5, z, name="eval_gegenbauer", orders=(0, 0, order - j)
        )
        for share, power, falls in _power_slopes(j):
            factors = [size - 2 * i for i in range(falls)]
            number: Any = math.comb(order, j) * share * math.prod(factors)
            number = number * (-1.0) ** falls if outer else number
            powers = _where(number == 0, 0, size - 2 * falls)
            total = total + number * z**power * root**powers * rest
    return front * total


@implements(scipy.special.assoc_legendre_p_all)
def assoc_legendre_p_all(
    n: int,
    m: int,
    z: Value,
    *,
    branch_cut: int = 2,
    norm: bool = False,
    diff_n: int = 0,
) -> Value:
    """Return ``assoc_legendre_p`` of all degrees to n, orders to m and from -m on."""
    degrees, orders = _all_of("assoc_legendre_p_all", n, m, z)
    return assoc_legendre_p(
        degrees, orders, z, branch_cut=branch_cut, norm=norm, diff_n=diff_n
    )
