"""``chainrule.scipy.fft``: SciPy's names, values, and derivatives of all transforms."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from tests.helpers import assert_close

theirs = pytest.importorskip("scipy.fft")
from chainrule.scipy import fft  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5))
C = X + 1j * RNG.normal(size=(3, 5))
OF_ONE = ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"]
COSINES = ["dct", "idct", "dst", "idst"]


def operand(name):
    return X if name.startswith(("rfft", "ihfft", "d", "id", "fht", "ifht")) else C


def weighted(name, *args, **kwargs):
    def of(x):
        z = getattr(fft, name)(x, *args, **kwargs)
        w = np.cos(np.arange(np.size(gd.value(z)))).reshape(z.shape)
        return np.sum(np.real(z) * w) + np.sum(np.imag(z) * w[::-1])

    return of


def check(name, x, *args, **kwargs):
    """Hold both sweeps to differences, and programs and maps to calls."""
    f = weighted(name, *args, **kwargs)
    gd.check_gradients(f, (x,), order=2, rtol=2e-5)
    g = gd.grad(f)
    assert_close(gd.compile(g)(x), g(x), 1e-12)
    assert_close(gd.vmap(g)(np.stack([x, 2 * x]))[0], g(x), 1e-12)


def same(name, x, *args, **kwargs):
    """Compare the values of nodes and of plain arguments with SciPy's."""
    ours, wanted = getattr(fft, name), getattr(theirs, name)(x, *args, **kwargs)
    for got in (ours(x, *args, **kwargs), ours(gd.node(x), *args, **kwargs).value):
        np.testing.assert_array_equal(got, wanted)
        assert got.dtype == wanted.dtype


@pytest.mark.parametrize("name", [n + m for n in OF_ONE for m in ("", "2", "n")])
def test_values_are_scipys_bit_for_bit(name):
    x = operand(name)
    same(name, x)
    same(name, x, norm="ortho", workers=1)
    same(name, x.astype(np.complex64 if x.dtype.kind == "c" else np.float32))
    if name.endswith(("2", "n")):
        same(name, x, (4, 6), (1, 0))
        same(name, x, axes=(0, 1), norm="forward", overwrite_x=False)
        same(name, x[0], 4, 0) if name.endswith("n") else None
    else:
        same(name, x, 4)
        same(name, x, n=7, axis=0, norm="backward")


@pytest.mark.thinned(3)
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("name", OF_ONE)
def test_transforms_along_an_axis(name, norm):
    for n in (None, 4, 6):
        check(name, operand(name).T, n, axis=0, norm=norm)


@pytest.mark.thinned(4)
@pytest.mark.parametrize("form", ["2", "n"])
@pytest.mark.parametrize("name", OF_ONE)
def test_transforms_along_axes(name, form):
    for s, norm in ((None, "forward"), ((4, 4), "ortho"), ((2, 7), None)):
        check(name + form, operand(name), s, norm=norm)


@pytest.mark.thinned(8)
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
@pytest.mark.parametrize("type", [1, 2, 3, 4])
@pytest.mark.parametrize("name", COSINES)
def test_cosines_and_sines(name, type, norm):
    for orthogonalize in (None, True, False):
        given = {"norm": norm, "orthogonalize": orthogonalize}
        same(name, X, type, **given)
        same(name + "n", X, type, (2, 6), axes=(0, 1), **given)
        check(name, X, type, 4, axis=0, **given)
        check(name + "n", X, type, (2, 6), **given)
    check(name, C, type, norm=norm)


def test_hankel_transforms_shifts_and_what_is_constant():
    for name in ("fht", "ifht"):
        same(name, X, 0.1, 0.5, offset=0.1, bias=0.2)
        check(name, X, 0.1, 0.5, offset=0.1, bias=0.2)
    check("fftshift", X, axes=1)
    check("ifftshift", X)
    np.testing.assert_array_equal(fft.fftfreq(5, 0.1), theirs.fftfreq(5, 0.1))
    assert fft.next_fast_len(17) == theirs.next_fast_len(17)
    assert fft.fhtoffset(0.1, 0.5) == theirs.fhtoffset(0.1, 0.5)


def test_lists_of_nodes_are_transformed():
    x, y = gd.node(1.0), gd.node(2.0)
    z = np.sum(np.real(fft.fft([x, y, 0.5])) * np.arange(3.0))
    z.backward()
    assert_close(x.grad, 3.0, 1e-12)
    assert_close(y.grad, np.real(theirs.fft([0, 1, 0])) @ np.arange(3.0), 1e-12)


def test_signatures_are_scipys():
    for name in [n + m for n in OF_ONE for m in ("", "2", "n")] + COSINES:
        ours = inspect.signature(getattr(fft, name).__wrapped__)
        assert ours == inspect.signature(getattr(theirs, name))


def test_what_cannot_be_computed_is_refused():
    with pytest.raises(ArgumentError, match="received complex"):
        fft.rfft(gd.node(C))
    with pytest.raises(ArgumentError, match="another matrix"):
        fft.dct(gd.node(C), norm="ortho", orthogonalize=False)
    with pytest.raises(ArgumentError, match="plan"):
        fft.fft(gd.node(C), plan=1)


def test_scipys_own_function_names_ours():
    with pytest.raises(ValueError, match="sequence") as caught:
        gd.grad(lambda x: np.sum(theirs.dct(x)))(X)
    assert "Write chainrule.scipy.fft.dct(...)" in caught.value.__notes__[0]
