"""Large arrays of tapes: read and returned in place; buffers that are used again."""

import sys
import weakref

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors import costs
from chainrule.compiler.native import llvm as native
from chainrule.compiler.tape import held
from chainrule.compiler.tape.held import HELD
from chainrule.compiler.tape.tape import Tape
from tests.compiler.comparing import assert_calls_at_once

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(0)
N = 2 * HELD + 5


def on_tape(f, *args):
    """Compile a function; return it and its tape."""
    fast = gd.compile(f, executor="native")
    fast(*args)
    tape = fast.newest()[1].run
    assert isinstance(tape, Tape)
    return fast, tape


def smooth(x, y):
    z = np.tanh(x) * y + x
    return np.sum(z * z) + z[3]


def both(x, y):
    z = x * y + 1.0
    return z, z, x, np.sort(z) * 2.0, np.sum(x), (x > y) & (y > 0.25), z[2:5]


def chain(x, y):
    for i in range(12):
        x = np.sort(x)[::-1] * 0.5 + y * (1.0 + i)
    return x


PROGRAMS = [
    smooth,
    both,
    chain,
    gd.grad(smooth, (0, 1)),
    lambda x, y: np.cumprod(x)[-1] + np.reshape(x, (5, -1)) * 2.0,
    lambda x, y: gd.cond(x[0] > 0.5, lambda: x * 2.0, lambda: y - x),
    lambda x, y: gd.scan(lambda c, t: (c * 0.5 + t, c[0]), x, np.stack([y, y])),
]


@pytest.mark.parametrize("f", PROGRAMS)
def test_results_are_those_of_eager_calls_and_stay(f):
    x, y = RNG.uniform(0.1, 1.0, (2, 5 * N))
    fast, _ = on_tape(f, x, y)
    calls = [
        (x, y),
        (y, x),
        (np.repeat(x, 2)[::2], np.asfortranarray(y)),
        (np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(float), y),
    ]
    found = []
    for args in calls:
        before = [a.copy() for a in args]
        found.append(gd.value(fast(*args)))
        for a, b in zip(args, before, strict=True):
            np.testing.assert_array_equal(a, b)
    for results, args in zip(found, calls, strict=True):
        expected = f(*args)
        for a, e in zip(flat(results), flat(expected), strict=True):
            assert type(a) is type(e)
            assert np.asarray(a).dtype == np.asarray(e).dtype
            np.testing.assert_allclose(a, e, rtol=1e-12)
    arrays = [a for r in found for a in flat(r) if isinstance(a, np.ndarray)]
    arrays += [a for args in calls for a in args]
    for i, a in enumerate(arrays[: -2 * len(calls)]):
        assert not any(np.may_share_memory(a, b) for b in arrays[i + 1 :])


def flat(results):
    if isinstance(results, (tuple, list)):
        return [x for r in results for x in flat(r)]
    return [results]


def test_arguments_and_results_are_let_go():
    def f(x):
        return np.exp(x) * 2.0 + x

    x = RNG.uniform(size=N)
    fast, _ = on_tape(f, x)
    argument, result = x.copy(), None
    result = fast(argument)
    kept = [weakref.ref(argument), weakref.ref(result)]
    del argument, result
    assert [r() for r in kept] == [None, None]


def test_buffers_are_used_again():
    def f(x):
        for i in range(20):
            x = np.tanh(x - np.sum(x) * 1e-4) * (1.0 + i)
        return np.sum(x)

    x = RNG.uniform(size=N)
    _, tape = on_tape(f, x)
    assert tape.workspace < 4 * x.nbytes
    _, tape = on_tape(gd.grad(f), x)
    assert tape.workspace < 45 * x.nbytes  # what the derivatives read is held
    assert tape.instructions < 10 * 20 * 20


def test_calls_at_once_have_memory_of_their_own():
    f = gd.grad(lambda x: np.sum(np.sin(x) ** 2 * x))
    inputs = [RNG.uniform(0.1, 1.0, N) for _ in range(6)]
    fast, _ = on_tape(f, inputs[0])
    assert_calls_at_once(fast, f, inputs, 30, rtol=1e-12)


def test_a_bound_call_reads_large_arguments_anew():
    x = RNG.uniform(size=N)
    fast, _ = on_tape(lambda x: np.exp(x) * 2.0 + x, x)
    step = fast.bind(x)
    first = np.array(step())
    x += 1.0
    np.testing.assert_allclose(step(), np.exp(x) * 2.0 + x, rtol=1e-14)
    assert not np.allclose(first, step())


def test_shares_can_be_measured_when_arguments_are_gone():
    fast, _ = on_tape(lambda x: np.sort(np.sin(x) * x) * 2.0 + x, RNG.uniform(size=N))
    shares = fast.stats()["programs"][0]["numpy_rows"]
    assert list(shares) == ["sort"]
    assert 0.0 < shares["sort"] < 1.0


def neighbours(rates):
    """Steps of a chain of equations, each of which reads the one before it."""
    y = np.zeros_like(rates)
    for _ in range(8):
        slope = np.concatenate([rates[:1], np.tanh(rates[1:] * y[:-1])])
        half = y + 0.1 * slope
        y = y + 0.2 * np.concatenate([rates[:1], np.tanh(rates[1:] * half[:-1])])
    return y[-1]


def test_what_is_made_in_place_of_an_array_has_its_size(monkeypatch):
    made = []
    monkeypatch.setattr(
        held.Memory,
        "arrays",
        lambda self, plain=held.Memory.arrays: made.append(self) or plain(self),
    )
    x = RNG.uniform(0.5, 1.0, 1000)
    fast, _ = on_tape(gd.grad(neighbours), x)
    np.testing.assert_allclose(fast(x), gd.grad(neighbours)(x), rtol=1e-12)
    in_place = [h for memory in made for h in memory.held if h.becomes is not None]
    assert in_place
    assert all(h.size == h.becomes.size for h in in_place)


def test_small_arrays_count_as_numpy_holds_them():
    def many(x):
        parts = [np.tanh(x * k) for k in range(50)]
        for z in parts:
            x = x * z
        return x

    x = np.ones(3)
    fast = gd.compile(many, executor="numpy")
    fast(x)
    held = 50 * sys.getsizeof(np.tanh(x * 2.0))
    room = costs.room(fast.newest()[1].program) - costs.ROOM
    assert costs.MORE * held <= room <= 2.0 * costs.MORE * held


def test_many_alive_numbers_count_as_well():
    def many(x):
        parts = [(0.5 + k) * x for k in range(50)]
        for z in parts:
            x = x * z
        return x

    fast = gd.compile(many, executor="numpy")
    fast(1.5)
    room = costs.room(fast.newest()[1].program) - costs.ROOM
    assert room >= costs.MORE * 45 * sys.getsizeof(1.5)


def picked(x, i):
    j = np.clip(i + 1, 0, len(x) - 1)
    return np.sum(x[i] * x[j]), j


def test_large_arrays_of_integers_stay_integers():
    x, i = RNG.normal(size=N), RNG.integers(0, N, 2 * N)
    fast, tape = on_tape(gd.value_and_grad(picked, has_aux=True), x, i)
    kept = [h for _, h in tape._inputs if isinstance(h, held.Held)]
    assert [h.dtype for h in kept] == [np.float64, np.int64]
    for places in (i, np.repeat(i, 2)[::2], i.astype(np.longlong), -1 - i):
        found = fast(x, places)
        expected = gd.value_and_grad(picked, has_aux=True)(x, places)
        for a, e in zip(flat(found), flat(expected), strict=True):
            assert np.asarray(a).dtype == np.asarray(e).dtype
            np.testing.assert_allclose(a, e, rtol=1e-12, atol=1e-13)
    assert fast.stats()["error_reruns"] == 0


def test_large_arrays_of_integers_are_exact():
    i = np.arange(N) + 2**60
    fast, _ = on_tape(lambda i, x: (i + 1, np.take(x, i - 2**60) * 2.0), i, np.ones(N))
    np.testing.assert_array_equal(fast(i, np.ones(N))[0], i + 1)
