"""The distribution function of the multivariate normal: values and derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import MissingRuleError
from tests.helpers import assert_close

theirs = pytest.importorskip("scipy.stats")
from chainrule.scipy import stats  # noqa: E402

TWO = np.array([[2.0, 0.6], [0.6, 1.5]])
THREE = np.array([[2.0, 0.6, 0.3], [0.6, 1.5, -0.4], [0.3, -0.4, 1.0]])
MEAN = np.array([0.1, 0.2])


def cdf(x, mean, cov):
    return stats.multivariate_normal.cdf(x, mean, (cov + cov.T) / 2)


@pytest.mark.parametrize(
    "x",
    [(0.3, -0.4), (0.0, 0.5), (0.0, -0.5), (0.0, 0.0), (-1.0, -2.0), (np.inf, 0.3),
     (0.3, -np.inf), (-0.5, 0.0), (3.0, 2.0)],
)  # fmt: skip
@pytest.mark.parametrize("r", [0.6, -0.9, 0.0])
def test_probabilities_of_two_variables_are_scipys(x, r):
    cov = np.array([[2.0, r], [r, 1.5]])
    found = stats.multivariate_normal.cdf(gd.node(np.array(x)), cov=cov)
    exact = theirs.multivariate_normal.cdf(x, cov=cov)
    assert gd.value(found) == pytest.approx(exact, abs=1e-15)


def test_derivatives_of_two_variables_to_second_order():
    gd.check_gradients(cdf, (np.array([0.3, -0.4]), MEAN, TWO), order=2)
    points = np.array([[0.3, 0.2], [0.1, -0.4], [1.0, 0.0]])
    gd.check_gradients(
        lambda x, c: cdf(x, MEAN, c) * np.arange(1.0, 4.0), (points, TWO), order=1
    )


def test_derivatives_of_three_variables_are_probabilities_of_two():
    x = np.array([0.3, -0.4, 0.6])
    slopes, in_cov = gd.grad(lambda x, c: cdf(x, None, c), (0, 1))(x, THREE)
    for i in range(3):
        rest = [j for j in range(3) if j != i]
        weights = THREE[rest, i] / THREE[i, i]
        given = THREE[np.ix_(rest, rest)] - np.outer(weights, THREE[i, rest])
        exact = theirs.norm.pdf(x[i], scale=THREE[i, i] ** 0.5)
        exact *= theirs.multivariate_normal.cdf(x[rest] - weights * x[i], cov=given)
        assert slopes[i] == pytest.approx(exact, rel=1e-12)
    # Plackett: the slopes in cov are half of the second derivatives in x
    second = gd.hessian(lambda x: cdf(x, None, THREE))(x)
    assert_close(in_cov, second / 2, 1e-10)


def test_logarithms_frozen_ones_and_compiled_ones():
    x = np.array([0.3, -0.4])

    def log(x, cov):
        return stats.multivariate_normal(MEAN, (cov + cov.T) / 2).logcdf(x)

    gd.check_gradients(log, (x, TWO), order=1)
    fast = gd.compile(gd.grad(log, (0, 1)))
    for at in (x, x + 0.1):
        for a, b in zip(fast(at, TWO), gd.grad(log, (0, 1))(at, TWO), strict=True):
            assert_close(a, b, 1e-12)
    plain = theirs.multivariate_normal(MEAN, TWO)
    assert stats.multivariate_normal(MEAN, TWO).cdf(x) == plain.cdf(x)
    assert stats.multivariate_normal(MEAN, TWO, seed=1).pdf(x) == plain.pdf(x)


def test_a_lower_limit_is_refused_by_name():
    x = gd.node(np.array([0.3, -0.4]))
    with pytest.raises(MissingRuleError, match="lower_limit"):
        stats.multivariate_normal.cdf(x, MEAN, TWO, lower_limit=np.array([-1.0, -1.0]))
