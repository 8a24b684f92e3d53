"""``python -m chainrule.compat program.py``: run a program of autograd's unchanged."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Sequence
from pathlib import Path

from chainrule.compat.serving import install_as_autograd

USAGE = """usage: python -m chainrule.compat [--check] program.py [arguments]
       python -m chainrule.compat -m module [arguments]

Runs a program that imports autograd, unchanged, with chainrule in autograd's place.
--check runs nothing: it lists the names of autograd that the program uses, and which
of them there are."""


def main(arguments: Sequence[str]) -> int:
    """Run what the command line says; return the exit status."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if arguments else 2
    if arguments[0] == "--check":
        from chainrule.compat.checking import report

        return report(arguments[1:])
    install_as_autograd()
    if arguments[0] == "-m" and len(arguments) > 1:
        sys.argv = list(arguments[1:])
        sys.path.insert(0, "")
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return 0
    sys.argv = list(arguments)
    sys.path.insert(0, str(Path(arguments[0]).resolve().parent))
    runpy.run_path(arguments[0], run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
