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
    scalars,
    small_arrays,
)


def comparisons(*, tiny: bool) -> Iterator[Comparison]:
    """Yield every comparison in the order of the table, its arrays made only then.

    Arrays that nobody uses would not be harmless: once a large one has been freed, the
    C library keeps later memory instead of handing it back, and everything is faster.
    """
    modules = scalars, small_arrays, large_arrays, held_out, nested, compiled, kinds
    for module in modules:
        yield from module.comparisons(tiny=tiny)
