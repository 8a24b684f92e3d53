"""Lowering: the short path for rows of numbers writes what the general one writes."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as gd
from chainrule.compiler.executors.replay import Replay
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.fusion import fused
from chainrule.compiler.tape.lowering import Builder

ONE = [np.sin, np.negative, np.sqrt, np.positive, np.square, np.abs,
       lambda x: x**2, lambda x: x**3, lambda x: x**0.5, lambda x: 2 - x,
       lambda x: np.float64(0.1) * x, lambda x: x / 7.0]  # fmt: skip
TWO = [np.add, np.subtract, np.multiply, np.maximum, np.power, np.hypot,
       lambda x, y: (x < y) * 1.0, lambda x, y: np.where(x < y, x, y),
       lambda x, y: np.stack([x, y])[1],
       lambda x, y: np.stack([x, y]) @ np.stack([y, x])]  # fmt: skip


def lowered(program, monkeypatch, *, short):
    with monkeypatch.context() as patch:
        if not short:
            patch.setattr(Builder, "_of_numbers", lambda *_: None)
        b = Builder(program)
    filled = [(np.asarray(at).tolist(), value) for at, value in b.filled]
    called = [(i, call.row) for i, call in b.called]
    return list(b.code), filled, called, b.size


@given(st.lists(st.tuples(*[st.integers(0, 99)] * 4), min_size=1, max_size=20))
def test_both_paths_write_the_same_tape(plan):
    def f(x, y):
        values = [x, y, x + 1.5]
        for which, kind, i, j in plan:
            a, b = values[i % len(values)], values[j % len(values)]
            if kind % 2:
                values.append(ONE[which % len(ONE)](a))
            else:
                values.append(TWO[which % len(TWO)](a, b))
        return values[2:]

    fast = gd.compile(f, executor="numpy")
    fast(0.25, 1.5)
    program = fast.newest()[1].program
    patch = pytest.MonkeyPatch()
    short, general = (lowered(program, patch, short=short) for short in (True, False))
    assert short == general


def test_most_rows_of_a_scalar_program_take_the_short_path(monkeypatch):
    def f(x, y):
        for _ in range(20):
            x = np.sin(x) * y + 0.5 - x / y
        return x

    fast = gd.compile(f, executor="numpy")
    fast(0.25, 1.5)
    program = fast.newest()[1].program
    found = []
    short = Builder._of_numbers

    def noted(b, row):
        found.append(short(b, row))
        return found[-1]

    monkeypatch.setattr(Builder, "_of_numbers", noted)
    Builder(program)
    assert len(found) == len(program.rows)
    assert None not in found


SUMMED = [
    lambda x: np.sum(x, 0, None, None, False, 5.0),
    lambda x: np.sum(x, 0, initial=5.0),
    lambda x: np.add.reduce(x, 0, None, None, True, 5.0),
    lambda x: np.max(x, 0, None, True, 5.0),
    lambda x: np.max(x, 0, None, np._NoValue, 5.0),
    lambda x: np.min(x, 1, None, True),
    lambda x: np.minimum.reduce(x, 1, None, None, True),
]


@pytest.mark.parametrize("reduced", SUMMED)
@pytest.mark.parametrize("rows", [2, 100])
def test_options_of_reductions_that_are_given_by_place(reduced, rows):
    x = np.random.default_rng(0).normal(size=(rows, 100))

    def f(x):
        return reduced(np.sin(x) * 2.0 + x)

    for executor in ("native", "auto") if native.available() else ("numpy",):
        fast = gd.compile(f, executor=executor)
        for _ in range(3):
            np.testing.assert_allclose(fast(x), f(x), rtol=1e-13)
    program = fused(fast.newest()[1].program) if native.available() else None
    if program is not None:
        np.testing.assert_allclose(Replay(program)(x)[0], f(x), rtol=1e-13)


@pytest.mark.parametrize("executor", ["vm", "native"])
@np.errstate(all="ignore")
def test_the_power_of_a_half_is_the_root_that_numpy_takes(executor):
    def f(x):
        return x**0.5, x[0] ** 0.5

    if not native.available():
        pytest.skip("the executor is not installed")
    fast = gd.compile(f, executor=executor)
    x = np.array([-0.0, -np.inf, 0.0, 4.0, -4.0])
    for i in range(5):
        for a, e in zip(fast(np.roll(x, i)), f(np.roll(x, i)), strict=True):
            np.testing.assert_array_equal(a, e)
            np.testing.assert_array_equal(np.copysign(1.0, a), np.copysign(1.0, e))


def test_constants_that_a_form_makes_stay():
    """Else another array gets the identity of one that went, and its places."""
    fast = gd.compile(np.sin, executor="numpy")
    fast(1.0)
    made = Builder(fast.newest()[1].program)
    x = np.full(5, 1.0)
    places, kept = made.constant(x), weakref.ref(x)
    del x
    assert kept() is not None
    assert made.constant(kept()) is places


def test_zeros_that_a_derivative_appends_are_zeros_in_native_code():
    x = np.random.default_rng(0).normal(size=40)

    def f(x):
        v = (np.sin(x).reshape(8, 5) @ np.eye(5)).ravel()
        v = np.delete(np.append(v, 1.0), 0)
        return np.concatenate([v[:5], v[5:] * v[:-5]])

    slope = gd.jacobian(f)
    expected = slope(x)
    for _ in range(8):
        found = gd.compile(slope, executor="native")(x)
        np.testing.assert_allclose(found, expected, atol=1e-12)


AT, ALSO = np.array([0, 1, 1, 4, 1]), np.array([2, 2, 0, 2, 2])
COLLECTED = [
    lambda x: np.sum(x[AT] ** 2 * np.arange(5.0)[:, None]) + np.sum(x[AT] - x[ALSO]),
    lambda x: np.sum(x[AT, ALSO] ** 3) + x[1, 1] * x[2, 2],
    lambda x: np.sum(x[:, ALSO] * x[AT][:, :1]),
    lambda x: np.prod(x) + np.sum(np.prod(x, axis=0)) * np.prod(x, (0, 1)),
    lambda x: np.sum(np.where(np.any(x > 0.5, axis=1), x[:, 0], x[:, 1])),
    lambda x: np.sum(np.where(np.all(x > -0.5, axis=0), x[0], x[1])),
]


@pytest.mark.parametrize("executor", ["vm", "native"])
@pytest.mark.parametrize("f", COLLECTED)
def test_entries_that_go_to_one_place_are_added_on_the_tape(f, executor):
    x = np.random.default_rng(3).normal(size=(5, 3))
    fast = gd.compile(gd.value_and_grad(f), executor=executor)
    for sign in (1.0, -1.0):
        (value, slope), expected = fast(sign * x), gd.value_and_grad(f)(sign * x)
        np.testing.assert_allclose(value, expected[0], rtol=1e-14)
        np.testing.assert_allclose(slope, expected[1], rtol=1e-13, atol=1e-15)
    assert fast.stats()["programs"][0]["numpy_rows"] == {}
