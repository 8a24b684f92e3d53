"""Scans whose carries are large arrays, all steps in one call: equal to NumPy."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.groups import LARGE
from tests.compiler.comparing import free

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

N = LARGE + 13


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    free(monkeypatch)


def loops_of(fast):
    return fast.stats()["programs"][0]["loops"]


def executors_of(fast):
    return {x["executor"] for x in loops_of(fast)}


def heat(u, a):
    def step(u, _):
        inner = u[1:-1] + a * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        return np.concatenate([u[:1], inner, u[-1:]]), np.sum(u)

    u, sums = gd.scan(step, u, None, length=7)
    return np.sum(u * u) + np.sum(sums * sums) * 1e-3


def forced(u, a):
    forces = np.sin(np.arange(5.0))[:, None] * u

    def step(carry, force):
        u, total, count = carry
        u = np.where(u > force, u * a, np.roll(u, 1) + force)
        return (u, total + np.mean(u), count + 1), np.tanh(u)

    (u, total, count), ys = gd.scan(step, (u, 0.0, 0), forces)
    return np.sum(u * ys[-1]) + total * count + np.sum(ys[1])


def backwards(u, a):
    def step(carry, x):
        u, v = carry
        return (v + a * x, np.exp(-u) * v), u * v

    xs = np.linspace(0.5, 1.0, 4)[:, None] * u
    (u, v), ys = gd.scan(step, (u, u * u), xs, reverse=True)
    return np.sum(u * v) + np.sum(ys * ys)


U = np.random.default_rng(0).uniform(0.5, 1.5, N)


@pytest.mark.parametrize("f", [heat, forced, backwards])
def test_large_scans_run_in_one_call(f):
    whole = gd.value_and_grad(f, (0, 1))
    fast = gd.compile(whole)
    for scale in (1.0, 0.9, 1.1):
        value, grads = fast(U * scale, 0.2 * scale)
        expected, others = whole(U * scale, 0.2 * scale)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        for a, e in zip(grads, others, strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-10, atol=1e-12)
    assert executors_of(fast) == {"native code"}


def test_the_derivative_of_the_derivative():
    def along(a):
        return gd.grad(heat, 1)(U, a)

    fast = gd.compile(gd.grad(along))
    expected = gd.grad(along)(0.2)
    for _ in range(2):
        np.testing.assert_allclose(fast(0.2), expected, rtol=1e-9)


def test_results_of_one_call_are_kept_by_the_next():
    fast = gd.compile(gd.grad(heat))
    first = fast(U, 0.2)
    copy = first.copy()
    fast(U * 0.5, 0.1)
    np.testing.assert_array_equal(first, copy)


def test_a_body_with_a_function_of_numpys_stays_on_numpy():
    def f(u):
        def step(u, _):
            return np.sort(u) * 0.5 + np.sin(u) * u, None

        return np.sum(gd.scan(step, u, None, length=3)[0])

    fast = gd.compile(gd.grad(f))
    np.testing.assert_allclose(fast(U), gd.grad(f)(U), rtol=1e-12)
    assert executors_of(fast) == {"numpy"}
    assert "sort" in str(loops_of(fast))
