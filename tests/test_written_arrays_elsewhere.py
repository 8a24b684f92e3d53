"""Arrays that change, and arrays to fill, in all other parts of the library."""

from __future__ import annotations

import copy
import pickle
import threading

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import EscapeError

X = np.array([0.5, 1.5, 2.0])


def filled(x):
    y = gd.zeros(3)
    y[0] = x[0]
    y[1:] = x[1:] * x[:-1]
    return y


def loss(x):
    return np.sum(np.sin(filled(x)))


GRADIENT = gd.grad(loss)(X)


def assert_right(f):
    """Compare derivatives with differences, and compiled ones with those."""
    gd.check_gradients(f, (X,))
    fast = gd.compile(gd.grad(f))
    for x in (X, X + 1.0):
        np.testing.assert_allclose(fast(x), gd.grad(f)(x), rtol=1e-12)


@pytest.mark.parametrize(
    "transformed",
    [
        gd.grad(gd.checkpoint(loss)),
        gd.compile(gd.grad(loss)),
        gd.grad(gd.compile(loss)),
        lambda x: gd.vmap(gd.grad(loss))(np.stack([x, x]))[1],
        lambda x: gd.compile(gd.vmap(gd.grad(loss)))(np.stack([x, x]))[1],
        lambda x: gd.jacobian(filled)(x).T @ np.cos(filled(x)),
        lambda x: np.cos(filled(x)) @ gd.jacobian(filled, mode="forward")(x),
    ],
)
def test_transforms(transformed):
    np.testing.assert_allclose(transformed(X), GRADIENT, rtol=1e-13)


@pytest.mark.parametrize("start", [gd.zeros(3), np.zeros(3)], ids=["gd", "np"])
def test_carries_take_nodes_of_a_later_step(start):
    def step(c, v):
        c[1:] = c[:-1] * v
        c[0] = v
        return c, c[1] * 1.0

    def f(x):
        c, ys = gd.scan(step, start, x)
        return np.sum(c**2) + np.sum(ys)

    assert_right(f)
    np.testing.assert_array_equal(start, 0.0)


def test_bodies_fill_arrays_of_their_own():
    def step(c, v):
        y = gd.zeros(2)
        y[0], y[1] = c, v * c
        return np.sum(y**2) * 0.3, y

    def f(x):
        c, ys = gd.scan(step, x[0], x)
        return c + np.sum(ys**3)

    assert_right(f)


def test_loops_and_branches():
    def body(state):
        y, n = state
        y[0] *= y[1]
        y[1:] *= 0.7
        return y, n + 1

    def large(x):
        y = gd.zeros(3)
        y[0] = x[1] ** 2
        return y

    def f(x):
        y = gd.zeros(3)
        y[:] = x
        y, _ = gd.while_loop(lambda s: s[1] < 3, body, (y, 0))
        return np.sum(y**2) + np.sum(gd.cond(x[0] > 1, large, filled, x) ** 2)

    assert_right(f)


def test_a_checkpoint_fills_an_argument():
    def fill(y, x):
        y[0] = x[1] * x[2]

    def f(x):
        y = gd.zeros(3)
        y[1] = x[0]
        gd.checkpoint(fill)(y, x)
        return np.sum(y**2)

    assert_right(f)


def test_operations_of_users_are_given_what_it_is_now():
    squares = gd.custom_operation(
        lambda y: np.sum(y**2), lambda z_grad, z, y: (2 * y * z_grad,)
    )
    expected = gd.grad(lambda x: np.sum(filled(x) ** 2))(X)
    np.testing.assert_allclose(gd.grad(lambda x: squares(filled(x)))(X), expected)


def test_written_nodes_and_buffers_are_pickled_and_copied():
    x = gd.node(X)
    y = x * 2.0
    y[1] = x[0]
    y[2] = 3.0
    filled_y = filled(x)
    z = np.sum(y * y) + np.sum(filled_y)
    x_again, z_again = pickle.loads(pickle.dumps((x, z)))
    z.backward()
    z_again.backward()
    np.testing.assert_array_equal(x_again.grad, x.grad)
    again = pickle.loads(pickle.dumps(filled_y))
    np.testing.assert_array_equal(again.value, gd.value(filled_y))
    for other in (copy.copy(filled_y), copy.deepcopy(filled_y)):
        other[0] = 0.0
    assert gd.value(filled_y[0]) == 0.5


@pytest.mark.parametrize("make", [lambda: gd.node(np.zeros(400)) * 1.0, gd.zeros])
def test_two_threads_write_one_array(make):
    x, errors = gd.node(2.0), []
    y = make() if make is not gd.zeros else gd.zeros(400)

    def write(first):
        try:
            for i in range(first, 400, 2):
                y[i] = x * i
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.sum(y).backward()
    assert not errors
    np.testing.assert_array_equal(gd.value(y), 2.0 * np.arange(400))
    assert x.grad == sum(range(400))


def test_a_pullback_made_before_a_write():
    def f(x):
        y = x * x
        _, pullback = gd.vjp(lambda y: np.sum(y**2), y)
        y[0] = 7.0
        return np.sum(pullback(1.0)[0])

    np.testing.assert_allclose(gd.grad(f)(X), 4 * X)


def test_what_memory_alone_has_is_refused():
    y = filled(gd.node(X))
    with pytest.raises(EscapeError, match="reshape"):
        y.shape = (3, 1)
    with pytest.raises(EscapeError, match="astype"):
        y.dtype = np.int64
    for attempt in (lambda: y.setflags(write=False), lambda: y.resize(5)):
        with pytest.raises(EscapeError):
            attempt()


@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble", "complex64"])
def test_dtypes(dtype):
    def f(x):
        y = gd.zeros(3, dtype=dtype)
        y[0], y[1:] = x[0], x[1:]
        y *= 2
        y[0] += 1
        return np.sum(np.abs(y) ** 2)

    expected = 8 * X + np.array([4.0, 0.0, 0.0])
    np.testing.assert_allclose(gd.grad(f)(X), expected, rtol=1e-3)
    np.testing.assert_allclose(gd.compile(gd.grad(f))(X), expected, rtol=1e-3)


def test_dtype_beside_out():
    def f(x):
        y = x * x
        np.multiply(x, y, out=y, dtype=np.float32)
        np.sum(np.outer(x, y), axis=0, dtype=np.float32, out=y)
        np.add.accumulate(y, dtype=np.float32, out=y)
        return np.sum(y * x)

    value, grad = gd.value_and_grad(f)(X)
    assert value == f(X)
    np.testing.assert_allclose(gd.compile(gd.grad(f))(X), grad, rtol=1e-6)
    with pytest.raises(TypeError):
        gd.grad(lambda x: np.sum(np.add(x, 1j, out=x * 1.0, dtype=complex)))(X)
