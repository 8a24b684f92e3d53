"""Writes into memory that nobody else holds: in place, and nobody sees it."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import StaleValueError
from chainrule.locks import has_global_lock
from chainrule.numpy.overwriting import overwritten
from chainrule.rules.namespace import plain
from chainrule.rules.supports import supported
from chainrule.sweeps.listening import Listener
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import forward_sweep, reverse_sweep

pytestmark = pytest.mark.skipif(
    not has_global_lock(), reason="without a global lock every write copies"
)
X = np.array([0.5, 1.5, -1.0, 2.0, 0.25])


def buffer(x=X):
    return gd.node(x) * 1.0


def memory(y):
    return y._value.ctypes.data


WRITES = {
    "an entry": lambda y: y.__setitem__(1, 7.0),
    "an entry of a node": lambda y: y.__setitem__(-1, y[0] * 2.0),
    "a slice": lambda y: y.__setitem__(slice(None, None, 2), 3.0),
    "a slice of itself": lambda y: y.__setitem__(slice(1, None), y[:-1]),
    "a mask": lambda y: y.__setitem__(gd.value(y) > 0, [1.0, 2.0, 3.0, 4.0]),
    "repeated entries": lambda y: y.__setitem__([0, 0, 3], [5.0, 6.0, y[2]]),
    "a part, updated": lambda y: y[1:3].__iadd__(y[0]),
    "an entry, updated": lambda y: y.__setitem__(2, y[2] + 1.0),
    "all": lambda y: y.__setitem__(..., 0.5),
}


def per_write(f):
    return pytest.mark.parametrize("write", WRITES.values(), ids=list(WRITES))(f)


@per_write
def test_a_write_goes_into_the_same_memory(write):
    y, expected = buffer(), X.copy()
    write(y)
    at = memory(y)
    write(y)
    assert memory(y) == at
    write(expected)
    write(expected)
    np.testing.assert_array_equal(y.value, gd.value(expected))


HOLDERS = {
    "a value": lambda y: y.value,
    "a part of a value": lambda y: gd.value(y)[1:],
    "an array of it": lambda y: np.asarray(y.value),
    "a buffer": lambda y: memoryview(y.value),
    "the memory itself": lambda y: y._value,
}


@per_write
@pytest.mark.parametrize("hold", HOLDERS.values(), ids=list(HOLDERS))
def test_who_holds_the_memory_keeps_what_it_was(write, hold):
    y = buffer()
    y[0] = 0.75
    held = hold(y)
    before = np.array(held)
    write(y)
    np.testing.assert_array_equal(np.array(held), before)


@per_write
def test_who_used_a_version_keeps_it(write):
    def f(x):
        y = x * 1.0
        y[3] = x[0] * x[1]
        first = np.sum(y**3) + np.sum(np.exp(y) * y[::-1])
        write(y)
        second = np.sum(y[1:] * y[:-1]) * first
        write(y)
        return np.sum(y * y) * second + y[0]

    gd.check_gradients(f, (X,))


@pytest.mark.parametrize("order", ["oldest first", "newest first", "mixed"])
@pytest.mark.parametrize("count", [3, 150, 700])
def test_versions_are_what_they_were(order, count):
    rng = np.random.default_rng(0)
    y, seen, sums = buffer(), [], []
    for i in range(count):
        y[int(rng.integers(5))] = float(i)
        sums.append(np.sum(y))
        seen.append(np.copy(y.value))
    places = list(range(count))
    if order == "newest first":
        places.reverse()
    if order == "mixed":
        rng.shuffle(places)
    np.sum(np.stack(sums)).backward()
    for i in places:
        version = sums[i].grad_ops.vertices[0]
        assert version.shape == (5,)
        assert version.dtype == np.float64
        np.testing.assert_array_equal(version.value, seen[i])


def test_a_loop_takes_memory_for_what_it_writes_only():
    def filled(x, n):
        y = x * 0.0
        for i in range(1, n):
            y[i] = y[i - 1] * 0.9 + x[i]
        return np.sum(y * y)

    def peak(n):
        x = np.linspace(0.0, 1.0, n)
        gd.grad(filled)(x, n)
        tracemalloc.start()
        gd.grad(filled)(x, n)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(4000) < 1.5 * 4 * peak(1000)


def test_a_write_that_fails_changes_nothing():
    y = buffer()
    y[0] = 0.75
    row = y[1:3]
    for index, value in ((9, 1.0), (slice(2), [1.0, 2.0, 3.0]), ("a", 1.0), (0, "b")):
        with pytest.raises((IndexError, ValueError, TypeError)):
            y[index] = value
    np.testing.assert_array_equal(y.value, [0.75, *X[1:]])
    y[2] = 5.0
    np.testing.assert_array_equal(row.value, [X[1], 5.0])
    row[0] = 4.0
    assert gd.value(y[1]) == 4.0


def test_an_older_version_keeps_no_gradient():
    x = gd.node(X)
    y = x * 2.0
    version = y[0].grad_ops.vertices[0]
    y[1] = 3.0
    z = np.sum(y * y)
    z.backward()
    np.testing.assert_array_equal(y.grad, 2 * y.value)
    older = y.grad_ops.vertices[0]
    assert version is y
    with pytest.raises(StaleValueError, match=r"gd\.vjp"):
        _ = older.grad
    np.testing.assert_array_equal(x.grad, [4.0, 0.0, -8.0, 16.0, 2.0])


def root_overwritten(x):
    """Overwrite an entry of which the derivative is infinite."""
    y = np.sqrt(x - x[1])
    y[1] = x[0]
    y[3] = y[3] * y[0] + np.sum(y[4:])
    y[2:4] = y[0] * x[1:3]
    return np.sum(y**2 * np.arange(1.0, 6.0))


@np.errstate(all="ignore")
def test_the_reference_sweeps_pass_it_on_too():
    x = gd.node(np.array([0.7, -1.2, 0.4, 1.5, 0.1]))
    z = root_overwritten(x)
    order = collect([z]).order
    swept = reverse_sweep(plain, order, {z: supported(1.0)}, [x])[x].value
    told = reverse_sweep(plain, order, {z: supported(1.0)}, [x], listener=Listener())
    expected = told[x].value
    np.testing.assert_allclose(swept, expected, rtol=1e-13)
    for e, slope in zip(np.eye(5), swept, strict=True):
        tangents = forward_sweep(plain, order, {x: supported(e, e != 0)})
        slopes = tangents.get(z, supported(0.0)).value
        np.testing.assert_allclose(slopes, slope, rtol=1e-13)


def test_references_are_counted_as_they_were_probed():
    """The counts that tell who holds an array are those of this Python."""
    y = buffer()
    y[0] = 1.0
    assert type(y.grad_ops.vertices[0]).__name__ == "node"
    assert type(y.grad_ops.vertices[0]) is overwritten


def recursion(x, y, at):
    """Fill an array from its own entries and those of another one."""
    for i in range(1, 6):
        y[at(i)] = x[at(i)] * y[at(i - 1)]
        y[at(-i)] += x[at(1)] * y[at(i)]
        y[at(i - 1)] = 0.5
    return y


def first_order(f, x):
    """Return value, gradient and tangent of the sum of squares."""
    squares = lambda x: np.sum(f(x) * gd.value(f(x)).conj()).real  # noqa: E731
    value, grad = gd.value_and_grad(squares)(x)
    return value, grad, gd.jvp(f, (x,), (np.cos(gd.value(x)),))[1]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
@pytest.mark.parametrize("shape", [(7,), (7, 3)], ids=["entries", "rows"])
def test_loops_over_entries_are_loops_over_slices(dtype, shape):
    """The steps of entries do what those of all other indices do."""
    rng = np.random.default_rng(5)
    x = (rng.normal(size=shape) + (1j if dtype is np.complex128 else 0)).astype(dtype)

    def by_entry(x):
        return recursion(x, x * 2.0, lambda i: i)

    def by_slice(x):
        return recursion(x, x * 2.0, lambda i: slice(i % 7, i % 7 + 1))

    for mine, theirs in zip(
        first_order(by_entry, x), first_order(by_slice, x), strict=True
    ):
        assert np.shape(mine) == np.shape(theirs)
        assert np.result_type(mine) == np.result_type(theirs)
        np.testing.assert_allclose(mine, theirs, rtol=1e-5)


def test_entries_of_a_table_have_the_gradient_of_a_row_at_a_time():
    def f(x):
        y = x * 1.0
        for i in range(1, 3):
            for j in range(3):
                y[i, j] = y[i - 1, j] * x[i, 2 - j] + y[i, j]
        return np.sum(y**2)

    def g(x):
        rows = [x[0]]
        for i in range(1, 3):
            rows.append(rows[-1] * x[i, ::-1] + x[i])
        return np.sum(np.stack(rows) ** 2)

    x = np.random.default_rng(6).normal(size=(3, 3))
    np.testing.assert_allclose(gd.grad(f)(x), gd.grad(g)(x))
    np.testing.assert_allclose(gd.hessian(f)(x), gd.hessian(g)(x))


def test_a_gradient_stays_with_the_version_that_it_was_left_on():
    y = buffer()
    y[0] = 2.0
    np.sum(y * y).backward()
    left = y.grad
    y[1] = gd.node(3.0)
    assert y.grad is not left
    np.testing.assert_array_equal(y.grad, 0.0)
    y.grad = left
    y[1] = gd.node(4.0)
    np.testing.assert_array_equal(y.grad, 0.0)


def test_a_loop_over_entries_keeps_little():
    """Of each read, product and write: some objects, no mapping of parameters."""
    count = 2000

    def f(x):
        y = np.zeros_like(x)
        for i in range(len(x)):
            y[i] = x[i] * x[i]
        return np.sum(y)

    x = np.ones(count)
    gradient = gd.grad(f)
    gradient(x)
    tracemalloc.start()
    gradient(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1300 * count
