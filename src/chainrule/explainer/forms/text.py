"""An explanation as plain text, at most so many columns wide; in colours with rich."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from chainrule.explainer.forms.document_parts import (
    Block,
    Cell,
    Heading,
    Span,
    Style,
    Table,
)

WIDTH = 80
NARROWEST = 40
_GAP = 2
_INDENT = 1

Segment = tuple[str, Style | str]
Line = list[Segment]


def plain_text(blocks: Sequence[Block], width: int = WIDTH) -> str:
    """Return a document as text."""
    lines = ("".join(text for text, _ in line).rstrip() for line in laid(blocks, width))
    return "\n".join(lines)


def laid(blocks: Sequence[Block], width: int = WIDTH) -> Iterator[Line]:
    """Yield the lines of a document, each as pieces of text with their styles."""
    width = max(width, NARROWEST)
    previous: Block | None = None
    for block in blocks:
        titled = isinstance(previous, Heading) and not isinstance(block, Heading)
        if previous is not None and not titled:
            yield []
        if isinstance(block, Table):
            yield from _table(block, width)
        else:
            style = "heading" if isinstance(block, Heading) else block.style
            for line in wrapped(block.text, width):
                yield [(line, style)]
        previous = block


# ---------------------------------------------------------------------------- tables


def _table(table: Table, width: int) -> Iterator[Line]:
    rows = [row for row in table.rows if not isinstance(row, Span)]
    widths = _widths(table.headings, rows, width - _INDENT)
    heading = tuple(Cell((h,), "dim") for h in table.headings)
    yield from _row(heading, widths)
    for row in table.rows:
        if isinstance(row, Span):
            for line in wrapped(row.text, width - _INDENT):
                yield [(" " * _INDENT, ""), (line, "dim")]
        else:
            yield from _row(row, widths)


def _row(cells: Sequence[Cell], widths: Sequence[int]) -> Iterator[Line]:
    columns = [
        [piece for line in cell.lines for piece in wrapped(line, width)]
        for cell, width in zip(cells, widths, strict=True)
    ]
    for i in range(max(map(len, columns))):
        line: Line = [(" " * _INDENT, "")]
        for cell, column, width in zip(cells, columns, widths, strict=True):
            text = column[i] if i < len(column) else ""
            line += [(text, cell.style), (" " * (width - wide(text) + _GAP), "")]
        yield line


def _widths(
    headings: Sequence[str], rows: Sequence[Sequence[Cell]], width: int
) -> list[int]:
    """Return the columns' widths: as wide as they are, or the widest cut down."""
    widths = [wide(h) for h in headings]
    for row in rows:
        for i, cell in enumerate(row):
            widths[i] = max(widths[i], *(wide(line) for line in (*cell.lines, "")))
    available = width - _GAP * (len(widths) - 1)
    while sum(widths) > available:
        widest = max(range(len(widths)), key=lambda i: widths[i])
        widths[widest] -= 1
    return widths


# ------------------------------------------------------------------------- characters


def wide(text: str) -> int:
    """Return how many columns of a terminal a text takes.

    >>> wide("x1"), wide("\u6e29\u5ea6")
    (2, 4)
    """
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def wrapped(text: str, width: int) -> list[str]:
    """Return a text as lines of at most ``width`` columns, broken between words.

    >>> wrapped("x * (y + 10) - abcdefghij", 8)
    ['x * (y +', '10) -', 'abcdefgh', 'ij']
    """
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if wide(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word, width)
        lines += full
    return [*lines, line]


def _pieces(word: str, width: int) -> list[str]:
    """Return a word in pieces of at most ``width`` columns, cut after a sign if any."""
    pieces: list[str] = []
    while wide(word) > width:
        end, taken = 0, 0
        while end == 0 or taken + _columns(word[end]) <= width:
            taken += _columns(word[end])
            end += 1
        sign = max(word.rfind(c, 0, end) for c in "(,[._=")
        end = sign + 1 if sign > end // 3 else end
        pieces.append(word[:end])
        word = word[end:]
    return [*pieces, word]


# --------------------------------------------------------------------------- colours

COLOURS = {
    "heading": "bold",
    "name": "cyan",
    "code": "",
    "number": "green",
    "dim": "dim",
    "good": "bold green",
    "bad": "bold red",
}


def coloured(blocks: Sequence[Block], width: int) -> Iterator[Any]:
    """Yield the lines of a document as rich's ``Text``."""
    from rich.text import Text

    for line in laid(blocks, width):
        text = Text(no_wrap=True, end="\n")
        for piece, style in line:
            text.append(piece, COLOURS.get(style, ""))
        text.rstrip()
        yield text
