"""Distributions of matrices."""

from __future__ import annotations

import math

from chainrule.scipy.stats.multivariate import (
    LOG_2,
    LOG_2_PI,
    as_matrix,
    factor,
    multivariate,
)
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.shapes import shape_of
from chainrule.values.types import Value


def log_multigamma(a: Value, dim: int) -> Value:
    """Return the logarithm of the multivariate gamma function (DLMF 35.3.1)."""
    halves = 0.5 * np.arange(dim)
    parts = sc.gammaln(np.expand_dims(a, -1) - halves)
    return 0.25 * dim * (dim - 1) * math.log(math.pi) + np.sum(parts, axis=-1)


def _points(x: Value, dim: int) -> Value:
    """Return matrices along the last two axes; SciPy has them along the first two."""
    if len(shape_of(x)) == 3:
        return np.moveaxis(x, -1, 0)
    if len(shape_of(x)) == 1 and dim == 1:
        return np.reshape(x, (-1, 1, 1))
    return as_matrix(x, dim)


def _scale(scale: Value | None, df: Value) -> tuple[Value, int]:
    """Return a scale matrix and its number of rows."""
    scale = 1.0 if scale is None else scale
    dim = shape_of(scale)[0] if len(shape_of(scale)) else 1
    return as_matrix(scale, dim), dim


def _digammas(df: Value, dim: int) -> Value:
    """Return the sum of ``psi((df - j) / 2)`` over ``j = 0 ... dim - 1``."""
    return np.sum(sc.psi(0.5 * (np.expand_dims(df, -1) - np.arange(dim))), axis=-1)


@multivariate
class wishart:
    """pdf(x) = det(x)**((df - p - 1) / 2) exp(-tr(inv(scale) x) / 2) / N

    ``N = 2**(df p / 2) det(scale)**(df / 2) Gamma_p(df / 2)``.
    """

    @staticmethod
    def logpdf(x: Value, df: Value, scale: Value | None) -> Value:
        scale, dim = _scale(scale, df)
        lower, log_det = factor(scale)
        points = _points(x, dim)
        _, log_det_x = factor(points)
        whitened = np.linalg.solve(np.transpose(lower), np.linalg.solve(lower, points))
        trace = np.trace(whitened, axis1=-2, axis2=-1)
        constant = 0.5 * df * (dim * LOG_2 + log_det) + log_multigamma(0.5 * df, dim)
        return 0.5 * (df - dim - 1.0) * log_det_x - 0.5 * trace - constant

    @staticmethod
    def mean(df: Value, scale: Value | None) -> Value:
        return df * _scale(scale, df)[0]

    @staticmethod
    def var(df: Value, scale: Value | None) -> Value:
        scale, _ = _scale(scale, df)
        diagonal = np.diagonal(scale)
        return df * (scale**2 + np.outer(diagonal, diagonal))

    @staticmethod
    def entropy(df: Value, scale: Value | None) -> Value:
        scale, dim = _scale(scale, df)
        _, log_det = factor(scale)
        size = 0.5 * (dim + 1.0) * (log_det + dim * LOG_2) + 0.5 * df * dim
        gammas = log_multigamma(0.5 * df, dim)
        return size + gammas - 0.5 * (df - dim - 1.0) * _digammas(df, dim)


@multivariate
class invwishart:
    """pdf(x) = det(x)**(-(df + p + 1) / 2) exp(-tr(scale inv(x)) / 2) / N

    ``N = 2**(df p / 2) det(scale)**(-df / 2) Gamma_p(df / 2)``.
    """

    @staticmethod
    def logpdf(x: Value, df: Value, scale: Value | None) -> Value:
        scale, dim = _scale(scale, df)
        lower, log_det = factor(scale)
        lower_x, log_det_x = factor(_points(x, dim))
        ratio = np.linalg.solve(lower_x, lower)
        trace = np.sum(ratio * ratio, axis=(-2, -1))
        constant = 0.5 * df * (dim * LOG_2 - log_det) + log_multigamma(0.5 * df, dim)
        return -0.5 * (df + dim + 1.0) * log_det_x - 0.5 * trace - constant

    @staticmethod
    def mean(df: Value, scale: Value | None) -> Value:
        scale, dim = _scale(scale, df)
        return scale / (df - dim - 1.0)

    @staticmethod
    def entropy(df: Value, scale: Value | None) -> Value:
        scale, dim = _scale(scale, df)
        _, log_det = factor(scale)
        # SciPy subtracts LOG_2 once, where the integral has it dim times.
        size = 0.5 * (dim + 1.0) * (log_det - LOG_2) + 0.5 * df * dim
        gammas = log_multigamma(0.5 * df, dim)
        return size + gammas - 0.5 * (df + dim + 1.0) * _digammas(df, dim)


@multivariate
class matrix_normal:
    """pdf(X) = exp(-tr(inv(colcov) D.T inv(rowcov) D) / 2) / N, D = X - mean

    ``N = (2 pi)**(n p / 2) det(colcov)**(n / 2) det(rowcov)**(p / 2)``.
    """

    @staticmethod
    def logpdf(X: Value, mean: Value | None, rowcov: Value, colcov: Value) -> Value:
        rows, columns = shape_of(X)[-2:]
        lower, log_det_rows = factor(as_matrix(rowcov, rows))
        right, log_det_columns = factor(as_matrix(colcov, columns))
        deviation = X if mean is None else X - mean
        left = np.linalg.solve(lower, deviation)
        whitened = np.linalg.solve(right, np.swapaxes(left, -1, -2))
        far = np.sum(whitened * whitened, axis=(-2, -1))
        sizes = columns * log_det_rows + rows * log_det_columns
        return -0.5 * (far + rows * columns * LOG_2_PI + sizes)

    @staticmethod
    def entropy(rowcov: Value, colcov: Value) -> Value:
        rows, columns = shape_of(rowcov)[0], shape_of(colcov)[0]
        _, log_det_rows = factor(as_matrix(rowcov, rows))
        _, log_det_columns = factor(as_matrix(colcov, columns))
        sizes = columns * log_det_rows + rows * log_det_columns
        return 0.5 * (rows * columns * (1.0 + LOG_2_PI) + sizes)
