"""Outer products that are added up go through memory together."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm
from chainrule.compiler.native.fusion import fused
from chainrule.compiler.tape import loops

pytestmark = pytest.mark.skipif(not llvm.available(), reason="needs llvmlite")


def native(f, *args, argnums=0):
    """The gradient in native code, which is what plain Python gives."""
    derivative = gd.grad(f, argnums=argnums)
    fast = gd.compile(derivative, executor="native")
    for _ in range(2):
        found = fast(*args)
    exact = derivative(*args)
    np.testing.assert_allclose(found, exact, rtol=1e-13, atol=1e-13 * abs(exact).max())
    assert fast.stats()["programs"][0]["executor"] == "native code"
    return fast


def rows_of(fast):
    program = fused(fast.newest()[1].program, floats=True)
    return [getattr(row.function, "__name__", "") for row in program.rows]


@pytest.mark.parametrize(
    ("shape", "steps"), [((70, 65), 5), ((100, 41), 7), ((64, 64), 4), ((37, 129), 9)]
)
def test_products_of_a_python_loop_are_one_row(shape, steps, rng):
    def f(a, x):
        total = 0.0
        for _ in range(steps):
            y = np.tanh(a @ x)
            x = np.sin(y @ a)
            total = total + np.sum(x * x) + np.sum(y)
        return total

    a, x = rng.standard_normal(shape) / 10, rng.standard_normal(shape[1])
    assert rows_of(native(f, a, x)).count("outer_sum") == 1


def test_other_terms_and_readers_stay(rng):
    a, b = rng.standard_normal((80, 60)), rng.standard_normal((80, 60))
    xs = rng.standard_normal((6, 60))

    def f(a):
        total = np.sum(np.sin(a) * b)
        for x in xs:
            total = total + np.sum(np.tanh(a @ x))
        return total

    assert "outer_sum" in rows_of(native(f, a))

    def products(u, v):
        outer = [np.multiply(u[i][:, None], v[i]) for i in range(6)]
        return outer[0] + outer[1] + outer[2] + outer[3] + outer[4], outer[4] + outer[5]

    u, v = rng.standard_normal((6, 80)), rng.standard_normal((6, 60))
    fast = gd.compile(products, executor="native")
    for x, y in zip(fast(u, v), products(u, v), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("steps", [1, 7, 8, 9, 20])
def test_carries_of_scans(steps, rng):
    m, field = rng.random((70, 70)) / 70, rng.standard_normal(70)
    xs = rng.standard_normal((steps, 70))

    def f(m):
        def step(x, more):
            return np.tanh(m @ x + more), None

        return np.sum(gd.scan(step, field, xs)[0] ** 2)

    with watched() as found:
        native(f, m)
    assert any(found)


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_a_sum_in_the_function_itself(start, rng):
    first = np.full((72, 70), start)
    u, v = rng.standard_normal((19, 72)), rng.standard_normal((19, 70))

    def f(u, v):
        def step(total, pair):
            return total + pair[0][:, None] * pair[1], None

        total = gd.scan(step, first, (u, v))[0]
        return total, np.sum(np.sin(total))

    with watched() as found:
        fast = gd.compile(f, executor="native")
        for x, y in zip(fast(u, v), f(u, v), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)
    assert any(found)
    native(lambda u: f(u, v)[1], u)


@pytest.mark.parametrize("steps", [0, 3, 8, 21])
def test_carries_of_while_loops(steps, rng):
    m = rng.random((70, 70)) / 70

    def f(m, x, count):
        def step(state):
            x, i = state
            return np.tanh(m @ x + x), i + 1.0

        last = gd.while_loop(lambda state: state[1] < count, step, (x, 0.0))
        return np.sum(last[0] ** 2) + np.sum(m)

    native(f, m, rng.standard_normal(70), float(steps))


def test_a_carry_that_the_condition_reads_is_added_to_at_once(rng):
    u, v = rng.random(70), rng.random(70)

    def f(u):
        def step(state):
            total, u = state
            return total + u[:, None] * v, 0.9 * u

        start = np.zeros((70, 70)), u
        return gd.while_loop(lambda s: np.max(s[0]) < 3.0, step, start)[0]

    fast = gd.compile(f, executor="native")
    np.testing.assert_allclose(fast(u), f(u), rtol=1e-13)


def test_a_carry_with_a_history_is_added_to_at_once(rng):
    u = rng.random((11, 70))

    def f(u):
        def step(total, u):
            return total + u[:, None] * u, np.sum(total * total)

        return np.sum(gd.scan(step, np.zeros((70, 70)), u)[1])

    native(f, u)


class watched:
    """What is found in the bodies of loops that are lowered meanwhile."""

    def __enter__(self):
        self.find = loops.without_outer_sums
        found = []

        def find(program, carries):
            result = self.find(program, carries)
            found.append(result[1])
            return result

        loops.without_outer_sums = find
        return found

    def __exit__(self, *error):
        loops.without_outer_sums = self.find


def test_a_body_transposes_what_it_captures(rng):
    m, x = rng.random((70, 70)) / 70, rng.standard_normal(70)

    def f(m):
        return np.sum(gd.scan(lambda x, _: (np.tanh(m @ x), None), x, np.zeros(5))[0])

    fast = native(f, m)
    assert "permute_dims" not in str(gd.program(fast))
    hessian = gd.compile(lambda m, v: gd.jvp(gd.grad(f), (m,), (v,))[1])
    v = rng.random((70, 70))
    exact = gd.jvp(gd.grad(f), (m,), (v,))[1]
    np.testing.assert_allclose(hessian(m, v), exact, rtol=1e-12, atol=1e-14)
