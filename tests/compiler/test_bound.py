"""Bound calls: arrays that are read and written in place."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm
from chainrule.errors import ArgumentError

EXECUTORS = ["auto", "numpy", *(["vm", "native"] if llvm.available() else [])]
each_executor = pytest.mark.parametrize("executor", EXECUTORS)


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


@each_executor
@pytest.mark.parametrize("n", [10, 3_000])
def test_it_reads_and_writes_in_place(executor, n):
    fast = gd.compile(gd.value_and_grad(rosenbrock), executor=executor)
    x = np.linspace(0.0, 1.0, n)
    bound = fast.bind(x)
    _, gradient = bound()
    for _ in range(50):
        x -= 1e-4 * gradient
        value, again = bound()
        expected = gd.value_and_grad(rosenbrock)(x)
        assert again is gradient
        assert type(value) is np.float64
        np.testing.assert_allclose(value, expected[0])
        np.testing.assert_allclose(gradient, expected[1], rtol=1e-9, atol=1e-12)
    (program,) = fast.stats()["programs"]
    assert program["calls"] == 51


@each_executor
def test_containers_keywords_and_numbers(executor):
    fast = gd.compile(
        lambda p, *, scale: {"w": p["w"] * scale, "c": p["w"] > 1, "b": p["b"] + 1},
        executor=executor,
    )
    p = {"w": np.arange(3.0), "b": 2.0}
    bound = fast.bind(p, scale=np.array(2.0))
    first = bound()
    p["w"] += 1.0
    p["b"] = 5.0  # the dict is another one by now: numbers stay
    second = bound()
    assert second["w"] is first["w"]
    assert second["c"] is first["c"]
    assert second["w"].tolist() == [2.0, 4.0, 6.0]
    assert second["c"].tolist() == [False, True, True]
    assert second["b"] == 3.0
    assert list(second) == ["w", "c", "b"]


@each_executor
def test_constants_and_arguments_among_results_are_not_written_through(executor):
    fast = gd.compile(lambda x: (x, np.ones(3), x[1:]), executor=executor)
    x = np.arange(3.0)
    bound = fast.bind(x)
    for z in bound():
        z[...] = 7.0
    assert x.tolist() == [0.0, 1.0, 2.0]
    assert [z.tolist() for z in bound()] == [[0, 1, 2], [1, 1, 1], [1, 2]]


@each_executor
def test_a_guard_that_fails_goes_another_way(executor):
    def f(x):
        return x * 2 if x[0] > 0 else np.stack([x, x])

    fast = gd.compile(f, executor=executor)
    x = np.ones(2)
    bound = fast.bind(x)
    for sign in (1.0, 1.0, -1.0, -1.0, 1.0, -1.0):
        x[...] = sign
        np.testing.assert_array_equal(bound(), f(x))
    assert fast.stats()["retraces"] == 1


@each_executor
def test_a_nan_is_answered_by_the_function(executor):
    f = gd.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)))
    fast = gd.compile(f, executor=executor)
    x = np.array([4.0, 1.0])
    bound = fast.bind(x)
    before = bound()
    x[1] = 0.0
    assert bound().tolist() == [0.25, 0.0]
    assert bound() is before
    assert fast.stats()["nan_reruns"] == 2
    x[1] = 4.0
    assert bound().tolist() == [0.25, 0.25]


@each_executor
def test_writes_into_arguments_stay_inside(executor):
    def f(x):
        x[1:] *= 2.0
        return x

    x = np.arange(6.0)[::2]
    bound = gd.compile(f, executor=executor).bind(x)
    for _ in range(3):
        assert bound().tolist() == [0.0, 4.0, 8.0]
        assert x.tolist() == [0.0, 2.0, 4.0]


@each_executor
def test_two_bound_calls_and_ordinary_ones_do_not_mix(executor):
    fast = gd.compile(lambda x: x + 1, executor=executor)
    x, y = np.zeros(2), np.ones(2)
    first, second = fast.bind(x), fast.bind(y)
    a, b, c = first(), second(), fast(x + 5)
    assert (a.tolist(), b.tolist(), c.tolist()) == ([1, 1], [2, 2], [6, 6])


@each_executor
def test_errors_are_the_functions_own(executor):
    fast = gd.compile(lambda x, n: x * (6 // n), executor=executor)
    with pytest.raises(ZeroDivisionError):
        fast.bind(np.ones(2), 0)()
    assert fast.bind(np.ones(2), 2)().tolist() == [3.0, 3.0]


@each_executor
@pytest.mark.parametrize("n", [2, 3_000])
def test_a_function_that_catches_an_error_returns_something_else(executor, n):
    def f(x, k):
        try:
            return x * np.linalg.inv(k)[0, 0], x + 1
        except np.linalg.LinAlgError:
            return x[:1], k, x

    fast = gd.compile(f, executor=executor)
    x, k = np.ones(n), np.eye(2)
    bound = fast.bind(x, k)
    for divisor in (2, 2, 0, 3, 0, 0, 2, 2):
        k[0, 0] = divisor
        for a, b in zip(bound(), f(x, k), strict=True):
            np.testing.assert_array_equal(a, b)


def test_results_of_numpy_are_computed_in_place():
    fast = gd.compile(lambda x: (x * 2, x * 2, np.reshape(x + 1, (2, -1)), x))
    x = np.arange(10_000.0)
    bound = fast.bind(x)
    for _ in range(4):
        results = bound()
        for a, b in zip(results, fast(x), strict=True):
            np.testing.assert_array_equal(a, b)
        for i, z in enumerate(results):
            z[...] = -1.0
            assert all(w is z or not np.shares_memory(w, z) for w in results[:i])
        x += 1.0
    assert results[0] is bound()[0]


def test_static_arguments():
    fast = gd.compile(lambda x, n: x**n, static=("n",))
    x = np.array([3.0])
    assert fast.bind(x, n=2)().tolist() == [9.0]
    assert fast.bind(x, 3)().tolist() == [27.0]


def test_a_shape_that_is_changed_later_does_not_matter():
    x = np.arange(6.0)
    bound = gd.compile(lambda x: np.sum(x, axis=0)).bind(x)
    x.shape = (2, 3)
    assert bound() == 15.0


def test_nodes_are_refused():
    fast = gd.compile(np.sin)
    with pytest.raises(ArgumentError, match="bind received a node"):
        fast.bind(gd.node(np.ones(2)))
    with pytest.raises(ArgumentError, match="bind received a node"):
        gd.compile(lambda x: fast.bind(x)())(np.ones(2))
