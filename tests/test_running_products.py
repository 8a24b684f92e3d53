"""Derivatives of running products, and the recurrence that they solve."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.operations_grad import recurrences
from chainrule.operations_grad.recurrences import by_strides, recurrence

RNG = np.random.default_rng(3)
DTYPES = [np.float64, np.float32, np.complex128, np.longdouble]


def step_by_step(a, b):
    s = [b[..., 0]]
    for k in range(1, b.shape[-1]):
        s.append(a[..., k - 1] * s[-1] + b[..., k])
    return np.stack(s, axis=-1)


@pytest.mark.parametrize("shape", [(1,), (9,), (900,), (3, 900), (400, 7), (2, 3, 5)])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("with_blas", [True, False])
def test_recurrences_are_solved_one_entry_after_the_other(
    shape, dtype, with_blas, monkeypatch
):
    if not with_blas:
        monkeypatch.setattr(recurrences, "_blas", lambda: None)
    a, b = (RNG.uniform(-1.0, 1.0, shape).astype(dtype) for _ in range(2))
    if np.iscomplexobj(a):
        a, b = a * (0.6 + 0.8j), b * (0.8 - 0.6j)
    found = recurrence(a[..., 1:], b)
    assert found.dtype == dtype
    expected = step_by_step(a[..., 1:], b)
    eps = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(found, expected, rtol=eps, atol=eps)
    strides = by_strides(np, a[..., 1:], b)
    np.testing.assert_allclose(strides, expected, rtol=4 * eps, atol=4 * eps)


def test_recurrences_over_infinity_are_what_numpy_computes():
    a, b = np.ones(999), np.zeros(1000)
    a[500] = np.inf
    found = recurrence(a, b)
    assert (found[:501] == 0).all()
    assert np.isnan(found[501:]).all(), "0 * inf, which BLAS leaves out"


@pytest.mark.parametrize("n", [6, 1000])
def test_cotangents_that_take_part_in_no_small_product(n):
    """x[2] * x[3] alone is subnormal: strides would have lost its digits."""
    x = np.ones(n)
    x[1:4] = 1.1e-160, 1.2e-160, 1.3e-160

    def f(x):
        return 1e300 * np.cumprod(x)[3]

    gradient = gd.grad(f)(x)
    np.testing.assert_allclose(gradient[1], 1e300 * 1.3e-160 * 1.2e-160, rtol=1e-14)
    exact = np.cumprod(x.astype(np.longdouble))[3] / x[:4] * np.longdouble(1e300)
    if np.finfo(np.longdouble).minexp < -2000:
        np.testing.assert_allclose(gradient[1:2], exact[1:2].astype(float), rtol=1e-14)
    assert not gradient[4:].any()


@pytest.mark.parametrize("axis", [0, 1, None])
def test_long_running_products_with_zeros_to_the_second_order(axis):
    x = 1 + 0.01 * RNG.normal(size=(40, 300))
    x[7, 3] = x[20, 3] = x[5, 200] = 0.0
    v = RNG.normal(size=x.shape)

    def f(x):
        return np.sum(np.sin(np.cumprod(x, axis=axis)))

    def difference(g):
        h = 1e-5
        near, far = (g(x + k * h * v) - g(x - k * h * v) for k in (1, 2))
        return (8 * near - far) / (12 * h)

    slope = np.sum(gd.grad(f)(x) * v)
    np.testing.assert_allclose(slope, difference(f), rtol=1e-8)
    forward = gd.jvp(gd.grad(f), (x,), (v,))[1]
    backward = gd.grad(lambda x: np.sum(gd.grad(f)(x) * v))(x)
    scale = 1e-8 * np.max(np.abs(forward))
    np.testing.assert_allclose(forward, difference(gd.grad(f)), atol=scale)
    np.testing.assert_allclose(forward, backward, rtol=1e-9, atol=1e-3 * scale)
