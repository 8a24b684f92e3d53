"""while_loop: Python's own outside compile, and one program for any count inside."""

from __future__ import annotations

import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.control.loops import Pass
from chainrule.errors import CompileError, ShapeError
from tests.compiler.comparing import assert_same, follows

XS = np.array([0.5, -1.0, 2.0, 0.25])
W = np.array([[2.0, 1.0, 0.2], [1.0, 3.0, 0.5], [0.1, 0.5, 1.0]])


def summed(f):
    return lambda *args: np.sum(f(*args) ** 2)


ORDERS = {
    "value": lambda f: f,
    "grad": gd.grad,
    "value_and_grad": gd.value_and_grad,
    "hessian": gd.hessian,
    "jvp": lambda f: lambda x: gd.jvp(f, (x,), (np.cos(x),)),
    "vjp": lambda f: lambda x: gd.vjp(f, x)[1](3.0),
    "hvp": lambda f: lambda x: gd.hvp(f, x, np.sin(x)),
    "jvp of grad": lambda f: lambda x: gd.jvp(gd.grad(f), (x,), (np.cos(x),)),
    "grad of jvp": lambda f: gd.grad(
        lambda x: gd.jvp(f, (x,), (np.cos(x),))[1]
    ),
    "grad of grad": lambda f: gd.grad(summed(gd.grad(f))),
    "third": lambda f: gd.grad(summed(gd.grad(summed(gd.grad(f))))),
    "forward hessian": lambda f: gd.jacobian(
        gd.jacobian(f, mode="forward"), mode="forward"
    ),
}  # fmt: skip
each_order = pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)


class State(NamedTuple):
    total: object
    count: object


def heron(a):
    x, n = gd.while_loop(
        lambda c: abs(c[0] * c[0] - a) > 1e-9 * a,
        lambda c: ((c[0] + a / c[0]) / 2, c[1] + 1),
        (a, 0),
    )
    return x * n


def heron_from_one(a):
    """Start from a number: that the loop depends on the argument shows in its test."""
    return gd.while_loop(
        lambda x: abs(x * x - a) > 1e-12 * a, lambda x: (x + a / x) / 2, 1.0
    )


def bisected(a):
    """Solve x**3 + x = a by halving an interval, and end with a step of Newton."""

    def halved(state):
        low, high, i = state
        x = (low + high) / 2
        above = x**3 + x > a
        return np.where(above, low, x), np.where(above, x, high), i + 1

    low, high, i = gd.while_loop(
        lambda state: state[1] - state[0] > 1e-3, halved, (-abs(a), abs(a), 0)
    )
    x = (low + high) / 2
    return (x - (x**3 + x - a) / (3 * x**2 + 1)) * i


def counted(n):
    """Take as many steps as the argument says."""
    return gd.while_loop(
        lambda c: c[1] < n, lambda c: (np.sin(c[0]) * n + 0.1, c[1] + 1), (n, 0.0)
    )[0]


def linear(x):
    """Take steps that are the same everywhere: a sweep reads no carry."""
    return gd.while_loop(lambda c: abs(c) < 100.0, lambda c: 3.0 * c + x, x) ** 2


def contained(x):
    def step(s):
        total = s["s"].total * np.cos(x) + s["w"][0]
        return {"s": State(total, s["s"].count + 1), "w": s["w"] * 0.9}

    init = {"s": State(x * x, 0), "w": np.array([1.0, 2.0])}
    last = gd.while_loop(lambda s: s["w"][0] > abs(x), step, init)
    return last["s"].total * last["s"].count + np.sum(last["w"] ** 2)


def nested(x):
    def outer(c):
        inner = gd.while_loop(lambda d: abs(d) < 2.0 * c, lambda d: d * 1.5 + x, c)
        return inner * 0.9 + 0.1

    return gd.while_loop(lambda c: c < 30.0 * x, outer, abs(x))


def differentiated(x):
    """Step by a derivative of a function of what is closed over."""

    def step(c):
        return c - 0.2 * gd.grad(lambda u: (u * u - x) ** 2 / 4)(c)

    return gd.while_loop(lambda c: abs(c * c - x) > 1e-4, step, 1.0 + 0.1 * x)


NUMBERS = {
    heron: (2.0, 100.0, 1e-4, 1.0),
    heron_from_one: (2.0, 50.0, 1.0, 1e-3),
    bisected: (2.0, 0.3, 9.0, 1e-4),
    counted: (2.5, 0.5, 6.5, -1.0),
    linear: (2.0, 0.01, 500.0),
    contained: (0.5, 0.9, 0.2, 1.5),
    nested: (0.7, 0.2, 1.3),
    differentiated: (0.5, 1.5, 2.5),
}


@pytest.mark.thinned(2)
@each_order
@pytest.mark.parametrize("f", NUMBERS, ids=lambda f: f.__name__)
def test_a_compiled_while_is_the_python_loop(f, order):
    calls = [(x,) for x in NUMBERS[f]]
    fast = follows(order(f), *calls, rtol=1e-8)
    assert fast.stats()["retraces"] == 0
    assert fast.stats()["nan_reruns"] == 0


@pytest.mark.parametrize("f", NUMBERS, ids=lambda f: f.__name__)
def test_a_program_that_was_traced_for_no_steps_takes_any_number(f):
    order, xs = ORDERS["jvp of grad"], NUMBERS[f][::-1]
    fast = follows(order(f), *[(x,) for x in xs], rtol=1e-8)
    assert fast.stats()["retraces"] == 0


def leading(m):
    """Find the largest eigenvector of a matrix by powers of it."""

    def step(c):
        w = m @ c[0]
        return w / np.sqrt(np.sum(w * w)), c[0], c[2] + 1

    start = m[0] / np.sqrt(np.sum(m[0] ** 2))
    v, _, n = gd.while_loop(
        lambda c: np.sum((c[0] - c[1]) ** 2) > 1e-8, step, (start, 0.0 * start, 0)
    )
    return v @ m @ v * np.sum(v**3) * n


def inverted(m):
    """Invert a matrix by Newton's iteration: the carry is a matrix."""
    start = m.T / np.sum(m * m)
    x = gd.while_loop(
        lambda x: np.max(np.abs(x @ m - np.eye(3))) > 1e-9,
        lambda x: 2 * x - x @ m @ x,
        start,
    )
    return np.sum(np.sin(x))


MATRICES = [k for k in ORDERS if k not in ("third", "forward hessian")]


@pytest.mark.parametrize("order", MATRICES)
@pytest.mark.parametrize("f", [leading, inverted], ids=lambda f: f.__name__)
def test_a_carry_of_arrays(f, order):
    calls = [(W,), (W.T @ W,), (np.diag([1.0, 2.0, 4.0]) + 0.1 * W,)]
    fast = follows(ORDERS[order](f), *calls, rtol=1e-7)
    assert fast.stats()["retraces"] == 0


def doubling(x):
    return gd.while_loop(lambda c: np.sum(c) < 100.0, lambda c: c * 2 + x, x)


def test_jacobians():
    calls = [(np.abs(XS),), (np.full(4, 200.0),), (np.full(4, 1e-3),)]
    for mode in ("forward", "reverse"):
        follows(gd.jacobian(doubling, mode=mode), *calls)
    follows(gd.jacobian(gd.jacobian(lambda x: doubling(x + np.sin(x) ** 2))), *calls)


def test_many_seeds_of_a_pass_run_at_once():
    def f(x):
        return np.sum(doubling(x + np.sin(x) ** 2) ** 2)

    calls = [(np.abs(XS),), (np.full(4, 200.0),)]
    fast = follows(gd.hessian(f), *calls, rtol=1e-10)
    assert "each_" not in gd.program(fast)
    follows(gd.jacobian(gd.hessian(f)), *calls, rtol=1e-9)
    follows(gd.vmap(gd.hessian(f)), (np.outer([1.0, 0.1, 30.0], np.abs(XS)),))


def test_no_steps_are_the_identity():
    def f(x, y):
        return gd.while_loop(lambda c: np.sum(c) > 1e9, lambda c: np.sin(c) * y, x)

    fast = gd.compile(gd.grad(summed(f), argnums=(0, 1)))
    of_x, of_y = fast(XS, 3.0)
    assert_same(of_x, 2 * XS)
    assert_same(of_y, 0.0)


def test_integers_and_what_no_step_changes():
    def f(x):
        kept, n, total = gd.while_loop(
            lambda c: c[1] < 5,
            lambda c: (c[0], c[1] + 2, c[2] + c[0] * c[1]),
            (x, np.int64(1), np.zeros(4, int)),
        )
        return np.sum(total * kept) * n

    for order in ("grad", "hessian", "jvp of grad"):
        follows(ORDERS[order](f), (XS,), (-XS,))


def test_single_precision_and_complex_carries():
    def f(x):
        last = gd.while_loop(
            lambda c: np.sum(np.abs(c)) < 50.0, lambda c: c * (1.5 + 0.1 * x), x
        )
        return np.sum(np.abs(last) ** 2)

    single = np.array([1.5, 2.5], np.float32)
    follows(gd.grad(f), (single,), (single * 3,), rtol=1e-5)
    follows(gd.grad(f), (XS * (1.0 + 0.5j),), (XS * 1j,), rtol=1e-10)


def test_carries_in_buffers():
    def f(x):
        y = np.sin(x) * 2.0
        last = gd.while_loop(lambda c: np.max(c) < 20.0, lambda c: c * 1.5 + y * c, y)
        return np.sum(np.cos(last) * y)

    xs = np.linspace(0.1, 1.5, 5000)
    for order in ("value_and_grad", "hvp"):
        follows(ORDERS[order](f), (xs,), (xs / 2,), (xs,), rtol=1e-9)


def test_a_loop_closes_over_nodes_of_another_function():
    def f(w, x):
        return np.sum(
            gd.while_loop(lambda h: np.sum(h) < 9.0, lambda h: w @ h + np.exp(h), x)
        )

    x = np.array([0.1, 0.2, 0.3])
    for g in (f, gd.grad(f), gd.grad(f, argnums=(0, 1))):
        follows(g, (W, x), (W.T, 2 * x), (W, x + 9.0), rtol=1e-11)
    follows(lambda x: gd.grad(lambda w: f(w, x))(W), (x,), (2 * x,), rtol=1e-11)
    mixed = gd.jacobian(gd.grad(f), 1)
    follows(mixed, (W, x), (W.T, 2 * x), rtol=1e-10)
    fast = gd.compile(f)
    assert_same(gd.grad(fast, (0, 1))(W, x), gd.grad(f, (0, 1))(W, x), 1e-11)


def test_a_loop_closes_over_one_of_several_results():
    def f(m):
        sign, size = np.linalg.slogdet(m)
        q = np.linalg.eigh(m @ m.T)
        c = gd.while_loop(
            lambda c: c < 20.0, lambda c: c * 1.1 + size * sign + q[0][0], 1.0 + size
        )
        return c * c

    for order in ("grad", "hvp", "grad of grad"):
        follows(ORDERS[order](f), (W,), (W + np.eye(3),), rtol=1e-8)


# ------------------------------------------------------------- in other control flow


def in_scan(x):
    def step(c, v):
        y = gd.while_loop(lambda d: abs(d) < 2.0, lambda d: d * 1.7 + v * c, c)
        return np.sin(y), y * v

    last, ys = gd.scan(step, 0.3, x)
    return last + np.sum(ys**2)


def in_cond(x):
    def grown(x):
        return gd.while_loop(lambda c: np.sum(c * c) < 50.0, lambda c: 1.3 * c + x, x)

    return np.sum(gd.cond(x[0] > 0, grown, np.sin, x) ** 2)


def around_scan_and_cond(x):
    def step(c):
        c = gd.scan(lambda d, v: (d * 1.1 + v * v, None), c, x)[0]
        return gd.cond(c > 5.0, lambda c: c * 1.5, lambda c: c * c + 0.5, c)

    return gd.while_loop(lambda c: c < 40.0, step, np.sum(x**2) * 0.1)


def in_vmap(x):
    def one(v):
        return gd.while_loop(
            lambda c: abs(c) < 10.0, lambda c: c * (1.5 + 0.1 * v * v) + v, v
        )

    return np.sum(gd.vmap(one)(x) ** 2)


def shared_in_vmap(x):
    def one(v):
        return gd.while_loop(
            lambda c: np.sum(c) < 10.0, lambda c: c * (1.3 + 0.1 * v * v) + x * x, x
        )

    return np.sum(gd.vmap(one)(x) ** 2)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("order", MATRICES)
@pytest.mark.parametrize(
    "f",
    [in_scan, in_cond, around_scan_and_cond, in_vmap, shared_in_vmap],
    ids=lambda f: f.__name__,
)
def test_in_other_control_flow(f, order):
    run = ORDERS[order](f)
    fast = follows(run, (XS,), (XS[::-1] * 0.8,), (-XS,), rtol=1e-8)
    assert fast.stats()["retraces"] == 0


def pulled_in_scan(x):
    """Pull cotangents through a finished while in each step: it hands on columns."""
    pullback = gd.vjp(doubling, x)[1]
    last, _ = gd.scan(lambda c, v: (c * 0.3 + pullback(c * v)[0] * 0.01, None), x, x)
    return np.sum(last * x)


def pulled_in_while(x):
    pullback = gd.vjp(doubling, x)[1]
    return np.sum(
        gd.while_loop(
            lambda c: c[1] < 3,
            lambda c: (c[0] * 0.3 + pullback(np.sin(c[0]))[0] * 0.05, c[1] + 1),
            (x, 0),
        )[0]
    )


def pulled_in_cond(x):
    pullback = gd.vjp(doubling, x)[1]
    y = gd.cond(
        x[0] > 0.5,
        lambda v: pullback(v)[0] * v,
        lambda v: pullback(np.sin(v))[0],
        x,
    )
    return np.sum(y)


def pulled_in_vmap(x):
    pullback = gd.vjp(doubling, x)[1]
    return np.sum(gd.vmap(lambda v: pullback(np.sin(v * x))[0])(np.eye(4) + 0.2))


def scan_around_while_in_vmap(x):
    def one(v):
        pullback = gd.vjp(doubling, v * x)[1]
        return gd.scan(lambda c, u: (np.sin(c * u) + pullback(c)[0], None), v, x)[0]

    return np.sum(gd.vmap(one)(np.array([[1.0, 0.5, 2.0, 0.1], [0.2, 0.4, 0.6, 1.0]])))


@pytest.mark.thinned(2)
@pytest.mark.parametrize("order", ["grad", "hessian", "hvp", "jvp of grad"])
@pytest.mark.parametrize(
    "f",
    [
        pulled_in_scan,
        pulled_in_while,
        pulled_in_cond,
        pulled_in_vmap,
        scan_around_while_in_vmap,
    ],
    ids=lambda f: f.__name__,
)
def test_sweeps_of_a_while_in_other_control_flow(f, order):
    calls = [(np.abs(XS) + 0.3,), (np.abs(XS[::-1]) * 0.8 + 0.1,)]
    fast = follows(ORDERS[order](f), *calls, rtol=1e-8)
    assert fast.stats()["retraces"] == 0


def test_many_tangents_of_a_while_run_at_once():
    fast = follows(gd.jacobian(doubling, mode="forward"), (np.abs(XS),), (XS + 9.0,))
    assert "each_" not in gd.program(fast)


def test_many_examples_with_the_vm():
    xs = np.linspace(0.5, 3.0, 300)
    per_example = gd.vmap(gd.grad(heron_from_one))
    assert_same(gd.compile(per_example)(xs), per_example(xs), 1e-10)
    few = xs[:4]  # the last bit of a number grows with every step
    follows(gd.grad(in_scan), (few,), (few / 2,), rtol=1e-8, executor="auto")


@pytest.mark.parametrize("executor", ["numpy", "vm", "native"])
def test_every_executor_runs_it(executor):
    pytest.importorskip("llvmlite")
    follows(gd.hessian(heron), (2.0,), (50.0,), rtol=1e-8, executor=executor)


# ----------------------------------------------------------------- what a loop keeps


def passes(fast):
    """Return the loops of the program that a function ran last."""
    known = next(iter(fast.signatures.values()))
    rows = known.paths[-1].program.rows
    return [row.function for row in rows if isinstance(row.function, Pass)]


def test_a_loop_keeps_only_what_a_sweep_reads():
    for order in ("value", "jvp", "forward hessian"):
        fast = gd.compile(ORDERS[order](heron))
        fast(2.0)
        assert [x.stored for x in passes(fast) if any(x.stored)] == []
    fast = gd.compile(gd.grad(heron))
    fast(2.0)
    forward, back = passes(fast)
    assert forward.stored == [True, False]
    assert not any(back.stored)
    fast = gd.compile(gd.grad(linear))
    fast(2.0)
    assert not any(any(x.stored) for x in passes(fast))


def test_memory_does_not_grow_with_the_steps_of_a_forward_loop():
    def f(x, n):
        return np.sum(
            gd.while_loop(lambda c: c[1] < n, lambda c: (np.sin(c[0]), c[1] + 1.0),
                          (x, 0.0))[0]
        )  # fmt: skip

    def peak(fast):
        fast(x, 2.0)
        tracemalloc.start()
        fast(x, 100.0)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    x = np.linspace(0.0, 1.0, 10_000)
    assert peak(gd.compile(f, executor="numpy")) < 10 * x.nbytes
    forward = gd.compile(lambda x, n: gd.jvp(f, (x, n), (x, 0.0)), executor="numpy")
    assert peak(forward) < 20 * x.nbytes
    backward = gd.compile(gd.grad(f), executor="numpy")
    assert 90 * x.nbytes < peak(backward) < 130 * x.nbytes


def test_a_gradient_takes_each_step_once():
    fast = gd.compile(gd.value_and_grad(heron))
    fast(2.0)
    assert [x.__name__ for x in passes(fast)] == ["while_loop", "while_loop_back"]


# ------------------------------------------------------------ checks, text, errors


def test_a_nan_of_a_sweep_is_looked_into():
    def f(x):
        return gd.while_loop(
            lambda c: c[1] < 3,
            lambda c: (c[0] + np.where(c[0] > 0, np.sqrt(c[0]), 0.0), c[1] + 1),
            (x, 0),
        )[0]

    fast = follows(gd.grad(f), (4.0,), (0.0,), (-1.0,))
    assert fast.stats()["nan_reruns"] == 2


def test_text():
    fast = gd.compile(gd.hessian(inverted))
    expected = fast(W)
    text = gd.program(fast)
    assert "while_loop_again" in text
    assert "# a column of steps" in text
    source = gd.source(fast)
    space = dict(source.constants)
    exec(source, space)
    assert_same(space["inverted"](W), expected)


def test_while_outside_compile_is_a_loop():
    seen = []

    def step(c):
        seen.append(c)
        return c * 3

    assert gd.while_loop(lambda c: c < 10, step, 1) == 27
    assert seen == [1, 3, 9]
    assert gd.grad(heron)(2.0) == pytest.approx(4 / (2 * np.sqrt(2.0)), rel=1e-6)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_carry_keeps_its_structure(compiled):
    run = gd.compile if compiled else lambda f: f
    with pytest.raises(ShapeError, match="keep its structure"):
        run(lambda x: gd.while_loop(lambda c: c < 3, lambda c: (c, c), x))(1.0)


def test_a_body_that_branches_is_refused():
    def step(c):
        return c * 2 if c > 1.0 else c + 1

    with pytest.raises(CompileError, match=r"np\.where or gd\.cond"):
        gd.compile(lambda x: gd.while_loop(lambda c: c < 9.0, step, x))(0.5)
