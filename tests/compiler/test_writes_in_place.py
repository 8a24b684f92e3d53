"""Writes of compiled loops change their arrays where these are."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.control.loops import Scan
from chainrule.compiler.native.fusion import fused
from chainrule.compiler.tape.computed import AtPlaces
from chainrule.compiler.tape.lowering import Builder
from chainrule.compiler.tape.parts import Region, codes_in
from chainrule.compiler.tape.regions import Repeat

N = 80
"""More numbers than a loop holds in registers."""
X = np.cos(np.arange(float(N)))
STEPS = np.array([3, 1, -2, 7, 3])


def scanned(step):
    """Return a function that takes steps over the numbers of an array."""

    def f(x, at):
        z, ys = gd.scan(lambda z, i: step(z, x, i), x * 0.5, at)
        return np.sum(z * z) + np.sum(ys)

    return f


def filled(z, x, i):
    z[i] = z[i - 1] * x[0] + x[i]
    return z, 0.0


def added(z, x, i):
    z[i] += np.tanh(z[i - 2] * x[i])
    return z, z[i]


def part(z, x, i):
    z[3:9] = z[4:10] * x[0] + z[i]
    return z, 0.0


def taken(z, x, i):
    before = z[i] * x[1]
    z[i] = z[i + 1]
    z[i + 1] = before
    return z, before


def branch(z, x, i):
    def written(z, i):
        z = np.copy(z)
        z[i] = x[2] * z[i]
        return z

    return gd.cond(z[i] > 0.2, written, lambda z, i: z, z, i), 0.0


def inner(z, x, i):
    def step(z, k):
        z[k] = z[k - 1] * x[i]
        return z, None

    return gd.scan(step, z, np.array([5, 6]))[0], 0.0


def counted(x, at):
    def step(state):
        i, z = state
        z[i] = z[i - 1] * 0.5 + x[i]
        return i + 1, z

    return np.sum(gd.while_loop(lambda s: s[0] < N, step, (1, x * 0.5))[1] ** 2)


IN_PLACE = [filled, added, part, taken, branch, inner]


def older_version(z, x, i):
    old = z * 1.0
    z[i] = x[0]
    return z * old[i], old[i + 1]


def read_afterwards(z, x, i):
    w = z[1:]
    y = np.copy(z)
    y[i] = x[3]
    return y * x[0], np.sum(w * y[1:])


def shifted(z, x, i):
    z[1:] = z[:-1]
    z[i] = z[i - 1] * x[0]
    return z, z[2]


def returned_whole(z, x, i):
    z[i] = x[0]
    return z, z


def onto_itself(z, x, i):
    z[i] = z[3]
    z[4:8] = z[2:6]
    z[i] += z[5]
    return z, z[4] * x[0]


PROGRAMS = [*IN_PLACE, older_version, read_afterwards, shifted, returned_whole]
PROGRAMS += [onto_itself]


def exchanged(x, at):
    def step(state, i):
        y, z = state
        z[i] = y[i - 1] * x[i]
        y[i] = z[2]
        return (z, y), None

    (y, z), _ = gd.scan(step, (x * 0.5, x * 2.0), at)
    return np.sum(y * z * np.arange(float(N)))


def one_for_both(x, at):
    def step(state, i):
        y, z = state
        z[i] = y[i - 1] * x[i]
        return (z, z), None

    (y, z), _ = gd.scan(step, (x * 0.5, x * 2.0), at)
    return np.sum(y * z * np.arange(float(N)))


WHOLE = [*map(scanned, PROGRAMS), counted, exchanged, one_for_both]
NAMES = [x.__name__ for x in PROGRAMS] + ["counted", "exchanged", "one_for_both"]
SEED = np.sin(np.arange(float(N)))
ORDERS = {
    "value": lambda f: f,
    "grad": gd.grad,
    "jvp": lambda f: lambda x, at: gd.jvp(lambda x: f(x, at), (x,), (SEED,))[1],
    "product": lambda f: lambda x, at: gd.grad(lambda x: gd.grad(f)(x, at) @ SEED)(x),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("f", WHOLE, ids=NAMES)
def test_results_are_those_of_numpy(f, order):
    slow = ORDERS[order](f)
    for executor in ("native", "numpy"):
        fast = gd.compile(slow, executor=executor)
        for x, at in ((X, STEPS), (X[::-1] * 0.5, STEPS[::-1].copy()), (X, STEPS)):
            given = x.copy()
            expected = slow(given, at)
            np.testing.assert_allclose(fast(given, at), expected, rtol=1e-9, atol=1e-11)
            np.testing.assert_array_equal(given, x)


def loops_in(fast, *args):
    """Return the loops of a compiled function on its tape, with those inside."""
    fast(*args)
    program = fast.newest()[1].program
    parts = Builder(fused(program) or program, hold=True).parts()
    return list(repeats_in(parts))


def repeats_in(parts):
    for x in parts:
        if isinstance(x, Repeat):
            yield x
        if isinstance(x, Region):
            for inside in x.inside:
                yield from repeats_in(inside)


def longest(repeat):
    """Return how many numbers the longest instruction of a step has."""
    parts = [x for inside in repeat.inside for x in inside]
    return max((it.length for code in codes_in(parts) for it in code), default=0)


def copied(repeat):
    """Return how many numbers are copied after each step."""
    return sum(c.size for c in repeat.carries if c.before != c.after)


@pytest.mark.parametrize("order", ["value", "grad"])
@pytest.mark.parametrize("step", IN_PLACE, ids=[x.__name__ for x in IN_PLACE])
def test_a_step_copies_no_array(step, order):
    fast = gd.compile(ORDERS[order](scanned(step)), executor="native")
    repeats = loops_in(fast, X, STEPS)
    assert repeats
    first = repeats[0]
    assert copied(first) == 0
    assert longest(first) < N
    if step in (added, taken):  # of the others the sweep needs the arrays
        assert all(longest(x) < N and copied(x) < N for x in repeats)


def test_a_counted_loop_copies_no_array():
    (repeat,) = loops_in(gd.compile(counted, executor="native"), X, STEPS)
    assert longest(repeat) < N
    assert copied(repeat) == 1  # the counter


def test_a_map_of_loops_copies_no_array():
    f = scanned(added)
    xs = np.stack([X, X * 0.5, X[::-1]])
    for g in (gd.vmap(f, (0, None)), gd.vmap(gd.grad(f), (0, None))):
        fast = gd.compile(g, executor="native")
        repeats = loops_in(fast, xs, STEPS)
        assert repeats
        assert all(longest(x) < N for x in repeats)
        expected = np.stack([g(x[None], STEPS)[0] for x in xs])
        np.testing.assert_allclose(fast(xs, STEPS), expected, rtol=1e-10)


def test_writes_without_a_loop_copy_once():
    def f(x, at):
        y = x * 2.0
        for k in range(5):
            y[at[k]] = y[at[k] - 1] * x[k]
        return np.sum(y * y)

    fast = gd.compile(f, executor="native")
    np.testing.assert_allclose(fast(X, STEPS), f(X, STEPS))
    b = Builder(fast.newest()[1].program)
    writes = [x for _, x in b.called if x.row.function.__name__ == "setitem"]
    assert len(writes) == 5
    assert len({int(x.results[0].flat[0]) for x in writes}) == 1
    assert sum(it.operation == "copy" and it.length == N for it in b.code) == 0


def test_an_array_that_is_read_later_is_copied():
    def f(x, i):
        y = x * 2.0
        z = np.copy(y)
        z[i] = 5.0
        return np.sum(y * z)

    fast = gd.compile(f, executor="native")
    np.testing.assert_allclose(fast(X, 3), f(X, 3))
    b = Builder(fast.newest()[1].program)
    assert sum(it.operation == "copy" and it.length == N for it in b.code) == 1


# ---------------------------------------------------------------------------- histories


def scans_of(fast, *args):
    fast(*args)
    rows = fast.newest()[1].program.rows
    return [row.function for row in rows if isinstance(row.function, Scan)]


def both(x, rate, at):
    def step(z, i):
        z[i] = z[i - 1] * rate + x[i] * z[i + 1]
        return z, None

    return np.sum(gd.scan(step, x * 0.5, at)[0] ** 2)


def test_of_a_history_only_what_is_read_is_stored():
    slow = gd.grad(both, (0, 1))
    fast = gd.compile(slow, executor="native")
    forward, _ = scans_of(fast, X, 0.9, STEPS)
    stored = [
        np.size(x) for x, s in zip(forward.entries, forward.stored, strict=True) if s
    ]
    assert stored == [1, 1]
    for mine, theirs in zip(fast(X, 0.8, STEPS), slow(X, 0.8, STEPS), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11)


def test_a_history_that_is_read_whole_is_stored():
    def f(x, at):
        def step(z, i):
            z[i] = z[i - 1]
            return z * np.sin(z), None

        return np.sum(gd.scan(step, x * 0.5, at)[0] ** 2)

    fast = gd.compile(gd.grad(f), executor="native")
    forward, _ = scans_of(fast, X, STEPS)
    assert [np.shape(x) for x in forward.entries] == [(N,)]
    np.testing.assert_allclose(fast(X, STEPS), gd.grad(f)(X, STEPS), rtol=1e-11)


def test_narrow_histories_are_saved(tmp_path):
    fast = gd.compile(gd.grad(both, (0, 1)))
    expected = fast(X, 0.9, STEPS)
    gd.save(fast, tmp_path / "loop.json")
    again = gd.load(tmp_path / "loop.json")
    for _ in range(3):
        for mine, theirs in zip(again(X, 0.9, STEPS), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12)


@pytest.mark.parametrize("place", [N, -N - 1])
def test_a_place_outside_is_refused_in_a_loop(place):
    f = scanned(filled)
    fast = gd.compile(gd.grad(f), executor="native")
    fast(X, STEPS)
    with pytest.raises(IndexError, match="out of bounds"):
        fast(X, np.array([1, place, 2, 3, 4]))
    np.testing.assert_allclose(fast(X, STEPS), gd.grad(f)(X, STEPS))


def test_writes_are_regions_of_the_loop_around_them():
    (repeat,) = loops_in(gd.compile(scanned(filled), executor="native"), X, STEPS)
    places = [x.name for x in repeat.inside[-1] if isinstance(x, AtPlaces)]
    assert places == ["getitem", "getitem", "setitem"]
