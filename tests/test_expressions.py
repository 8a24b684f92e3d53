"""Every rule with an expression: the forms that follow from it compute the forward."""

from __future__ import annotations

import itertools
import json
import math
import shutil
import subprocess

import numpy as np
import pytest

from chainrule.errors import ArgumentError
from chainrule.explainer.page.javascript_forms import (
    compared,
    javascript_form,
    prelude,
)
from chainrule.rules import elementwise, rule
from chainrule.rules.base import locally_constant
from chainrule.rules.expressions import function_of, operands_in, parsed, rule_behind
from chainrule.rules.python_forms import MATH, infix_form, python_form, scalar_form
from chainrule.rules.registry import EXPRESSED, REGISTRY
from chainrule.values.vertices import ARITHMETIC_ERRORS

OURS = [r for r in EXPRESSED if r.__module__.startswith("chainrule.") and r.expression]
NUMBERS = [
    -math.inf, -3.5, -2.5, -2.0, -1.0, -0.75, -0.5, -1e-9, -0.0, 0.0, 1e-300, 0.3,
    0.5, 1.0, 1.25, 2.0, 2.5, 7.0, 300.0, 1e17, math.inf, math.nan,
]  # fmt: skip
per_rule = pytest.mark.parametrize("r", OURS, ids=lambda r: r.__name__)


def calls(r):
    """Yield numbers for the operands of a rule, those of its domain too."""
    count = len(r.operand_names)
    numbers = NUMBERS if count < 3 else [-math.inf, -1.0, -0.0, 0.0, 0.5, 1.0, math.nan]
    yield from itertools.product(numbers, repeat=count)
    rng = np.random.default_rng(7)
    domain = getattr(r, "domain", {})
    for _ in range(20):
        yield tuple(
            float(rng.uniform(*domain.get(n, (-2.0, 2.0)))) for n in r.operand_names
        )


def by_numpy(r, values):
    with np.errstate(all="ignore"):  # of several: NumPy has other powers of one number
        return float(r.forward(*(np.array([x, x]) for x in values))[0])


def assert_same(r, values, found, expected, rtol=1e-14):
    """Compare numbers; the expression is what has to change where they differ."""
    what = f"expression of {r.__name__} at {values}"
    np.testing.assert_allclose(found, expected, rtol=rtol, err_msg=what)
    if expected == 0 and r.__name__ not in EITHER_ZERO:
        assert math.copysign(1.0, found) == math.copysign(1.0, expected), what


EITHER_ZERO = {f"{f}_grad" for f in ("maximum", "minimum", "fmax", "fmin", "clip")}
"""Functions of which NumPy takes one zero or the other, by the processor."""


@per_rule
def test_the_form_for_floats_is_the_forward(r):
    form = python_form(r)
    names = [f"x{i}" for i in range(len(r.operand_names))]
    code = compile(form.format(*names), r.__name__, "eval")
    compared = 0
    for values in calls(r):
        try:
            found = eval(code, dict(MATH), dict(zip(names, values, strict=True)))
        except ARITHMETIC_ERRORS:
            continue  # the operation runs again, with NumPy
        assert_same(r, values, float(found), by_numpy(r, values))
        compared += 1
    assert compared > 10


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_forms_in_javascript_are_the_forwards(tmp_path):
    script = ["const cases = [];"]
    wanted = []
    for r in OURS:
        form = javascript_form(r)
        if form is None or r.javascript:
            continue
        names = [f"x{i}" for i in range(len(r.operand_names))]
        function = f"({', '.join(names)}) => {form.format(*names)}"
        script.append(f"const {r.__name__}_ = {function};")
        for values in calls(r):
            texts = [str(x).replace("inf", "Infinity") for x in values]
            script.append(f"cases.push({r.__name__}_({', '.join(texts)}));")
            wanted.append((r, values))
    script.append("console.log(JSON.stringify(cases.map((x) => "
                  "Object.is(x, -0) ? '-0.0' : String(Number(x)))))")  # fmt: skip
    path = tmp_path / "forms.js"
    text = "\n".join(script)
    path.write_text(f"{prelude(text)}\n{text}")
    done = subprocess.run(
        ["node", str(path)], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    for (r, values), text in zip(wanted, found, strict=True):
        number = float(text.replace("Infinity", "inf"))
        assert_same(r, values, number, by_numpy(r, values), rtol=1e-12)


# --------------------------------------------------------------------- the declaration


def test_an_expression_names_its_operands_and_math():
    with pytest.raises(ArgumentError, match=r"expression names math\.tahn"):

        class first_grad(elementwise):
            """z = tanh(x)"""

            forward = np.tanh
            expression = "math.tahn(x)"

            @staticmethod
            def d_x(xp, z, x):
                """dz/dx = 1"""
                return 1

    with pytest.raises(ArgumentError, match=r"expression names y\. It may name the "):

        class second_grad(elementwise):
            """z = tanh(x)"""

            forward = np.tanh
            expression = "math.tanh(y)"

            @staticmethod
            def d_x(xp, z, x):
                """dz/dx = 1"""
                return 1

    assert REGISTRY[-1].__name__ not in ("first_grad", "second_grad")


def test_another_forward_has_other_forms():
    class base_grad(elementwise):
        """z = tanh(x)"""

        forward = np.tanh
        expression = "math.tanh(x)"
        latex = r"\tanh"

        @staticmethod
        def d_x(xp, z, x):
            """dz/dx = 1"""
            return 1

    class other_grad(base_grad):
        """z = sinh(x)"""

        forward = np.sinh

    del REGISTRY[-2:]
    EXPRESSED.remove(base_grad)
    assert (other_grad.expression, other_grad.latex) == ("", "")
    assert python_form(other_grad) is None


def test_forms_by_name():
    assert scalar_form("square") == "{0} * {0}"
    assert scalar_form("logical_or") == "{0} != 0.0 or {1} != 0.0"
    assert scalar_form("erf") == "erf({0})"
    assert scalar_form("sum") is None
    assert scalar_form("no_such_function") is None


def test_operators_are_written_as_such():
    found = {r.__name__: infix_form(r) for r in OURS if infix_form(r)}
    assert found == {
        "addition_grad": "{0} + {1}",
        "subtraction_grad": "{0} - {1}",
        "multiplication_grad": "{0} * {1}",
        "division_grad": "{0} / {1}",
        "power_grad": "{0} ** {1}",
        "remainder_grad": "{0} % {1}",
        "floor_divide": "{0} // {1}",
    }


def test_the_rule_behind_a_function_of_math():
    assert rule_behind("asin").forward is np.arcsin
    assert rule_behind("Pow").forward is np.power
    assert rule_behind("abs").forward is np.absolute
    assert rule_behind("no_such_function") is None
    assert function_of(rule) == ""


def test_locally_constant_functions_name_their_operands_in_order():
    assert operands_in("y - math.floor(x)") == ("x", "y")
    for r in OURS:
        if issubclass(r, locally_constant):
            count = getattr(r.forward, "nin", 1)  # np.isposinf is no ufunc
            assert len(r.operand_names) == count, r
            assert not r.parts


def test_comparisons_have_a_sign():
    assert compared(np.less_equal) == "<="
    assert compared(np.isnan) is None
    assert compared(np.sort) is None


@pytest.mark.parametrize(
    ("text", "sign"), [("x<y", "<"), ("x + 1.0 < y", None), ("y > x", None)]
)
def test_only_comparisons_of_the_operands_have_a_sign(text, sign):
    forward = np.frompyfunc(float, 2, 1)
    type("own", (locally_constant,), {"forward": forward, "expression": text})
    EXPRESSED.pop()
    assert compared(forward) == sign


@per_rule
def test_expressions_are_parsed_once(r):
    assert parsed(r.expression) is parsed(r.expression)
