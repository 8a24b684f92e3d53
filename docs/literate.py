"""The lessons: Python scripts with their text in comments, run and made into pages.

A script is a list of cells, in the percent format that editors and Jupytext know: text
after ``# %% [markdown]``, code after ``# %%``. ``# %% picture`` begins code that draws
one, ``# %% answer`` an exercise's answer; pages hide both until a click. ``# %% live``
begins an explanation, which pages hold as a page to step through. Lines that begin with
``# >`` state what the code above them prints, with ``...`` for what is left out. Code
that prints something else raises.
"""

import contextlib
import io
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

KINDS = {
    "# %% [markdown]": "text",
    "# %%": "code",
    "# %% picture": "picture",
    "# %% answer": "answer",
    "# %% live": "live",
}
"""What begins a cell, and its kind."""

HIDDEN = ("picture", "answer")
"""The kinds that are shown after a click."""

PICTURES = "demo_output/"
"""Where the scripts put their files, below the folder that they are run in."""


LIVE = (
    '<iframe src="../live/{name}.html" title="This gradient, step by step" '
    'loading="lazy" class="live"></iframe>\n\n'
    '<a href="../live/{name}.html">This gradient on a page of its own</a>'
)
"""A page to step through, within a page."""


class LessonError(Exception):
    """A lesson is malformed, or prints something else than it states."""


@dataclass
class Cell:
    """A part of a script: its ``kind`` is one of those in ``KINDS``.

    ``live`` is the page of what it explains.
    """

    kind: str
    line: int
    source: str
    stated: str = ""
    printed: str = ""
    live: str = ""


def cells(path: Path) -> Iterator[Cell]:
    """Yield the cells of a script; code ends where its output is stated."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kind, start = "", 0
    for i, row in enumerate([*lines, "# %%"]):
        begins = row.startswith("# %%")
        after = i > start and lines[i - 1].startswith("# >")
        if begins or (after and not row.startswith("# >")):
            if any(lines[start:i]):
                yield cell(kind, start + 1, lines[start:i], path.name)
            start = i + begins
        if begins:
            kind = row


def cell(kind: str, line: int, rows: list[str], script: str) -> Cell:
    """Return the cell with these lines, of which the first has this number."""
    if kind not in KINDS:
        raise LessonError(f"{script}, line {line}: no kind of cell is {kind!r}.")
    if KINDS[kind] == "text":
        return Cell("text", line, "\n".join(row[2:] for row in rows))
    code = [row for row in rows if not row.startswith("# >")]
    stated = "".join(f"{row[4:]}\n" for row in rows if row.startswith("# >"))
    return Cell(KINDS[kind], line, "\n".join(code), stated)


def agrees(stated: str, printed: str) -> bool:
    """Tell whether something was printed as stated, but for the width of spaces."""
    parts = (" ".join(part.split()) for part in stated.split("..."))
    pattern = ".*".join(map(re.escape, parts))
    return re.fullmatch(pattern, " ".join(printed.split())) is not None


def run(path: Path) -> list[Cell]:
    """Run a script in the current folder; its cells hold what they printed."""
    names = {"__name__": "__main__", "__file__": str(path)}
    found = list(cells(path))
    with np.errstate():  # a script may change it
        for part in found:
            if part.kind == "text":
                continue
            source = "\n" * (part.line - 1) + part.source
            if part.kind == "live":
                made = eval(compile(source.strip(), str(path), "eval"), names)
                part.live = made.to_html()
                continue
            with contextlib.redirect_stdout(io.StringIO()) as printed:
                exec(compile(source, str(path), "exec"), names)
            part.printed = printed.getvalue()
            if not agrees(part.stated, part.printed):
                raise LessonError(
                    f"{path.name}, the cell at line {part.line}, states\n"
                    f"{part.stated}\nand prints\n{part.printed}"
                )
    return found


def page(path: Path, folder: Path, live: Path) -> str:
    """Run a script in a folder and return its page, as Markdown.

    What it explains becomes a page in the folder ``live``, which lies beside the pages.
    """
    folder.mkdir(parents=True, exist_ok=True)
    live.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        found = run(path)
    place = Path(os.path.relpath(folder, path.parent)).as_posix()
    answers = 0
    parts: list[str] = []
    for part in found:
        text = as_markdown(part, place)
        if part.kind == "picture":
            text = hidden("How the picture is drawn", text)
        elif part.kind == "answer":
            answers += 1
            text = hidden(f"Answer {answers}", text)
        elif part.kind == "live":
            (live / f"{path.stem}.html").write_text(part.live, encoding="ascii")
            text += "\n\n" + LIVE.format(name=path.stem)
        parts.append(text)
    place = f"../notebooks/{path.stem}.ipynb"  # beside the pages: see conf.py
    link = f'This lesson <a href="{place}" download>as a notebook</a>.'
    return "\n\n".join([*parts, link])


def notebook(path: Path) -> dict[str, Any]:
    """Return a script as a Jupyter notebook: its text and code, without outputs."""
    found: list[dict[str, Any]] = []
    for i, part in enumerate(cells(path)):
        kept: dict[str, Any] = {
            "id": f"cell-{i}",
            "metadata": {},
            "source": part.source.strip("\n").splitlines(keepends=True),
        }
        if part.kind == "text":
            found.append({"cell_type": "markdown", **kept})
            continue
        if part.kind in HIDDEN:
            kept["metadata"] = {"jupyter": {"source_hidden": True}}
        code = {"execution_count": None, "outputs": list[Any]()}
        found.append({"cell_type": "code", **kept, **code})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "cells": found,
    }


def write_notebooks(scripts: Path, folder: Path) -> None:
    """Write every script of a folder as a notebook into another."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(scripts.glob("*.py")):
        text = json.dumps(notebook(path), indent=1, ensure_ascii=False)
        (folder / f"{path.stem}.ipynb").write_text(f"{text}\n", encoding="utf-8")


def hidden(summary: str, text: str) -> str:
    """Return Markdown that is shown after a click on its summary."""
    return f"<details><summary>{summary}</summary>\n\n{text}\n\n</details>"


def as_markdown(part: Cell, place: str) -> str:
    """Return a cell as Markdown; the files that it names lie at a place."""
    if part.kind == "text":
        return part.source.replace(f"]({PICTURES}", f"]({place}/{PICTURES}")
    text = f"```python\n{part.source.strip()}\n```"
    if part.printed:
        text += f"\n\n```{{code-block}} text\n:class: printed\n\n{part.printed}```"
    return text
