"""Signals made longer at both ends, as filters and transforms want them."""

from __future__ import annotations

from typing import Any

from chainrule.errors import ArgumentError
from chainrule.operations import namespace as ops
from chainrule.scipy.boundaries import at, extend, widths_of
from chainrule.values.types import Array

_MODES = {"even": "mirror", "constant": "nearest", "zeros": "constant"}


def extended_by(kind: str, x: Array, count: int, axis: int) -> Any:
    """Return a signal with so many samples more at both ends.

    They repeat the signal backwards (``even``), turned about its ends (``odd``), its
    last sample (``constant``), or are ``zeros``.
    """
    if count < 1:
        return x
    room = widths_of(x.ndim, (axis,), [(count, count)])
    if kind in _MODES:
        return extend(x, widths=room, mode=_MODES[kind])
    if kind != "odd":
        raise ArgumentError(f"{kind!r} is none of even, odd, constant, zeros.")
    first, last = x[at(axis, slice(0, 1))], x[at(axis, slice(-1, None))]
    before = 2 * first - x[at(axis, slice(count, 0, -1))]
    after = 2 * last - x[at(axis, slice(-2, -(count + 2), -1))]
    return ops.concatenate([before, x, after], axis=axis)
