"""Everyday code of ten kinds that nothing is tuned on, beside ``jax.jit``.

Each module holds one kind, and each kind six workloads of different sizes:

``columns.py``       few parameters, long columns of data, transcendental functions
``neighbours.py``    differences of neighbours, rolls, pads, strides, stencils
``loops.py``         hundreds of time steps of such, as a Python loop
``scans.py``         the same, as a scan
``simulations.py``   what the two of them run

A workload is written as a user of NumPy would; a compiled value with its gradient is
timed. The first peer of a comparison is the one that the summary of its kind counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.compiled import Compilation
from benchmarks.workloads.kinds import columns, loops, neighbours, scans


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield every comparison in the order of the table."""
    for module in columns, neighbours, loops, scans:
        yield from module.comparisons(tiny=tiny)
