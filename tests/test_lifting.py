"""Functions that fill NumPy's own arrays, run unchanged."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from numpy import linalg as la
from numpy import zeros as zeros_of_numpy

import chainrule as gd
from chainrule.errors import ArgumentError

SIZE = 4
CALLS = 0


def filled(x):
    y = np.zeros(SIZE)
    for i in range(SIZE):
        y[i] = x * i + math.pi
    return np.sum(y**2)


def put(y, i, value):
    y[i] = value


def by_a_helper(x):
    y = zeros_of_numpy(3)
    for i in range(3):
        put(y, i, x**i)
    return la.norm(y)


def with_defaults(x, make=np.ones, *, twice=put):
    y = make(2)
    twice(y, 0, x)
    twice(y, 1, x * x)
    return np.prod(y)


def importing(x):
    import numpy
    import numpy.linalg as inner
    from numpy import empty

    y = empty((2, 2))
    y[:] = numpy.array([[x, 1.0], [0.5, x * x]])
    return inner.det(y)


def enclosing():
    def inner(x, n=3):
        y = np.zeros(1)
        y[0] = x * (inner(x, n - 1) if n else 1.0)
        return y[0]

    return inner


def in_a_comprehension(x):
    rows = [np.zeros(2) for _ in range(2)]
    for i, row in enumerate(rows):
        row[i] = x
    return np.linalg.det(np.array(rows) + 1.0)


class Model:
    scale = 2.0

    def step(self, x):
        y = np.empty(2)
        y[:] = x * self.scale
        y[0] *= x
        return np.sum(y)


def counting(x):
    global CALLS  # noqa: PLW0603
    CALLS += 1
    y = np.zeros(2)
    y[0] = x
    return np.sum(y) * CALLS / CALLS


LIFTED = {
    "filled": filled,
    "by a helper": by_a_helper,
    "with defaults": with_defaults,
    "importing": importing,
    "enclosing": enclosing(),
    "comprehension": in_a_comprehension,
    "method": Model().step,
    "partial": functools.partial(with_defaults, make=np.zeros),
    "counting": counting,
}


@pytest.mark.parametrize("name", LIFTED)
def test_unchanged_functions_are_differentiated(name):
    f = LIFTED[name]
    g = gd.lift(f)
    assert g(1.5) == pytest.approx(f(1.5), rel=1e-15)
    gd.check_gradients(g, (1.5,))
    assert gd.compile(gd.grad(g))(1.5) == pytest.approx(gd.grad(g)(1.5), rel=1e-13)
    with pytest.raises((TypeError, ValueError)):
        gd.grad(f)(1.5)


def test_numpy_itself_stays():
    gd.lift(filled)(1.0)
    assert type(np.zeros(2)) is np.ndarray
    assert filled.__globals__["np"] is np


def test_a_lifted_function_is_named_as_the_function():
    g = gd.lift(by_a_helper)
    assert (g.__name__, g.__module__, g.__doc__) == (
        by_a_helper.__name__,
        by_a_helper.__module__,
        by_a_helper.__doc__,
    )


def test_functions_of_scipy_are_those_that_take_nodes():
    special = pytest.importorskip("scipy.special")

    def f(x):
        y = np.zeros(2)
        y[0] = special.gammaln(x)
        y[1] = special.gamma(x)
        return np.sum(y)

    gd.check_gradients(gd.lift(f), (1.5,))


@pytest.mark.parametrize("f", [np.sin, Model, 3.0])
def test_what_is_no_function_is_refused(f):
    with pytest.raises(ArgumentError, match="Python function or method; received"):
        gd.lift(f)


def test_entries_are_enumerated():
    def f(x):
        y = np.zeros((2, 2))
        for (i, j), entry in np.ndenumerate(x):
            y[i, j] = entry * i + j * entry**2
        return sum(entry**2 for _, entry in np.ndenumerate(y))

    x = np.arange(4.0).reshape(2, 2)
    assert gd.lift(f)(x) == f(x)
    gd.check_gradients(gd.lift(f), (x,))
    np.testing.assert_allclose(
        gd.compile(gd.grad(gd.lift(f)))(x), gd.grad(gd.lift(f))(x)
    )
