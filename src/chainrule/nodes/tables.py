"""Which operation a NumPy function stands for, and what becomes of the others."""

from __future__ import annotations

from typing import Any

from chainrule.rules import rule
from chainrule.values.types import Operation

UFUNCS: dict[Any, Operation] = {}
"""Which operation a NumPy ufunc stands for; filled by ``chainrule.operations``."""

FUNCTIONS: dict[Any, Operation] = {}
"""Which operation any other NumPy function stands for; filled the same way."""

WRAPPED: dict[type[rule], Operation] = {}
"""The operation of each rule that has one."""

LOCALLY_CONSTANT: set[Any] = set()
"""Functions whose derivative is zero almost everywhere: they return plain values."""

REFUSED: dict[Any, str] = {}
"""Functions that cannot be differentiated, with the reason and what to do instead."""
