"""``python -m benchmarks.gradbench``: time the evals, or let the suite drive them."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from benchmarks.__main__ import ONE_THREAD


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked for; 0 unless an answer was not valid."""
    options = parser().parse_args(arguments)
    os.environ.update(ONE_THREAD)
    if options.tool:
        from benchmarks.gradbench.tool import serve

        serve(sys.stdin, sys.stdout)
        return 0
    from benchmarks.gradbench.evals import EVALS

    names = [options.eval] if options.eval else list(EVALS)
    if options.gradbench:
        return driven(options, names)
    warnings.simplefilter("ignore")  # the peers' own
    from benchmarks.gradbench import page
    from benchmarks.gradbench.timing import lines

    found = []
    for name in names:
        print(f"running {name} ...", flush=True)
        found += lines(name)
    print(f"\n{page.table(found)}")
    if options.docs:
        print(page.write(found))
    return 0


def driven(options: argparse.Namespace, names: Sequence[str]) -> int:
    """Let the suite's evals speak to the tool, and print what they say."""
    from benchmarks.gradbench.drive import drive

    valid = True
    for name in names:
        print(name, flush=True)
        for answer in drive(options.gradbench, name, options.options, options.python):
            print(answer, flush=True)
            valid = valid and bool(answer.valid)
    return 0 if valid else 1


def parser() -> argparse.ArgumentParser:
    """Return the command line's options."""
    made = argparse.ArgumentParser(prog="benchmarks.gradbench", description=__doc__)
    made.add_argument("--eval", default="", help="run this eval only")
    made.add_argument("--docs", action="store_true", help="write docs/gradbench.md")
    made.add_argument("--tool", action="store_true", help="answer messages on stdin")
    made.add_argument(
        "--gradbench", type=Path, help="a checkout of the suite, whose evals drive"
    )
    made.add_argument(
        "--python", default=sys.executable, help="the Python that runs the suite's"
    )
    made.add_argument("options", nargs="*", help="after --, the suite's own options")
    return made


if __name__ == "__main__":
    sys.exit(main())
