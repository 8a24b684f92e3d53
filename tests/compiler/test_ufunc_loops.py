"""Loops of ufuncs, called by native code: NumPy's own bits, on stretches of arrays."""

import math

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native import nest_phases, ufunc_loops
from chainrule.compiler.native.fusion import Fused, fused
from chainrule.compiler.native.groups import LARGE
from chainrule.compiler.native.operations import ELEMENTWISE, ufunc_of
from tests.compiler.comparing import assert_calls_at_once

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(0)
SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 5e-324, 1e308, -745.0]
CALLED = [x for x in ELEMENTWISE if ufunc_loops.loop_of(x) is not None]


def program_of(f, *args):
    fast = gd.compile(f, executor="numpy")
    fast(*args)
    return fast.newest()[1].program


def nests_in(program):
    return [row.function.nest for row in program.rows if type(row.function) is Fused]


def numbers(shape):
    x = RNG.uniform(-2.0, 2.0, shape)
    x.flat[: len(SPECIAL)] = SPECIAL
    return x


def assert_same_bits(actual, expected):
    np.testing.assert_array_equal(actual, expected)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(
        np.signbit(actual)[number], np.signbit(expected)[number]
    )


def test_functions_of_the_c_library_are_called_as_loops():
    if not ufunc_loops._is_known():
        pytest.skip("not a NumPy whose ufuncs can be read")
    assert {"arctan2", "power", "hypot"} <= set(CALLED)
    assert not {"add", "multiply", "sqrt", "maximum"} & set(CALLED)


@pytest.mark.parametrize("name", CALLED)
@pytest.mark.parametrize("shape", [(LARGE + 3,), (70, 71), (3, 5, 512)])
@np.errstate(all="ignore")
def test_results_are_numpys_to_the_bit(name, shape):
    ufunc = ufunc_of(name)
    first, second = numbers(shape), numbers(shape[::-1]).T

    def f(x, y):
        operands = (x, y, y)[: ufunc.nin]
        return ufunc(*operands), -x

    program = fused(program_of(f, first, second))
    assert nests_in(program)
    for x, y in ((first, second), (second * 1.5, first)):
        assert_same_bits(Replay(program)(x, y)[0], f(x, y)[0])


@np.errstate(all="ignore")
def test_a_chain_of_calls_and_arithmetic():
    def f(x, y):
        z = np.arctan(np.exp(-x * x) + y) * np.hypot(x, 2.0)
        w = np.where(z > 0.0, np.cbrt(z), np.roll(x, 3) ** 3.0)
        total = np.sum(np.arctan2(w, z) + np.tan(y))
        return total, w * z, np.power(np.abs(z), 1.5)

    x, y = RNG.uniform(-1.0, 1.0, (2, LARGE + 13))
    program = program_of(f, x, y)
    for threads in (1, 3):
        found, expected = Replay(fused(program, threads))(x, y), f(x, y)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-14)
        for a, e in zip(found[1:], expected[1:], strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-15, atol=0.0)


def test_masks_are_read_by_our_own_code():
    def f(x):
        return np.arctan((x > 0.0) * 1.0) + np.exp((x > 0.5).astype(float)) * x

    x = RNG.uniform(-1.0, 1.0, (LARGE,))
    np.testing.assert_allclose(
        Replay(fused(program_of(f, x)))(x)[0], f(x), rtol=1e-15, atol=0.0
    )


def test_scipys_functions_are_called_too():
    special = pytest.importorskip("scipy.special")

    def f(x):
        return special.erf(x) * x + special.xlogy(x * x, x * x + 1.0)

    x = RNG.uniform(-2.0, 2.0, (LARGE + 1,))
    fast = gd.compile(f, executor="native")
    fast(x)
    np.testing.assert_allclose(fast(x), f(x), rtol=1e-15, atol=1e-300)
    slope = gd.compile(gd.grad(lambda x: np.sum(f(x))), executor="native")
    expected = gd.grad(lambda x: np.sum(f(x)))(x)
    np.testing.assert_allclose(slope(x), expected, rtol=1e-13)


def test_threads_call_at_once():
    def f(x):
        return np.sum(np.tan(x) * np.arctan(x)) + np.sum(np.power(x, 2.5))

    fast = gd.compile(gd.grad(f), executor="native")
    inputs = [RNG.uniform(0.1, 1.0, (LARGE,)) for _ in range(8)]
    fast(inputs[0])
    assert_calls_at_once(fast, gd.grad(f), inputs, 20, rtol=1e-13)


def test_where_ufuncs_are_unknown_our_own_code_runs(monkeypatch):
    monkeypatch.setattr(nest_phases, "loop_of", lambda *_, **__: None)

    def f(x):
        return np.arctan(x * 1.25) * np.exp(-x) + np.power(x, 1.5)

    x = RNG.uniform(0.1, 1.0, (LARGE + 5,))
    found = Replay(fused(program_of(f, x)))(x)[0]
    np.testing.assert_allclose(found, f(x), rtol=1e-14)


@pytest.mark.parametrize("what", ["name", "types", "agrees", "series", "threads"])
def test_a_ufunc_that_differs_is_not_called(monkeypatch, what):
    if what == "name":
        monkeypatch.setattr(ufunc_loops, "_codes", lambda ufunc: b"")
    elif what == "types":
        assert ufunc_loops._read(np.logical_not, "x") is None
        assert ufunc_loops._read(np.divmod, "x") is None
        assert ufunc_loops._read(np.matmul, "x") is None
        return
    elif what == "agrees":
        monkeypatch.setattr(ufunc_loops, "_agrees", lambda *_: False)
    elif what == "series":
        monkeypatch.setattr(np, "__version__", "9.0.0")
        assert ufunc_loops.loop_of.__wrapped__("arctan2") is None
        return
    else:
        monkeypatch.setattr(
            ufunc_loops.sys, "_is_gil_enabled", lambda: False, raising=False
        )
        assert ufunc_loops.loop_of.__wrapped__("arctan2") is None
        return
    assert ufunc_loops._read(np.arctan2, "arctan2") is None


@pytest.mark.parametrize("n", [LARGE + 1, 100_003, 1_000_000])
@pytest.mark.parametrize("spread", [1.0, 1e8])
def test_sums_are_as_exact_as_numpys(n, spread):
    x = RNG.normal(size=n) * np.exp(RNG.uniform(0.0, math.log(spread), n)) + 0.1

    def f(x):
        y = x * 1.0000000001
        return np.sum(y), -y

    found = Replay(fused(program_of(f, x)))(x)[0]
    terms = x * 1.0000000001
    exact = math.fsum(terms)
    bound = np.finfo(float).eps * math.fsum(np.abs(terms))
    assert abs(found - exact) <= max(abs(np.sum(terms) - exact), 2.0 * bound)


@np.errstate(all="ignore")
def test_sums_of_infinities_are_numpys():
    def f(x):
        y = x * 0.75
        return np.sum(y), np.sum(y, axis=0), -y

    for value in (np.inf, -np.inf, np.nan, 1e308):
        x = np.ones((3, LARGE))
        x[1, 5] = x[1, 6] = value
        program = fused(program_of(f, x))
        for a, e in zip(Replay(program)(x), f(x), strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-15)


def test_long_chains_of_calls_use_few_buffers():
    def f(x):
        y = x
        for i in range(50):
            y = np.arctan(y) + np.exp(-y * y) * 0.5 + (x if i % 7 == 0 else 0.25)
        return y

    x = RNG.uniform(-1.0, 1.0, (LARGE + 9,))
    program = fused(program_of(f, x))
    (nest,) = nests_in(program)
    phases = nest_phases.phases_of(nest.plan)
    assert len(phases.kept) > 50
    assert max(phases.slots.values()) < 12
    assert_same_bits(Replay(program)(x)[0], f(x))


def test_many_buffers_at_once_are_none(monkeypatch):
    def f(x):
        many = [np.tan(x * (1.0 + 0.001 * i)) for i in range(20)]
        total = many[0]
        for y in reversed(many):
            total = np.tanh(total * y)
        return total

    x = RNG.uniform(-1.0, 1.0, (LARGE + 9,))
    expected = f(x)
    for most in (nest_phases.MOST, 8):
        monkeypatch.setattr(nest_phases, "MOST", most)
        program = fused(program_of(f, x))
        (nest,) = nests_in(program)
        assert bool(nest_phases.phases_of(nest.plan).loops) == (most > 8)
        np.testing.assert_allclose(Replay(program)(x)[0], expected, rtol=1e-9)
