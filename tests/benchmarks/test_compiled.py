"""Compiled functions are compared with what they should give, and timed as said."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from benchmarks import command, compiled
from benchmarks.compiled import (
    ALONE,
    FORWARD,
    FUNCTION,
    JAX,
    Compilation,
    FirstCall,
    own_tool,
)
from benchmarks.gradbench.ba import observations
from benchmarks.gradbench.lstm import lstm_workload
from benchmarks.gradbench.ode import ode_workload
from benchmarks.measure import DisagreementError
from benchmarks.workload import Peer, Workload, at_most, faster
from benchmarks.workloads.compiled import comparisons
from benchmarks.workloads.scalars import chain_of

TRIFLE = Workload(compiled.trifle, (1.5, 2.5))


def mapped(f):
    """Stand in for ``gd.vmap``: a loop over the first axes."""

    def run(*arrays):
        rows = [f(*row) for row in zip(*arrays, strict=True)]
        return tuple(np.stack(parts) for parts in zip(*rows, strict=True))

    return run


@pytest.fixture
def standing_in(monkeypatch):
    """Let a function of the test stand in for ``gd.compile``."""

    def use(compile_):
        monkeypatch.setattr(gd, "compile", compile_)
        monkeypatch.setattr(gd, "vmap", mapped, raising=False)

    return use


def unchanged(f):
    """Stand in for ``gd.compile``: the function itself."""
    return f


def slightly_off(f):
    """Stand in for ``gd.compile`` with an error of 1e-8 in the last array."""

    def run(*arrays):
        result = f(*arrays)
        if isinstance(result, tuple):
            return (*result[:-1], slightly_off(lambda: result[-1])())
        return result * (1 + 1e-8)

    return run


def examples():
    """Return one comparison of each transform."""
    line = Workload(chain_of(20).function, (0.9, 1.1), options={"laps": 2})
    signal = Workload(lambda xp, x: xp.sum(xp.sin(x) * x), (np.arange(3.0),))
    power = Workload(lambda xp, x: x * x, (np.arange(3.0),))
    return [
        Compilation("value", line, (), transform="value"),
        Compilation("gradient", line, ()),
        Compilation("hessian", signal, (), transform="hessian"),
        Compilation("jacobian", power, (), transform="jacobian"),
        Compilation("jacobians", observations(count=5), (), transform="jacobians"),
    ]


@pytest.mark.parametrize("comparison", examples(), ids=lambda c: c.transform)
def test_a_wrong_number_is_noticed(comparison, standing_in):
    standing_in(unchanged)
    compiled.check(comparison, [])
    standing_in(slightly_off)
    with pytest.raises(DisagreementError, match=f"{comparison.name}: chainrule comp"):
        compiled.check(comparison, [])


def test_a_zero_is_met_by_a_zero():
    zero = np.zeros(3)
    compiled.require_same("chain", "peer", [zero], [zero])
    with pytest.raises(DisagreementError, match="differ by 1"):
        compiled.require_same("chain", "peer", [zero], [zero + 1e-8])


def test_times_by_themselves_have_a_limit_in_seconds():
    pairs = [(2e-6, 0.0), (4e-6, 0.0), (9e-6, 0.0)]
    row = compiled.row("call", "per call", Peer(ALONE, at_most(3e-6)), pairs)
    assert (row.ours, row.limit, row.met, row.ratio) == (4e-6, 3e-6, False, None)
    assert compiled.row("call", "per call", Peer(ALONE, at_most(5e-6)), pairs).met
    assert compiled.row("call", "per call", Peer(ALONE), pairs).met is None
    pairs = [(1.0, 3.0), (1.0, 5.0), (1.0, 4.0)]
    row = compiled.row("chain", "per call", Peer(JAX, faster(3.5)), pairs)
    assert (row.ratio, row.met) == (4.0, True)


def test_each_peer_has_its_row(standing_in):
    standing_in(unchanged)
    peers = (
        Peer(ALONE),
        Peer(FUNCTION),
        Peer(FORWARD),
        Peer(JAX),
        FirstCall(ALONE),
        FirstCall(JAX),
    )
    rows = compiled.compare(Compilation("trifle", TRIFLE, peers), smoke=True)
    assert [(r.workload, r.peer) for r in rows] == [
        ("trifle", ""),
        ("trifle", FUNCTION),
        ("trifle", FORWARD),
        ("trifle, first call", ""),
    ]


def test_operations_share_the_time(standing_in, monkeypatch):
    standing_in(unchanged)
    monkeypatch.setattr(compiled, "later_calls", lambda *_: [(1.0, 2.0)])
    comparison = Compilation("chain", chain_of(20), (), per_operation=True)
    row = compiled.compare_peer(comparison, Peer(JAX), smoke=True)
    assert (row.unit, row.ours, row.theirs) == ("per operation", 0.05, 0.1)


def test_a_first_call_is_that_of_a_new_function(standing_in):
    made = []

    def compile_(f):
        made.append(f)
        return f

    standing_in(compile_)
    comparison = Compilation("trifle", TRIFLE, ())
    pairs = compiled.first_calls(comparison, FirstCall(FUNCTION), 3)
    assert len(pairs) == 3
    assert len(made) == 2 * (1 + 3)


def test_smoke_compiles_every_workload(capsys):
    assert command.main(["--smoke", "--only", "compiled"]) == 0
    shown = capsys.readouterr().out
    names = [c.name for c in comparisons(tiny=True)]
    assert len(set(names)) == len(names)
    for name in names:
        assert f"running {name} ..." in shown


@pytest.mark.parametrize(
    "comparison", list(comparisons(tiny=True)), ids=lambda c: c.name
)
def test_jax_gives_the_same_numbers(comparison):
    pytest.importorskip("jax")
    compiled.check(comparison, comparison.peers)


def test_jax_takes_its_own_tool(standing_in):
    pytest.importorskip("jax")
    standing_in(unchanged)
    for scanned, loop in (
        (
            lstm_workload(layers=1, letters=3, scan=own_tool),
            lstm_workload(layers=1, letters=3),
        ),
        (
            ode_workload(size=5, steps=2, scan=own_tool),
            ode_workload(size=5, steps=2),
        ),
    ):
        peers = [Peer(JAX, workload=scanned)]
        compiled.check(Compilation("loop", loop, ()), peers)
