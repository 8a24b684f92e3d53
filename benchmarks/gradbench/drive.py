"""The suite's own evals speak to the tool, and say whether its answers are valid.

The suite is checked out in a folder. Its evals are Python programs that need pydantic,
dataclasses-json, NumPy and SciPy, and compare with programs in C++, which are built by
``make -C cpp`` and ``make -C tools/manual`` in that folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median

ROOT = Path(__file__).parents[2]


@dataclass
class Answer:
    """What came of one ``evaluate`` message; times in milliseconds."""

    function: str
    description: str
    valid: bool | None = None
    error: str = ""
    times: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = {True: "valid", False: "INVALID", None: "FAILED"}[self.valid]
        text = f"{self.function:10} {self.description:28} {verdict:8}"
        if not self.times:
            return f"{text}\n{self.error}"
        later = self.times[len(self.times) // 2 :]
        found = self.times[0], fmean(self.times), median(later)
        text += "first {:10.3f}  mean {:10.3f}  steady {:10.3f} ms".format(*found)
        return f"{text}\n{self.error}" if self.error else text


def drive(
    folder: Path, name: str, options: Sequence[str], python: str = sys.executable
) -> Iterator[Answer]:
    """Yield what the suite's eval of this name says of each answer."""
    script = f"python/gradbench/gradbench/evals/{name}/run.py"
    path = os.pathsep.join([str(folder / "python" / "gradbench")])
    command = [python, script, *options]
    with process(command, folder, PYTHONPATH=path) as suite, tool() as ours:
        open_: dict[int, Answer] = {}
        for line in suite.stdout:
            message = json.loads(line)
            ours.stdin.write(line)
            ours.stdin.flush()
            answer = ours.stdout.readline()
            if message["kind"] == "evaluate":
                open_[message["id"]] = found = answered(message, json.loads(answer))
                if found.error:
                    yield found
            elif message["kind"] == "analysis":
                found = open_[message["of"]]
                found.valid, found.error = message["valid"], message.get("error", "")
                yield found
            suite.stdin.write(answer)
            suite.stdin.flush()


def answered(message: dict, answer: dict) -> Answer:
    """Return what the tool said to a message."""
    times = [t["nanoseconds"] / 1e6 for t in answer.get("timings", [])]
    return Answer(
        message["function"],
        message.get("description", ""),
        error=answer.get("error", ""),
        times=times,
    )


@contextmanager
def tool() -> Iterator[subprocess.Popen[str]]:
    """Run the tool, as ``python -m benchmarks.gradbench --tool``."""
    command = [sys.executable, "-m", "benchmarks.gradbench", "--tool"]
    with process(command, ROOT) as found:
        yield found


@contextmanager
def process(
    command: Sequence[str], folder: Path, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """Run a process that is spoken to by its stdin and stdout, and end it."""
    found = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield found
    finally:
        found.stdin.close()
        found.wait()
        found.stdout.close()
