"""Everyday code of several kinds that nothing is tuned on, beside ``jax.jit``.

Each module holds one kind, and all but one six workloads or more, of different sizes:

``columns.py``       few parameters, long columns of data, transcendental functions
``neighbours.py``    differences of neighbours, rolls, pads, strides, stencils
``loops.py``         hundreds of time steps of such, as a Python loop
``scans.py``         the same, as a scan
``simulations.py``   what the two of them run
``networks.py``      small networks, a few hundred rows
``ten_numbers.py``   functions of ten numbers
``matrices.py``      solve, slogdet, inv and cholesky of one matrix together
``fixed_points.py``  iterations on arrays, and Gaussian mixtures
``writes.py``        programs that fill and change arrays
``spectral.py``      Fourier transforms
``daily.py``         a filter, a fit, an inversion, two regressions, a chain of bodies
``edges.py``         a graph and texts, whose places are arguments (two workloads)
``styles.py``        twelve pairs that differ in style alone, both by chainrule

A workload is written as a user of NumPy would; a compiled value with its gradient is
timed. The first peer of a comparison is the one that the summary of its kind counts.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.compiled import Compilation
from benchmarks.workloads.kinds import (
    columns,
    daily,
    edges,
    fixed_points,
    loops,
    matrices,
    neighbours,
    networks,
    scans,
    spectral,
    styles,
    ten_numbers,
    writes,
)

KINDS = (
    columns,
    neighbours,
    loops,
    scans,
    networks,
    ten_numbers,
    matrices,
    fixed_points,
    writes,
    spectral,
    styles,
    daily,
    edges,
)


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield every comparison in the order of the table."""
    for module in KINDS:
        yield from module.comparisons(tiny=tiny)
