"""Local derivatives as formulas: they mean what the rules compute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as gd
from chainrule.explainer.account.formulas import (
    as_term,
    documented,
    local_term,
    name,
    written_out,
)
from chainrule.explainer.forms.latex_terms import term as latex
from chainrule.operations_grad import where_grad
from chainrule.rules import REGISTRY, elementwise
from tests.explainer.latex import check
from tests.helpers import OF_SCIPY, RULES, SCOPE, calls_of

ELEMENTWISE = [r for r in RULES if issubclass(r, elementwise)]


def explained_at_floats(rule):
    """Return explanations of a rule's calls on Python floats."""
    for call in calls_of(rule):
        values = call.draw()
        if all(type(v) is float for v in values):
            results, _ = call.run(values, call.moving(values))
            results = [z for z in results if not np.iscomplexobj(z.value)]
            if results:
                yield gd.explain(results[0])


@pytest.mark.parametrize("rule", ELEMENTWISE, ids=lambda r: r.__name__)
def test_formulas_of_every_rule_are_its_partials(rule):
    formulas = 0
    for explained in explained_at_floats(rule):
        scope = SCOPE | {v.name: v.value for v in explained.vertices}
        for step in explained.steps:
            for c in step.contributions:
                term = c.term
                if term is None:
                    continue
                formulas += 1
                assert np.allclose(term.value, c.partial)
                value = eval(c.formula, {"__builtins__": {}}, scope)
                assert complex(value) == pytest.approx(complex(c.partial), rel=1e-4)
                check(latex(term))
    known = rule in OF_SCIPY or rule.__name__.removesuffix("_grad") in _WITHOUT_FORMULA
    assert formulas or known


_WITHOUT_FORMULA = (
    "sinc",
    "chosen",
    "power_log",
    "sinc_derivative",
    "i0",
    "i0_derivative",
    "heaviside",
    "where",
)
"""Rules that ask more of an operand than a formula tells, or pass nothing on here."""


def test_what_a_rule_chooses_everywhere_is_shown():
    x, y = np.array([1.0, -1.0]), np.array([2.0, 3.0])
    operands = [as_term(np.array([True, False])), name("x", x), name("y", y)]
    z = name("z", np.where(operands[0].value, x, y))
    for position in (1, 2):
        term = local_term(where_grad, z, operands, position, {})
        assert term is not None
        np.testing.assert_array_equal(term.value, [2 - position, position - 1])


def terms():
    """Draw terms of two variables, with the same in Python."""
    x, y = name("x", 1.5), name("y", -0.5)
    leaves = st.sampled_from([
        (x, 1.5), (y, -0.5), (as_term(2.0), 2.0), (as_term(-3), -3),
    ])  # fmt: skip

    def joined(children):
        def both(a, b, sign):
            signs = {
                "+": lambda p, q: p + q,
                "-": lambda p, q: p - q,
                "*": lambda p, q: p * q,
            }
            return signs[sign](a[0], b[0]), signs[sign](a[1], b[1])

        def raised(a):
            return a[0] ** 2, a[1] ** 2

        def negative(a):
            return -a[0], -a[1]

        return st.one_of(
            st.builds(both, children, children, st.sampled_from("+-*")),
            st.builds(raised, children),
            st.builds(negative, children),
        )

    return st.recursive(leaves, joined, max_leaves=8)


@given(terms())
def test_terms_are_written_as_they_were_computed(drawn):
    term, value = drawn
    term = as_term(term)
    assert term.value == pytest.approx(value)
    text = written_out(term)
    # Numbers are written with six digits.
    assert eval(text, {}, {"x": 1.5, "y": -0.5}) == pytest.approx(value, rel=1e-3)
    check(latex(term))


@pytest.mark.parametrize(
    ("rule", "position", "text"),
    [
        ("matmul_grad", 0, "A.grad = v1.grad @ B.T"),
        ("sum_grad", 0, "A.grad = v1.grad"),
        ("getitem_grad", 0, "A.grad = zeros with v1.grad added at index"),
        ("solve_grad", 1, "B.grad = A.T^-1 v1.grad; A.grad = -B.grad v1.T"),
        ("item_grad", 0, "v1 = A[3]"),
    ],
)
def test_documented_formulas_name_the_operands(rule, position, text):
    found = {r.__name__: r for r in REGISTRY}[rule]
    meant = dict(zip(found.operand_names, ["A", "B"], strict=False)) | {"z": "v1"}
    if rule == "item_grad":
        meant["index"] = "3"
    assert documented(found, position, meant) == text


def test_a_changed_formula_changes_the_text(monkeypatch):
    from chainrule.operations_grad import sin_grad

    def wrong(xp, z, x):
        return 2.0 * xp.cos(x)

    before = gd.explain(np.sin)(1.0)
    assert before.steps[0].contributions[0].formula == "cos(x)"
    monkeypatch.setitem(sin_grad.parts, 0, wrong)
    after = gd.explain(np.sin)(1.0)
    assert "2 * cos(x) = 1.0806" in str(after)
    assert "differs" in str(after)
    assert r"2 \, \cos(x)" in after.to_latex()
