"""Loops and branches in native code, with what is around them: equal to NumPy."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from tests.compiler.comparing import assert_same

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

ORDERS = {
    "value": lambda f: f,
    "grad": gd.grad,
    "hessian": gd.hessian,
    "jvp": lambda f: lambda x: gd.jvp(f, (x,), (np.cos(x),)),
    "forward hessian": lambda f: gd.jacobian(
        gd.jacobian(f, mode="forward"), mode="forward"
    ),
    "vmap": lambda f: gd.vmap(lambda a: f(a * X)),
}
X = np.array([0.5, -1.0, 2.0, 0.25])
W = np.array([[2.0, 1.0, 0.2, 0.0], [1.0, 3.0, 0.5, 0.3]])


def in_native(f, *calls, rtol=1e-12):
    """Compare with the function itself; all of a call is one run of native code."""
    fast = gd.compile(f, executor="native")
    for arguments in calls:
        with np.errstate(all="ignore"):
            assert_same(fast(*arguments), f(*arguments), rtol)
    told = fast.stats()
    assert {x["executor"] for x in told["programs"]} == {"native code"}
    assert told["retraces"] == 0
    return fast


def scan_in_code(x):
    """Scan over what was computed, and compute with the result."""
    rows = np.sin(np.outer(x, np.arange(1.0, 4.0)))

    def step(c, row):
        return c * 0.5 + row, np.sum(c * row)

    last, ys = gd.scan(step, rows[0] * 2.0, rows)
    backwards, _ = gd.scan(step, last, rows[:, ::-1], reverse=True)
    return np.sum(backwards * last) + ys[-1] * ys[0]


def scan_in_scan(x):
    def inner(c, v):
        return np.tanh(c * v + x[0]), c

    def outer(c, row):
        last, ys = gd.scan(inner, c, row * x)
        return last + np.mean(ys), last * c

    last, ys = gd.scan(outer, x[1], np.linspace(0.1, 1.0, 12).reshape(3, 4))
    return last * np.sum(ys)


def while_in_scan(x):
    """Solve an equation in each step, by as many steps of Newton as that takes."""

    def root(a):
        def better(u):
            return u - (u**3 + u - a) / (3.0 * u * u + 1.0)

        return gd.while_loop(lambda u: abs(u**3 + u - a) > 1e-13, better, a)

    return gd.scan(lambda c, v: (root(c + v), None), 0.1, x)[0]


def while_of_arrays(x):
    """Iterate on arrays, more often than a column has room for at first."""

    def step(c):
        u, n = c
        return 0.97 * u + 0.02 * np.sin(W.T @ (W @ u)) * x, n + 1

    u, n = gd.while_loop(lambda c: (c[1] < 150) & (np.max(c[0]) < 9.0), step, (x, 0))
    return np.sum(u * u) * n


def while_in_while(x):
    def outer(c):
        inner = gd.while_loop(lambda d: abs(d) < 2.0 * c, lambda d: d * 1.5 + x[2], c)
        return inner * 0.9 + 0.1

    return gd.while_loop(lambda c: c < 30.0 * abs(x[2]), outer, abs(x[0]))


def long_conds(x):
    def long(c, v):
        for k in range(12):
            c = c + 0.1 * np.sin(c * v + k)
        return c

    def step(c, v):
        c = gd.cond(v > 0.0, long, lambda c, v: c - v, c, v)
        return gd.cond(c > 1.0, np.sqrt, lambda c: c * c, c), c

    last, ys = gd.scan(step, 1.5, np.concatenate([x, x * 2.0]))
    return last * np.sum(ys)


def cond_of_arrays(x):
    return np.sum(gd.cond(np.sum(x) > 1.0, lambda u: u @ u * u, lambda u: u - 1.0, x))


def cond_in_while(x):
    def step(c):
        down = gd.cond(c[0] > 2.0, lambda u: u * 0.5, lambda u: u - 0.3 * x[0], c[0])
        return down, c[1] + 1

    y, n = gd.while_loop(lambda c: c[0] > 0.5, step, (abs(x[1]) * 9.0, 0))
    return y * n


def selected_away(x):
    """Hold a nan in a branch that is not taken."""
    return gd.scan(
        lambda c, v: (c + gd.cond(v > 0.0, np.log, np.exp, v), None), 0.0, x
    )[0]


def checkpointed(x):
    def step(c, v):
        return np.sin(c) * x + v, c[0]

    last, ys = gd.scan(step, x, np.linspace(0.0, 1.0, 7), checkpoint=3)
    return np.sum(last) + np.sum(ys * ys)


def filtered(x):
    """Filter observations, with covariances and their determinants."""
    move = np.array([[1.0, 0.1], [0.0, 0.9]])

    def step(state, y):
        mean, spread, total = state
        spread = move @ spread @ move.T + np.exp(x[1]) * np.eye(2)
        whole = spread + np.eye(2) * np.exp(x[0])
        error = y - move @ mean
        gain = np.linalg.solve(whole, spread).T
        total = total + error @ np.linalg.solve(whole, error)
        total = total + np.linalg.slogdet(whole)[1]
        lower = np.linalg.cholesky(whole)
        total = total + np.trace(np.linalg.inv(lower))
        return (move @ mean + gain @ error, spread - gain @ spread, total), None

    start = np.zeros(2), np.eye(2), 0.0
    return gd.scan(step, start, np.outer(np.arange(5.0), x[2:]))[0][2]


def newton(x):
    """Solve equations by Newton's method, a matrix in each step."""

    def better(c):
        u, _ = c
        matrix = np.eye(4) + 0.1 * np.outer(np.cos(u), x)
        error = u + 0.1 * np.sin(u) @ np.eye(4) * x - x
        return u - np.linalg.solve(matrix, error), error @ error

    u, _ = gd.while_loop(lambda c: c[1] > 1e-20, better, (x, 1.0))
    return np.sum(u * u * u)


FUNCTIONS = [
    filtered, newton,
    scan_in_code, scan_in_scan, while_in_scan, while_of_arrays, while_in_while,
    long_conds, cond_of_arrays, cond_in_while, selected_away, checkpointed,
]  # fmt: skip


@pytest.mark.parametrize("order", ["value", "grad", "hessian", "jvp"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_loops_and_branches_run_in_native_code(f, order):
    in_native(ORDERS[order](f), (X,), (X * 0.7,), (X + 0.1,), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["forward hessian", "vmap"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_loops_and_branches_of_higher_orders(f, order):
    whole = ORDERS[order](f)
    args = (np.linspace(0.5, 1.5, 3),) if order == "vmap" else (X,)
    fast = gd.compile(whole, executor="native")
    for _ in range(2):
        assert_same(fast(*args), whole(*args), 1e-9)


@pytest.mark.parametrize("order", ["value", "grad", "hessian"])
def test_no_step_one_step_and_many(order):
    def f(x):
        return (
            gd.while_loop(lambda c: abs(c) < 8.0, lambda c: c * 1.5 + 0.1 * x, x) ** 2
        )

    in_native(ORDERS[order](f), (0.3,), (7.0,), (9.0,), (1e-9,), (np.nan,), rtol=1e-9)


def test_a_nan_is_looked_into_by_the_function_itself():
    def f(x):
        def step(c, v):
            return c + np.where(v > 0, np.sqrt(v), 0.0), None

        return gd.scan(step, 0.0, x)[0]

    fast = in_native(gd.grad(f), (np.array([1.0, 4.0, 9.0]),))
    x = np.array([1.0, 0.0, -1.0])
    with np.errstate(all="ignore"):
        assert_same(fast(x), gd.grad(f)(x))
    assert fast.stats()["nan_reruns"] == 1


def test_a_singular_matrix_in_a_step_is_numpys_error():
    def f(a, x):
        return gd.scan(lambda c, v: (c + np.sum(np.linalg.inv(a * v)), None), 0.0, x)[0]

    a, x = np.eye(2) * 3.0, np.array([1.0, 2.0])
    fast = in_native(f, (a, x))
    with pytest.raises(np.linalg.LinAlgError):
        fast(a, np.array([1.0, 0.0]))

    def g(a, x):  # the branch that fails is not taken
        return gd.scan(lambda c, v: (c + gd.cond(
            v > 0.5, lambda v: np.sum(np.linalg.inv(a * v)), lambda v: v, v), None),
            0.0, x)[0]  # fmt: skip

    in_native(g, (a, np.array([1.0, 0.0])))


def test_a_loop_that_only_an_error_ends_ends():
    def f(a, x):
        return gd.while_loop(
            lambda c: np.logical_not(c > 1.0), lambda c: c * np.sum(np.linalg.inv(a)), x
        )

    fast = in_native(f, (np.eye(2) * 0.5, 0.1))
    with pytest.raises(np.linalg.LinAlgError):
        fast(np.zeros((2, 2)), 0.1)


def test_integers_beyond_floats_stay_exact():
    def f(n, x):
        return gd.while_loop(
            lambda c: c[1] > 0.5, lambda c: (c[0] * 3, c[1] - 1.0), (n, x)
        )[0]

    fast = gd.compile(f, executor="native")
    assert fast(1, 3.0) == 27
    assert fast(1, 36.0) == 3**36


def test_loops_of_arrays_and_numbers_of_other_classes():
    def f(x, n):
        def step(c, v):
            total, some, count = c
            return (total + v * count, some | (v > 1.0), count + n), some

        (total, some, count), ys = gd.scan(step, (0.0, False, 0), x)
        return total, some, count, ys

    in_native(f, (X, 2), (-abs(X), 3))


def test_more_in_a_body_than_a_function_holds():
    """Let a body call others: its code is too long for one function."""

    def f(x):
        def step(c, v):
            for k in range(60):
                c = np.sin(c * v[:, None] + k) + c.T * 0.1
            return c, None

        c = np.outer(np.sin(np.arange(16.0)), np.cos(np.arange(16.0))) * x[0]
        return np.sum(gd.scan(step, c, np.linspace(0.0, 1.0, 48).reshape(3, 16))[0])

    in_native(f, (X,))


def test_columns_are_freed_with_the_program(monkeypatch):
    freed = []
    from chainrule.compiler.tape import workspaces

    real = workspaces.free_all

    def free_all(words, places):
        freed.append([bool(words[i]) for i in places])
        real(words, places)

    monkeypatch.setattr(workspaces, "free_all", free_all)
    fast = in_native(gd.grad(while_of_arrays), (X,))
    del fast
    gc.collect()
    assert freed
    assert all(map(any, freed))


def test_calls_in_many_threads_have_their_own_memory():
    from concurrent.futures import ThreadPoolExecutor

    whole = gd.grad(while_of_arrays)
    fast = in_native(whole, (X,))
    inputs = [X * (1.0 + 0.01 * i) for i in range(24)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(fast, inputs))
    for x, y in zip(inputs, found, strict=True):
        assert_same(y, whole(x), 1e-9)


def summed(x, w):
    """A carry is only added to: each step of the derivative adds an outer product."""

    def step(c, _):
        return np.tanh(w @ c), None

    return np.sum(gd.scan(step, x, None, length=6)[0] ** 2)


def exchanged(x, w):
    def step(s, _):
        a, b = s
        return (b * w[0], a + 0.1 * b), a[::50]

    (a, b), ys = gd.scan(step, (np.repeat(x, 20), np.repeat(x, 20) + 1), None, length=5)
    return np.sum(a * b) + np.sum(ys)


def shown(x, w):
    """What is shown of a carry is read after the carry has been changed."""

    def step(c, _):
        d = c * 0.9 + w * 0.1
        return d, np.reshape(c, (-1,))[:5] * d[0, :5]

    c, ys = gd.scan(step, w, None, length=5)
    return np.sum(c**2) + np.sum(ys) + np.sum(x)


def until(x, w):
    def step(s):
        a, b = s
        return 0.5 * a + 0.3 * np.roll(b, 1, axis=0) * w, b * 0.9

    a, b = gd.while_loop(lambda s: np.max(np.abs(s[0])) > 0.05, step, (w, w + x))
    return np.sum(a * a) + np.sum(b)


@pytest.mark.parametrize("f", [summed, exchanged, shown, until])
def test_carries_that_calls_change_in_place(f):
    rng = np.random.default_rng(2)
    x, w = rng.uniform(0.1, 0.9, 30), rng.uniform(-0.2, 0.2, (30, 30))
    if f is exchanged:
        w = rng.uniform(0.5, 1.0, (2, 600))
    derived = gd.value_and_grad(f, (0, 1))
    fast = gd.compile(derived, executor="native")
    for sign in (1.0, -1.0, 1.0):
        (value, slopes), (expected, others) = fast(x, sign * w), derived(x, sign * w)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        for a, e in zip(slopes, others, strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-13)
    assert fast.stats()["programs"][0]["numpy_rows"] == {}
