"""Arrays of integers that are arguments pick entries of large arrays natively."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.fusion import fused
from chainrule.compiler.native.indexed import Indexed
from chainrule.compiler.native.single_rows import Remainder
from chainrule.compiler.native.whole_numbers import Within
from chainrule.compiler.programs.signals import NanFound
from tests.compiler.comparing import assert_same

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

N = 40
RNG = np.random.default_rng(5)


def summed(z):
    """Return a number that depends on each entry in a way of its own."""
    return np.sum(
        np.sin(z) * np.cos(0.3 * z) * np.linspace(1.0, 2.0, z.size).reshape(z.shape)
    )


def added(z, index, y):
    """Return an array after entries were added at an index."""
    z = z * 1.5
    np.add.at(z, index, y)
    return z


def written(z, index, y):
    """Return an array after entries were written at an index."""
    z = z * 1.5
    z[index] = y
    return z


def into_zeros(shape, index, y):
    """Return zeros with entries added at an index."""
    z = gd.zeros(shape)
    np.add.at(z, index, y)
    return z


def extreme(ufunc, z, index, y):
    """Return an array after extremes were taken at an index."""
    z = z * 1.5
    ufunc.at(z, index, y)
    return z


# Functions of x (N,), m (N, 12), w (600,) and the integers i, j (600,), k (60, 20).
FUNCTIONS = {
    "entries": lambda x, m, w, i, j, k: x[i] * w - x[j],
    "taken": lambda x, m, w, i, j, k: np.take(x, k) * np.take(x * x, k, axis=0),
    "rows": lambda x, m, w, i, j, k: (m[i] - m[j]) * w[:, None],
    "rows of several axes": lambda x, m, w, i, j, k: np.mean(m[k], axis=1) * 3.0,
    "columns": lambda x, m, w, i, j, k: m.T[:, i] * w,
    "parts of rows": lambda x, m, w, i, j, k: m[i, 1:-1:2] * x[j][:, None],
    "both axes": lambda x, m, w, i, j, k: m[i, j % 12] * w,
    "a fixed column": lambda x, m, w, i, j, k: m[i, 3] * m[-1, j % 12],
    "constants beside": lambda x, m, w, i, j, k: m[np.arange(600) % N, i % 12] * w,
    "a grid": lambda x, m, w, i, j, k: m[i[:30, None], j[:20] % 12] * 2.0,
    "axes apart": lambda x, m, w, i, j, k: (
        np.reshape(m, (N, 3, 4))[i, :, j % 4] * w[:, None]
    ),
    "strided integers": lambda x, m, w, i, j, k: x[k[:, 1:15:2]] * x[k[::-1, :7]],
    "shifted integers": lambda x, m, w, i, j, k: x[(i + 1) % N] - x[np.abs(j) % N],
    "turned": lambda x, m, w, i, j, k: m.T[j % 12, i] * w,
    "sums": lambda x, m, w, i, j, k: into_zeros(N, i, w * x[j]) * x,
    "sums of rows": lambda x, m, w, i, j, k: added(m, i, m[j] * w[:, None]),
    "sums of one row": lambda x, m, w, i, j, k: added(m, i, m[3]),
    "sums of numbers": lambda x, m, w, i, j, k: added(x, i, x[3] * x[1]),
    "sums at both": lambda x, m, w, i, j, k: added(m, (i, j % 12), w),
    "sums over several axes": lambda x, m, w, i, j, k: added(
        m, k, np.reshape(w, (60, 10, 1))[:, 2:3] * m[0]
    ),
    "counted": lambda x, m, w, i, j, k: (
        np.bincount(i % N, weights=w * x[j], minlength=N) * x
    ),
    "written": lambda x, m, w, i, j, k: written(x, i, w * x[j]),
    "written rows": lambda x, m, w, i, j, k: written(m, (slice(None), j % 12), w * 2.0),
    "largest": lambda x, m, w, i, j, k: extreme(np.maximum, x, i, w * x[j]),
    "largest rows": lambda x, m, w, i, j, k: extreme(
        np.maximum, m, i, m[j] * w[:, None]
    ),
    "smallest": lambda x, m, w, i, j, k: extreme(np.minimum, m, (i, j % 12), w),
    "numbers written": lambda x, m, w, i, j, k: written(x, i, 2.0) * x,
}


def integers(kind, dtype=np.int64):
    """Return two arrays of places of 40 entries, and one of two axes."""
    made = {
        "any": lambda n: RNG.integers(-N, N, n),
        "of zero on": lambda n: RNG.integers(0, N, n),
        "sorted": lambda n: np.sort(RNG.integers(0, N, n)),
        "equal": lambda n: np.full(n, -1),
    }[kind]
    i, j, k = made(600), made(600), made(1200).reshape(60, 20)
    return i.astype(dtype), j.astype(dtype), k.astype(dtype)


def check(f, *args_of_calls, rtol=1e-12, scale=1.0):
    """Compare a compiled function with itself, uncompiled."""
    fast = gd.compile(f, executor="native")
    for args in args_of_calls:
        assert_same(fast(*args), f(*args), rtol, scale)
    stats = fast.stats()
    assert len(stats["programs"]) == 1
    assert stats["programs"][0]["executor"] == "native code"
    return stats


def arrays():
    return RNG.normal(size=N), RNG.normal(size=(N, 12)), RNG.normal(size=600)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_integers_of_each_call_are_read(name):
    pick = FUNCTIONS[name]

    def f(x, m, w, i, j, k):
        return summed(pick(x, m, w, i, j, k))

    calls = [(*arrays(), *integers(kind)) for kind in ("any", "sorted", "equal")]
    check(pick, *calls)
    stats = check(gd.value_and_grad(f, (0, 1, 2)), *calls)
    assert stats["nan_reruns"] == 0

    def product(x, m, w, i, j, k):
        slopes = gd.grad(f, (0, 1, 2))(x, m, w, i, j, k)
        return sum(np.sum(np.tanh(s) * 0.5) for s in slopes)

    check(gd.grad(product, (0, 1, 2)), *calls, rtol=1e-11)


@pytest.mark.parametrize("name", ["rows", "sums", "both axes", "written"])
def test_tangents_are_picked_too(name):
    def f(x, m, w, i, j, k):
        given = (x, m, w)
        tangents = tuple(np.cos(v) for v in given)
        return gd.jvp(lambda *v: FUNCTIONS[name](*v, i, j, k), given, tangents)

    check(f, (*arrays(), *integers("any")), (*arrays(), *integers("of zero on")))


def names_of_calls(f, *args):
    """Return the functions that are called between the instructions of a tape."""
    fast = gd.compile(f, executor="native")
    fast(*args)
    return [getattr(x, "name", "") for x in fast.newest()[1].run._parts]


@pytest.mark.parametrize("name", ["entries", "rows", "sums", "a grid", "columns"])
def test_nothing_is_left_to_numpy(name):
    args = *arrays(), *integers("any")
    pick = FUNCTIONS[name]
    fast = gd.compile(
        gd.grad(lambda *v: summed(pick(*v)), (0, 1, 2)), executor="native"
    )
    fast(*args)
    left = set(fast.stats()["programs"][0]["numpy_rows"])
    assert not left & {"take", "getitem", "unindex", "added_at"}
    assert "within" in names_of_calls(pick, *args)


@pytest.mark.parametrize("dtype", ["int32", "uint8", "int16"])
@pytest.mark.parametrize("many", [600, 6000])
def test_integers_of_any_kind(dtype, many):
    def f(x, i):
        return np.sum(np.sin(x[i]) * np.arange(many)) + np.sum(
            np.bincount(i.astype(int), weights=x[i] ** 2, minlength=N) ** 2
        )

    i = RNG.integers(0, N, many).astype(dtype)
    check(gd.value_and_grad(f), (RNG.normal(size=N), i), (np.ones(N), i[::-1]))


@pytest.mark.parametrize("many", [600, 6000])
@pytest.mark.parametrize("outside", [N, -N - 1, 2**40])
def test_what_is_outside_is_an_error(many, outside):
    def f(x, i):
        z = gd.zeros(N)
        np.add.at(z, i, x[i[::-1]] * 2.0)
        return np.sum(np.sin(z))

    for g in (f, gd.grad(f), lambda x, i: np.sum(x[i])):
        fast = gd.compile(g, executor="native")
        x, good = RNG.normal(size=N), RNG.integers(-N, N, many)
        np.testing.assert_allclose(fast(x, good), g(x, good))
        for place in (0, many // 2, many - 1):
            bad = good.copy()
            bad[place] = outside
            with pytest.raises(IndexError, match="out of bounds"):
                fast(x, bad)
        np.testing.assert_allclose(fast(x, good), g(x, good))


def run_in_loops(f, *args):
    """Return the results of a program that NumPy runs, with loops in native code."""
    fast = gd.compile(f, executor="numpy")
    expected = fast(*args)
    program = fused(fast.newest()[1].program)
    names = {type(row.function) for row in program.rows}
    assert {Indexed, Within} <= names
    return Replay(program), expected


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
@pytest.mark.parametrize(
    "name",
    ["entries", "rows", "columns", "both axes", "a grid", "sums", "sums of rows",
     "parts of rows", "largest"],
)  # fmt: skip
def test_numbers_of_other_kinds_are_picked_without_a_tape(name, dtype):
    if name in ("largest", "sums") and dtype in "FD":
        pytest.skip("NumPy orders no complex numbers, and the zeros are real")

    def f(x, m, w, i, j, k):
        z = FUNCTIONS[name](x, m, w, i, j, k)
        return np.sum(np.abs(z) ** 2), z

    def given(kind, number=np.int64):
        values = [v + 0.5 * v[::-1] * (1j if dtype in "FD" else 1) for v in arrays()]
        return [v.astype(dtype) for v in values], integers(kind, number)

    slopes = gd.grad(lambda *v: f(*v)[0], (0, 1, 2))
    for g in (lambda *v: f(*v)[1], slopes):
        (x, m, w), places = given("any")
        run, _ = run_in_loops(g, x, m, w, *places)
        for kind in ("any", "of zero on"):
            (x, m, w), places = given(kind)
            args = x[::-1], np.asfortranarray(m), w, *places
            found, expected = run(*args), g(*args)
            expected = expected if isinstance(expected, tuple) else (expected,)
            rtol = 1e-5 if dtype in "fF" else 1e-12
            for mine, theirs in zip(found, expected, strict=True):
                assert_same(mine, theirs, rtol, 1.0)
        for bad in places[:2]:
            bad[7] = N
        with pytest.raises(NanFound):
            run(x, m, w, *places)


def test_short_integers_and_narrow_parts_without_a_tape():
    def f(x, w, i):
        z = gd.zeros(N)
        np.add.at(z, i, w * x[i])
        return np.sum(z * z)

    x, w, i = RNG.normal(size=N), RNG.normal(size=600), integers("any", np.int32)[0]
    x, w = x.astype(np.float32), w.astype(np.float32)
    g = gd.value_and_grad(f, (0, 1))
    run, _ = run_in_loops(g, x, w, i)
    value, slopes = g(x, w, i[::-1])
    assert_same(run(x, w, i[::-1]), (value, *slopes), 1e-5, 1.0)


def test_large_arrays_are_picked_from_where_they_are():
    """Arguments, results and integers of many entries lie outside of the workspace."""

    def f(x, w, edges):
        i, j = edges
        flow = np.tanh(x[i] - x[j]) * w[:, None]
        z = np.zeros_like(x)
        np.add.at(z, i, flow)
        np.add.at(z, j, -flow)
        return np.sum(z * z), z, i + 1

    n, many = 3000, 9000
    x, w = RNG.normal(size=(n, 3)), RNG.normal(size=many)
    calls = [(x, w, RNG.integers(-n, n, (2, many))) for _ in range(2)]
    check(f, *calls)
    check(gd.grad(lambda *v: f(*v)[0], (0, 1)), *calls, rtol=1e-11)


def test_a_product_that_is_added_up_is_a_loop():
    """NumPy would make an array for it in each call."""

    def f(x, w, i, j):
        return np.sum(np.tanh(into_zeros(N, i, w * x[j])))

    places = RNG.integers(0, N, (2, 9000))
    fast = gd.compile(gd.grad(f, (0, 1)), executor="native")
    fast(RNG.normal(size=N), RNG.normal(size=9000), *places)
    assert fast.stats()["programs"][0]["numpy_rows"] == {}


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
@pytest.mark.parametrize("n", [1, 2, 7, 64, 100])
def test_remainders_are_those_of_numpy(n, dtype):
    limits = np.iinfo(dtype)
    x = RNG.integers(limits.min, limits.max, 5000, endpoint=True, dtype=dtype)
    x[:2] = limits.min, limits.max
    found = Remainder(n)(x)
    np.testing.assert_array_equal(found, x % n)
    assert found.dtype == x.dtype


def test_places_that_go_round():
    def f(x, q):
        cell = np.floor(x).astype(int)
        near, part = cell % N, x - cell
        z = into_zeros(N, near, q * (1 - part))
        return np.sum((z + into_zeros(N, (cell + 1) % N, q * part)) ** 2)

    calls = [(RNG.normal(size=6000) * 50, RNG.normal(size=6000)) for _ in range(2)]
    check(gd.value_and_grad(f, (0, 1)), *calls)


def test_integers_that_loops_read_too():
    """Integers of which a tape has floats are read as such."""

    def f(x, i, s):
        j = np.where(i < 2000, i + 1, 0)
        return np.sum(np.sin(x[i]) * x[j] * (i * s)), j

    calls = [
        (RNG.normal(size=5000), RNG.integers(0, 5000, 8000), 0.1) for _ in range(2)
    ]
    check(f, *calls)
    check(gd.grad(lambda *v: f(*v)[0]), *calls)


def test_loops_and_maps_read_integers_from_outside():
    def f(x, w, i, j):
        def step(c, _):
            z = c * 0.9
            np.add.at(z, j, w * np.tanh(c[i]) * 0.01)
            return z, None

        return np.sum(gd.scan(step, x, None, length=4)[0] ** 2)

    def mapped(x, w, i, j):
        found = gd.vmap(lambda row, i: row[i] * w, in_axes=(0, None))(x, i)
        return np.sum(np.sin(found)) + np.sum(
            gd.vmap(lambda row, i: np.tanh(row[i]), in_axes=(None, 0))(
                x[0], np.reshape(j, (6, 100))
            )
        )

    i, j, _ = integers("any")
    for g, x in ((f, RNG.normal(size=N)), (mapped, RNG.normal(size=(5, N)))):
        calls = [(x, RNG.normal(size=600), *p) for p in ((i, j), (j, i))]
        check(gd.value_and_grad(g, (0, 1)), *calls, rtol=1e-11)


def test_an_array_that_is_filled_is_not_written_first():
    """What is overwritten as a whole is no row, and neither is its derivative."""

    def f(x, i):
        return np.sum(np.tanh(into_zeros((N, 3), i, x)))

    fast = gd.compile(gd.grad(f), executor="native")
    fast(np.ones((600, 3)), integers("any")[0])
    assert "setitem" not in gd.program(fast)

    def filled(x):
        z = np.sin(x)
        z[...] = 2.0
        y = x * x
        y[:] = z + x.T
        return y, z

    check(filled, (RNG.normal(size=(3, 3)),), (np.zeros((3, 3)),))


@pytest.mark.parametrize("shape", [(0,), (0, 4)])
def test_no_integers(shape):
    def f(x, m, i):
        return added(m, i, np.sin(m[i])) * np.sum(x)

    m = RNG.normal(size=(N, 12))
    check(f, (RNG.normal(size=N), m, np.zeros(shape, int)))
