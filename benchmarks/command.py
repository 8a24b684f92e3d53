"""The command line: run the workloads, print the table, write the file."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import replace
from textwrap import indent

from benchmarks import report
from benchmarks.measure import Row, compare
from benchmarks.workload import Comparison
from benchmarks.workloads import comparisons, costs

COSTS = "memory and import"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 0 even where a target is missed, which is printed."""
    options = parser().parse_args(arguments)
    smoke = options.smoke
    chosen = [c for c in comparisons(tiny=smoke) if options.only in c.name]
    if options.list:
        print(listing(chosen))
        return 0
    rows: list[Row] = []
    for comparison in chosen:
        print(f"running {comparison.name} ...", flush=True)
        with warnings.catch_warnings():
            if not smoke:  # the peers' own warnings are not ours to show
                warnings.simplefilter("ignore")
            rows += compare(comparison, smoke=smoke)
    if options.only in COSTS:
        print(f"running {COSTS} ...", flush=True)
        rows += costs.rows(tiny=smoke)
    if smoke:
        rows = [replace(row, limit=None, met=None) for row in rows]
        print(f"\n{report.table(rows)}\nTiny and run once: these times mean nothing.")
        return 0
    print(f"\n{listing(chosen)}\n\n{report.table(rows)}\n")
    print(f"{report.summary(rows)}\n{report.write(rows)}")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the command line's options."""
    made = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    made.add_argument(
        "--smoke", action="store_true", help="every workload once, tiny, no peers"
    )
    made.add_argument("--list", action="store_true", help="list operations and stop")
    made.add_argument("--only", default="", help="run workloads with this in the name")
    return made


def listing(chosen: Sequence[Comparison]) -> str:
    """Return what each workload computes, once per function."""
    found = {c.workload.function: c.name for c in reversed(chosen)}
    parts: list[str] = []
    for function, name in reversed(found.items()):
        workload = next(c.workload for c in chosen if c.workload.function is function)
        parts.append(f"{name}\n{indent(workload.listing, '    ')}")
    return "\n".join(parts)
