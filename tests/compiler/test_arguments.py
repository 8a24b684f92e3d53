"""Arguments of any class: compiled as eager, or refused with the cause and the way."""

from __future__ import annotations

import collections
import os

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.errors import ArgumentError
from tests.compiler.comparing import assert_same, follows

# ------------------------------------------------------ integers, booleans, complex


TRANSFORMS = {
    "grad": gd.grad,
    "value and grad": gd.value_and_grad,
    "hessian": gd.hessian,
    "jacobian": gd.jacobian,
    "elementwise grad": gd.elementwise_grad,
    "jvp": lambda f: lambda x: gd.jvp(f, (x,), (x,)),
    "vjp": lambda f: lambda x: gd.vjp(f, x)[1](1),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("x", [3, True, 2.5, np.int64(3), np.True_])
def test_whole_numbers_are_differentiated_as_floats(transform, x):
    follows(transform(lambda x: x**3 + x), (x,))


@pytest.mark.parametrize("executor", ["numpy", "native", "vm"])
def test_whole_numbers_on_every_executor(executor):
    if executor in ("native", "vm") and not native.available():
        pytest.skip("needs chainrule[fast]")
    follows(gd.hessian(lambda x: x**3 + x), (3,), (4,), executor=executor)


@pytest.mark.parametrize("argnums", [0, 1, (0, 1)])
@pytest.mark.parametrize("point", [(3, 2.0), (3.0, 2), (3, 2), (True, 2)])
def test_a_whole_number_among_several_arguments(argnums, point):
    follows(gd.grad(lambda x, y: x**2 * y, argnums), point)


@pytest.mark.parametrize("kind", [np.float32, np.complex64, np.complex128, int, bool])
@pytest.mark.parametrize("x", [3, True, 2.5, 1 + 2j])
def test_a_python_number_in_another_dtype(kind, x):
    if type(x) is complex and np.dtype(kind).kind != "c":
        pytest.skip("NumPy warns of the imaginary part")
    for f in (lambda x: np.astype(x, kind), lambda x: x.astype(kind)):
        for fastmath in (False, True):
            found = gd.compile(f, fastmath=fastmath)(x)
            assert_same(found, np.asarray(x).astype(kind)[()])


COMPLEX = {
    "base": lambda y: np.real((1 + 1j) ** y),
    "exponent": lambda y: np.real(y ** (1 + 1j)),
    "order": lambda y: np.where((y + 1j * y) > 0, np.real(y * y), np.imag(y)),
    "orders": lambda y: np.where((1j * y <= y) & (y < 3j), np.real(y), np.imag(y)),
    "sorted": lambda y: np.real(y if 1j * y >= y else y * y),
}


@pytest.mark.parametrize("f", COMPLEX.values(), ids=COMPLEX)
@pytest.mark.parametrize("y", [1 + 2j, 2.0, np.float64(2.0), np.complex128(1 - 2j)])
@pytest.mark.parametrize("executor", ["auto", "numpy"])
def test_complex_numbers_are_ordered_as_numpy_does(f, y, executor):
    follows(gd.grad(f), (y,), executor=executor)


@pytest.mark.parametrize("divisor", [0, 0.0, False])
@pytest.mark.parametrize("x", [1.0, np.ones(2), np.float32(1.0)])
def test_a_division_by_a_constant_zero(divisor, x):
    def f(x):
        return np.sum(x / divisor)

    with np.errstate(all="ignore"):
        assert np.all(gd.grad(f)(x) == np.inf)
        assert np.all(gd.compile(gd.grad(f))(x) == np.inf)
        assert np.all(gd.jvp(f, (x,), (x,))[1] == np.inf)
    follows(gd.grad(f), (x,))


def test_a_carry_that_starts_as_a_complex_number():
    def last(xs, start=1j):
        def step(c, x):
            return c * x + 1j, c

        return gd.scan(step, start, xs)

    def size(xs):
        end, ys = last(xs)
        return np.real(end * np.conj(end)) + np.sum(np.abs(ys))

    xs = np.array([0.5, 2.0, -1.5])
    for f in (last, gd.grad(size), gd.hessian(size)):
        follows(f, (xs,), (xs + 1,))
    follows(gd.grad(lambda xs, c: np.real(last(xs, c)[0]), 1), (xs, 1 + 1j), (xs, 2j))


# ----------------------------------------------------------------- neither of these


def test_a_memmap_is_an_array(tmp_path):
    made = np.memmap(tmp_path / "x", dtype=float, mode="w+", shape=(3,))
    made[:] = [1.0, 2.0, 3.0]
    for f in (lambda x: x * 2.0, gd.grad(lambda x: np.sum(x**2))):
        fast = gd.compile(f)
        assert_same(fast(made), f(np.asarray(made)))
        assert_same(fast(np.asarray(made)), f(np.asarray(made)))
        assert len(fast.stats()["programs"]) == 1


CONSTANTS = {
    "set": (lambda s, x: sum(sorted(s)) * x, [{1, 2}, {1.0, 2.0}, {1, 2}, {3}]),
    "frozenset": (lambda s, x: (x, [type(v) is int for v in s]),
                  [frozenset({1}), frozenset({1.0}), frozenset()]),
    "slice": (lambda s, x: np.arange(5.0)[s] * x, [slice(0, 2), slice(0, 3), slice(2)]),
    "bytearray": (lambda s, x: s[0] * x, [bytearray(b"a"), bytearray(b"b")]),
    "range": (lambda s, x: sum(s) * x, [range(3), range(4)]),
}  # fmt: skip


@pytest.mark.parametrize(("f", "values"), CONSTANTS.values(), ids=CONSTANTS)
def test_a_constant_is_part_of_the_kind(f, values):
    fast = gd.compile(f)
    for s in [*values, *values]:
        assert repr(fast(s, 2.0)) == repr(f(s, 2.0))
    assert fast.stats()["programs"][0]["arguments"] == [repr(values[0]), "float"]


class Frame:
    """Something like a table of pandas: it has columns, and cannot be hashed."""

    __hash__ = None

    def __array__(self, dtype=None, copy=None):
        return np.ones((2, 2))


class Odd(np.ndarray):
    """An array of another class than NumPy's."""


class Unhashable:
    __hash__ = None


REFUSED = {
    "Counter": (collections.Counter(a=2), r"received Counter.*dict\(x\)"),
    "UserDict": (collections.UserDict(a=2.0), r"received UserDict.*dict\(x\)"),
    "matrix": (np.ones((1, 1)).view(np.matrix), "received matrix.*np.asarray"),
    "masked array": (np.ma.array([1.0]), "MaskedArray.*filled"),
    "records": (np.rec.array([(1.0,)], dtype=[("a", float)]), "recarray"),
    "other array": (np.ones(2).view(Odd), "received Odd.*np.asarray"),
    "table": (Frame(), "received Frame.*np.asarray"),
    "object": (Unhashable(), "received Unhashable.*__hash__"),
    "in a list": ([1.0, Unhashable()], "received Unhashable.*__hash__"),
}


@pytest.mark.parametrize(("x", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_is_named(x, message):
    for f in (lambda x, y: y * 2.0, gd.grad(lambda x, y: y * 2.0, 1)):
        fast = gd.compile(f)
        with pytest.raises(ArgumentError, match=message) as caught:
            fast(x, 2.0)
        assert "static" not in str(caught.value)


def test_arguments_that_are_not_given_are_not_given_beside_static_ones():
    def power(x, n, scale=2.0):
        return x**n * scale

    for f in (power, gd.vmap(power, in_axes=(0, None))):
        fast = gd.compile(f, static=("n",))
        x = np.array([1.0, 2.0])
        np.testing.assert_array_equal(fast(x, 3), f(x, 3))
        np.testing.assert_array_equal(fast(x, n=3), f(x, 3))


def test_a_static_list_is_named():
    fast = gd.compile(lambda x, n: x * len(n), static=("n",))
    with pytest.raises(ArgumentError, match=r"static argument 'n'.*list.*tuple"):
        fast(2.0, [1, 2])
    assert fast(2.0, (1, 2)) == 4.0


# ------------------------------------------------------------------ threads, processes


def test_a_trace_may_wait_for_another_thread_that_traces():
    from concurrent.futures import ThreadPoolExecutor

    square = gd.compile(lambda x: x * x)

    def f(x):
        with ThreadPoolExecutor(1) as pool:
            return x * pool.submit(square, 3.0).result(timeout=20)

    assert gd.compile(f)(2.0) == 18.0
    assert gd.compile(gd.grad(f))(2.0) == 9.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded")
def test_a_fork_while_another_thread_traces():
    import gc
    import threading

    tracing, done = threading.Event(), threading.Event()

    def slow(x):
        tracing.set()
        done.wait(20)
        return x * x

    other = threading.Thread(target=gd.compile(gd.grad(slow)), args=(2.0,))
    other.start()
    tracing.wait(20)
    child = os.fork()
    if child == 0:
        try:
            import signal

            signal.alarm(20)
            found = gd.compile(gd.grad(lambda x: x**3))(2.0)
            os._exit(0 if found == 12.0 and gc.isenabled() else 1)
        finally:
            os._exit(2)
    status = os.waitpid(child, 0)[1]
    done.set()
    other.join()
    assert status == 0
