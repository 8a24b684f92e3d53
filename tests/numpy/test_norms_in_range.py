"""Derivatives of norms whose powers leave the range of the floats."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd

LA = np.linalg
SCALES = [(np.float64, 1e300), (np.float64, 1e-300), (np.float64, 1e160),
          (np.float64, 1e-170), (np.float32, 1e30), (np.float32, 1e-30)]  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.parametrize(("dtype", "scale"), SCALES)
@pytest.mark.parametrize(
    "ord", [None, 2, 3, 4, 8, 1.5, 1, 0.5, -1, -2, np.inf, -np.inf]
)
def test_vectors(dtype, scale, ord):
    x = np.array([3.0, -4.0, 1.0], dtype)
    direction = np.array([1.0, 2.0, 3.0], dtype)

    def f(x):
        return LA.norm(x, ord)

    expected = gd.grad(f)(x)
    large = x * dtype(scale)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    many = gd.compile(gd.vmap(gd.grad(f)))
    for gradient in (gd.grad(f), gd.compile(gd.grad(f)), lambda x: many(x[None])[0]):
        found = gradient(large)
        np.testing.assert_allclose(found, expected, rtol=rtol)
        assert found.dtype == dtype
    _, tangent = gd.jvp(f, (large,), (direction,))
    np.testing.assert_allclose(tangent, expected @ direction, rtol=10 * rtol)
    second = gd.hvp(f, (large,), (direction,))[0] * dtype(scale)
    true = gd.hvp(f, (x,), (direction,))[0]
    size = np.max(np.abs(true)) if ord != 1 else 1.0
    np.testing.assert_allclose(second, true, atol=100 * rtol * size)


@pytest.mark.parametrize(("dtype", "scale"), SCALES)
@pytest.mark.parametrize("ord", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_matrices(dtype, scale, ord):
    x = np.array([[3.0, 4.0], [1.0, 2.0]], dtype)

    def f(x):
        return LA.norm(x, ord)

    expected = gd.grad(f)(x)
    for gradient in (gd.grad(f), gd.compile(gd.grad(f))):
        found = gradient(x * dtype(scale))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_along_an_axis_each_norm_has_its_own_scale():
    rows = [[3e300, 4e300], [1.0, 0.0], [0.0, 0.0], [3e-300, 4e-300], [5.0, 12.0]]
    x = np.array(rows)
    expected = [[0.6, 0.8], [1, 0], [0, 0], [0.6, 0.8], [5 / 13, 12 / 13]]
    for axis, given in ((1, x), (0, x.T)):
        found = gd.grad(lambda x, axis=axis: np.sum(LA.norm(x, axis=axis)))(given)
        found = found if axis else found.T
        np.testing.assert_allclose(found, expected, rtol=1e-15)
    z = np.array([3 + 4j, 1j])
    for scale in (1e300, 1e-300):
        np.testing.assert_allclose(
            gd.grad(LA.norm)(z * scale), gd.grad(LA.norm)(z), rtol=1e-15
        )


def test_norms_that_are_no_float_have_no_derivative():
    x = np.array([[1.5e308, 1.5e308], [3.0, 4.0]])
    for transform in (gd.grad, lambda f: gd.compile(gd.grad(f))):
        slopes = transform(lambda x: np.sum(np.linalg.norm(x, axis=1)))(x)
        np.testing.assert_allclose(slopes, [[np.nan, np.nan], [0.6, 0.8]])


def test_values_are_numpys():
    for x in (np.array([3e300, 4e300]), np.array([3e-300, 4e-300])):
        assert gd.value_and_grad(LA.norm)(x)[0] == LA.norm(x)


@pytest.mark.parametrize(("dtype", "scale"), SCALES)
@pytest.mark.parametrize("name", ["std", "nanstd"])
def test_standard_deviations(dtype, scale, name):
    function = getattr(np, name)
    x = np.array([[1.0, 2.0, 4.0], [3.0, 5.0, 4.5]], dtype)
    rtol = 1e-5 if dtype == np.float32 else 1e-12
    for given in ({}, {"axis": 0}, {"axis": 1, "ddof": 1, "keepdims": True}):

        def f(x, given=given):
            return np.sum(function(x, **given))

        expected = gd.grad(f)(x)
        for gradient in (gd.grad(f), gd.compile(gd.grad(f))):
            found = gradient(x * dtype(scale))
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol)
            assert found.dtype == dtype
    rows = np.stack([x[0] * dtype(scale), x[1], np.ones(3, dtype)])
    found = gd.grad(lambda x: np.sum(function(x, axis=1)[:2]))(rows)
    expected = gd.grad(lambda x: np.sum(function(x, axis=1)))(x)
    np.testing.assert_allclose(found[:2], expected, rtol=rtol, atol=rtol)
