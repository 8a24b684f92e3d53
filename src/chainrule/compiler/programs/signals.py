"""Signals: why a program's results are not the function's, raised by what runs it."""

from __future__ import annotations


class GuardFailed(Exception):
    """A decision went another way than in the trace, or a shape is another one."""


class NanFound(Exception):
    """A value that must not be nan is nan."""


class InexactError(Exception):
    """An integer is too large for a tape, which holds all numbers as floats."""


class TakesLong(Exception):
    """A loop has run on NumPy for as long as native code takes to be made."""


__all__ = ["GuardFailed", "InexactError", "NanFound", "TakesLong"]
