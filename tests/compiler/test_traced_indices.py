"""Indices computed from the arguments: sweeps look them up in each call."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import chainrule as gd

X = np.array([0.3, 0.4, 0.5, 0.6])


def assigned_at_a_truth(q):
    y = q * 1.0
    y[q[0] > 0] = q[1] * 7.0
    return np.sum(y)


def updated_at_a_truth(q):
    y = q * 1.0
    y[np.sum(q) > 0] *= 2.0
    return np.sum(y)


def assigned_at_the_largest(q):
    y = q * 1.0
    y[np.argmax(q)] = q[0] ** 2
    y[np.argsort(q)[:2]] = q[1] * 3
    return np.sum(y)


def assigned_at_a_mask(q):
    y = np.stack([q, q])
    y[:, q > 0.35] = q[0] ** 2
    y[np.array(True), 0] = q[1]
    return np.sum(y)


def assigned_from_the_largest_on(q):
    y = q * 1.0
    y[np.argmax(q) :] = q[0] ** 2
    y[: np.argmax(q) : 2] *= 3
    return np.sum(y)


def read_at_a_truth(q):
    y = q * 1.0
    return np.sum(y[q[0] > 0]) + np.sum(y[np.sum(q) > 100]) + y[np.argmax(q)]


FUNCTIONS = [
    assigned_at_a_truth,
    updated_at_a_truth,
    assigned_at_the_largest,
    assigned_at_a_mask,
    assigned_from_the_largest_on,
    read_at_a_truth,
]


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("executor", ["numpy", "auto"])
def test_derivatives_are_those_of_the_function(f, executor):
    orders = {
        "gradient": gd.grad(f),
        "hessian": gd.hessian(f),
        "tangent": lambda x: gd.jvp(f, (x,), (np.arange(4.0),))[1],
    }
    for name, derivative in orders.items():
        compiled = gd.compile(derivative, executor=executor)
        for x in (X, -X, X[::-1].copy(), X - 0.45):
            expected = derivative(x)
            np.testing.assert_allclose(compiled(x), expected, rtol=1e-13, err_msg=name)


def test_places_are_looked_up_in_each_call():
    rng = np.random.default_rng(3)
    slope = gd.compile(gd.grad(assigned_at_the_largest))
    for x in rng.normal(size=(30, 4)):
        np.testing.assert_array_equal(slope(x), gd.grad(assigned_at_the_largest)(x))
    assert slope.stats()["retraces"] == 0


def test_a_plain_table_at_a_truth_of_a_number():
    def scaled(x):
        return np.sum(np.array([1.0, 5.0])[x > 0] * x)

    for derivative in (scaled, gd.grad(scaled)):
        fast = gd.compile(derivative)
        for x in (1.0, -1.0, 2.0):
            assert fast(x) == derivative(x)
    with pytest.raises(TypeError, match=r"table\[int\(x > 0\)\]"):
        gd.compile(lambda x: [1.0, 5.0][x > 0] * x)(1.0)


def masked(q):
    y = q * 1.0
    y[q > 0.35] = q[0] ** 2
    y[q[1] > 0.4] = -1.0
    return np.sum(y * q)


def masked_in_rows(q):
    y = np.stack([q, q * q, np.sin(q)])
    y[:, q > 0.35] = q[0] ** 2
    y[..., q > 0.55] = 2.0
    y[np.sum(y, axis=1) > 1.5] = q * 3.0
    return np.sum(y * q)


def masked_beside_an_integer(q):
    y = np.stack([q, q])
    y[q[0] > 0, 1] = 5.0
    return np.sum(y * q)


@pytest.mark.parametrize(
    "f", [masked, masked_in_rows, masked_beside_an_integer], ids=lambda f: f.__name__
)
def test_masks_that_differ_from_example_to_example(f):
    rows = np.stack([X, -X, X[::-1], X - 0.45, 2.0 * X])
    for derivative in (f, gd.grad(f), gd.hessian(f)):
        each = np.stack([derivative(x) for x in rows])
        mapped = gd.compile(gd.vmap(derivative))(rows)
        np.testing.assert_allclose(mapped, each, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("f", [masked, masked_in_rows], ids=lambda f: f.__name__)
def test_masks_need_no_other_path(f):
    slope = gd.compile(gd.grad(f))
    for x in np.random.default_rng(4).normal(size=(20, 4)):
        np.testing.assert_allclose(slope(x), gd.grad(f)(x), rtol=1e-13)
    assert slope.stats()["retraces"] == 0


def halvings(x):
    def step(c, k):
        c = c * (1.0 + 0.1 * k)
        c[c > 0.4] = 0.5 * c[0]
        return c, c

    return np.sum(gd.scan(step, x, np.arange(3.0))[1])


def test_masks_in_the_body_of_a_loop():
    slope = gd.compile(gd.grad(halvings))
    for x in (X, -X, X - 0.45):
        np.testing.assert_allclose(slope(x), gd.grad(halvings)(x), rtol=1e-13)


def test_a_truth_of_python_counts_as_an_integer_where_python_takes_one():
    def counted(x, y):
        total = y * 1.0
        for k in range(x > 0):
            total = total + y * (k + 1)
        return total * operator.index(x > 1)

    fast = gd.compile(counted)
    for x in (-1.0, 0.5, 1.5, 2.5):
        assert fast(x, 0.7) == counted(x, 0.7)
