"""How arrays lie in memory decides what is a view: as NumPy's, in all transforms."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from tests.programs_in_place import moved

A = np.random.default_rng(0).uniform(0.2, 1.2, (3, 4))
WEIGHTS = np.arange(12.0).reshape(3, 4)
LAYOUTS = {
    "rows": A.copy(),
    "columns": np.asfortranarray(A),
    "backwards": np.repeat(np.repeat(A[::-1, ::-1], 2, 0), 2, 1)[::-2, ::-2],
}


def through_flat_views(x):
    """Write through views where the layout allows them, into copies elsewhere."""
    flat = x.reshape(-1)
    flat[1] = 7.0 * x[0, 0]
    y = np.empty_like(x)
    y[...] = 2.0 * x
    y.reshape(-1)[3] = x[1, 1]
    return np.sum(x * WEIGHTS * x) + np.sum(y * x)


@pytest.mark.parametrize("name", LAYOUTS)
def test_transforms_keep_the_layout_of_an_argument(name):
    x = LAYOUTS[name]
    expected = through_flat_views(moved(x, 0.0))
    slope = gd.grad(through_flat_views)(x)
    for found in (
        gd.value_and_grad(through_flat_views)(x)[0],
        gd.vjp(through_flat_views, x)[0],
        gd.jvp(through_flat_views, (x,), (x,))[0],
        gd.linearize(through_flat_views, x)[0],
        gd.compile(through_flat_views)(x),
    ):
        np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(gd.vjp(through_flat_views, x)[1](1.0)[0], slope)
    pushed = gd.linearize(through_flat_views, x)[1](x)
    np.testing.assert_allclose(pushed, np.sum(slope * x))


def carried(x):
    """Write through a view of a carry, and of a row that a step is given."""

    def step(c, row):
        c.reshape(-1)[1] = c[-1, -1] * 0.5
        row.T[0] *= 0.9
        return c, row.sum()

    def body(state):
        c, n = state
        c.reshape(-1)[2] *= 0.5
        return c, n + 1

    c, sums = gd.scan(step, x, np.stack([x, x * 0.5]))
    c, _ = gd.while_loop(lambda state: state[1] < 3, body, (c, 0))
    return np.sum(c * WEIGHTS) + np.sum(sums)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("transform", ["eager", "compiled"])
def test_loops_keep_the_layout_of_a_carry(name, transform):
    x = LAYOUTS[name]
    slow = gd.value_and_grad(carried)
    g = gd.compile(slow) if transform == "compiled" else slow
    value, slope = g(x)
    np.testing.assert_allclose(value, carried(moved(x, 0.0)))
    np.testing.assert_allclose(slope, slow(x)[1])


COPIES = {
    "copy": lambda x: x.copy(),
    "copy by columns": lambda x: x.copy(order="F"),
    "np.copy": np.copy,
    "take": lambda x: np.take(x, [1, 0, 2], axis=1),
    "compress": lambda x: np.compress([1, 0, 1, 1], x, axis=1),
    "delete": lambda x: np.delete(x, 0, axis=1),
    "insert": lambda x: np.insert(x, 0, 1.0, axis=0),
    "partition": lambda x: np.partition(x, 1, axis=0),
    "zeros_like": np.zeros_like,
    "product": lambda x: x * 2.0,
    "roll": lambda x: np.roll(x, 1, axis=0),
    "sort": lambda x: np.sort(x, axis=0),
    "flatten": lambda x: x.flatten(),
}


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("name", LAYOUTS)
def test_copies_lie_as_numpys(name, copy):
    """What is written through a flat view of a copy is seen where NumPy sees it."""

    def f(x):
        y = COPIES[copy](x)
        y.reshape(-1)[3] = 5.0 * x[0, 1]
        return np.sum(y * np.arange(1.0, y.size + 1).reshape(y.shape))

    x = LAYOUTS[name]
    value, slope = gd.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(moved(x, 0.0)))
    fast = gd.compile(gd.value_and_grad(f))(x)
    np.testing.assert_allclose(fast[0], value)
    np.testing.assert_allclose(fast[1], slope)


MORE_LAYOUTS = {
    **LAYOUTS,
    "three axes": np.linspace(0.2, 1.2, 24).reshape(2, 3, 4).transpose(1, 0, 2),
    "gaps": np.repeat(A, 2, axis=1)[:, ::2],
}
FLATTENING = {
    "np.ravel": np.ravel,
    "ravel": lambda x, order: x.ravel(order),
    "flatten": lambda x, order: x.flatten(order),
    "reshape": lambda x, order: x.reshape(4, -1, order=order),
    "np.reshape": lambda x, order: np.reshape(x, -1, order=order),
}


@pytest.mark.parametrize("function", FLATTENING)
@pytest.mark.parametrize("order", "AK")
@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_orders_of_memory_are_numpys(function, order, executor):
    """Read, and written through where it is a view; one program for each layout."""

    def f(x):
        y = x * 1.0
        flat = FLATTENING[function](y, order)
        total = np.sum(flat * np.cos(np.arange(flat.size)).reshape(flat.shape))
        flat[1] = 7.0 * flat[0]
        return total + np.sum(np.sin(y) * np.arange(y.size).reshape(y.shape))

    def read(x):
        flat = FLATTENING[function](x, order)
        return np.sum(flat * np.cos(np.arange(flat.size)).reshape(flat.shape))

    fast = [gd.compile(g, executor=executor) for g in (f, gd.value_and_grad(f), read)]
    for x in MORE_LAYOUTS.values():
        if order == "K" and "reshape" in function:
            with pytest.raises(ValueError, match="K"):
                f(x)
            with pytest.raises(ArgumentError, match="K"):
                gd.grad(f)(x)
            continue
        value, slope = gd.value_and_grad(f)(x)
        np.testing.assert_allclose(value, f(x))
        np.testing.assert_allclose(fast[0](x), value)
        np.testing.assert_allclose(fast[1](x)[0], value)
        np.testing.assert_allclose(fast[1](x)[1], slope)
        np.testing.assert_allclose(fast[2](x), read(x))
        step = np.cos(np.arange(x.size)).reshape(x.shape)
        slower = (f(moved(x, 1e-6 * step)) - f(moved(x, -1e-6 * step))) / 2e-6
        np.testing.assert_allclose(np.sum(slope * step), slower, rtol=1e-6)
        pushed = gd.jvp(f, (x,), (step,))[1]
        np.testing.assert_allclose(pushed, np.sum(slope * step))


def windows(x):
    y = np.lib.stride_tricks.sliding_window_view(x * 2.0, 2) * 1.0
    y[1] = y[0] * 0.5 + y[1] * y[2]
    return np.sum(y**2)


def windows_carried(x):
    def step(y, i):
        y[i] = 0.5 * y[i - 1] + 0.2 * y[i]
        return y, None

    y = np.lib.stride_tricks.sliding_window_view(x * 2.0, 2) * 1.0
    return np.sum(gd.scan(step, y, np.arange(1, 3))[0] ** 2)


@pytest.mark.parametrize("f", [windows, windows_carried])
@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_what_is_computed_of_windows_does_not_overlap(f, executor):
    """A product with one is the windows themselves, in a program."""
    x = np.array([0.5, 1.5, -1.0, 2.0])
    value, slope = gd.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(x))
    found = gd.compile(gd.value_and_grad(f), executor=executor)(x)
    np.testing.assert_allclose(found[0], value)
    np.testing.assert_allclose(found[1], slope)


@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_what_is_added_twice_to_a_transposed_argument(executor):
    def f(x):
        y = np.transpose(x) * 1.0
        np.add.at(y, np.s_[..., [0, 0]], 0.1 * y[0, :2])
        return np.sum(y**2)

    x = A[:2]
    value, slope = gd.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(x))
    for g, expected in ((f, value), (gd.grad(f), slope)):
        np.testing.assert_allclose(gd.compile(g, executor=executor)(x), expected)
