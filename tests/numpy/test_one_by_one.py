"""np.vectorize and np.fromiter of functions whose results are nodes."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

X = np.array([[0.3, 1.2, -0.7], [2.1, -0.4, 0.9]])
SLOPE = np.where(X > 0, 2 * X, -2.0)

vectorize = gd.numpy.vectorize


def bent(a, slope=2.0):
    """Square what is positive; go along a line elsewhere."""
    return a * a if a > 0 else -slope * a


@pytest.mark.parametrize("otypes", [None, [float], "d"])
def test_vectorize_differentiates_each_entry(otypes):
    def f(x):
        return np.sum(vectorize(bent, otypes=otypes)(x))

    assert f(X) == np.sum(np.vectorize(bent)(X))
    assert np.allclose(gd.grad(f)(X), SLOPE, rtol=1e-14)
    fast = gd.compile(gd.grad(f))
    assert np.allclose(fast(X), SLOPE, rtol=1e-14)
    assert np.allclose(fast(-X), -np.where(X < 0, 2 * X, 2.0), rtol=1e-14)
    assert np.allclose(gd.jvp(f, (X,), (np.ones_like(X),))[1], SLOPE.sum())


def test_vectorize_closes_over_nodes_and_mixes_plain_results():
    def f(a):
        z = vectorize(lambda t: a * t if t > 1 else 1, otypes=[float])(np.arange(4))
        return np.sum(z * z)

    assert f(3.0) == 2.0 + 36.0 + 81.0
    assert gd.grad(f)(3.0) == 2 * 3.0 * (4 + 9)


def test_vectorize_takes_options_several_results_and_exclusions():
    @vectorize(otypes=[float, np.float32])
    def both(a, b):
        return a * b, a + b

    def f(x):
        product, total = both(x, x[::-1])
        assert gd.value(total).dtype == np.float32
        return np.sum(product)

    assert np.allclose(gd.grad(f)(X), 2 * X[::-1])
    power = vectorize(lambda a, n: a**n, excluded=["n"])
    assert np.allclose(gd.grad(lambda x: np.sum(power(x, n=3)))(X), 3 * X**2)
    inner = vectorize(np.dot, signature="(n),(n)->()")
    assert np.allclose(gd.grad(lambda x: np.sum(inner(x, x)))(X), 2 * X)


def test_vectorize_without_nodes_is_numpys():
    whole = vectorize(lambda a: 1 if a < 1 else 2.5)(X)
    assert whole.dtype == np.vectorize(lambda a: 1 if a < 1 else 2.5)(X).dtype
    empty = vectorize(bent, otypes="f")([])
    assert empty.shape == (0,)
    assert empty.dtype == np.float32
    assert vectorize(lambda: 3)() == 3
    with pytest.raises(ValueError, match="size 0 inputs"):
        vectorize(bent)([])
    with pytest.raises(ArgumentError, match="dtype='i' would round"):
        vectorize(bent, otypes="i")(gd.node([1.0]))


def test_fromiter_joins_what_is_made():
    def f(x):
        return np.sum(gd.numpy.fromiter((a * a for a in x), float, 2))

    x = np.array([1.0, 2.0, 3.0])
    assert f(x) == 5.0
    assert np.array_equal(gd.grad(f)(x), [2.0, 4.0, 0.0])
    assert np.array_equal(gd.compile(gd.grad(f))(x), [2.0, 4.0, 0.0])
    assert gd.numpy.fromiter(iter(range(3)), "i4").dtype == np.int32


def test_lifted_code_has_them():
    def f(x):
        return np.vectorize(bent, otypes=[float])(x).sum() + np.fromiter(x[0], "d")[1]

    unit = np.eye(2, 3, 1) * [[1], [0]]
    assert np.allclose(gd.grad(gd.lift(f))(X), SLOPE + unit)
