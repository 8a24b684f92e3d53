"""Distributions of vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from chainrule.scipy.stats.distribution import missing
from chainrule.scipy.stats.multivariate import (
    LOG_2_PI,
    as_matrix,
    centred,
    dimension,
    distances,
    factor,
    multivariate,
)
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.scipy.stats.normal_probabilities import probability_of
from chainrule.values.shapes import shape_of
from chainrule.values.types import Value

COUNTS = "it counts. Pass gd.value(...)."


@multivariate
class multivariate_normal:
    """pdf(x) = exp(-d.T inv(cov) d / 2) / sqrt(det(2 pi cov)), d = x - mean"""

    @staticmethod
    def logpdf(x: Value, mean: Value | None, cov: Value) -> Value:
        dim = dimension(mean, cov)
        lower, log_det = factor(as_matrix(cov, dim))
        far = distances(centred(x, mean, dim), lower)
        return -0.5 * (far + (dim * LOG_2_PI + log_det))

    @staticmethod
    def cdf(
        x: Value,
        mean: Value | None,
        cov: Value,
        lower_limit: Value | None,
        rng: object,
        **options: float | None,
    ) -> Value:
        if lower_limit is not None:
            raise missing(
                "multivariate_normal",
                "cdf with lower_limit=",
                "Add and subtract the cdf at the corners.",
            )
        dim = dimension(mean, cov)
        own = {k: v for k, v in {**options, "rng": rng}.items() if v is not None}
        deviation = centred(x, mean, dim)
        return probability_of(
            deviation, as_matrix(cov, dim), options=tuple(own.items())
        )

    @staticmethod
    def logcdf(x: Value, mean: Value | None, cov: Value, **options: Any) -> Value:
        return np.log(multivariate_normal.formulas.cdf(x, mean, cov, **options))

    @staticmethod
    def entropy(mean: Value | None, cov: Value) -> Value:
        dim = dimension(mean, cov)
        _, log_det = factor(as_matrix(cov, dim))
        return 0.5 * (dim * (LOG_2_PI + 1.0) + log_det)


@multivariate
class multivariate_t:
    """pdf(x) = C (1 + d.T inv(shape) d / df)**(-(df + p) / 2), d = x - loc

    ``C = gamma((df + p) / 2) / (gamma(df / 2) sqrt(det(df pi shape)))``.
    """

    @staticmethod
    def logpdf(x: Value, loc: Value | None, shape: Value, df: Value) -> Value:
        dim = dimension(loc, shape)
        lower, log_det = factor(as_matrix(shape, dim))
        far = distances(centred(x, loc, dim), lower)
        half = 0.5 * (df + dim)
        constant = sc.gammaln(half) - sc.gammaln(0.5 * df)
        constant = constant - 0.5 * (dim * np.log(df * math.pi) + log_det)
        return constant - half * np.log1p(far / df)

    @staticmethod
    def entropy(loc: Value | None, shape: Value, df: Value) -> Value:
        dim = dimension(loc, shape)
        _, log_det = factor(as_matrix(shape, dim))
        half, all_ = 0.5 * df, 0.5 * (df + dim)
        constant = sc.gammaln(half) - sc.gammaln(all_)
        scale = 0.5 * (dim * np.log(df * math.pi) + log_det)
        return constant + scale + all_ * (sc.psi(all_) - sc.psi(half))


@multivariate
class dirichlet:
    """pdf(x) = gamma(sum(alpha)) prod(x**(alpha - 1) / gamma(alpha)), sum(x) = 1

    A last coordinate that is left out is 1 minus the others. The derivative in ``x``
    is that in each coordinate by itself.
    """

    @staticmethod
    def logpdf(x: Value, alpha: Value) -> Value:
        if shape_of(x)[0] + 1 == shape_of(alpha)[0]:
            x = np.concatenate([x, 1.0 - np.sum(x, axis=0, keepdims=True)])
        powers = sc.xlogy(np.transpose(alpha - 1.0), np.transpose(x))
        constant = sc.gammaln(np.sum(alpha)) - np.sum(sc.gammaln(alpha))
        return constant + np.sum(powers, axis=-1)

    @staticmethod
    def mean(alpha: Value) -> Value:
        return alpha / np.sum(alpha)

    @staticmethod
    def var(alpha: Value) -> Value:
        whole = np.sum(alpha)
        return alpha * (whole - alpha) / (whole * whole * (whole + 1.0))

    @staticmethod
    def cov(alpha: Value) -> Value:
        whole = np.sum(alpha)
        share = alpha / whole
        return (np.diag(share) - np.outer(share, share)) / (whole + 1.0)

    @staticmethod
    def entropy(alpha: Value) -> Value:
        whole, count = np.sum(alpha), shape_of(alpha)[0]
        constant = np.sum(sc.gammaln(alpha)) - sc.gammaln(whole)
        parts = np.sum((alpha - 1.0) * sc.psi(alpha))
        return constant + (whole - count) * sc.psi(whole) - parts


@multivariate
class multinomial:
    """pmf(x) = n! prod(p**x / x!), sum(x) = n, sum(p) = 1

    The derivative in ``p`` is that in each probability by itself.
    """

    refused: Mapping[str, str] = {"x": COUNTS, "n": COUNTS}

    @staticmethod
    def logpmf(x: Value, n: Value, p: Value) -> Value:
        parts = sc.xlogy(x, p) - sc.gammaln(np.asarray(x) + 1.0)
        z = sc.gammaln(np.asarray(n) + 1.0) + np.sum(parts, axis=-1)
        return np.where(np.sum(x, axis=-1) == n, z, -math.inf)

    @staticmethod
    def mean(n: Value, p: Value) -> Value:
        return np.expand_dims(n, -1) * p


@multivariate
class dirichlet_multinomial:
    """pmf(x) = n! B(n, sum(alpha)) prod(1 / (x! B(x, alpha)) ...), sum(x) = n

    ``gamma(A) n! / gamma(n + A) prod(gamma(x + alpha) / (gamma(alpha) x!))`` with
    ``A = sum(alpha)``.
    """

    refused: Mapping[str, str] = {"x": COUNTS, "n": COUNTS}

    @staticmethod
    def logpmf(x: Value, alpha: Value, n: Value) -> Value:
        whole, total = np.sum(alpha, axis=-1), np.asarray(n)
        constant = sc.gammaln(whole) + sc.gammaln(total + 1.0)
        parts = sc.gammaln(x + alpha) - sc.gammaln(alpha)
        parts = parts - sc.gammaln(np.asarray(x) + 1.0)
        z = constant - sc.gammaln(total + whole) + np.sum(parts, axis=-1)
        return np.where(np.sum(x, axis=-1) == n, z, -math.inf)

    @staticmethod
    def mean(alpha: Value, n: Value) -> Value:
        whole = np.sum(alpha, axis=-1, keepdims=True)
        return np.expand_dims(n, -1) * alpha / whole
