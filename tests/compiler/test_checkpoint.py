"""scan with checkpoint: the same results, fewer carries; what loops do not store."""

from __future__ import annotations

import functools
import tracemalloc
from typing import Any

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.control import scan as scans
from chainrule.compiler.control.loops import Scan
from chainrule.compiler.executors import costs, running
from chainrule.errors import ArgumentError, ShapeError
from tests.compiler.comparing import ORDERS, assert_same, follows

XS = np.array([0.5, -1.0, 2.0, 0.25, 0.75, -0.3, 1.1])
ROWS = np.arange(21.0).reshape(7, 3) / 9 - 1.0
W = np.array([[0.3, -0.2, 0.5], [0.1, 0.7, -0.4], [0.2, 0.2, 0.1]])

EACH = {
    **ORDERS,
    "third": lambda f: gd.grad(lambda x: np.sum(gd.grad(gd.grad(lambda s: f(s * x)))(
        1.0) * x)),
}  # fmt: skip


def summed(scan, x):
    last, ys = scan(lambda c, v: (np.sin(c) + v * c, c * v), 0.5, x)
    return last**2 + np.sum(ys * np.arange(1.0 * len(x)))


def recurrent(scan, x):
    def step(h, v):
        h = np.tanh(W @ h + v * x[:3])
        return h, np.sum(h) * v

    last, ys = scan(step, np.zeros(3), x)
    return np.sum(last * np.arange(3.0)) + np.sum(ys**2)


def contained(scan, x):
    def step(state, row):
        total = state["t"] * np.cos(row["v"]) + row["r"][0]
        state = {"t": total, "n": state["n"] + 1, "p": (state["p"][0] * row["v"],)}
        return state, (total, None, {"c": state["n"] * total})

    init = {"t": x[0], "n": 0, "p": (1.0,)}
    last, (totals, _, rest) = scan(step, init, {"v": x, "r": ROWS})
    return last["t"] * last["p"][0] + np.sum(totals * rest["c"]) * last["n"]


def backwards(scan, x):
    last, ys = scan(lambda c, v: (c * v + 0.3, c), 1.0, x, reverse=True)
    return last + np.sum(ys * np.arange(1.0 * len(x)) ** 2)


def counted(scan, x):
    last, ys = scan(lambda c, _: (np.sin(c) * x, c), x, None, length=len(x))
    return np.sum(last) * np.sum(ys**2)


def counted_backwards(scan, x):
    last, _ = scan(lambda c, _: (np.sin(c) * x, None), x, None, len(x), reverse=True)
    return np.sum(last)


def from_integers(scan, x):
    last, ys = scan(lambda c, v: (c * v + v, c), 0, x)
    more, _ = scan(
        lambda c, v: (c + v * x, None), np.zeros(len(x), int), x, reverse=True
    )
    return last * np.sum(ys) + np.sum(more**2)


def without_carry(scan, x):
    _, ys = scan(lambda c, v: (c, np.sin(v) * x), None, x)
    return np.sum(ys**2)


def nested(scan, x):
    def outer(c, v):
        d, ys = scan(lambda d, w: (np.sin(d + w * v) + c, d * c), c, x)
        return d, np.sum(ys)

    last, ys = scan(outer, 0.1, x)
    return last + np.sum(ys)


FUNCTIONS = [summed, recurrent, contained, backwards, counted, counted_backwards,
             from_integers, without_carry]  # fmt: skip


@pytest.mark.thinned(2)
@pytest.mark.parametrize("order", EACH.values(), ids=EACH)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_segments_change_no_result(f, order):
    scan = functools.partial(gd.scan, checkpoint=3)
    g = order(functools.partial(f, scan))
    fast = follows(g, (XS,), (XS[::-1] * 0.7,), rtol=1e-9)
    assert fast.stats()["retraces"] == 0


@pytest.mark.parametrize("checkpoint", [None, False, 0, 1, 6, 7, 8, np.int64(4)])
def test_segments_of_any_length(checkpoint):
    scan = functools.partial(gd.scan, checkpoint=checkpoint)
    for f in (summed, backwards, counted, nested):
        g = gd.grad(functools.partial(f, scan))
        follows(g, (XS,), (-XS,), (XS[:6],), rtol=1e-10)
        fast = gd.compile(functools.partial(f, scan))
        plain = gd.compile(functools.partial(f, gd.scan))
        assert_same(fast(XS), plain(XS))


def test_segments_without_steps():
    f = gd.compile(lambda x: gd.scan(lambda c, v: (c + v, c), 1.0, x, checkpoint=2))
    assert f(np.zeros(0)) == (1.0, None)
    assert f(np.ones(5))[0] == 6.0


def test_shapes_without_entries():
    def f(x):
        last, ys = gd.scan(lambda c, v: (c + np.sum(v), v), 0.0, x, checkpoint=2)
        return last, ys

    follows(f, (np.zeros((5, 0)),), (np.zeros((4, 0, 2)),))


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("wrong", [-1, 2.0, True, "all", (3,)])
def test_what_is_no_number_of_steps_is_refused(wrong, compiled):
    run = gd.compile if compiled else lambda f: f
    with pytest.raises(ArgumentError, match="checkpoint= the number of steps"):
        run(lambda x: gd.scan(lambda c, v: (c, v), 0.0, x, checkpoint=wrong))(XS)


def test_a_carry_that_changes_is_refused_in_segments():
    with pytest.raises(ShapeError, match="keep its structure"):
        gd.compile(lambda x: gd.scan(lambda c, v: (x, v), 0.0, x, checkpoint=2))(XS)


# ------------------------------------------------------------------------------ memory


def peak(f: Any, *arguments: Any) -> int:
    """Return the most bytes that a first and a second call hold."""
    tracemalloc.start()
    try:
        f(*arguments)
        f(*arguments)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("order", [1, 2])
def test_memory_is_that_of_a_segment(order, reverse):
    x, first = np.linspace(0.1, 0.9, 600), np.linspace(0.0, 1.0, 2000)

    def derivative(checkpoint):
        def f(s):
            last, _ = gd.scan(lambda c, v: (np.sin(c) * v, None), first * s, x,
                              reverse=reverse, checkpoint=checkpoint)  # fmt: skip
            return np.sum(last)

        # Making native code takes memory of its own.
        g = gd.grad(f) if order == 1 else gd.grad(gd.grad(f))
        return gd.compile(g, executor="numpy")

    most = peak(derivative(0), 0.9)
    assert most > 600 * first.nbytes
    assert peak(derivative(25), 0.9) < most / 4


def loops_of(program: Any) -> list[Any]:
    """Return the scans of a program and of their bodies."""
    found: list[Any] = []
    for row in program.rows:
        if isinstance(row.function, Scan):
            found += [row.function, *loops_of(row.function.body.program)]
    return found


def compiled_loops(f: Any, *arguments: Any) -> list[Any]:
    fast = gd.compile(f)
    fast(*arguments)
    return loops_of(fast.newest()[1].program)


def test_carries_that_no_sweep_reads_are_not_stored():
    def last(x):
        return gd.scan(lambda c, v: (np.sin(c) * v, c), 0.5, x)[0]

    assert [loop.stored for loop in compiled_loops(last, XS)] == [[False, False]]
    forward, back = compiled_loops(gd.grad(last), XS)
    assert forward.stored == [False, True]
    assert back.stored == [True, False]


def test_the_sums_of_cotangents_are_not_kept():
    weights = np.linspace(-0.1, 0.1, 40_000).reshape(200, 200)

    def f(w, x):
        return np.sum(gd.scan(lambda c, v: (w @ c * v, None), np.ones(200), x)[0])

    x = np.linspace(0.1, 0.9, 80)
    for g in (gd.grad(f), lambda w, x: gd.jvp(gd.grad(f), (w, x), (w, x))[1]):
        fast = gd.compile(g)
        assert_same(fast(weights, x), g(weights, x))
        fast = gd.compile(g, executor="numpy")
        assert peak(fast, weights, x) < 50 * weights.nbytes


def test_xs_that_a_body_does_not_read_need_no_carries():
    def last(x):  # the derivative of c + v needs neither of them
        return gd.scan(lambda c, v: (c + v, None), 0.0, x)[0] * x[0]

    (back,) = (
        loop for loop in compiled_loops(gd.grad(last), XS) if loop.stored[0] is True
    )
    assert back.stored == [True, False]
    follows(gd.grad(last), (XS,), (-XS,))


def test_by_default_segments_begin_above_a_size(monkeypatch):
    def steps():
        found = compiled_loops(gd.grad(functools.partial(summed, gd.scan)), XS)
        return [loop.count for loop in found]

    assert steps() == [7, 7]
    monkeypatch.setattr(scans, "KEPT", 7 * 8)
    assert steps() == [7, 7]
    monkeypatch.setattr(scans, "KEPT", 7 * 8 - 1)
    assert sorted(set(steps())) == [1, 2, 3]
    follows(gd.grad(functools.partial(summed, gd.scan)), (XS,), (-XS,), rtol=1e-10)


def test_the_executor_is_chosen_by_all_steps_of_all_segments(monkeypatch):
    pytest.importorskip("llvmlite")
    asked = []
    monkeypatch.setattr(costs, "stepping_seconds", lambda _, steps: steps)
    monkeypatch.setattr(
        running.Running, "_take", lambda self, seconds: asked.append(seconds)
    )
    found = compiled_loops(functools.partial(summed, functools.partial(
        gd.scan, checkpoint=3)), XS)  # fmt: skip
    for loop in found:
        _ = loop.running
    assert sorted(asked) == [1, 6]  # the scan over segments has no form on a tape


def test_scans_in_segments_of_many_examples():
    def last(x):
        return gd.scan(lambda c, v: (np.sin(c) * v, c), 0.5, x, checkpoint=2)[0]

    xs = np.stack([XS, -XS, XS * 0.3])
    follows(gd.vmap(last), (xs,), (-xs,))
    follows(gd.vmap(gd.grad(last)), (xs,), (-xs,), rtol=1e-10)


@pytest.mark.parametrize("on_tape", [False, True])
def test_xs_that_are_not_read_may_be_of_any_shape(monkeypatch, on_tape):
    if on_tape:
        pytest.importorskip("llvmlite")
    monkeypatch.setattr(
        running, "why_not_on_tape", lambda *_: "" if on_tape else "not now"
    )

    def f(x):
        last, _ = gd.scan(lambda c, v: (0.5 * c + v, None), np.zeros(3), x)
        return np.sum(last * np.arange(3.0))

    fast = follows(gd.grad(f), (ROWS,), (-ROWS,))
    (back,) = loops_of(fast.newest()[1].program)
    assert (back.running.loop is not None) == on_tape
