"""Folding loops: which vertices are shown, and what is written in the others' stead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.explainer.account.brief import steps_of
from chainrule.explainer.account.fold import INPUT, Gap, Shown, fold, representatives


def shown(items):
    return [item.index for item in items if isinstance(item, Shown)]


def gaps(items):
    return [item for item in items if isinstance(item, Gap)]


def test_a_short_recording_is_shown_whole():
    keys = ["a", "b", "a", "b", "c"]
    assert shown(fold(keys, None)) == [0, 1, 2, 3, 4]


def test_the_first_two_steps_and_the_last():
    items = fold(["start", *["a", "b", "c"] * 100, "end"], None)
    assert shown(items) == [0, *range(1, 7), *range(298, 301), 301]
    (gap,) = gaps(items)
    assert (gap.first, gap.end) == (7, 298)
    assert gap.text() == "... steps 3 to 99 of 100 like these ..."
    assert gap.text(backward=True) == "... steps 99 to 3 of 100 like these ..."
    assert [i.label for i in items if isinstance(i, Shown)][-4:] == [
        *["step 100 of 100"] * 3,
        "",
    ]


def test_loops_in_loops():
    items = fold([*["a", *["b", "c"] * 7, "d"] * 9], None)
    assert [g.hidden for g in gaps(items)] == [
        (3, 6, 7),
        (3, 6, 7),
        (3, 8, 9),
        (3, 6, 7),
    ]
    labels = {i.label for i in items if isinstance(i, Shown)}
    assert "step 9 of 9, step 7 of 7" in labels


def test_the_whole_body_is_taken_not_a_part_of_it():
    body = ["a", "a", "b", "a", "a", "c"]
    (gap,) = gaps(fold(body * 20, None))
    assert gap.hidden == (3, 19, 20)
    assert gap.first == 2 * len(body)


def test_small_loops_are_shown_whole():
    assert gaps(fold(["a"] * 6, None)) == []
    assert gaps(fold(["a"] * 8, None)) != []


def test_many_inputs_are_shortened_but_are_no_loop():
    items = fold([*[INPUT] * 40, "a"], None)
    (gap,) = gaps(items)
    assert gap.text() == "... 28 more inputs ..."
    assert shown(items)[-2:] == [39, 40]
    assert all(i.label == "" for i in items if isinstance(i, Shown))


def test_a_long_recording_without_loops_loses_its_middle():
    items = fold(list(range(1000)), 10)
    assert shown(items) == [0, 1, 2, 3, 4, 995, 996, 997, 998, 999]
    assert gaps(items)[0].text() == "... 990 more operations ..."
    assert len(fold(list(range(1000)), None)) == 1000


@given(
    st.lists(
        st.tuples(st.lists(st.sampled_from("abc"), max_size=4), st.integers(1, 9)),
        max_size=5,
    ),
    st.sampled_from([None, 7]),
)
def test_every_vertex_is_shown_or_hidden_once(parts, limit):
    keys = [key for body, count in parts for key in body * count]
    covered: list[int] = []
    for item in fold(keys, limit):
        if isinstance(item, Shown):
            covered.append(item.index)
        else:
            covered += range(item.first, item.end)
    assert covered == list(range(len(keys)))


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_representatives_are_alike_and_not_later(keys):
    for i, first in enumerate(representatives(keys)):
        assert first <= i
        assert keys[first] == keys[i]


@pytest.mark.parametrize(
    ("given", "text"), [((3, 3, 5), "step 3 of 5"), ((3, 4, 5), "steps 3 to 4 of 5")]
)
def test_steps_in_words(given, text):
    assert steps_of(*given) == text
