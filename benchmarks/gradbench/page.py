"""The table: as it is printed, and as a page of the documentation."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.gradbench.evals import EVALS
from benchmarks.gradbench.plot import plot
from benchmarks.gradbench.timing import Line, Times
from benchmarks.report import RESULTS, processor

STORE = RESULTS / "gradbench.json"
PAGE = Path(__file__).parents[2] / "docs" / "gradbench.md"

HEADINGS = (
    "eval", "input", "first", "mean", "steady", "JAX first", "JAX steady", "ratio",
    "torch", "bar", "C++", "",
)  # fmt: skip

TEXT = """\
# GradBench

[GradBench](https://github.com/gradbench/gradbench) has twelve small programs to
differentiate, and runs them on many libraries. `benchmarks/gradbench/` has them as a
user of NumPy would write them, and a tool that the suite can run. `make gradbench`
times them on inputs of our own beside JAX and PyTorch, which run the same text. It
wrote this page.

Times are milliseconds, on one thread. *First* is the first call, which traces and
compiles. *Mean* is over all runs of a second or ten runs, the first one included, which
is what the suite scores. *Steady* is the median of the later half. *Ratio* is JAX's
steady time over ours. *C++* is what the suite's fastest C++ took on another, quiet
machine, and *bar* is what we aim at there. `det` shares equal minors, which the C++
does not. Other programs may have run on the machine: compare within a line, and the
ratio with the bar divided by *C++*. Derivatives are checked first, against the
uncompiled ones, those of JAX and PyTorch, and central differences.

{where}

![Steady times of every line beside JAX and PyTorch](images/gradbench.png)

{table}
"""


def cells(line: Line) -> tuple[str, ...]:
    """Return the texts of a line."""
    ours, jax, torch = (line.times.get(n) for n in ("chainrule", "jax", "torch"))
    assert ours is not None
    met = line.bar is not None and ours.steady <= line.bar / 1e3
    return (
        line.name,
        line.size,
        *map(milliseconds, (ours.first, ours.mean, ours.steady)),
        *(("", "") if jax is None else map(milliseconds, (jax.first, jax.steady))),
        "" if jax is None else f"{jax.steady / ours.steady:.2f}x",
        "" if torch is None else milliseconds(torch.steady),
        *("" if x is None else f"{x:g}" for x in (line.bar, line.suite)),
        "" if line.bar is None else "met" if met else "missed",
    )


def milliseconds(seconds: float) -> str:
    """Write a time with three digits."""
    x = 1e3 * seconds
    return f"{x:,.0f}" if x >= 100 else f"{x:.{2 if x < 10 else 1}f}"


def table(found: Sequence[Line]) -> str:
    """Return the lines as a table of Markdown, which is readable as it is."""
    rows = [HEADINGS, *map(cells, found)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
    ends = {i: str.ljust if i in (0, 1, 11) else str.rjust for i in range(len(widths))}
    texts = [
        f"| {' | '.join(ends[i](row[i], w) for i, w in enumerate(widths))} |"
        for row in rows
    ]
    rule = [
        "-" * w if ends[i] is str.ljust else "-" * (w - 1) + ":"
        for i, w in enumerate(widths)
    ]
    return "\n".join([texts[0], f"| {' | '.join(rule)} |", *texts[1:]])


def write(found: Sequence[Line]) -> Path:
    """Put the lines among those of evals that ran before; write the page of all."""
    stored = json.loads(STORE.read_text(encoding="utf-8")) if STORE.exists() else {}
    for name in {line.name for line in found}:
        stored[name] = [asdict(line) for line in found if line.name == name]
    STORE.parent.mkdir(parents=True, exist_ok=True)
    STORE.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    every = [read(x) for name in EVALS for x in stored.get(name, [])]
    where = surroundings()
    plot(every, where, PAGE.parent / "images" / "gradbench.png")
    PAGE.write_text(TEXT.format(where=where, table=table(every)), encoding="utf-8")
    return PAGE


def surroundings() -> str:
    """Return the machine, the day, and the versions of what was timed."""
    packages = {"NumPy": "numpy", "JAX": "jax", "PyTorch": "torch"}
    versions = ", ".join(f"{name} {version(x)}" for name, x in packages.items())
    python, day = platform.python_version(), f"{datetime.now(UTC):%Y-%m-%d}"
    return f"{machine()}, {day}; Python {python}, {versions}."


def read(stored: dict) -> Line:
    """Return a line that was stored."""
    times = {name: Times(**x) for name, x in stored["times"].items()}
    return Line(**{**stored, "times": times})


def machine() -> str:
    """Return how many cores of what processor there are, such as 2 cores of a Xeon."""
    name = re.sub(r"\((R|TM)\)|\bCPU\b|\bProcessor\b|@.*", "", processor())
    words = " ".join(name.split())
    article = "an" if words[:1] in "AEIO" else "a"
    return f"{os.cpu_count()} cores of {article} {words}"
