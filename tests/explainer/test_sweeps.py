"""The sweep of an explanation: contributions, sums, formulas, ticks and warnings."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as gd
from tests.explainer.test_model import INPUTS, PARAMETERS, TARGET, equation, network


def by_names(explained):
    """Return the contributions, by source and target."""
    names = [v.name for v in explained.vertices]
    return {
        (names[c.source], names[c.target]): c
        for s in explained.steps
        for c in s.contributions
    }


class TestReverse:
    @pytest.mark.parametrize(
        ("f", "args"),
        [
            (equation, (2.0, 3.0)),
            (network, (PARAMETERS, INPUTS, TARGET)),
            (lambda x: np.sum(np.linalg.slogdet(x)[1] * x), (np.eye(2) + 0.5,)),
            (lambda x: np.sum(np.linalg.eigh(x)[1] ** 3), (np.diag([1.0, 2.0]) + 0.1,)),
            (lambda x: x[0] * x[1] * x[0], (np.array([2.0, 3.0]),)),
        ],
        ids=["scalars", "network", "slogdet", "eigh", "index"],
    )
    def test_gradients_are_those_of_grad(self, f, args):
        explained = gd.explain(f)(*args)
        gradients, _ = gd.value_and_grad(f, tuple(range(len(args))))(*args)[1], None
        flat = []

        def collect(tree):
            if isinstance(tree, dict):
                for k in tree:
                    collect(tree[k])
            elif isinstance(tree, tuple):
                for x in tree:
                    collect(x)
            else:
                flat.append(tree)

        collect(gradients)
        assert len(flat) == len(explained.ticks)
        for tick, gradient in zip(explained.ticks, flat, strict=True):
            np.testing.assert_allclose(tick.gradient, gradient, rtol=1e-12)
            assert tick.agrees

    def test_contributions_sum_to_what_comes_in(self):
        explained = gd.explain(network)(PARAMETERS, INPUTS, TARGET)
        sums = {}
        for s in explained.steps:
            if s.vertex in sums:
                np.testing.assert_allclose(s.incoming, sums[s.vertex])
            for c in s.contributions:
                assert c.source == s.vertex
                sums[c.target] = sums.get(c.target, 0.0) + c.amount
                np.testing.assert_allclose(c.total, sums[c.target])
        for i, total in sums.items():
            np.testing.assert_allclose(explained.totals[i], total)

    def test_steps_run_newest_first(self):
        order = [s.vertex for s in gd.explain(equation)(2.0, 3.0).steps]
        assert order == sorted(order, reverse=True)

    def test_the_ready_queue(self):
        def f(x):
            parts = [np.sin(x * i) for i in range(1, 6)]
            return parts[0] * parts[1] + parts[2] * parts[3] * parts[4] + x

        explained = gd.explain(f)(1.0)
        done: set[int] = set()
        for s in explained.steps:
            done.add(s.vertex)
            expected = [
                v.index
                for v in reversed(explained.vertices)
                if v.index not in done and _is_complete(explained, v.index, done)
            ]
            assert s.ready == expected

    def test_formulas_are_the_partials(self):
        def f(x, y):
            z = x**3 + x**y - np.exp(-x) / y
            return z * np.tanh(z) + np.hypot(x, y) + np.arctan2(y, x) + np.maximum(x, y)

        explained = gd.explain(f)(2.0, 3.0)
        scope = {v.name: v.value for v in explained.vertices} | vars(np)
        checked = 0
        for c in by_names(explained).values():
            value = eval(c.formula, {}, scope)
            assert value == pytest.approx(c.partial, rel=1e-4), c.formula
            checked += 1
        assert checked > 15

    @pytest.mark.parametrize(
        ("f", "formula"),
        [
            (lambda x: x**2, "2 * x"),
            (lambda x: x**1, "1"),
            (lambda x: x**-0.5, "-0.5 * x ** (-1.5)"),
            (lambda x: 2.0**x, "v1 * 0.693147"),
            (lambda x: np.where(x > 0, x, 0.0), "1"),
            (lambda x: np.hypot(x, 1.0), "x / v1"),
            (lambda x: 3.0 - x, "-1"),
            (lambda x: x * np.ones(2) @ np.ones(2), "np.ones(2)"),
        ],
    )
    def test_formulas_at_the_point(self, f, formula):
        explained = gd.explain(f)(2.0)
        assert explained.steps[-1].contributions[0].formula == formula

    def test_formulas_of_the_other_rules_are_documented(self):
        explained = gd.explain(network)(PARAMETERS, INPUTS, TARGET)
        found = by_names(explained)
        assert found["v1", "p['w']"].formula == "p['w'].grad = x.T @ v1.grad"
        assert found["v1", "p['w']"].partial is None
        assert found["v6", "v5"].formula == "v5.grad = v6.grad / n"

    def test_broadcasting_is_written_out(self):
        explained = gd.explain(network)(PARAMETERS, INPUTS, TARGET)
        c = by_names(explained)["v2", "p['b']"]
        assert c.summed
        assert c.reduction == "summed over axis 0: (5, 4) -> (4,)"
        assert not by_names(explained)["v2", "v1"].summed

    def test_broadcasting_over_several_axes(self):
        explained = gd.explain(lambda x: np.sum(x * np.ones((2, 3))))(2.0)
        c = by_names(explained)["v1", "x"]
        assert c.reduction == "summed over axes 0, 1: (2, 3) -> ()"
        assert c.amount == 6.0

    def test_the_same_operand_twice(self):
        explained = gd.explain(lambda x: x * x)(3.0)
        (step,) = explained.steps
        assert [(c.amount, c.total) for c in step.contributions] == [(3, 3), (3, 6)]

    def test_handwritten_custom_and_checkpointed_operations(self):
        class Tripled:
            def __init__(self, x):
                self.vertices, self.x = [x], x

            def backward(self, z_grad):
                self.x.grad += z_grad * 3.0

        double = gd.custom_operation(lambda x: 2 * x, lambda g, z, x: (2 * g,))
        kept = gd.checkpoint(lambda x: np.sin(x) * x)

        def f(x):
            return gd.node(x.value * 3.0, Tripled(x)) * double(x) + kept(x)

        explained = gd.explain(f)(2.0)
        expected = 24.0 + math.sin(2.0) + 2.0 * math.cos(2.0)
        assert explained.ticks[0].gradient == pytest.approx(expected)

    def test_a_gradient_inside(self):
        def f(x):
            return gd.grad(lambda y: x * y**2)(3.0) * x

        explained = gd.explain(f)(2.0)
        assert explained.ticks[0].gradient == 24.0
        assert explained.ticks[0].agrees


def _is_complete(explained, index, done):
    consumers = [
        v.index for v in explained.vertices if any(x.index == index for x in v.operands)
    ]
    return bool(consumers) and done.issuperset(consumers)


class TestForward:
    def test_tangents_next_to_values(self):
        explained = gd.explain(equation, mode="forward")(2.0, 3.0)
        expected = gd.jvp(equation, (2.0, 3.0), (1.0, 1.0))[1]
        assert explained.totals[explained.result] == pytest.approx(expected)
        assert explained.totals[0] == explained.totals[1] == 1.0
        (tick,) = explained.ticks
        assert (tick.vertex, tick.agrees) == (explained.result, True)
        assert tick.gradient == pytest.approx(expected)

    def test_arrays_and_constants(self):
        explained = gd.explain(network, mode="forward")(PARAMETERS, INPUTS, TARGET)
        ones = ({k: np.ones_like(v) for k, v in PARAMETERS.items()},)
        arrays = (np.ones_like(INPUTS), np.ones_like(TARGET))
        args = (PARAMETERS, INPUTS, TARGET)
        expected = gd.jvp(network, args, ones + arrays)[1]
        assert explained.totals[explained.result] == pytest.approx(expected)
        assert explained.ticks[0].agrees

    def test_a_result_that_is_no_scalar(self):
        explained = gd.explain(lambda x: x * 2.0, mode="forward")(np.ones(3))
        np.testing.assert_array_equal(explained.totals[explained.result], [2, 2, 2])
        assert explained.ticks[0].agrees is None


class TestSecondOrder:
    def test_the_gradients_of_the_first_derivatives(self):
        explained = gd.explain(equation, order=2)(2.0, 3.0)
        rows = [[t.gradient for t in s.ticks] for s in explained.seconds]
        hessian = [[-0.25, 1.0], [1.0, math.sin(3.0)]]
        np.testing.assert_allclose(rows, hessian, atol=1e-12)
        assert all(t.agrees for s in explained.seconds for t in s.ticks)
        assert [s.title for s in explained.seconds] == [
            "d equation / d x",
            "d equation / d y",
        ]

    def test_the_sweep_stands_where_its_operation_stands(self):
        second = gd.explain(equation, order=2)(2.0, 3.0).seconds[0]
        derived = [
            v.location for v in second.vertices if v.location and v.location.derived
        ]
        lines = {p.line - equation.__code__.co_firstlineno for p in derived}
        assert lines <= {1, 2}
        assert "d(np.log(x))" in {p.text for p in derived}
        here = [p for p in derived if p.function.startswith("test_")]
        assert here == []

    def test_code_of_the_users_own_in_a_sweep_stands_where_it_is(self):
        def pullback(g, z, x):
            return (g * 3.0 * x * x,)

        def f(x):
            return cube(x) * x

        cube = gd.custom_operation(lambda x: x**3, pullback)
        explained = gd.explain(lambda x: gd.grad(f)(x) * x)(2.0)
        expressions = [v.expression for v in explained.vertices]
        first = expressions.index("d(cube(x) * x)")
        assert expressions[first:-1] == [
            *["d(cube(x) * x)"] * 2,
            *["g * 3.0", "g * 3.0 * x", "g * 3.0 * x * x"],
            "d(cube(x))",
        ]
        assert explained.ticks[0].gradient == 128.0

    def test_after_a_sweep_that_failed_expressions_are_the_programs_again(self):
        def pullback(g, z, x):
            raise ValueError("no")

        def f(x):
            try:
                gd.grad(lambda y: broken(y * x))(1.0)
            except ValueError:
                return x * 3.0

        broken = gd.custom_operation(lambda x: 2.0 * x, pullback)
        assert gd.explain(f)(2.0).vertices[-1].expression == "x * 3.0"

    def test_containers_and_arrays(self):
        def f(p):
            return np.sum(p["a"] ** 2 * p["b"])

        explained = gd.explain(f, order=2)({"a": 3.0, "b": np.ones(2)})
        assert [s.title for s in explained.seconds] == ["d f / d p['a']"]
        assert "p['b']" in explained.notes[0]
        assert explained.seconds[0].ticks[0].gradient == 4.0
        np.testing.assert_allclose(explained.seconds[0].ticks[1].gradient, [6.0, 6.0])

    def test_forward(self):
        explained = gd.explain(lambda x: x**3, order=2, mode="forward")(2.0)
        assert explained.seconds[0].ticks[0].gradient == pytest.approx(12.0)


class TestTicks:
    def test_a_kink_differs(self):
        (tick,) = gd.explain(lambda x: abs(x - 1.0) + np.maximum(x, 1.0))(1.0).ticks
        assert tick.agrees
        (tick,) = gd.explain(lambda x: np.where(x > 1.0, x, 0.0))(1.0).ticks
        assert tick.agrees is False

    def test_a_wrong_rule_differs(self):
        wrong = gd.custom_operation(lambda x: x * x, lambda g, z, x: (g * x,))
        assert gd.explain(wrong)(1.5).ticks[0].agrees is False

    def test_small_and_large_gradients(self):
        for scale in (1e-6, 1.0, 1e9):
            assert gd.explain(lambda x, s=scale: s * np.sin(x))(1.0).ticks[0].agrees

    def test_what_is_not_checked(self):
        assert gd.explain(np.sum)(np.ones(51)).ticks[0].agrees is None
        assert gd.explain(np.sum)(np.ones(50)).ticks[0].agrees is True

        def fails_beside(x):
            if float(gd.value(x)) != 1.0:
                raise ValueError
            return x * 2.0

        assert gd.explain(fails_beside)(1.0).ticks[0].agrees is None


class TestWarnings:
    @pytest.mark.parametrize(
        ("f", "at", "kind", "remedy"),
        [
            (np.log, -1.0, "nan", "positive"),
            (np.log, 0.0, "inf", "positive"),
            (lambda x: 1.0 / x, 0.0, "inf", "denominator"),
            (np.sqrt, 0.0, "inf", "np.where(x > 0, np.sqrt(x), 0.0)"),
            (lambda r: 2.0 / (r - 1.0), 1.0, "inf", "np.where(r - 1.0 != 0, r - 1.0,"),
            (lambda x: x + 0.2 - 0.3, 0.1, "rounding", "rounding leaves of 0"),
            (lambda x: 0.1 * x + 0.2 * x - 0.3 * x, 1.0, "rounding", "contributions"),
            (lambda x: np.exp(x * 1000.0), 1.0, "inf", "overflows"),
            (lambda x: x * np.exp(1000.0 * x) * 0.0, 1.0, "nan", "0 times infinity"),
            (lambda x: np.sqrt(x * x), 0.0, "nan", "inf * 0"),
            (np.arcsin, 1.0, "inf", "between -1 and 1"),
            (lambda x: x**2, 0.0, "zero", "nothing flows"),
            (lambda x: np.where(x > 0, x, 0.0), -1.0, "zero", "does not take x"),
            (lambda x: np.maximum(x, 0.0), -1.0, "zero", "does not take x"),
            (lambda x: np.sum(np.maximum(x, 0.0)), -np.ones(3), "zero", "not take"),
        ],
    )
    def test_where_it_was_born(self, f, at, kind, remedy):
        warnings = gd.explain(f)(at).warnings
        found = [w for w in warnings if w.kind == kind]
        assert any(remedy in w.message for w in found), warnings

    def test_it_is_named_once_where_it_was_born(self):
        def f(x):
            a = np.log(x)
            b = a + 1.0
            return b * 2.0

        explained = gd.explain(f)(-1.0)
        nans = [w for w in explained.warnings if w.kind == "nan"]
        assert explained.vertices[nans[0].vertex].name == "a"
        assert {explained.vertices[w.vertex].name for w in nans} == {"a"}

    def test_nothing_to_warn_of(self):
        assert gd.explain(equation)(2.0, 3.0).warnings == []

    def test_what_a_rule_leaves_out_by_itself_is_no_warning(self):
        second = gd.explain(lambda x, y: x**y, order=2)(2.0, 3.0).seconds[0]
        assert [w for w in second.warnings if w.kind == "zero"] == []
