"""The blocks a document is made of: headings, paragraphs and tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Style = Literal["", "name", "code", "number", "dim", "good", "bad"]


@dataclass(frozen=True)
class Cell:
    """A cell of a table: lines of one style."""

    lines: tuple[str, ...]
    style: Style = ""


@dataclass(frozen=True)
class Span:
    """A row that is one line of text over all columns."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of cells under headings."""

    headings: tuple[str, ...]
    rows: list[tuple[Cell, ...] | Span]


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the title."""

    text: str
    level: int


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str
    style: Style = ""


Block = Heading | Paragraph | Table
