"""Instructions of a tape, as the interpreter reads them: rows of eleven integers."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from chainrule.compiler.native.operations import EXPRESSIONS, REDUCTIONS

OPCODES: Mapping[str, int] = MappingProxyType(
    {name: code for code, name in enumerate((*EXPRESSIONS, *REDUCTIONS))}
)
"""The number of each operation: first those of ``EXPRESSIONS``."""
NAMES: Mapping[int, str] = MappingProxyType({c: name for name, c in OPCODES.items()})

FIELDS = ("operation", "target", "x", "y", "w", "count", "dx", "dy", "dw", "rows",
          "inner")  # fmt: skip


__all__ = ["FIELDS", "NAMES", "OPCODES"]
