"""``python -m benchmarks.coverage``: measure, print the table, write the page."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from benchmarks.coverage import page, runs
from benchmarks.coverage.libraries import LIBRARIES
from benchmarks.coverage.samples import NAMESPACES


def main(arguments: list[str]) -> int:
    """Measure the libraries and namespaces named, by default all that are here.

    What was measured with these versions is kept: ``--anew`` measures it again, and
    ``--page`` nothing.
    """
    if "--process" in arguments:
        runs.process(*arguments[1:])
        return 0
    named = [x for x in arguments if x in LIBRARIES]
    namespaces = [x for x in arguments if x in NAMESPACES] or NAMESPACES
    here = named or [x for x in LIBRARIES if find_spec(x) is not None]
    if "--page" not in arguments:
        runs.measured(here, namespaces, anew="--anew" in arguments)
    print(page.table())
    Path(page.PAGE).write_text(page.text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
