"""Reading a watched run: its vertices, what the program calls them, and its source."""

from __future__ import annotations

import collections
import linecache
import math
from collections.abc import Sequence
from typing import Any

from chainrule.explainer.watching.names import operand_texts, program_names
from chainrule.explainer.watching.run import Run
from chainrule.explainer.watching.source import SourceLocation
from chainrule.sweeps.order import collect
from chainrule.values.containers import flatten
from chainrule.values.vertices import vertex

_LONGEST_NAME = 20
"""Constants that the source writes with more characters have no name."""


def nodes_in(result: Any) -> list[vertex]:
    """Return the nodes in what a function returned."""
    return [x for x in flatten(result)[0] if isinstance(x, vertex)]


def vertices_of(run: Run) -> list[vertex]:
    """Return every vertex, oldest first: what ran or was returned, and its past."""
    ran = [z for z in run.recorded if z.serial < math.inf]  # but for views out of date
    return collect([*run.inputs, *ran, *nodes_in(run.result)]).order[::-1]


def vertex_names(vertices: Sequence[vertex], run: Run) -> list[str]:
    """Return each vertex' name: the program's own where it has one, made unique."""
    known = program_names(run.locations)
    known.update(zip(run.inputs, run.input_names, strict=True))
    names: list[str] = []
    counts: collections.Counter[str] = collections.Counter()
    inner = 0
    for z in vertices:
        name = known.get(z) or (None if z.rule else z.parameters.get("name"))
        if name is None:
            inner += 1
            name = f"v{inner}"
        counts[name] += 1
        names.append(name if counts[name] == 1 else f"{name}#{counts[name]}")
    return names


def constant_name(z: vertex, i: int, location: SourceLocation | None) -> str:
    """Return what the program calls an array that is a constant."""
    texts = operand_texts(location.text, len(z.operands)) if location else ()
    return texts[i] if texts and len(texts[i]) <= _LONGEST_NAME else "constant"


def source_of(run: Run) -> dict[str, dict[int, str]]:
    """Return the source lines around what ran, by file and line number."""
    lines_of: dict[str, list[int]] = {}
    for location in set(run.locations.values()):
        lines_of.setdefault(location.filename, []).extend(
            (location.line, location.end_line)
        )
    return {name: _lines_around(name, numbers) for name, numbers in lines_of.items()}


def _lines_around(filename: str, numbers: Sequence[int]) -> dict[int, str]:
    """Return the lines from the ``def`` above some lines to the one after them."""
    lines = linecache.getlines(filename)
    first = _function_start(lines, min(numbers))
    last = min(max(numbers) + 1, len(lines))
    return {n: lines[n - 1].rstrip("\n") for n in range(first, last + 1) if lines}


def _function_start(lines: Sequence[str], line: int) -> int:
    """Return the line of the ``def`` above a line, or the line itself."""
    for n in range(min(line, len(lines)), 0, -1):
        if lines[n - 1].lstrip().startswith(("def ", "async def ")):
            return n
    return line
