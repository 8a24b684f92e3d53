"""Every operation of the registry, compiled and compared with eager; none is named."""

from __future__ import annotations

import math
from itertools import chain

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors import choice as executors
from chainrule.compiler.executors import costs
from chainrule.compiler.native import groups, single_rows
from chainrule.compiler.native import llvm as native
from chainrule.compiler.tape import held, lowering, tape
from chainrule.nodes.recorder import record
from tests.compiler.comparing import free
from tests.helpers import (
    RULES,
    as_tuple,
    assert_close,
    calls_of,
    in_dtype,
    is_inexact,
    noise,
)

CALLS = list(chain.from_iterable(map(calls_of, RULES)))
COMPLEX = [
    in_dtype(c, "complex128")
    for c in CALLS
    if "complex128" in c.rule.dtypes
    and np.dtype(c.parameters.get("dtype", complex)).kind == "c"
]
SINGLE = [in_dtype(c, "float32") for c in CALLS if "float32" in c.rule.dtypes]
EXACT, SINGLE_PRECISION = 1e-12, 2e-5


def per(calls):
    names = [c.label + f"-{c.dtype}" * (c.dtype != "float64") for c in calls]
    return pytest.mark.parametrize("call", calls, ids=names)


def functions(call):
    """Return the operation, its pullback, its pushforward and a second derivative."""
    values = call.draw()
    moving = call.moving(values)
    rng = np.random.default_rng(1)
    seeds = [noise(rng, z) for z in call.value(values)]
    dots = [noise(rng, values[i]) for i in moving]

    def plain(*operands):
        filled = list(values)
        for i, x in zip(moving, operands, strict=True):
            filled[i] = x
        results = as_tuple(record(call.rule, filled, call.parameters))
        return tuple(z for z in results if is_inexact(gd.value(z)) or is_traced(z))

    def pulled(*operands):
        return gd.vjp(plain, *operands)[1](tuple(seeds))

    def pushed(*operands):
        return gd.jvp(plain, operands, tuple(dots))[1]

    def second(*operands):
        return gd.jvp(pulled, operands, tuple(dots))[1]

    return [values[i] for i in moving], (plain, pulled, pushed, second)


def is_traced(z):
    return getattr(gd.value(z), "dtype", np.dtype(int)).kind in "fc"


def assert_same(actual, expected, limit):
    for a, e in zip(as_tuple(actual), as_tuple(expected), strict=True):
        assert np.shape(a) == np.shape(e)
        assert np.asarray(a).dtype == np.asarray(e).dtype
        assert_close(a, e, limit, scale=1e-2)


def assert_eager(call, limit, executor, scales=(1.0, 0.875)):
    """Compare a call and its derivatives with eager, at points of one program."""
    operands, found = functions(call)
    for f in found:
        fast = gd.compile(f, executor=executor)
        for scale in scales:
            moved = [x * scale for x in operands]
            try:
                expected = f(*moved)
            except np.linalg.LinAlgError:
                continue
            for known in fast.signatures.values():
                for path in known.paths:
                    path.run.poison()
            assert_same(fast(*moved), expected, limit)
            assert fast.wait(60)
        assert fast.stats()["retraces"] == 0


@per([*CALLS, *COMPLEX, *SINGLE])
@np.errstate(all="ignore")
def test_compiled_is_eager(call):
    limit = SINGLE_PRECISION if call.dtype == "float32" else EXACT
    assert_eager(call, limit, "auto")


@pytest.mark.skipif(not native.available(), reason="the VM needs llvmlite")
@per(CALLS)
@np.errstate(all="ignore")
def test_the_vm_is_eager(call):
    assert_eager(call, EXACT, "vm")


@pytest.mark.skipif(not native.available(), reason="native code needs llvmlite")
@pytest.mark.thinned(2)
@per(CALLS)
@np.errstate(all="ignore")
def test_native_code_is_eager(call):
    assert_eager(call, EXACT, "native")


@pytest.mark.skipif(not native.available(), reason="native code needs llvmlite")
@pytest.mark.thinned(3)
@pytest.mark.parametrize("room", [-1.0, math.inf])
@per(CALLS)
@np.errstate(all="ignore")
def test_loops_in_native_code_are_eager(call, room, monkeypatch):
    assert_eager_in_loops(call, EXACT, room, monkeypatch)


@pytest.mark.slow
@pytest.mark.skipif(not native.available(), reason="native code needs llvmlite")
@per([*COMPLEX, *SINGLE])
@np.errstate(all="ignore")
def test_loops_of_other_numbers_are_eager(call, monkeypatch):
    limit = SINGLE_PRECISION if call.dtype == "float32" else EXACT
    assert_eager_in_loops(call, limit, math.inf, monkeypatch)


def assert_eager_in_loops(call, limit, room, monkeypatch):
    """Compare a call and its derivatives, with loops of any size in native code."""
    free(monkeypatch)
    for module, name in (
        (groups, "LARGE"),
        (costs, "LARGE"),
        (single_rows, "WORTH"),
        (held, "HELD"),
        (lowering, "HELD"),
        (lowering, "LARGE"),
        (tape, "HELD"),
    ):
        monkeypatch.setattr(module, name, 1)
    monkeypatch.setattr(costs, "room", lambda _: room)
    monkeypatch.setattr(executors, "_TRIFLE", 0.0)
    assert_eager(call, limit, "auto", scales=(1.0, 0.875, 0.75))


@pytest.mark.skipif(not native.available(), reason="the VM needs llvmlite")
@pytest.mark.parametrize("shape", [(2,), (1, 3), (3, 2), (2, 9)])
def test_a_sum_of_negative_zeros_is_zero(shape):
    zeros = np.full(shape, -0.0)
    fast = gd.compile(lambda x: (np.sum(x), np.sum(x, axis=0)), executor="vm")
    for a, e in zip(fast(zeros), (np.sum(zeros), np.sum(zeros, axis=0)), strict=True):
        np.testing.assert_array_equal(np.signbit(a), np.signbit(e))


@pytest.mark.skipif(not native.available(), reason="the VM needs llvmlite")
def test_what_moves_entries_is_not_left_to_numpy():
    def f(x, y):
        joined = np.concatenate([np.stack([x, y]).ravel(), x[1:], np.flip(y)])
        turned = np.reshape(joined[:6], (2, 3)).T[:, None]
        mask = np.where(turned > 1.0, turned, np.broadcast_to(y, (3, 1, 3))[..., :2])
        return np.sum(mask**2) + np.max(x) * np.sum(x > y) + y @ x

    args = np.array([1.0, 2.0, 3.0]), np.array([1.5, 0.5, 2.5])
    for g in (f, gd.grad(f, (0, 1))):
        fast = gd.compile(g, executor="vm")
        assert_same(fast(*args), g(*args), EXACT)
        assert fast.stats()["programs"][0]["numpy_rows"] == {}


@pytest.mark.parametrize("executor", ["numpy", "native"])
@pytest.mark.parametrize("index", ["first", "middle", "table", "last", "few", "mixed"])
def test_many_entries_of_one_axis_are_taken(index, executor):
    if executor == "native":
        pytest.importorskip("llvmlite")
    rng = np.random.default_rng(3)
    x, places = rng.standard_normal((6, 50, 4)), rng.integers(-6, 6, 200)
    chosen = {
        "first": places,
        "middle": (slice(None), places * 8),
        "table": (slice(None), places.reshape(20, 10)),
        "last": (slice(None), slice(None), places % 4),
        "few": (slice(None), slice(None), slice(None, 2), None),
        "mixed": (slice(1, None), places),
    }[index]

    def picked(x):
        return np.tanh(x[chosen])

    def total(x):
        return np.sum(picked(x) ** 2)

    fast = gd.compile(picked, executor=executor)
    np.testing.assert_array_equal(gd.value(fast(x)).shape, picked(x).shape)
    np.testing.assert_allclose(fast(x), picked(x), rtol=1e-14)
    takes = index in ("first", "middle", "table", "last")
    assert ("np.take" in gd.program(fast)) == takes
    slope = gd.compile(gd.grad(total), executor=executor)
    np.testing.assert_allclose(slope(x), gd.grad(total)(x), rtol=1e-12)


def test_places_that_are_taken_are_those_of_each_call():
    def picked(x, i):
        return x[:, i] * 2.0

    x, i = np.arange(3000.0).reshape(3, 1000), np.arange(500)
    fast = gd.compile(picked)
    for shift in (0, -500, 400):
        np.testing.assert_array_equal(fast(x, i + shift), picked(x, i + shift))
    with pytest.raises(IndexError):
        fast(x, i + 600)


@pytest.mark.parametrize("executor", ["numpy", "native"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.int64])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"axis": 0},
        {"axis": (0, -1)},
        {"axis": 1, "keepdims": True},
        {"axis": None, "keepdims": True},
        {"axis": 1, "dtype": np.complex128},
        {"where": np.arange(20) % 3 > 0},
    ],
)
def test_means_are_numpys(dtype, how, executor):
    if executor == "native":
        pytest.importorskip("llvmlite")
    x = (3.0 * np.random.default_rng(4).standard_normal((40, 30, 20))).astype(dtype)

    def mean(x):
        return np.mean(x, **how)

    fast = gd.compile(mean, executor=executor)
    found, expected = fast(x), mean(x)
    assert type(found) is type(expected)
    assert np.shape(found) == np.shape(expected)
    assert found.dtype == expected.dtype
    if executor == "numpy":
        np.testing.assert_array_equal(found, expected)
    scale = np.mean(np.abs(x))
    near = 4 * np.finfo(found.dtype).eps * scale
    np.testing.assert_allclose(found, expected, atol=near)


def halves(x):
    return np.sum(np.sin(x[::2]) * x[1::2] ** 2)


def thirds_of_rows(x):
    return np.sum(x[:, ::3] * x[:, 1::3] * np.exp(x[:, 2::3]))


def halves_of_columns(x):
    return np.sum(np.tanh(x[1::2, :] - x[0::2]))


def halves_and_all(x):
    return np.sum(x[::2] * x[1::2]) + np.sum(x**3)


def one_half(x):
    return np.sum(x[::2] ** 2)


def one_half_twice(x):
    return np.sum(np.cos(x[::2]) * x[::2])


def from_the_end(x):
    return np.sum(x[::-2] * x[::2])


def not_from_the_start(x):
    return np.sum(x[2::2] * x[1:-1:2])


@pytest.mark.parametrize(
    ("f", "shape", "side_by_side"),
    [
        (halves, (40,), True),
        (halves, (6000,), True),
        (halves, (6, 300), True),
        (thirds_of_rows, (20, 300), True),
        (halves_of_columns, (40, 30), True),
        (halves_and_all, (600,), False),
        (one_half, (600,), False),
        (one_half, (601,), False),
        (one_half_twice, (600,), False),
        (from_the_end, (600,), False),
        (not_from_the_start, (600,), False),
    ],
)
@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_derivatives_of_each_second_entry_stand_side_by_side(
    f, shape, side_by_side, executor
):
    if executor == "native":
        pytest.importorskip("llvmlite")
    x = np.random.default_rng(5).standard_normal(shape)
    for dtype in (np.float64, np.float32):
        fast = gd.compile(gd.grad(f), executor=executor)
        given = x.astype(dtype)
        found, expected = fast(given), gd.grad(f)(given)
        assert found.dtype == expected.dtype
        near = 50 * np.finfo(dtype).eps
        np.testing.assert_allclose(found, expected, rtol=near, atol=near)
        assert ("np.stack" in gd.program(fast)) == side_by_side
    second = gd.compile(gd.grad(lambda x: np.sum(gd.grad(f)(x) ** 2)))
    expected = gd.grad(lambda x: np.sum(gd.grad(f)(x) ** 2))(x)
    np.testing.assert_allclose(second(x), expected, rtol=1e-11, atol=1e-11)
