"""The workloads, by what they are made of; each module yields its comparisons."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.workload import Comparison
from benchmarks.workloads import (
    compiled,
    held_out,
    kinds,
    large_arrays,
    nested,
    optimise,
    scalars,
    small_arrays,
    sparse,
)


def comparisons(*, tiny: bool) -> Iterator[Comparison]:
    """Yield every comparison in the order of the table, its arrays made only then.

    Arrays that nobody uses would not be harmless: once a large one has been freed, the
    C library keeps later memory instead of handing it back, and everything is faster.
    """
    of_values = scalars, small_arrays, large_arrays, held_out, nested
    for module in (*of_values, compiled, kinds, sparse, optimise):
        yield from module.comparisons(tiny=tiny)
