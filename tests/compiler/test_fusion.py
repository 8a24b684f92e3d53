"""Elementwise rows of large arrays, fused: equal to NumPy, in an order that can run."""

import math

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler import trial
from chainrule.compiler.executors import costs
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.collected import AddedAt, Scattered
from chainrule.compiler.native.fusion import Fused, fused
from chainrule.compiler.native.groups import LARGE
from chainrule.compiler.native.matrix_products import Product
from chainrule.compiler.programs.signals import NanFound
from chainrule.compiler.tape.tape import Tape
from tests.compiler.comparing import free

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

N = (1 << 12) + 77


def arrays(count, shape=(N,)):
    rng = np.random.default_rng(0)
    return [rng.uniform(0.5, 1.5, shape) for _ in range(count)]


def program_of(f, *args):
    fast = gd.compile(f, executor="numpy")
    fast(*args)
    return fast.newest()[1].program


def chain(x, y):
    z = np.tanh(np.exp(np.sin(x * y) + x) / y - x)
    return 0.5 * np.log(np.sqrt(1.0 + z * z))


def gradient(x, y):
    return gd.value_and_grad(lambda x, y: np.sum(chain(x, y)), (0, 1))(x, y)


def around(x, y):
    """A path leaves the group through a sum and comes back."""
    z = np.exp(np.sin(x) * y) + 1.0
    total = np.sum(z)
    w = np.log(z + total) * y - x
    return w * w + np.cos(w), total


def of_two_shapes(x, y):
    z = np.exp(x) * y + x
    rows = z.reshape(-1, 1)[:, :1]
    w = np.sin(rows) * 2.0 + rows * rows - np.cos(rows)
    return (w.ravel() + z) * y - z / x


def with_masks(x, y):
    positive = x > y
    z = np.where(positive, x * y, np.sqrt(y) - x)
    return np.maximum(z, 0.25) * np.where(~positive, z, 2.0) + np.abs(z - x)


def broadcasting(x, y):
    z = x.reshape(1, -1) * np.array([[1.0], [2.0]])
    return np.exp(-z) * z + np.sin(z) * y - 3.0 * z


def on_tape(program, *, hasten=True):
    tape = Tape(fused(program, floats=True))
    if hasten:
        tape.hasten()
    return tape


def assert_close(actual, expected):
    for a, e in zip(actual, expected, strict=True):
        assert np.shape(a) == np.shape(e)
        assert np.asarray(a).dtype == np.asarray(e).dtype
        np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "f", [chain, around, of_two_shapes, with_masks, broadcasting, gradient]
)
def test_fused_is_numpy(f):
    args = arrays(2)
    program = program_of(f, *args)
    quick = fused(program)
    assert quick is not None
    assert any(isinstance(row.function, Fused) for row in quick.rows)
    for scale in (1.0, 0.7):
        moved = [x * scale for x in args]
        expected = Replay(program)(*moved)
        for run in (Replay(quick), on_tape(program), on_tape(program, hasten=False)):
            assert_close(run(*moved), expected)


def test_the_program_itself_stays_readable():
    program = program_of(chain, *arrays(2))
    before = [row.function for row in program.rows]
    fused(program)
    assert [row.function for row in program.rows] == before


def test_small_arrays_and_few_rows_are_left_alone():
    assert fused(program_of(chain, *arrays(2, (LARGE // 2,)))) is None
    assert fused(program_of(lambda x, y: x * y, *arrays(2))) is None


def test_results_are_of_their_own_memory():
    args = arrays(2)
    program = program_of(gradient, *args)
    for run in (Replay(fused(program)), on_tape(program)):
        first = run(*args)
        kept = [np.copy(x) for x in first]
        run(*[x * 0.5 for x in args])
        for a, e in zip(first, kept, strict=True):
            np.testing.assert_array_equal(a, e)


def test_a_nan_in_a_gradient_is_found():
    def root(x, y):
        inside = np.where(x > 1.0, np.sqrt(x - 1.0), 0.0)
        return np.sum(inside * y + np.exp(x) * np.sin(y))

    x, y = arrays(2)
    program = program_of(gd.grad(root), x + 1.0, y)
    for run in (Replay(fused(program)), on_tape(program)):
        with pytest.raises(NanFound):
            run(x, y)


@pytest.mark.parametrize("room", [-1.0, math.inf])
def test_a_long_run_goes_over_to_fused_rows(monkeypatch, room):
    monkeypatch.setattr(costs, "room", lambda _: room)
    monkeypatch.setattr(costs, "ROOM", room)
    free(monkeypatch)
    args = arrays(2, (1 << 15,))
    fast = gd.compile(gradient)
    fast(*args)
    assert fast.wait(60)
    found = fast(*args)
    ran = fast.stats()["programs"][0]
    assert ("fused" if room < 0 else "compiled together") in ran["because"]
    assert ran["executor"] == ("numpy" if room < 0 else "native code")
    np.testing.assert_allclose(found[1][0], gradient(*args)[1][0], atol=1e-12)
    assert "fused" not in gd.source(fast)


def mixture(x, y):
    """Sums over short trailing axes, broadcasts, products of matrices, repeats."""
    points, centres = x[:4000].reshape(2000, 2), y[:6].reshape(3, 2)
    factors = y[6:18].reshape(3, 2, 2)
    white = (points - centres[:, None]) @ np.swapaxes(factors, 1, 2)
    score = y[:3, None] - 0.5 * np.sum(white * white, axis=2)
    top = np.max(score, axis=0)
    likelihood = top + np.log(np.sum(np.exp(score - top), axis=0))
    again = x[np.arange(8000) % 5].reshape(4, 2000) * top
    positive = np.sum(np.sum(score > 0.0, axis=1) * y[:3])
    return np.sum(likelihood) + positive + np.sum(again.T[7])


def test_what_is_added_at_places_that_are_known_is_one_pass():
    places = np.random.default_rng(3).integers(0, 1500, 4000)

    def assembled(x, y):
        z = gd.zeros((1500, 4))
        np.add.at(z, places, y * x[places])
        w = np.sin(z) * x
        np.add.at(w, (slice(None), np.array([1, 1, 3])), z[:, :3])
        np.add.at(w, places[:10], 2.0)
        return w

    x, y = np.random.default_rng(4).normal(size=(2, 6000))
    x, y = x.reshape(1500, 4), np.resize(y, (4000, 4)) + 1.0
    program = program_of(assembled, x, y)
    quick = fused(program)
    kinds = [type(row.function) for row in quick.rows]
    assert (kinds.count(AddedAt), kinds.count(Scattered)) == (1, 1)
    for run in (Replay(quick), on_tape(program)):
        for scale in (1.0, 0.7):
            assert_close(run(scale * x, y), Replay(program)(scale * x, y))


def test_a_mixture_is_fused_with_products_and_sums():
    f = gd.value_and_grad(mixture, (0, 1))
    args = arrays(2)
    program = program_of(f, *args)
    quick = fused(program)
    names = {type(row.function) for row in quick.rows}
    assert {Fused, Product, Scattered} <= names
    runs = Replay(quick), on_tape(program)
    for scale in (1.0, 0.7, 1.0):
        moved = [x * scale for x in args]
        for run in runs:
            assert_close(run(*moved), Replay(program)(*moved))
            run.poison()


@np.errstate(all="ignore")
def test_the_power_of_a_half_is_the_root_that_numpy_takes():
    def f(x):
        return (x + x) ** 0.5

    x = np.tile([-0.0, -np.inf, 4.0], N)
    (found,) = Replay(fused(program_of(f, np.ones(x.shape))))(x)
    np.testing.assert_array_equal(found, f(x))
    np.testing.assert_array_equal(np.signbit(found[::3]), True)


@pytest.mark.parametrize("room", [-1.0, math.inf])
def test_an_error_after_a_decision_is_no_error_before_it(room, monkeypatch):
    free(monkeypatch)
    monkeypatch.setattr(costs, "room", lambda _: room)
    monkeypatch.setattr(trial, "TURN", 100)

    def f(x, a):
        y = np.sin(x)
        if np.sum(y) < 0:
            return y * 0.0
        return (y * 2.0 + np.linalg.inv(a)) * np.cos(y)

    n = 64
    x, regular, singular = np.ones((n, n)), np.eye(n), np.zeros((n, n))
    fast = gd.compile(f)
    for _ in range(3):
        np.testing.assert_allclose(fast(x, regular), f(x, regular), rtol=1e-12)
        assert fast.wait(60)
    assert fast.newest()[1].choice.reason != "not yet for long"
    np.testing.assert_array_equal(fast(-x, singular), f(-x, singular))
    with pytest.raises(np.linalg.LinAlgError):
        fast(x, singular)


@pytest.mark.parametrize("name", ["max", "min", "sum"])
def test_arrays_with_short_rows_are_reduced_in_loops(name):
    def f(x, y):
        pooled = getattr(np, name)(np.reshape(np.tanh(x), (50, 7, 2, 7, 2)), (2, 4))
        lines = getattr(np, name)(y, axis=1)
        return np.sum(pooled**2) + np.sum(lines * lines)

    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(50, 14, 14)), rng.normal(size=(900, 6))
    fast = gd.compile(gd.value_and_grad(f, (0, 1)), executor="native")
    for sign in (1.0, -1.0):
        value, slopes = fast(sign * x, y)
        expected, others = gd.value_and_grad(f, (0, 1))(sign * x, y)
        np.testing.assert_allclose(value, expected, rtol=1e-13)
        for a, e in zip(slopes, others, strict=True):
            np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-15)
    left = fast.stats()["programs"][0]["numpy_rows"].keys()
    assert left <= {"tanh", "max"}  # the last looks for nan
    x[3, 4, 5] = np.nan
    assert np.isnan(fast(x, y)[0])


def plans_of(f, *args):
    """Return the plans of the loop nests of a function, in the order of running."""
    fast = gd.compile(f)
    fast(*args)
    loops = fused(fast.newest()[1].program)
    rows = [row for row in loops.rows if row.shape is None]
    return [row.function.nest.plan for row in rows]


def test_what_is_only_summed_is_computed_with_what_reads_the_same_later():
    def f(x, y):
        jumps = np.sqrt((x[1:] - x[:-1]) ** 2 + 1e-3)
        return np.sum((x - y) ** 2) + 0.5 * np.sum(jumps)

    x, y = np.cos(np.arange(6000.0)), np.linspace(0.0, 1.0, 6000)
    plans = plans_of(gd.value_and_grad(f), x, y)
    assert [len(p.reductions) for p in plans] == [1, 2]
    fast = gd.compile(gd.value_and_grad(f), executor="native")
    value, slope = fast(x, y)
    expected = gd.value_and_grad(f)(x, y)
    np.testing.assert_allclose(value, expected[0], rtol=1e-13)
    np.testing.assert_allclose(slope, expected[1], rtol=1e-12, atol=1e-13)


def test_a_sum_that_is_read_before_or_decided_on_is_not_late():
    def f(x, y):
        size = np.sum((x - y) ** 2)
        jumps = np.sqrt((x[1:] - x[:-1]) ** 2 + size)
        return np.sum(jumps) * (2.0 if size > 1.0 else 3.0)

    x, y = np.cos(np.arange(6000.0)), np.linspace(0.0, 1.0, 6000)
    g = gd.value_and_grad(f)
    fast = gd.compile(g, executor="native")
    for given in ((x, y), (y, y + 1e-6), (x, y)):
        found, expected = np.hstack(fast(*given)), np.hstack(g(*given))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)
