"""Reading an explanation's text back: its tables as rows of cells, by heading."""

from __future__ import annotations

import re


def tables(text: str) -> dict[tuple[str, ...], list[dict[str, str]]]:
    """Return the rows of each table of a text, by the table's headings.

    Lines that continue a cell are joined to it. A row whose first cell is empty shares
    it with the row above.
    """
    found: dict[tuple[str, ...], list[dict[str, str]]] = {}
    headings: tuple[str, ...] = ()
    spans: list[tuple[int, int | None]] = []
    for line in text.splitlines():
        if not line.startswith(" ") or not line.strip():
            headings = ()
            continue
        if not headings:
            matches = list(re.finditer(r"\S+(?: \S+)*", line))
            headings = tuple(m[0] for m in matches)
            starts = [m.start() for m in matches]
            spans = list(zip(starts, [*starts[1:], None], strict=True))
            found[headings] = []
            continue
        if line.startswith((" --", " ...")):
            continue
        cells = [line[a:b].strip() for a, b in spans]
        row = dict(zip(headings, cells, strict=True))
        if cells[0] or row.get("adds"):
            found[headings].append(row)
        else:
            for k, v in row.items():
                joined = f"{found[headings][-1][k]} {v}"
                found[headings][-1][k] = joined.strip()
    return found


def table(text: str, *some: str) -> list[dict[str, str]]:
    """Return the rows of the one table that has these headings."""
    (rows,) = [r for h, r in tables(text).items() if set(some) <= set(h)]
    return rows
