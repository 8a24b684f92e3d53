"""Why a function cannot be saved, and what is wrong with a file."""

from __future__ import annotations

from typing import Any

from chainrule.errors import CompileError, FileError


def refuse(reason: str) -> CompileError:
    """Return the error that a function cannot be saved, and why."""
    return CompileError(
        f"This function cannot be saved: {reason}. A file holds rows of the library's "
        "own operations, numbers and arrays. Pickle the function instead, which traces "
        "it again where it is loaded."
    )


def require(holds: Any, what: str) -> None:
    """Raise if a file does not hold what it should."""
    if not holds:
        raise FileError(
            f"The file is no valid program: {what}. It was changed or cut short; make "
            "it again with gd.save."
        )


__all__ = ["refuse", "require"]
