"""Flags: numbers on a tape that are not 0 where something was found.

In: rows, or the places of what is true where it was. Out: a ``Builder``'s instructions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.native.movements import Places
from chainrule.compiler.native.operations import OPCODES
from chainrule.compiler.tape.reductions import reduced
from chainrule.compiler.tracing.rows import Row

if TYPE_CHECKING:
    from chainrule.compiler.tape.lowering import Builder


def without_flag(b: Builder, row: Row, results: list[Any]) -> list[Any]:
    """Return the results of a call; raise the flag where its last one is that."""
    if getattr(row.function, "fails", False):
        *results, failed = results
        raise_where(b, failed, b.flag)
    return results


def flag_nans(b: Builder, checks: Sequence[Row], flag: int) -> None:
    """Raise a flag where a check is nan."""
    for x in checks:
        places: Any = b.places(x)
        if np.ndim(places):
            places = np.unique(places)  # in any order
        raise_where(b, b.elementwise("isnan", np.shape(places), places), flag)


def raise_where(b: Builder, found: Places, flag: int) -> None:
    """Raise a flag where an entry is true."""
    flat = np.ravel(found)
    if not flat.size:
        return
    some = int(flat[0])
    if flat.size > 1:
        some = int(reduced(b, "max", "maximum", flat, (0,)))
    b.code.add_number(OPCODES["maximum"], flag, flag, some)


__all__ = ["flag_nans", "raise_where", "without_flag"]
