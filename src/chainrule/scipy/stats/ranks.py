"""Discrete distributions of ranks and sizes: powers and exponentials of counts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from chainrule.scipy.special import zeta
from chainrule.scipy.stats.counting import COUNTS
from chainrule.scipy.stats.discrete import discrete
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.types import Value


@discrete
class boltzmann:
    """pmf(k) = (1 - exp(-l)) exp(-l k) / (1 - exp(-l N)), k = 0 ... N - 1"""

    sample: tuple[float, ...] = (0.7, 9)
    refused: Mapping[str, str] = {"N": COUNTS}

    @staticmethod
    def support(lambda_: Value, N: Value) -> tuple[Value, Value]:
        return 0.0, N - 1.0

    @staticmethod
    def logpmf(k: Value, lambda_: Value, N: Value) -> Value:
        constant = np.log(np.expm1(-lambda_) / np.expm1(-lambda_ * N))
        return constant - lambda_ * k

    @staticmethod
    def cdf(k: Value, lambda_: Value, N: Value) -> Value:
        return np.expm1(-lambda_ * (k + 1.0)) / np.expm1(-lambda_ * N)

    @staticmethod
    def mean(lambda_: Value, N: Value) -> Value:
        return 1.0 / np.expm1(lambda_) - N / np.expm1(N * lambda_)

    @staticmethod
    def var(lambda_: Value, N: Value) -> Value:
        one, all_ = np.sinh(0.5 * lambda_), np.sinh(0.5 * N * lambda_)
        return 0.25 / (one * one) - 0.25 * N * N / (all_ * all_)


@discrete
class planck:
    """pmf(k) = (1 - exp(-l)) exp(-l k), k = 0, 1, ..."""

    sample: tuple[float, ...] = (0.6,)

    @staticmethod
    def logpmf(k: Value, lambda_: Value) -> Value:
        return np.log(-np.expm1(-lambda_)) - lambda_ * k

    @staticmethod
    def logsf(k: Value, lambda_: Value) -> Value:
        return -lambda_ * (k + 1.0)

    @staticmethod
    def mean(lambda_: Value) -> Value:
        return 1.0 / np.expm1(lambda_)

    @staticmethod
    def var(lambda_: Value) -> Value:
        return np.exp(-lambda_) / np.expm1(-lambda_) ** 2

    @staticmethod
    def entropy(lambda_: Value) -> Value:
        part = -np.expm1(-lambda_)
        return lambda_ * np.exp(-lambda_) / part - np.log(part)


@discrete
class dlaplace:
    """pmf(k) = tanh(a / 2) exp(-a |k|)"""

    support: tuple[Any, Any] = (-math.inf, math.inf)
    sample: tuple[float, ...] = (0.8,)

    @staticmethod
    def logpmf(k: Value, a: Value) -> Value:
        return np.log(np.tanh(0.5 * a)) - a * np.abs(k)

    @staticmethod
    def cdf(k: Value, a: Value) -> Value:
        tail = np.exp(-a * np.where(k >= 0, k + 1.0, -k - 1.0)) / (1.0 + np.exp(-a))
        return np.where(k >= 0, 1.0 - tail, tail * np.exp(-a))

    @staticmethod
    def sf(k: Value, a: Value) -> Value:
        tail = np.exp(-a * np.where(k >= 0, k + 1.0, -k - 1.0)) / (1.0 + np.exp(-a))
        return np.where(k >= 0, tail, 1.0 - tail * np.exp(-a))

    @staticmethod
    def mean(a: Value) -> Value:
        return 0.0 * a

    @staticmethod
    def var(a: Value) -> Value:
        return 0.5 / np.sinh(0.5 * a) ** 2

    @staticmethod
    def entropy(a: Value) -> Value:
        return a / np.sinh(a) - np.log(np.tanh(0.5 * a))


@discrete
class logser:
    """pmf(k) = -p**k / (k log(1 - p)), k = 1, 2, ..."""

    support: tuple[Any, Any] = (1.0, math.inf)
    sample: tuple[float, ...] = (0.6,)

    @staticmethod
    def logpmf(k: Value, p: Value) -> Value:
        return k * np.log(p) - np.log(k) - np.log(-np.log1p(-p))

    @staticmethod
    def sf(k: Value, p: Value) -> Value:
        return np.exp(logser.formulas.logsf(k, p))

    @staticmethod
    def logsf(k: Value, p: Value) -> Value:
        # The sum of p**j / j for j > k is p**n / n 2F1(1, n; n + 1; p), n = k + 1.
        n = k + 1.0
        rest = np.log(sc.hyp2f1(1.0, n, n + 1.0, p))
        return n * np.log(p) - np.log(n) + rest - np.log(-np.log1p(-p))

    @staticmethod
    def mean(p: Value) -> Value:
        return p / ((p - 1.0) * np.log1p(-p))

    @staticmethod
    def var(p: Value) -> Value:
        r = np.log1p(-p)
        return -p * (r + p) / ((1.0 - p) ** 2 * r * r)


@discrete
class zipf:
    """pmf(k) = k**-a / zeta(a), k = 1, 2, ..."""

    support: tuple[Any, Any] = (1.0, math.inf)
    sample: tuple[float, ...] = (3.4,)

    @staticmethod
    def logpmf(k: Value, a: Value) -> Value:
        return -a * np.log(k) - np.log(zeta(a, 1.0))

    @staticmethod
    def mean(a: Value) -> Value:
        finite = a > 2.0
        b = np.where(finite, a, 3.0)
        value = zeta(b - 1.0, 1.0) / zeta(b, 1.0)
        return np.where(finite, value, math.inf)

    @staticmethod
    def var(a: Value) -> Value:
        finite = a > 3.0
        b = np.where(finite, a, 4.0)
        one = zeta(b, 1.0)
        mean = zeta(b - 1.0, 1.0) / one
        value = zeta(b - 2.0, 1.0) / one - mean * mean
        return np.where(finite, value, math.inf)


@discrete
class zipfian:
    """pmf(k) = k**-a / (1 + 2**-a + ... + n**-a), k = 1 ... n"""

    sample: tuple[float, ...] = (1.2, 8)
    refused: Mapping[str, str] = {"n": COUNTS}

    @staticmethod
    def support(a: Value, n: Value) -> tuple[Value, Value]:
        return 1.0, n

    @staticmethod
    def logpmf(k: Value, a: Value, n: Value) -> Value:
        return -a * np.log(k) - np.log(_harmonic(n, a, n))

    @staticmethod
    def cdf(k: Value, a: Value, n: Value) -> Value:
        return _harmonic(k, a, n) / _harmonic(n, a, n)


def _harmonic(k: Value, a: Value, n: Value) -> Any:
    """Return the sum of ``j**-a`` up to ``k``, with ``k <= n``."""
    largest: Any = np.max(n)
    counts = np.arange(1.0, largest + 1.0)
    powers = np.exp(-np.expand_dims(a, -1) * np.log(counts))
    return np.sum(np.where(counts <= np.expand_dims(k, -1), powers, 0.0), -1)


@discrete
class yulesimon:
    """pmf(k) = alpha B(k, alpha + 1), k = 1, 2, ..."""

    support: tuple[Any, Any] = (1.0, math.inf)
    sample: tuple[float, ...] = (3.2,)

    @staticmethod
    def logpmf(k: Value, alpha: Value) -> Value:
        return np.log(alpha) + sc.betaln(k, alpha + 1.0)

    @staticmethod
    def logsf(k: Value, alpha: Value) -> Value:
        return np.log(k) + sc.betaln(k, alpha + 1.0)

    @staticmethod
    def mean(alpha: Value) -> Value:
        finite = alpha > 1.0
        return np.where(finite, alpha / np.where(finite, alpha - 1.0, 1.0), math.inf)

    @staticmethod
    def var(alpha: Value) -> Value:
        finite = alpha > 2.0
        b = np.where(finite, alpha, 3.0)
        value = b * b / ((b - 2.0) * (b - 1.0) ** 2)
        infinite = np.where(alpha > 1.0, math.inf, math.nan)
        return np.where(finite, value, infinite)
