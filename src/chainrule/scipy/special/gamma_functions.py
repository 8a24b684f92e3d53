"""The gamma function, its logarithm and reciprocal, and quotients of it."""

from __future__ import annotations

import math
from typing import Any

import scipy.special

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import plain_operand
from chainrule.operations import namespace as ops
from chainrule.rules import elementwise, locally_constant
from chainrule.rules.cases import REAL, Conventions, Domain, Dtypes
from chainrule.scipy.special.gamma_arithmetic import gammaln_of
from chainrule.scipy.special.refused import refuse_nodes
from chainrule.values.types import Namespace, Operation, Value
from chainrule.values.vertices import as_array, is_refused, raw
from chainrule.wrapping import implements, operation

_scipy: Any = scipy.special


class gamma_grad(elementwise):
    """z = gamma(x), Euler's integral (DLMF 5.2.1)"""

    forward = "scipy.special:gamma"
    remedy = (
        "It has poles at 0 and below, and overflows beyond 171: scipy.special.gammaln"
        "({x}) is its logarithm, which does not."
    )
    domain: Domain = {"x": (0.5, 4.0)}

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = z psi(x) (DLMF 5.2.2)"""
        return z * xp.digamma(x)


class gammaln_grad(elementwise):
    """z = log |gamma(x)|"""

    forward = "scipy.special:gammaln"
    domain: Domain = {"x": (0.5, 4.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def native(x: float) -> float:
        """Return log |gamma(x)|."""
        return gammaln_of(x)

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = psi(x) (DLMF 5.2.2)"""
        return xp.digamma(x)


class loggamma_grad(elementwise):
    """z = log gamma(x), the branch that is real where x > 0"""

    forward = "scipy.special:loggamma"
    domain: Domain = {"x": (0.5, 4.0)}

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = psi(x) (DLMF 5.2.2)"""
        return xp.digamma(x)


class rgamma_grad(elementwise):
    """z = 1 / gamma(x), which is 0 at 0, -1, -2, ..."""

    forward = "scipy.special:rgamma"
    conventions: Conventions = (((0.0,), (1.0,)), ((-1.0,), (-1.0,)))

    @staticmethod
    def d_x(xp: Namespace, z: Value, x: Value) -> Value:
        """dz/dx = -z psi(x), where x < 1/2 by reflection (DLMF 5.5.3, 5.5.4)"""
        is_left = xp.real(x) < 0.5
        left = xp.where(is_left, x, 0.0)
        right = xp.where(is_left, 1.0, x)
        turned = xp.cos(math.pi * left) - left * xp.sinc(left) * xp.digamma(1 - left)
        return xp.where(is_left, turned * xp.gamma(1 - left), -z * xp.digamma(right))


class gammasgn_grad(locally_constant):
    """z = the sign of gamma(x)"""

    forward = "scipy.special:gammasgn"


class poch_grad(elementwise):
    """z = poch(a, m) = gamma(a + m) / gamma(a)"""

    forward = "scipy.special:poch"
    domain: Domain = {"a": (0.5, 4.0), "m": (-0.4, 3.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_a(xp: Namespace, z: Value, a: Value, m: Value) -> Value:
        """dz/da = z (psi(a + m) - psi(a))"""
        return z * xp.psi_difference(a, m, order=0)

    @staticmethod
    def d_m(xp: Namespace, z: Value, a: Value, m: Value) -> Value:
        """dz/dm = z psi(a + m)"""
        return z * xp.digamma(a + m)


class binom_grad(elementwise):
    """z = binom(n, k) = gamma(n + 1) / (gamma(k + 1) gamma(n - k + 1))

    Where one of the three is at a pole the derivatives are nan or infinite.
    """

    forward = "scipy.special:binom"
    domain: Domain = {"n": (2.0, 5.0), "k": (0.2, 1.8)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_n(xp: Namespace, z: Value, n: Value, k: Value) -> Value:
        """dz/dn = z (psi(n + 1) - psi(n - k + 1))"""
        return z * xp.psi_difference(n - k + 1, k, order=0)

    @staticmethod
    def d_k(xp: Namespace, z: Value, n: Value, k: Value) -> Value:
        """dz/dk = z (psi(n - k + 1) - psi(k + 1))"""
        return z * xp.psi_difference(k + 1, n - 2 * k, order=0)


class beta_grad(elementwise):
    """z = beta(a, b) = gamma(a) gamma(b) / gamma(a + b)"""

    forward = "scipy.special:beta"
    domain: Domain = {"a": (0.5, 4.0), "b": (0.5, 4.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_a(xp: Namespace, z: Value, a: Value, b: Value) -> Value:
        """dz/da = z (psi(a) - psi(a + b)) (DLMF 5.12)"""
        return -z * xp.psi_difference(a, b, order=0)

    @staticmethod
    def d_b(xp: Namespace, z: Value, a: Value, b: Value) -> Value:
        """dz/db = z (psi(b) - psi(a + b))"""
        return -z * xp.psi_difference(b, a, order=0)


class betaln_grad(elementwise):
    """z = log |beta(a, b)|"""

    forward = "scipy.special:betaln"
    domain: Domain = {"a": (0.5, 4.0), "b": (0.5, 4.0)}
    dtypes: Dtypes = REAL

    @staticmethod
    def d_a(xp: Namespace, z: Value, a: Value, b: Value) -> Value:
        """dz/da = psi(a) - psi(a + b)"""
        return -xp.psi_difference(a, b, order=0)

    @staticmethod
    def d_b(xp: Namespace, z: Value, a: Value, b: Value) -> Value:
        """dz/db = psi(b) - psi(a + b)"""
        return -xp.psi_difference(b, a, order=0)


gamma: Operation = operation(gamma_grad)
gammaln: Operation = operation(gammaln_grad)
loggamma: Operation = operation(loggamma_grad)
rgamma: Operation = operation(rgamma_grad)
poch: Operation = operation(poch_grad)
binom: Operation = operation(binom_grad)
beta: Operation = operation(beta_grad)
betaln: Operation = operation(betaln_grad)

# ------------------------------------------------------------------- composed functions


@implements(_scipy.multigammaln)
def multigammaln(a: Value, d: int) -> Value:
    """Return the logarithm of the multivariate gamma function of dimension ``d``.

    ``d (d - 1) / 4 log(pi) + sum(gammaln(a - j / 2) for j in range(d))``

    Raises
    ------
    ValueError
        If ``d`` is no positive whole number, or ``a`` is not above ``(d - 1) / 2``.
    """
    refuse_nodes("scipy.special.multigammaln", d=d)
    if d < 1 or d != int(d):
        raise ValueError("d should be a positive integer (dimension)")
    if is_refused(as_array(raw(a)) <= 0.5 * (d - 1)):
        raise ValueError(f"condition a ({plain_operand(a)}) > 0.5 * (d-1) not met")
    total: Any = d * (d - 1) / 4 * math.log(math.pi)
    for j in range(int(d)):
        total = gammaln(a - j / 2) + total
    return total


@implements(_scipy.factorial)
def factorial(n: Value, exact: bool = False, extend: str = "zero") -> Value:
    """Return ``gamma(n + 1)``, and 0 where ``n < 0`` unless ``extend="complex"``.

    Raises
    ------
    ArgumentError
        For ``exact=True``: whole numbers have no derivative.
    """
    _refuse_exact("factorial", "gamma(n + 1)", exact=exact)
    x: Any = ops.asarray(n)
    if extend == "complex":
        return gamma(x + 1)
    if extend != "zero":
        raise ValueError(f"extend={extend!r} is none of zero, complex.")
    is_below = x < 0
    return ops.where(is_below, 0.0, gamma(ops.where(is_below, 0.0, x) + 1))


@implements(_scipy.comb)
def comb(N: Value, k: Value, *, exact: bool = False, repetition: bool = False) -> Value:
    """Return ``binom(N, k)``, 0 unless ``0 <= k <= N``; see ``scipy.special.comb``.

    With ``repetition`` it is ``binom(N + k - 1, k)``, as SciPy has it for all numbers.

    Raises
    ------
    ArgumentError
        For ``exact=True``: whole numbers have no derivative.
    """
    _refuse_exact("comb", "binom(N, k)", exact=exact)
    n: Any = ops.asarray(N)
    m: Any = ops.asarray(k)
    if repetition:
        none = (m == 0) & (n >= 0)
        return ops.where(none, 1.0, binom(ops.where(none, 1.0, n + m - 1), m))
    inside = (m <= n) & (n >= 0) & (m >= 0)
    z = binom(ops.where(inside, n, 1.0), ops.where(inside, m, 1.0))
    return ops.where(inside, z, 0.0)


@implements(_scipy.perm)
def perm(N: Value, k: Value, exact: bool = False) -> Value:
    """Return ``poch(N - k + 1, k)``, 0 unless ``0 <= k <= N``.

    Raises
    ------
    ArgumentError
        For ``exact=True``: whole numbers have no derivative.
    """
    _refuse_exact("perm", "poch(N - k + 1, k)", exact=exact)
    n: Any = ops.asarray(N)
    m: Any = ops.asarray(k)
    inside = (m <= n) & (n >= 0) & (m >= 0)
    z = poch(ops.where(inside, n - m + 1, 1.0), ops.where(inside, m, 1.0))
    return ops.where(inside, z, 0.0)


def _refuse_exact(name: str, formula: str, *, exact: bool) -> None:
    if exact:
        raise ArgumentError(
            f"{name}(..., exact=True) on nodes is refused: whole numbers have no "
            f"derivative. Leave exact away, or write {formula}."
        )
