"""Solutions are compared: both find the same, and a worse one is noticed."""

from __future__ import annotations

import pytest

pytest.importorskip("scipy")

from benchmarks import solutions
from benchmarks.measure import DisagreementError
from benchmarks.workload import Peer
from benchmarks.workloads import optimise

TINY = list(optimise.comparisons(tiny=True))


@pytest.mark.parametrize("comparison", TINY, ids=[c.name for c in TINY])
def test_a_problem_is_solved_with_fewer_calls(comparison):
    rows = solutions.compare(comparison, smoke=True)
    if len(rows) == 1:
        assert rows[0].ours > 0
        return
    seconds, calls, iterations = rows
    assert (seconds.unit, calls.unit, iterations.unit) == ("per call", "calls", "calls")
    assert calls.ratio > 2.5
    assert iterations.ratio == pytest.approx(1.0, abs=0.3)


def test_a_worse_solution_is_noticed(monkeypatch):
    comparison, worst = TINY[0], solutions.Counted(1.0, 1, 1, 1e6)
    monkeypatch.setattr(solutions, "timed", lambda _, library: found[library])
    found = {solutions.OURS: worst, "peer": solutions.Counted(1.0, 1, 1, 0.0)}
    pair = solutions.in_turn(comparison, Peer("peer"), 1)
    with pytest.raises(DisagreementError, match="chainrule found 1e"):
        solutions.check(comparison, Peer("peer"), pair)
