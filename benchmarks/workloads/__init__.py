"""The workloads, by what they are made of; each module returns its comparisons."""

from __future__ import annotations

from benchmarks.workload import Comparison
from benchmarks.workloads import (
    held_out,
    large_arrays,
    nested,
    scalars,
    small_arrays,
)


def comparisons(*, tiny: bool) -> list[Comparison]:
    """Return every comparison in the order of the table."""
    modules = (scalars, small_arrays, large_arrays, held_out, nested)
    return [c for module in modules for c in module.comparisons(tiny=tiny)]
