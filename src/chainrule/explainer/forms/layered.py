"""A drawing of boxes in layers, as SVG: each arrow runs downwards.

The method is Sugiyama's: boxes get layers by their longest path from an input, long
arrows get points in the layers between, and the order in each layer follows the mean
place of neighbours (Sugiyama, Tagawa and Toda 1981).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

_CHARACTER, _LINE = 7.3, 16.0
"""How wide and high a character of the monospaced font is, in pixels."""

_MARGIN, _GAP, _BETWEEN = 10.0, 24.0, 44.0
"""Around the text of a box, between boxes of a layer, and between layers."""

_BACK = 100.0
"""The room at the right of arrows that do not run downwards."""

_SWEEPS = 8
"""How often the orders and the places are improved."""

_LOOKS = {
    "input": ("#dbeafe", "14"),
    "result": ("#dcfce7", "3"),
    "group": ("#f3f4f6", "3"),
    "": ("#ffffff", "3"),
}
"""Fill and radius of a box by its role."""

Arrows = Mapping[tuple[int, int], int]


@dataclass
class _Place:
    """A box, or a point of a long arrow: its layer, size and centre."""

    layer: int
    width: float = 0.0
    height: float = 0.0
    x: float = 0.0
    y: float = 0.0
    above: list[int] = field(default_factory=list[int])
    below: list[int] = field(default_factory=list[int])


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
    places = [_sized(lines) for lines in texts]
    for place, layer in zip(places, _layers(len(texts), arrows), strict=True):
        place.layer = layer
    ways = {
        (a, b): _way(places, a, b)
        for a, b in arrows
        if places[a].layer < places[b].layer
    }
    rows = _ordered(places)
    _placed(places, rows)
    back = [pair for pair in arrows if pair not in ways]
    room = _BACK if back else 0.0
    width = max((p.x + p.width / 2 for p in places), default=0.0) + _GAP + room
    height = max((p.y + p.height / 2 for p in places), default=0.0) + _GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} '
        f'{height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'aria-label="{escape(title, quote=True)}" '
        'font-family="ui-monospace, monospace" font-size="12">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#6b7280"/>'
        "</marker></defs>",
    ]
    for pair, way in ways.items():
        parts += _arrow([places[i] for i in way], arrows[pair])
    for a, b in back:
        parts += _arrow_back(places[a], places[b], arrows[a, b])
    for place, lines, role in zip(places, texts, roles, strict=False):
        parts += _box(place, lines, role)
    return "\n".join([*parts, "</svg>"])


def _sized(lines: Sequence[str]) -> _Place:
    longest = max(map(len, lines), default=0)
    width = longest * _CHARACTER + 2 * _MARGIN
    return _Place(0, width, len(lines) * _LINE + 2 * _MARGIN)


def _layers(count: int, arrows: Arrows) -> list[int]:
    """Return the layer of each box; an arrow back to an older box is none."""
    forward = [(a, b) for a, b in arrows if a < b]
    layers = [0] * count
    for a, b in sorted(forward, key=lambda pair: pair[1]):
        layers[b] = max(layers[b], layers[a] + 1)
    uses: dict[int, int] = {}
    for a, b in forward:
        uses[a] = min(uses.get(a, count), layers[b])
    fed = {b for _, b in forward}
    for a, first in uses.items():
        if a not in fed:  # an input stands just above its first use
            layers[a] = first - 1
    return layers


def _way(places: list[_Place], a: int, b: int) -> list[int]:
    """Return the places that an arrow runs through, with points in between."""
    way = [a]
    for layer in range(places[a].layer + 1, places[b].layer):
        places.append(_Place(layer, 4.0, 4.0))
        way.append(len(places) - 1)
    way.append(b)
    for upper, lower in itertools.pairwise(way):
        places[upper].below.append(lower)
        places[lower].above.append(upper)
    return way


def _ordered(places: Sequence[_Place]) -> list[list[int]]:
    """Return the places of each layer, ordered so that few arrows cross."""
    rows: list[list[int]] = [[] for _ in range(1 + max(p.layer for p in places))]
    for i, place in enumerate(places):
        rows[place.layer].append(i)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        order = {i: float(k) for row in rows for k, i in enumerate(row)}
        for row in rows if down else rows[::-1]:
            means: dict[int, float] = {}
            for i in row:
                near = places[i].above if down else places[i].below
                means[i] = sum(order[j] for j in near) / len(near) if near else order[i]
            row.sort(key=means.__getitem__)
            order.update((i, float(k)) for k, i in enumerate(row))
    return rows


def _placed(places: Sequence[_Place], rows: Sequence[Sequence[int]]) -> None:
    """Set the centre of each place: near its neighbours, without touching others."""
    y = _GAP
    for row in rows:
        height = max((places[i].height for i in row), default=0.0)
        x = 0.0
        for i in row:
            places[i].x, places[i].y = x + places[i].width / 2, y + height / 2
            x += places[i].width + _GAP
        y += height + _BETWEEN
    for sweep in range(2 * _SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else rows[::-1]:
            _pulled(places, row, down=down)
    left = min((p.x - p.width / 2 for p in places), default=0.0)
    for place in places:
        place.x += _GAP - left


def _pulled(places: Sequence[_Place], row: Sequence[int], *, down: bool) -> None:
    """Move the places of a layer to the mean of their neighbours, in their order."""
    wanted: list[float] = []
    for i in row:
        near = places[i].above if down else places[i].below
        near = near or (*places[i].above, *places[i].below)
        xs = [places[j].x for j in near]
        wanted.append(sum(xs) / len(xs) if xs else places[i].x)
    right, left = list(wanted), list(wanted)
    for k in range(1, len(row)):
        right[k] = max(right[k], right[k - 1] + _apart(places, row, k))
    for k in range(len(row) - 2, -1, -1):
        left[k] = min(left[k], left[k + 1] - _apart(places, row, k + 1))
    for k, i in enumerate(row):
        places[i].x = (right[k] + left[k]) / 2


def _apart(places: Sequence[_Place], row: Sequence[int], k: int) -> float:
    """Return how far the k-th place of a layer must be from the one before."""
    return (places[row[k - 1]].width + places[row[k]].width) / 2 + _GAP


def _arrow(way: Sequence[_Place], count: int) -> list[str]:
    """Return an arrow downwards, and how often it is there if more than once."""
    x, y = way[0].x, way[0].y + way[0].height / 2
    path = f"M{x:.1f} {y:.1f}"
    for place in way[1:]:
        end = place.y - place.height / 2 if place is way[-1] else place.y
        middle = (y + end) / 2
        path += f"C{x:.1f} {middle:.1f} {place.x:.1f} {middle:.1f}"
        path += f" {place.x:.1f} {end:.1f}"
        x, y = place.x, end
    below = way[0].y + way[0].height / 2 + _BETWEEN / 2
    return _path(path, count, (way[0].x + way[1].x) / 2 + 8, below)


def _arrow_back(source: _Place, target: _Place, count: int) -> list[str]:
    """Return an arrow to a box that is not below: around the right of both."""
    x, y = source.x + source.width / 2, source.y
    end = target.x + target.width / 2
    top = target.y + (_LINE / 2 if source is target else 0.0)
    side = max(x, end) + _BACK / 2
    path = f"M{x:.1f} {y - _LINE / 2:.1f}C{side:.1f} {y - _LINE / 2:.1f} "
    path += f"{side:.1f} {top:.1f} {end:.1f} {top:.1f}"
    return _path(path, count, side - 16, (y + top) / 2)


def _path(path: str, count: int, x: float, y: float) -> list[str]:
    drawn = f'<path d="{path}" fill="none" stroke="#6b7280" marker-end="url(#tip)"/>'
    if count == 1:
        return [drawn]
    label = f'<text x="{x:.1f}" y="{y + 4:.1f}" fill="#4b5563">{count:,} times</text>'
    return [drawn, label]


def _box(place: _Place, lines: Sequence[str], role: str) -> list[str]:
    fill, radius = _LOOKS[role]
    x, y = place.x - place.width / 2, place.y - place.height / 2
    parts = [
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{place.width:.1f}" '
        f'height="{place.height:.1f}" rx="{radius}" fill="{fill}" stroke="#374151"/>'
    ]
    for k, line in enumerate(lines):
        below = y + _MARGIN + _LINE * (k + 0.75)
        parts.append(
            f'<text x="{place.x:.1f}" y="{below:.1f}" text-anchor="middle" '
            f'fill="#111827">{escape(line)}</text>'
        )
    return parts


__all__ = ["layered_svg"]
