"""Measuring in processes of their own, kept function by function.

A process measures one library in one namespace, and says of each function when it
begins and what it found. What a process says is kept at once, so a run that was stopped
goes on where it stood, and a function that never ends, or that takes its process with
it, costs its own outcome alone.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from benchmarks.coverage import page
from benchmarks.coverage.libraries import LIBRARIES
from benchmarks.coverage.measure import outcome
from benchmarks.coverage.samples import samples

SILENCE = 300
"""After so many seconds without a word a process is stopped, in one function."""
TOGETHER = 2
"""How many processes run at a time."""

_HERE = Path(__file__).parent
_SOURCE = _HERE.parents[1] / "src" / "chainrule"
_HOW = ("calls.py", "libraries.py", "measure.py", "samples.py")
_LOCK = threading.Lock()


def measured(names: Sequence[str], namespaces: Sequence[str], *, anew: bool) -> None:
    """Measure the libraries in the namespaces, but for what is kept already."""
    jobs = [(name, namespace) for namespace in namespaces for name in names]
    with ThreadPoolExecutor(TOGETHER) as pool:
        for line in pool.map(lambda job: _measured(*job, anew=anew), jobs):
            print(line, file=sys.stderr, flush=True)


def _measured(name: str, namespace: str, *, anew: bool) -> str:
    """Run processes until one library is measured in one namespace."""
    outcomes, ended = ({}, False) if anew else _kept(name, namespace)
    while not ended:
        begun = ""
        for function, found in _told(name, namespace, list(outcomes)):
            begun = function if found is None else ""
            ended = found == _END
            if found is not None and not ended:
                outcomes[function] = found
            _keep(name, namespace, outcomes, ended=ended)
        if begun:
            outcomes[begun] = "e"
        elif not ended:
            return f"{name}, {namespace}: the process ends before it says anything"
    right = sum("r" in word and " " not in word for word in outcomes.values())
    return f"{name}, {namespace}: {right} of {len(outcomes)}"


def _told(
    name: str, namespace: str, known: Sequence[str]
) -> Iterator[tuple[str, str | None]]:
    """Run a process; return each function that it begins, and what it found."""
    command = [sys.executable, "-m", "benchmarks.coverage", "--process"]
    with subprocess.Popen(
        [*command, name, namespace],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(known))
        process.stdin.close()
        while True:
            clock = threading.Timer(SILENCE, process.kill)
            clock.start()
            line = process.stdout.readline()
            clock.cancel()
            if not line:
                return
            if line.startswith(_MARK):
                function, found = json.loads(line.removeprefix(_MARK))
                yield function, found


def process(name: str, namespace: str) -> None:
    """Measure what is not known yet, and say each function and its outcome."""
    known = set(json.load(sys.stdin))
    library = LIBRARIES[name]()

    def wanted(function: str) -> bool:
        if function in known:
            return False
        _tell(function, None)
        return name == "chainrule" or library.found(namespace, function) is not None

    for function, what in samples(namespace, wanted):
        if function not in known:
            word = what if isinstance(what, str) else outcome(library, what)
            _tell(function, "m" if word == "not wanted" else word)
    _tell("", _END)


_MARK, _END = "coverage: ", "all"


def _tell(function: str, found: str | None) -> None:
    print(f"{_MARK}{json.dumps((function, found))}", flush=True)


# ----------------------------------------------------------------- what has been found


@cache
def stamp(name: str) -> str:
    """Return what an outcome depends on: the versions, and how it is measured."""
    own = [*_SOURCE.rglob("*.py")] if name == "chainrule" else []
    files = [*sorted(own), *(_HERE / file for file in _HOW)]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files))
    versions = f"{version(name)}, NumPy {version('numpy')}, SciPy {version('scipy')}"
    return f"{versions}, {digest.hexdigest()[:12]}"


def _kept(name: str, namespace: str) -> tuple[dict[str, str], bool]:
    """Return what is known already, and whether it is all."""
    before = page.results(name)
    known, _, rest = before.get("stamps", {}).get(namespace, "").partition("; ")
    same = known == stamp(name)
    return dict(before["functions"][namespace]) if same else {}, same and not rest


def _keep(name: str, namespace: str, outcomes: dict[str, str], *, ended: bool) -> None:
    """Write what a library does with the functions of a namespace."""
    with _LOCK:
        kept = page.results(name)
        kept["functions"][namespace] = dict(sorted(outcomes.items()))
        stamps = kept.setdefault("stamps", {})
        stamps[namespace] = stamp(name) + ("" if ended else "; not all")
        kept |= {
            "version": version(name),
            "numpy": version("numpy"),
            "scipy": version("scipy"),
            "date": datetime.now(UTC).date().isoformat(),
        }
        path = page.RESULTS / f"{name}.json"
        new = path.with_suffix(".new")
        new.write_text(json.dumps(kept, indent=0) + "\n", encoding="utf-8")
        new.replace(path)
