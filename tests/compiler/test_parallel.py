"""Parts of a loop, side by side."""

import functools
import os
import pickle
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors import running
from chainrule.compiler.native import (
    llvm as native,
)
from chainrule.compiler.native import (
    loop_nests as nests,
)
from chainrule.compiler.native import (
    matrix_products as products,
)
from chainrule.compiler.native import threads as sharing
from chainrule.compiler.native.threads import parts_of, side_by_side
from chainrule.compiler.tape import native_examples
from chainrule.errors import ArgumentError
from tests.compiler.comparing import free


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("block", [1, 8])
@pytest.mark.parametrize("count", [1, 7, 8, 12, 16, 17, 100])
def test_parts_cover_all_once_in_whole_blocks(count, threads, block):
    parts = parts_of(count, threads, block)
    assert 1 <= len(parts) <= threads
    assert [i for a, b in parts for i in range(a, b)] == list(range(count))
    for first, last in parts:
        assert first % block == 0
        assert last - first >= min(block, count)


def test_parts_run_in_threads_of_their_own():
    barrier = threading.Barrier(3, timeout=10)
    seen = []

    def run(i):
        barrier.wait()
        seen.append(i)

    side_by_side([functools.partial(run, i) for i in range(3)])
    assert sorted(seen) == [0, 1, 2]


def test_an_error_in_a_part_is_raised():
    def run(i):
        if i == 1:
            raise ValueError("in a part")

    with pytest.raises(ValueError, match="in a part"):
        side_by_side([functools.partial(run, i) for i in range(2)])


def test_an_error_waits_for_the_other_parts():
    failed, ended = threading.Event(), []

    def run(i):
        if i == 0:
            failed.set()
            raise KeyboardInterrupt
        failed.wait(10)
        time.sleep(0.05)
        ended.append(i)

    with pytest.raises(KeyboardInterrupt):
        side_by_side([functools.partial(run, i) for i in range(3)])
    assert sorted(ended) == [1, 2]


FORKED = """
import os, signal
from chainrule.compiler.native.threads import side_by_side
side_by_side([lambda: None, lambda: None])
child = os.fork()
if not child:
    signal.alarm(10)
    side_by_side([lambda: None, lambda: None])
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_parts_run_in_a_forked_process():
    subprocess.run([sys.executable, "-c", FORKED], check=True)


@pytest.fixture
def parts(monkeypatch):
    """Note how many parts each loop is run in."""
    seen = []

    def noted(calls):
        seen.append(len(calls))
        side_by_side(calls)

    for module in (nests, products, native_examples):
        monkeypatch.setattr(module, "side_by_side", noted)
    return seen


@pytest.mark.skipif(not native.available(), reason="native code needs llvmlite")
@pytest.mark.parametrize("threads", [1, 3])
def test_the_threads_that_are_asked_for_share_each_loop(monkeypatch, parts, threads):
    monkeypatch.setattr(running, "why_not_in_blocks", lambda *_: "")
    x = np.linspace(0.0, 1.0, 3000).reshape(1000, 3)

    def f(v):
        return np.sum(np.sin(v) * np.exp(-v) + np.cos(v) / (1.0 + v * v))

    mapped = gd.compile(gd.vmap(gd.grad(f)), executor="native", threads=threads)
    np.testing.assert_allclose(mapped(x), gd.vmap(gd.grad(f))(x), rtol=1e-12)
    assert set(parts) == {threads}
    parts.clear()
    free(monkeypatch)

    def g(x, w):
        return np.sum(np.tanh(x @ w) ** 2, axis=1)

    large, w = np.ones((600, 40)), np.ones((40, 96))
    fast = gd.compile(g, threads=threads)
    for _ in range(2):
        np.testing.assert_allclose(fast(large, w), g(large, w), rtol=1e-12)
        assert fast.wait(60)
    if threads > 1:
        assert len(parts) >= 2  # a product, and a loop
    assert set(parts) <= {threads} - {1}


@pytest.mark.skipif(not native.available(), reason="native code needs llvmlite")
def test_large_arrays_in_threads():
    def loss(x, w):
        return np.sum(np.tanh(x @ w) ** 2) + np.max(np.sin(x) * np.exp(-x))

    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(600, 40)), rng.normal(size=(40, 64))
    f = gd.value_and_grad(loss, (0, 1))
    fast = gd.compile(f, threads=3, executor="native")
    for _ in range(3):
        value, (dx, dw) = fast(x, w)
    assert fast.stats()["programs"][0]["executor"] == "native code"
    expected, grads = f(x, w)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    np.testing.assert_allclose(dx, grads[0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dw, grads[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True])
def test_a_number_of_threads_is_asked_for(threads):
    with pytest.raises(ArgumentError, match="threads="):
        gd.compile(np.sin, threads=threads)


# ------------------------------------------- as many threads as pay, by the clock


class Clock:
    """A clock that only moves when a loop runs."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    def taking(self, seconds, ran):
        def run():
            self.now += seconds
            ran.append(seconds)

        return run


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(sharing, "time", found)
    monkeypatch.setattr(sharing, "available", lambda: 4)
    return found


@pytest.mark.parametrize(
    ("alone", "together", "shared"),
    [(1.0, 0.3, 4), (1.0, 0.9, 4), (1.0, 1.1, 1), (1.0, 9.0, 1)],
)
def test_a_team_shares_a_loop_where_that_is_faster(clock, alone, together, shared):
    team, ran = sharing.Team("auto"), []
    ways = clock.taking(alone, ran), clock.taking(together, ran)
    assert team.told() == {"threads": 1, "because": "not yet measured"}
    call = team.call(*ways)
    for _ in range(60):
        call()
    assert {alone, together} == set(ran)
    assert team.told()["threads"] == shared
    gain = alone / together
    assert team.told()["because"] == f"4 are {gain:.2g} times as fast as one"
    ran.clear()
    call()
    team.call(*ways)()
    assert ran == [together if shared > 1 else alone] * 2
    assert team.alone is (shared == 1)


def test_a_team_of_a_number_is_what_was_asked_for(clock):
    ran = []
    for count in (1, 2):
        team = sharing.Team(count)
        team.call(clock.taking(1.0, ran), clock.taking(9.0, ran))()
        assert team.told() == {"threads": count, "because": "asked for"}
    assert ran == [1.0, 9.0]


def test_one_core_needs_no_measure(monkeypatch):
    monkeypatch.setattr(sharing, "available", lambda: 1)
    assert sharing.Team("auto").told() == {
        "threads": 1,
        "because": "there is one core",
    }


def test_loops_that_run_at_once_wait_for_no_measure(clock):
    team, ran = sharing.Team("auto"), []

    def again():
        team.call(clock.taking(1.0, ran), clock.taking(2.0, ran))()

    team.call(again, again)()
    assert ran == [1.0]


@pytest.mark.skipif(not native.available(), reason="native code needs llvmlite")
def test_each_loop_has_as_many_threads_as_pay(monkeypatch):
    monkeypatch.setattr(running, "why_not_in_blocks", lambda *_: "")
    monkeypatch.setattr(sharing, "available", lambda: 2)
    x = np.linspace(0.0, 1.0, 30_000).reshape(10_000, 3)

    def f(v):
        return np.sum(np.sin(v) * np.exp(-v) + np.cos(v) / (1.0 + v * v))

    for g in (gd.grad(f), gd.vmap(gd.grad(f)), lambda x: np.matmul(x.T, x).sum()):
        fast = gd.compile(g, executor="native", threads="auto")
        known = gd.compile(g, executor="native")(x)
        for _ in range(50):
            np.testing.assert_allclose(fast(x), known, rtol=1e-13)
        (program,) = fast.stats()["programs"]
        told = [*program["threads"], *(x["threads"] for x in program["loops"])]
        ends = "times as fast as one", "too small to share"
        assert all(x["because"].endswith(ends) for x in told)
        assert pickle.loads(pickle.dumps(fast.options)) == fast.options
    assert told


def test_threads_are_a_number_or_auto(tmp_path):
    for wrong in (0, 1.5, "many", True):
        with pytest.raises(ArgumentError, match="threads="):
            gd.compile(np.sin, threads=wrong)
    fast = gd.compile(lambda x: x * x, threads="auto")
    fast(2.0)
    gd.save(fast, tmp_path / "fast")
    assert gd.load(tmp_path / "fast").options.threads == "auto"
