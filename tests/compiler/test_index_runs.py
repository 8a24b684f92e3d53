"""Indices of arrays in native code: run by run, or collected and added one by one."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.collected import Gathered, Scattered
from chainrule.compiler.native.fusion import fused
from chainrule.compiler.native.index_runs import MOST, runs_of

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(0)
N = 5000
MODES = ["edge", "reflect", "wrap", "symmetric"]


def functions_of(f, *args):
    """Return the functions of the rows that are not read as they are."""
    fast = gd.compile(f, executor="numpy")
    fast(*args)
    program = fused(fast.newest()[1].program, floats=True)
    return {type(row.function) for row in program.rows if row.shape is not None}


def check(f, x, rtol=1e-13):
    derived = gd.value_and_grad(f)
    fast = gd.compile(derived, executor="native")
    for sign in (1.0, -1.0):
        (value, slope), expected = fast(sign * x), derived(sign * x)
        np.testing.assert_allclose(value, expected[0], rtol=1e-12)
        np.testing.assert_allclose(slope, expected[1], rtol=rtol, atol=1e-13)
    program = fast.stats()["programs"][0]
    assert program["executor"] == "native code"
    assert program["numpy_rows"] == {}
    assert all(x["executor"] == "native code" for x in program["loops"])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(N,), (70, 80)])
def test_borders_that_repeat_are_read_in_place(mode, shape):
    def f(x):
        wide = np.pad(x, 3, mode=mode)
        return np.sum(np.sin(wide[:-2]) ** 2) + np.sum(wide[3:] * wide[:-3])

    x = RNG.normal(size=shape)
    check(f, x)
    assert Scattered not in functions_of(gd.grad(f), x)


@pytest.mark.parametrize("size", [1, 2, 5, 30])
def test_runs_are_the_index(size):
    for _ in range(50):
        index = RNG.integers(-size, size, RNG.integers(1, 12))
        index = np.concatenate([index[:2], np.arange(size), index[2:]])
        found = runs_of(index, size)
        places = [np.arange(size)[run.places] for run in found]
        stop = found[-1].stop
        assert stop == len(index) or len(found) == MOST + 1
        np.testing.assert_array_equal(np.concatenate(places), index[:stop] % size)
        assert [r.stop - r.start for r in found] == list(map(len, places))


def test_entries_in_no_order_are_collected_and_added():
    i, p = RNG.integers(0, N, 2 * N), RNG.permutation(N)

    def f(x):
        flow = np.tanh(x[i[:N]] - x[p])
        return np.sum(flow * np.bincount(i, weights=x[i] ** 2, minlength=N))

    x = RNG.normal(size=N)
    check(f, x, rtol=1e-11)
    found = functions_of(gd.grad(f), x)
    assert {Gathered, Scattered} <= found
    rows = RNG.permutation(70)
    check(
        lambda x: np.sum(np.tanh(x[rows]) * x[rows[::-1]] * x), x[:4900].reshape(70, 70)
    )


def test_they_are_part_of_loops():
    i, p = RNG.integers(0, N, 2 * N), RNG.permutation(N)

    def step(c, _):
        spread = np.bincount(i, weights=np.tanh(c[i]), minlength=N)
        border = np.pad(c, 1, mode="edge")
        return c + 0.1 * (np.tanh(c[p]) + 0.1 * spread + border[2:] - c), None

    check(
        lambda x: np.sum(gd.scan(step, x, None, length=5)[0] ** 2), RNG.normal(size=N)
    )


def test_places_are_those_of_the_call():
    x = RNG.normal(size=(6, 7))
    index = RNG.integers(0, 42, (3, 4))
    found = Gathered((3, 4), index)
    np.testing.assert_array_equal(found(x), x.ravel()[index])
    z = np.empty((3, 4))
    found.bound((x,), (z,))()
    np.testing.assert_array_equal(z, x.ravel()[index])
    summed, total = Scattered((6, 7), index), np.full((6, 7), np.nan)
    summed.bound((z,), (total,))()
    np.testing.assert_allclose(total, summed(z), rtol=1e-15)
