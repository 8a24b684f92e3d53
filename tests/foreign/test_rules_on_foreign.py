"""Every rule on foreign arrays: what their library computes, we differentiate.

``strict`` refuses all that CuPy refuses and counts transfers; Dask may compute nothing
while functions are recorded and swept. Where a library does not serve a call itself,
on chunks or on one, nothing is asked of its derivative.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.foreign.libraries import ORDERS, STRICT, of_dask, outcome, serves
from tests.helpers import RULES, calls_of

CALLS = [
    call
    for r in RULES
    for call in calls_of(r)
    if any(isinstance(x, np.ndarray | np.generic) for x in call.draw())
]


def check(call, of):
    for order in ORDERS:
        outcome(call, of, order)


@pytest.mark.thinned(4)
@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.label)
def test_a_rule_on_arrays_of_a_device(call):
    if serves(call, STRICT):
        check(call, STRICT)


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS, ids=lambda c: c.label)
def test_a_rule_on_arrays_of_dask(call):
    pytest.importorskip("dask.array")
    for of in (of_dask(), of_dask(-1)):
        if serves(call, of):
            check(call, of)
            return


def test_most_rules_are_served():
    served = {call.rule for call in CALLS if serves(call, STRICT)}
    assert len(served) > 0.95 * len(RULES)
