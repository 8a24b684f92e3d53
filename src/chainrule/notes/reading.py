"""What a failing call or operator reads: the form in which both readers tell it."""

from __future__ import annotations

from typing import NamedTuple

from chainrule.nodes.remedies import names

Chain = tuple[str, ...]
"""A dotted name, such as ``("model", "weight")``."""

Span = tuple[tuple[int, int], tuple[int, int]]
"""Where a part of the source starts and ends: lines, and columns in bytes."""

PLAIN_ATTRIBUTES = names("value shape size ndim dtype grad")
PLAIN_MAKERS = names(
    "value stop_gradient float int len bool repr str shape ndim size round"
)
"""Functions whose result holds no node, whatever they are given."""


class Read(NamedTuple):
    """A name that was read: as it is shown, and as it is looked up."""

    shown: str
    chain: Chain


class Reading(NamedTuple):
    """What stands at the start of a call or an assignment, and what else is read."""

    called: Chain
    given: list[Read]
