"""Fourier transforms in machine code: NumPy's, but for rounding."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.fusion import fused
from chainrule.compiler.native.transforms import LARGEST, Transformed

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(5)
LENGTHS = (32, 64, 128, 512, 2048)


def complex_numbers(*shape):
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


def native_of(f, *args):
    """Return the function of a program in native code, and what it consists of."""
    fast = gd.compile(f, executor="numpy")
    fast(*args)
    program = fused(fast.newest()[1].program)
    functions = [row.function for row in program.rows] if program else []
    ours = [g for g in functions if isinstance(g, Transformed)]
    run = Replay(program).ready() if program else None
    return run, ours


def check(f, x, count=1):
    """Hold native code to NumPy: the error relative to the largest is an ulp or two."""
    run, ours = native_of(lambda x: f(x) * 1.0, x)
    assert len(ours) == count
    for y in (x, -3.0 * x, x[..., ::-1]):
        (got,) = run(y)
        wanted = f(y)
        assert got.dtype == wanted.dtype
        assert got.shape == wanted.shape
        error = np.max(np.abs(got - wanted)) / np.max(np.abs(wanted))
        assert error < 1.5e-15


@pytest.mark.parametrize("norm", [None, "backward", "ortho", "forward"])
@pytest.mark.parametrize("n", LENGTHS)
def test_transforms_are_numpys(n, norm):
    x, half = complex_numbers(9, n), complex_numbers(9, n // 2 + 1)
    check(lambda x: np.fft.fft(x, norm=norm), x)
    check(lambda x: np.fft.ifft(x, norm=norm), x)
    check(lambda x: np.fft.rfft(x, norm=norm), x.real)
    check(lambda x: np.fft.irfft(x, norm=norm), half)
    check(lambda x: np.fft.hfft(x, norm=norm), half)


@pytest.mark.parametrize("columns", [4, 5, 33, 64])
def test_transforms_along_other_axes(columns):
    x = complex_numbers(3, 64, columns)
    check(lambda x: np.fft.fft(x, axis=1), x)
    check(lambda x: np.fft.ifft(x, axis=-2, norm="ortho"), x)
    x = complex_numbers(64, 4 * columns)
    check(lambda x: np.fft.fft(x, axis=0), x)


def test_transforms_of_several_axes_are_several():
    x = RNG.normal(size=(2, 64, 128))
    check(np.fft.rfft2, x, 2)
    check(lambda x: np.fft.ifft2(x + 0j), x, 2)
    check(lambda x: np.fft.irfft2(np.fft.rfft2(x)), x, 4)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.fft.rfft(x[:-1]),
        lambda x: np.fft.rfft(x, n=256),
        lambda x: np.fft.rfft(x, n=1024),
        np.fft.fft,
        lambda x: np.fft.fft(x.reshape(32, 16), axis=-1),
        lambda x: np.fft.irfft(x + 0j, n=512),
        lambda x: np.fft.fft(x.reshape(256, 2) + 0j, axis=0),
        lambda x: np.fft.rfft(x.astype(np.float32)),
    ],
)
def test_others_are_left_to_numpy(f):
    x = RNG.normal(size=512)
    run, ours = native_of(lambda x: f(np.exp(np.sin(x))), x)
    assert not ours
    if run is not None:
        np.testing.assert_allclose(
            run(x)[0], f(np.exp(np.sin(x))), rtol=1e-6, atol=1e-6
        )


def test_long_lines_are_left_to_numpy():
    x = RNG.normal(size=4 * LARGEST)
    assert not native_of(lambda x: np.abs(np.fft.rfft(x)) ** 2, x)[1]


def test_what_is_not_finite_spreads():
    for bad in (np.nan, np.inf):
        x = RNG.normal(size=512)
        x[7] = bad
        run, _ = native_of(lambda x: np.fft.rfft(x) * 1.0, x)
        assert not np.isfinite(run(x)[0][1:-1]).any()


def test_impulses_have_the_roots_of_unity():
    for n in LENGTHS:
        x = np.zeros(n)
        x[1] = 1.0
        run, _ = native_of(lambda x: np.fft.rfft(x) * np.ones(len(x) // 2 + 1), x)
        (got,) = run(x) if run is not None else (np.fft.rfft(x),)
        angle = np.arange(n // 2 + 1) * (2 / n)  # in half turns
        wanted = np.cos(np.pi * angle) - 1j * np.sin(np.pi * angle)
        np.testing.assert_allclose(got, wanted, rtol=0, atol=7e-16)
        assert got[0].imag == got[-1].imag == 0.0


def spectral_step(u, speed):
    k = np.fft.rfftfreq(u.size, 1.0 / u.size)
    for _ in range(4):
        v = np.fft.rfft(u) * np.exp(-1e-4 * speed * k**2)
        u = np.fft.irfft(v, n=u.size) + 1e-2 * np.sin(u)
    return np.sum(u**2 * np.cos(np.arange(u.size)))


@pytest.mark.parametrize("n", [512, 1024])
def test_gradients_of_spectral_steps(n):
    u = RNG.normal(size=n)
    g = gd.value_and_grad(spectral_step, (0, 1))
    run, ours = native_of(g, u, 0.7)
    assert len(ours) == 16
    value, (by_u, by_speed) = g(u, 0.7)
    got = run(u, 0.7)
    for x, wanted in zip(got, (value, by_u, by_speed), strict=True):
        np.testing.assert_allclose(x, wanted, rtol=1e-12, atol=1e-12)


def test_threads_have_work_of_their_own():
    x = complex_numbers(1024)
    run, _ = native_of(lambda x: np.fft.ifft(np.exp(1j * np.fft.fft(x).real)), x)
    wanted = [run(k * x)[0] for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: run((k % 8) * x)[0], range(64)))
    for k, z in enumerate(found):
        np.testing.assert_array_equal(z, wanted[k % 8])


def test_scans_without_a_tape_have_fused_steps():
    k = np.fft.rfftfreq(512, 1 / 512)

    def f(u, nu):
        def step(v, _):
            v = np.fft.rfft(np.sin(np.fft.irfft(v, n=512))) * np.exp(-nu * k**2)
            return v, np.abs(v[1])

        v, sizes = gd.scan(step, np.fft.rfft(u), None, length=6)
        return np.sum(np.fft.irfft(v, n=512) ** 3) + np.sum(sizes)

    u = RNG.normal(size=512)
    plain = gd.value_and_grad(f, (0, 1))
    fast = gd.compile(plain, executor="native")
    value, (by_u, by_nu) = plain(u, 1e-4)
    for _ in range(3):
        got, (got_u, got_nu) = fast(u, 1e-4)
        np.testing.assert_allclose(got, value, rtol=1e-12)
        np.testing.assert_allclose(got_u, by_u, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(got_nu, by_nu, rtol=1e-10)
    loops = fast.stats()["programs"][0]["loops"]
    assert all("complex128 values; loops" in x["because"] for x in loops)
    functions = {type(r.function) for b in bodies(fast) for r in b.run.program.rows}
    assert Transformed in functions


def bodies(fast):
    """Return the bodies of a program's loops."""
    rows = fast.newest()[1].program.rows
    return [row.function.body for row in rows if hasattr(row.function, "body")]
