"""Costs beside the time of a gradient: memory, the import, and an explanation."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Mapping
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import chainrule as gd
from benchmarks.measure import Row
from benchmarks.workloads.scalars import chain_of

BYTES_TARGET, IMPORT_TARGET, EXPLAIN_TARGET = 250, 0.06, 2.0

IMPORTING = """
import time, numpy
start = time.perf_counter()
import chainrule
print(time.perf_counter() - start)
"""


def rows(*, tiny: bool) -> list[Row]:
    """Return the costs."""
    return [memory_row(tiny=tiny), import_row(tiny=tiny), explain_row(tiny=tiny)]


def memory_row(*, tiny: bool) -> Row:
    """Bytes that one recorded scalar operation keeps, by tracemalloc.

    The chain of ``scalars.py``, recorded and held, divided by its operations.
    """
    operations = 100 if tiny else 10_000
    chain = chain_of(operations)
    leaves = [gd.node(x) for x in chain.arguments]
    chain(None, *leaves)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    z = chain(None, *leaves)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del z
    kept = (after - before) / operations
    return _cost("memory of a scalar operation", "bytes", kept, BYTES_TARGET)


def import_row(*, tiny: bool) -> Row:
    """Seconds that ``import chainrule`` takes after ``import numpy``, in new processes.

    Bytecode is cached in a folder of its own, as pip does where it installs a package;
    the first run fills it, and the median of the others is reported.
    """
    with TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        times = [import_time(environment) for _ in range(1 if tiny else 12)]
    seconds = median(times[1:] or times)
    return _cost("import, beyond numpy's", "seconds", seconds, IMPORT_TARGET)


def explain_row(*, tiny: bool) -> Row:
    """Seconds that an explanation and a drawing of a long loop take."""
    steps = 10 if tiny else 3_333

    def loop(x: Any) -> Any:
        for _ in range(steps):
            x = x + np.sin(x) * 0.1
        return x

    start = time.perf_counter()
    gd.explain(loop)(1.0)
    _ = gd.draw(loop)(1.0).mermaid
    seconds = time.perf_counter() - start
    name = f"explain and draw {3 * steps + 1:,} vertices"
    return _cost(name, "seconds", seconds, EXPLAIN_TARGET)


def import_time(environment: Mapping[str, str]) -> float:
    """Return the seconds that a new process took to import chainrule."""
    found = subprocess.run(
        [sys.executable, "-c", IMPORTING],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(found.stdout)


def _cost(name: str, unit: str, found: float, limit: float) -> Row:
    return Row(name, unit, found, limit=limit, kind="at most", met=found <= limit)
