"""Zeros around what is computed are put around what it is computed of."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm
from chainrule.compiler.native.movements import is_movement
from chainrule.compiler.native.unindexed import unindex_operands
from chainrule.operations_grad.indexing import unindex

N = 6000


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def steps(x):
    return np.sum(x[::2] ** 3 * x[1::2] / 7.0) + np.sum(x[::-1][:-1] * x[1:])


def grid(x):
    u = x.reshape(60, 100)
    inner = u[1:-1, 1:-1] * 4 - u[2:, 1:-1] * u[:-2, 1:-1]
    return np.sum(inner**2 * np.linspace(1.0, 2.0, 98))


def weighted(x):
    rows = x.reshape(3, 2000)
    return np.sum(rows[1:, 1:] * rows[1:, :-1] * np.linspace(1.0, 2.0, 1999))


def shared_row(x):
    u, w = x.reshape(3, 2000), x[:1999] * 2.0
    return np.sum((u[1:, 1:] * w) ** 2) + np.sum(u[:2, :-1] + w)


def infinite(x):
    y = np.where(np.arange(N) == 5, np.inf, x)
    return np.sum((x[1:] * x[:-1] * 0.5) ** 2 * (1 / y[1:]))


def of_sines(x):
    return np.sum(np.sin(x[1:]) * x[:-1])


FUNCTIONS = [rosenbrock, steps, grid, weighted, shared_row, infinite, of_sines]


@pytest.mark.parametrize("dtype", [float, np.float32])
@pytest.mark.parametrize("f", FUNCTIONS)
def test_gradients_and_products_are_the_same(f, dtype):
    if not llvm.available():
        pytest.skip("llvmlite is not installed")
    x = np.linspace(0.3, 1.7, N).astype(dtype)
    v = np.cos(np.arange(N)).astype(dtype)
    near = 1e-5 if dtype is np.float32 else 1e-12
    slope = gd.compile(gd.grad(f), executor="native")
    np.testing.assert_allclose(slope(x), gd.grad(f)(x), rtol=near, atol=near)
    product = gd.compile(lambda x, v: gd.hvp(f, x, v), executor="native")
    expected = gd.hvp(f, x, v)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(product(x, v), expected, atol=near * scale)


def left_of(f, x):
    """Return how many computed arrays are put into zeros after the pass."""
    compiled = gd.compile(gd.grad(f))
    compiled(x)
    program = compiled.kept.latest.program.copied()
    unindex_operands(program)
    return sum(
        r.function is unindex and not is_movement(r.args[0]) for r in program.rows
    )


def test_sums_and_products_are_not_put_into_zeros():
    x = np.linspace(0.3, 1.7, N)
    assert left_of(rosenbrock, x) == left_of(steps, x) == left_of(grid, x) == 0
    assert left_of(of_sines, x) > 0  # a cosine is computed once
    assert left_of(rosenbrock, x[:200]) > 0  # small ones stay as they are


def jumps(x):
    return np.sum(np.sqrt((x[1:] - x[:-1]) ** 2 + 1e-3))


def ring(x):
    return np.sum(np.cos(x - np.roll(x, 1)) + 0.3 * np.cos(x - np.roll(x, 2)))


@pytest.mark.parametrize(("f", "moved"), [(jumps, 1), (ring, 2)])
def test_of_what_is_moved_multiples_are_taken_later(f, moved):
    x = np.cos(np.arange(N))
    compiled = gd.compile(gd.grad(f), executor="native")
    np.testing.assert_allclose(compiled(x), gd.grad(f)(x), rtol=1e-12, atol=1e-13)
    program = compiled.kept.latest.program.copied()
    unindex_operands(program)
    computed = {
        r.operands[0]
        for r in program.rows
        if is_movement(r) and r.operands[0].function is not None
    }
    names = {x.function.__name__ for x in computed}
    assert len(computed) <= moved
    assert not names & {"negative", "neg"}


def test_long_sums_are_put_into_zeros_as_they_are():
    def f(x):
        y = x[1:] * 0.5
        for i in range(400):
            y = y + x[:-1] * (0.001 * i)
        return np.sum(y**2)

    x = np.linspace(0.3, 1.7, N)
    slope = gd.compile(gd.grad(f), executor="native")
    np.testing.assert_allclose(slope(x), gd.grad(f)(x), rtol=1e-11)
    assert slope.stats()["programs"][0]["executor"] == "native code"


def test_arrays_that_take_turns_are_put_together_in_machine_code():
    def f(x):
        even, odd = x[::2], x[1::2]
        for _ in range(2):
            even, odd = np.sin(even + odd), np.exp(even - odd)
        return np.sum(even * odd)

    x = np.linspace(0.3, 1.7, N)
    slope = gd.compile(gd.grad(f), executor="native")
    np.testing.assert_allclose(slope(x), gd.grad(f)(x), rtol=1e-11)
    (ran,) = slope.stats()["programs"]
    assert ran["executor"] == "native code"
    assert not ran["numpy_rows"]
