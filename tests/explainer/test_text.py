"""The text of an explanation: its numbers are the recording's, and it fits."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as gd
from chainrule import errors
from chainrule.explainer.forms.text import wide, wrapped
from tests.explainer.tables import table, tables
from tests.explainer.test_model import (
    INPUTS,
    PARAMETERS,
    TARGET,
    compiled,
    equation,
    network,
)


def loop(x):
    s = x
    for _ in range(100):
        s = s + np.sin(s) * 0.1
    return s**2


def assert_fits(text, width=80):
    longest = max(text.splitlines(), key=wide)
    assert wide(longest) <= width, longest


def number(text):
    return float(text)


def operations(depth):
    """Draw formulas of two variables, as Python functions."""
    if depth == 0:
        return st.sampled_from([lambda x, y: x, lambda x, y: y, lambda x, y: 1.5])
    inner = operations(depth - 1)
    unary = st.sampled_from([np.sin, np.tanh, np.exp, np.negative, np.square])
    binary = st.sampled_from([np.add, np.multiply, np.subtract, np.maximum])
    return st.one_of(
        inner,
        st.builds(lambda f, a: lambda x, y: f(a(x, y)), unary, inner),
        st.builds(
            lambda f, a, b: lambda x, y: f(a(x, y), b(x, y)), binary, inner, inner
        ),
    )


class TestNumbers:
    @given(operations(3), st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
    def test_they_are_the_recordings(self, f, x, y):
        def g(x, y):
            return f(x, y) + x * y

        explained = gd.explain(g)(x, y)
        text = explained.to_text(width=300)
        vertices = {v.name: v for v in explained.vertices}
        for row in table(text, "operation", "value"):
            assert number(row["value"]) == pytest.approx(
                vertices[row["name"]].value, rel=1e-5
            )
        rows = iter(table(text, "adds", "sum so far"))
        for step in explained.steps:
            for i, c in enumerate(step.contributions):
                row = next(rows)
                if i == 0:
                    assert row["vertex"] == explained.vertices[step.vertex].name
                    assert number(row["comes in"]) == pytest.approx(
                        step.incoming, rel=1e-5
                    )
                partial = row["local derivative"].split(" = ")[-1]
                assert number(partial) == pytest.approx(float(c.partial), rel=1e-5)
                assert number(row["adds"]) == pytest.approx(c.amount, rel=1e-5)
                total = re.split(r"= |: ", row["sum so far"])[-1]
                assert number(total) == pytest.approx(c.total, rel=1e-5, abs=1e-300)
            if not step.contributions:
                assert "passes nothing on" in next(rows)["local derivative"]
        for row, tick in zip(table(text, "gradient"), explained.ticks, strict=True):
            assert number(row["gradient"]) == pytest.approx(tick.gradient, rel=1e-5)
        gradients = gd.grad(g, (0, 1))(x, y)
        for tick, gradient in zip(explained.ticks, gradients, strict=True):
            assert tick.gradient == pytest.approx(gradient)

    def test_the_running_sum_and_where_it_came_from(self):
        text = str(gd.explain(equation)(2.0, 3.0))
        sums = [row["sum so far"] for row in table(text, "sum so far")]
        first = equation.__code__.co_firstlineno
        assert f"x: 3 from line {first + 2} + 0.5 from line {first + 1} = 3.5" in sums
        assert "y: 0.989992 from v3 + 2 from v1 = 2.98999" in sums  # both from one line
        assert "a: 1" in sums

    def test_long_sums_are_shortened(self):
        def f(x):
            return x * 1.0 + x * 2.0 + x * 3.0 + x * 4.0 + x * 5.0

        sums = [r["sum so far"] for r in table(str(gd.explain(f)(1.0)), "sum so far")]
        assert "x: 14 from 4 before + 1 from v1 = 15" in sums

    def test_negative_terms(self):
        sums = table(str(gd.explain(lambda x: x - x)(1.0)), "sum so far")
        assert sums[-1]["sum so far"] == "x: 1 from v1 - 1 from v1 = 0"

    def test_the_result(self):
        text = str(gd.explain(equation)(2.0, 3.0))
        assert text.splitlines()[0] == "equation(x = 2, y = 3) = 6.55203"
        rows = table(text, "input", "gradient", "finite differences")
        assert [r["gradient"] for r in rows] == ["3.5", "2.98999"]
        assert text.count("agrees") == 2
        assert "differs" not in text

    def test_a_wrong_gradient_is_told(self):
        wrong = gd.custom_operation(lambda x: x * x, lambda g, z, x: (g * x,))
        text = str(gd.explain(wrong)(1.5))
        assert "differs" in text
        assert "kink" in text


class TestLayout:
    @pytest.mark.parametrize("width", [40, 60, 80, 120])
    @pytest.mark.parametrize("mode", ["reverse", "forward"])
    def test_it_fits(self, width, mode):
        for f, args in [
            (equation, (2.0, 3.0)),
            (network, (PARAMETERS, INPUTS, TARGET)),
            (loop, (1.0,)),
        ]:
            assert_fits(gd.explain(f, mode=mode)(*args).to_text(width=width), width)

    def test_long_names_and_expressions_fit(self):
        argument = "_".join(["a", *["very"] * 15, "long_name"])
        wide_name = "\N{CJK UNIFIED IDEOGRAPH-6E29}" * 40
        source = (
            f"def f({argument}):\n"
            f"    {wide_name} = {argument} * 2\n"
            f"    return {wide_name} + {' * '.join([f'np.sin({argument})'] * 6)}\n"
        )
        f = compiled(source)
        f.__name__ = "f" * 100
        explained = gd.explain(f, order=2)(1.23456789e-105)
        assert_fits(str(explained))
        assert_fits(explained.to_text(width=40), 40)

    def test_wrapping(self):
        assert wrapped("a bc def", 3) == ["a", "bc", "def"]
        assert wrapped("subtract(scores, y)", 12) == ["subtract(", "scores, y)"]
        assert wrapped("", 5) == [""]
        ideograph = "\N{CJK UNIFIED IDEOGRAPH-6E29}"
        assert wrapped(ideograph * 4, 5) == [ideograph * 2, ideograph * 2]

    def test_control_characters_are_shown_not_sent(self):
        def f(p):
            return p["\x1b[31m\nred"] * 2.0

        explained = gd.explain(f)({"\x1b[31m\nred": 1.0})
        x = gd.node(1.0, name="\x1b]0;title\x07\nx")
        for text in (str(explained), str(gd.explain(x * 2.0)), repr(explained)):
            assert "\x1b" not in text
            assert "\x07" not in text

    def test_arrays_by_shape_and_a_few_numbers(self):
        explained = gd.explain(network)(PARAMETERS, INPUTS, TARGET)
        text = explained.to_text(width=300)
        rows = {r["name"]: r for r in table(text, "operation", "value")}
        assert rows["p['w']"]["value"] == "(3, 4): -1 -0.8182 ..."
        backward = table(text, "adds")
        assert any("summed over axis 0: (5, 4) -> (4,)" in r["adds"] for r in backward)

    def test_a_node_has_no_lines(self):
        x = gd.node(2.0, name="x")
        text = str(gd.explain(np.sin(x) * x))
        assert ("name", "operation", "value") in tables(text)
        assert "line" not in text
        assert "finite differences" not in text

    def test_lines_of_other_files_name_the_file(self):
        from tests.explainer.other_file import helper

        def f(x):
            return helper(x) + x

        text = gd.explain(f)(2.0).to_text(width=120)
        lines = [r["line"] for r in table(text, "operation", "line")]
        first = f.__code__.co_firstlineno
        assert lines == ["", "other_file.py:10", str(first + 1)]

    def test_parameters_and_indices(self):
        def f(x):
            return np.sum(x[1:, None] * x[x > 1.0].max(), axis=0)[..., 0]

        rows = table(gd.explain(f)(np.arange(3.0)).to_text(width=120), "operation")
        written = [r["operation"] for r in rows]
        assert "x[1:, None]" in written
        assert "sum(v4, axis=0)" in written
        assert "v5[..., 0]" in written


class TestLoops:
    def test_they_are_folded(self):
        text = str(gd.explain(loop)(1.0))
        assert text.count("... steps 3 to 99 of 100 like these ...") == 1
        assert text.count("... steps 99 to 3 of 100 like these ...") == 1
        assert text.count("-- step 2 of 100 --") == 2
        names = [r["name"] for r in table(text, "operation", "value")]
        assert names[:4] == ["x", "v1", "v2", "s"]
        assert names[-2:] == ["s#100", "v201"]
        swept = [r["vertex"] for r in table(text, "adds") if r["vertex"]]
        assert set(swept) == set(names) - {"x"}

    def test_numbers_in_a_folded_loop_are_the_sweeps(self):
        text = gd.explain(loop)(1.0).to_text(width=200)
        (row,) = table(text, "gradient")
        assert number(row["gradient"]) == pytest.approx(gd.grad(loop)(1.0), rel=1e-5)
        last = table(text, "adds")[-1]["sum so far"]
        assert last.endswith(f"= {row['gradient']}")

    def test_loops_without_source_lines(self):
        text = str(gd.explain(loop(gd.node(1.0))))
        assert "... steps 3 to 99 of 100 like these ..." in text

    def test_a_limit(self):
        scope = {"np": np}
        lines = "".join(f"    x = np.sin(x) + {i}.0\n" for i in range(300))
        exec(f"def f(x):\n{lines}    return x", scope)
        explained = gd.explain(scope["f"])(1.0)
        assert "... 501 more operations ..." in str(explained)
        assert len(table(str(explained), "operation", "value")) == 100
        whole = explained.to_text(limit=None)
        assert len(table(whole, "operation", "value")) == 601

    def test_many_inputs(self):
        text = str(gd.explain(sum)([float(i) for i in range(100)]))
        assert "... 88 more inputs ..." in text
        assert "... 80 more inputs ..." in text


class TestModes:
    def test_forward_mode_is_one_table(self):
        text = str(gd.explain(equation, mode="forward")(2.0, 3.0))
        rows = table(text, "value", "tangent", "moved by")
        tangents = {r["name"]: r["tangent"] for r in rows}
        assert tangents["x"] == tangents["y"] == "1"
        assert tangents["v1"] == "5"
        moved = {r["name"]: r["moved by"] for r in rows}
        assert moved["v1"] == "(y = 3) * 1 from x + (x = 2) * 1 from y"
        assert "Backward" not in text
        assert number(tangents["v4"]) == pytest.approx(
            gd.jvp(equation, (2.0, 3.0), (1.0, 1.0))[1], rel=1e-5
        )

    def test_forward_mode_of_arrays(self):
        text = gd.explain(network, mode="forward")(PARAMETERS, INPUTS, TARGET)
        moved = {
            r["name"]: r["moved by"] for r in table(text.to_text(width=300), "moved by")
        }
        assert moved["hidden"] == "(1 / (cosh(v2) * cosh(v2))) * tangent of v2"

    def test_second_order(self):
        text = str(gd.explain(equation, order=2)(2.0, 3.0))
        assert "d equation / d x (x = 2, y = 3) = 3.5" in text
        assert "d(np.log(x))" in text
        assert text.count("Result\n") == 3

    def test_notes(self):
        assert "gd.hessian" in str(gd.explain(np.sum, order=2)(np.ones(3)))


class TestWarningsAndErrors:
    def test_where_a_nan_was_born_and_the_remedy(self):
        text = str(gd.explain(lambda x: np.log(x) * 2.0)(-1.0))
        said = " ".join(text.split("Watch out")[1].split())
        assert "np.log(x): v1 is nan. log needs a positive argument" in said

    def test_a_nan_is_born_once(self):
        said = str(gd.explain(lambda x: x * np.log(x - 3.0))(2.0)).split("Watch out")[1]
        assert said.count("is nan") == 1

    def test_warnings_alike_stand_once(self):
        def f(x):
            for _ in range(50):
                x = np.maximum(x - 1.0, 0.0)
            return x

        text = str(gd.explain(f)(0.5))
        assert text.count("does not take") == 1
        assert_fits(text)

    def test_the_part_that_ran(self):
        def f(x, y):
            a = x * y
            return np.ones(3) @ (a * np.ones(4))

        text = str(gd.explain(f)(2.0, 3.0))
        assert text.startswith("f(x = 2, y = 3)\n")
        assert [r["name"] for r in table(text, "value")] == ["x", "y", "a", "v1"]
        line = f.__code__.co_firstlineno + 2
        assert f"The function failed at line {line}: ValueError: matmul" in text
        assert "Backward" not in text
        assert_fits(text)

    def test_what_is_not_needed(self):
        def f(x):
            for _ in range(12):
                np.exp(x)
            return x * 2.0

        text = str(gd.explain(f)(1.0))
        assert "Not needed for the result: v1, v2, v3, v4, v5, v6, v7, v8 and 4" in text

    @pytest.mark.parametrize(
        ("result", "text"),
        [(None, "None"), (3.0, "3"), (np.ones(5), "(5,): 1 1 1 ..."), ("a\tb", "a b")],
    )
    def test_results_that_do_not_depend(self, result, text):
        said = str(gd.explain(lambda x: result)(1.0))
        assert f"The result, {text}, was not computed from any input" in said

    def test_the_input_itself(self):
        assert "nothing was computed" in str(gd.explain(lambda x: x)(1.0))


def test_a_changed_formula_changes_the_text():
    def f(x):
        return np.sin(x)

    def g(x):
        return np.cos(x)

    assert "cos(x) = 0.540302" in str(gd.explain(f)(1.0))
    assert "-sin(x) = -0.841471" in str(gd.explain(g)(1.0))


class TestFiles:
    def test_the_suffix_says_in_which_form(self, tmp_path):
        explained = gd.explain(lambda x, y: x * y)(2.0, 3.0)
        starts = {
            ".md": "## ",
            ".txt": "<l",
            ".tex": "",
            ".html": "<!doctype html>",
        }
        for suffix, start in starts.items():
            path = explained.save(tmp_path / f"gradient{suffix}")
            text = path.read_text(encoding="utf-8")
            assert text.startswith(start)
            assert (suffix == ".html") == ("<script" in text)

    @pytest.mark.parametrize("name", ["gradient", "gradient.docx", "gradient.gif"])
    def test_other_suffixes_are_refused_and_nothing_is_written(self, tmp_path, name):
        explained = gd.explain(lambda x, y: x * y)(2.0, 3.0)
        with pytest.raises(errors.ArgumentError, match=r"\.html, .*\.md, .*\.pdf"):
            explained.save(tmp_path / name)
        assert list(tmp_path.iterdir()) == []
