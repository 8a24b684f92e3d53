"""The layout of boxes in layers: nothing overlaps, arrows run down, few cross."""

import itertools
import random

import pytest

from chainrule.explainer.forms.layering import Spaces, layered

SPACES = Spaces(boxes=20.0, points=8.0, rows=20.0)


def graph(seed, count, back=0):
    """Return sizes, arrows and labels of a random graph."""
    rng = random.Random(seed)
    sizes = [(rng.uniform(20, 200), rng.uniform(20, 100)) for _ in range(count)]
    arrows = [
        (rng.randrange(max(0, b - 6), b), b)
        for b in range(1, count)
        for _ in range(rng.randint(0, 2))
    ]
    arrows += [(b, a) for a, b in rng.sample(arrows, min(back, len(arrows)))]
    labels = [(rng.choice([0.0, 60.0]), 0.0) for _ in arrows]
    return sizes, arrows, [(w, 16.0 if w else 0.0) for w, _ in labels]


def sides(centre, size):
    (x, y), (w, h) = centre, size
    return x - w / 2, y - h / 2, x + w / 2, y + h / 2


def overlap(a, b):
    return (
        min(a[2], b[2]) - max(a[0], b[0]) > 1e-6
        and min(a[3], b[3]) - max(a[1], b[1]) > 1e-6
    )


GRAPHS = [graph(seed, 4 + 3 * seed, back=seed % 3) for seed in range(12)]


@pytest.mark.parametrize("given", GRAPHS)
def test_boxes_and_labels_do_not_touch_and_are_inside(given):
    sizes, arrows, labels = given
    made = layered(sizes, arrows, labels, SPACES)
    areas = list(map(sides, made.centres, sizes))
    areas += [
        sides(at, size) for at, size in zip(made.labels, labels, strict=True) if size[0]
    ]
    assert not any(overlap(a, b) for a, b in itertools.combinations(areas, 2))
    for left, top, right, bottom in areas:
        assert left >= -1e-6
        assert top >= -1e-6
        assert right <= made.width + 1e-6
        assert bottom <= made.height + 1e-6


@pytest.mark.parametrize("given", GRAPHS)
def test_arrows_run_down_between_boxes_and_from_box_to_box(given):
    sizes, arrows, labels = given
    made = layered(sizes, arrows, labels, SPACES)
    for (a, b), way, label in zip(arrows, made.ways, made.labels, strict=True):
        points = way if a < b else way[::-1]
        heights = [y for _, y in points]
        assert heights == sorted(heights)
        for box, (x, y) in ((a, way[0]), (b, way[-1])):
            left, top, right, bottom = sides(made.centres[box], sizes[box])
            assert left <= x <= right
            assert y in (pytest.approx(top), pytest.approx(bottom))
        assert any(x == pytest.approx(label[0]) for x, _ in way)
        for box, centre in enumerate(made.centres):
            if box in (a, b):
                continue
            left, top, right, bottom = sides(centre, sizes[box])
            for (x, y), (u, v) in itertools.pairwise(points):
                if v - y > 1e-6 and min(v, bottom) - max(y, top) > 1e-6:
                    assert x == pytest.approx(u)  # through a row it runs straight
                    assert not left < x < right


def test_layers_are_kept_and_inputs_stand_near_their_use():
    arrows = [(0, 2), (2, 3), (3, 4), (1, 4)]
    made = layered([(40, 20)] * 5, arrows, [(0, 0)] * 4, SPACES)
    height = [y for _, y in made.centres]
    assert height[0] < height[2] < height[3] < height[4]
    assert height[1] == height[3]


def test_a_narrow_room_has_one_box_in_each_layer():
    sizes, arrows, labels = GRAPHS[7]
    free = layered(sizes, arrows, labels, SPACES)
    narrow = layered(sizes, arrows, labels, SPACES, room=0.0)
    heights = {y for _, y in narrow.centres}
    assert len(heights) == len(sizes)
    assert narrow.width < free.width


def test_inputs_keep_their_order_and_two_chains_do_not_cross():
    arrows = [(0, 2), (1, 3), (2, 5), (3, 4), (4, 6), (5, 6)]
    made = layered([(40, 20)] * 7, arrows, [(0, 0)] * 6, SPACES)
    x = [x for x, _ in made.centres]
    assert x[0] < x[1]
    assert x[2] < x[3]
    assert x[5] < x[4]


def test_a_complete_tree_has_no_crossings_and_parents_in_the_middle():
    arrows = [(2 * i + 1, i) for i in range(7)] + [(2 * i + 2, i) for i in range(7)]
    turned = [(14 - a, 14 - b) for a, b in arrows]  # leaves first
    made = layered([(30, 20)] * 15, turned, [(0, 0)] * 14, SPACES)
    for i in range(7):
        parent, *children = (made.centres[14 - k][0] for k in (i, 2 * i + 1, 2 * i + 2))
        assert parent == pytest.approx(sum(children) / 2, abs=2.0)
    crossings = sum(
        (p[0][0] - q[0][0]) * (p[-1][0] - q[-1][0]) < 0
        for p, q in itertools.combinations(made.ways, 2)
        if p[0][1] == q[0][1]
    )
    assert crossings == 0


def test_nothing_and_one_box():
    assert layered([], [], [], SPACES).width == 0
    assert layered([(30, 20)], [], [], SPACES).centres == [(15, 10)]
