"""What ``stats()`` says of loops and maps is true: what runs them, why, how long."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors import costs, running
from chainrule.compiler.native import llvm as native

XS = np.linspace(0.1, 1.0, 300)


def loops_of(f, *arguments, **options):
    fast = gd.compile(f, **options)
    fast(*arguments)
    fast(*arguments)
    return fast.stats()["programs"][0]["loops"]


def scanned(x, xs):
    return gd.scan(lambda c, v: (np.tanh(c * x + v), None), 0.1, xs)[0]


def example(x):
    for _ in range(12):
        x = np.sin(x) * x
    return x


needs_tapes = pytest.mark.skipif(not native.available(), reason="needs llvmlite")


@needs_tapes
@pytest.mark.parametrize(
    ("executor", "shown"),
    [("numpy", "numpy"), ("vm", "tape VM"), ("native", "native code")],
)
def test_executors_that_are_asked_for(executor, shown):
    for f, arguments, sizes in (
        (gd.grad(scanned), (0.5, XS), {"steps": 300}),
        (gd.vmap(gd.grad(example)), (XS,), {"examples": 300}),
    ):
        for told in loops_of(f, *arguments, executor=executor):
            assert sizes.items() <= told.items()
            assert told["executor"] == shown
            assert "asked for" in told["because"]
            assert told["seconds"] is None or told["seconds"] > 0


@needs_tapes
def test_a_function_without_a_form_on_a_tape_is_named():
    def f(x, a):
        def step(c, v):
            return np.sort(a @ np.tanh(c) + v), None

        return np.sum(gd.scan(step, x, np.ones((20, 3)))[0])

    (told,) = loops_of(f, np.ones(3), np.eye(3) * 2.0)
    assert told["executor"] == "numpy"
    assert told["because"] == "no form on a tape: sort"


def test_dtypes_and_numbers_of_examples_are_named():
    (told,) = loops_of(scanned, np.float16(0.5), XS.astype(np.float16))
    assert "float16 values" in told["because"] or not native.available()
    (told,) = loops_of(gd.vmap(example), XS[:3])
    assert told["examples"] == 3
    assert told["because"].startswith("its rows are the program's: ")
    assert "few examples" in told["because"] or not native.available()


def test_programs_name_the_loop_that_keeps_them_from_a_tape():
    fast = gd.compile(lambda x, xs: scanned(x, xs) * 2.0, executor="vm")
    if native.available():
        fast(0.5, XS)
        assert fast.stats()["programs"][0]["because"] == "scan is no part of a tape"


def test_while_loops_conds_inner_loops_and_calls_per_example():
    def f(x):
        y = gd.while_loop(lambda c: c > 0.01, lambda c: c * 0.5, x)
        return gd.cond(x > 0.5, lambda x: scanned(x, XS), np.sin, x) + y

    names = [told["loop"] for told in loops_of(f, 0.7)]
    assert sorted(names) == ["cond", "scan", "while_loop"]
    rows = XS.reshape(-1, 3)
    told = loops_of(gd.vmap(lambda y: np.polyfit(XS[:3], y, 1)), rows)[-1]
    assert (told["loop"], told["examples"]) == ("each_polyfit", 100)
    assert told["because"] == "polyfit has no form for all examples at once"


@needs_tapes
def test_loops_start_on_numpy_where_that_is_cheaper(monkeypatch):
    monkeypatch.setattr(costs, "starting_seconds", lambda *_: 1e9)
    monkeypatch.setattr(native, "loaded", lambda: True)
    monkeypatch.setattr(costs, "COMPILING", 1e9)
    (told,) = loops_of(scanned, 0.5, XS)
    assert (told["executor"], told["because"]) == ("numpy", "not yet for long")
    monkeypatch.setattr(costs, "COMPILING", 0.0)
    monkeypatch.setattr(costs, "OPTIMIZING", 0.0)
    (told,) = loops_of(scanned, 0.5, XS)
    assert told["executor"] == "native code"


@needs_tapes
def test_a_loop_is_compiled_when_it_has_run_for_as_long_as_that_costs(monkeypatch):
    class Clock:
        now = 0.0

        def perf_counter(self):
            self.now += 0.5
            return self.now

    monkeypatch.setattr(running, "time", Clock())
    monkeypatch.setattr(costs, "numpy_seconds", lambda program: 0.0)
    monkeypatch.setattr(costs, "batched_seconds", lambda *_: 1.0)
    monkeypatch.setattr(costs, "starting_seconds", lambda *_: 1e9)
    monkeypatch.setattr(costs, "compiling_seconds", lambda tape: 1.2)
    monkeypatch.setattr(costs, "share", lambda: 1.0)
    for f, arguments in ((scanned, (0.5, XS)), (gd.vmap(example), (XS,))):
        fast = gd.compile(f)
        ran = []
        for _ in range(4):
            np.testing.assert_allclose(fast(*arguments), f(*arguments), rtol=1e-12)
            assert fast.wait(60)
            (told,) = fast.stats()["programs"][0]["loops"]
            ran.append(told["executor"])
        assert ran == ["numpy"] + ["native code"] * 3
