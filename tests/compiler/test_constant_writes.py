"""Writes at constant places of large arrays, which native code does in one copy."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.operations_grad.indexing import setitem

N = 5000
RNG = np.random.default_rng(4)
X = RNG.standard_normal(N)
TWICE = RNG.integers(0, N, 300)


def diagonals(x):
    y = gd.zeros(3 * N)
    y[:] = np.linspace(0.0, 1.0, 3 * N)
    y[::3] = x
    y[1:-1:3] = np.sin(x)
    y[3:-3:15] = 2.0
    y[-1:0:-7] = 0.5
    return y


def picked_twice(x):
    y = gd.zeros(N)
    y[TWICE] = x[:300]
    y[[3, -1, 3]] = x[5:8]
    return y


def of_what_it_changes(x):
    y = x * 1.0
    y[1:] = y[:-1] + x[1:]
    y[::2] = y[::-2]
    return y


def red_and_black(x):
    u = x.copy()
    for _ in range(2):
        u[1:-1:2] = 0.5 * (u[:-2:2] + u[2::2])
        u[2:-1:2] = 0.5 * (u[1:-2:2] + u[3::2])
    return u


def read_before_and_after(x):
    y = gd.ones(N)
    y[::2] = x[::2]
    before = y.reshape(50, 100)
    z = y * 2.0
    y[1::2] = x[1::2] * z[0]
    return y, z, before[:, 1] + 1.0, y[:2]


def returned_before_and_after(x):
    y = gd.zeros(N)
    y[2:] = x[2:]
    z = y.copy()
    z[:2] = x[:2]
    return y, z


def of_two_axes(x):
    u = x.reshape(50, 100)
    y = gd.zeros((60, 102))
    y[5:-5, 1:-1] = u
    y[0] = u[0, 0]
    y[:, 0] = y[:, 5]
    y[::3, [4, 7]] = u[:20, 2:4]
    return y


def of_another_shape(x):
    y = np.sin(x)
    z = y.reshape(50, 100).copy()
    z[1:] = y.reshape(50, 100)[:-1]
    return z


CASES = [
    diagonals,
    picked_twice,
    of_what_it_changes,
    of_another_shape,
    red_and_black,
    read_before_and_after,
    returned_before_and_after,
    of_two_axes,
]


@pytest.mark.parametrize("executor", ["native", "auto"])
@pytest.mark.parametrize("f", CASES)
def test_values_are_those_of_numpy(f, executor):
    fast = gd.compile(f, executor=executor)
    for _ in range(2):
        for x in (X, X[::-1] + 2.0):
            expected, found = f(x), fast(x)
            single = not isinstance(expected, tuple)
            pairs = [(found, expected)] if single else zip(found, expected, strict=True)
            for z, numpy in pairs:
                np.testing.assert_array_max_ulp(z, numpy, 2)


@pytest.mark.parametrize("f", CASES)
def test_gradients(f):
    def loss(x):
        z = f(x)
        return sum(np.sum(np.cos(v) * v) for v in (z if type(z) is tuple else (z,)))

    fast = gd.compile(gd.grad(loss), executor="native")
    for _ in range(2):
        np.testing.assert_allclose(fast(X), gd.grad(loss)(X), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("f", CASES)
def test_they_are_machine_code(f):
    fast = gd.compile(f, executor="native")
    fast(X)
    run = fast.newest()[1].run
    functions = [row.function for row in run.program.rows]
    assert setitem not in functions
