"""Statistics of a compiled function: its programs, what runs them, and why."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from inspect import Signature as Parameters
from typing import Any

from chainrule.compiler.dispatch.kept import Kept
from chainrule.compiler.dispatch.signature import describe_leaf
from chainrule.compiler.dispatch.specialisation import Specialisation, Specialisations
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.captured import captured
from chainrule.compiler.tracing.rows import Row
from chainrule.transforms.derived import described


def stats_of(
    f: Callable[..., Any],
    parameters: Parameters | None,
    kept: Kept,
) -> dict[str, Any]:
    """Return what was compiled of a function, and how it is run."""
    known = list(kept.signatures.values())
    return {
        "programs": [_program(each, path) for each in known for path in each.paths],
        "max_programs": kept.limit,
        "dropped": kept.dropped,
        "retraces": sum(len(each.paths) - 1 for each in known if each.paths),
        "nan_reruns": sum(each.nans for each in known),
        "integer_reruns": sum(each.inexact for each in known),
        "error_reruns": sum(each.errors for each in known),
        "captured": _captured(f, parameters, known),
    }


def shown(f: Callable[..., Any], kept: Kept) -> str:
    """Return a compiled function in one line: of what, from what to what, run how."""
    known = list(kept.signatures.values())
    pairs = [(each, path) for each in known for path in each.paths]
    head = f"compiled {described(f)}"
    if not pairs:
        return f"<{head}, no program yet>"
    runs = ", ".join(dict.fromkeys(path.run.name for _, path in pairs))
    if len(pairs) > 1:
        return f"<{head}, {len(pairs)} programs, run by {runs}>"
    each, path = pairs[0]
    given = ", ".join(map(describe_leaf, each.signature.leaves))
    results = [_result(x) for x in path.program.outputs]
    returned = results[0] if len(results) == 1 else f"({', '.join(results)})"
    return f"<{head}, ({given}) -> {returned}, run by {runs}>"


def _result(x: Any) -> str:
    """Return what a result is like."""
    if not isinstance(x, Row):
        return repr(x)
    return f"{x.dtype}{list(x.shape)}" if x.shape else str(x.dtype)


def _program(each: Specialisations, path: Specialisation) -> dict[str, Any]:
    return {
        "arguments": [describe_leaf(x) for x in each.signature.leaves],
        "static": dict(each.signature.statics),
        "rows": dict(path.program.counts),
        "guards": len(path.program.guards),
        "executor": path.run.name,
        "because": path.choice.reason,
        "settled": path.choice.settled,
        "numpy_rows": path.run.shares(),
        "threads": [team.told() for team in path.choice.teams],
        "loops": _loops(path.program, path.run.name),
        "workspace_bytes": path.run.workspace,
        "trace_seconds": path.seconds,
        "calls": path.calls,
    }


def _loops(program: Program, executor: str) -> list[dict[str, Any]]:
    """Return what runs each loop and map of a program, outer ones before inner ones.

    The rows of a map may be rows of the program, which ``executor`` runs.
    """
    loops: list[dict[str, Any]] = [
        {
            "loop": "vmap",
            "examples": count,
            "executor": executor,
            "because": f"its rows are the program's: {because}",
            "seconds": None,
        }
        for count, because in program.mapped
    ]
    for row in program.rows:
        told = getattr(row.function, "told", None)
        if told is None:
            continue
        known = told()
        running, inside = known.pop("running"), known.pop("programs")
        around, because = executor, "part of the program around it"
        if running:
            around, because = running.executor, running.because
        seconds = running.seconds if running else None
        seen = {"executor": around, "because": because, "seconds": seconds}
        loops.append(known | seen)
        if not running or running.on_numpy:
            for part in inside:
                loops += _loops(part, around)
    return loops


def _captured(
    f: Callable[..., Any], parameters: Parameters | None, known: list[Specialisations]
) -> dict[str, str]:
    """Return what was read from outside, also of objects among arguments."""
    outside = captured(f, {})
    if parameters is None:
        return outside
    for each in known:
        args, keywords = each.signature.constants()
        with contextlib.suppress(TypeError):  # *args by name, with static=
            bound = parameters.bind_partial(*args, **keywords).arguments
            outside |= captured(f, {**bound, **each.signature.statics})
    return outside
