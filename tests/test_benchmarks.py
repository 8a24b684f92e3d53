"""The benchmarks run, agree with differences, and say so when something is off."""

from __future__ import annotations

import json
import runpy
import sys

import numpy as np
import pytest

from benchmarks import command, gpu, report, solutions, sparse
from benchmarks.compiled import LIBRARIES, Compilation
from benchmarks.libraries import MAKERS, OURS
from benchmarks.measure import (
    DisagreementError,
    Row,
    check_agreement,
    compare,
    count_operations,
    in_turns,
    row_of,
)
from benchmarks.workload import Comparison, Peer, Workload, at_most, faster, within
from benchmarks.workloads import comparisons
from benchmarks.workloads.held_out import pendulum
from benchmarks.workloads.scalars import chain_of
from benchmarks.workloads.small_arrays import network_workload, small_chain

PEERS = ("asdex", "autograd", "casadi", "jax", "micrograd", "mygrad", "torch")


@pytest.mark.parametrize(
    "part",
    ["chain", "held out", "fixed", "sparse", pytest.param("", marks=pytest.mark.slow)],
)
def test_smoke_runs_every_workload_without_a_peer(capsys, part):
    before = {name: sys.modules.get(name) for name in PEERS}
    assert command.main(["--smoke", "--only", part]) == 0
    shown = capsys.readouterr().out
    for comparison in comparisons(tiny=True):
        here = f"running {comparison.name} ..." in shown
        assert here is (part in comparison.name)
    assert ("memory of a scalar operation" in shown) is (not part)
    assert {name: sys.modules.get(name) for name in PEERS} == before


def test_the_list_names_every_full_workload_once(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--list"])
    monkeypatch.setattr("os.environ", {})
    with pytest.raises(SystemExit) as exit_:
        runpy.run_module("benchmarks", run_name="__main__")
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    functions = {c.workload.function for c in comparisons(tiny=False)}
    assert shown.count("Operations") == len(functions)


def test_workloads_have_the_operations_that_they_list():
    assert count_operations(chain_of(1_000)) == 1_000
    arrays = np.full(10, 0.9), np.full(10, 1.1)
    chain = Workload(small_chain, arguments=arrays, options={"laps": 23})
    assert count_operations(chain) == 300
    assert count_operations(network_workload()) == 12
    step = Workload(pendulum, (1.0, 9.81, 0.3), options={"steps": 1})
    more = Workload(pendulum, (1.0, 9.81, 0.3), options={"steps": 2})
    assert count_operations(more) - count_operations(step) == 62


def test_every_peer_has_a_maker():
    for comparison in comparisons(tiny=False):
        for peer in comparison.peers:
            if isinstance(comparison, Compilation):
                assert peer.library in LIBRARIES
                continue
            if isinstance(comparison, sparse.Sparse):
                assert peer.library in sparse.LIBRARIES
                continue
            if isinstance(comparison, solutions.Solution):
                assert peer.library in solutions.LIBRARIES
                continue
            order = (peer.workload or comparison.workload).order
            assert (peer.library, order) in MAKERS


def test_a_wrong_gradient_is_noticed(monkeypatch):
    comparison = next(comparisons(tiny=True))
    right = MAKERS["chainrule", 1](comparison.workload)()
    for library in OURS[:2]:
        wrong = [right[0], right[1] * (1 + 1e-8)]
        monkeypatch.setitem(MAKERS, (library, 1), lambda _, wrong=wrong: lambda: wrong)
        peers = [Peer("chainrule")]
        with pytest.raises(DisagreementError, match="differ by 1"):
            check_agreement(comparison, peers)
        monkeypatch.undo()
    wrong = [right[0], right[1] * 1.01]
    maker = ("chainrule backward()", 1)
    monkeypatch.setitem(MAKERS, maker, lambda _: lambda: wrong)
    with pytest.raises(DisagreementError, match="central differences"):
        check_agreement(comparison, [])


@pytest.mark.parametrize(
    ("target", "pairs", "ratio", "met"),
    [
        (faster(3), [(1.0, 4.0), (1.0, 2.0), (2.0, 7.0)], 3.5, True),
        (faster(4), [(1.0, 4.0), (1.0, 2.0), (2.0, 7.0)], 3.5, False),
        (at_most(3), [(2.0, 1.0), (4.0, 1.0), (9.0, 3.0)], 3.0, True),
        (at_most(2), [(2.0, 1.0), (4.0, 1.0), (9.0, 3.0)], 3.0, False),
        (within(2), [(1.0, 0.8)], 1.25, True),
        (within(2), [(1.0, 4.0)], 0.25, False),
        (within(2), [(4.0, 1.0)], 4.0, False),
        (None, [(1.0, 0.5)], 0.5, None),
    ],
)
def test_a_row_is_the_median_of_ratios(target, pairs, ratio, met):
    row = row_of("workload", "per call", Peer("peer", target), pairs)
    assert row.ratio == pytest.approx(ratio)
    assert row.met is met


def test_turns_alternate_and_are_repeated():
    called = []
    pairs = in_turns(lambda: called.append("a"), lambda: called.append("b"), 2)
    assert len(pairs) == 2
    turns = [x for i, x in enumerate(called) if i == 0 or called[i - 1] != x]
    assert turns[-3:] == ["a", "b", "a"]


def test_the_table_and_the_file(tmp_path, monkeypatch):
    rows = [
        Row("chain", "per operation", 5e-7, "a", 2e-6, 4.0, 3.5, "faster", True),
        Row("chain", "per operation", 5e-7, "b", 1e-6, 2.0, 6.0, "faster", False),
        Row("arrays", "per call", 3e-3, "numpy", 1.5e-3, 2.0, 3.0, "at most", True),
        Row("memory", "bytes", 187.2, limit=250, kind="at most", met=True),
        Row("swing", "per call", 123e-3, "c", 1.234, 10.0),
        Row("style", "per call", 1e-3, "d", 4e-3, 0.25, 2.0, "within", False),
        Row("fit, calls", "calls", 40.0, "e", 120.0, 3.0),
    ]
    lines = [" ".join(line.split()) for line in report.table(rows).splitlines()[2:]]
    assert lines == [
        "chain 500 ns/op a 2.00 us/op 4.00x faster >= 3.5x ok",
        "500 ns/op b 1.00 us/op 2.00x faster >= 6x MISSED",
        "arrays 3.00 ms numpy 1.50 ms 2.00x the time <= 3x ok",
        "memory 187 B <= 250 B ok",
        "swing 123 ms c 1.23 s 10.00x faster shown",
        "style 1.00 ms d 4.00 ms 4.00x faster within 2x MISSED",
        "fit, calls 40 e 120 3.00x fewer shown",
    ]
    assert (
        report.summary(rows) == "3 of 5 targets reached. Missed: chain (b); style (d)."
    )
    monkeypatch.setattr(report, "DISTRIBUTIONS", ("numpy",))
    written = json.loads(report.write(rows, tmp_path).read_text(encoding="utf-8"))
    assert written["versions"] == {"numpy": np.__version__}
    assert [row["peer"] for row in written["rows"]] == [
        "a",
        "b",
        "numpy",
        "",
        "c",
        "d",
        "e",
    ]


def test_a_comparison_shows_its_only_row_in_smoke():
    comparison = Comparison("chain", chain_of(10), (Peer("torch"),))
    (row,) = compare(comparison, smoke=True)
    assert row.peer == ""
    assert row.met is None


class NoGPU:
    """What CuPy is where the machine has no GPU."""

    class cuda:
        class runtime:
            @staticmethod
            def getDeviceProperties(_):
                raise RuntimeError("cudaErrorNoDevice")


@pytest.mark.parametrize(
    ("module", "why"),
    [(None, "is not installed"), (NoGPU, "no GPU .cudaErrorNoDevice")],
)
def test_the_script_for_a_gpu_says_that_nothing_was_run(monkeypatch, module, why):
    monkeypatch.setitem(sys.modules, "cupy", module)
    with pytest.raises(SystemExit, match=rf"{why}.*Nothing was run on a GPU"):
        gpu.main([])
