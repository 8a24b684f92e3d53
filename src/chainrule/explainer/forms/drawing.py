"""Drawing a recording: Mermaid and Graphviz text, SVG, PNG, Jupyter.

An arrow runs from an operand to what was computed from it. Big recordings are folded:
the steps of a loop into one, then what one expression made, then what one line made.
"""

from __future__ import annotations

import collections
import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chainrule.explainer import showing
from chainrule.explainer.account.account import Account
from chainrule.explainer.account.brief import counted, printable, short
from chainrule.explainer.account.fold import key_of, representatives
from chainrule.explainer.account.views import VertexView
from chainrule.explainer.forms.layered import layered_svg
from chainrule.explainer.forms.pictures import picture
from chainrule.explainer.forms.wording import main_file, operation_text, shortened

_LABEL = 40

BOXES = 60
"""How many boxes a drawing has at most, if nothing else is said."""


@dataclass(frozen=True)
class Box:
    """A box of a drawing."""

    lines: tuple[str, ...]
    role: Literal["input", "result", "group", ""]


class Drawing:
    """A recording as boxes and arrows.

    Attributes
    ----------
    boxes
        What is drawn, oldest first.
    arrows
        From which box to which, and how often.
    """

    def __init__(self, explained: Account, limit: int = BOXES) -> None:
        """Fold the recording until it has no more boxes than the limit."""
        self.title: str = explained.title
        vertices = explained.vertices
        groups = _groups(vertices, limit)
        number = {g: i for i, g in enumerate(dict.fromkeys(groups))}
        members: list[list[VertexView]] = [[] for _ in number]
        for v, g in zip(vertices, groups, strict=True):
            members[number[g]].append(v)
        result = None if explained.result is None else vertices[explained.result]
        self.boxes: list[Box] = [_box(explained, some, result) for some in members]
        arrows: collections.Counter[tuple[int, int]] = collections.Counter()
        for v, g in zip(vertices, groups, strict=True):
            for x in v.operands:
                if x.index is not None:
                    arrows[number[groups[x.index]], number[g]] += 1
        self.arrows: Mapping[tuple[int, int], int] = dict(arrows)

    @property
    def mermaid(self) -> str:
        """The drawing as Mermaid text."""
        shapes = {"input": '(["{}"])', "result": '[["{}"]]'}
        lines = ["flowchart TD"]
        for i, box in enumerate(self.boxes):
            label = "<br/>".join(map(_mermaid_text, box.lines))
            lines.append(f"  n{i}" + shapes.get(box.role, '["{}"]').format(label))
        for (a, b), count in self.arrows.items():
            label = f"|{count:,} times|" if count > 1 else ""
            lines.append(f"  n{a} -->{label} n{b}")
        return "\n".join(lines)

    @property
    def dot(self) -> str:
        """The drawing as Graphviz text."""
        looks = {
            "input": 'style="rounded,filled", fillcolor="#dbeafe"',
            "result": 'style=filled, fillcolor="#dcfce7"',
            "group": "shape=box3d",
            "": "",
        }
        lines = [
            "digraph {",
            "  node [shape=box, style=filled, fillcolor=white, fontname=monospace]",
        ]
        for i, box in enumerate(self.boxes):
            label = "\\n".join(map(_dot_text, box.lines))
            look = f", {looks[box.role]}" if looks[box.role] else ""
            lines.append(f'  n{i} [label="{label}"{look}]')
        for (a, b), count in self.arrows.items():
            label = f' [label="{count:,} times"]' if count > 1 else ""
            lines.append(f"  n{a} -> n{b}{label}")
        return "\n".join([*lines, "}"])

    def svg(self) -> str:
        """Return the drawing as SVG."""
        texts = [box.lines for box in self.boxes]
        roles = [box.role for box in self.boxes]
        return layered_svg(texts, roles, self.arrows, printable(self.title))

    def png(self) -> bytes:
        """Return the drawing as PNG.

        Raises
        ------
        MissingLibraryError
            If nothing is installed that draws it.
        """
        return picture(self.svg(), self.dot, "png")

    def pdf(self) -> bytes:
        """Return the drawing as PDF.

        Raises
        ------
        MissingLibraryError
            If nothing is installed that draws it.
        """
        return picture(self.svg(), self.dot, "pdf")

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the drawing to a file, and return its path.

        The suffix says in which form: ``.svg``; ``.png`` and ``.pdf``, which need
        CairoSVG or a program that draws SVG; ``.mmd`` and ``.dot``, the texts for
        Mermaid and for Graphviz.

        Raises
        ------
        ArgumentError
            If the path ends in another suffix; nothing is written then.
        MissingLibraryError
            If a picture needs a library that is not installed.
        """
        return showing.save(path, self.forms(), "A picture is .svg.")

    def show(self) -> Path | None:
        """Show the drawing, in the notebook or a browser.

        Returns
        -------
        Path or None
            Where it was written; ``None`` in a notebook. Where no browser opens, the
            path is printed.
        """
        return showing.show(self, self.title, self.svg, ".svg")

    def forms(self) -> dict[str, showing.Form]:
        """Return what writes a file of each suffix."""
        return {
            ".svg": self.svg,
            ".png": self.png,
            ".pdf": self.pdf,
            ".mmd": lambda: self.mermaid,
            ".dot": lambda: self.dot,
        }

    def __repr__(self) -> str:
        """Say what is drawn, in one line."""
        boxes = counted(len(self.boxes), "box", "boxes")
        return f"<drawing of {printable(self.title)}, {boxes}: .show(), .save('a.svg')>"

    def _repr_svg_(self) -> str:
        return self.svg()


# ----------------------------------------------------------------------------- folding


def _groups(vertices: Sequence[VertexView], limit: int) -> list[Hashable]:
    """Return the box that each vertex goes in: as fine as the limit allows."""
    groups: list[Hashable] = [v.index for v in vertices]
    if len(vertices) <= limit:
        return groups
    keys = [key_of(v) for v in vertices]
    lines = [_line_key(v) for v in vertices]
    for coarser in (representatives(keys), keys, lines):
        if len(set(groups)) > limit:
            pairs = zip(vertices, coarser, strict=True)
            groups = [v.index if v.rule is None else ("like", key) for v, key in pairs]
    if len(set(groups)) > limit:
        groups = ["input" if v.rule is None else _line_key(v) for v in vertices]
    if len(set(groups)) > limit:
        size = -(-len(vertices) // limit)
        groups = [v.index // size for v in vertices]
    return groups


def _line_key(v: VertexView) -> Hashable:
    if v.location is None:
        return (v.operation,)
    return (v.location.filename, v.location.line, v.location.derived)


def _box(
    explained: Account, members: Sequence[VertexView], result: VertexView | None
) -> Box:
    v = members[0]
    if len(members) == 1:
        shown = operation_text(explained, v)
        head = v.name if v.rule is None else f"{v.name} = {shown}"
        role = "input" if v.rule is None else "result" if v is result else ""
        return Box((_line(head), _line(short(v.value))), role)
    count = counted(len(members), "input" if _all_inputs(members) else "operation")
    names = dict.fromkeys(m.operation for m in members)
    what = ", ".join([*list(names)[:3], *(["..."] if len(names) > 3 else [])])
    locations = {m.location for m in members}
    lines = {(where.filename, where.line) for where in locations if where is not None}
    if _all_inputs(members):
        return Box((f"{_line(v.name)} ...", count), "input")
    if len(lines) != 1 or None in locations:
        head = f"{v.name} ... {members[-1].name}"
    else:
        head = _where(explained, members)
    return Box((_line(head), _line(what), count), "group")


def _where(explained: Account, members: Sequence[VertexView]) -> str:
    """Return the one line that all members stand on, with its source."""
    location = members[0].location
    if location is None:
        return ""
    same = len({m.location for m in members}) == 1
    filename, line = location.filename, location.line
    source = explained.source.get(filename, {}).get(line, "")
    text = location.text if same or location.derived else source.strip()
    other = "" if filename == main_file(explained) else f" of {filename}"
    return f"line {line}{other}: {text}" if text else f"line {line}{other}"


def _all_inputs(members: Sequence[VertexView]) -> bool:
    return all(m.rule is None for m in members)


def _line(text: str) -> str:
    return shortened(printable(text), _LABEL)


# ---------------------------------------------------------------------------- escaping


def _mermaid_text(text: str) -> str:
    """Return text in which nothing is Mermaid's, Markdown's or HTML's."""
    plain = " .,=()+-/:"
    return "".join(c if c.isalnum() or c in plain else f"#{ord(c)};" for c in text)


def _dot_text(text: str) -> str:
    """Return text for a quoted label, which also reads HTML's entities."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return text.replace("&", "&amp;")
