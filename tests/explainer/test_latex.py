"""LaTeX: well formed, with the rules' own formulas, all text escaped."""

from __future__ import annotations

import re

import numpy as np
import pytest

import chainrule as gd
from chainrule.explainer.account.formulas import name
from chainrule.explainer.forms.latex_terms import escaped, number, symbol, term
from tests.explainer.latex import check
from tests.explainer.test_model import INPUTS, PARAMETERS, TARGET, equation, network

X, Y = name("x", 2.0), name("y", 3.0)


class TestTerms:
    @pytest.mark.parametrize(
        ("drawn", "text"),
        [
            (1 / Y, r"\frac{1}{y}"),
            (-X / Y, r"\frac{-x}{y}"),
            ((X + Y) * X, r"(x + y) \, x"),
            (X - (Y - 1), "x - (y - 1)"),
            (X - -Y, "x - (-y)"),
            (X * -Y, r"x \, (-y)"),
            (2 * X, r"2 \, x"),
            (X * 2, r"x \cdot 2"),
            (X**2, "{x}^{2}"),
            ((X / Y) ** 2, r"{\left(\frac{x}{y}\right)}^{2}"),
            ((-X) ** 2, "{(-x)}^{2}"),
            ((X**2) ** Y, r"{\left({x}^{2}\right)}^{y}"),
            (X ** (Y - 1), "{x}^{y - 1}"),
            (X % Y, r"x \bmod y"),
            (X // Y, r"\left\lfloor \frac{x}{y}\right\rfloor"),
            ((X == Y) * X, r"\left[x = y\right] \, x"),
            (-(X + Y), "-(x + y)"),
        ],
    )
    def test_infix(self, drawn, text):
        assert term(drawn) == text
        check(text)

    @pytest.mark.parametrize(
        ("f", "text"),
        [
            (np.sin, r"\cos(x)"),
            (np.log, r"\frac{1}{x}"),
            (np.exp, "v_{1}"),
            (np.sqrt, r"\frac{0.5}{v_{1}}"),
            (np.arcsin, r"\frac{1}{\sqrt{(1 - x) \, (1 + x)}}"),
            (np.expm1, "e^{x}"),
            (np.absolute, r"\operatorname{sgn}(x)"),
            (np.tanh, r"\frac{1}{\cosh(x) \, \cosh(x)}"),
            (lambda x: x**3, r"3 \, {x}^{2}"),
            (lambda x: np.logaddexp(x, 1.0), r"\frac{1}{1 + e^{1 - x}}"),
        ],
    )
    def test_derivatives(self, f, text):
        explained = gd.explain(f)(0.5)
        c = explained.steps[0].contributions[0]
        assert term(c.term) == text
        assert text in explained.to_latex()

    def test_choices_that_are_not_the_same_everywhere(self):
        explained = gd.explain(lambda x: np.sum(np.maximum(x, 0.0)))(np.array([1.0, 0]))
        latex = explained.to_latex()
        check(latex)
        assert r"\begin{cases} 0.5 & x = 0 \\ \left[0 \ne v_{1}\right]" in latex


class TestNamesAndNumbers:
    @pytest.mark.parametrize(
        ("given", "text"),
        [
            ("x", "x"),
            ("v12", "v_{12}"),
            ("x_1", "x_{1}"),
            ("beta2", r"\beta_{2}"),
            ("Sigma", r"\Sigma"),
            ("rate", r"\mathit{rate}"),
            ("learning_rate", r"\texttt{learning\_rate}"),
            ("s#100", "s^{(100)}"),
            ("v1#2", "v_{1}^{(2)}"),
            ("p['a#b']", r"\texttt{p['a\#b']}"),
            ("_", r"\texttt{\_}"),
            ("größe", r"\texttt{größe}"),
        ],
    )
    def test_symbols(self, given, text):
        assert symbol(given) == text
        check(text)
        check(symbol(given, r"\bar"))

    def test_accents_over_the_name_alone(self):
        assert symbol("v12", r"\bar") == r"\bar{v}_{12}"
        assert symbol("rate", r"\bar") == r"\overline{\mathit{rate}}"

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (0.1, "0.1"),
            (1.5e-7, r"1.5 \times 10^{-7}"),
            (2e30, r"2 \times 10^{30}"),
            (float("inf"), r"\infty"),
            (-float("inf"), r"-\infty"),
            (float("nan"), r"\text{nan}"),
            (1 + 2j, r"1+2\mathrm{i}"),
            (True, r"\text{true}"),
            (np.eye(2), r"\begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}"),
            (np.zeros((4, 5)), r"\left(0,\ 0,\ 0,\ \dots\right)_{4 \times 5}"),
            ((1.0, 2.0), r"1,\ 2"),
        ],
    )
    def test_numbers(self, value, text):
        assert number(value) == text
        check(f"{{{text}}}")

    def test_escaping(self):
        text = "".join(map(chr, range(32, 127)))
        check(rf"\text{{{escaped(text)}}}")
        assert escaped("\\") == r"\textbackslash{}"


class TestExplanations:
    def test_the_steps(self):
        latex = gd.explain(equation)(2.0, 3.0).to_latex()
        check(latex)
        lines = latex.splitlines()
        assert r"a &= \log(x) &&= 0.693147 \\" in lines
        assert r"v_{1} &= x \, y &&= 6 \\" in lines
        assert r"\bar{y} &= \bar{v}_{3} \cdot \cos(y) &&= " in latex
        assert r"\bar{y} &\mathrel{+}= \bar{v}_{1} \cdot x &&= 1 \cdot 2 = 2" in latex
        assert r"\Rightarrow \quad \bar{y} = 2.98999" in latex
        assert r"\frac{\partial \mathit{equation}}{\partial x} &= 3.5 \\" in lines

    def test_the_numbers_are_the_recordings(self):
        explained = gd.explain(equation)(2.0, 3.0)
        latex = explained.to_latex()
        for v in explained.vertices:
            (value,) = re.findall(
                rf"^{re.escape(symbol(v.name))} &=.*?([-\d.]+)(?: \\\\)?$", latex, re.M
            )
            assert float(value) == pytest.approx(v.value, rel=1e-5)

    @pytest.mark.parametrize(
        ("f", "args", "options"),
        [
            (network, (PARAMETERS, INPUTS, TARGET), {}),
            (network, (PARAMETERS, INPUTS, TARGET), {"mode": "forward"}),
            (equation, (2.0, 3.0), {"mode": "forward"}),
            (equation, (2.0, 3.0), {"order": 2}),
            (lambda x: np.linalg.slogdet(x)[1] + np.sum(x[0, 1:]), (np.eye(3),), {}),
            (lambda x: np.real(x * 1j) + np.hypot(abs(x), 1.0), (1 + 2j,), {}),
            (lambda x: np.sqrt(x) * np.log(x), (0.0,), {}),
            (lambda x: 3.0, (1.0,), {}),
            (lambda x: x, (1.0,), {}),
        ],
    )
    def test_everything_is_well_formed(self, f, args, options):
        check(gd.explain(f, **options)(*args).to_latex())

    def test_loops_are_folded(self):
        def f(x):
            for _ in range(100):
                x = np.sin(x) + 1.0
            return x

        latex = gd.explain(f)(1.0).to_latex()
        check(latex)
        assert latex.count(r"\vdots") == 2
        assert r"\text{steps 3 to 99 of 100 like these}" in latex
        assert r"\text{steps 99 to 3 of 100 like these}" in latex
        assert "x^{(101)}" in latex

    def test_text_of_the_user_is_escaped(self):
        key = "\\end{align*} $x$ & # _ ^ ~ % {"

        def f(p):
            y = p[key] * 2.0
            raise ValueError(f"{key} went wrong")
            return y

        latex = gd.explain(f)({key: 1.0}).to_latex()
        check(latex)
        assert latex.count(r"\begin{align*}") == 2
        check(gd.explain(lambda p: p[key] ** 2)({key: 1.0}).to_latex())

    def test_jupyter(self):
        explained = gd.explain(equation)(2.0, 3.0)
        assert explained._repr_latex_() == explained.to_latex()


def test_the_reader_fails_where_latex_would():
    for wrong in (
        *("{", "}", "a_1_2", "x^{2}^{3}", "a & b", "#", "50%", r"\begin{align*}"),
        *(r"\left(x", r"\text{a_b}", r"\begin{cases}\end{align*}"),
    ):
        with pytest.raises((AssertionError, IndexError)):
            check(wrong)
    check(r"{x^{2}}^{3} \left(\frac{a}{b}\right)_{1}")
