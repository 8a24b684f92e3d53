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


def test_distributions_and_their_methods_are_known():
    theirs = pytest.importorskip("scipy.stats")
    ours = pytest.importorskip("chainrule.scipy.stats")
    for stats in (theirs, ours):
        found = gd.supported(stats.gamma.logpdf)
        assert found.write == "chainrule.scipy.stats.gamma.logpdf"
        assert found.accuracy[1].argument == "a"
        assert gd.supported(stats.norm).status == "differentiable"
        assert gd.supported(stats.multivariate_normal.logpdf)
        refused = gd.supported(stats.gamma.rvs)
        assert refused.status == "refused"
        assert "move the draws" in refused.notes[0]
        assert gd.supported(stats.multivariate_normal.rvs).status == "refused"


def test_accuracy_is_what_was_measured():
    special = pytest.importorskip("scipy.special")
    line = gd.supported(special.gammainc).accuracy[0]
    assert (line.argument, line.domain) == ("a", "[0.01, 1000]")
    assert 0 < line.first < 1e-12
    assert "a in [0.01, 1000]: value" in str(gd.supported(special.gammainc))
    assert gd.supported(np.sin).accuracy[0].second < 1e-14
    assert gd.supported(np.roll).exact
    assert "accuracy: exact" in str(gd.supported(np.roll))


def test_mirrored_functions_and_methods_of_arrays_are_known():
    assert gd.supported(gd.numpy.sin).write == "np.sin"
    assert gd.supported(np.ndarray.sum).write == "np.sum"


def test_methods_of_ufuncs_and_of_rotations_are_known():
    assert gd.supported(np.add.reduce).formula.startswith("z = sum(x)")
    for f in (
        np.multiply.accumulate,
        np.subtract.outer,
        np.maximum.reduceat,
        np.add.at,
    ):
        assert gd.supported(f).status == "differentiable"
    assert gd.supported(np.hypot.reduce).status == "not known"
    transform = pytest.importorskip("scipy.spatial.transform")
    found = gd.supported(transform.Rotation.from_rotvec)
    assert found.write == "chainrule.scipy.spatial.transform.Rotation.from_rotvec"
    assert gd.supported(transform.Rotation.as_davenport).status == "refused"
