"""Costs that are not times of a gradient: memory per operation, and the import."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Mapping
from statistics import median
from tempfile import TemporaryDirectory

import chainrule as gd
from benchmarks.measure import Row
from benchmarks.workloads.scalars import chain_of

BYTES_TARGET, IMPORT_TARGET = 250, 0.1

IMPORTING = """
import time, numpy
start = time.perf_counter()
import chainrule
print(time.perf_counter() - start)
"""


def rows(*, tiny: bool) -> list[Row]:
    """Return both costs."""
    return [memory_row(tiny=tiny), import_row(tiny=tiny)]


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
