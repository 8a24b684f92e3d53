"""Compiled functions where NumPy is to raise floating-point errors, and where not."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chainrule as gd

X = np.linspace(-1.0, 1.0, 300)
EXECUTORS = ["numpy", "native", "auto"]


def f(x):
    return np.sum(np.log(x))


def inside(x):
    with np.errstate(invalid="raise"):
        return np.sum(np.log(x))


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("derive", [lambda f: f, gd.grad, gd.value_and_grad])
def test_errors_are_raised_where_numpy_is_told_to(executor, derive):
    fast = gd.compile(derive(f), executor=executor)
    for _ in range(3):
        gd.value(fast(X))  # a nan, as without a program under "ignore"
        with np.errstate(all="raise"):
            with pytest.raises(FloatingPointError, match="log"):
                fast(X)
            positive = fast(X + 2.0)
    np.testing.assert_equal(positive, derive(f)(X + 2.0))
    with warnings.catch_warnings(), np.errstate(over="raise", invalid="warn"):
        warnings.simplefilter("error")
        fast(X)  # what is not to be raised does not warn either


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("derive", [lambda f: f, gd.grad])
def test_errors_are_raised_inside_of_what_is_compiled(executor, derive):
    fast = gd.compile(derive(inside), executor=executor)
    for _ in range(3):
        np.testing.assert_allclose(fast(X + 2.0), derive(inside)(X + 2.0), rtol=1e-14)
        with pytest.raises(FloatingPointError, match="log"):
            fast(X)


def test_errors_are_raised_in_bodies_of_loops():
    def step(c, x):
        with np.errstate(divide="raise"):
            return c + 1.0 / x, c

    fast = gd.compile(lambda x: gd.scan(step, 0.0, x)[0])
    assert fast(np.array([1.0, 2.0])) == 1.5
    with pytest.raises(FloatingPointError, match="divide"):
        fast(np.array([1.0, 0.0]))


def test_bound_calls_and_handlers():
    x = X + 2.0
    call = gd.compile(f).bind(x)
    before = call()
    x[:] = X
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        call()
    x[:] = X + 2.0
    assert call() == before
    met = []
    with np.errstate(all="call", call=lambda *found: met.append(found)):
        gd.compile(f)(X)
    assert met
