"""What of ``scipy.special`` cannot be differentiated, and why."""

from __future__ import annotations

from typing import Any

from chainrule.nodes.admission import holds_nodes, missing


def refuse_nodes(function: str, **operands: Any) -> None:
    """Raise where an operand of a function is a node that has to be a plain number."""
    for name, x in operands.items():
        if holds_nodes(x):
            raise missing(
                f"{function} in its parameter {name!r}",
                f"It takes whole numbers. Pass gd.value({name}) to hold it constant.",
            )
