"""Views: which results of a call show the memory of an operand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.compiler.tracing.traced import Traced
from chainrule.values.shapes import SEQUENCES, ndarray
from chainrule.values.versions import shares


def noted(results: Any, args: Sequence[Any]) -> Any:
    """Note which results of a call are views, and of what; return the results."""
    for z in results if isinstance(results, SEQUENCES) else (results,):
        if isinstance(z, Traced) and isinstance(z.value, ndarray):
            _note(z, args)
    return results


def _note(z: Traced, args: Sequence[Any]) -> None:
    for x in args:
        if isinstance(x, SEQUENCES):
            _note(z, x)
        elif x is z:
            return
        elif isinstance(x, Traced) and x.home is z.home and shares(z.value, x.value):
            seen(z, x)
            return


def seen(z: Traced, x: Traced) -> Traced:
    """Return a view, noted as one of ``x``, if that is of its trace."""
    if x.home is z.home:
        z.base = x
        x.seen_by(z)
    return z


__all__ = ["noted", "seen"]
