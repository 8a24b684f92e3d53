"""Random programs of numbers of all classes agree with what they return by the rule."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from tests.compiler.mixed_programs import (
    KINDS,
    PLACES,
    alike,
    drawn,
    fitting,
    outcome,
    program,
    reference,
    too_large,
)

EXECUTORS = [
    "numpy",
    *(["vm", "native"] if native.available() else []),
]


def check(seed, executor, place="plain"):
    rng = np.random.default_rng(seed)
    kinds, steps = drawn(rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calls = [[KINDS[k](rng) for k in kinds] for _ in range(4)]
        steps = fitting(steps, calls[0])
        by_rule = PLACES[place](program(steps, reference))
        fast = gd.compile(PLACES[place](program(steps)), executor=executor)
        for args in calls:
            if not too_large(steps, args):
                found, expected = outcome(fast, *args), outcome(by_rule, *args)
                assert alike(found, expected), (seed, kinds, steps, args)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("seed", range(60))
def test_a_program_follows_the_rule(seed, executor):
    check(seed, executor)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("place", ["scan", "carry", "vmap"])
@pytest.mark.parametrize("seed", range(12))
def test_a_body_follows_the_rule(seed, place, executor):
    check(seed, executor, place)


@pytest.mark.slow
@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("hundred", range(60, 3000, 98))
def test_many_programs_follow_the_rule(hundred, executor):
    for seed in range(hundred, hundred + 98):
        check(seed, executor)
