"""Values and derivatives against mpmath, held to the limits of each function."""

from __future__ import annotations

import pytest

pytest.importorskip("scipy.special")
pytest.importorskip("mpmath")
from chainrule.support import accuracies
from tests.scipy.accuracy import measured
from tests.scipy.accuracy_of_matrices import ENTRIES as OF_MATRICES
from tests.scipy.accuracy_of_matrices import measured as of_matrix
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


def test_the_library_knows_a_line_of_each():
    for entry in [*ENTRIES, *OF_MATRICES]:
        known = accuracies().get(entry.name, ())
        missing = set(entry.names) - {line.argument for line in known}
        assert not missing, f"run python -m tests.scipy.accuracy {entry.name}"


@pytest.mark.parametrize("entry", OF_MATRICES, ids=lambda e: e.name)
def test_derivatives_of_functions_of_matrices(entry):
    for worst, limit in zip(of_matrix(entry), entry.limits, strict=True):
        assert worst <= limit, entry.name
