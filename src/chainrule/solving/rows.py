"""A function that a solver calls, inside a trace: traced by itself, for one row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.values.types import Value
from chainrule.values.vertices import stand_in


def traced_alone(
    trace: stand_in, f: Callable[..., Any], examples: Sequence[Any]
) -> tuple[Callable[..., Any], list[Any]]:
    """Return a function as it is traced by itself, and what it reads of the trace.

    What is returned is called with the arguments and then with the values of what it
    reads. It takes nodes, too: its rows are run on them.
    """
    from chainrule.compiler.files.replaying import replay

    def listed(*leaves: Value) -> list[Any]:
        return [f(*leaves)]

    body = trace.body(listed, examples)

    def run(*leaves: Value) -> Any:
        return replay(body.program, leaves)[0]

    return run, body.captured


__all__ = ["traced_alone"]
