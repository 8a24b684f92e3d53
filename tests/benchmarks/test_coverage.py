"""The table of what each library differentiates: how it is measured, and its page."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd

pytest.importorskip("scipy")

from benchmarks.coverage import page
from benchmarks.coverage.libraries import chainrule
from benchmarks.coverage.measure import outcome
from benchmarks.coverage.samples import Sample, sample, total

AT_LEAST = 1060
"""How many functions are differentiated; it only grows."""


def test_the_page_is_that_of_what_was_measured():
    assert page.PAGE.read_text(encoding="utf-8") == page.text()


def test_what_is_differentiated_only_grows():
    outcomes = page.results("chainrule")["functions"].values()
    right = [
        w for o in outcomes for w in o.values() if w not in page.WORDS and "r" in w
    ]
    assert len(right) >= AT_LEAST


@pytest.mark.parametrize(
    ("namespace", "name", "moving"),
    [
        ("numpy", "hypot", 2),
        ("numpy", "concatenate", 2),
        ("numpy.linalg", "eigh", 1),
        ("scipy.special", "gammainc", 2),
        ("scipy.stats", "norm.logpdf", 3),
        ("scipy.interpolate", "CubicSpline", 3),
    ],
)
def test_samples_are_found_and_measured(namespace, name, moving):
    found = sample(namespace, name)
    assert isinstance(found, Sample)
    assert len(found.moving) == moving
    assert set("rRfs") <= set(outcome(chainrule(), found))


@pytest.mark.parametrize(
    ("namespace", "name", "word"),
    [
        ("numpy", "floor", "locally constant"),
        ("numpy", "bitwise_and", "no sample"),
        ("scipy.stats", "rankdata", "locally constant"),
    ],
)
def test_what_does_not_move_is_not_counted(namespace, name, word):
    assert sample(namespace, name) == word


def test_wrong_derivatives_and_refusals_are_told_apart():
    silent = sample("numpy", "sin")

    def held(f, x):
        return f(gd.stop_gradient(x))

    detached = Sample("numpy", "sin", silent.operands, held, (0,))
    assert outcome(chainrule(), detached) == "w"
    assert outcome(chainrule(), sample("numpy", "union1d")) == "e"
    with pytest.raises(TypeError, match="no arrays of floats"):
        total(np, [1, 2, "text"])
