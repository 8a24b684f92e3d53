"""``python -m benchmarks.coverage``: measure, print the table, write the page."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from benchmarks.coverage import page
from benchmarks.coverage.libraries import LIBRARIES, Library
from benchmarks.coverage.measure import outcome
from benchmarks.coverage.samples import NAMESPACES, samples


def measured(names: list[str], namespaces: tuple[str, ...]) -> None:
    """Write what each library does with each function into ``measured/``.

    What is in scope is what was found of chainrule's run; others skip what they lack.
    """
    for name in names:
        library = LIBRARIES[name]()
        for namespace in namespaces:

            def has(
                function: str, where: str = namespace, of: Library = library
            ) -> bool:
                return of.name == "chainrule" or of.found(where, function) is not None

            outcomes = {
                function: what if isinstance(what, str) else outcome(library, what)
                for function, what in samples(namespace, has)
            }
            outcomes = {k: "m" if v == "not wanted" else v for k, v in outcomes.items()}
            keep(library, namespace, outcomes)
            right = sum("r" in word and " " not in word for word in outcomes.values())
            print(f"{name}, {namespace}: {right} of {len(outcomes)}", flush=True)


def keep(library: Library, namespace: str, outcomes: dict[str, str]) -> None:
    """Write what a library does with the functions of a namespace."""
    kept = page.results(library.name)
    kept["functions"][namespace] = outcomes
    kept |= {
        "version": library.version,
        "numpy": version("numpy"),
        "scipy": version("scipy"),
        "date": datetime.now(UTC).date().isoformat(),
    }
    path = page.RESULTS / f"{library.name}.json"
    path.write_text(json.dumps(kept, indent=0) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Measure the libraries and namespaces named, by default all that are here."""
    named = [x for x in arguments if x in LIBRARIES]
    namespaces = tuple(x for x in arguments if x in NAMESPACES) or NAMESPACES
    here = named or [x for x in LIBRARIES if find_spec(x) is not None]
    if "--page" not in arguments:
        measured(here, namespaces)
    print(page.table())
    Path(page.PAGE).write_text(page.text(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
