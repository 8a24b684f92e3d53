"""Every rule of a function of SciPy: what must hold of it, in one test each.

``make rule NAME=gamma`` and ``make test-slow`` run the tests of all rules on them too.
"""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.nodes.node_class import record
from chainrule.rules.namespace import evaluate
from tests.helpers import (
    OF_SCIPY,
    as_tuple,
    assert_close,
    calls_of,
    in_dtype,
    is_inexact,
    noise,
)

pytest.importorskip("scipy")
EXACT, CLOSE = 1e-11, 2e-5


def calls(r):
    """Yield the calls of a rule, in float64 and in complex128 if it has that."""
    for call in calls_of(r):
        yield call
        if "complex128" in r.dtypes and not call.label.endswith("float"):
            yield in_dtype(call, "complex128")


def function_of(call):
    """Return a call as a function of its differentiable operands, and these."""
    values = call.draw()
    moving = call.moving(values)
    parts = as_tuple(evaluate(call.rule, values, call.parameters))
    weights = {k: noise(call.rng, z) for k, z in enumerate(parts) if is_inexact(z)}

    def f(*moved):
        operands = list(values)
        for i, x in zip(moving, moved, strict=True):
            operands[i] = x
        z = as_tuple(record(call.rule, operands, call.parameters))
        return sum(np.real(np.sum(z[k] * w)) for k, w in weights.items())

    return f, tuple(values[i] for i in moving)


@pytest.mark.thinned(4)
@pytest.mark.parametrize("r", OF_SCIPY, ids=lambda r: r.__name__)
@np.errstate(all="ignore")
def test_derivatives_are_those_of_differences_compiled_too(r):
    assert r.__doc__, "the docstring of a rule is its formula"
    listed = [(c, *function_of(c)) for c in calls(r)]
    listed = [(c, f, x) for c, f, x in listed if x and all(map(np.size, x))]
    assert listed, "give calls as `cases`: they cannot be made up"
    for k, (call, f, x) in enumerate(listed):
        gd.check_gradients(f, x, order=2, rtol=CLOSE)
        if k < 3:
            gradient = gd.grad(f, tuple(range(len(x))))
            pairs = zip(gd.compile(gradient)(*x), gradient(*x), strict=True)
            for compiled, eager in pairs:
                assert_close(compiled, eager, EXACT, what=call.label)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("r", OF_SCIPY, ids=lambda r: r.__name__)
@np.errstate(all="ignore")
def test_maps_of_gradients_are_those_of_examples(r):
    call = next(calls_of(r))
    f, x = function_of(call)
    gradient = gd.grad(f, tuple(range(len(x))))
    mapped = gd.vmap(gradient)(*(np.stack([v, v]) for v in x))
    for several, one in zip(mapped, gradient(*x), strict=True):
        assert_close(several, np.stack([one, one]), EXACT, what=call.label)


@pytest.mark.parametrize(
    "r", [r for r in OF_SCIPY if "float32" in r.dtypes], ids=lambda r: r.__name__
)
@np.errstate(all="ignore")
def test_gradients_keep_single_precision(r):
    call = in_dtype(next(calls_of(r)), "float32")
    f, x = function_of(call)
    gradient = gd.grad(f, tuple(range(len(x))))(*x)
    assert [g.dtype for g in gradient] == [np.float32] * len(x)
