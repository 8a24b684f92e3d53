"""The table that is printed, and the file that is written."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from benchmarks.measure import Row

RESULTS = Path(__file__).parent / "results"

DISTRIBUTIONS = (
    "chainrule", "numpy", "asdex", "autograd", "casadi", "jax", "micrograd", "mygrad",
    "torch",
)  # fmt: skip

HEADINGS = ("workload", "chainrule", "against", "its time", "ratio", "target", "")

SIGNS = {"faster": ">=", "at most": "<=", "within": "within"}

SCALES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as aligned text; a workload is named on its first row only."""
    lines = [HEADINGS, *(cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    texts: list[str] = []
    last = ""
    for line in lines:
        shown = ("" if line[0] == last else line[0], *line[1:])
        last = line[0]
        padded = [
            cell.rjust(width) if i in (1, 3, 4, 5) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(shown, widths, strict=True))
        ]
        texts.append("  ".join(padded).rstrip())
    texts.insert(1, "  ".join("-" * width for width in widths).rstrip())
    return "\n".join(texts)


def cells(row: Row) -> tuple[str, ...]:
    """Return one row's texts."""
    verdict = "shown" if row.met is None else "ok" if row.met else "MISSED"
    ours = quantity(row.ours, row.unit)
    theirs = "" if row.theirs is None else quantity(row.theirs, row.unit)
    ratio = "" if row.ratio is None else ratio_text(row.ratio, row.kind)
    if row.unit == "calls":
        ratio = ratio.replace("faster", "fewer")
    sign = SIGNS[row.kind]
    target = "" if row.limit is None else f"{sign} {row.limit:g}x"
    if target and row.ratio is None:
        target = f"{sign} {quantity(row.limit or 0.0, row.unit)}"
    return (row.workload, ours, row.peer, theirs, ratio, target, verdict)


def ratio_text(ratio: float, kind: str) -> str:
    """Write a ratio; that of two styles as the one that is not below 1."""
    if kind == "within" and ratio < 1:
        return f"{1 / ratio:.2f}x faster"
    return f"{ratio:.2f}x {'faster' if kind == 'faster' else 'the time'}"


def quantity(x: float, unit: str) -> str:
    """Write a number of bytes or calls, or of seconds at a readable scale."""
    if unit == "bytes":
        return f"{x:.0f} B"
    if unit == "calls":
        return f"{x:.0f}"
    scale, name = next((s for s in SCALES if x >= s[0]), SCALES[-1])
    suffix = "/op" if unit == "per operation" else ""
    amount = x / scale
    digits = 0 if amount >= 100 else 3 - len(str(int(amount)))
    return f"{amount:.{digits}f} {name}{suffix}"


def summary(rows: Iterable[Row]) -> str:
    """Return how many targets were reached, and which were not."""
    judged = [row for row in rows if row.met is not None]
    missed = [f"{r.workload} ({r.peer or r.unit})" for r in judged if not r.met]
    text = f"{len(judged) - len(missed)} of {len(judged)} targets reached."
    return f"{text} Missed: {'; '.join(missed)}." if missed else text


def kinds(rows: Iterable[Row]) -> str:
    """Return a line for each kind: its mean ratio, and its worst workload.

    A kind is what stands before the colon in ``kinds, columns: tyre``; the first peer
    of each workload counts.
    """
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        kind, _, name = row.workload.partition(": ")
        if kind.startswith("kinds, ") and row.ratio is not None:
            found.setdefault(kind, {}).setdefault(name, row)
    return "\n".join(kind_line(kind, each) for kind, each in found.items())


def kind_line(kind: str, rows: dict[str, Row]) -> str:
    """Return the line of one kind."""
    speeds = {name: speed(row) for name, row in rows.items()}
    worst = min(speeds, key=speeds.__getitem__)
    mean, word = geometric_mean(speeds.values()), "as fast"
    least = speeds[worst]
    if rows[worst].kind == "within":
        mean, least, word = 1 / mean, 1 / least, "apart"
    return (
        f"{kind}: {mean:.2f}x {word} (geometric mean of {len(rows)}), worst "
        f"{least:.2f}x ({worst}, against {rows[worst].peer})"
    )


def speed(row: Row) -> float:
    """Return how many times as fast as its peer it is; of two styles, the slower."""
    ratio = row.ratio or 0.0
    if row.kind == "within":
        return min(ratio, 1 / ratio)
    return ratio if row.kind == "faster" else 1 / ratio


def machine() -> dict[str, Any]:
    """Return what the numbers depend on."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": processor(),
        "versions": {name: version(name) for name in DISTRIBUTIONS},
    }


def processor() -> str:
    """Return the processor's name."""
    path = Path("/proc/cpuinfo")
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def write(rows: Sequence[Row], folder: Path = RESULTS) -> Path:
    """Write the rows and the machine as JSON; return the file."""
    now = datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y%m%d-%H%M%S}.json"
    found = {
        "date": now.isoformat(timespec="seconds"),
        **machine(),
        "rows": [asdict(row) for row in rows],
    }
    path.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return path
