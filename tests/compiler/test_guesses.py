"""Loops that count their steps: none is taken in a trace, and few on NumPy."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.control.loops import While
from chainrule.compiler.executors import costs
from chainrule.compiler.native import llvm as native

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
