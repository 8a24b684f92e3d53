"""What is known of functions, before they are called."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT, REFUSED, UFUNCS

SHOWN = """
np.cbrt: differentiable
  on nodes: np.cbrt
  modes: forward, reverse
  orders: any
"""


def test_a_rule_says_what_it_declares():
    found = gd.supported(np.maximum)
    assert str(gd.supported(np.cbrt)).startswith(SHOWN.strip())
    assert found.status == "differentiable"
    assert found.dtypes == ("float32", "float64")
    assert ((1.0, 1.0), (0.5, 0.5)) in found.conventions
    assert "1, 1 -> 0.5, 0.5" in str(found)


@pytest.mark.parametrize(
    ("table", "status"),
    [
        (UFUNCS, "differentiable"),
        (LOCALLY_CONSTANT, "locally constant"),
        (REFUSED, "refused"),
        (FUNCTIONS, "differentiable"),
    ],
)
def test_the_status_is_that_of_the_tables(table, status):
    first = [f for f in table if not isinstance(f, tuple)][:40]
    for f in first:
        if f not in REFUSED or status == "refused":
            assert gd.supported(f).status == status, f


def test_what_has_to_be_written_otherwise_is_named():
    assert gd.supported(np.array).write == "chainrule.numpy.array"
    assert gd.supported(np.roll).write == "np.roll"
    assert gd.supported(gd.erf).status == "differentiable"
    assert not gd.supported(print)
    assert "copy" in gd.supported(np.save).notes[0] or gd.supported(np.save).notes


def test_functions_of_scipy_are_known():
    special = pytest.importorskip("scipy.special")
    linalg = pytest.importorskip("scipy.linalg")
    assert gd.supported(special.gammainc).write == "scipy.special.gammainc"
    assert gd.supported(special.logsumexp).write == "chainrule.scipy.special.logsumexp"
    assert gd.supported(linalg.expm).write == "chainrule.scipy.linalg.expm"
    assert gd.supported(linalg.schur).status == "refused"


@pytest.mark.parametrize("x", [[], 3, None, "np.sin"])
def test_only_functions_are_looked_up(x):
    with pytest.raises(ArgumentError, match="supported needs a function"):
        gd.supported(x)
