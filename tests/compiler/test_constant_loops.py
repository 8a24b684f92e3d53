"""Loops and maps of constants whose bodies close over what is traced: one row each."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from tests.compiler.comparing import follows

XS = np.linspace(0.0, 1.0, 300)
ROWS = 60
"""Rows that a trace of any of these loops stays below; unrolled they are thousands."""


def scanned(theta):
    def step(c, x):
        return np.tanh(c * theta + x), c * c

    last, ys = gd.scan(step, 0.0, XS)
    return last + np.sum(ys * XS)


def backwards(theta):
    def step(c, x):
        return c * theta + x, c

    last, ys = gd.scan(step, 0.1, XS, reverse=True)
    return last + np.sum(ys * XS)


def in_segments(theta):
    def step(c, x):
        return np.tanh(c * theta + x), c

    last, ys = gd.scan(step, 0.0, XS, checkpoint=17, reverse=True)
    return last + np.sum(ys * XS)


def with_a_dict(theta):
    def step(c, x):
        return {"a": c["a"] * theta + x, "n": c["n"] + 1}, {"y": c["a"]}

    last, ys = gd.scan(step, {"a": 0.0, "n": 0}, XS)
    return last["a"] + np.sum(ys["y"]) * last["n"]


def without_inputs(theta):
    return np.sum(gd.scan(lambda c, _: (c + theta, c), 0.0, None, 300)[1])


def nested(theta):
    def outer(c, x):
        def inner(d, y):
            return d * 0.9 + theta * y, None

        d, _ = gd.scan(inner, 0.0, XS[:20])
        return c + d * x, d

    last, ys = gd.scan(outer, 0.0, XS)
    return last + np.sum(ys)


def over_a_step(theta):
    def outer(c, x):
        d, _ = gd.scan(lambda d, y: (d * 0.9 + x * y, None), 0.0, XS[:20])
        return c + d * theta, d

    last, ys = gd.scan(outer, 0.0 * theta, XS)
    return last + np.sum(ys)


def inside_a_gradient(theta):
    def inner(a):
        return gd.scan(lambda c, x: (np.sin(c * theta) + x * a, None), 0.0, XS)[0]

    return gd.grad(inner)(2.0)


def with_a_branch(theta):
    def step(a, x):
        return gd.cond(x > 0.5, lambda a: a * theta, lambda a: a + x, a), None

    return gd.scan(step, 1.0, XS)[0]


def while_counted(theta):
    def body(c):
        return c[0] + 1, np.sin(c[1]) + theta

    return gd.while_loop(lambda c: c[0] < 500, body, (0, 0.0))[1]


def mapped(theta):
    def one(x):
        return np.sin(theta * x) * gd.grad(lambda t: t**2 * theta)(x)

    return np.sum(gd.vmap(one)(XS))


def mapped_over_scans(theta):
    def one(x):
        return gd.scan(lambda c, t: (c * x + theta * t, None), 0.0, XS[:50])[0]

    return np.sum(gd.vmap(one)(XS[:100]))


def counted_from_zero(theta):
    """The first steps return constants only."""

    def step(c, x):
        return c + 1, 1.0 if c < 3 else theta * x

    return np.sum(gd.scan(step, 0, XS)[1])


LOOPS = [
    scanned, backwards, in_segments, with_a_dict, without_inputs, nested, over_a_step,
    inside_a_gradient, with_a_branch, while_counted, mapped, mapped_over_scans,
]  # fmt: skip


@pytest.mark.parametrize("f", LOOPS)
@pytest.mark.parametrize("transform", ["value", "grad", "second", "forward"])
def test_they_are_traced_as_loops(f, transform):
    def pushed(x):
        return gd.jvp(f, (x,), (1.0,))[1]

    g = {"value": f, "grad": gd.grad(f), "second": gd.grad(gd.grad(f)),
         "forward": pushed}[transform]  # fmt: skip
    if transform == "second" and f in (inside_a_gradient, nested):
        pytest.skip("seconds of uncompiled work")
    fast = follows(g, (0.3,), (-0.4,), rtol=1e-10)
    (program,) = fast.stats()["programs"]
    assert program["rows"]["traced"] < (4 if transform == "second" else 2) * ROWS


def test_bodies_that_decide_on_what_is_plain_go_on_in_python():
    table = [1.0, 2.0, 3.0, 4.0, 5.0]

    def looked_up(theta):
        return np.sum(gd.scan(lambda i, _: (i + 1, table[i] * theta), 0, None, 5)[1])

    def chosen(theta):
        return np.sum(gd.vmap(lambda x: theta if x > 0.5 else theta * x)(XS[:10]))

    def constant(theta):
        step = lambda c, x: (c + x if x > 0.5 else c, None)  # noqa: E731
        return theta * gd.scan(step, 0.0, XS)[0]

    for f in (looked_up, chosen, constant, counted_from_zero):
        follows(gd.grad(f), (0.3,), (-0.4,))


def test_decisions_on_what_is_closed_over_are_guards():
    def f(theta):
        def step(c, x):
            return (c + theta * x if theta > 0 else c - 2 * theta * x), None

        return gd.scan(step, 0.0, XS)[0]

    fast = follows(gd.grad(f), (0.3,), (-0.4,), (0.5,))
    assert fast.stats()["retraces"] == 1


def test_integers_stay_integers():
    follows(lambda n: gd.scan(lambda c, x: (c + n, c * n), 0, np.arange(9)), (3,), (4,))
