"""Reading a watched run: its vertices, what the program calls them, and its source."""

from __future__ import annotations

import collections
import linecache
import math
from collections.abc import Sequence
from typing import Any

from chainrule.explainer.watching.watch import Place, Run, operand_texts, program_names
from chainrule.nodes.node_class import node
from chainrule.sweeps.order import collect
from chainrule.values.containers import flatten
from chainrule.values.vertices import vertex


def _age(z: Any) -> int:
    return z.serial


def is_node(x: Any) -> bool:
    """Tell whether something is a node."""
    return isinstance(x, node)


def nodes_in(result: Any) -> list[Any]:
    """Return the nodes in what a function returned."""
    return [x for x in flatten(result)[0] if is_node(x)]


def vertices_of(made: Run) -> list[Any]:
    """Return every vertex, oldest first: what ran, and what the result came from."""
    ran = [z for z in made.made if z.serial < math.inf]  # but for views out of date
    found: dict[Any, None] = dict.fromkeys([*made.inputs, *ran])
    found |= dict.fromkeys(collect(nodes_in(made.result)).order)
    for z in list(found):
        for x in z.operands:
            if isinstance(x, vertex):
                found[x] = None
    return sorted(found, key=_age)


def vertex_names(nodes: Sequence[Any], made: Run) -> list[str]:
    """Return each vertex' name: the program's own where it has one, made unique."""
    given: dict[Any, str] = program_names(made.places)
    given.update(zip(made.inputs, made.input_names, strict=True))
    names: list[str] = []
    counts: collections.Counter[str] = collections.Counter()
    inner = 0
    for z in nodes:
        found = given.get(z) or (None if z.rule else z.parameters.get("name"))
        if found is None:
            inner += 1
            found = f"v{inner}"
        counts[found] += 1
        names.append(found if counts[found] == 1 else f"{found}#{counts[found]}")
    return names


def constant_name(z: Any, i: int, spot: Place | None) -> str:
    """Return what the program calls an array that is a constant."""
    texts = operand_texts(spot.text, len(z.operands)) if spot else ()
    return texts[i] if texts and len(texts[i]) <= 20 else "constant"


def source_of(made: Run) -> dict[str, dict[int, str]]:
    """Return the source lines around what ran, by file and line number."""
    spans: dict[str, list[int]] = {}
    for spot in set(made.places.values()):
        spans.setdefault(spot.filename, []).extend((spot.line, spot.end_line))
    found: dict[str, dict[int, str]] = {}
    for filename, numbers in spans.items():
        lines = linecache.getlines(filename)
        first = _function_start(lines, min(numbers))
        last = min(max(numbers) + 1, len(lines))
        found[filename] = {
            n: lines[n - 1].rstrip("\n") for n in range(first, last + 1) if lines
        }
    return found


def _function_start(lines: Sequence[str], line: int) -> int:
    """Return the line of the ``def`` above a line, or the line itself."""
    for n in range(min(line, len(lines)), 0, -1):
        if lines[n - 1].lstrip().startswith(("def ", "async def ")):
            return n
    return line
