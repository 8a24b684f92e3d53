"""Everyday code of several kinds: it agrees with JAX and with gradients by hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import compiled, report
from benchmarks.compiled import JAX
from benchmarks.handwritten import Handwritten, build_handwritten, compiler
from benchmarks.measure import Row
from benchmarks.workload import Peer
from benchmarks.workloads.kinds import comparisons

TINY = list(comparisons(tiny=True))
BY_HAND = [(c, peer) for c in TINY for peer in c.peers if isinstance(peer, Handwritten)]


def test_each_kind_has_six_workloads_of_its_own():
    names = [c.name for c in TINY]
    assert len(set(names)) == len(names)
    kinds = Counter(name.partition(":")[0] for name in names)
    few = {"kinds, styles": 12, "kinds, edges": 2, "kinds, spectral": 3}
    assert {kind: kinds.pop(kind) for kind in few} == few
    assert min(kinds.values()) >= 6
    full = [c.name.partition(":")[0] for c in comparisons(tiny=False)]
    assert Counter(full) == {**kinds, **few}


@pytest.mark.parametrize("comparison", TINY, ids=lambda c: c.name)
def test_jax_gives_the_same_numbers(comparison):
    pytest.importorskip("jax")
    compiled.check(comparison, [p for p in comparison.peers if p.library == JAX])


@pytest.mark.parametrize(
    ("comparison", "peer"), BY_HAND, ids=[f"{c.name}-{p.source}" for c, p in BY_HAND]
)
def test_gradients_by_hand_are_the_same(comparison, peer):
    if compiler() is None:
        pytest.skip("there is no C compiler")
    compiled.check(comparison, [peer])


def test_a_wrong_gradient_by_hand_is_noticed(monkeypatch):
    comparison, peer = BY_HAND[0]
    found = compiled.leaves(
        compiled.build(compiled.OURS, comparison.workload, "gradient")()
    )
    wrong = [x * (1 + 1e-5) for x in found]
    monkeypatch.setattr(compiled, "compiler", lambda: "cc")
    monkeypatch.setattr(compiled, "build_handwritten", lambda *_: lambda: tuple(wrong))
    with pytest.raises(compiled.DisagreementError, match="C by hand differ by 1"):
        compiled.check(comparison, [peer])


def test_without_a_compiler_the_row_says_so(monkeypatch):
    monkeypatch.setattr(compiled, "compiler", lambda: None)
    comparison, peer = BY_HAND[0]
    compiled.check(comparison, [peer])
    row = compiled.compare_peer(comparison, peer, smoke=True)
    assert (row.peer, row.theirs, row.met) == (
        "C by hand: no compiler here",
        None,
        None,
    )


def test_a_peer_of_ours_must_agree():
    comparison = TINY[0]
    other = replace(comparison.workload, arguments=TINY[0].workload.arguments[::-1])
    with pytest.raises(compiled.DisagreementError):
        compiled.check(comparison, [Peer(compiled.OURS, workload=other)])


def test_a_kind_has_its_mean_and_its_worst():
    rows = [
        Row("kinds, columns: a", "per call", 1.0, "jax jit", 4.0, 4.0),
        Row("kinds, columns: a", "per call", 1.0, "C by hand", 9.0, 9.0),
        Row("kinds, columns: b", "per call", 1.0, "jax jit", 0.25, 0.25),
        Row("chain", "per call", 1.0, "jax jit", 0.5, 0.5),
        Row("kinds, styles: c", "per call", 4.0, "a loop", 1.0, 4.0, kind="within"),
        Row("kinds, styles: d", "per call", 1.0, "a list", 9.0, 1 / 9, kind="within"),
    ]
    assert report.kinds(rows).splitlines() == [
        "kinds, columns: 1.00x as fast (geometric mean of 2), worst 0.25x "
        "(b, against jax jit)",
        "kinds, styles: 6.00x apart (geometric mean of 2), worst 9.00x "
        "(d, against a list)",
    ]


@pytest.mark.skipif(compiler() is None, reason="no C compiler")
def test_c_leaves_subnormal_numbers_alone():
    for comparison, peer in BY_HAND:
        build_handwritten(peer.source, comparison.workload)
    smallest = np.array([5e-324, np.finfo(float).tiny / 2])
    assert (smallest * np.array([1.0, 0.5]) > 0.0).all()
