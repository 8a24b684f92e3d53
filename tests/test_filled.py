"""Arrays filled entry by entry: the writes between two looks are one vertex."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import EscapeError
from chainrule.sweeps.order import collect
from tests.programs_in_place import differences

WAYS = ("node", "constant", "update", "look", "part", "end", "swap", "alias", "view")


def program(seed):
    """Return a function of a vector that writes and reads entries at random."""
    drawn = random.Random(seed)
    n = drawn.choice([3, 5, 8])
    steps = [
        (
            drawn.choice(WAYS),
            *(drawn.randrange(n) for _ in range(3)),
            drawn.uniform(-1.0, 1.0),
        )
        for _ in range(drawn.randint(5, 25))
    ]

    def f(x):
        y, total = x * 0.5, 0.0
        for way, i, j, k, c in steps:
            if way == "node":
                y[i] = np.sin(y[j]) * x[k] + c
            elif way == "constant":
                y[i] = c
            elif way == "update":
                y[i] += y[j] * y[k]
            elif way == "look":
                total = total + c * np.sum(y * y)
            elif way == "part":
                y[1:3] = x[:2] * c
            elif way == "end":
                y[-1 - i] = y[-1 - j] * c + x[k]
            elif way == "swap":
                y[i], y[j] = y[j], y[i]
            elif way == "alias":
                other = y
                other[i] = x[k]
            else:
                shown = y[1:]
                y[i] = c * y[j]
                total = total + np.sum(shown * shown)
            total = total + c * y[j]
        return total + np.sum(np.cos(y) * np.arange(1.0, n + 1))

    return f, n


@pytest.mark.parametrize("seed", range(60))
def test_a_program_of_writes_has_its_derivatives(seed):
    f, n = program(seed)
    drawn = np.random.default_rng(seed)
    x, t = drawn.uniform(-1.0, 1.0, n), drawn.standard_normal(n)
    value, gradient = gd.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(x.copy()), rtol=1e-13)
    np.testing.assert_allclose(gradient, differences(f, x), rtol=1e-5, atol=1e-6)
    pushed = gd.jvp(f, (x,), (t,))[1]
    np.testing.assert_allclose(pushed, gradient @ t, rtol=1e-10, atol=1e-11)
    product = gd.jvp(gd.grad(f), (x,), (t,))[1]
    np.testing.assert_allclose(gd.hessian(f)(x) @ t, product, rtol=1e-9, atol=1e-10)
    h = 1e-5
    slope = (gd.grad(f)(x + h * t) - gd.grad(f)(x - h * t)) / (2 * h)
    np.testing.assert_allclose(product, slope, rtol=1e-4, atol=1e-5)


VIEWS = (
    lambda y: y[1:],
    lambda y: y[::-1],
    lambda y: y.T,
    lambda y: y[1],
    lambda y: y.reshape(-1)[2:],
    lambda y: y[:, 1][::-1],
    lambda y: y.ravel(),
    lambda y: y[0][1:][::-1],
    lambda y: y.reshape(3, 2, 2)[::2, 1],
    lambda y: np.swapaxes(y, 0, 1)[::2],
    lambda y: y[..., None],
    np.diagonal,
)


def program_of_views(seed):
    """Return a function that writes and reads entries through views, at random."""
    drawn = random.Random(seed)
    steps = [tuple(drawn.random() for _ in range(5)) for _ in range(25)]
    buffers = drawn.random() < 0.5

    def place(shape, position):
        position = int(position * np.prod(shape))
        index = tuple(int(i) for i in np.unravel_index(position, shape))
        return index[0] if len(index) == 1 else index

    def f(x):
        y = gd.zeros((3, 4)) if buffers else x.reshape(3, 4) * 0.5
        shown, total = [(y, True)], 0.0
        for way, which, to, source, c in steps:
            v, writeable = shown[int(which * len(shown))]
            if way < 0.2:
                view = VIEWS[int(to * len(VIEWS))]
                shown.append((view(y), view is not np.diagonal))
            elif way < 0.3:
                total = total + np.sum(v * v) * c
            elif way < 0.35 and writeable:
                v *= 0.9
            elif writeable:
                w = shown[int(source * len(shown))][0]
                number = w[place(w.shape, to)] * 0.5 + x[int(c * 12)]
                v[place(v.shape, source)] = number if to < 0.9 else c
        return total + sum(np.sum(np.cos(v + k)) for k, (v, _) in enumerate(shown))

    return f


@pytest.mark.parametrize("seed", range(60))
def test_a_program_of_views_has_its_derivatives(seed):
    f = program_of_views(seed)
    drawn = np.random.default_rng(seed)
    x, t = drawn.uniform(-1.0, 1.0, 12), drawn.standard_normal(12)
    value, gradient = gd.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(x.copy()), rtol=1e-13)
    np.testing.assert_allclose(gradient, differences(f, x), rtol=1e-5, atol=1e-6)
    pushed = gd.jvp(f, (x,), (t,))[1]
    np.testing.assert_allclose(pushed, gradient @ t, rtol=1e-10, atol=1e-11)
    product = gd.jvp(gd.grad(f), (x,), (t,))[1]
    np.testing.assert_allclose(gd.hessian(f)(x) @ t, product, rtol=1e-9, atol=1e-10)


def table(x):
    """Fill a table whose entries are made of their neighbours."""
    y = gd.zeros((6, 7))
    for j in range(7):
        y[0, j] = x[j]
    for i in range(1, 6):
        y[i, 0] = np.sin(y[i - 1, 0])
        for j in range(1, 7):
            y[i, j] = np.sin(y[i - 1, j] * y[i, j - 1]) + 0.1 * y[i - 1, j - 1]
    return y


def test_a_table_is_filled_by_one_write():
    x = gd.node(np.linspace(0.1, 0.9, 7))
    y = table(x)
    z = y + 0.0
    written, entries = z.grad_ops.vertices[0].grad_ops.vertices
    assert y.operation == "setitem"
    assert entries.operation == "stack"
    assert len(entries.grad_ops.vertices) == 42
    np.testing.assert_array_equal(written.value, np.zeros((6, 7)))

    def total(x):
        return np.sum(np.cos(table(x)))

    start = np.linspace(0.1, 0.9, 7)
    expected = differences(total, start)
    np.testing.assert_allclose(gd.grad(total)(start), expected, rtol=1e-6)


@pytest.mark.parametrize(
    "view",
    [
        lambda y: y[::-1],
        lambda y: y[5:],
        lambda y: y.reshape(4, 5).T[2:].reshape(-1),
        lambda y: y.reshape(5, 4)[1:].T[0],
        lambda y: y.ravel(),
    ],
)
@pytest.mark.parametrize("make", [gd.zeros, lambda n: gd.node(np.zeros(n)) * 1.0])
def test_an_array_is_filled_through_a_view_by_one_write(make, view):
    x = gd.node(np.linspace(0.1, 0.9, 20))
    y = make(20)
    y[0] = x[0]
    v = view(y)
    n = len(v)
    for i in range(1, n):
        v[i] = v[i - 1] * x[i] + 0.5
    order = collect([np.sum(y)]).order
    assert len(order) < 3 * n + 12, "a product, a sum and an entry of x for each write"
    plain = np.zeros(20)
    plain[0] = x.value[0]
    shown = view(plain)
    for i in range(1, n):
        shown[i] = shown[i - 1] * x.value[i] + 0.5
    is_view = np.may_share_memory(shown, plain)
    np.testing.assert_array_equal(y.value, plain)
    assert any(z.operation == "stack" for z in order) == is_view


def test_asking_for_its_size_is_no_look():
    y = gd.node(np.arange(4.0)) * 2.0
    for i in range(4):
        y[i] = y[i] * 3.0
        assert (len(y), y.shape, y.size, y.ndim) == (4, (4,), 4, 1)
        assert y.dtype == np.float64
    assert y.operation == "setitem"
    assert len(y.grad_ops.vertices[1].grad_ops.vertices) == 4


def test_an_entry_that_was_written_again_has_the_last_one_alone():
    x = gd.node(2.0)
    y = gd.node(np.zeros(3)) * 1.0
    first, second = x * 3.0, x * 5.0
    y[1] = first
    y[1] = second
    y[-2] = 7.0 * y[1]
    y[0] = 1.0
    np.sum(y).backward()
    np.testing.assert_array_equal(y.value, [1.0, 70.0, 0.0])
    assert x.grad == 35.0
    assert first.grad == 0.0


@pytest.mark.parametrize(
    ("index", "error"),
    [(3, IndexError), (-4, IndexError), (1.0, IndexError), ("a", IndexError)],
)
def test_a_place_that_does_not_exist_is_refused_at_once(index, error):
    y = gd.node(np.arange(3.0)) * 2.0
    y[0] = y[1] * 2.0
    with pytest.raises(error):
        y[index] = y[2]
    with pytest.raises(error):
        y[index]
    np.testing.assert_array_equal(y.value, [4.0, 2.0, 4.0])


def test_a_number_that_no_float_holds_is_refused_at_once():
    y = gd.node(np.arange(3.0)) * 2.0
    y[0] = y[1] * 2.0
    with pytest.raises(OverflowError):
        y[1] = 10**400
    y[1] = True
    y[2] = np.float32(0.1)
    np.testing.assert_array_equal(y.value, [4.0, 1.0, float(np.float32(0.1))])


def test_a_truth_is_no_place():
    y = gd.node(np.arange(3.0)) * 2.0
    y[1] = y[2] * 2.0
    assert y[True].shape == (1, 3)
    y[0] = y[1]
    y[True] = 5.0
    np.testing.assert_array_equal(y.value, [5.0, 5.0, 5.0])


def test_threads_that_fill_and_look_lose_no_write():
    n = 400
    x = gd.node(np.linspace(1.0, 2.0, n))
    y = x * 0.0
    y[0] = x[0]

    def fill(first):
        for i in range(first, n, 2):
            y[i] = x[i] * 2.0
            if i % 16 == first:
                y.value.sum()

    threads = [threading.Thread(target=fill, args=(k,)) for k in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(y.value, 2.0 * x.value)
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad, np.full(n, 2.0))


@pytest.mark.parametrize("part", ["forward", "pullback"])
def test_functions_that_others_use_too_write_into_no_array_that_is_being_filled(part):
    def f(x):
        y = gd.zeros(4)
        y[0], y[1] = x, x * x

        def forward(v):
            if part == "forward":
                y[2] = 1.5
            return v * v

        def pullback(z_grad, z, v):
            if part == "pullback":
                y[2] = 1.5
            return (2 * v * z_grad,)

        return gd.custom_operation(forward, pullback)(x) + y.sum()

    with pytest.raises(EscapeError, match=f"The {part} of .* writes into an array"):
        gd.grad(f)(1.5)
