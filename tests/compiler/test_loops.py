"""scan and cond: Python's own outside compile, and the same inside."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import CompileError, ShapeError
from tests.compiler.comparing import ORDERS, assert_same, follows

XS = np.array([0.5, -1.0, 2.0, 0.25])
ROWS = np.arange(12.0).reshape(4, 3) / 7 - 0.5
W = np.array([[0.3, -0.2, 0.5], [0.1, 0.7, -0.4], [0.2, 0.2, 0.1]])

EACH = {
    **ORDERS,
    "hvp": lambda f: lambda x: gd.hvp(f, x, np.sin(x)),
}
each_order = pytest.mark.parametrize("order", EACH.values(), ids=EACH)


class State(NamedTuple):
    total: object
    count: object


# -------------------------------------------------------------------------------- scan


def summed(x):
    last, ys = gd.scan(lambda c, v: (np.sin(c) + v * c, c * v), 0.5, x)
    return last**2 + np.sum(ys * np.arange(4.0))


def recurrent(x):
    def step(h, v):
        h = np.tanh(W @ h + v * x[:3])
        return h, np.sum(h) * v

    last, ys = gd.scan(step, np.zeros(3), x)
    return np.sum(last * np.arange(3.0)) + np.sum(ys**2)


def contained(x):
    def step(state, row):
        total = state["s"].total * np.cos(row["v"]) + row["r"][0]
        state = {"s": State(total, state["s"].count + 1), "p": state["p"] * row["v"]}
        return state, (total, {"c": state["s"].count * total})

    init = {"s": State(x[0], 0), "p": 1.0}
    last, (totals, rest) = gd.scan(step, init, {"v": x, "r": ROWS})
    return last["s"].total * last["p"] + np.sum(totals * rest["c"]) * last["s"].count


def backwards(x):
    last, ys = gd.scan(lambda c, v: (c * v + 0.3, c), 1.0, x, reverse=True)
    return last + np.sum(ys * np.arange(4.0) ** 2)


def counted(x):
    last, ys = gd.scan(lambda c, _: (np.sin(c) * x, np.sum(c)), x, None, length=3)
    return np.sum(last) * np.sum(ys**2)


def from_integers(x):
    last, ys = gd.scan(lambda c, v: (c * v + v, c), 0, x)
    more, _ = gd.scan(lambda c, v: (c + v * x, None), np.zeros(4, int), x)
    return last * np.sum(ys) + np.sum(more**2)


def integer_carry(x):
    def step(carry, v):
        i, total = carry
        return (i + 1, total + v * x[i] * i), i

    (_, total), places = gd.scan(step, (0, 0.0), x)
    return total * np.sum(places * x)


def integer_xs(x):
    last, ys = gd.scan(
        lambda c, i: (c + x[i] * x[(i + 1) % 4], x[i]), 0.0, np.array([2, 0, 3, 3])
    )
    return last * np.sum(ys)


def dead_carry(x):
    (a, _), _ = gd.scan(lambda c, v: ((c[0] * v, c[1] + 1.0), c[1]), (x[1], 0.0), x)
    return a


def constant_results(x):
    last, ys = gd.scan(lambda c, v: (c + v, (1.0, c, None)), 0.0, x)
    return last * np.sum(ys[0]) + np.sum(ys[1])


def nested(x):
    def outer(c, v):
        def inner(d, w):
            return np.sin(d + w * v) + c, d * c

        d, ys = gd.scan(inner, c, x)
        return d, np.sum(ys)

    last, ys = gd.scan(outer, 0.1, x)
    return last + np.sum(ys)


def scan_in_cond_in_scan(x):
    def step(c, v):
        def long(c):
            return gd.scan(lambda d, w: (d * w + v, None), c, x)[0]

        return gd.cond(v > 0, long, lambda c: c * v - 1.0, c), c

    last, ys = gd.scan(step, 0.3, x)
    return last + np.sum(ys**2)


def mapped_in_scan(x):
    def step(c, v):
        return c + np.sum(gd.vmap(lambda u: np.sin(u * v) + c)(x)), c * v

    last, ys = gd.scan(step, 0.0, x)
    return last + np.sum(ys)


def differentiated_in_scan(x):
    def step(c, v):
        return c + gd.grad(lambda u: np.sin(u * v) * u)(v + c * 0.1), c

    last, ys = gd.scan(step, 0.0, x)
    return last + np.sum(ys)


SCANS = [summed, recurrent, contained, backwards, counted, from_integers, integer_carry,
         integer_xs, dead_carry, constant_results, nested, scan_in_cond_in_scan,
         mapped_in_scan, differentiated_in_scan]  # fmt: skip


@each_order
@pytest.mark.parametrize("f", SCANS, ids=lambda f: f.__name__)
def test_a_compiled_scan_is_the_python_loop(f, order):
    fast = follows(order(f), (XS,), (XS[::-1] * 0.7,), (XS,), rtol=1e-10)
    assert fast.stats()["retraces"] == 0


def test_scan_is_a_loop():
    seen = []

    def step(total, x):
        seen.append(float(x))
        return total + x, total * x

    last, ys = gd.scan(step, 0.0, XS)
    assert (last, seen) == (1.75, XS.tolist())
    assert_same(ys, np.array([0.0, -0.5, -1.0, 0.375]))
    gd.scan(step, 0.0, XS, reverse=True)
    assert seen[4:] == XS[::-1].tolist()


def test_the_dtypes_of_carries_are_those_of_the_loop():
    single = XS.astype(np.float32)
    for init, xs in ((0, XS), (0.0, single), (np.float32(0.1), XS), (0, np.arange(4)),
                     (np.float32(0.1), single), (1j, XS), (0, XS * 1j)):  # fmt: skip
        follows(lambda c, xs: gd.scan(lambda c, x: (c + x / 3, c * x), c, xs),
                (init, xs), (init, xs * 2), rtol=1e-6)  # fmt: skip


def test_steps_none_and_one():
    f = gd.compile(lambda x: gd.scan(lambda c, v: (c + v, c), 1.0, x))
    assert f(np.zeros(0)) == (1.0, None)
    assert_same(f(np.array([2.0])), (np.float64(3.0), np.array([1.0])))


@pytest.mark.parametrize("checkpoint", [None, 3])
def test_a_scan_over_one_argument_closes_over_nodes_of_another(checkpoint):
    def f(w, x):
        def step(h, v):
            return np.tanh(w @ h + v), h @ w[0]

        last, ys = gd.scan(step, np.ones(3), x, checkpoint=checkpoint)
        return np.sum(last) + np.sum(ys**2)

    for g in (f, gd.grad(f), gd.grad(f, argnums=(0, 1))):
        follows(g, (W, ROWS), (W.T, -ROWS), rtol=1e-11)
    follows(lambda x: gd.grad(lambda w: f(w, x))(W), (ROWS,), (-ROWS,), rtol=1e-11)
    follows(gd.jacobian(gd.grad(lambda w: f(w, ROWS))), (W,), (W.T,), rtol=1e-10)
    fast = gd.compile(f)
    assert_same(
        gd.grad(fast, argnums=(0, 1))(W, ROWS), gd.grad(f, (0, 1))(W, ROWS), 1e-11
    )


def test_tracing_takes_the_same_rows_for_any_length():
    counts = []
    for n in (4, 400):
        fast = gd.compile(gd.grad(lambda x: gd.scan(
            lambda c, v: (np.sin(c + v), None), 0.0, x)[0]))  # fmt: skip
        fast(np.linspace(0.0, 1.0, n))
        counts.append(fast.stats()["programs"][0]["rows"])
    assert counts[0] == counts[1]


@pytest.mark.parametrize("compiled", [False, True])
def test_errors_of_scan(compiled):
    run = gd.compile if compiled else lambda f: f
    with pytest.raises(ShapeError, match="one length"):
        run(lambda x: gd.scan(lambda c, v: (c, v), 0.0, (x, x[:2])))(XS)
    with pytest.raises(ShapeError, match="one length"):
        run(lambda x: gd.scan(lambda c, v: (c, v), x, None))(XS)
    with pytest.raises(ShapeError, match="one length"):
        run(lambda x: gd.scan(lambda c, v: (c, v), 0.0, x, length=3))(XS)
    with pytest.raises(ShapeError, match="keep its structure"):
        run(lambda x: gd.scan(lambda c, v: (x, v), 0.0, x))(XS)
    with pytest.raises(ShapeError, match="keep its structure"):
        run(lambda x: gd.scan(lambda c, v: ((c, c), v), 0.0, x))(XS)


def test_shapes_that_differ_from_step_to_step_are_refused():
    def f(x, n):
        return gd.scan(lambda c, i: (c + np.sum(x[:i]), None), 0.0, n)[0]

    with pytest.raises(CompileError, match="differs from step to step"):
        gd.compile(f)(XS, np.arange(4))


# -------------------------------------------------------------------------------- cond


def chosen(x):
    return gd.cond(np.sum(x) > 0, lambda x: np.sum(x**3), np.prod, x)


def closed_over(x):
    a = np.sin(x)
    return gd.cond(x[0] > 0, lambda: np.sum(a * x), lambda: np.sum(a) ** 2)


def of_containers(x):
    found = gd.cond(
        x[0] > 0,
        lambda d, n: {"a": d["u"] * n, "b": (d["v"], 1.0)},
        lambda d, n: {"a": d["v"], "b": (d["u"] * d["v"], 0.0)},
        {"u": x, "v": x**2},
        3,
    )
    return np.sum(found["a"]) * np.sum(found["b"][0]) + found["b"][1]


def of_cond(x):
    return gd.cond(
        x[0] > 0,
        lambda x: gd.cond(x[1] > 0, np.sum, lambda x: x[0] ** 2, x),
        lambda x: np.sum(x * x[1]),
        x,
    )


def constants(x):
    return gd.cond(x[0] > 0, lambda x: 1, lambda x: x[1] * 1.5, x) * x[2]


CONDS = [chosen, closed_over, of_containers, of_cond, constants]


@each_order
@pytest.mark.parametrize("f", CONDS, ids=lambda f: f.__name__)
def test_a_compiled_cond_takes_the_branch_of_python(f, order):
    flipped = np.array([-1.0, 2.0, 0.5, 0.1])
    calls = [(XS,), (-XS,), (flipped,), (np.abs(XS),), (XS,)]
    fast = follows(order(f), *calls, rtol=1e-11)
    assert fast.stats()["retraces"] == 0


def test_cond_outside_compile_runs_one_branch():
    def fail():
        raise AssertionError

    assert gd.cond(True, lambda: 1.0, fail) == 1.0
    assert gd.grad(lambda x: gd.cond(x > 0, np.sin, np.exp, x))(0.0) == 1.0


def test_the_branch_that_is_not_taken_may_hold_nans():
    f = gd.grad(lambda x: gd.cond(x > 0, np.log, lambda x: 3.0 * x, x))
    follows(f, (-1.0,), (2.0,), (0.0,), (-1.0,))


def test_errors_of_cond():
    with pytest.raises(ShapeError, match=r"same (structure|shapes)"):
        gd.compile(lambda x: gd.cond(x > 0, lambda x: x, lambda x: (x, x), x))(1.0)
    with pytest.raises(ShapeError, match="same shapes"):
        gd.compile(lambda x: gd.cond(x[0] > 0, lambda x: x, np.sum, x))(XS)
