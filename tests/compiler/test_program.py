"""Passes over programs: the short paths agree with the general ones."""

from __future__ import annotations

import gc
import linecache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as gd
from chainrule.compiler.programs import common_subexpressions
from chainrule.compiler.programs.common_subexpressions import argument_key, call_key
from chainrule.compiler.programs.dead_code import eliminate_dead_code
from chainrule.compiler.programs.passes import program_of
from chainrule.compiler.tracing.rows import Row
from chainrule.compiler.tracing.trace import Trace

NUMBERS = [0.0, -0.0, 0, False, 1.0, 1, True, np.float64(1.0), np.float32(1.0),
           float("inf"), 2.5, "a", None, (1.0, 2.0), (1, 2.0), slice(1, 2),
           [0.0], [-0.0]]  # fmt: skip


def row(function, *args, operands=(), **given):
    return Row(function, args, given, list(operands), 1.0, 0)


X, Y = row(None), row(None)
ARGUMENTS = st.lists(st.sampled_from([X, Y, *NUMBERS]), min_size=1, max_size=3)


@given(ARGUMENTS, ARGUMENTS)
def test_keys_of_calls_are_equal_where_the_keys_of_arguments_are(left, right):
    calls = [row(np.add, *args) for args in (left, right)]
    keys = [call_key(call) for call in calls]
    general = [argument_key(call.args) for call in calls]
    assert (keys[0] == keys[1]) == (general[0] == general[1])
    assert keys[0] != keys[1] or hash(keys[0]) == hash(keys[1])


def rows_after(f, *arguments):
    """Return how many rows are traced, left by DCE, and left by all passes."""
    fast = gd.compile(f)
    fast(*arguments)
    (found,) = fast.stats()["programs"]
    counts = list(found["rows"].values())
    return counts[0], counts[1], counts[-1]


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: (x * 2.0) + (x * 2.0), (3, 3, 2)),
        (lambda x: (x * 2.0) + (x * 2), (3, 3, 3)),
        (lambda x: (x + 0.0) * (x + -0.0), (3, 3, 3)),
        (lambda x: np.sin(x) * 1.0 + np.sin(x), (4, 4, 2)),
        (lambda x: (x * -1.0, -x), (2, 2, 1)),
        (lambda x: (-1 * x, -x), (2, 2, 1)),
        (lambda x: (np.exp(x), x + 1.0)[1], (2, 1, 1)),
        (lambda x: x - (-np.cos(x)) + (np.cos(x) - -np.cos(x)), (8, 8, 4)),
    ],
)
def test_rows_that_are_left(f, expected):
    assert rows_after(f, 0.5) == expected


def test_dead_code_elimination_keeps_ends_and_what_they_read():
    trace = Trace()
    x = trace.input(0.5)
    unread = np.exp(x)
    checked, guarded, returned = np.sin(x), np.cos(x), np.tanh(x)
    used = returned * 3.0
    picked = np.compress(np.stack([x > 0.0]), np.stack([x]))
    trace.checks.append(checked.row)
    assert guarded > 0.0
    program = program_of(trace, [x.row], [used.row])
    kept = {id(row) for row in program.rows}
    for value in (checked, guarded, returned, used, picked):
        assert id(value.row) in kept
    assert id(unread.row) not in kept
    assert [row.serial for row in program.rows] == list(range(len(program.rows)))
    before = list(program.rows)
    eliminate_dead_code(program)
    assert program.rows == before


def test_complex_constants_differ_by_the_sign_of_a_zero():
    def roots(x):
        above, below = complex(-1.0, 0.0), complex(-1.0, -0.0)
        return np.sqrt(x * above), np.sqrt(x * below)

    assert roots(4.0) == gd.compile(roots)(4.0) == (2j, -2j)


def test_who_goes_through_the_lines_of_sources_loses_no_name():
    def names():
        return [name for name in linecache.cache if name.startswith("<chainrule prog")]

    def programs():
        fast = [
            gd.compile(lambda x, i=i: x * x + i, executor="numpy") for i in range(5)
        ]
        assert [f(2.0) for f in fast] == [4.0, 5.0, 6.0, 7.0, 8.0]
        return fast

    programs()
    gc.collect()
    fast = programs()
    before = names()
    assert sum(bool(linecache.getlines(name)) for name in before) >= 5
    del fast
    gc.collect()
    linecache.checkcache()
    assert set(before) <= set(linecache.cache)
    programs()
    assert set(names()) == set(before)  # they are used again


def test_the_cotangent_of_a_sum_is_one_number():
    x, y = np.arange(6000.0), np.arange(6000.0) + 1.0
    fast = gd.compile(gd.grad(lambda x, y: np.sum(x * y)), executor="numpy")
    np.testing.assert_array_equal(fast(x, y), y)
    assert fast.newest()[1].program.rows == []
    fast = gd.compile(gd.grad(lambda x, y: np.mean(x * y, axis=0)), executor="numpy")
    np.testing.assert_allclose(fast(x, y), y / 6000)
    rows = fast.newest()[1].program.rows
    arrays = [a for row in rows for a in row.args if isinstance(a, np.ndarray)]
    assert arrays
    assert not any(any(a.strides) for a in arrays)


def test_constants_stay_as_they_were():
    weights = np.ones(3)
    wide = np.broadcast_to(weights, (2000, 3))
    fast = gd.compile(lambda x: np.sum(x * wide, axis=0))
    x = np.arange(6000.0).reshape(2000, 3)
    before = fast(x)
    weights[:] = 5.0
    np.testing.assert_array_equal(fast(x), before)


def test_constants_that_a_loop_makes_anew_are_one():
    k = np.arange(300.0)

    def f(x):
        for _ in range(4):
            x = x * np.exp(1j * k**2) + np.sin(k) * np.exp(-(k**2) * np.pi)
        return np.abs(np.sum(x)) ** 2

    fast = gd.compile(f)
    x = np.cos(k)
    np.testing.assert_allclose(fast(x), f(x), rtol=1e-12)
    constants = {
        id(v)
        for row in fast.newest()[1].program.rows
        for v in row.args
        if isinstance(v, np.ndarray)
    }
    assert len(constants) == 2


def test_entries_of_constants_of_which_none_is_like_another_are_not_read(monkeypatch):
    many, few, whole = np.arange(400.0), np.arange(300.0), np.arange(400)

    def unread(*_, **__):
        raise AssertionError

    monkeypatch.setattr(common_subexpressions.hashlib, "blake2b", unread)
    fast = gd.compile(lambda x: np.sum(x * many) + np.sum(x * whole) + np.sum(few * 2))
    x = np.cos(many)
    np.testing.assert_allclose(fast(x), np.sum(x * many + x * whole) + 89700.0)
