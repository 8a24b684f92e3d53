"""Entries that a loop writes and reads again: the number that was written is read."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import chainrule as gd
from chainrule.sweeps.order import collect

X = np.array([0.7, 1.2, 0.9, 1.1])


def test_what_was_written_last_is_read():
    x = gd.node(X)
    y = gd.zeros(4)
    y[0] = x[0]
    for i in range(1, 4):
        y[i] = 0.5 * y[i - 1] + x[i]
    assert y[3] is y[-1]
    names = [z.operation for z in collect([np.sum(y)]).order]
    assert names.count("getitem") == 4, "those of x, and none of y"
    assert y[3] is not y[3], "somebody has looked at the array"
    assert gd.value(y[-1]) == gd.value(y[3])


def one_back(xp, copy, x):
    y = xp.zeros(6)
    for i in range(1, 6):
        y[i] = x[0] * y[i - 1] + x[i % 4]
    return y


def two_back(xp, copy, x):
    y = xp.ones((6, 2))
    for i in range(2, 6):
        y[i, 0] = x[0] * y[i - 1, 1] + x[1] * y[i - 2, 0]
        y[i, 1] = y[i, 0] * x[2] - y[i - 1, 1]
    return y


def other_names_of_places(xp, copy, x):
    y = xp.zeros(4)
    y[0] = x[0]
    y[1] = x[0] * x[1]
    y[3] = x[1] * x[1]
    y[-1] = x[2] * x[2]
    y[2] = y[3] * y[-1]
    y[-2] = y[2] + y[-2]
    return y * y[2] * y[3]


def parts_between(xp, copy, x):
    y = xp.zeros((3, 3))
    y[0, 0] = x[0]
    y[1, 1] = x[0] * x[1]
    first = y[1, 1]
    y[1] = x[2]
    y[0, 1] = y[1, 1] * first
    y[(0, 1)] += y[0, 1]
    y[2] = y[0, slice(None)] * y[0, 1]
    y[:, 0] *= y[2, 1]
    return y


def arrays_of_no_axes(xp, copy, x):
    y = xp.zeros(3)
    y[0] = x[0]
    for i in (1, 2):
        v = copy(x[i] * x[0])
        y[i] = v
        read = y[i]
        v[...] = 5.0
        y[0] += read * read
    return y


def rebound(xp, copy, x):
    y = xp.zeros(3)
    y[0] = x[0]
    y[1] = x[1] * x[0]
    read = y[1]
    read += x[2]
    y[0], y[1] = y[1] * read, y[0]
    y[1] += y[1] * y[0]
    return y


PROGRAMS = [
    one_back,
    two_back,
    other_names_of_places,
    parts_between,
    arrays_of_no_axes,
    rebound,
]


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_recurrences_are_numpys(f):
    """Values are NumPy's; derivatives those by differences, in every mode."""

    def ours(x):
        return np.sum(f(gd, np.copy, x) ** 2)

    def theirs(x):
        return np.sum(f(np, np.array, x) ** 2)

    h = 1e-6 * np.eye(4)
    slopes = np.array([(theirs(X + e) - theirs(X - e)) / 2e-6 for e in h])
    value, gradient = gd.value_and_grad(ours)(X)
    np.testing.assert_allclose(value, theirs(X))
    np.testing.assert_allclose(gradient, slopes, rtol=1e-5, atol=1e-7)
    leaf = gd.node(X)
    ours(leaf).backward()
    np.testing.assert_allclose(leaf.grad, gradient)
    along = np.array([0.3, -1.0, 2.0, 0.5])
    tangent = gd.jvp(ours, (X,), (along,))[1]
    np.testing.assert_allclose(tangent, gradient @ along)
    np.testing.assert_allclose(gd.compile(gd.grad(ours))(X), gradient)
    curves = gd.jacobian(gd.grad(ours), mode="forward")(X)
    np.testing.assert_allclose(gd.hessian(ours)(X), curves, atol=1e-10)

    def tangents(x):
        return gd.jvp(ours, (x,), (along,))[1]

    np.testing.assert_allclose(gd.grad(tangents)(X), curves @ along, atol=1e-10)
    twice = gd.jvp(tangents, (X,), (along,))[1]
    np.testing.assert_allclose(twice, along @ curves @ along)
    slopes = [(gd.grad(ours)(X + e) - gd.grad(ours)(X - e)) / 2e-6 for e in h]
    np.testing.assert_allclose(curves, np.array(slopes).T, rtol=1e-4, atol=1e-5)


def filled(x):
    y = gd.zeros(x.shape[0])
    for i in range(1, x.shape[0]):
        y[i] = y[i - 1] * 0.9 + x[i] * x[i]
    return np.sum(y * y)


SECOND_ORDERS = {
    "reverse of reverse": lambda x: gd.grad(lambda t: np.sum(x * gd.grad(filled)(t)))(
        x
    ),
    "forward of reverse": lambda x: gd.jvp(gd.grad(filled), (x,), (x,)),
    "reverse of forward": lambda x: gd.grad(along_itself(x))(x),
    "forward of forward": lambda x: gd.jvp(along_itself(x), (x,), (x,)),
}


def along_itself(x):
    return lambda t: gd.jvp(filled, (t,), (x,))[1]


@pytest.mark.parametrize("order", SECOND_ORDERS)
def test_second_orders_take_memory_by_the_write(order):
    """A copy of the array per write would take three times as much of the longer."""
    peaks = []
    for n in (300, 1200):
        x = np.linspace(0.5, 1.0, n)
        SECOND_ORDERS[order](x[:20])
        tracemalloc.start()
        SECOND_ORDERS[order](x)
        peaks.append(tracemalloc.get_traced_memory()[1] / n)
        tracemalloc.stop()
    assert peaks[1] < 1.7 * peaks[0]


@pytest.mark.parametrize("dtype", [np.float32, complex])
def test_numbers_of_another_kind_are_those_of_the_array(dtype):
    y = gd.zeros(3, dtype)
    y[0] = gd.node(2.0)
    y[1] = gd.node(3.0) * np.float64(0.5)
    assert gd.value(y[1]).dtype == dtype


def test_a_leaf_is_no_entry():
    x, y = gd.node(np.float64(2.0)), gd.zeros(2)
    y[0] = x
    y[1] = x
    assert y[1] is not x


@pytest.mark.parametrize("number", [2.0, np.float64(2.0), np.float32(2.0)])
@pytest.mark.parametrize("array", [X, X[:2].astype("f"), np.array(3.0), np.float64(1)])
def test_numbers_beside_arrays(number, array):
    """A node of a number and one of an array, with the dtypes of NumPy."""
    for f in (np.multiply, np.add, np.true_divide, np.power):
        for x, y in ((number, array), (array, number)):
            z = f(gd.node(x), gd.node(y))
            wanted = f(x, y)
            assert gd.value(z).dtype == wanted.dtype
            np.testing.assert_allclose(gd.value(z), wanted, rtol=1e-6)
            grads = gd.grad(lambda x, y, f=f: np.sum(f(x, y)), (0, 1))(x, y)
            for grad, operand in zip(grads, (x, y), strict=True):
                assert np.shape(grad) == np.shape(operand)
                assert np.asarray(grad).dtype == np.asarray(operand).dtype
