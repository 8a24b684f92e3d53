"""The simulations of ``loops.py`` by ``gd.scan``, against ``lax.scan``."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.compiled import JAX, Compilation, own_tool
from benchmarks.handwritten import by_hand
from benchmarks.workload import Peer, faster
from benchmarks.workloads.kinds.kind import compared
from benchmarks.workloads.kinds.simulations import simulations


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    for name, scan in simulations(tiny=tiny, scan=own_tool):
        peers = (Peer(JAX, faster(1.5), label="jax jit, lax.scan"),)
        if name.startswith("heat"):
            peers += (by_hand("heat.c"),)
        yield compared("scans", name, scan, peers)
