"""Deferred values: large arrays of a trace are computed when Python asks for them."""

from __future__ import annotations

import operator
import tracemalloc

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.tracing import deferred as module
from chainrule.compiler.tracing.deferred import Deferred, deferred
from chainrule.operations_grad.indexing import unindex


@pytest.fixture
def computed(monkeypatch):
    """The functions that were run for an example, where all arrays count as large."""
    functions = []
    compute = Deferred._compute

    def noted(self):
        functions.append(self._call[0])
        compute(self)

    monkeypatch.setattr(module, "LARGE", 1)
    monkeypatch.setattr(Deferred, "_compute", noted)
    return functions


def nearest(centroids, points):
    gaps = points[:, None] - centroids
    return np.sum(np.min(np.sum(gaps * gaps, axis=2), axis=1)) / len(points)


def test_a_derivative_computes_no_value_for_the_example(computed):
    rng = np.random.default_rng(1)
    points, centroids = rng.random((30, 2)), rng.random((4, 2))
    fast = gd.compile(gd.grad(nearest))
    np.testing.assert_allclose(
        fast(centroids, points), gd.grad(nearest)(centroids, points), rtol=1e-12
    )
    assert not computed


def test_transforms_compute_no_value_for_the_example(computed):
    x = np.cos(np.arange(35.0)).reshape(5, 7)

    def f(x):
        z = np.fft.rfft(np.sin(x), 9, norm="ortho")
        y = np.fft.irfft(z * (1.0 + 2.0j), n=8)
        return np.sum(np.abs(np.fft.ifft(y * y, axis=0)) ** 2)

    fast = gd.compile(f)
    np.testing.assert_allclose(fast(x), f(x), rtol=1e-12)
    assert not computed
    with pytest.raises(ValueError, match="data points"):
        gd.compile(lambda x: np.fft.rfft(np.sin(x), n=0))(x)


def test_a_decision_computes_what_it_depends_on(computed):
    def f(x):
        y = np.exp(x)
        z = np.sin(x)
        return np.sum(y * z) if np.max(y) > 2.0 else np.sum(y - z)

    fast = gd.compile(f)
    for x in (np.linspace(0.0, 1.0, 9), np.linspace(-1.0, 0.0, 9)):
        np.testing.assert_allclose(fast(x), f(x), rtol=1e-13)
    assert set(computed) == {np.exp, np.max, np.greater}


def most_memory(f, x):
    """Return the most memory that a call holds at a time, in bytes."""
    tracemalloc.start()
    try:
        f(x)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_was_read_for_the_last_time_gives_its_memory_back():
    def f(x):
        for _ in range(20):
            x = np.sin(x)
        return x if np.max(x) > -2.0 else -x

    x = np.linspace(0.0, 1.0, module.LARGE)
    fast = gd.compile(f, executor="numpy")
    assert most_memory(fast, x) < 5 * x.nbytes


def test_numpy_gives_up_what_no_row_reads_any_more():
    def f(x):
        for _ in range(20):
            x = np.concatenate([x[1:], x[:1]]) * x
        return np.sum(x)

    x = np.linspace(0.9, 1.1, module.LARGE)
    fast = gd.compile(f, executor="numpy")
    assert most_memory(fast, x) < 8 * x.nbytes


def test_a_chain_of_any_length_is_computed(computed):
    def f(x):
        for _ in range(3000):
            x = x + 1.0
        return x if np.max(x) > 0.0 else -x

    np.testing.assert_array_equal(gd.compile(f)(np.zeros(2)), 3000.0)
    assert len(computed) == 3002


def test_an_error_that_the_function_asks_for_is_raised_there(computed):
    def f(x):
        with np.errstate(divide="raise"):
            try:
                return 1.0 / x
            except FloatingPointError:
                return x - 1.0

    np.testing.assert_array_equal(gd.compile(f)(np.zeros(3)), -1.0)


def test_writes_into_views_of_deferred_arrays(computed):
    def f(x):
        y = 2.0 * x
        column, corner = y.T[0], y[1:, 1:]
        column[...] = 5.0
        corner *= corner
        y[0] += np.sum(column)
        return y, column, corner

    x = np.arange(12.0).reshape(3, 4)
    for found, expected in zip(gd.compile(f)(x), f(x), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_an_array_that_changes_is_read_as_it_was(computed):
    def f(x):
        weights, total = np.zeros(3), 0.0 * x
        for i in range(3):
            weights[:] = i
            total = np.where(x > 0.0, total + weights * x, total)
        return total if np.max(total) > 0.0 else x

    x = np.arange(3.0)
    np.testing.assert_array_equal(gd.compile(f)(x), f(x))


X = np.arange(12.0).reshape(3, 4)
N = np.arange(4)


@pytest.mark.parametrize(
    ("function", "args", "given"),
    [
        (np.add, (X, N), {}),
        (np.multiply, (np.float32(2.0), X.astype(np.float32)), {}),
        (np.multiply, (2.5, N), {}),
        (np.greater, (X, 1.0), {}),
        (np.where, (X > 1.0, X, 0), {}),
        (np.power, (X, 2), {}),
        (np.matmul, (X, X.T), {}),
        (np.matmul, (X, N), {}),
        (np.matmul, (N, X.T), {}),
        (np.matmul, (N, 1.0 * N), {}),
        (np.matmul, (N, np.ones((2, 4, 3))), {}),
        (np.matmul, (np.ones((2, 1, 3, 4)), np.ones((5, 4, 2), np.float32)), {}),
        (np.sum, (X > 1.0,), {"axis": (0, -1)}),
        (np.sum, (X,), {"axis": None, "keepdims": True}),
        (np.mean, (N,), {}),
        (np.add.reduce, (X,), {}),
        (np.maximum.reduce, (X, 1), {"keepdims": True, "dtype": None}),
        (np.concatenate, ((X, X[:1].astype(np.float32), N[None]),), {}),
        (np.concatenate, ((X, X), -1), {}),
        (operator.getitem, (X, (slice(None, None, -2), None, 1)), {}),
        (operator.getitem, (X, ...), {}),
        (np.reshape, (X, (3, 1, -1)), {}),
        (np.broadcast_to, (X, (2, 3, 4)), {}),
        (np.transpose, (X,), {}),
        (np.moveaxis, (X, 0, -1), {}),
        (unindex, (X,), {"index": (slice(1, 4), slice(None)), "shape": (5, 4)}),
    ],
)
def test_shape_and_dtype_are_numpys(function, args, given, computed):
    with np.errstate(all="ignore"):
        later = deferred(function, args, given)
    assert later is not None
    expected = function(*args, **given)
    assert (later.shape, later.dtype) == (expected.shape, expected.dtype)
    assert type(later.outline) is type(expected)
    np.testing.assert_array_equal(later.value, expected)
    assert later.value.strides == expected.strides


def test_results_with_constants_lie_in_memory_as_numpys(computed):
    weights = np.arange(12.0).reshape(4, 3).T

    def f(x):
        y = x + weights
        if np.max(y) < 0.0:
            return x
        flat = y.ravel("A")
        flat[0] = 100.0
        return y, flat

    x = np.asfortranarray(np.ones((3, 4)))
    for found, expected in zip(gd.compile(f)(x), f(x), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("function", "args", "given"),
    [
        (np.add, (X, np.ones(3)), {}),
        (np.power, (N, -1), {}),
        (np.add, (N.astype(np.int8), 300), {}),
        (np.where, (X,), {}),
        (np.where, (X > 1.0, [1.0, 2.0, 3.0, 4.0], X), {}),
        (np.matmul, (X, X), {}),
        (np.sum, (X,), {"axis": 2}),
        (np.sum, (X,), {"where": X > 1.0}),
        (np.max, (np.zeros((3, 0)),), {"axis": 1}),
        (np.concatenate, ((X, X.T),), {}),
        (operator.getitem, (X, (3,)), {}),
        (operator.getitem, (X, True), {}),
        (operator.getitem, (X, [0, 1]), {}),
        (operator.getitem, (X, (0, 0)), {}),
        (np.reshape, (X, (4, 3)), {}),
        (np.reshape, (X, (3, 1, 4)), {"copy": True}),
        (np.sort, (X,), {}),
    ],
)
def test_what_may_fail_or_copy_is_left_to_numpy(function, args, given, computed):
    with np.errstate(all="ignore"):
        assert deferred(function, args, given) is None
