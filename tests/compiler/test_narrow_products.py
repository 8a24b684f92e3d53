"""Products of vectors and matrices: of few columns, and of large ones transposed."""

import numpy as np
import pytest

import chainrule as gd

RNG = np.random.default_rng(17)
ROWS = 1500
Y = RNG.standard_normal(ROWS)


def loss(b, x):
    z = x @ b
    return np.sum(np.exp(z) - Y[: len(z)] * z)


def transposed_loss(b, x):
    z = b @ x
    return np.sum(np.exp(z) - Y[: len(z)] * z)


def data(columns, rows=ROWS):
    return 0.1 * RNG.standard_normal(columns), RNG.standard_normal((rows, columns))


def numpy_rows(fast):
    return [p["numpy_rows"] for p in fast.stats()["programs"]]


@pytest.mark.parametrize("columns", [2, 3, 8, 12])
@pytest.mark.parametrize("turned", [False, True])
def test_few_columns_are_loops(columns, turned):
    b, x = data(columns)
    f, x = (transposed_loss, x.T.copy()) if turned else (loss, x)
    slow = gd.value_and_grad(f, (0, 1))
    fast = gd.compile(slow, executor="native")
    for scale in (1.0, 2.0):
        (value, grads), (expected, slopes) = fast(b, scale * x), slow(b, scale * x)
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        for found, right in zip(grads, slopes, strict=True):
            np.testing.assert_allclose(found, right, rtol=1e-11, atol=1e-12)
    assert numpy_rows(fast) == [{}]


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_matrix_that_is_no_argument(order):
    b, x = data(4)
    x = np.asarray(x, order=order)
    slow = gd.value_and_grad(lambda b: loss(b, x))
    fast = gd.compile(slow, executor="native")
    np.testing.assert_allclose(fast(b)[0], slow(b)[0], rtol=1e-13)
    np.testing.assert_allclose(fast(b)[1], slow(b)[1], rtol=1e-11)
    assert numpy_rows(fast) == [{}]


def test_sums_of_columns_are_as_exact_as_numpys():
    v, x = RNG.standard_normal(10**5), RNG.standard_normal((10**5, 3))
    fast = gd.compile(lambda v, x: v @ x, executor="native")
    exact = v.astype(np.longdouble) @ x.astype(np.longdouble)
    bound = 1e-15 * (np.abs(v) @ np.abs(x))
    assert np.all(np.abs(fast(v, x) - exact) <= bound)


def test_special_values_are_numpys():
    b, x = data(3)
    x[5, 1], x[7, 2], x[9, 0] = np.inf, np.nan, -0.0
    fast = gd.compile(lambda b, x: x @ b, executor="native")
    np.testing.assert_allclose(fast(b, x), x @ b, rtol=1e-13)
    with np.errstate(invalid="ignore"):
        expected = x @ np.zeros(3)
    np.testing.assert_array_equal(fast(np.zeros(3), x), expected)


def test_second_order_and_maps():
    b, x = data(5)
    v = RNG.standard_normal(5)
    (hv,) = gd.compile(lambda b, v: gd.hvp(lambda b: loss(b, x), (b,), (v,)))(b, v)
    np.testing.assert_allclose(hv, gd.hessian(lambda b: loss(b, x))(b) @ v)
    many = gd.compile(gd.vmap(lambda b: loss(b, x)), executor="native")
    stacked = np.stack([b, 2 * b])
    np.testing.assert_allclose(many(stacked), [loss(b, x), loss(2 * b, x)])


def test_large_transposes_are_not_copied():
    b, x = data(30, 400)
    slow = gd.value_and_grad(loss)
    fast = gd.compile(slow, executor="native")
    for point in (b, 2 * b):
        np.testing.assert_allclose(fast(point, x)[0], slow(point, x)[0], rtol=1e-13)
        np.testing.assert_allclose(fast(point, x)[1], slow(point, x)[1], rtol=1e-11)
    (rows,) = numpy_rows(fast)
    assert set(rows) <= {"matmul"}


def test_transposes_on_both_sides():
    x = RNG.standard_normal((70, 70))
    f = gd.compile(lambda x, y: (y.T @ x.T, x.T, x.T @ y), executor="native")
    for z, expected in zip(f(x, 2 * x), (2 * x.T @ x.T, x.T, 2 * x.T @ x), strict=True):
        np.testing.assert_allclose(z, expected, rtol=1e-12, atol=1e-12)
