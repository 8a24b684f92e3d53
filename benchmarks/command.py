"""The command line: run the workloads, print the table, write the file."""

from __future__ import annotations

import argparse
import multiprocessing
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from textwrap import indent

from benchmarks import compiled, page, report, solutions, sparse
from benchmarks.measure import Row
from benchmarks.measure import compare as compare_eager
from benchmarks.workload import Comparison
from benchmarks.workloads import comparisons, costs

COSTS = "memory and import"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 0 even where a target is missed, which is printed."""
    options = parser().parse_args(arguments)
    if options.docs:
        print(page.write(page.read(*options.docs)))
        return 0
    smoke = options.smoke
    chosen = [c for c in comparisons(tiny=smoke) if options.only in c.name]
    if options.list:
        print(listing(chosen))
        return 0
    rows: list[Row] = []
    for comparison in chosen:
        print(f"running {comparison.name} ...", flush=True)
        rows += compare(comparison, smoke=True) if smoke else apart(comparison)
    if options.only in COSTS:
        print(f"running {COSTS} ...", flush=True)
        rows += costs.rows(tiny=smoke)
    if smoke:
        rows = [replace(row, limit=None, met=None) for row in rows]
        print(f"\n{report.table(rows)}\nTiny and run once: these times mean nothing.")
        return 0
    print(f"\n{listing(chosen)}\n\n{report.table(rows)}\n")
    if lines := report.kinds(rows):
        print(f"{lines}\n")
    stored = report.write(rows)
    print(f"{report.summary(rows)}\n{stored}")
    if not options.only:
        print(page.write(page.read(stored)))
    return 0


def apart(comparison: Comparison) -> list[Row]:
    """Compare with one peer after the other, each in a process of its own.

    How fast large arrays are hangs on what the process has allocated and freed before:
    importing a peer, or another workload, can make the same code twice as fast.
    """
    new = multiprocessing.get_context("spawn")
    rows: list[Row] = []
    for i in range(len(comparison.peers)):
        with ProcessPoolExecutor(1, mp_context=new) as process:
            rows += process.submit(compare_one, comparison.name, i).result()
    return rows


def compare(comparison: Comparison, *, smoke: bool) -> list[Row]:
    """Compare functions that are compiled, that are not, or whole solutions."""
    if isinstance(comparison, solutions.Solution):
        return solutions.compare(comparison, smoke=smoke)
    if isinstance(comparison, compiled.Compilation):
        return compiled.compare(comparison, smoke=smoke)
    if isinstance(comparison, sparse.Sparse):
        return sparse.compare(comparison, smoke=smoke)
    return compare_eager(comparison, smoke=smoke)


def compare_one(name: str, i: int) -> list[Row]:
    """Run the full comparison of this name with its i-th peer."""
    warnings.simplefilter("ignore")  # the peers' own
    found = next(c for c in comparisons(tiny=False) if c.name == name)
    return compare(replace(found, peers=found.peers[i : i + 1]), smoke=False)


def parser() -> argparse.ArgumentParser:
    """Return the command line's options."""
    made = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    made.add_argument(
        "--smoke", action="store_true", help="every workload once, tiny, no peers"
    )
    made.add_argument("--list", action="store_true", help="list operations and stop")
    made.add_argument("--only", default="", help="run workloads with this in the name")
    made.add_argument(
        "--docs",
        type=Path,
        nargs="+",
        help="write docs/benchmarks.md of stored runs, and stop: the last one counts",
    )
    return made


def listing(chosen: Sequence[Comparison]) -> str:
    """Return what each workload computes, once per function."""
    found = {c.workload.function: c.name for c in reversed(chosen)}
    parts: list[str] = []
    for function, name in reversed(found.items()):
        workload = next(c.workload for c in chosen if c.workload.function is function)
        parts.append(f"{name}\n{indent(workload.listing, '    ')}")
    return "\n".join(parts)
