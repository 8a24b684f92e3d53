"""Simulations as Python loops, against ``lax.scan`` and, where it is short, jitted."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.compiled import JAX, Compilation, own_tool
from benchmarks.handwritten import by_hand
from benchmarks.workload import Peer, faster
from benchmarks.workloads.kinds.kind import compared
from benchmarks.workloads.kinds.simulations import simulations

UNROLLED = ("traffic",)
"""Those whose loop ``jax.jit`` compiles in a quarter of a minute; others take more."""


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    scans = simulations(tiny=tiny, scan=own_tool)
    for (name, loop), (_, scan) in zip(
        simulations(tiny=tiny, scan=None), scans, strict=True
    ):
        peers = (Peer(JAX, faster(1.0), scan, "jax jit, lax.scan"),)
        if name.startswith(UNROLLED):
            peers += (Peer(JAX, label="jax jit, unrolled"),)
        if name.startswith("heat"):
            peers += (by_hand("heat.c"),)
        yield compared("loops", name, loop, peers)
