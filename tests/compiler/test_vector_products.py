"""Products of matrices and vectors, written as sums: what NumPy's products are."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.fusion import fused
from chainrule.compiler.native.matrix_products import Product

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(0)


def products(a, v, w):
    return a @ v, w @ a, a.T @ w, np.dot(v, a.T), np.dot(a, v * 2.0) + w


@pytest.mark.parametrize("shape", [(70, 90), (64, 64), (300, 40), (40, 300)])
def test_products_are_numpys(shape):
    a, v, w = (
        RNG.normal(size=shape),
        RNG.normal(size=shape[1]),
        RNG.normal(size=shape[0]),
    )
    fast = gd.compile(products, executor="native")
    for b in (a, -a, np.asfortranarray(a)):
        for z, e in zip(fast(b, v, w), products(b, v, w), strict=True):
            assert z.shape == e.shape
            np.testing.assert_allclose(z, e, rtol=1e-12, atol=1e-13)
    assert fast.stats()["programs"][0]["numpy_rows"] == {}


def test_iterations_with_a_matrix_are_machine_code():
    constant = RNG.normal(size=(80, 80)) / 9.0

    def f(a, b):
        x = 0.0 * b
        for _ in range(5):
            x = x + 0.1 * (b - a.T @ (a @ x) - constant @ x)
        return x @ b

    a, b = RNG.normal(size=(80, 80)) / 9.0, RNG.normal(size=80)
    derived = gd.value_and_grad(f, (0, 1))
    fast = gd.compile(derived, executor="native")
    (value, slopes), (expected, others) = fast(a, b), derived(a, b)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    for z, e in zip(slopes, others, strict=True):
        np.testing.assert_allclose(z, e, rtol=1e-10, atol=1e-12)
    assert fast.stats()["programs"][0]["numpy_rows"] == {}


def test_large_matrices_are_left_to_blas():
    fast = gd.compile(lambda a, v: np.tanh(a @ v) + v, executor="numpy")
    for n, left in ((600, True), (100, False)):
        fast(np.ones((n, n)), np.ones(n))
        program = fused(fast.newest()[1].program, floats=True)
        assert any(row.function is np.matmul for row in program.rows) == left


def test_products_of_columns_and_rows_are_in_loops():
    def f(x, y, w):
        return np.tanh(x @ y) * w, x @ y - w @ (x @ y)

    x, y, w = RNG.normal(size=(40, 1)), RNG.normal(size=(1, 40)), np.ones((40, 40))
    fast = gd.compile(f, executor="native")
    for z, e in zip(fast(x, y, w), f(x, y, w), strict=True):
        np.testing.assert_allclose(z, e, rtol=1e-13, atol=1e-13)
    program = fused(fast.newest()[1].program, floats=True)
    shapes = [x.shape for x in program.rows if isinstance(x.function, Product)]
    assert shapes == [(40, 40)]  # that with w
    stacked = gd.compile(lambda x, y: x[:, :, None] @ y[:, None, :], executor="native")
    x, y = RNG.normal(size=(5, 20)), RNG.normal(size=(5, 30))
    np.testing.assert_array_equal(stacked(x, y), x[:, :, None] * y[:, None, :])


def test_a_product_of_zeros_is_no_negative_zero():
    x, y = np.full((20, 1), -1.0), np.zeros((1, 20))
    for executor in ("numpy", "native"):
        z = gd.compile(lambda x, y: x @ y, executor=executor)(x, y)
        assert not np.signbit(z).any()


@pytest.mark.parametrize("columns", [*range(1, 19), 31, 32, 33, 41])
def test_products_have_any_number_of_columns(columns):
    x, y = RNG.normal(size=(37, 24)), RNG.normal(size=(24, columns))
    fast = gd.compile(lambda x, y: (x @ y, x.T @ (x @ y), y.T @ x.T), executor="native")
    for z, e in zip(fast(x, y), (x @ y, x.T @ x @ y, y.T @ x.T), strict=True):
        np.testing.assert_allclose(z, e, rtol=1e-12, atol=1e-12)
