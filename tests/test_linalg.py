"""Functions of symmetric matrices by divided differences."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, ShapeError
from chainrule.linalg import divided_differences

funm = gd.linalg.funm_symmetric
SPECTRA = [
    [1, 1, 2, 3], [1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 1e-9, 1],
    [1, 1 + 1e-7, 1 + 1e-5, 2],
    [1, 1 + 1e-15, 1 - 1e-15, 1], [1, 2, 3, 4],
]  # fmt: skip


def hermitian(x):
    return (x + np.conj(np.swapaxes(x, -1, -2))) / 2


def with_values(rng, values, dtype):
    a = rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4))
    q = np.linalg.qr(a if np.dtype(dtype).kind == "c" else a.real)[0]
    return hermitian((q * np.array(values, float)) @ np.conj(q.T)).astype(dtype)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
@pytest.mark.parametrize("values", SPECTRA, ids=str)
@pytest.mark.parametrize("make", [lambda f: f, gd.compile], ids=["eager", "compiled"])
def test_a_cube_has_the_derivatives_of_products(rng, values, dtype, make):
    a = with_values(rng, values, dtype)
    b = rng.normal(size=(4, 4)).astype(dtype)
    e = hermitian(rng.normal(size=(4, 4))).astype(dtype)

    def f(x):
        return np.sum(np.real(b * funm(x, lambda w: w**3)))

    def product(x):
        y = hermitian(x)
        return np.sum(np.real(b * (y @ y @ y)))

    tolerance = 2e-4 if dtype == np.float32 else 1e-11
    calls = {
        "grad": gd.grad,
        "hvp": lambda f: lambda x: gd.hvp(f, (x,), (e,))[0],
        "jvp": lambda f: lambda x: gd.jvp(f, (x,), (e,))[1],
        "twice": lambda f: gd.grad(lambda x: np.sum(np.real(e * gd.grad(f)(x)))),
    }
    for call in calls.values():
        found = make(call(f))(a)
        np.testing.assert_allclose(found, call(product)(a), atol=tolerance * 30)


def test_third_order(rng):
    a, e = np.eye(3), hermitian(rng.normal(size=(3, 3)))
    third = gd.grad(gd.grad(gd.grad(lambda t: np.trace(funm(a + t * e, np.exp)))))
    assert third(0.0) == pytest.approx(np.e * np.trace(e @ e @ e), rel=1e-9)


def test_as_eigh_where_values_are_apart(rng):
    a = hermitian(rng.normal(size=(2, 3, 3))) + np.diag([0.0, 3.0, 6.0])
    b = rng.normal(size=(3, 3))

    def by_eigh(x):
        w, v = np.linalg.eigh(hermitian(x))
        return np.sum(b * ((v * np.sin(w)[..., None, :]) @ np.swapaxes(v, -1, -2)))

    def f(x):
        return np.sum(b * funm(x, np.sin))

    np.testing.assert_allclose(gd.grad(f)(a), gd.grad(by_eigh)(a), atol=1e-12)
    mapped = gd.compile(gd.vmap(gd.grad(f)))(a)
    np.testing.assert_allclose(mapped, gd.grad(f)(a), atol=1e-12)


def test_divided_differences_of_close_and_of_small_values():
    w = np.array([1e-8, 2e-8, 1.0, 1.0 + 1e-9])
    d = divided_differences(np.log, w, 1)
    np.testing.assert_allclose(np.diag(d), 1 / w, rtol=1e-12)
    np.testing.assert_allclose(d[0, 1], np.log(2.0) / 1e-8, rtol=1e-12)
    np.testing.assert_allclose(d[2, 3], 1.0, rtol=1e-8)
    noise = divided_differences(np.exp, np.array([-1e-17, 1e-17, 1.0]), 2)
    np.testing.assert_allclose(noise[0, 1, 0], 0.5, rtol=1e-10)
    np.testing.assert_allclose(noise[0, 1, 2], np.e - 2.0, rtol=1e-10)


def test_refusals():
    x = gd.node(np.eye(2))
    with pytest.raises(ShapeError, match="square matrices"):
        funm(gd.node(np.ones((2, 3))), np.exp)
    with pytest.raises(ArgumentError, match="a node from outside"):
        funm(x, lambda w: w * gd.node(2.0))
    with pytest.raises(ArgumentError, match="a real number for each"):
        funm(x, np.sum)
    with pytest.raises(ArgumentError, match="a real number for each"):
        funm(x, lambda w: 1j * w)
    np.testing.assert_allclose(funm(np.eye(2), np.exp), np.e * np.eye(2))
