"""tanh and its derivative in loops: one exponential for both, and all digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.expressions import operation, without_call
from chainrule.compiler.native.fusion import fused

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")


def nests_of(function, *arrays):
    """The steps of each loop nest of a compiled function."""
    fast = gd.compile(function, executor="numpy")
    fast(*arrays)
    program = fused(fast.newest()[1].program)
    found = [row.function for row in program.rows if hasattr(row.function, "nest")]
    return [[step.name for step in f.nest.plan.steps] for f in found]


def layer(w, x):
    return np.sum(np.tanh(x @ w) @ w)


def test_the_derivative_is_computed_beside_tanh(rng):
    w, x = rng.standard_normal((32, 32)), rng.standard_normal((300, 32))
    nests = nests_of(gd.grad(layer), w, x)
    assert any(steps[:2] == ["tanh", "sech_square"] for steps in nests)
    assert not any("cosh" in steps for steps in nests)


def test_other_quotients_of_cosh_stay(rng):
    x = rng.standard_normal(5000)

    def other(x):
        c, d = np.cosh(x), np.cosh(-x)
        return 2 / (c * c) + 1 / (c * d) + 1 / (c + c)

    (steps,) = nests_of(other, x)
    assert "sech_square" not in steps


@pytest.mark.parametrize("beside", [True, False], ids=["beside tanh", "alone"])
def test_all_digits(rng, beside):
    size = 10.0 ** rng.uniform(-9, np.log10(350.0), 4000)
    x = np.concatenate([size * rng.choice([-1, 1], 4000), rng.uniform(-3, 3, 4000)])

    def f(x):
        return np.tanh(x), 1 / np.cosh(x) ** 2

    def alone(x):
        return np.abs(x), 1 / np.cosh(x) ** 2

    fast = gd.compile(f if beside else alone, executor="native")
    fast(x)
    value, slope = fast(x)
    if beside:
        np.testing.assert_array_max_ulp(value, np.tanh(x), 4)
    with mpmath.workprec(1200):
        for a, got in zip(x.tolist(), slope.tolist(), strict=True):
            exact = 1 / mpmath.cosh(a) ** 2
            assert abs(got - exact) <= 4 * np.spacing(float(exact)), a


def test_numbers_at_the_edges(rng):
    few = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e-300, 353.9, -354.5, 800.0]
    x = np.concatenate([few, rng.uniform(-3, 3, 5000)])
    fast = gd.compile(lambda x: (np.tanh(x), 1 / np.cosh(x) ** 2), executor="native")
    with np.errstate(all="ignore"):
        fast(x)
        value, slope = fast(x)
        expected = np.tanh(x), 1 / np.cosh(x) ** 2
    np.testing.assert_array_max_ulp(value, expected[0], 4)
    np.testing.assert_array_equal(np.signbit(value[:2]), [False, True])
    np.testing.assert_allclose(slope, expected[1], rtol=2e-15, atol=1e-307)


def test_functions_are_written_out_where_they_are_one_block():
    assert "@chainrule_tanh" not in without_call("tanh", 8).text
    assert without_call("sin", 8) == operation("sin", 8)  # far away it calls C's
    assert without_call("add", 8) == operation("add", 8)
