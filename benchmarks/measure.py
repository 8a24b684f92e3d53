"""Checking that all libraries agree, then timing them in turns.

The machine may be noisy. So chainrule and a peer are timed right after each other, in
alternating order, round after round; a ratio is taken in each round, and the median of
those ratios is reported. The times are medians, too; compare them within a line only.
The cyclic collector is on, as it is for a user, and is run before each timing, so that
nobody pays for the garbage of another.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import chainrule as gd
from benchmarks.libraries import OURS, Call, gradient_call
from benchmarks.workload import Comparison, Peer, Workload

BLOCK_SECONDS = 0.01
"""A timing repeats its call until it takes about this long."""

SAME = 1e-9
"""How far gradients of two libraries may be apart, relative to the largest entry."""

STEP, CLOSE = 1e-6, 1e-5
"""Step of the central difference, and how far it may be from the gradient."""


class DisagreementError(Exception):
    """Two ways to compute the same derivative gave different numbers."""


@dataclass(frozen=True)
class Row:
    """One line of the table; times in seconds unless ``unit`` says otherwise."""

    workload: str
    unit: str
    ours: float
    peer: str = ""
    theirs: float | None = None
    ratio: float | None = None
    limit: float | None = None
    kind: str = "faster"
    met: bool | None = None


# ----------------------------------------------------------------------------- checks


def check_agreement(comparison: Comparison, peers: Sequence[Peer]) -> None:
    """Raise unless chainrule agrees with central differences and with every peer."""
    workload = comparison.workload
    ours = gradient_call(comparison.library, workload)()
    check_differences(comparison.name, workload, ours)
    for peer in peers:
        if peer.workload is not None or peer.library == "numpy forward":
            continue
        theirs = gradient_call(peer.library, workload)()
        apart = max(map(distance, ours, theirs))
        if not apart <= SAME:
            raise DisagreementError(
                f"{comparison.name}: chainrule and {peer.library} differ by "
                f"{apart:.1e} (relative), more than {SAME:.0e}."
            )


def distance(x: Any, y: Any) -> float:
    """Return the largest difference relative to the largest entry of ``x``."""
    x, y = np.asarray(x), np.asarray(y)
    if x.shape != y.shape:
        return float("inf")
    return float(np.max(np.abs(x - y)) / np.max(np.abs(x)))


def check_differences(name: str, workload: Workload, gradients: Sequence[Any]) -> None:
    """Raise unless the derivative along one direction is that of differences."""

    def derivative_below(*arguments: Any) -> Any:
        if workload.order == 1:
            return workload(np, *arguments)
        return gd.grad(lambda x: workload(np, x))(*arguments)

    rng = np.random.default_rng(0)
    along = [rng.standard_normal(np.shape(x)) for x in workload.arguments]
    ends = [
        derivative_below(
            *(x + h * v for x, v in zip(workload.arguments, along, strict=True))
        )
        for h in (STEP, -STEP)
    ]
    expected = (ends[0] - ends[1]) / (2 * STEP)
    found = sum(
        np.tensordot(g, v, axes=np.ndim(v))
        for g, v in zip(gradients, along, strict=True)
    )
    if not np.allclose(found, expected, rtol=CLOSE, atol=CLOSE):
        raise DisagreementError(
            f"{name}: the derivative along a direction is {found}, but central "
            f"differences give {expected}."
        )


def count_operations(workload: Workload) -> int:
    """Return how many operations one run of the workload records."""
    z = workload(np, *(gd.node(x) for x in workload.arguments))
    vertices: list[Any] = []
    gd.generate_graph(z, vertices, {})
    return sum(v.operation is not None for v in vertices)


# ----------------------------------------------------------------------------- timing


def compare(comparison: Comparison, *, smoke: bool) -> list[Row]:
    """Check a comparison and return one row per peer (one row if there is none)."""
    workload = comparison.workload
    peers = [p for p in comparison.peers if not smoke or p.library in OURS]
    check_agreement(comparison, peers)
    scale = 1 / count_operations(workload) if comparison.per_operation else 1.0
    unit = "per operation" if comparison.per_operation else "per call"
    ours = gradient_call(comparison.library, workload)
    if not peers:
        return [Row(comparison.name, unit, time_block(ours, 1) * scale)]
    rows: list[Row] = []
    for peer in peers:
        other = peer.workload or workload
        their_scale = scale
        if comparison.per_operation and peer.workload is not None:
            their_scale = 1 / count_operations(other)
        theirs = gradient_call(peer.library, other)
        with collector_settled(), gd.options(keep_memory=comparison.kept or None):
            times = in_turns(ours, theirs, 1 if smoke else comparison.rounds)
        pairs = [(a * scale, b * their_scale) for a, b in times]
        rows.append(row_of(comparison.name, unit, peer, pairs))
    return rows


def row_of(
    name: str, unit: str, peer: Peer, pairs: Sequence[tuple[float, float]]
) -> Row:
    """Return the medians over rounds of two times and of their ratio."""
    target = peer.target
    kind = "faster" if target is None else target.kind
    ratios = [b / a if kind == "faster" else a / b for a, b in pairs]
    ratio = median(ratios)
    return Row(
        name,
        unit,
        median(a for a, _ in pairs),
        peer.name,
        median(b for _, b in pairs),
        ratio,
        None if target is None else target.limit,
        kind,
        None if target is None else target.met(ratio),
    )


@contextmanager
def collector_settled() -> Iterator[None]:
    """Keep what is there already, such as the peers' modules, from being scanned."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def in_turns(ours: Call, theirs: Call, rounds: int) -> list[tuple[float, float]]:
    """Time two calls next to each other, in alternating order."""
    if rounds == 1:
        return [(time_block(ours, 1), time_block(theirs, 1))]
    counts = [repetitions(ours), repetitions(theirs)]
    pairs: list[tuple[float, float]] = []
    for i in range(rounds):
        if i % 2:
            b, a = time_block(theirs, counts[1]), time_block(ours, counts[0])
        else:
            a, b = time_block(ours, counts[0]), time_block(theirs, counts[1])
        pairs.append((a, b))
    return pairs


def repetitions(call: Callable[[], Any]) -> int:
    """Return how often a call is repeated in one timing; this warms it up, too."""
    call()
    return max(1, round(BLOCK_SECONDS / time_block(call, 1)))


def time_block(call: Callable[[], Any], count: int) -> float:
    """Return the seconds of one call, from ``count`` of them."""
    gc.collect()
    start = perf_counter()
    for _ in range(count):
        call()
    return (perf_counter() - start) / count
