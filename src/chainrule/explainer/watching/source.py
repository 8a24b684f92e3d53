"""The user's source: where an operation stands in it, and who runs it."""

from __future__ import annotations

import linecache
import sys
from dataclasses import dataclass
from types import CodeType, FrameType

from chainrule.values.vertices import is_internal

Span = tuple[int, int, int, int]
"""First and last line, first and last column of an expression."""

Position = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True)
class SourceLocation:
    """Where in the source an operation stands: lines from 1, columns from 0.

    ``derived`` counts derivatives: 1 for what a recorded sweep computes on behalf of
    the operation that stands there.
    """

    filename: str
    function: str
    line: int
    end_line: int
    column: int
    end_column: int
    derived: int = 0

    @property
    def span(self) -> Span:
        """The lines and columns of the expression."""
        return (self.line, self.end_line, self.column, self.end_column)

    @property
    def text(self) -> str:
        """The expression, on one line; ``d(...)`` of it in a derivative of it."""
        lines = linecache.getlines(self.filename)[self.line - 1 : self.end_line]
        if not lines:
            return ""
        # Columns count bytes of UTF-8.
        encoded = [line.encode() for line in lines]
        encoded[-1] = encoded[-1][: self.end_column]
        encoded[0] = encoded[0][self.column :]
        text = " ".join(b" ".join(encoded).decode(errors="replace").split())
        for _ in range(self.derived):
            text = f"d({text})"
        return text


class CodePositions:
    """The positions in the source of the instructions of code objects, read once."""

    def __init__(self) -> None:
        self._positions: dict[int, tuple[CodeType, list[Position]]] = {}

    def location(self, frame: FrameType) -> SourceLocation | None:
        """Return where a frame is, if its code tells."""
        code = frame.f_code
        # By identity: to hash a code object means to hash all that it holds.
        if id(code) not in self._positions:
            self._positions[id(code)] = code, list(code.co_positions())
        positions = self._positions[id(code)][1]
        line, end_line, column, end_column = positions[frame.f_lasti // 2]
        if line is None:
            return None
        ends = (end_line or line, column or 0, end_column or 0)
        return SourceLocation(code.co_filename, code.co_name, line, *ends)


def user_frame() -> FrameType | None:
    """Return the innermost frame that runs, outside chainrule and NumPy."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_internal(frame):
        frame = frame.f_back
    return frame


def failed_at(error: BaseException) -> tuple[str, int] | None:
    """Return the file and line outside chainrule and NumPy where an error came up."""
    where = None
    trace = error.__traceback__
    while trace is not None:
        if not is_internal(trace.tb_frame):
            where = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        trace = trace.tb_next
    return where


__all__ = ["CodePositions", "SourceLocation", "Span", "failed_at", "user_frame"]
