"""Fourier transforms: every function, norm, length, axis and kind of number."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from tests.helpers import assert_close

RNG = np.random.default_rng(11)
X = RNG.normal(size=(2, 5, 4))
C = X + 1j * RNG.normal(size=X.shape)
OF_REALS = ("rfft", "ihfft", "rfft2", "rfftn")
OF_ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
OF_SEVERAL = ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
NORMS = (None, "backward", "ortho", "forward")


def operands(name):
    """Return arrays that a transform takes: real ones, and complex ones if it does."""
    return (X,) if name in OF_REALS else (X, C)


def weighted(name, **given):
    """Return a function of all entries of a transform, quadratic in them."""

    def of(x):
        z = getattr(np.fft, name)(x, **given)
        w = np.cos(np.arange(np.size(gd.value(z)))).reshape(z.shape)
        z = z + np.real(z) ** 2
        return np.sum(np.real(z) * w) + np.sum(np.imag(z) * w[::-1])

    return of


def check_values(name, x, **given):
    """Hold nodes, programs and maps to NumPy's values, bit for bit."""
    transform = getattr(np.fft, name)

    def f(x):
        return transform(x, **given)

    wanted = f(x)
    for got in (f(gd.node(x)).value, gd.compile(f)(x), gd.vmap(f)(x[None])[0]):
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == wanted.dtype


@pytest.mark.parametrize("name", OF_ONE)
def test_values_along_an_axis_are_numpys_bit_for_bit(name):
    for x, norm, n, axis in product(
        operands(name), NORMS, (None, 1, 4, 5, 8), (-1, 0, 1)
    ):
        if n is not None or x.shape[axis] > 2:
            check_values(name, x, n=n, axis=axis, norm=norm)


@pytest.mark.parametrize("name", OF_SEVERAL)
def test_values_along_axes_are_numpys_bit_for_bit(name):
    axes = ((0, 1), (2, 0), (-1, 1, 0)) if name.endswith("n") else ((0, 1), (-1, 0))
    for x, norm, chosen in product(operands(name), NORMS, axes):
        for s in (None, (3, 6, 4)[: len(chosen)]):
            check_values(name, x, s=s, axes=chosen, norm=norm)
    check_values(name, operands(name)[-1])


@pytest.mark.parametrize("name", OF_ONE + OF_SEVERAL)
def test_single_precision_stays_single(name):
    for x in operands(name):
        x = x.astype(np.complex64 if x.dtype.kind == "c" else np.float32)
        check_values(name, x)
        g = gd.grad(weighted(name))
        for gradient in (g(x), gd.compile(g)(x)):
            assert gradient.dtype == x.dtype
            assert_close(gradient, g(x.astype(np.result_type(x, 1.0))), 2e-4)


def check_derivatives(name, x, **given):
    """Hold both sweeps to differences, and programs and maps to calls."""
    f = weighted(name, **given)
    gd.check_gradients(f, (x,), order=2, rtol=5e-5)
    g = gd.grad(f)
    assert_close(gd.compile(g)(x), g(x), 1e-12)
    assert_close(gd.vmap(g)(np.stack([2 * x, x]))[1], g(x), 1e-12)


@pytest.mark.thinned(6)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", OF_ONE)
def test_derivatives_along_an_axis(name, norm):
    for x, n in product(operands(name), (None, 1, 3, 6)):
        check_derivatives(name, x[0], n=n, axis=0, norm=norm)
        check_derivatives(name, x[0, 0], n=n, norm=norm)


@pytest.mark.thinned(6)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", OF_SEVERAL)
def test_derivatives_along_axes(name, norm):
    for x, s in product(operands(name), (None, (3, 4), (4, 7))):
        check_derivatives(name, x[0], s=s, axes=(1, 0), norm=norm)


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_jacobians_of_real_transforms_are_their_matrices(n):
    half = gd.jacobian(lambda x: np.real(np.fft.rfft(x)))(np.ones(n))
    assert_close(half, np.real(np.fft.rfft(np.eye(n))).T, 1e-14)
    x = np.fft.rfft(np.arange(1.0, n + 1.0))
    of_parts = gd.jacobian(lambda a, b: np.fft.irfft(a + 1j * b, n=n), (0, 1))
    along_reals, along_imaginary = of_parts(x.real, x.imag)
    units = np.eye(len(x))
    assert_close(along_reals, np.fft.irfft(units, n=n).T, 1e-14)
    assert_close(along_imaginary, np.fft.irfft(1j * units, n=n).T, 1e-14)
    assert not along_imaginary[:, 0].any()


def test_a_transform_and_its_inverse_leave_no_trace_in_the_gradient():
    for n in (6, 7):
        x = RNG.normal(size=n)
        g = gd.grad(lambda x, n=n: np.sum(np.fft.irfft(np.fft.rfft(x), n=n) ** 3))
        assert_close(g(x), 3 * x**2, 1e-14)
        assert_close(gd.compile(g)(x), 3 * x**2, 1e-14)


BAD_CALLS = {
    "no points": (X, {"n": 0}),
    "empty": (np.zeros((2, 0)), {}),
    "norm": (X, {"norm": "none"}),
    "axis": (X, {"axis": 3}),
    "axis of a length": (X, {"n": 2, "axis": -4}),
    "no axes": (np.array(1.0), {}),
}


@pytest.mark.parametrize("bad", BAD_CALLS)
@pytest.mark.parametrize("name", OF_ONE)
def test_errors_are_of_numpys_classes(name, bad):
    x, given = BAD_CALLS[bad]
    transform = getattr(np.fft, name)
    with pytest.raises((ValueError, IndexError)) as wanted:
        transform(x, **given)
    with pytest.raises(wanted.type):
        transform(gd.node(x), **given)
    with pytest.raises(wanted.type):
        gd.compile(lambda x: transform(x, **given))(x)


@pytest.mark.parametrize("name", OF_REALS)
def test_transforms_of_reals_refuse_complex_numbers(name):
    with pytest.raises(ArgumentError, match="Use fft"):
        getattr(np.fft, name)(gd.node(C))
