"""Uncertainties of results: to two orders, and by sampling."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, ShapeError

C = np.array([[0.04, 0.01], [0.01, 0.09]])
X = np.array([1.0, 2.0])


def quadratic(x):
    return np.stack([x[0] * x[1] + x[0], x[0] ** 2 - 3 * x[1] ** 2, 2 * x[1] - x[0]])


def test_the_first_order_is_exact_for_linear_functions():
    a = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]])
    found = gd.propagate(lambda x: a @ x + 1.0, X, C)
    np.testing.assert_allclose(found.value, a @ X + 1.0)
    np.testing.assert_allclose(found.mean, found.value)
    np.testing.assert_allclose(found.covariance, a @ C @ a.T)
    errors = np.sqrt(np.diag(a @ C @ a.T))
    np.testing.assert_allclose(found.standard_errors(), errors)
    second = gd.propagate(lambda x: a @ x + 1.0, X, C, order=2)
    np.testing.assert_allclose(second.covariance, found.covariance)


def test_the_second_order_is_exact_for_quadratic_functions_of_normal_values():
    wide = 9 * C
    found = gd.propagate(quadratic, X, wide, order=2, samples=20_000)
    means = [1 * 2 + 1 + 0.09, 1 + 0.36 - 3 * (4 + 0.81), 3.0]
    np.testing.assert_allclose(found.mean, means)
    # the variance of the square of a normal value is 2 s^4 + 4 m^2 s^2
    alone = gd.propagate(np.square, 3.0, 0.25, order=2)
    assert alone.mean == pytest.approx(9.25)
    assert alone.covariance[0, 0] == pytest.approx(2 * 0.25**2 + 4 * 9 * 0.25)
    np.testing.assert_allclose(found.sampled.mean, means, atol=0.3)

    def apart(covariance):
        scale = np.sqrt(np.diag(found.covariance))
        return np.max(np.abs(found.sampled.covariance - covariance) / scale) / 3

    assert apart(found.covariance) < 0.1
    assert apart(gd.propagate(quadratic, X, wide).covariance) > 0.3


@dataclasses.dataclass
class Circuit:
    voltage: float
    resistances: np.ndarray


@pytest.mark.parametrize("order", [1, 2])
def test_containers_go_in_and_come_out(order):
    def f(c):
        current = c.voltage / np.sum(c.resistances)
        return {"current": current, "power": current**2 * c.resistances}

    circuit = Circuit(10.0, np.array([2.0, 3.0]))
    variances = Circuit(0.1, np.array([0.02, 0.03]))
    found = gd.propagate(f, circuit, variances, order=order, samples=2000, seed=1)
    assert found.value["current"] == 2.0
    assert type(found.value["current"]) is float
    errors = found.standard_errors()
    assert errors["power"].shape == (2,)
    by_hand = np.sqrt(0.1 / 25 + 4 / 25 * 0.05)
    assert errors["current"] == pytest.approx(by_hand, rel=0.02)
    assert found.sampled.standard_errors()["current"] == pytest.approx(by_hand, rel=0.1)
    again = gd.propagate(f, circuit, np.diag([0.1, 0.02, 0.03]), order=order)
    np.testing.assert_allclose(again.covariance, found.covariance)


def test_a_covariance_may_be_singular():
    ones = np.ones((2, 2))
    found = gd.propagate(lambda x: x[0] - x[1], X, ones, samples=100)
    assert found.covariance[0, 0] == pytest.approx(0.0)
    assert found.sampled.covariance[0, 0] == pytest.approx(0.0, abs=1e-12)


def test_uncertainties_are_differentiated():
    def spread(a):
        return gd.propagate(lambda x: a * np.sin(x), 0.5, a * 0.01, order=2).covariance[
            0, 0
        ]

    gd.check_gradients(spread, (1.3,), order=2)
    outer = gd.jacobian(lambda x: gd.propagate(quadratic, x, C).covariance)(X)
    assert outer.shape == (3, 3, 2)


def test_what_does_not_depend_on_the_values_is_certain():
    found = gd.propagate(lambda x: np.array([x, 3.0]) * np.array([1.0, 0.0]), 2.0, 0.1)
    np.testing.assert_allclose(found.covariance, [[0.1, 0.0], [0.0, 0.0]])
    assert gd.propagate(lambda x: 1.0, 2.0, 0.1, order=2).standard_errors() == 0.0


@pytest.mark.parametrize(
    ("covariance", "error", "message"),
    [
        (np.ones(3), ShapeError, r"shape \(2, 2\), or variances"),
        ([[1.0, 2.0], [0.0, 1.0]], ArgumentError, "symmetric"),
        (np.array([-1.0, 1.0]), ArgumentError, "negative eigenvalues; this one has -1"),
        ([[1.0, 2.0], [2.0, 1.0]], ArgumentError, "negative eigenvalues"),
        ([[1.0, np.nan], [np.nan, 1.0]], ArgumentError, "symmetric"),
    ],
)
def test_covariances_that_are_none(covariance, error, message):
    with pytest.raises(error, match=message):
        gd.propagate(np.sum, X, covariance)


def test_what_is_refused():
    with pytest.raises(ArgumentError, match="orders 1 and 2"):
        gd.propagate(np.sum, X, C, order=3)
    with pytest.raises(ArgumentError, match="real numbers as values"):
        gd.propagate(np.sum, X * 1j, C)
    with pytest.raises(ArgumentError, match="real numbers as results"):
        gd.propagate(lambda x: x * 1j, X, C)
    with pytest.raises(ArgumentError, match="2 samples or more"):
        gd.propagate(np.sum, X, C, samples=1)


def test_samples_are_differentiated_with_their_numbers_held():
    values, covariance = np.array([1.2, 0.7]), np.array([[0.1, 0.02], [0.02, 0.05]])
    grown = np.array([[0.3, 0.1], [0.1, 0.7]])

    def spread(e):
        return gd.propagate(
            lambda x: {"a": x[0] * x[1] + e, "b": np.exp(e * x)},
            values + e * e,
            covariance + e * grown,
            samples=60,
        ).sampled

    for f in (
        lambda e: np.sum(spread(e).covariance),
        lambda e: spread(e).mean["b"][0],
        gd.grad(lambda e: spread(e).standard_errors()["a"]),
    ):
        expected = (f(0.5 + 1e-4) - f(0.5 - 1e-4)) / 2e-4
        assert gd.grad(f)(0.5) == pytest.approx(expected, rel=1e-6)


def test_samples_of_a_singular_covariance_that_is_a_node_are_refused():
    with pytest.raises(np.linalg.LinAlgError):
        gd.grad(
            lambda c: (
                gd.propagate(
                    np.sum, np.ones(2), c * np.ones((2, 2)), samples=9
                ).sampled.mean
            )
        )(1.0)


def rising(x):
    return np.stack([x[0] * x[1], np.exp(x[0]), x[1] ** 3])


@pytest.mark.parametrize("given", [{}, {"order": 2}, {"samples": 9}])
def test_uncertainties_compile(given):
    def spread(values, covariance):
        found = gd.propagate(rising, values, covariance, **given)
        return found.covariance, found.mean, found.standard_errors(), found.sampled

    x, c = np.array([1.2, 0.7]), np.array([[0.1, 0.02], [0.02, 0.05]])
    compiled = gd.compile(spread)
    for times in (1.0, 3.0):
        found, expected = compiled(x, times * c), spread(x, times * c)
        for mine, plain in zip(found[:3], expected[:3], strict=True):
            np.testing.assert_allclose(mine, plain, rtol=1e-12)
        if found[3] is not None:
            np.testing.assert_allclose(found[3].covariance, expected[3].covariance)

    def total(c):
        return np.sum(spread(x, c)[0])

    np.testing.assert_allclose(gd.compile(gd.grad(total))(c), gd.grad(total)(c))


@pytest.mark.parametrize(
    ("covariance", "words"),
    [
        ([[1.0, 0.2], [0.1, 1.0]], "symmetric covariance"),
        ([[1.0, np.nan], [np.nan, 1.0]], "symmetric covariance"),
        ([[1.0, 0.0], [0.0, -1.0]], "no negative eigenvalues"),
    ],
)
def test_compiled_uncertainties_refuse_what_is_no_covariance(covariance, words):
    compiled = gd.compile(lambda c: gd.propagate(rising, np.ones(2), c).covariance)
    compiled(np.eye(2))
    with pytest.raises(ArgumentError, match=words):
        compiled(np.array(covariance))
