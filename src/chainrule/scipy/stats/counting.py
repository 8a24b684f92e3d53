"""Discrete distributions of trials, of events in time, and of ranks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from chainrule.scipy.stats.discrete import discrete
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.types import Value
from chainrule.values.vertices import raw

COUNTS = "it counts. Pass gd.value(...)."


def log_binomial(n: Value, k: Value) -> Value:
    """Return the logarithm of a binomial coefficient of plain numbers."""
    return -np.log1p(n) - sc.betaln(n - k + 1.0, k + 1.0)


@discrete
class bernoulli:
    """pmf(k) = p for k = 1, 1 - p for k = 0"""

    support: tuple[Any, Any] = (0.0, 1.0)
    sample: tuple[float, ...] = (0.3,)

    @staticmethod
    def pmf(k: Value, p: Value) -> Value:
        return np.where(k == 1.0, p, 1.0 - p)

    @staticmethod
    def cdf(k: Value, p: Value) -> Value:
        return 1.0 - p + 0.0 * k

    @staticmethod
    def sf(k: Value, p: Value) -> Value:
        return p + 0.0 * k

    @staticmethod
    def mean(p: Value) -> Value:
        return p

    @staticmethod
    def var(p: Value) -> Value:
        return p * (1.0 - p)

    @staticmethod
    def entropy(p: Value) -> Value:
        return -sc.xlogy(p, p) - sc.xlog1py(1.0 - p, -p)


@discrete
class binom:
    """pmf(k) = n! / (k! (n - k)!) p**k (1 - p)**(n - k), k = 0 ... n"""

    sample: tuple[float, ...] = (7, 0.3)
    refused: Mapping[str, str] = {"n": COUNTS}

    @staticmethod
    def support(n: Value, p: Value) -> tuple[Value, Value]:
        return 0.0, n

    @staticmethod
    def logpmf(k: Value, n: Value, p: Value) -> Value:
        return log_binomial(n, k) + sc.xlogy(k, p) + sc.xlog1py(n - k, -p)

    @staticmethod
    def cdf(k: Value, n: Value, p: Value) -> Value:
        return sc.betainc(n - k, k + 1.0, 1.0 - p)

    @staticmethod
    def sf(k: Value, n: Value, p: Value) -> Value:
        return sc.betainc(k + 1.0, n - k, p)

    @staticmethod
    def mean(n: Value, p: Value) -> Value:
        return n * p

    @staticmethod
    def var(n: Value, p: Value) -> Value:
        return n * p * (1.0 - p)


@discrete
class geom:
    """pmf(k) = (1 - p)**(k - 1) p, k = 1, 2, ..."""

    support: tuple[Any, Any] = (1.0, math.inf)
    sample: tuple[float, ...] = (0.4,)

    @staticmethod
    def pmf(k: Value, p: Value) -> Value:
        return np.power(1.0 - p, k - 1.0) * p

    @staticmethod
    def logpmf(k: Value, p: Value) -> Value:
        return sc.xlog1py(k - 1.0, -p) + np.log(p)

    @staticmethod
    def logsf(k: Value, p: Value) -> Value:
        return k * np.log1p(-p)

    @staticmethod
    def mean(p: Value) -> Value:
        return 1.0 / p

    @staticmethod
    def var(p: Value) -> Value:
        return (1.0 - p) / (p * p)

    @staticmethod
    def entropy(p: Value) -> Value:
        return -np.log(p) - sc.xlog1py(1.0 - p, -p) / p


@discrete
class nbinom:
    """pmf(k) = gamma(n + k) / (k! gamma(n)) p**n (1 - p)**k, k = 0, 1, ..."""

    sample: tuple[float, ...] = (3.4, 0.6)

    @staticmethod
    def logpmf(k: Value, n: Value, p: Value) -> Value:
        coefficient = sc.gammaln(n + k) - sc.gammaln(k + 1.0) - sc.gammaln(n)
        return coefficient + n * np.log(p) + sc.xlog1py(k, -p)

    @staticmethod
    def cdf(k: Value, n: Value, p: Value) -> Value:
        return sc.betainc(n, k + 1.0, p)

    @staticmethod
    def sf(k: Value, n: Value, p: Value) -> Value:
        return sc.betainc(k + 1.0, n, 1.0 - p)

    @staticmethod
    def mean(n: Value, p: Value) -> Value:
        return n * (1.0 - p) / p

    @staticmethod
    def var(n: Value, p: Value) -> Value:
        return n * (1.0 - p) / (p * p)


@discrete
class poisson:
    """pmf(k) = exp(-mu) mu**k / k!, k = 0, 1, ..."""

    sample: tuple[float, ...] = (2.6,)

    @staticmethod
    def logpmf(k: Value, mu: Value) -> Value:
        return sc.xlogy(k, mu) - sc.gammaln(k + 1.0) - mu

    @staticmethod
    def cdf(k: Value, mu: Value) -> Value:
        return sc.gammaincc(k + 1.0, mu)

    @staticmethod
    def sf(k: Value, mu: Value) -> Value:
        return sc.gammainc(k + 1.0, mu)

    @staticmethod
    def mean(mu: Value) -> Value:
        return mu

    var = mean


@discrete
class skellam:
    """pmf(k) = exp(-mu1 - mu2) (mu1 / mu2)**(k / 2) I_k(2 sqrt(mu1 mu2))"""

    support: tuple[Any, Any] = (-math.inf, math.inf)
    sample: tuple[float, ...] = (2.4, 1.3)

    @staticmethod
    def logpmf(k: Value, mu1: Value, mu2: Value) -> Value:
        bessel = sc.ive(np.abs(k), 2.0 * np.sqrt(mu1 * mu2))
        apart = np.sqrt(mu1) - np.sqrt(mu2)
        return 0.5 * k * np.log(mu1 / mu2) - apart * apart + np.log(bessel)

    @staticmethod
    def cdf_slopes(k: Value, mu1: Value, mu2: Value) -> tuple[Value, Value]:
        """dF/dmu1 = -pmf(k), dF/dmu2 = pmf(k + 1): one more event of either kind"""
        logpmf = skellam.formulas.logpmf
        return -np.exp(logpmf(k, mu1, mu2)), np.exp(logpmf(k + 1.0, mu1, mu2))

    @staticmethod
    def mean(mu1: Value, mu2: Value) -> Value:
        return mu1 - mu2

    @staticmethod
    def var(mu1: Value, mu2: Value) -> Value:
        return mu1 + mu2


@discrete
class betabinom:
    """pmf(k) = n! / (k! (n - k)!) B(k + a, n - k + b) / B(a, b), k = 0 ... n"""

    sample: tuple[float, ...] = (6, 2.3, 1.7)
    refused: Mapping[str, str] = {"n": COUNTS}

    @staticmethod
    def support(n: Value, a: Value, b: Value) -> tuple[Value, Value]:
        return 0.0, n

    @staticmethod
    def logpmf(k: Value, n: Value, a: Value, b: Value) -> Value:
        ratio = sc.betaln(k + a, n - k + b) - sc.betaln(a, b)
        return log_binomial(n, k) + ratio

    @staticmethod
    def mean(n: Value, a: Value, b: Value) -> Value:
        return n * a / (a + b)

    @staticmethod
    def var(n: Value, a: Value, b: Value) -> Value:
        whole = a + b
        return n * (whole + n) * a * b / (whole * whole * (whole + 1.0))


@discrete
class betanbinom:
    """pmf(k) = (n + k - 1)! / (k! (n - 1)!) B(a + n, b + k) / B(a, b), k = 0, 1, ..."""

    sample: tuple[float, ...] = (4, 3.6, 1.8)
    refused: Mapping[str, str] = {"n": COUNTS}

    @staticmethod
    def logpmf(k: Value, n: Value, a: Value, b: Value) -> Value:
        coefficient = -np.log(n + k) - sc.betaln(n, k + 1.0)
        return coefficient + sc.betaln(a + n, b + k) - sc.betaln(a, b)

    @staticmethod
    def mean(n: Value, a: Value, b: Value) -> Value:
        finite = a > 1.0
        return np.where(finite, n * b / np.where(finite, a - 1.0, 1.0), math.inf)


@discrete
class nchypergeom_fisher:
    """pmf(k) = C(n, k) C(M - n, N - k) odds**k, divided by their sum"""

    sample: tuple[float, ...] = (30, 12, 10, 0.7)
    refused: Mapping[str, str] = dict.fromkeys(("M", "n", "N"), COUNTS)

    @staticmethod
    def support(M: Value, n: Value, N: Value, odds: Value) -> tuple[Value, Value]:
        return np.maximum(0.0, N + n - M), np.minimum(N, n)

    @staticmethod
    def valid(M: Value, n: Value, N: Value, odds: Value) -> Value:
        whole = (np.floor(M) == M) & (n == np.floor(n)) & (np.floor(N) == N)
        return whole & (n >= 0) & (n <= M) & (N >= 0) & (N <= M) & (odds > 0)

    @staticmethod
    def logpmf(k: Value, M: Value, n: Value, N: Value, odds: Value) -> Value:
        low, high = nchypergeom_fisher.formulas.support(M, n, N, odds)
        columns = (np.expand_dims(s, -1) for s in (low, high, M, n, N, odds))
        first, last, *shapes = columns
        counts = np.arange(np.min(low), np.max(high, initial=0.0) + 1.0)
        held = (counts >= first) & (counts <= last)
        terms = _log_weight(np.where(held, counts, first), *shapes)
        top = np.max(np.where(held, raw(terms), -math.inf), -1, keepdims=True)
        sums = np.sum(np.where(held, np.exp(terms - top), 0.0), -1)
        return _log_weight(k, M, n, N, odds) - np.log(sums) - top[..., 0]

    @staticmethod
    def mean(M: Value, n: Value, N: Value, odds: Value) -> Value:
        return _moment(1, M, n, N, odds)

    @staticmethod
    def var(M: Value, n: Value, N: Value, odds: Value) -> Value:
        mean = _moment(1, M, n, N, odds)
        return _moment(2, M, n, N, odds) - mean * mean


def _log_weight(k: Value, M: Value, n: Value, N: Value, odds: Value) -> Value:
    """Return the logarithm of what probabilities are in proportion to."""
    ways = log_binomial(n, k) + log_binomial(M - n, N - k)
    return ways + sc.xlogy(k, odds)


def _moment(power: int, *shapes: Value) -> Value:
    """Return the mean of a power of Fisher's count."""
    low, high = nchypergeom_fisher.formulas.support(*shapes)
    columns = [np.expand_dims(s, -1) for s in shapes]
    counts = np.arange(np.min(low), np.max(high, initial=0.0) + 1.0)
    held = (counts >= np.expand_dims(low, -1)) & (counts <= np.expand_dims(high, -1))
    inside = np.where(held, counts, np.expand_dims(low, -1))
    log = nchypergeom_fisher.formulas.logpmf(inside, *columns)
    return np.sum(np.where(held, np.exp(log) * inside**power, 0.0), -1)
