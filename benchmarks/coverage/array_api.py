"""Which of SciPy's own array-API functions run on nodes, with right derivatives.

    python -m benchmarks.coverage.array_api

Sets SCIPY_ARRAY_API=1, calls SciPy's functions (not chainrule's) on nodes with the
samples of the coverage table, holds the derivatives to differences, and writes the list
into docs/array_api.md.
"""

from __future__ import annotations

import os

os.environ["SCIPY_ARRAY_API"] = "1"

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np

import chainrule as gd
from benchmarks.coverage import page
from benchmarks.coverage.libraries import Library, chainrule
from benchmarks.coverage.measure import outcome
from benchmarks.coverage.samples import NAMESPACES, Sample, found, samples

PAGE = page.PAGE.with_name("array_api.md")
MARKS = "<!-- SciPy's functions: generated -->\n", "<!-- end -->\n"


class of_scipy(Library):
    """SciPy's own functions, and derivatives by chainrule."""

    def found(self, namespace: str, name: str) -> Any:
        """Return SciPy's function, called with nodes where an argument is one."""
        function = found(import_module(namespace), name)

        def call(*args: Any, **named: Any) -> Any:
            holds = any(isinstance(x, gd.node) for x in [*args, *named.values()])
            as_one = as_node if holds else lambda x: x
            given = {k: as_one(x) for k, x in named.items()}
            return function(*map(as_one, args), **given)

        return call


def as_node(x: Any) -> Any:
    """Return an array of floats as a node: an array API takes arrays of one kind."""
    floats = isinstance(x, np.ndarray) and x.dtype.kind == "f"
    return gd.node(x) if floats else x


def chosen() -> dict[Any, Mapping[str, Any]]:
    """Return the functions that SciPy says take arrays of other libraries."""
    from scipy._lib._array_api import xp_capabilities_table

    return {
        f: what
        for f, what in xp_capabilities_table.items()
        if not (what["np_only"] or what["out_of_scope"])
    }


def compiled(f: Any, x: Any) -> Any:
    """Return the compiled gradient, by any executor."""
    return gd.compile(gd.grad(f))(x)


def listed() -> dict[str, dict[str, str]]:
    """Return what each of these functions does on nodes, by namespace."""
    ours = chainrule()
    library = of_scipy(**{**vars(replace(ours, compiled=compiled))})
    lines: dict[str, dict[str, str]] = {}
    for namespace in (x for x in NAMESPACES if x.startswith("scipy.")):
        module, takes = import_module(namespace), chosen()
        for name, sample in samples(namespace, lambda n: found(module, n) in takes):  # noqa: B023
            if isinstance(sample, Sample):
                word = outcome(library, sample)
                lines.setdefault(namespace, {})[name] = word
        print(namespace, len(lines.get(namespace, {})), file=sys.stderr, flush=True)
    return lines


def text(lines: Mapping[str, Mapping[str, str]]) -> str:
    """Return the lists as text: those that run, and those that do not."""
    parts: list[str] = []
    for namespace, words in lines.items():
        run = [n for n, w in words.items() if "r" in w and "w" not in w]
        rest = [n for n in words if n not in run]
        some = [n for n in run if not {"f", "s", "c"} <= set(words[n])]
        parts.append(f"**`{namespace}`**: {len(run)} of {len(words)} run.")
        parts.append(f"They are {_code(run)}." if run else "")
        if some:
            parts.append(
                f"Not in forward mode, at second order or compiled: {_code(some)}."
            )
        if rest:
            parts.append(f"Do not run: {_code(rest)}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def _code(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> int:
    """Measure, print and write the lists."""
    written = text(listed())
    print(written)
    before = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(
        f"(?<={re.escape(MARKS[0])}).*?(?={re.escape(MARKS[1])})", re.S
    )
    PAGE.write_text(pattern.sub(lambda _: written, before), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
