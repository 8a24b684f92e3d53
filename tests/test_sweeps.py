"""Sweeps in their seeds, and what loops over the entries of an array cost."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import chainrule as gd
from chainrule.operations_grad.indexing import unindex_all_grad, unindex_grad
from chainrule.sweeps.order import collect
from chainrule.values.vertices import raw

A = np.arange(3.0)
NAN = np.nan


def f(x):
    return np.sum(np.sin(x) * x[::-1])


def root_or_0(x):
    return np.where(x > 0, np.sqrt(x), 0.0)


# ------------------------------------------ seeds that are differentiated, and are zero


class TestSeedsThatAreZero:
    def test_cotangent(self):
        assert gd.grad(lambda g: gd.vjp(lambda x: 3 * x, 2.0)[1](g)[0])(0.0) == 3.0

    def test_tangent(self):
        def tangent(t):
            return gd.jvp(lambda x: x**2, (2.0,), (t,))[1]

        assert gd.grad(tangent)(0.0) == 4.0
        assert gd.jvp(tangent, (0.0,), (1.0,)) == (0.0, 4.0)
        assert gd.compile(gd.grad(tangent))(0.0) == 4.0

    @pytest.mark.parametrize("mode", ["forward", "reverse"])
    def test_hessian_by_products(self, mode):
        H = gd.jacobian(lambda v: gd.hvp(f, A, v), mode=mode)(np.zeros(3))
        np.testing.assert_allclose(H, gd.hessian(f)(A))

    def test_some_entries_of_a_seed(self):
        for seed in np.eye(3):
            H = gd.jacobian(lambda v: gd.hvp(f, A, v))(seed)
            np.testing.assert_allclose(H, gd.hessian(f)(A))

    def test_pullback_that_calls_vjp_in_forward_mode(self):
        def pullback(z_grad, z, x):
            return gd.vjp(lambda u: u**3, x)[1](z_grad)

        cube = gd.custom_operation(lambda x: x**3, pullback)
        assert gd.jvp(cube, (2.0,), (1.0,)) == (8.0, 12.0)
        assert gd.hvp(cube, 2.0, 1.0) == 12.0
        np.testing.assert_allclose(gd.jvp(cube, (A,), (np.ones(3),))[1], 3 * A**2)

    def test_checkpoint(self):
        g = gd.checkpoint(lambda x: np.sin(x) * x)
        slope = gd.grad(g)(1.0)
        assert gd.grad(lambda t: gd.jvp(g, (1.0,), (t,))[1])(0.0) == slope
        assert gd.grad(lambda g_: gd.vjp(g, 1.0)[1](g_)[0])(0.0) == slope

    def test_untaken_branches_stay_0(self):
        def tangent(t):
            return gd.jvp(root_or_0, (0.0,), (t,))[1]

        assert gd.grad(tangent)(0.0) == 0.0
        assert gd.grad(lambda g: gd.vjp(root_or_0, 0.0)[1](g)[0])(0.0) == 0.0
        J = gd.jacobian(lambda t: gd.jvp(root_or_0, (np.array([0.0, 4.0]),), (t,))[1])
        np.testing.assert_array_equal(J(np.zeros(2)), [[0.0, 0.0], [0.0, 0.25]])

    def test_plain_seeds_keep_their_zeros(self):
        x = np.array([0.0, 4.0])
        _, tangent = gd.jvp(np.sqrt, (x,), (np.array([0.0, 1.0]),))
        np.testing.assert_array_equal(tangent, [0.0, 0.25])


class TestLinearFunctionsMadeOutside:
    def test_pushforward(self):
        _, pushforward = gd.linearize(lambda x: x**2, 3.0)
        slope = gd.grad(pushforward)(1.0)
        assert (type(slope), slope) == (float, 6.0)
        assert gd.compile(gd.grad(pushforward))(1.0) == 6.0
        _, pushforward = gd.linearize(np.sin, A)
        for mode in ("forward", "reverse"):
            J = gd.jacobian(pushforward, mode=mode)(np.zeros(3))
            assert type(J) is np.ndarray
            np.testing.assert_allclose(J, np.diag(np.cos(A)))

    def test_pullback(self):
        _, pullback = gd.vjp(np.sin, 3.0)
        slope = gd.grad(lambda g: pullback(g)[0] ** 2)(2.0)
        assert slope == pytest.approx(4 * np.cos(3.0) ** 2)
        assert gd.hessian(lambda g: pullback(g)[0] ** 2)(2.0) == pytest.approx(
            2 * np.cos(3.0) ** 2
        )

    def test_pullback_of_several_results(self):
        _, pullback = gd.vjp(lambda x, y: (np.sin(x) * y, x @ y), A, np.ones(3))
        J = gd.jacobian(lambda g: pullback((g, 0.0))[0])(np.ones(3))
        assert type(J) is np.ndarray
        np.testing.assert_allclose(J, np.diag(np.cos(A)))

    def test_made_inside_they_depend_on_what_is_around(self):
        def outer(a):
            _, pushforward = gd.linearize(lambda x: a * x**2, 3.0)
            return gd.grad(lambda t: pushforward(t) * a)(1.0)

        assert gd.grad(outer)(2.0) == 24.0


# ------------------------------------------------------------- loops over the entries


def loop(x):
    total = 0.0
    for i in range(len(x)):
        total = total + np.sin(x[i]) * x[i - 1] + x[i] * x[i]
    return total


def taking_loop(x):
    total = 0.0
    for i in range(len(x)):
        total = total + np.sin(np.take(x, i)) * x.take(i - 1) + x[i] * x[i]
    return total


def vectorised(x):
    return np.sum(np.sin(x) * np.roll(x, 1) + x * x)


def entries_recorded(n, seed, loop=loop):
    """Return how many entries the recorded gradient of a loop over n entries holds."""
    x = gd.node(np.linspace(0.1, 1.0, n))
    first = gd.grad(loop)(x)
    order = collect([np.sum(first * seed(n))]).order
    rules = [z.rule for z in order]
    assert rules.count(unindex_all_grad) == 1
    assert unindex_grad not in rules
    return sum(np.size(raw(z)) for z in order)


@pytest.mark.parametrize("f", [loop, taking_loop])
@pytest.mark.parametrize("seed", [np.ones, lambda n: np.eye(n)[0]])
def test_the_recorded_gradient_of_a_loop_grows_as_the_loop(seed, f):
    small, large = entries_recorded(20, seed, f), entries_recorded(80, seed, f)
    assert large < 5 * small


def test_loops_over_entries_at_every_order():
    x, v = np.linspace(0.1, 1.0, 5), np.array([0.0, 1.0, 0.0, -2.0, 3.0])
    H = gd.hessian(vectorised)(x)
    np.testing.assert_allclose(gd.hessian(loop)(x), H)
    np.testing.assert_allclose(gd.hvp(loop, x, v), H @ v)
    np.testing.assert_allclose(
        gd.jvp(loop, (x,), (v,))[1], gd.jvp(vectorised, (x,), (v,))[1]
    )
    third = gd.grad(lambda x: gd.hvp(vectorised, x, v) @ v)(x)
    np.testing.assert_allclose(gd.grad(lambda x: gd.hvp(loop, x, v) @ v)(x), third)
    np.testing.assert_allclose(gd.compile(gd.hessian(loop))(x), H)


def test_reads_that_overlap_and_repeat():
    index = np.array([0, 2, 2])

    def reads(x):
        return np.sum(x[1:] ** 3) + np.sum(x[index] ** 2 * x[::-1]) + x[..., 0] * x[-1]

    gd.check_gradients(reads, (np.array([0.5, 1.5, -2.0]),), order=2)


def test_reads_that_leave_entries_out_keep_structural_zeros():
    def reads(x):
        y = np.sqrt(x)
        return y[1] + y[2] * y[1]

    x = np.array([0.0, 4.0, 9.0])
    np.testing.assert_allclose(gd.hessian(reads)(x)[0], np.zeros(3))
    np.testing.assert_allclose(gd.grad(reads)(x)[0], 0.0)


def test_a_forward_sweep_that_meets_a_nan_is_taken_with_supports():
    x = np.array([0.0, 4.0])

    def g(x):
        return np.where(x > 0, np.log(x), 0.0)

    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(gd.jvp(g, (x,), (np.ones(2),))[1], [0.0, 0.25])
        np.testing.assert_array_equal(
            gd.jvp(lambda x: np.sqrt(x) ** 2, (x,), (np.ones(2),))[1], [NAN, 1.0]
        )


def test_a_forward_sweep_drops_large_tangents_that_were_read():
    def steps(x):
        y = x
        for _ in range(40):
            y = np.sin(y) + 0.5 * x
        return y, y * x

    x = np.linspace(0.0, 1.0, 1 << 17)
    few = 1 << 10
    expected = gd.jvp(steps, (x[:few],), (np.cos(x[:few]),))[1]
    pushed = gd.linearize(steps, x)[1]
    other = gd.node(np.zeros(2)) * 1.0
    other[0] = other[1]  # what is written elsewhere changes nothing here
    tracemalloc.start()
    try:
        found = pushed(np.cos(x))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours[:few], theirs, rtol=1e-14)
    assert peak < 12 * x.nbytes


def test_tangents_of_arrays_that_were_written_stay():
    def written(x):
        y = x * 2.0
        y[::2] = y[1::2] * x[::2]
        z = y * y
        y += x
        return z + y

    x = np.linspace(0.5, 1.0, 1 << 17)
    t = np.cos(x)
    found = gd.jvp(written, (x,), (t,))[1]
    np.testing.assert_allclose(found[:64], gd.jvp(written, (x[:64],), (t[:64],))[1])
