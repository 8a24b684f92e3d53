"""Loops that count their steps, or take long: no step is taken in a trace."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.control.loops import Loop, While
from chainrule.compiler.executors import costs
from chainrule.compiler.native import llvm as native
from chainrule.compiler.tape.scan_tape import TapeLoop
from chainrule.errors import CompileError

needs_llvm = pytest.mark.skipif(not native.available(), reason="needs llvmlite")


def root(a):
    return gd.while_loop(
        lambda x: abs(x * x - a) > 1e-12, lambda x: 0.5 * (x + a / x), a
    )


def nested(a):
    return gd.while_loop(lambda x: x < 100.0, lambda x: x + root(x + a), a)


def scanned(a):
    return gd.scan(lambda c, _: (root(c + a), c), a, None, 4)[0]


def chosen(a):
    return gd.cond(a > 1.0, lambda: root(a), lambda: nested(a))


LOOPS = [root, nested, scanned, chosen]
DERIVED = [
    gd.grad,
    lambda f: gd.jacobian(gd.jacobian(f, mode="forward"), mode="forward"),
    lambda f: gd.jacobian(gd.grad(f), mode="forward"),
    lambda f: gd.grad(gd.jacobian(f, mode="forward")),
]


@pytest.mark.parametrize("f", LOOPS)
@pytest.mark.parametrize("derived", DERIVED)
def test_no_step_is_taken_in_a_trace(f, derived, monkeypatch):
    wanted = [derived(f)(x) for x in (2.0, 0.7)]
    fast = gd.compile(derived(f), executor="native" if native.available() else "auto")
    with monkeypatch.context() as patched:
        if native.available():
            patched.setattr(While, "_run", None)
        found = [fast(x) for x in (2.0, 0.7)]
    np.testing.assert_allclose(found, wanted, rtol=1e-11)
    assert len(fast.stats()["programs"]) == 1


@needs_llvm
@pytest.mark.parametrize("f", LOOPS)
@pytest.mark.parametrize("derived", DERIVED)
def test_a_loop_that_takes_long_goes_over_to_native_code(f, derived, monkeypatch):
    monkeypatch.setattr(costs, "making_seconds", lambda _: 0.0)
    fast = gd.compile(derived(f))
    found = [fast(x) for x in (2.0, 0.7, 2.0, 2.0)]
    wanted = [derived(f)(x) for x in (2.0, 0.7, 2.0, 2.0)]
    np.testing.assert_allclose(found, wanted, rtol=1e-11)
    (ran,) = fast.stats()["programs"]
    assert ran["executor"] == "native code"


@needs_llvm
def test_a_loop_that_takes_long_and_has_no_tape_stays(monkeypatch):
    monkeypatch.setattr(costs, "making_seconds", lambda _: 0.0)

    def f(x):
        return gd.while_loop(lambda c: c[0] < 9.0, lambda c: np.sort(c) + x, x)

    x = np.array([3.0, 1.0, 2.0])
    fast = gd.compile(f)
    for _ in range(3):
        np.testing.assert_allclose(fast(x), f(x))
    (ran,) = fast.stats()["programs"]
    assert ran["executor"] == "numpy"
    assert ran["settled"]


def test_a_loop_that_takes_long_in_several_threads(monkeypatch):
    monkeypatch.setattr(costs, "making_seconds", lambda _: 0.0)
    fast, points = gd.compile(gd.grad(nested)), np.linspace(0.5, 3.0, 24)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(fast, points))
    np.testing.assert_allclose(found, [gd.grad(nested)(x) for x in points], rtol=1e-11)


@needs_llvm
def test_what_took_long_for_the_example_is_native_at_once(monkeypatch):
    monkeypatch.setattr(costs, "TRACING", 0.0)
    monkeypatch.setattr(costs, "making_seconds", lambda _: 0.0)

    def f(x):
        return np.sum(np.tanh(x) * np.exp(-x) + x[::-1])

    x = np.linspace(0.0, 1.0, 5000)
    fast = gd.compile(gd.grad(f))
    np.testing.assert_allclose(fast(x), gd.grad(f)(x), rtol=1e-11)
    (ran,) = fast.stats()["programs"]
    assert ran["executor"] == "native code"


# ------------------------------------------------------------- decisions on results


def by_sign(a):
    r = root(a)
    return 3.0 * r if r > 1.0 else r * r


def by_shape(a):
    r = root(a)
    x = np.arange(5.0) * a
    return np.sum(x[x < r])


def by_count(a):
    n = gd.while_loop(lambda n: n * a < 7.0, lambda n: n + 1, 1)
    total = a
    for _ in range(int(n)):
        total = total * a
    return total


def by_error(a):
    m = gd.while_loop(
        lambda m: m[0, 0] < 3.0, lambda m: m + a * np.eye(2), np.zeros((2, 2)) * a
    )
    return np.sum(np.linalg.inv(m))


def in_python(a):
    n = gd.while_loop(lambda n: n * a < 7.0, lambda n: n + 1, 0)
    try:
        return a * (10 // n)
    except ZeroDivisionError:
        return a


def beside(a):
    return (root(a) if a > 1.0 else a) + root(2.0 * a)


@pytest.mark.parametrize(
    "f", [by_sign, by_shape, by_count, by_error, in_python, beside]
)
def test_what_is_decided_on_a_result_is_decided_on_the_true_one(f):
    for derived in (lambda f: f, gd.grad, lambda f: gd.jacobian(f, mode="forward")):
        fast = gd.compile(derived(f))
        for x in (2.5, 0.6, 1.7, 2.5):
            np.testing.assert_allclose(fast(x), derived(f)(x), rtol=1e-11)


def test_an_error_that_every_trace_meets_is_raised():
    def f(a):
        raise KeyError(root(a).shape)

    with pytest.raises(KeyError):
        gd.compile(f)(2.0)


# ------------------------------------------------------- scans that take long on NumPy


def long_scan(a, xs):
    c, ys = gd.scan(lambda c, x: (np.sin(c) * a + x, c * c), 0.5, xs)
    return np.sum(ys) + c


def long_scan_of_arrays(a, xs):
    def step(carry, x):
        (m, p), k = carry
        m = np.linalg.solve(np.eye(2) + p, m + a * x)
        return ((m, 0.5 * np.tanh(p @ p) + np.eye(2)), k + 1), (m, k)

    init = (np.ones(2), np.eye(2)), 0
    ((m, _), _), (ys, ks) = gd.scan(step, init, xs)
    return np.sum(ys[:, 0] * ks) + np.sum(m)


XS = np.linspace(-1.0, 1.0, 3000)


@pytest.mark.parametrize("f", [long_scan, long_scan_of_arrays])
@pytest.mark.parametrize("derived", DERIVED)
def test_the_steps_of_a_long_scan_are_taken_once_in_the_first_call(
    f, derived, monkeypatch
):
    wanted = [derived(lambda a: f(a, XS))(x) for x in (0.9, 0.3)]
    monkeypatch.setattr(costs, "making_seconds", lambda _: 1e9)
    runs: list[object] = []
    plain = Loop._run_steps

    def counted(self, *given):
        runs.append(self)
        return plain(self, *given)

    monkeypatch.setattr(Loop, "_run_steps", counted)
    fast = gd.compile(derived(lambda a: f(a, XS)))
    np.testing.assert_allclose(fast(0.9), wanted[0], rtol=1e-10)
    assert runs
    assert len(runs) == len(set(runs))
    np.testing.assert_allclose(fast(0.3), wanted[1], rtol=1e-10)
    assert len(fast.stats()["programs"]) == 1


def test_a_decision_on_what_a_long_scan_returns_is_that_of_its_values():
    def f(a, xs):
        total = long_scan(a, xs)
        return total if total > 3000.0 else -a * total

    fast = gd.compile(gd.value_and_grad(f))
    for a in (0.9, 0.3, 0.9, 0.2):
        np.testing.assert_allclose(fast(a, XS), gd.value_and_grad(f)(a, XS), rtol=1e-10)
    assert len(fast.stats()["programs"]) == 2


@pytest.mark.parametrize("executor", ["auto", "numpy"])
def test_an_error_of_a_late_step_is_raised_where_the_scan_is_called(executor):
    xs = np.ones((400, 2, 2)) + np.eye(2)
    xs[300] = 1.0  # is singular

    def inverses(a, xs):
        return gd.scan(lambda c, x: (np.linalg.inv(a * x) @ c * 0.9, None), xs[0], xs)

    def caught(a, xs):
        try:
            last, _ = inverses(a, xs)
        except np.linalg.LinAlgError:
            return a * 7.0
        return np.sum(last)

    fast = gd.compile(gd.grad(caught), executor=executor)
    assert fast(1.0, xs) == 7.0
    assert fast(1.0, xs) == 7.0
    with pytest.raises(np.linalg.LinAlgError):
        gd.compile(lambda a, xs: inverses(a, xs)[0], executor=executor)(1.0, xs)


@pytest.mark.parametrize("start", [0.5, np.float64(0.5), 1, np.float32(0.5)])
def test_results_of_a_long_scan_are_of_the_class_that_each_call_returns(start):
    def f(x):
        return gd.scan(lambda c, v: (c * 0.5 + v, c), x, XS)

    fast = gd.compile(f, executor="numpy")
    first, second = fast(start), fast(start)
    assert type(first[0]) is type(second[0])
    assert first[1].dtype == second[1].dtype
    np.testing.assert_allclose(first[1], f(start)[1], rtol=1e-6)


@needs_llvm
def test_a_long_scan_becomes_native_with_what_is_around_it_alone(monkeypatch):
    monkeypatch.setattr(costs, "making_seconds", lambda _: 0.0)
    monkeypatch.setattr(TapeLoop, "hasten", None)
    fast = gd.compile(gd.grad(long_scan))
    wanted = [gd.grad(long_scan)(x, XS) for x in (0.9, 0.3, 0.9, 0.3, 0.9)]
    found = [fast(x, XS) for x in (0.9, 0.3, 0.9, 0.3, 0.9)]
    np.testing.assert_allclose(found, wanted, rtol=1e-10)
    (ran,) = fast.stats()["programs"]
    assert ran["executor"] == "native code"
    assert [loop["executor"] for loop in ran["loops"]] == ["native code"] * 2


@needs_llvm
def test_a_long_loop_without_a_tape_stays_when_its_time_is_up(monkeypatch):
    monkeypatch.setattr(costs, "making_seconds", lambda _: 1e-3)

    def f(x, xs):
        return np.sum(gd.scan(lambda c, v: (np.sort(c) + v, None), x, xs)[0])

    x, xs = np.array([3.0, 1.0, 2.0]), np.ones(2000)
    fast = gd.compile(f)
    for _ in range(3):
        np.testing.assert_allclose(fast(x, xs), f(x, xs))
    (ran,) = fast.stats()["programs"]
    assert ran["executor"] == "numpy"
    assert ran["settled"]


def test_shapes_that_differ_from_step_to_step_of_a_long_scan_are_refused():
    def f(x, n):
        return gd.scan(lambda c, i: (c + np.sum(x[:i]), None), 0.0, n)[0]

    x, n = np.arange(9.0), np.arange(2000) % 9
    with pytest.raises(CompileError, match="differs from step to step"):
        gd.compile(f)(x, n)
    fast = gd.compile(f)
    assert fast(x, np.full(2000, 3)) == f(x, np.full(2000, 3))
    assert fast(x, np.full(2000, 5)) == f(x, np.full(2000, 5))
    assert fast(x, np.full(2000, 3)) == f(x, np.full(2000, 3))
    with pytest.raises(CompileError, match="differs from step to step"):
        fast(x, n)
