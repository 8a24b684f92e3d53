"""Where boxes and arrows go: in layers, so that each arrow runs downwards.

The method is Sugiyama's: boxes get layers by their longest path, arrows run through
points of the rows that they cross, and the order in a row follows the mean place of
neighbours (Sugiyama, Tagawa and Toda 1981). Arrows of one box run together until they
part. Places are then pulled to their neighbours, points harder than boxes, so that long
arrows are straight (Gansner et al. 1993). ``web/src/layering.ts`` does the same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Point = tuple[float, float]
Size = tuple[float, float]
Pair = tuple[int, int]

_ORDERED, _PULLED = 12, 17
"""How often the orders, and the places, are improved."""


_STRAIGHT = 0.01
"""How far points of a straight line are apart at most."""


@dataclass(frozen=True)
class Spaces:
    """The room between two boxes of a layer, at a point, and between rows."""

    boxes: float
    points: float
    rows: float


@dataclass(frozen=True)
class Layering:
    """A layout: sizes, the centres of boxes, and the points of each arrow."""

    width: float
    height: float
    centres: list[Point]
    ways: list[list[Point]]
    labels: list[Point]


@dataclass
class _Place:
    """A box, a label or a point of an arrow: its row, size and centre."""

    row: int
    width: float = 0.0
    height: float = 0.0
    is_box: bool = False
    x: float = 0.0
    y: float = 0.0
    above: list[int] = field(default_factory=list[int])
    below: list[int] = field(default_factory=list[int])


def layered(
    sizes: Sequence[Size],
    arrows: Sequence[Pair],
    labels: Sequence[Size],
    spaces: Spaces,
    room: float = math.inf,
) -> Layering:
    """Lay out boxes, and arrows between different ones.

    Parameters
    ----------
    sizes
        Width and height of each box. The boxes are in an order in which most arrows
        lead from an earlier to a later one; the others run upwards.
    arrows
        From which box to which; there may be several between two.
    labels
        The size of the text on each arrow.
    spaces
        What is left free.
    room
        How wide a layer may be, if it has several boxes; then boxes also stand one
        above the other, and only lines go around them.
    """
    layers = _layers(sizes, arrows, spaces, room)
    places = [
        _Place(2 * n, *size, is_box=True) for n, size in zip(layers, sizes, strict=True)
    ]
    ways = _ways(places, arrows, labels)
    rows = _ordered(places)
    tops = _placed(places, rows, spaces, 0.0 if room == math.inf else 100.0)
    width = max((p.x + p.width / 2 for p in places), default=0.0)
    _turned(places, len(sizes), width)
    return Layering(
        width,
        max((p.y + p.height / 2 for p in places), default=0.0),
        [(p.x, p.y) for p in places[: len(sizes)]],
        [
            _points(places, way, tops)[:: 1 if a < b else -1]
            for way, (a, b) in zip(ways, arrows, strict=True)
        ],
        [(places[way[-2]].x, places[way[-2]].y) for way in ways],
    )


# ------------------------------------------------------------------------------ layers


def _layers(
    sizes: Sequence[Size], arrows: Sequence[Pair], spaces: Spaces, room: float
) -> list[int]:
    """Return the layer of each box: early, or late where that shortens its arrows."""
    above: list[list[int]] = [[] for _ in sizes]
    below: list[list[int]] = [[] for _ in sizes]
    for a, b in dict.fromkeys((min(pair), max(pair)) for pair in arrows):
        above[b].append(a)
        below[a].append(b)
    layers = [0] * len(sizes)
    taken: dict[int, float] = {}

    def fits(i: int, n: int) -> bool:
        return not taken.get(n) or taken[n] + spaces.boxes + sizes[i][0] <= room

    def put(i: int, n: int) -> None:
        layers[i] = n
        taken[n] = taken.get(n, -spaces.boxes) + spaces.boxes + sizes[i][0]

    order = _just_in_time(above)
    for i in order:
        n = max((layers[a] + 1 for a in above[i]), default=0)
        while not fits(i, n):
            n += 1
        put(i, n)
    for i in reversed(order):
        if not below[i] or len(above[i]) > len(below[i]):
            continue
        taken[layers[i]] -= spaces.boxes + sizes[i][0]
        if taken[layers[i]] < 0:
            del taken[layers[i]]
        n = min(layers[b] for b in below[i]) - 1
        while n > layers[i] and not fits(i, n):
            n -= 1
        put(i, n)
    numbers = {n: k for k, n in enumerate(sorted(set(layers)))}
    return [numbers[n] for n in layers]


def _just_in_time(above: Sequence[Sequence[int]]) -> list[int]:
    """Return the boxes in order, those that need no other just before their use."""
    order: list[int] = []
    for i, needed in enumerate(above):
        if needed:
            order += [a for a in needed if not above[a]]
            order.append(i)
    return list(dict.fromkeys([*order, *range(len(above))]))


def _ways(
    places: list[_Place], arrows: Sequence[Pair], labels: Sequence[Size]
) -> list[list[int]]:
    """Return the places that each arrow runs through, downwards; makes those between.

    The last of them holds the label. The others are shared by all arrows of a box.
    """
    trunks: dict[tuple[int, bool], list[int]] = {}
    ways: list[list[int]] = []
    for (a, b), size in zip(arrows, labels, strict=True):
        upper, lower = min(a, b), max(a, b)
        trunk = trunks.setdefault((upper, a < b), [upper])
        end = places[lower].row - 1
        for row in range(places[trunk[-1]].row + 1, end):
            places.append(_Place(row))
            trunk.append(len(places) - 1)
            _link(places, trunk[-2], trunk[-1])
        shared = trunk[: end - places[upper].row]
        places.append(_Place(end, *size))
        label = len(places) - 1
        _link(places, shared[-1], label)
        _link(places, label, lower)
        ways.append([*shared, label, lower])
    return ways


def _link(places: Sequence[_Place], upper: int, lower: int) -> None:
    places[upper].below.append(lower)
    places[lower].above.append(upper)


# ------------------------------------------------------------------------------ orders


def _ordered(places: Sequence[_Place]) -> list[list[int]]:
    """Return the places of each row, ordered so that few arrows cross."""
    rows: list[list[int]] = [
        [] for _ in range(max((p.row for p in places), default=0) + 1)
    ]
    for i, place in enumerate(places):
        rows[place.row].append(i)
    order = [0.0] * len(places)
    _number(rows, order)
    best, fewest = [list(row) for row in rows], _crossings(places, rows, order)
    for sweep in range(_ORDERED):
        if not fewest:
            break
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            means = {i: _mean_order(places[i], order, i, down=down) for i in row}
            row.sort(key=means.__getitem__)
            _number([row], order)
        crossings = _crossings(places, rows, order)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _number(rows: Iterable[Sequence[int]], order: list[float]) -> None:
    for row in rows:
        for k, i in enumerate(row):
            order[i] = float(k)


def _mean_order(p: _Place, order: Sequence[float], i: int, *, down: bool) -> float:
    near = p.above if down else p.below
    return sum(order[j] for j in near) / len(near) if near else order[i]


def _crossings(
    places: Sequence[_Place], rows: Sequence[Sequence[int]], order: Sequence[float]
) -> int:
    """Return how many pairs of lines between neighbouring rows cross."""
    count = 0
    for row in rows:
        if len(row) < 2:
            continue
        ends: list[int] = []
        for i in row:
            ends += sorted(int(order[j]) for j in places[i].below)
        size = max(ends, default=0) + 1
        tree = [0] * (size + 1)  # Fenwick's: how many ends lie at most so far
        for seen, end in enumerate(ends):
            k, before = end + 1, 0
            while k > 0:
                before += tree[k]
                k -= k & -k
            count += seen - before
            k = end + 1
            while k <= size:
                tree[k] += 1
                k += k & -k
    return count


# ------------------------------------------------------------------------------ places


def _placed(
    places: Sequence[_Place],
    rows: Sequence[Sequence[int]],
    spaces: Spaces,
    axis: float,
) -> list[Point]:
    """Set all centres, and return where each row begins and ends."""
    tops: list[Point] = []
    y = 0.0
    for row in rows:
        height = max((places[i].height for i in row), default=0.0)
        tops.append((y, y + height))
        x = 0.0
        for k, i in enumerate(row):
            x += _apart(places, row, k, spaces) if k else places[i].width / 2
            places[i].x, places[i].y = x, y + height / 2
        y += height + spaces.rows
    for sweep in range(_PULLED):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            _pulled(places, row, spaces, axis, down=down)
    left = min((p.x - p.width / 2 for p in places), default=0.0)
    for place in places:
        place.x -= left
    return tops


def _apart(
    places: Sequence[_Place], row: Sequence[int], k: int, spaces: Spaces
) -> float:
    """Return how far the k-th place of a row must be from the one before."""
    p, q = places[row[k - 1]], places[row[k]]
    free = spaces.boxes if p.width and q.width else spaces.points
    return (p.width + q.width) / 2 + free


def _pulled(
    places: Sequence[_Place],
    row: Sequence[int],
    spaces: Spaces,
    axis: float,
    *,
    down: bool,
) -> None:
    """Move the places of a row towards their neighbours, in their order.

    The sum of weighted squares of what is missing is smallest; where places would
    touch they move as one block (isotonic regression by pooling).
    """
    blocks: list[list[float]] = []
    offset = 0.0
    for k, i in enumerate(row):
        offset += _apart(places, row, k, spaces) if k else 0.0
        wanted, weight = _pull(places, places[i], axis, down=down)
        blocks.append([weight * (wanted - offset), weight, 1.0])
        while len(blocks) > 1 and _before(blocks[-1], blocks[-2]):
            last = blocks.pop()
            blocks[-1] = [x + y for x, y in zip(blocks[-1], last, strict=True)]
    k, offset = 0, 0.0
    for total, weight, count in blocks:
        for _ in range(int(count)):
            offset += _apart(places, row, k, spaces) if k else 0.0
            places[row[k]].x = total / weight + offset
            k += 1


def _before(a: Sequence[float], b: Sequence[float]) -> bool:
    return a[0] / a[1] < b[0] / b[1]


def _pull(
    places: Sequence[_Place], p: _Place, axis: float, *, down: bool
) -> tuple[float, float]:
    """Return where neighbours pull a place, and how hard: points most.

    ``axis`` is how hard the line ``x = 0`` pulls boxes.
    """
    total, weight = 0.0, axis if p.is_box else 0.0
    for j in (p.above if down else p.below) or (p.below if down else p.above):
        boxes = int(p.is_box) + int(places[j].is_box)
        pull = (8.0, 2.0, 1.0)[boxes]
        total += pull * places[j].x
        weight += pull
    return (total / weight, weight) if weight else (p.x, 1.0)


def _turned(places: Sequence[_Place], count: int, width: float) -> None:
    """Mirror the layout if that brings more of the first boxes into their order."""
    inputs = [p.x for p in places[:count] if not p.above]
    moves = [(y > x) - (y < x) for x, y in itertools.pairwise(inputs)]
    if sum(moves) < 0:
        for place in places:
            place.x = width - place.x


def _points(
    places: Sequence[_Place], way: Sequence[int], tops: Sequence[Point]
) -> list[Point]:
    """Return the line of an arrow: straight through rows, from side to side."""
    inner: list[Point] = []
    for i in way[1:-1]:
        top, bottom = tops[places[i].row]
        x = places[i].x
        inner += [(x, top), (x, bottom)] if bottom > top else [(x, top)]
    start, end = places[way[0]], places[way[-1]]
    leaves, enters = _across(start, inner[0][0]), _across(end, inner[-1][0])
    below, above = tops[start.row][1], tops[end.row][0]
    points = [
        (leaves, start.y + start.height / 2),
        *([(leaves, below)] if below > start.y + start.height / 2 else []),
        *inner,
        *([(enters, above)] if above < end.y - end.height / 2 else []),
        (enters, end.y - end.height / 2),
    ]
    return _straightened(points)


def _straightened(points: Sequence[Point]) -> list[Point]:
    """Return a line without the points between others right above and below."""
    kept: list[Point] = []
    for point in points:
        if len(kept) > 1 and all(abs(x - point[0]) < _STRAIGHT for x, _ in kept[-2:]):
            kept.pop()
        kept.append(point)
    return kept


def _across(box: _Place, x: float) -> float:
    """Return where an arrow that leads to or comes from ``x`` meets a box."""
    most = 0.4 * box.width
    return box.x + min(most, max(-most, (x - box.x) / 2))


__all__ = ["Layering", "Point", "Spaces", "layered"]
