"""A trace does as a rule's text says, wherever the file with that text lies."""

from __future__ import annotations

import os

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import CompileError
from chainrule.nodes.recorder import record
from chainrule.rules import REGISTRY, elementwise

RULE = """
class slope(elementwise):
    outputs = 1

    @staticmethod
    def forward(x):
        if np.all(x > 0):
            return x * 2.0
        found = np.asarray(x)
        return np.where(found > 0, found * 2.0, found)

    @staticmethod
    def d_x(xp, z, x):
        return xp.where(x > 0, 2.0, 1.0)
"""
BRANCH = """
def step(carry, x):
    return (carry + x if carry < 1.0 else carry), None
"""


def defined(text, name, filename):
    """Return what a text defines, as if it lay in a file of this name."""
    space = {"np": np, "elementwise": elementwise, "__name__": "theirs"}
    known = list(REGISTRY)
    exec(compile(text, filename, "exec"), space)
    REGISTRY[:] = known
    return space[name]


FILES = (
    "/home/someone/rules.py",
    os.path.join(os.path.dirname(gd.__file__), "operations_grad", "theirs.py"),
    os.path.join(os.path.dirname(gd.__file__) + "_examples", "theirs.py"),
    os.path.join(os.path.dirname(np.__file__), "theirs.py"),
)


@pytest.mark.parametrize("filename", FILES)
def test_a_rule_that_looks_at_entries_is_one_row_in_any_file(filename):
    rule = defined(RULE, "slope", filename)

    def f(x):
        return np.sum(record(rule, (x,)) ** 2)

    fast = gd.compile(gd.value_and_grad(f))
    for x in (np.array([1.0, 2.0]), np.array([-1.0, 2.0]), np.array([-1.0, -2.0])):
        value, gradient = fast(x)
        expected, slopes = gd.value_and_grad(f)(x)
        np.testing.assert_allclose(value, expected)
        np.testing.assert_allclose(gradient, slopes)
    assert fast.stats()["programs"][0]["guards"] == 0
    assert "slope(x)" in gd.program(fast)
    many = gd.compile(gd.vmap(gd.grad(f)))
    xs = np.array([[1.0, 2.0], [-1.0, 2.0]])
    np.testing.assert_allclose(many(xs), gd.vmap(gd.grad(f))(xs))


@pytest.mark.parametrize("filename", FILES)
def test_messages_name_the_line_in_any_file(filename):
    step = defined(BRANCH, "step", filename)
    with pytest.raises(CompileError) as error:
        gd.compile(lambda xs: gd.scan(step, 0.0, xs)[0])(np.ones(3))
    assert f"{filename}, line 3" in str(error.value)


@pytest.mark.parametrize("filename", FILES)
def test_explanations_name_the_line_in_any_file(filename):
    f = defined("def f(x):\n    return np.sin(x) * 2.0\n", "f", filename)
    explained = gd.explain(f)(1.0)
    locations = [v.location for v in explained.vertices if v.location is not None]
    assert {(where.filename, where.line) for where in locations} == {(filename, 2)}
    assert len(locations) == 2
