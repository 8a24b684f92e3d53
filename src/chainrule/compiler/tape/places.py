"""Places of values in a workspace: how they lie in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.movements import Places

EXACT = 2.0**53
"""Whole numbers below this are exact as floats, and so on the tape."""
FEW = 1 << 10
"""Arrays of constants with more entries than this stay in the workspace."""


def stretches(flat: Any) -> Iterator[tuple[int, int, Sequence[int]]]:
    """Yield start, count and steps of the stretches in which all places step evenly."""
    n = flat.shape[1]
    if n == 1:
        yield 0, 1, (0,) * len(flat)
        return
    d = np.diff(flat, axis=1)
    start = 0
    for b in np.flatnonzero((d[:, 1:] != d[:, :-1]).any(axis=0)).tolist():
        if b < start:
            continue
        yield start, b + 2 - start, d[:, start].tolist()
        start = b + 2
    if start < n:
        steps = d[:, start].tolist() if start < n - 1 else (0,) * len(flat)
        yield start, n - start, steps


def is_one_piece(places: Places) -> bool:
    """Tell whether places follow each other in memory, in their order."""
    if type(places) is int:
        return True
    return places.size > 0 and bool((np.diff(np.ravel(places)) == 1).all())


def span(places: Places) -> tuple[int, int]:
    """Return start and length of contiguous places."""
    if type(places) is int:
        return places, 1
    return (int(places.flat[0]) if places.size else 0), places.size


def overlap(x: Places, y: Places) -> bool:
    """Tell whether some places are among those of an array in one piece."""
    start, n = span(x)
    return bool(np.any((start <= np.asarray(y)) & (np.asarray(y) < start + n)))


def writer_of(places: Places) -> Any:
    """Return the index that writes an input, flattened."""
    if type(places) is int:
        return places
    start, count = span(places)
    return slice(start, start + count)


def is_grid(p: Places) -> bool:
    """Tell whether places of a matrix step evenly along both axes."""
    down, across = np.diff(p, axis=0), np.diff(p, axis=1)
    return bool((down == down[:1, :1]).all() and (across == across[:1, :1]).all())


def is_exact(x: Any) -> bool:
    """Tell whether a constant's integers are exact as floats."""
    if isinstance(x, int):
        return abs(x) < EXACT
    return x.dtype.kind not in "iu" or not x.size or bool(np.max(np.abs(x)) < EXACT)


def fill(work: Any, filled: Sequence[tuple[Places, Any]]) -> None:
    """Put a tape's constants into a workspace."""
    for places, value in filled:
        work[places] = value


def constants_of(
    filled: Sequence[tuple[Places, Any]], most: float = FEW
) -> dict[int, float]:
    """Return the numbers that a tape reads and never writes, by their places.

    Those of arrays with more than ``most`` entries are left out.
    """
    found: dict[int, float] = {}
    for places, x in filled:
        if type(places) is int:
            found[places] = float(x)
        elif places.size <= most:
            flat = np.ravel(x).tolist()
            found |= dict(zip(np.ravel(places).tolist(), flat, strict=True))
    return found


__all__ = [
    "FEW",
    "constants_of",
    "fill",
    "is_grid",
    "is_one_piece",
    "overlap",
    "span",
    "stretches",
    "writer_of",
]
