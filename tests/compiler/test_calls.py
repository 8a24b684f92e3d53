"""Calls of compiled functions: found by their arguments, in memory of their own."""

import threading

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm

EXECUTORS = ["numpy", *(["vm", "native"] if llvm.available() else [])]


def spring(x, k):
    return 0.5 * k * np.sum((x[1:] - x[:-1]) ** 2)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_each_shape_dtype_and_class_has_its_program(executor):
    fast = gd.compile(lambda x, y: x * y + 1, executor=executor)
    x = np.arange(3.0)
    given = [
        (x, 2.0), (2.0, x), (x, x), (x[:2], 2.0), (x.astype(np.float32), 2.0),
        (x.astype(">f8"), 2.0), (2.0, 3.0), (2, 3.0), (True, x), (np.float64(2.0), 3.0),
        (np.array(2.0), 3.0), (x[::-1], 2.0), (x[:0], 2.0),
    ]  # fmt: skip
    for _ in range(3):
        for args in given:
            z, expected = fast(*args), args[0] * args[1] + 1
            np.testing.assert_array_equal(z, expected)
            assert type(z) is type(expected)
            assert np.asarray(z).dtype == np.asarray(expected).dtype
    assert len(fast.stats()["programs"]) == len(given) - 1  # x[::-1] is like x


@pytest.mark.parametrize("executor", EXECUTORS)
def test_results_are_the_callers_own(executor):
    fast = gd.compile(lambda x: (x, x * 2, x[1:], np.ones(3)), executor=executor)
    x = np.arange(3.0)
    first = fast(x)
    for z in first:
        z[...] = 7.0
    second = fast(x)
    for z, expected in zip(second, (x, x * 2, x[1:], np.ones(3)), strict=True):
        np.testing.assert_array_equal(z, expected)
        assert not np.shares_memory(z, x)
    assert all((z == 7.0).all() for z in first)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_warnings_are_as_they_were_after_a_call(executor):
    def outer(x):
        return np.sum(np.log(x) / x)

    fast = gd.compile(outer, executor=executor)
    with np.errstate(all="warn"):
        before = np.geterr()
        for _ in range(2):
            assert fast(np.zeros(3)) == -np.inf
            assert np.geterr() == before
        with pytest.warns(RuntimeWarning, match="divide"):
            np.log(np.zeros(3))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_threads_call_at_once(executor):
    fast = gd.compile(gd.value_and_grad(spring), executor=executor)
    expected = {
        i: gd.value_and_grad(spring)(np.arange(5.0) ** i, 2.0) for i in range(4)
    }
    wrong = []

    def run(i):
        x = np.arange(5.0) ** i
        for _ in range(300):
            value, gradient = fast(x, 2.0)
            if value != expected[i][0] or (gradient != expected[i][1]).any():
                wrong.append(i)

    threads = [threading.Thread(target=run, args=(i,)) for i in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("executor", EXECUTORS)
def test_integers_that_a_tape_cannot_hold(executor):
    fast = gd.compile(lambda x, n: (x * 2, n + 1), executor=executor)
    for n in (3, 2**53 + 1, 2**62, 4):
        x, m = fast(np.ones(2), n)
        assert (m, type(m)) == (n + 1, int)
        assert x.tolist() == [2.0, 2.0]
