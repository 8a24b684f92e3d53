"""Loops over arrays of float32 and of complex numbers: NumPy's dtypes and numbers."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native import row_steps
from chainrule.compiler.native.fusion import Fused, fused
from chainrule.compiler.native.groups import LARGE
from chainrule.compiler.native.operations import BUILT_IN, NAMES, ufunc_of
from chainrule.values.quiet import quietly

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(0)
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-45, 3e38, -87.0]


def loops_of(ufunc):
    """Return the dtypes of which a ufunc has loops without other operands."""
    taken = (types.split("->")[0] for types in ufunc.types)
    return {x[0] for x in taken if len(set(x)) == 1}


CASES = [
    (name, dtype)
    for name in NAMES[:BUILT_IN]  # tests may have declared others
    for dtype in "fFD"
    if ufunc_of(name) is not None and dtype in loops_of(ufunc_of(name))
]


def loops_for(f, *args):
    """Return the program of a call, and the same with loops in native code."""
    fast = gd.compile(f, executor="numpy")
    fast(*args)
    program = fast.newest()[1].program
    found = fused(program)
    return Replay(program), None if found is None else Replay(found)


def numbers(shape, dtype):
    x = RNG.uniform(-2.0, 2.0, shape)
    x.flat[: len(SPECIAL)] = SPECIAL
    if dtype in "FD":
        y = RNG.uniform(-2.0, 2.0, shape)
        y.flat[5 : 5 + len(SPECIAL)] = SPECIAL
        x = np.stack([x, y], axis=-1).view(complex)[..., 0]
    return quietly(x.astype, dtype)


def assert_like_numpys(found, expected, ulps=0):
    """Compare dtypes, classes and entries; bit for bit but for so many last places."""
    assert type(found) is type(expected)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    if expected.dtype.kind == "c":
        found, expected = (np.stack([x.real, x.imag]) for x in (found, expected))
    if expected.dtype.kind == "f":
        limit = ulps * np.finfo(expected.dtype).eps
        np.testing.assert_allclose(found, expected, rtol=limit, atol=0.0)
        number = ~np.isnan(expected)
        found, expected = (np.signbit(x)[number] for x in (found, expected))
    np.testing.assert_array_equal(found, expected)


def nests_in(replay):
    rows = replay.program.rows
    return [row.function.nest for row in rows if type(row.function) is Fused]


@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_each_operation_gives_numpys_numbers(name, dtype):
    ufunc = ufunc_of(name)
    first, second = numbers((70, 71), dtype), numbers((71, 70), dtype).T

    def f(x, y):
        return ufunc(*(x, y, y)[: ufunc.nin]), -x, x + y

    plain, native = loops_for(f, first, second)
    steps = {step.name for nest in nests_in(native) for step in nest.plan.steps}
    tests_complex = dtype in "FD" and plain(first, second)[0].dtype == np.bool_
    assert (name in steps) != tests_complex or name == "positive"
    for x, y in ((first, second), (quietly(np.multiply, second, 3), first)):
        for a, e in zip(native(x, y), plain(x, y), strict=True):
            assert_like_numpys(a, e, ulps=4 if dtype == "f" else 0)


def weak(x):
    return x * 0.1 + 2 - (x > 0.25) * x / 3.0, np.maximum(x, 1e300), x**2, x**0.5


def casts(x):
    wide = x.astype(np.float64) * 0.1 + x
    back = wide.astype(np.float32)
    return wide, back * 3.0, back + wide, (x > 0.0).astype(np.float32) * x


def promotions(x):
    scale = np.float64(0.1)
    return x * scale, np.float32(0.1) * x, x * np.linspace(0.0, 1.0, x.size)


def moved(x):
    inner = x[1:-1] + 0.5 * (x[2:] - x[:-2])
    return np.concatenate([x[:1], inner, x[-1:]]) * 2.0, np.roll(x, 3) + 1.0


def reduced(x):
    y = x * 1.5
    return np.sum(y), np.max(y), np.min(x + y), np.sum(x > 0.5), -y


def rows(x):
    y = np.reshape(x, (3, -1)) * 0.5
    return np.sum(y, axis=0), np.sum(y, axis=1, keepdims=True), y + 1.0


def waves(x):
    z = np.exp(1j * x) * 2.0 + x
    return z, np.abs(z) * x, np.real(z) - np.imag(z), np.conj(z) * z


def sums_of_waves(x):
    z = (x + 1j) * np.roll(x, 1)
    return np.sum(z * z), np.sum(np.reshape(z, (3, -1)) + 1.0, axis=1)


def chosen(x):
    z = np.where(x > 0.5, x * 1j, 1.0 - x)
    return np.where(np.abs(z) > 0.25, z, 2.0) + z, z.astype(np.complex64) * 2


PROGRAMS = [weak, casts, promotions, moved, reduced, rows, waves, sums_of_waves, chosen]


@pytest.mark.parametrize("f", PROGRAMS)
@pytest.mark.parametrize("dtype", ["f", "d"])
@np.errstate(all="ignore")
def test_programs_have_numpys_results(f, dtype):
    x = RNG.uniform(0.1, 1.0, 3 * LARGE).astype(dtype)
    plain, native = loops_for(f, x)
    assert nests_in(native)
    for a, e in zip(native(x), plain(x), strict=True):
        assert_like_numpys(a, e, ulps=4)


def test_products_are_numpys_where_it_has_no_fused_operations(monkeypatch):
    monkeypatch.setattr(row_steps, "_multiplies_fused", lambda _: False)
    row_steps.is_written.cache_clear()
    try:
        x = RNG.uniform(0.1, 1.0, 3 * LARGE)
        plain, native = loops_for(waves, x)
        (nest,) = nests_in(native)
        assert "multiply" in {nest.plan.steps[i].name for i in nest._phases.loops}
        for a, e in zip(native(x), plain(x), strict=True):
            assert_like_numpys(a, e)
    finally:
        row_steps.is_written.cache_clear()


def energy(x):
    return np.sum(np.sqrt(1.0 + np.tanh(x) ** 2) * x) / x.size


def difference(x):
    return np.sum((x[1:] - x[:-1]) ** 2) + np.sqrt(np.sum(x * x))


def intensity(z):
    return np.sum(np.abs(z * z + np.exp(1j * z)) ** 2)


@pytest.mark.parametrize("f", [energy, difference, intensity])
@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
def test_gradients_follow_eager(f, dtype):
    if dtype in "FD" and f is not intensity:
        return
    x = np.abs(RNG.normal(size=2 * LARGE)).astype(dtype)
    slope = gd.grad(f)
    expected = slope(x)
    for executor in ("numpy", "native"):
        fast = gd.compile(slope, executor=executor)
        fast(x)
        found = fast(x)
        assert found.dtype == expected.dtype
        limit = 10 * np.finfo(expected.dtype).eps
        np.testing.assert_allclose(found, expected, rtol=limit, atol=limit)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("spread", [1.0, 1e6])
def test_sums_of_single_precision_are_as_exact_as_numpys(threads, spread):
    x = RNG.normal(size=300_007) * np.exp(RNG.uniform(0.0, np.log(spread), 300_007))
    x = x.astype(np.float32)

    def f(x):
        return np.sum(x * 1.0000001), -x

    fast = gd.compile(f, executor="numpy", threads=threads)
    fast(x)
    found = Replay(fused(fast.newest()[1].program, threads))(x)[0]
    terms = (x * np.float32(1.0000001)).astype(np.float64)
    bound = np.finfo(np.float32).eps * np.sum(np.abs(terms))
    lost = abs(np.sum(x * np.float32(1.0000001)) - np.sum(terms))
    assert abs(found - np.sum(terms)) <= max(lost, bound)


def test_quotients_by_powers_of_two_are_products():
    x = np.concatenate([RNG.normal(size=5000), [5e-324, 1.7e308, np.inf, np.nan, -0.0]])

    def f(x):
        return x / 4.0 + x / -0.5, (x - 1.0) / 2 - x / 3.0, 2.0 / (x * x + 1.0)

    fast = gd.compile(f, executor="native")
    with np.errstate(all="ignore"):
        fast(x)
        for got, expected in zip(fast(x), f(x), strict=True):
            np.testing.assert_array_equal(got, expected)
    program = fused(fast.newest()[1].program)
    nests = [row.function.nest for row in program.rows if hasattr(row.function, "nest")]
    names = [step.name for nest in nests for step in nest.plan.steps]
    assert names.count("divide") == 2


def test_complex_numbers_over_real_ones_have_numpys_bits():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=600) + 1j * rng.normal(size=600), rng.normal(size=600)
    z[:4] = 0.0, 1.0, -0.0, np.inf
    y[:8] = 0.0, np.inf, -1.0, 2.0, -0.0, 5e-324, 1e308, -np.inf
    z[20], y[21], z[22], y[22] = np.nan, np.nan, 0.0, 0.0
    for f in (
        lambda z, y: np.conjugate(z / y),
        lambda z, y: np.conjugate(z / y[2]),
        lambda z, y: np.conjugate((y * z) / (y * y)),
        lambda z, y: np.conjugate(z / 2.5),
    ):
        fast = gd.compile(f, executor="numpy")
        with np.errstate(all="ignore"):
            wanted = fast(z, y)
            program = fused(fast.newest()[1].program)
            (got,) = Replay(program)(z, y)
        np.testing.assert_array_equal(got.real, wanted.real)
        np.testing.assert_array_equal(got.imag, wanted.imag)
