"""The tool: a process that reads messages from stdin and answers each on stdout.

A message is a line of JSON with an ``id`` and a ``kind``. ``define`` asks whether there
is a module, ``evaluate`` asks for a function of it at an input; every other kind is
answered by its ``id`` alone. A function runs at least ``min_runs`` times and for at
least ``min_seconds``; the answer has the time of each run.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterable
from time import perf_counter_ns
from typing import Any, TextIO

from benchmarks.gradbench.eval import Function
from benchmarks.gradbench.evals import EVALS
from benchmarks.tools import chainrule_tools

Message = dict[str, Any]

BUILT: dict[Any, Callable[..., Any]] = {}
"""Compiled functions, by module, name and options; each keeps a program per shape."""


def serve(messages: Iterable[str], answers: TextIO) -> None:
    """Answer each message, one line each."""
    for line in messages:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


def answer(message: Message) -> Message:
    """Return the answer to a message."""
    found: Message = {"id": message["id"]}
    if message["kind"] == "start":
        return {**found, "tool": "chainrule"}
    if message["kind"] == "define":
        return {**found, "success": message["module"] in EVALS}
    if message["kind"] != "evaluate":
        return found
    try:
        return {**found, "success": True, **evaluate(message)}
    except Exception:  # whatever it is, the other side is to know
        return {**found, "success": False, "error": traceback.format_exc()}


def evaluate(message: Message) -> Message:
    """Return the output of a function, and the times of its runs."""
    module, name, given = message["module"], message["function"], message["input"]
    function = EVALS[module].functions[name]
    arrays, options = function.prepare(given)
    run = built(module, name, function, options)
    runs = given if isinstance(given, dict) else {}
    result, times = repeated(
        lambda: run(*arrays), runs.get("min_runs", 1), runs.get("min_seconds", 0.0)
    )
    timings = [{"name": "evaluate", "nanoseconds": time} for time in times]
    return {"output": function.output(result), "timings": timings}


def built(module: str, name: str, function: Function, options: Any) -> Any:
    """Return the compiled function with these options, made when first asked for."""
    key = module, name, *sorted(options.items())
    if key not in BUILT:
        BUILT[key] = function.build(chainrule_tools(), **options)
    return BUILT[key]


def repeated(
    call: Callable[[], Any], min_runs: int, min_seconds: float
) -> tuple[Any, list[int]]:
    """Return the last result, and the nanoseconds of each run."""
    times: list[int] = []
    result: Any = None
    while len(times) < max(1, min_runs) or sum(times) < 1e9 * min_seconds:
        start = perf_counter_ns()
        result = call()
        times.append(perf_counter_ns() - start)
    return result, times
