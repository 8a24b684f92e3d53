"""Probabilities of the multivariate normal distribution, as one operation.

The value of two variables is Owen's formula (Owen 1956), that of more is SciPy's
integral. The derivatives are formulas in probabilities of fewer variables, so they are
there at every order, and more accurate than the value:

    dP/dx_i = pdf(x_i) P(the others | x_i)
    dP/dcov_ij = d2P/dx_i dx_j = pdf(x_i, x_j) P(the others | x_i, x_j)      (Plackett)
    2 dP/dcov_ii = d2P/dx_i**2 = -(x_i dP/dx_i + sum of cov_ij d2P/dx_i dx_j) / cov_ii
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special
import scipy.stats

from chainrule.rules import general
from chainrule.rules.cases import Cases, Dtypes, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.values.types import Array, ArrayValue, Namespace, Operation, Value
from chainrule.wrapping import operation

_special: Any = scipy.special
_stats: Any = scipy.stats
_np: Any = np
Options = tuple[tuple[str, Any], ...]


def normal_probability(x: ArrayValue, cov: ArrayValue, *, options: Options = ()) -> Any:
    """Return the probability of values below each row of x, of means 0.

    ``cov`` is read in its lower triangle; ``options`` are of SciPy's integral.
    """
    count = x.shape[-1]
    if count == 0:
        return np.ones(x.shape[:-1])
    deviations = _np.sqrt(_np.diagonal(cov))
    scaled = x / deviations
    if count == 1:
        return _special.ndtr(scaled[..., 0])
    if count == 2:
        correlation = cov[1, 0] / (deviations[0] * deviations[1])
        return _of_two(scaled[..., 0] + 0.0, scaled[..., 1] + 0.0, correlation)
    whole = _np.tril(cov) + _np.tril(cov, -1).T
    given = {"rng": _np.random.default_rng(0), **dict(options)}
    z = _stats.multivariate_normal.cdf(x, cov=whole, **given)
    return _np.reshape(z, x.shape[:-1])


def _of_two(h: ArrayValue, k: ArrayValue, r: float) -> Any:
    """Return the probability of two standard variables of correlation r."""
    s = math.sqrt((1.0 - r) * (1.0 + r))
    with np.errstate(all="ignore"):
        first = _special.owens_t(h, (k / h - r) / s)
        second = _special.owens_t(k, (h / k - r) / s)
        apart = (h * k < 0) | ((h * k == 0) & (h + k < 0))
        z = 0.5 * (_special.ndtr(h) + _special.ndtr(k) - apart) - first - second
    origin = 0.25 + math.asin(r) / math.tau
    z = _np.where((h == 0) & (k == 0), origin, z)
    z = _np.where(_np.isinf(h), _np.where(h > 0, _special.ndtr(k), 0.0), z)
    return _np.where(_np.isinf(k), _np.where(k > 0, _special.ndtr(h), 0.0), z)


EXTRA["normal_probability"] = opaque(normal_probability)


def _without(count: int, left_out: Sequence[int]) -> list[int]:
    return [i for i in range(count) if i not in left_out]


def _given(
    xp: Namespace, x: Array, cov: Array, known: Sequence[int], options: Options
) -> Value:
    """Return pdf(x_known) P(the others | x_known)."""
    own, rest = list(known), _without(x.shape[-1], known)
    inner = cov[_np.ix_(own, own)]
    inverse = xp.linalg.inv(inner)
    y = x[..., own]
    far = xp.sum(xp.matmul(y, inverse) * y, axis=-1)
    scale = xp.linalg.det(inner) * math.tau ** len(own)
    density = xp.exp(-0.5 * far) / xp.sqrt(scale)
    if not rest:
        return density
    weights = xp.matmul(inverse, cov[_np.ix_(own, rest)])
    moved = x[..., rest] - xp.matmul(y, weights)
    less = cov[_np.ix_(rest, rest)] - xp.matmul(cov[_np.ix_(rest, own)], weights)
    return density * xp.normal_probability(moved, less, options=options)


def _slopes(
    xp: Namespace, x: Array, cov: Array, options: Options
) -> tuple[Value, Value]:
    """Return the derivatives in x, and in the lower triangle of cov."""
    count = x.shape[-1]
    lower = _np.tri(count, dtype=bool)
    whole: Any = xp.where(lower, cov, xp.swapaxes(cov, 0, 1))
    first = [_given(xp, x, whole, [i], options) for i in range(count)]
    second: list[list[Any]] = [[0.0 * first[0]] * count for _ in range(count)]
    for i in range(count):
        for j in range(i):
            second[i][j] = _given(xp, x, whole, [j, i], options)
    for i in range(count):
        total = x[..., i] * first[i]
        for j in _without(count, [i]):
            total = total + whole[i, j] * second[max(i, j)][min(i, j)]
        second[i][i] = -0.5 * total / whole[i, i]
    lines = [xp.stack(line, axis=-1) for line in second]
    return xp.stack(first, axis=-1), xp.stack(lines, axis=-2)


class normal_probability_grad(general):
    """z = the probability of values below x, normal with means 0 and covariance cov"""

    forward = EXTRA["normal_probability"]
    dtypes: Dtypes = ("float64",)
    cases: Cases = (
        case(within(-1.0, 1.0, 3, 2), np.array([[2.0, 0.0], [0.6, 1.5]])),
        case(within(-1.0, 1.0, 1), np.array([[1.5]])),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Array,
        z: Value,
        x: Array,
        cov: Array,
        *,
        options: Options = (),
    ) -> tuple[Value, Value]:
        """x_grad = z_grad dP/dx, cov_grad = sum of z_grad dP/dcov"""
        in_x, in_cov = _slopes(xp, x, cov, options)
        each = z_grad[..., None]
        lines = tuple(range(len(z_grad.shape)))
        return each * in_x, xp.sum(each[..., None] * in_cov, axis=lines)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Array,
        cov: Array,
        *,
        options: Options = (),
    ) -> Value | None:
        """z_dot = dP/dx x_dot + dP/dcov cov_dot"""
        in_x, in_cov = _slopes(xp, x, cov, options)
        x_dot, cov_dot = tangents
        parts: list[Any] = []
        if x_dot is not None:
            parts.append(xp.sum(in_x * x_dot, axis=-1))
        if cov_dot is not None:
            parts.append(xp.sum(in_cov * cov_dot, axis=(-2, -1)))
        return sum(parts[1:], parts[0]) if parts else None


probability_of: Operation = operation(normal_probability_grad)
