"""Values and derivatives against mpmath: the limits of the table in docs/special.md."""

from __future__ import annotations

import pytest

pytest.importorskip("scipy.special")
pytest.importorskip("mpmath")
from tests.scipy.accuracy import BEGIN, PAGE, measured
from tests.scipy.accuracy_table import ENTRIES


def hold(entry, found):
    for order, worst in found.items():
        assert worst <= entry.limits[len(order)], (entry.name, order, worst)


@pytest.mark.parametrize("entry", ENTRIES[::3], ids=lambda e: e.name)
def test_first_derivatives_of_some(entry):
    hold(entry, measured(entry, count=2, orders=1))


@pytest.mark.slow
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_values_and_two_derivatives_of_all(entry):
    hold(entry, measured(entry))


def test_the_page_has_a_line_of_each():
    text = PAGE.read_text(encoding="utf-8").split(BEGIN)[1]
    for entry in ENTRIES:
        assert f"`{entry.name}`" in text, "run python -m tests.scipy.accuracy"
