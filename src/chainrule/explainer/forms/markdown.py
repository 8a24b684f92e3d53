"""An explanation as Markdown: headings, tables, and code where code is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from chainrule.explainer.forms.document_parts import (
    Block,
    Cell,
    Heading,
    Paragraph,
    Span,
    Table,
)

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def to_markdown(blocks: Sequence[Block]) -> str:
    """Return a document as Markdown (GitHub's, which has tables)."""
    return "\n\n".join(_block(block) for block in blocks) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * min(block.level + 1, 6)} {escaped(block.text)}"
    if isinstance(block, Paragraph):
        text = escaped(block.text)
        return f"**{text}**" if block.style == "bad" else text
    return "\n".join(_table(block))


def _table(table: Table) -> Iterator[str]:
    yield f"| {' | '.join(table.headings)} |"
    yield f"|{' --- |' * len(table.headings)}"
    for row in table.rows:
        cells = [escaped(row.text)] if isinstance(row, Span) else list(map(_cell, row))
        cells += [""] * (len(table.headings) - len(cells))
        yield f"| {' | '.join(cells)} |"


def _cell(cell: Cell) -> str:
    write = code if cell.style in ("name", "code") else escaped
    return "<br>".join(write(line) for line in cell.lines if line)


def escaped(text: str) -> str:
    r"""Return text in which nothing is markup.

    >>> print(escaped("a|b <i>"))
    a\|b \<i\>
    """
    return _SPECIAL.sub(r"\\\1", text)


def code(text: str) -> str:
    r"""Return text as code, also in a table.

    >>> print(code("abs(x) | `y`"))
    `` abs(x) \| `y` ``
    """
    longest = max(map(len, re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    space = " " if longest else ""
    return f"{fence}{space}{text}{space}{fence}".replace("|", r"\|")
