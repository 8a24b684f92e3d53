"""Sums of products of matrices: rows and columns are added up before the product."""

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
SUMS = {
    "rows": lambda x, y: np.sum(x @ y, axis=0),
    "columns": lambda x, y: np.sum(x @ y, axis=1),
    "kept": lambda x, y: np.sum(x @ y, axis=0, keepdims=True),
    "both": lambda x, y: np.sum(x @ y),
    "negative": lambda x, y: np.sum(-(x @ y), axis=(0,)),
    "mean": lambda x, y: np.mean(x @ y, axis=0),
    "dot": lambda x, y: np.sum(np.dot(x, y), axis=-2),
}


CONSTANT = RNG.normal(size=(20, 30))
SUMS["of a constant"] = lambda x, y: np.sum(x @ CONSTANT, axis=1) + np.sum(y)


def products_in(fast, *arrays):
    """Return the shapes of the products that native code computes."""
    fast(*arrays)
    program = fused(fast.newest()[1].program, floats=True)
    return [x.shape for x in program.rows if isinstance(x.function, Product)]


@pytest.mark.parametrize("name", SUMS)
def test_sums_are_numpys(name):
    f, (x, y) = SUMS[name], (RNG.normal(size=(60, 20)), RNG.normal(size=(20, 30)))
    for executor in ("native", "numpy"):
        z = gd.compile(f, executor=executor)(x, y)
        np.testing.assert_allclose(z, f(x, y), rtol=1e-12, atol=1e-12)
        assert np.shape(z) == np.shape(f(x, y))
    assert products_in(gd.compile(f, executor="numpy"), x, y) in ([], [(60, 1)])


@pytest.mark.parametrize("shapes", [((3, 50, 8), (3, 8, 9)), ((50, 8), (3, 8, 9))])
@pytest.mark.parametrize("axis", [1, (0, 1), (0, 2), 2, (0, 1, 2)])
def test_sums_of_stacks_are_numpys(shapes, axis):
    x, y = (RNG.normal(size=shape) for shape in shapes)
    fast = gd.compile(lambda x, y: np.sum(x @ y, axis=axis) + 1.0, executor="native")
    expected = np.sum(x @ y, axis=axis) + 1.0
    np.testing.assert_allclose(fast(x, y), expected, rtol=1e-11, atol=1e-12)


def test_a_product_that_is_read_elsewhere_stays():
    x, y = RNG.normal(size=(60, 20)), RNG.normal(size=(20, 30))
    fast = gd.compile(lambda x, y: np.tanh(x @ y) + np.sum(x @ y, axis=0))
    assert products_in(fast, x, y) == [(60, 30)]
    both = gd.compile(lambda x, y: (x @ y, np.sum(x @ y, axis=0)), executor="native")
    np.testing.assert_allclose(both(x, y)[1], np.sum(x @ y, axis=0), rtol=1e-12)


def test_axes_of_the_stack_are_left():
    x, y = RNG.normal(size=(4, 60, 20)), RNG.normal(size=(4, 20, 30))
    fast = gd.compile(lambda x, y: np.tanh(np.sum(x @ y, axis=0)))
    assert products_in(fast, x, y) == [(4, 60, 30)]


def test_the_gradient_of_a_mean_that_is_subtracted_takes_one_product_less():
    def likelihood(mean, factor, points):
        white = (points - mean) @ factor
        return np.sum(white * white)

    points, factor = RNG.normal(size=(200, 12)), RNG.normal(size=(12, 12))
    derived = gd.value_and_grad(likelihood, (0, 1))
    fast = gd.compile(derived, executor="native")
    mean = RNG.normal(size=12)
    (z, slopes), (expected, others) = (f(mean, factor, points) for f in (fast, derived))
    np.testing.assert_allclose(z, expected, rtol=1e-12)
    for found, other in zip(slopes, others, strict=True):
        np.testing.assert_allclose(found, other, rtol=1e-10)
    shapes = products_in(gd.compile(derived), mean, factor, points)
    assert sorted(shapes) == [(12, 12), (200, 12)]


def trilinear(a, x, y):
    return np.sum((x @ a) * y)


@pytest.mark.parametrize(("place", "count"), [(0, 1), (1, 1), (2, 1), ((0, 1, 2), 3)])
def test_the_value_takes_the_product_of_a_gradient(place, count):
    shapes = (8, 9), (60, 8), (60, 9)
    arrays = [RNG.normal(size=shape) for shape in shapes]
    f = gd.value_and_grad(trilinear, place)
    fast = gd.compile(f, executor="native")
    fast(*arrays)
    for got, expected in zip(flat(fast(*arrays)), flat(f(*arrays)), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-11)
    assert len(products_in(gd.compile(f, executor="numpy"), *arrays)) == count


def flat(found):
    value, gradients = found
    return [value, *(gradients if isinstance(gradients, tuple) else (gradients,))]


def test_products_that_are_read_elsewhere_are_not_shared():
    arrays = [RNG.normal(size=shape) for shape in ((8, 9), (60, 8), (60, 9))]

    def f(a, x, y):
        whole = x @ a
        return np.sum(whole * y) + np.sum(np.tanh(whole)), x.T @ y

    def early(a, x, y):
        product = x @ a
        total = np.sum(product * y)
        return total, x.T @ np.tanh(y + total)

    some = RNG.normal(size=(60, 9)) > 0.0

    def masked(a, x, y):
        return np.sum((x @ a) * y, where=some), x.T @ y

    for g, count in ((f, 2), (early, 2), (masked, 2)):
        found = gd.compile(g, executor="native")
        found(*arrays)
        for got, expected in zip(found(*arrays), g(*arrays), strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-11)
        assert len(products_in(gd.compile(g, executor="numpy"), *arrays)) == count
