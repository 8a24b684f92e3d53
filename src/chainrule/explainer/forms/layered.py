"""A drawing of boxes in layers, as SVG: each arrow runs downwards."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from html import escape

from chainrule.explainer.forms.layering import Point, Spaces, layered

_CHARACTER, _LINE = 7.3, 16.0
"""How wide and high a character of the monospaced font is, in pixels."""

_MARGIN, _EDGE = 10.0, 24.0
"""Around the text of a box, and around the drawing."""

_SPACES = Spaces(boxes=24.0, points=14.0, rows=22.0)

_LOOKS = {
    "input": ("#dbeafe", "14"),
    "result": ("#dcfce7", "3"),
    "group": ("#f3f4f6", "3"),
    "": ("#ffffff", "3"),
}
"""Fill and radius of a box by its role."""

Arrows = Mapping[tuple[int, int], int]


def layered_svg(
    texts: Sequence[Sequence[str]], roles: Sequence[str], arrows: Arrows, title: str
) -> str:
    """Return boxes of lines of text, and arrows between them, as SVG.

    Parameters
    ----------
    texts
        The lines of each box.
    roles
        What each box is: ``"input"``, ``"result"``, ``"group"`` or ``""``.
    arrows
        From which box to which, and how often.
    title
        What the drawing shows, for a screen reader.
    """
    sizes = [_size(lines) for lines in texts]
    between = {pair: _times(n) for pair, n in arrows.items() if pair[0] != pair[1]}
    labels = [
        (len(text) * _CHARACTER, 0.0 if not text else _LINE)
        for text in between.values()
    ]
    made = layered(sizes, list(between), labels, _SPACES)
    own = [(i, n) for (i, j), n in arrows.items() if i == j]
    width = made.width + 2 * _EDGE + (_LOOP + 80.0 if own else 0.0)
    height = made.height + 2 * _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} '
        f'{height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'aria-label="{escape(title, quote=True)}" '
        'font-family="monospace" font-size="12">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#6b7280"/>'
        "</marker></defs>",
        f'<g transform="translate({_EDGE:.0f} {_EDGE:.0f})">',
    ]
    for way, at, text in zip(made.ways, made.labels, between.values(), strict=True):
        parts += _arrow(curve(way), text, at)
    for i, n in own:
        parts += _loop(made.centres[i], sizes[i], n)
    for at, size, lines, role in zip(made.centres, sizes, texts, roles, strict=True):
        parts += _box(at, size, lines, role)
    return "\n".join([*parts, "</g>", "</svg>"])


def curve(points: Sequence[Point]) -> str:
    """Return a smooth line through points, as a path of SVG.

    >>> curve([(0, 0), (0, 10), (5, 20)])
    'M0.0 0.0C0.0 6.7 1.7 13.3 5.0 20.0'
    >>> curve([(0, 0), (0, 20)])
    'M0.0 0.0L0.0 20.0'
    """
    x, y = points[0]
    path = f"M{x:.1f} {y:.1f}"
    if len(points) == 2:
        return path + "L{:.1f} {:.1f}".format(*points[1])
    for (p, q), (u, v) in itertools.pairwise(points[1:]):
        last = (u, v) == points[-1]
        a, b = (u, v) if last else ((p + u) / 2, (q + v) / 2)
        path += (
            f"C{(x + 2 * p) / 3:.1f} {(y + 2 * q) / 3:.1f} "
            f"{(a + 2 * p) / 3:.1f} {(b + 2 * q) / 3:.1f} {a:.1f} {b:.1f}"
        )
        x, y = a, b
    return path


def _size(lines: Sequence[str]) -> tuple[float, float]:
    longest = max(map(len, lines), default=0)
    return longest * _CHARACTER + 2 * _MARGIN, len(lines) * _LINE + 2 * _MARGIN


def _times(count: int) -> str:
    return "" if count == 1 else f"{count:,} times"


_LOOP = 50.0
"""How far an arrow of a box to itself leads to the right."""


def _loop(at: Point, size: tuple[float, float], count: int) -> list[str]:
    x, y = at[0] + size[0] / 2, at[1]
    side = x + _LOOP
    path = f"M{x:.1f} {y - 8:.1f}C{side:.1f} {y - 8:.1f} {side:.1f} {y + 8:.1f} "
    return _arrow(f"{path}{x:.1f} {y + 8:.1f}", _times(count), (x + _LOOP + 36.0, y))


def _arrow(path: str, label: str, at: Point) -> list[str]:
    drawn = f'<path d="{path}" fill="none" stroke="#6b7280" marker-end="url(#tip)"/>'
    if not label:
        return [drawn]
    text = f'<text x="{at[0]:.1f}" y="{at[1] + 4:.1f}" text-anchor="middle"'
    return [
        drawn,
        f'{text} stroke="#ffffff" stroke-width="4">{label}</text>',
        f'{text} fill="#4b5563">{label}</text>',
    ]


def _box(
    at: Point, size: tuple[float, float], lines: Sequence[str], role: str
) -> list[str]:
    fill, radius = _LOOKS[role]
    width, height = size
    x, y = at[0] - width / 2, at[1] - height / 2
    parts = [
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="{radius}" fill="{fill}" stroke="#374151"/>'
    ]
    for k, line in enumerate(lines):
        below = y + _MARGIN + _LINE * (k + 0.75)
        parts.append(
            f'<text x="{at[0]:.1f}" y="{below:.1f}" text-anchor="middle" '
            f'fill="#111827">{escape(line)}</text>'
        )
    return parts


__all__ = ["curve", "layered_svg"]
