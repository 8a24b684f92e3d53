"""Reads and writes at places that a program computes, in native code."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd


def scanned(step):
    """Return a function that takes steps over the numbers of an array."""

    def f(x, at):
        z, _ = gd.scan(lambda z, i: (step(z, x, i), None), x * 0.5, at)
        return np.sum(z * z)

    return f


def entry(z, x, i):
    z[i] = z[i - 1] * 0.9 + x[i]
    return z


def row(z, x, i):
    z[i] = z[i - 1] * x[i] + np.sum(x[-1])
    return z


def column(z, x, i):
    z[:, i] += z[::-1, 1] * x[:, i]
    return z


def box(z, x, i):
    z[i, 1:] = x[i - 1, :-1] * 2.0
    z[0, i - 2] -= x[2, i] * z[i, 0]
    return z


def repeated(z, x, i):
    z[i] = 0.3 * np.sum(x)
    z[1] = x[i] * x[i]
    return z


def added(z, x, i):
    np.add.at(z, [i, 1], x[:2])
    return z


def of_one_dimension(step):
    return step in (entry, repeated, added)


STEPS = [entry, row, column, box, repeated, added]


def given(step):
    x = np.random.default_rng(3).normal(size=5 if of_one_dimension(step) else (4, 4))
    return x, np.array([1, 2, -1, 2, 0])


@pytest.mark.parametrize("step", STEPS)
def test_a_loop_with_computed_places_is_native_code(step):
    f, (x, at) = scanned(step), given(step)
    for g in (f, gd.value_and_grad(f), gd.grad(lambda x, at: gd.grad(f)(x, at).sum())):
        fast = gd.compile(g, executor="native")
        for points in (at, at[::-1].copy()):
            value, expected = fast(x, points), g(x, points)
            for mine, theirs in zip(*map(leaves, (value, expected)), strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
    if step is not added:
        assert loops_of(gd.compile(f, executor="native"), x, at) == ["native code"]


def leaves(x):
    return x if isinstance(x, tuple) else (x,)


def loops_of(fast, *args):
    """Return what runs the loops of a compiled function."""
    fast(*args)
    return [x["executor"] for x in fast.stats()["programs"][0]["loops"]]


PICKS = {
    "an entry": lambda x, i: x[i[0], i[1]],
    "a row": lambda x, i: x[i[0]],
    "a column": lambda x, i: x[:, i[1]],
    "a part": lambda x, i: x[i[0], ::-2],
    "rows": lambda x, i: x[i],
    "columns": lambda x, i: x[1:, i],
    "columns turned": lambda x, i: x.T[i],
    "a fixed row": lambda x, i: x[-1, i],
    "all entries": lambda x, i: x[i[0], ...],
    "computed": lambda x, i: x[i[0] + i[1] - 3],
}


@pytest.mark.parametrize("pick", PICKS.values(), ids=list(PICKS))
def test_an_argument_says_where_to_read(pick):
    x = np.random.default_rng(4).normal(size=(4, 3))

    def f(x, i):
        return np.sum(np.sin(pick(x, i)) * pick(x * 2.0, i))

    for g in (f, gd.grad(f), gd.hessian(f)):
        fast = gd.compile(g, executor="native")
        for i in ([1, 2], [0, -1], [2, 2]):
            np.testing.assert_allclose(fast(x, np.array(i)), g(x, np.array(i)))


WRITES = {
    "a row": lambda y, x, i: y.__setitem__(i[0], x[0]),
    "a number": lambda y, x, i: y.__setitem__(i[0], x[0, 0]),
    "a column": lambda y, x, i: y.__setitem__((slice(None), i[1]), x[:, 0]),
    "rows": lambda y, x, i: y.__setitem__(i, x[:2]),
    "one row to rows": lambda y, x, i: y.__setitem__(i, x[0]),
    "a sum": lambda y, x, i: y.__setitem__(i[0], y[i[1]] + x[0]),
    "adding": lambda y, x, i: np.add.at(y, i, x[:2]),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=list(WRITES))
def test_an_argument_says_where_to_write(write):
    x = np.random.default_rng(4).normal(size=(4, 3))

    def f(x, i):
        y = x * 2.0
        before = y[1] * 1.0
        write(y, x, i)
        return np.sum(y * y) + np.sum(before * x[2])

    for g in (f, gd.grad(f), gd.hessian(f)):
        fast = gd.compile(g, executor="native")
        for i in ([1, 2], [0, -1], [2, 2]):
            np.testing.assert_allclose(fast(x, np.array(i)), g(x, np.array(i)))


@pytest.mark.parametrize("place", [4, -5, 2**40])
@pytest.mark.parametrize("name", ["read", "write", "scan"])
def test_a_place_outside_is_refused_as_by_numpy(name, place):
    def f(x, i):
        y = x * 1.0
        if name == "write":
            y[i] = 2.0
        return np.sum(y) + (y[i] if name == "read" else 0.0)

    def looped(x, i):
        return gd.scan(lambda c, k: (c + x[k], None), 0.0, np.array([0, 1]) + i)[0]

    g = looped if name == "scan" else f
    fast = gd.compile(g, executor="native")
    x = np.arange(4.0)
    assert fast(x, 2 if name != "scan" else 1) == g(x, 2 if name != "scan" else 1)
    with pytest.raises(IndexError, match="out of bounds"):
        fast(x, place)


def test_an_argument_and_what_is_read_later_stay_as_they_were():
    """An array that is changed where it is has nobody else who reads it."""

    def f(x, i):
        y = x * 3.0
        old, view = y * 1.0, y[1:]
        y[i] = 7.0
        z = y * 1.0
        y[i] = view[0]
        return old, view, z, y

    fast = gd.compile(f, executor="native")
    x = np.arange(4.0)
    for i in (0, 1, 3):
        for mine, theirs in zip(fast(x, i), f(x, i), strict=True):
            np.testing.assert_array_equal(mine, gd.value(theirs))
    np.testing.assert_array_equal(x, np.arange(4.0))


def test_a_while_loop_writes_where_its_counter_says():
    def f(x):
        def step(state):
            i, y = state
            y[i] = y[i - 1] * 0.5 + x[i]
            return i + 1, y

        _, y = gd.while_loop(lambda s: s[0] < len(x), step, (1, x * 1.0))
        return np.sum(y * y)

    x = np.arange(1.0, 6.0)
    for g in (f, gd.grad(f)):
        fast = gd.compile(g, executor="native")
        np.testing.assert_allclose(fast(x), g(x))
        np.testing.assert_allclose(fast(x + 1.0), g(x + 1.0))


@pytest.mark.parametrize("index", [[1, 0], [2, 2], [0, -1], 1, slice(1, None)])
@pytest.mark.parametrize("executor", ["vm", "native"])
def test_what_is_added_at_constant_places_is_added(executor, index):
    """It is no movement: an entry is a sum of entries."""

    def f(x):
        y = x * 2.0
        np.add.at(y, index, 0.3 * y[0])
        np.subtract.at(y, index, x[1])
        return np.sum(y * y)

    x = np.random.default_rng(8).normal(size=(3, 2))
    for g in (f, gd.grad(f), gd.hessian(f)):
        fast = gd.compile(g, executor=executor)
        for point in (x, x + 1.0):
            np.testing.assert_allclose(fast(point), g(point), rtol=1e-12)


@pytest.mark.parametrize("rows", [20, 700])
def test_few_entries_of_large_arrays_are_machine_code(rows):
    """The scores of labels: an array of zeros gets few entries."""

    def loss(scores, labels):
        picked = scores[np.arange(rows), labels]
        return np.mean(np.log(np.sum(np.exp(scores), axis=1)) - picked)

    rng = np.random.default_rng(1)
    scores, labels = rng.normal(size=(rows, 8)), rng.integers(0, 8, rows)
    derived = gd.grad(loss)
    fast = gd.compile(derived, executor="native")
    for i in (labels, labels[::-1].copy(), -1 - labels):
        np.testing.assert_allclose(fast(scores, i), derived(scores, i), rtol=1e-13)
    assert fast.stats()["programs"][0]["numpy_rows"] == {}
    with pytest.raises(IndexError, match="out of bounds"):
        fast(scores, labels + 8)
