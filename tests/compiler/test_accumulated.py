"""Accumulations in native code, bit for bit NumPy's."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(0)
FUNCTIONS = [np.cumsum, np.cumprod, np.maximum.accumulate, np.minimum.accumulate]
SHAPES = [((5000,), 0), ((40, 13), 0), ((13, 40), 1), ((3, 30, 7), 1), ((9, 5, 19), 0)]


@pytest.mark.parametrize("f", FUNCTIONS)
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_large_arrays_are_accumulated_as_numpy_does(f, shape, axis):
    def both(x):
        back = f(x[::-1], axis=axis)
        return f(x, axis=axis - len(shape)), back[::-1], f(np.swapaxes(x, 0, -1), 0)

    fast = gd.compile(both, executor="native")
    x = RNG.uniform(-1.01, 1.02, shape)
    for y in (x, -x, np.asfortranarray(x)):
        for z, expected in zip(fast(y), both(y), strict=True):
            np.testing.assert_array_equal(z, expected)
    assert fast.stats()["programs"][0]["numpy_rows"].keys() <= {"getitem", "swapaxes"}
    y = x.copy()
    y.flat[7] = np.nan
    for z, expected in zip(fast(y), both(y), strict=True):
        np.testing.assert_array_equal(z, expected)


def test_gradients_of_running_sums():
    def f(x):
        c = np.cumsum(x)
        return np.sum(((c[9:] - c[:-9]) / 9.0 - x[9:]) ** 2) + np.log(
            np.cumprod(1 + 0.01 * c)[-1]
        )

    x = RNG.normal(size=3000) * 0.1
    fast = gd.compile(gd.value_and_grad(f), executor="native")
    (value, slope), expected = fast(x), gd.value_and_grad(f)(x)
    np.testing.assert_allclose(value, expected[0], rtol=1e-13)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-10, atol=1e-12)
    assert not fast.stats()["programs"][0]["numpy_rows"].keys() & {"cumsum", "cumprod"}


@pytest.mark.parametrize(("shape", "axis"), [*SHAPES, ((300, 20), -1)])
def test_gradients_of_running_products_are_one_loop(shape, axis):
    def f(x):
        return np.sum(np.sin(np.cumprod(x, axis=axis)))

    x = RNG.uniform(0.9, 1.1, shape)
    x.flat[[1, 77]] = 0.0
    v = RNG.normal(size=shape)
    fast = gd.compile(gd.grad(f), executor="native")
    np.testing.assert_allclose(fast(x), gd.grad(f)(x), rtol=1e-12, atol=1e-13)
    names = fast.stats()["programs"][0]["numpy_rows"].keys()
    assert names <= {"getitem", "swapaxes", "transpose", "concatenate"}

    def product(x):
        return gd.jvp(gd.grad(f), (x,), (v,))[1]

    found = gd.compile(product, executor="native")(x)
    np.testing.assert_allclose(found, product(x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_recurrences_of_many_examples(executor):
    def f(x):
        return np.sum(np.cumprod(x) ** 2)

    x = RNG.uniform(0.5, 1.5, (7, 40))
    x[2, 3] = 0.0
    found = gd.compile(gd.vmap(gd.grad(f)), executor=executor)(x)
    np.testing.assert_allclose(found, [gd.grad(f)(row) for row in x], rtol=1e-12)
