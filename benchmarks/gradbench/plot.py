"""The steady times of the evals beside the peers', as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.gradbench.timing import Line

SERIES = (
    ("chainrule", "chainrule", "o", "#1f5fa8"),
    ("jax", "JAX", "D", "#c8641e"),
    ("torch", "PyTorch", "s", "#8a8a8a"),
)


def plot(lines: Sequence[Line], title: str, path: Path) -> Path:
    """Draw one row of marks per line, on a logarithmic axis of milliseconds."""
    figure = Figure(
        figsize=(8.0, max(2.5, 0.8 + 0.24 * len(lines))), layout="constrained"
    )
    axes = figure.add_subplot()
    rows = range(len(lines))
    for y, line in zip(rows, lines, strict=True):
        ends = [1e3 * t.steady for t in line.times.values()]
        axes.plot([min(ends), max(ends)], [y, y], color="#d8d8d8", zorder=1)
    for name, label, marker, colour in SERIES:
        points = [
            (1e3 * line.times[name].steady, y)
            for y, line in zip(rows, lines, strict=True)
            if name in line.times
        ]
        xs, ys = [x for x, _ in points], [y for _, y in points]
        axes.scatter(xs, ys, s=30, c=colour, marker=marker, label=label)
    bars = [(x.suite, y) for y, x in zip(rows, lines, strict=True) if x.suite]
    xs, ys = [x for x, _ in bars], [y for _, y in bars]
    axes.scatter(xs, ys, s=60, c="black", marker="|", label="C++, on a quiet machine")
    axes.set_xscale("log")
    axes.set_xlabel("milliseconds, steady")
    axes.set_yticks(rows, [f"{line.name}: {line.size}" for line in lines], fontsize=8)
    axes.invert_yaxis()
    axes.grid(visible=True, axis="x", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.suptitle(title, fontsize=9)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=150)
    return path
