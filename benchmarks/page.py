"""The page of the documentation that has every line of one run, misses included."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Row
from benchmarks.report import cells, kinds, summary

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

TITLES = {
    "compiled": "Compiled",
    "kinds": "Kinds of everyday code, compiled",
    "sparse": "Sparse derivatives",
    "optimise": "Optimisation",
}
"""Headings by how the names of workloads begin; all others are under ``EAGER``."""
EAGER = "Eager, and what it costs"

TEXT = """\
# Benchmarks

Every line of `make bench`, which wrote this page, misses included. Value and
gradient on one thread, medians; chainrule and a peer are timed right after each other,
in a process of their own, and *ratio* is the median of the ratios of these pairs.
Compare within a line. *First call* lines trace and compile; the others begin after a
second of calls. What each workload computes is in `benchmarks/workloads/`.

{where}

{summary}

{tables}
"""

HEADINGS = ("workload", "chainrule", "against", "its time", "ratio", "target", "")


def write(found: Mapping[str, Any], page: Path = PAGE) -> Path:
    """Write the page of a run, as ``report.write`` has stored it."""
    rows = [Row(**row) for row in found["rows"]]
    groups: dict[str, list[Row]] = {EAGER: []}
    for row in rows:
        start = row.workload.partition(":")[0].partition(",")[0]
        groups.setdefault(TITLES.get(start, EAGER), []).append(row)
    tables = [f"## {title}\n\n{table(group)}" for title, group in groups.items()]
    text = TEXT.format(
        where=surroundings(found), summary=summary_of(rows), tables="\n\n".join(tables)
    )
    page.write_text(text, encoding="utf-8")
    return page


def read(*paths: Path) -> dict[str, Any]:
    """Return a run that was stored; lines of later ones stand in for its own."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    newest: dict[tuple[str, str], Any] = {}
    for run in runs:
        newest |= {(row["workload"], row["peer"]): row for row in run["rows"]}
    days = sorted({run["date"][:10] for run in runs})
    versions = {k: v for run in runs for k, v in run["versions"].items()}
    later = {"date": ", parts of ".join(days), "versions": versions}
    return {**runs[-1], **later, "rows": list(newest.values())}


def summary_of(rows: Sequence[Row]) -> str:
    """Return how many targets were met, and a line for each kind."""
    met = summary(rows).partition(" Missed")[0]
    lines = [f"- {line}" for line in kinds(rows).splitlines()]
    return "\n".join([met, "", *lines])


def surroundings(found: Mapping[str, Any]) -> str:
    """Return the processor, the day, and the versions of what was timed."""
    versions = ", ".join(f"{name} {v}" for name, v in found["versions"].items())
    where = f"{found['processor']}, {found['date']}"
    return f"{where}; Python {found['python']}, {versions}."


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table of Markdown; a workload is named once."""
    rule = ("---", "--:", "---", "--:", "--:", "--:", "---")
    lines: list[tuple[str, ...]] = [HEADINGS, rule]
    last = ""
    for row in rows:
        name, *rest, verdict = cells(row)
        missed = verdict == "MISSED"
        verdict = {"ok": "met", "MISSED": "**missed**"}.get(verdict, "")
        if missed:
            rest[3] = f"**{rest[3]}**" if rest[3] else ""
        lines.append(("" if name == last else name, *rest, verdict))
        last = name
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


__all__ = ["PAGE", "read", "write"]
