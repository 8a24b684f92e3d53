"""Sums of an array with a gap and what belongs there."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd

X = np.array([0.5, -1.5, 2.0])


def program(f, *args):
    """Return the text of a compiled function, which agrees with the plain one."""
    fast = gd.compile(f, executor="numpy")
    np.testing.assert_array_equal(fast(*args), f(*args))
    return gd.program(fast)


def gap(x, index):
    y = x * 1.0
    y[index] = 0.0
    return y


def update(index, operate):
    """Return the gradient of a function that writes a part of an array twice."""

    def f(x):
        y = x * 2.0
        y[index] = operate(y[index])
        return np.sum(y**2)

    return gd.grad(f)


@pytest.mark.parametrize("index", [1, slice(1, None), slice(None, None, 2)])
def test_the_cotangent_of_an_update_is_written_once_or_not_at_all(index):
    x = X
    sums = program(update(index, lambda v: v + 1.0), x)
    products = program(update(index, np.sin), x)
    assert "unindex" not in sums + products
    assert sums.count("setitem") == 1
    assert products.count("setitem") == 2
    for operate in (lambda v: v - 3.0, lambda v: v * 2.0, np.tanh):
        fast = gd.compile(update(index, operate), executor="native")
        np.testing.assert_allclose(fast(x), update(index, operate)(x))
        np.testing.assert_allclose(fast(-x), update(index, operate)(-x))


def test_what_is_in_no_gap_is_added():
    """Another index, another array, and a number that is not 0."""

    def other(x):
        return gd.grad(lambda x: np.sum(gap(x, 1) * gap(x, slice(2, None))))(x)

    def twice(x):
        y = x * 1.0
        y[1] = 3.0
        return y + gd.grad(lambda x: x[1] * x[1])(x)

    for f in (other, twice):
        fast = gd.compile(f, executor="numpy")
        np.testing.assert_array_equal(fast(X), f(X))


def test_an_array_that_was_overwritten_everywhere_adds_nothing():
    def f(x):
        force = x * 0.0
        for _ in range(3):
            force[:-1] = np.sin(x[:-1])
            force[-1] = 0.0
            force[1:] -= x[:-1]
        return np.sum(force * force)

    x = np.linspace(0.1, 1.0, 5)
    for executor in ("numpy", "native"):
        fast = gd.compile(gd.grad(f), executor=executor)
        np.testing.assert_allclose(fast(x), gd.grad(f)(x), rtol=1e-13)
