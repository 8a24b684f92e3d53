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
