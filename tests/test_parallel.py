"""pmap: calls in processes, threads and whatever maps, in order, with their errors."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from concurrent.futures import (
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)

import numpy as np
import pytest

import chainrule as gd
from chainrule import parallel_work
from chainrule.errors import ArgumentError, ShapeError

TRACED = []


def distance(x, centre=0.0):
    TRACED.append(1)
    return np.sum((x - centre) ** 2)


def traces(_):
    slope(np.zeros(2))
    return os.getpid(), len(TRACED)


slope = gd.compile(gd.grad(distance))


class OddError(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} {b}")
        self.unsent = lambda: None


def picky(x):
    if x == 3:
        raise ZeroDivisionError("three")
    if x == 5:
        raise OddError("five", "is odd")
    if x == 7:
        os._exit(1)
    return x


def leave(x):
    if x == 4:
        raise SystemExit(4)
    return x


def interrupted(x):
    if x == 4:
        raise KeyboardInterrupt
    return x


def counted(x):
    return (i for i in range(x)) if x == 4 else x


def of_node(x):
    return gd.node(x) * 2


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as pool:
        yield pool


class Cluster:
    """As Dask's client: it has a ``submit`` of its own, and an executor."""

    def __init__(self, pool):
        self.pool = pool

    def submit(self, *args):
        raise AssertionError("not of concurrent.futures")

    def get_executor(self, *, pure):
        assert not pure
        return self.pool


class Mapping:
    """As ``multiprocessing.Pool``: it only maps."""

    def map(self, f, xs):
        return [pickle.loads(pickle.dumps(f))(x) for x in xs]


X = np.arange(12.0).reshape(6, 2)


def test_calls_are_in_order_wherever_they_run(processes, threads):
    known = [slope(x, centre=1.0) for x in X]
    for executor in (processes, threads, Cluster(threads), Mapping()):
        for size in (None, 1, 4, 100):
            many = gd.pmap(slope, executor, chunksize=size)
            np.testing.assert_array_equal(many(X, centre=1.0), known)
    assert gd.pmap(max, threads)([1, 5], (4, 2)) == [4, 5]
    assert gd.pmap(max, threads)([], []) == []
    assert repr(gd.pmap(max)) == "<pmap of max>"


class Losing:
    """As a cluster whose workers die in a call: an error that knows no call."""

    def submit(self, work, chunk):
        future = Future()
        if any(row == (2,) for row in chunk[1]):
            future.set_exception(MemoryError(work.__name__))
        else:
            future.set_result(work(chunk))
        return future


@pytest.mark.parametrize(("size", "which"), [(1, "call 2"), (2, "calls from 2 on")])
def test_an_error_that_knows_no_call_names_those_it_was_sent_with(size, which):
    with pytest.raises(MemoryError, match="abs") as caught:
        gd.pmap(abs, Losing(), chunksize=size)(range(4))
    assert caught.value.__notes__ == [f"chainrule.pmap: {which} ended so."]


def test_processes_of_its_own_stay_until_they_are_closed():
    with gd.pmap(distance, chunksize=3) as many:
        assert many(X) == [distance(x) for x in X]
        own = many._own
        assert many(X[:2]) == [1.0, 13.0]
        assert many._own is own
    assert many._own is None
    many.close()


def test_a_process_keeps_what_it_was_sent(processes):
    fast = gd.compile(distance)
    for _ in range(2):
        assert gd.pmap(fast, processes, chunksize=1)(X) == [distance(x) for x in X]
    counts = dict(gd.pmap(traces, processes, chunksize=1)(range(8)))
    assert all(count <= 2 + len(TRACED) for count in counts.values())


def test_errors_have_the_number_of_their_call(processes, threads):
    for executor in (processes, threads, Mapping()):
        with pytest.raises(ZeroDivisionError, match="three") as found:
            gd.pmap(picky, executor, chunksize=2)([1, 2, 4, 3, 5])
        assert found.value.__notes__ == ["chainrule.pmap: call 3 raised this."]
    with pytest.raises(RuntimeError, match="OddError: five is odd"):
        gd.pmap(picky, processes)([5])
    with pytest.raises(OddError):
        gd.pmap(picky, threads)([5])


def test_what_ends_a_program_ends_a_call(processes, threads):
    for executor in (processes, threads):
        with pytest.raises(RuntimeError, match="SystemExit: 4") as found:
            gd.pmap(leave, executor)([1, 4])
        assert found.value.__notes__ == ["chainrule.pmap: call 1 raised this."]


def test_an_interrupt_leaves_the_processes_behind():
    with gd.pmap(interrupted) as many:
        assert many([1]) == [1]
        own = many._own
        with pytest.raises(KeyboardInterrupt):
            many([1, 4])
        assert many([1, 2]) == [1, 2]
        assert many._own is not own


def test_what_does_not_pickle_is_told_by_its_call(processes):
    with pytest.raises(ArgumentError, match="generator") as found:
        gd.pmap(counted, processes, chunksize=2)([1, 2, 3, 4])
    assert found.value.__notes__ == ["chainrule.pmap: call 3 returned this."]
    lock = threading.Lock()
    with pytest.raises(ArgumentError, match="ThreadPoolExecutor"):
        gd.pmap(max, processes)([1], key=lambda x: lock)


def test_a_process_that_ends_is_an_error_and_the_next_call_has_new_ones():
    with gd.pmap(picky) as many:
        with pytest.raises(BrokenExecutor) as found:
            many([7])
        assert "a process ended" in found.value.__notes__[-1]
        assert many([1, 2]) == [1, 2]


def test_functions_that_do_not_pickle_need_cloudpickle(processes, monkeypatch):
    shift = 3
    if parallel_work.importlib.util.find_spec("cloudpickle"):
        assert gd.pmap(lambda x: x + shift, processes)([1]) == [4]
    monkeypatch.setattr(parallel_work.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match="install cloudpickle"):
        gd.pmap(lambda x: x + shift, processes)([1])


def test_nodes_are_not_sent_away(processes, threads):
    with pytest.raises(ArgumentError, match=r"received a node.*gd\.pmap\(gd\.grad"):
        gd.grad(lambda c: sum(gd.pmap(distance, processes)(X, centre=c)))(1.0)
    with pytest.raises(ArgumentError, match="returned a node"):
        gd.pmap(of_node, processes)([1.0])
    with pytest.raises(ArgumentError, match="received a node or a traced value"):
        gd.compile(lambda c: sum(gd.pmap(distance, processes)(X, centre=c)))(1.0)
    known = gd.grad(lambda c: sum(distance(x, c) for x in X))(1.0)
    assert gd.grad(lambda c: sum(gd.pmap(distance, threads)(X, centre=c)))(1.0) == known


def test_whatever_gives_arguments_in_order_is_a_column(threads):
    many = gd.pmap(np.negative, threads)
    for xs in (
        range(3),
        iter([0, 1, 2]),
        map(int, "012"),
        {"a": 0, 5: 1, 7: 2}.values(),
    ):
        assert many(xs) == [0, -1, -2]


def test_subjects_have_as_many_observations_as_they_have():
    subjects = [np.arange(n, dtype=float) for n in (1, 3, 2)]
    slope = gd.grad(lambda mean, y: np.sum((y - mean) ** 2))
    with ThreadPoolExecutor(2) as pool:
        found = gd.pmap(slope, pool)([0.0, 1.0, 2.0], subjects)
        nested = gd.pmap(slope, pool)((0.0, 1.0), ([1.0], [1.0, 2.0]))
    assert found == [0.0, 0.0, 6.0]
    assert nested == [-2.0, -2.0]


def test_what_is_no_column_is_refused(threads):
    many = gd.pmap(distance, threads)
    with pytest.raises(ArgumentError, match="needs columns"):
        many()
    for x in (3.0, np.array(3.0), "text", {"a": 1}):
        with pytest.raises(ArgumentError, match="by its name"):
            many(x)
    with pytest.raises(ShapeError, match=r"\[1, 2\]"):
        many([1], [1, 2])
    with pytest.raises(ArgumentError, match="needs a function"):
        gd.pmap(3)
    with pytest.raises(ArgumentError, match="needs an executor"):
        gd.pmap(distance, 4)
    for size in (0, 2.0, True):
        with pytest.raises(ArgumentError, match="chunksize="):
            gd.pmap(distance, chunksize=size)


def test_a_bar_counts_the_calls(threads, capsys, monkeypatch):
    pytest.importorskip("tqdm")
    from chainrule import progress

    monkeypatch.setattr(progress, "DELAY", 0)
    assert gd.pmap(max, threads, progress=True)([1, 2], [2, 1]) == [2, 2]
    assert "max: pmap" in capsys.readouterr().err


def test_a_pool_of_multiprocessing_maps():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        np.testing.assert_array_equal(gd.pmap(slope, pool)(X), 2 * X)
