"""The background thread: what it runs, and that it ends, forks and never stalls."""

import gc
import os
import subprocess
import sys
import threading
import weakref

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler import background
from chainrule.compiler.executors import choice, costs
from chainrule.compiler.native import llvm as native
from tests.compiler.comparing import free

needs_native = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)


class Work:
    """Something to be done, which notes in which thread it is, and waits."""

    def __init__(self, held=None):
        self.held = held
        self.threads = []

    def run(self):
        if self.held is not None:
            self.held.wait(10)
        self.threads.append(threading.current_thread())


def test_work_is_done_in_one_thread_that_ends_with_it():
    held = threading.Event()
    works = [Work(held), Work(), Work()]
    tasks = [background.later(work.run) for work in works]
    assert not any(task.done for task in tasks)
    assert not background.wait(0.01)
    held.set()
    assert background.wait(10)
    assert all(task.done for task in tasks)
    (thread,) = {thread for work in works for thread in work.threads}
    assert thread is not threading.current_thread()
    assert thread.daemon
    thread.join(10)
    assert not thread.is_alive()
    again = Work()
    assert background.later(again.run).done or background.wait(10)
    assert again.threads != [thread]


def test_the_work_of_what_is_gone_is_left_out():
    held = threading.Event()
    first, gone = Work(held), Work()
    threads, alive = gone.threads, weakref.ref(gone)
    background.later(first.run)
    task = background.later(gone.run)
    del gone
    gc.collect()
    assert alive() is None
    held.set()
    assert background.wait(10)
    assert task.done
    assert first.threads
    assert not threads


def test_others_have_a_turn_at_each_pause(monkeypatch):
    slept = []
    monkeypatch.setattr(background.time, "sleep", slept.append)
    background.pause()
    assert not slept  # this is not the thread

    class Long(Work):
        def run(self):
            while len(slept) < 3:
                background.pause()

    work = Long()
    background.later(work.run)
    assert background.wait(10)
    assert slept[:3] == [background._SLICE] * 3


def test_calls_make_way_for_python_and_not_for_llvm(monkeypatch):
    slept, done = [], threading.Event()
    inside = [threading.Event(), threading.Event()]
    go_on = [threading.Event(), threading.Event()]
    monkeypatch.setattr(background.time, "sleep", slept.append)

    class Two(Work):
        def run(self):
            inside[0].set()
            assert go_on[0].wait(10)
            with background.beside():
                inside[1].set()
                assert go_on[1].wait(10)
            done.set()

    work = Two()
    task = background.later(work.run)
    assert inside[0].wait(10)
    with background.beside():  # another thread's native code is not the thread's
        task.make_way(0.001)
    assert slept == [0.001]
    go_on[0].set()
    assert inside[1].wait(10)
    task.make_way(0.001)
    assert slept == [0.001]
    go_on[1].set()
    assert background.wait(10)
    assert done.is_set()
    assert not background._beside


def test_where_there_can_be_no_thread_numpy_goes_on(monkeypatch):
    def refused(_):
        raise RuntimeError("can't start new thread")

    free(monkeypatch)
    monkeypatch.setattr(native, "available", lambda: True)
    monkeypatch.setattr(background.threading.Thread, "start", refused)
    fast = gd.compile(steps)
    x = np.ones(50)
    for _ in range(3):
        np.testing.assert_allclose(fast(x), steps(x), rtol=1e-12)
    (ran,) = fast.stats()["programs"]
    assert ran["executor"] == "numpy"
    assert "can't start new thread" in ran["because"]
    assert not background._TASKS


def steps(x):
    for _ in range(30):
        x = x + 0.1 * np.sin(x)
    return x


@needs_native
def test_calls_go_on_while_native_code_is_made(monkeypatch):
    free(monkeypatch)
    held, making = threading.Event(), threading.Event()
    real = choice.Choice._prepared

    def slowly(self):
        making.set()
        assert held.wait(30)
        return real(self)

    monkeypatch.setattr(choice.Choice, "_prepared", slowly)
    x = np.ones(50)
    fast = gd.compile(steps)
    fast(x)
    assert making.wait(30)
    for _ in range(3):
        np.testing.assert_allclose(fast(x), steps(x), rtol=1e-12)
    (ran,) = fast.stats()["programs"]
    assert (ran["executor"], ran["calls"]) == ("numpy", 4)
    assert ran["because"] == "another executor is being made"
    held.set()
    assert fast.wait(60)
    fast(x)
    assert fast.stats()["programs"][0]["executor"] == "native code"


@needs_native
def test_an_error_in_the_background_is_told_and_changes_nothing(monkeypatch):
    free(monkeypatch)

    def broken(self):
        raise ZeroDivisionError("a mistake of ours")

    monkeypatch.setattr(choice.Choice, "_prepared", broken)
    fast, x = gd.compile(steps), np.ones(50)
    for _ in range(3):
        np.testing.assert_allclose(fast(x), steps(x), rtol=1e-12)
        assert fast.wait(60)
    (ran,) = fast.stats()["programs"]
    assert ran["executor"] == "numpy"
    assert "ZeroDivisionError: a mistake of ours" in ran["because"]


@needs_native
def test_several_threads_call_while_it_changes_over(monkeypatch):
    free(monkeypatch)
    x = np.linspace(0.0, 1.0, 50)
    fast = gd.compile(gd.value_and_grad(lambda x: np.sum(steps(x))))
    value, grad = gd.value_and_grad(lambda x: np.sum(steps(x)))(x)
    fast(x)
    wrong = []

    def call():
        for _ in range(200):
            found = fast(x)
            if not (np.isclose(found[0], value) and np.allclose(found[1], grad)):
                wrong.append(found)

    threads = [threading.Thread(target=call) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert fast.wait(60)


def test_what_is_made_costs_callers_less_beside_another_core(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    costs.share.cache_clear()
    assert costs.share() == 1.0
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    costs.share.cache_clear()
    assert costs.share() == costs.BESIDE
    costs.share.cache_clear()


BEGUN = """
import os, signal, sys, threading
import numpy as np
import chainrule as gd
from chainrule.compiler import background
from chainrule.compiler.executors import choice, costs

for name in ("LOADING", "NESTING", "FUSING", "COMPILING", "LOWERING", "GROUPING"):
    setattr(costs, name, 0.0)
costs.TRACING, choice.REPEATED = float("inf"), 1

def f(u):
    for _ in range(60):
        u = u + 0.1 * (np.roll(u, 1) - 2 * u + np.roll(u, -1)) + 0.01 * np.sin(u)
    return np.sum(u * u)

fast, x = gd.compile(gd.value_and_grad(f)), np.linspace(0.0, 1.0, 3000)
fast(x)
assert background._TASKS
"""

FORKED = """
child = os.fork()
if not child:
    signal.alarm(60)
    assert fast.wait(50)
    fast(x)
    assert fast.stats()["programs"][0]["executor"] == "native code"
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert fast.wait(60)
fast(x)
assert fast.stats()["programs"][0]["executor"] == "native code"
"""


def run(text):
    return subprocess.run([sys.executable, "-c", text], check=False, timeout=120)


@needs_native
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3])
def test_a_forked_process_goes_on_with_what_was_begun(seconds):
    text = f"{BEGUN}import time; time.sleep({seconds})\n{FORKED}"
    assert run(text).returncode == 0


@needs_native
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.3])
def test_the_process_ends_while_native_code_is_made(seconds):
    text = f"{BEGUN}import time; time.sleep({seconds})\n"
    assert run(text).returncode == 0
