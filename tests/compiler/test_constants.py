"""Arrays that a compiled function meets and that are no arguments of it."""

from __future__ import annotations

import numpy as np

import chainrule as gd


def constants_of(fast):
    rows = fast.newest()[1].program.rows
    return [x for row in rows for x in row.args if isinstance(x, np.ndarray)]


def test_a_number_that_fills_an_array_is_kept_once():
    c = np.full((50, 100), 3.0)
    fast = gd.compile(lambda x: x * c)
    x = np.linspace(0.0, 1.0, 5000).reshape(50, 100)
    np.testing.assert_array_equal(fast(x), x * 3.0)
    (kept,) = constants_of(fast)
    assert kept.shape == c.shape
    assert kept.strides == (0, 0)
    c[...] = 4.0
    np.testing.assert_array_equal(fast(x), x * 3.0)


def test_zeros_of_both_signs_are_two_numbers():
    c = np.zeros(5000)
    c[7] = -0.0
    fast = gd.compile(lambda x: np.copysign(x, c))
    x = np.linspace(1.0, 2.0, 5000)
    assert np.signbit(fast(x)).nonzero()[0].tolist() == [7]


def test_cotangents_of_sums_are_no_arrays():
    fast = gd.compile(gd.grad(lambda x: np.sum(100.0 * np.sin(x) ** 2)))
    x = np.linspace(0.0, 1.0, 5000)
    expected = 200.0 * np.sin(x) * np.cos(x)
    np.testing.assert_allclose(fast(x), expected, rtol=1e-13)
    assert all(np.prod(np.maximum(c.strides, 1)) == 1 for c in constants_of(fast))


def memories_of(fast):
    """The arrays that own the memory of a program's constants."""
    owners = [c if c.base is None else c.base for c in constants_of(fast)]
    return {id(x) for x in owners if x.size > 1}


def test_data_that_a_loop_reads_are_kept_once():
    rng = np.random.default_rng(2)
    data, seen = rng.normal(size=(1000, 5)), rng.normal(size=1000)

    def f(w):
        for _ in range(10):
            w = w - 1e-4 * (data.T @ (data @ w - seen))
        return np.sum(w * w)

    fast = gd.compile(gd.grad(f))
    w = np.ones(5)
    expected = gd.grad(f)(w)
    np.testing.assert_allclose(fast(w), expected, rtol=1e-12)
    assert len(memories_of(fast)) <= 13  # the data, their transpose, ten of the 1,000
    data[...] = 0.0
    np.testing.assert_allclose(fast(w), expected, rtol=1e-12)


def test_data_that_change_are_kept_as_they_were_each_time():
    data = np.zeros(5000)

    def f(x):
        total = 0.0
        for i in range(3):
            data[...] = i
            data[i] = 0.5
            total = total + np.sum(x * x * data)
        return total

    x = np.linspace(0.0, 1.0, 5000)
    fast = gd.compile(gd.value_and_grad(f))
    value, slope = fast(x)
    expected = gd.value_and_grad(f)(x)
    np.testing.assert_allclose(value, expected[0], rtol=1e-13)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-13)
    assert len(memories_of(fast)) >= 3
