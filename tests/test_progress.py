"""Bars: what has one, when it appears, and that it goes away; ``gd.options``."""

from __future__ import annotations

import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import chainrule as gd
from chainrule import progress
from chainrule.compiler.executors import running
from chainrule.errors import ArgumentError, CompileError

tqdm: Any = pytest.importorskip("tqdm")
XS = np.array([0.5, -1.0, 2.0, 0.25])


@pytest.fixture
def drawn(monkeypatch):
    """Collect the bars; loops run step by step on NumPy."""
    made: list[Any] = []

    class Bar(tqdm.tqdm):
        def __init__(self, *args: Any, **given: Any) -> None:
            super().__init__(*args, **given)
            made.append(self)
            self.open = [bar for bar in made if not bar.disable]

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    monkeypatch.setattr(running, "why_not_on_tape", lambda *_: "not now")
    return made


def named(drawn, what):
    return [bar for bar in drawn if bar.desc.endswith(f": {what}")]


def summed(x):
    return gd.scan(lambda c, v: (np.sin(c) + v, None), 0.5, x)[0]


def test_each_traced_row_moves_a_bar(drawn):
    def f(x):
        for _ in range(30):
            x = np.sin(x) * x + 1.0
        return x

    fast = gd.compile(f, progress=True)
    assert fast(0.5) == pytest.approx(f(0.5))
    (bar,) = named(drawn, "tracing")
    assert bar.desc == "f(): tracing"
    assert bar.total is None
    assert bar.n == fast.stats()["programs"][0]["rows"]["traced"] == 90
    for what in ("equal calls", "writing"):
        assert [b.n for b in named(drawn, what)] == [90]


def test_rows_of_bodies_count_too(drawn):
    fast = gd.compile(summed, progress=True)
    fast(XS)
    (bar,) = named(drawn, "tracing")
    in_body = 2
    assert bar.n >= fast.stats()["programs"][0]["rows"]["traced"] + in_body


def test_the_steps_of_loops_on_numpy_move_a_bar(drawn):
    def f(x):
        last = summed(x)
        return gd.while_loop(lambda c: c < 10.0, lambda c: c + 3.0, last * 0.0)

    fast = gd.compile(f, progress=True, executor="numpy")
    fast(XS)
    drawn.clear()
    assert fast(XS) == 12.0
    shown = [(bar.desc, bar.n, bar.total) for bar in drawn]
    assert shown == [("f(): scan", 4, 4), ("f(): while_loop", 4, None)]


def test_examples_that_are_called_one_by_one_move_a_bar(drawn):
    fast = gd.compile(gd.vmap(lambda y: np.polyfit([0.0, 1.0], y, 1)), progress=True)
    fast(np.ones((3, 2)))
    assert {bar.n for bar in named(drawn, "each_polyfit")} == {3}


def test_a_loop_in_a_loop_has_no_bar_of_its_own(drawn):
    def nested(x):
        return gd.scan(lambda c, v: (summed(x * c) + v, None), 0.1, x)[0]

    fast = gd.compile(nested, progress=True, executor="numpy")
    fast(XS)
    drawn.clear()
    fast(XS)
    assert [(bar.desc, bar.n) for bar in drawn] == [("nested(): scan", 4)]


def test_no_more_than_two_bars_are_open(drawn):
    gd.compile(gd.grad(lambda x: summed(x) ** 2), progress=True)(XS)
    assert max(len(bar.open) for bar in drawn) == 2
    assert all(bar.disable for bar in drawn)  # closed


def test_bars_are_closed_where_an_exception_passes(drawn):
    def f(x):
        x = np.sin(x)
        if len(drawn) == 1:
            raise KeyError
        return gd.scan(lambda c, v: (c + np.sqrt(v), None), 0.0, x)[0]

    fast = gd.compile(gd.grad(f), progress=True)
    with pytest.raises(KeyError):
        fast(XS)
    assert drawn[0].disable
    fast(np.zeros(4))  # a nan in the loop: the function itself is called
    assert len(drawn) > 2
    assert all(bar.disable for bar in drawn)
    assert not progress.active()
    with pytest.raises(CompileError):
        gd.compile(
            lambda x: gd.scan(lambda c, v: (c + (v if v > 0 else 1.0), None), 0.0, x),
            progress=True,
        )(XS)
    assert all(bar.disable for bar in drawn)


def test_bars_appear_on_stderr_after_a_delay(monkeypatch, capsys):
    monkeypatch.setattr(running, "why_not_on_tape", lambda *_: "not now")
    monkeypatch.setattr(progress, "DELAY", 600.0)
    fast = gd.compile(summed, progress=True)
    fast(XS)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress, "DELAY", 0.0)
    fast(XS[:3])
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "summed(): tracing: " in shown.err
    assert "summed(): scan: " in shown.err


def test_without_progress_there_are_no_bars(drawn):
    fast = gd.compile(summed)
    for x in (XS, XS, XS[:2]):
        fast(x)
    gd.grad(fast)(XS)
    assert drawn == []
    assert type(progress.new_list()) is list
    with progress.watched(XS, "steps") as steps:
        assert steps is XS


def test_another_thread_shows_no_bars_of_this_one(drawn):
    seen: list[bool] = []

    def f(x):
        other = threading.Thread(target=lambda: seen.append(progress.active()))
        other.start()
        other.join()
        seen.append(progress.active())
        return x

    gd.compile(f, progress=True)(1.0)
    assert seen == [False, True]


def test_derivatives_and_pickles_show_bars_as_well(drawn):
    @gd.compile(progress=True)
    def cube(x):
        return x**3

    assert gd.grad(cube)(2.0) == 12.0
    assert len(named(drawn, "tracing")) == 2
    again = pickle.loads(pickle.dumps(gd.compile(np.sinc, progress=True)))
    assert again.options.progress
    assert not pickle.loads(pickle.dumps(gd.compile(np.sinc))).options.progress


def test_tqdm_is_asked_for_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ArgumentError, match=r"Install chainrule\[progress\]"):
        gd.compile(summed, progress=True)
    assert gd.compile(summed)(XS) == pytest.approx(summed(XS))


# --------------------------------------------------------------- gd.options(progress=)


USUAL = "options(progress=False, cache='', keep_memory=False)"


@pytest.fixture
def asked(drawn):
    with gd.options(progress=True):
        yield drawn


def shown(drawn):
    return [(bar.desc, bar.n, bar.total) for bar in drawn]


def test_options_hold_for_a_block_or_until_they_are_set_again():
    assert repr(gd.options()) == USUAL
    with gd.options(progress=True) as set_now:
        assert set_now.progress
        with gd.options(progress=False):
            assert not gd.options().progress
        assert progress.active()
    assert not progress.active()
    gd.options(progress=True)
    assert progress.active()
    gd.options(progress=False)
    assert not progress.active()


def test_options_are_restored_where_a_block_fails():
    with pytest.raises(KeyError), gd.options(progress=True, cache="off"):
        raise KeyError
    assert repr(gd.options()) == USUAL


def test_options_need_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.raises(ArgumentError, match=r"Install chainrule\[progress\]"):
        gd.options(progress=True)
    assert not progress.active()


def test_compiled_functions_show_bars_by_their_names(asked):
    fast = gd.compile(lambda x: x**2 + x)
    fast(2.0)
    assert {bar.desc.split(":")[0] for bar in asked} == {"<lambda>()"}
    assert [bar.n for bar in named(asked, "tracing")] == [2]


def test_native_code_shows_bars(asked, monkeypatch):
    monkeypatch.setattr("chainrule.compiler.native.llvm._LONG", 0)
    gd.compile(lambda x: np.sin(x) * x, executor="native")(2.0)
    assert [bar.n for bar in named(asked, "lowering")] == [2]
    assert named(asked, "writing native code")
    assert named(asked, "machine code")


def test_rows_of_jacobians_and_examples_of_maps_show_bars(asked):
    gd.jacobian(lambda x: x**2)(XS)
    assert shown(asked) == [("jacobian", 4, 4)]
    asked.clear()
    gd.hessian(lambda x: np.sum(x**3))(XS)
    assert shown(asked) == [("jacobian", 4, 4)]
    asked.clear()
    gd.vmap(gd.jacobian(lambda x: x * x))(np.ones((3, 2)))  # the outer loop has the bar
    assert shown(asked) == [("vmap", 3, 3)]


def test_explanations_show_bars(asked):
    def f(x):
        for _ in range(10):
            x = np.sin(x) if x > 0.0 else -x
        return x

    gd.explain(f, 0.5)
    counts = {bar.desc: bar.n for bar in reversed(asked)}
    assert counts["recording"] == 10
    assert counts["reading"] == 11
    assert counts["sweeping"] == 10
    assert counts["branches"] == 1  # the comparisons of all rounds are turned together
    assert counts["differences"] == 1
    asked.clear()
    gd.diagnose(f, 0.5)
    assert [bar.desc for bar in asked][-1] == "looking for kinks"


def test_parallel_maps_show_bars_and_their_workers_none(asked):
    with ThreadPoolExecutor(2) as pool:
        gd.pmap(gd.jacobian(np.square), pool)(np.ones((3, 2)))
    assert shown(asked) == [("square: pmap", 3, 3)]


def test_another_thread_shows_no_bars(asked):
    seen = []
    other = threading.Thread(target=lambda: seen.append(progress.active()))
    other.start()
    other.join()
    assert seen == [False]


def test_solvers_show_bars(asked):
    minimize = pytest.importorskip("chainrule.scipy.optimize").minimize
    minimize(lambda x: np.sum((x - 1.0) ** 2), np.zeros(3))
    assert any(bar.desc == "minimize: solving" and bar.n for bar in asked)
