"""Sums of what a loop reads from one array: one row, and no work that is quadratic."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm
from chainrule.compiler.programs.scatters import SEVERAL

EXECUTORS = ["numpy", *(["vm", "native"] if llvm.available() else [])]


def reads(x, n=3 * SEVERAL):
    total = 0.0
    for i in range(n):
        total = total + x[i % 10] * x[(3 * i) % 10] * x[i % 7]
    return total + np.sum(x[2:5] * x[3:6]) + x[-1]


def in_matrix(x):
    total = 0.0
    for i in range(SEVERAL):
        total = total + np.sum(np.sin(x[i % 3, 1:]) * x[0, i % 4]) * x[1, 2]
    return total


def at_places(x):
    total = 0.0
    for i in range(SEVERAL):
        total = total + np.sum(np.sin(x[np.array([0, i % 4, 0])]) * x[i % 3])
    return total


def kept_apart(x):
    total = 0.0
    for i in range(SEVERAL):
        total = total + x[i % 3] ** 3
    return total


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(
    ("f", "shape"), [(reads, 10), (in_matrix, (3, 4)), (at_places, 5), (kept_apart, 4)]
)
def test_derivatives_of_reads(executor, f, shape):
    x = np.random.default_rng(0).uniform(0.5, 1.5, shape)
    for transform in (gd.grad, gd.hessian):
        fast = gd.compile(transform(f), executor=executor)
        for y in (x, x + 1):
            expected = transform(f)(y)
            for a, b in zip(fast(y), expected, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_one_row_stands_for_all():
    fast = gd.compile(gd.grad(reads))
    fast(np.ones(10))
    text = gd.program(fast)
    assert text.count("unindex_all(") == 1
    assert text.count("unindex(") <= 2
    assert "unindex_all" not in gd.program(fast, stage="loops")


def test_rows_do_not_grow_with_the_square_of_the_loop():
    def entries(n):
        fast = gd.compile(gd.grad(lambda x: sum(x[i] ** 2 for i in range(n))))
        fast(np.ones(n))
        return sum(np.prod(row.shape or 1) for row in fast.newest()[1].program.rows)

    assert entries(200) < 2.5 * entries(100)


@pytest.mark.skipif(not llvm.available(), reason="needs llvmlite")
def test_many_entries_of_numbers_run_on_a_tape():
    n = 2_500
    order = np.random.default_rng(0).permutation(n).tolist()

    def f(x):
        total = x[0]
        for i in range(n):
            total = total * 0.5 + x[i] * x[order[i]]
        return total

    fast = gd.compile(gd.grad(f), executor="vm")
    x = np.linspace(0.5, 1.5, n)
    np.testing.assert_allclose(fast(x), gd.grad(f)(x), rtol=1e-12)
    (program,) = fast.stats()["programs"]
    assert (program["executor"], program["numpy_rows"]) == ("tape VM", {})


def test_a_sum_that_is_read_twice_stays():
    def f(x):
        gradient = gd.grad(kept_apart)(x)
        return gradient, gradient * 2, gd.grad(reads)(np.tile(x, 3)[:10]) + 1

    x = np.array([0.5, 1.0, 2.0, 4.0])
    for a, b in zip(gd.compile(f)(x), f(x), strict=True):
        np.testing.assert_allclose(a, b)


def test_few_reads_and_bodies_of_maps_stay_as_they_are():
    fast = gd.compile(gd.grad(lambda x: x[0] * x[1] + x[2]))
    fast(np.ones(3))
    assert "unindex_all" not in gd.program(fast)
    fast = gd.compile(gd.vmap(gd.grad(reads)))
    x = np.random.default_rng(0).uniform(0.5, 1.5, (3, 10))
    np.testing.assert_allclose(fast(x), gd.vmap(gd.grad(reads))(x))
    assert "each_" not in gd.program(fast)


@pytest.mark.skipif(not llvm.available(), reason="needs llvmlite")
@pytest.mark.parametrize("n", [40, 600])
def test_an_array_that_is_filled_is_no_array_per_write(n):
    def filled(x):
        y = x * 1.0
        for i in range(1, n):
            y[i] = y[i - 1] * 0.9 + x[i] * y[0]
        return np.sum(y * y)

    x = np.linspace(0.5, 1.0, n)
    gradient = gd.grad(filled)
    fast = gd.compile(gradient, executor="vm")
    np.testing.assert_allclose(fast(x), gradient(x), rtol=1e-12)
    assert fast.newest()[1].choice.run.instructions < 40 * n
    assert fast.stats()["programs"][0]["numpy_rows"] == {}
