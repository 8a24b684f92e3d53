"""Rules as JavaScript: which have a form, and that it comes from the declaration."""

import json
import math
import shutil
import subprocess

import numpy as np
import pytest

import chainrule as gd
from chainrule.explainer.account.views import Operand, VertexView
from chainrule.explainer.page.javascript import rules_text, script_of, sign_of
from chainrule.explainer.page.javascript_forms import javascript_of
from chainrule.operations_grad.arithmetic import division_grad, power_grad
from chainrule.rules import elementwise, plain
from chainrule.rules.registry import EXPRESSED, REGISTRY
from tests.helpers import OF_SCIPY, RULES

WITHOUT = {
    "angle_grad", "i0_derivative_grad", "i0_grad", "mantissa_grad",
    "sinc_derivative_grad", "sinc_grad",
}  # fmt: skip
# Functions of SciPy without an expression.
WITHOUT |= {r.__name__ for r in OF_SCIPY if not r.expression}
# Functions that are derivatives of others, which recorded sweeps call.
WITHOUT |= {
    r.__name__ for r in RULES if r.__module__.endswith(".partials") and not r.expression
}


def view_of(rule, *operands, value=1.0, **parameters):
    """Return a view of a scalar operation; ``None`` stands for a vertex."""
    made = [
        Operand(i, 1.0) if x is None else Operand(None, x)
        for i, x in enumerate(operands)
    ]
    return VertexView(9, "z", value, rule, "", made, parameters)


@pytest.mark.parametrize(
    "rule", [r for r in RULES if issubclass(r, elementwise)], ids=lambda r: r.__name__
)
def test_every_elementwise_rule_has_a_form_or_is_known_to_have_none(rule):
    found = script_of(view_of(rule, *[None] * len(rule.operand_names)))
    assert (found is None) == (rule.__name__ in WITHOUT)
    if found is not None:
        assert {i for i, _ in found.parts} == set(rule.parts)


def test_a_form_is_written_by_the_rule():
    found = script_of(view_of(division_grad, None, None))
    assert found.forward == "(x0 / x1)"
    assert found.parts == ((0, "1 / x1"), (1, "-z / x1"))


def test_constants_take_the_short_forms_of_the_rule():
    found = script_of(view_of(power_grad, None, 0.5))
    assert (found.forward, found.parts) == ("(power(x0, 0.5))", ((0, "0.5 / z"),))
    found = script_of(view_of(power_grad, 2.0, None))
    assert found.parts == ((1, f"z * {math.log(2.0)}"),)


def test_vertices_alike_share_one_form():
    def f(x):
        for _ in range(4):
            x = x * x
        return x

    explained = gd.explain(f)(1.1)
    assert len({script_of(v) for v in explained.vertices[1:]}) == 1


def test_a_rule_needs_an_expression_and_functions_that_have_one():
    class odd_grad(elementwise):
        """z = x"""

        forward = np.positive
        expression = "x"

        @staticmethod
        def d_x(xp, z, x):
            """dz/dx = x**2 // 1 + sign(x)"""
            return x**2 // 1 + xp.sign(x)

    class other_grad(elementwise):
        """z = f(x), of a function that is not NumPy's"""

        @staticmethod
        def forward(x):
            """Return x."""
            return x

        @staticmethod
        def d_x(xp, z, x):
            """dz/dx = 1"""
            return 1

    class third_grad(odd_grad):
        """z = x"""

        @staticmethod
        def d_x(xp, z, x):
            """dz/dx = i0(x)"""
            return xp.i0(x)

    del REGISTRY[-3:], EXPRESSED[-2:]
    written = script_of(view_of(odd_grad, None)).parts[0][1]
    assert written.startswith("quotient(power(x0, 2), 1) + ((x0 > 0.0) ? ")
    other_grad.forward.__name__ = "sin"
    assert script_of(view_of(other_grad, None)) is None
    assert script_of(view_of(third_grad, None)) is None


@pytest.mark.parametrize("value", [np.float32(1.0), 1j, np.ones(2, np.float32)])
def test_only_real_values_in_double_precision_have_a_form(value):
    assert script_of(view_of(division_grad, None, None, value=value)) is None


def test_arrays_that_are_constants_are_operands_of_a_form():
    found = script_of(view_of(division_grad, None, np.array([2.0, 4.0])))
    assert (found.forward, found.variables) == ("(x0 / x1)", 2)
    assert found.parts == ((0, "1 / x1"),)


def test_a_masked_call_has_no_form():
    assert script_of(view_of(division_grad, None, None, where=np.array(False))) is None
    assert script_of(view_of(division_grad, None, None, where=False)) is None


def test_the_text_is_one_list_of_operations():
    found = [script_of(view_of(r, None, None)) for r in (division_grad, power_grad)]
    text = rules_text(found)
    assert text.count("structural: false") == 2
    assert text.isascii()
    assert "</" not in text


def test_a_replay_watches_comparisons():
    assert (sign_of("less"), sign_of("bool"), sign_of("floor")) == ("<", "!=", None)
    assert sign_of("__int__") is None


def points(rule):
    """Yield operands as numbers: from the rule's domain, and its boundary points."""
    rng = np.random.default_rng(5)
    for _ in range(5):
        intervals = [rule.domain.get(n, (-2.0, 2.0)) for n in rule.operand_names]
        yield [np.float64(rng.uniform(*interval)) for interval in intervals]
    for operands, _ in rule.conventions:
        yield [np.float64(x) for x in operands]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_results_and_partials_are_those_of_the_rules(tmp_path):
    scripts, calls, wanted = [], [], []
    for rule in [r for r in RULES if issubclass(r, elementwise)]:
        script = script_of(view_of(rule, *[None] * len(rule.operand_names)))
        if script is None:
            continue
        for values in points(rule):
            with np.errstate(all="ignore"):
                z = np.float64(rule.forward(*values))
                parts = [rule.parts[i](plain, z, *values) for i in rule.parts]
            given = [str(float(x)) for x in (z, *values)]
            calls.append([len(scripts), *given])
            wanted.append((rule, values, [float(z), *map(float, parts)]))
        scripts.append(script)
    path = tmp_path / "rules.js"
    path.write_text(
        rules_text(scripts)
        + f"const calls = {json.dumps(calls)};"
        + """
      const read = (x) => Number(x.replace("inf", "Infinity"));
      console.log(JSON.stringify(calls.map(([i, ...given]) => {
        const r = chainruleRules[i], [z, ...x] = given.map(read);
        const d = Object.values(r.partials).map((f) => f(z, ...x));
        return [r.forward(...x), ...d].map((v) => String(Number(v)));
      })));"""
    )
    printed = subprocess.run(["node", path], capture_output=True, text=True, check=True)
    for (rule, values, known), texts in zip(
        wanted, json.loads(printed.stdout), strict=True
    ):
        found = [float(v.replace("Infinity", "inf")) for v in texts]
        what = f"{rule.__name__} at {values}"
        np.testing.assert_allclose(found, known, rtol=1e-12, err_msg=what)
    assert len(wanted) > 100


def test_a_negative_operand_of_a_form_is_in_brackets():
    assert "--" not in javascript_of("exp2(-x0) * expit(-x0)")
