"""Random numbers are NumPy's, and differentiable in where they lie and how wide."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import chainrule as gd
import chainrule.numpy as gnp
from chainrule.errors import ArgumentError
from chainrule.numpy import random

ONE, TWO = (1.5,), (0.5, 1.5)
DRAWS = {
    "normal": TWO,
    "laplace": TWO,
    "logistic": TWO,
    "gumbel": TWO,
    "uniform": TWO,
    "lognormal": TWO,
    "exponential": ONE,
    "rayleigh": ONE,
    "weibull": ONE,
    "pareto": ONE,
    "power": ONE,
}
MAKERS = {
    "generator": (random.default_rng, np.random.default_rng),
    "state": (random.RandomState, np.random.RandomState),
}
SIZES = [None, 3, (2, 2)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("name", DRAWS)
def test_draws_are_numpys_and_differentiable(name, maker, size):
    ours, theirs = MAKERS[maker]
    parameters = DRAWS[name]

    def f(*parameters):
        return np.sum(np.asanyarray(getattr(ours(7), name)(*parameters, size=size)))

    expected = getattr(theirs(7), name)(*parameters, size=size)
    plain = getattr(ours(7), name)(*parameters, size=size)
    assert np.array_equal(plain, expected)
    drawn = getattr(ours(7), name)(*map(gd.node, parameters), size=size)
    np.testing.assert_allclose(gd.value(drawn), expected, rtol=1e-14)
    gd.check_gradients(
        lambda *p: np.sum(getattr(ours(7), name)(*p, size=size)), parameters
    )
    both = [np.array([p, 2.0 * p]) for p in parameters]
    drawn = getattr(ours(7), name)(*map(gd.node, both))
    expected = getattr(theirs(7), name)(*both)
    np.testing.assert_allclose(gd.value(drawn), expected, rtol=1e-14)


def test_the_module_draws_from_the_global_state():
    np.random.seed(3)
    expected = np.random.normal(2.0, 0.5, 4)
    np.random.seed(3)
    assert np.array_equal(random.normal(2.0, 0.5, 4), expected)
    np.random.seed(3)
    drawn = gnp.random.normal(gd.node(2.0), 0.5, 4)
    np.testing.assert_allclose(gd.value(drawn), expected, rtol=1e-14)
    assert random.choice is np.random.choice
    assert gnp.random is random


def test_several_normals_move_with_their_mean():
    mean, cov = np.array([1.0, 2.0]), np.array([[2.0, 0.5], [0.5, 1.0]])

    def f(mean):
        return np.sum(random.default_rng(0).multivariate_normal(mean, cov, 3) ** 2)

    expected = np.random.default_rng(0).multivariate_normal(mean, cov, 3)
    assert f(mean) == pytest.approx(np.sum(expected**2), rel=1e-14)
    gd.check_gradients(f, (mean,))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_several_normals_move_with_their_covariance(size):
    mean, cov = np.array([1.0, 2.0]), np.array([[2.0, 0.5], [0.5, 1.0]])
    given = {"size": size, "method": "cholesky"}

    def f(mean, cov):
        cov = (cov + cov.T) / 2.0
        drawn = random.default_rng(0).multivariate_normal(mean, cov, **given)
        return np.sum(drawn**2)

    expected = np.random.default_rng(0).multivariate_normal(mean, cov, **given)
    assert gd.value_and_grad(f)(mean, cov)[0] == pytest.approx(np.sum(expected**2))
    gd.check_gradients(f, (mean, cov))
    for draw in (random.default_rng(0), random.RandomState(0)):
        with pytest.raises(ArgumentError, match=r'needs method="cholesky"'):
            draw.multivariate_normal(mean, gd.node(cov))


def test_generators_are_kept():
    rng = random.default_rng(1)
    assert random.default_rng(rng) is rng
    again = pickle.loads(pickle.dumps(rng))
    assert type(again) is random.Generator
    assert isinstance(rng, np.random.Generator)
    assert again.normal() == rng.normal()
    assert [type(r) for r in rng.spawn(2)] == [random.Generator] * 2


def test_what_was_drawn_takes_nodes():
    def f(x):
        y = random.default_rng(0).normal(size=3)
        y[1] = x
        return np.sum(y)

    assert gd.grad(f)(2.0) == 1.0


def test_negative_widths_are_refused():
    for draw, *parameters in [("normal", 0.0, -1.0), ("exponential", -1.0)]:
        with pytest.raises(ValueError, match="< 0"):
            getattr(random.default_rng(0), draw)(*map(gd.node, parameters))


def test_lifted_code_draws_with_nodes():
    def f(drift, noise):
        rng = np.random.default_rng(0)
        x = np.zeros(5)
        for i in range(1, 5):
            x[i] = x[i - 1] + rng.normal(drift, noise)
        return np.sum(x * np.random.RandomState(1).uniform(0.0, noise, 5))

    assert gd.lift(f)(0.1, 0.3) == pytest.approx(f(0.1, 0.3), rel=1e-14)
    gd.check_gradients(gd.lift(f), (0.1, 0.3))
