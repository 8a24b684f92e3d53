"""Integers in compiled functions: tapes hold floats, and must lose none of them."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from tests.compiler.comparing import assert_same

pytestmark = pytest.mark.skipif(not native.available(), reason="tapes need llvmlite")
TAPES = ["vm", "native"]


def counting(n, x):
    for _ in range(10):
        x = x + 0.1 * n
    return n + 1, x, n * 3 > 0


@pytest.mark.parametrize("executor", TAPES)
def test_integers_too_large_for_a_float_are_exact(executor):
    fast = gd.compile(counting, executor=executor)
    assert fast(5, 0.5) == counting(5, 0.5)
    assert fast.stats()["programs"][0]["executor"] != "numpy"
    for n in (2**53 + 1, -(2**55) - 3, 7):
        assert fast(n, 0.5) == counting(n, 0.5)
    stats = fast.stats()
    assert stats["integer_reruns"] == 1
    assert stats["programs"][0]["executor"] == "numpy"
    assert stats["programs"][0]["because"] == "integers beyond 2**53"


@pytest.mark.parametrize("executor", TAPES)
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64, np.int64])
def test_integers_wrap_around_as_numpy_has_them(executor, dtype):
    def f(n):
        return n + n, n * n > 100, np.sum(n), n.astype(np.int8), n // 3

    n = np.array([100, 77, 3], dtype)
    fast = gd.compile(f, executor=executor)
    for args in (n, n[::-1].copy()):
        assert_same(fast(args), f(args))


@pytest.mark.parametrize("executor", ["numpy", *TAPES])
def test_a_scan_of_integers_wraps_around(executor):
    def f(start, xs):
        def step(h, x):
            h = h * 31 + 7
            return h, (h > 0) * x

        return gd.scan(step, start, xs)

    fast = gd.compile(f, executor=executor)
    xs = np.linspace(0.0, 1.0, 50)
    with np.errstate(all="ignore"):
        for start in (np.int64(1), np.int64(5)):
            assert_same(fast(start, xs), f(start, xs))
            assert_same(fast(start, xs * 2), f(start, xs * 2))


@pytest.mark.parametrize("executor", TAPES)
def test_constants_too_large_for_a_float(executor):
    def f(n, x):
        return n + 2**60, n < np.array([2**62 + 1, 3]), x * 2**60

    fast = gd.compile(f, executor=executor)
    assert_same(fast(3, 0.5), f(3, 0.5))


@pytest.mark.parametrize("executor", TAPES)
def test_empty_arrays_on_tapes(executor):
    def f(x):
        return np.sum(x, axis=0), np.sum(x), np.max(x, axis=0), x * 2.0

    fast = gd.compile(f, executor=executor)
    for shape in ((5, 0), (5, 0)):
        assert_same(fast(np.ones(shape)), f(np.ones(shape)))


def test_empty_arrays_per_example():
    def f(v):
        w = v
        for _ in range(8):
            w = np.sin(w) + v
        return v[3:, None] * np.ones((1, 3)), w

    mapped = gd.vmap(f)
    x = np.ones((1000, 3))
    assert_same(gd.compile(mapped)(x), mapped(x))


def test_a_negative_exponent_of_integers_is_a_path_of_its_own():
    def f(n, x):
        return 2**n * x

    for executor in ("numpy", *TAPES):
        fast = gd.compile(f, executor=executor)
        for n in (4, -4, 3, -1):
            assert fast(n, 1.5) == f(n, 1.5)
