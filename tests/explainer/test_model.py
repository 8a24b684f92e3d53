"""An explanation as data: what ran, with its names and places, and what failed."""

from __future__ import annotations

import linecache
import math
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as gd
from chainrule import errors
from chainrule.explainer.watching.names import operand_texts


def equation(x, y):
    a = np.log(x)
    return a + x * y - np.sin(y)


def network(p, x, target):
    hidden = np.tanh(x @ p["w"] + p["b"])
    return np.mean((hidden @ p["v"] - target) ** 2)


def compiled(source):
    """Return the function ``f`` of a source, which is kept for explanations to read."""
    filename = f"<source {len(source)} {hash(source)}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    scope = {"np": np}
    exec(compile(source, filename, "exec"), scope)
    return scope["f"]


PARAMETERS = {
    "w": np.linspace(-1.0, 1.0, 12).reshape(3, 4),
    "b": np.zeros(4),
    "v": np.array([0.5, -1.0, 2.0, 1.0]),
}
INPUTS = np.linspace(0.0, 1.0, 15).reshape(5, 3)
TARGET = np.arange(5.0)


def named(explained):
    return {v.name: v for v in explained.vertices}


class TestWhatRan:
    def test_names_lines_expressions_and_values(self):
        explained = gd.explain(equation)(2.0, 3.0)
        first = equation.__code__.co_firstlineno
        rows = [
            (v.name, v.operation, v.expression, v.location and v.location.line - first)
            for v in explained.vertices
        ]
        assert rows == [
            ("x", "input", "input", None),
            ("y", "input", "input", None),
            ("a", "log", "np.log(x)", 1),
            ("v1", "multiply", "x * y", 2),
            ("v2", "add", "a + x * y", 2),
            ("v3", "sin", "np.sin(y)", 2),
            ("v4", "subtract", "a + x * y - np.sin(y)", 2),
        ]
        assert explained.vertices[explained.result].value == equation(2.0, 3.0)
        assert explained.inputs == [0, 1]
        (lines,) = explained.source.values()
        assert lines[first] == "def equation(x, y):"

    def test_names_are_the_programs_own(self):
        def f(x):
            y, z = x * 2.0, x + 1.0
            y += z
            w: float = y * z
            a = b = w - 1.0
            if (q := a * b) > 0:
                return q
            return x

        names = [v.name for v in gd.explain(f)(3.0).vertices]
        assert names == ["x", "y", "z", "y#2", "w", "b", "q"]

    def test_names_are_unique(self):
        def f(x):
            v1 = x * x
            for _ in range(3):
                x = np.sin(x) + v1
            return x

        names = [v.name for v in gd.explain(f)(1.0).vertices]
        assert len(set(names)) == len(names)
        assert names[-1] == "x#4"

    def test_repeats_are_counted(self):
        def f(x):
            for _ in range(4):
                x = np.sin(x)
            return x

        counts = [(v.repeat, v.repeats) for v in gd.explain(f)(1.0).vertices[1:]]
        assert counts == [(1, 4), (2, 4), (3, 4), (4, 4)]

    def test_nodes_of_the_programs_own_come_with_their_past(self):
        def f(x):
            k = gd.node(np.arange(3.0))
            total = np.sum(k * 2.0)
            np.exp(x) * total
            return x * x

        explained = gd.explain(f, order=2)(1.0)
        operations = [v.operation for v in explained.vertices]
        assert operations.count("input") == 2
        assert {"sum", "exp", "multiply"} <= set(operations)
        assert explained.seconds[0].ticks[0].gradient == 2.0

    def test_what_the_result_does_not_need(self):
        def f(x):
            np.exp(x)
            return x * 2.0

        explained = gd.explain(f)(1.0)
        assert [v.used for v in explained.vertices] == [True, False, True]

    def test_constants_that_are_arrays_are_called_as_in_the_source(self):
        explained = gd.explain(network)(PARAMETERS, INPUTS, TARGET)
        operands = named(explained)["v1"].operands
        assert [x.name for x in operands] == ["", ""]
        explained = gd.explain(lambda p: network(p, INPUTS, TARGET))(PARAMETERS)
        operands = named(explained)["v1"].operands
        assert [explained.written(x) for x in operands] == ["x", "p['w']"]

    @pytest.mark.parametrize(
        ("expression", "count", "texts"),
        [
            ("a @ b.c", 2, ("a", "b.c")),
            ("np.dot(a, b)", 2, ("a", "b")),
            ("a.dot(b)", 2, ("a", "b")),
            ("s += w * x", 2, ("s", "w * x")),
            ("f(*a)", 2, ()),
            ("not python (", 2, ()),
            ("", 1, ()),
        ],
    )
    def test_operands_in_the_source(self, expression, count, texts):
        assert operand_texts(expression, count) == texts

    def test_nested_calls_and_methods(self):
        class Model:
            scale = 3.0

            def __call__(self, x):
                return self.layer(x) + 1.0

            def layer(self, x):
                return x * self.scale

        explained = gd.explain(Model())(2.0)
        assert explained.title == "Model"
        assert [v.expression for v in explained.vertices[1:]] == [
            "x * self.scale",
            "self.layer(x) + 1.0",
        ]
        assert [v.location.function for v in explained.vertices[1:]] == [
            "layer",
            "__call__",
        ]
        assert explained.ticks[0].gradient == 3.0

    def test_a_function_without_source(self):
        scope = {"np": np}
        exec("def f(x):\n    y = np.sin(x)\n    return y * y", scope)
        explained = gd.explain(scope["f"])(1.0)
        assert [v.expression for v in explained.vertices] == [
            "input",
            "sin",
            "multiply",
        ]
        assert [v.location.line for v in explained.vertices[1:]] == [2, 3]
        assert gd.explain(np.sin)(1.0).ticks[0].gradient == math.cos(1.0)

    def test_lambda_and_lines_outside_ascii(self):
        f = compiled("def f(größe): return größe * 2.0")
        explained = gd.explain(f)(1.0)
        assert explained.vertices[0].name == "größe"
        assert explained.vertices[1].expression == "größe * 2.0"

    def test_an_expression_over_several_lines(self):
        def f(x):
            # fmt: off
            return (x *
                    x)
            # fmt: on

        assert gd.explain(f)(2.0).vertices[1].expression.split() == ["x", "*", "x"]


class TestArguments:
    def test_containers_give_paths(self):
        @dataclass
        class Pair:
            left: float
            right: list

        def f(p, q):
            return p["a b"] * q.left * q.right[0]

        explained = gd.explain(f)({"a b": 2.0}, Pair(3.0, [4.0]))
        names = [explained.vertices[i].name for i in explained.inputs]
        assert names == ["p['a b']", "q.left", "q.right[0]"]
        assert [t.gradient for t in explained.ticks] == [12.0, 8.0, 6.0]
        assert all(t.agrees for t in explained.ticks)

    def test_a_number_that_stands_twice_is_differenced_in_its_own_place(self):
        explained = gd.explain(lambda a, b: a * b[0] * b[1])(2, [2, 3.0])
        assert [(t.gradient, t.agrees) for t in explained.ticks] == [
            (6, True),
            (4, True),
        ]

    def test_variadic_keyword_and_other_arguments(self):
        def f(*xs, how, scale=2.0):
            assert how == "product"
            return xs[0] * xs[1] * scale

        explained = gd.explain(f)(3.0, 4.0, how="product", scale=5.0)
        names = [explained.vertices[i].name for i in explained.inputs]
        assert names == ["xs[0]", "xs[1]", "scale"]
        assert [t.gradient for t in explained.ticks] == [20.0, 15.0, 12.0]

    def test_keywords_are_arguments_in_the_order_of_the_parameters(self):
        def f(x, y=1.0, *, rounds=1):
            for _ in range(rounds):
                x = x * y
            return x

        for call in ({"y": 3.0, "x": 2.0}, {"rounds": 1, "y": 3.0, "x": 2.0}):
            explained = gd.explain(f, order=2)(**call)
            assert [explained.vertices[i].name for i in explained.inputs] == ["x", "y"]
            assert [t.gradient for t in explained.ticks] == [3.0, 2.0]
            assert all(t.agrees for t in explained.ticks)
            found = [[t.gradient for t in s.ticks] for s in explained.seconds]
            assert found == [[0.0, 1.0], [1.0, 0.0]]
            assert [b.role for b in gd.draw(f)(**call).boxes][:2] == ["input", "input"]
        assert [t.gradient for t in gd.explain(f)(x=2, y=3).ticks] == [3.0, 2.0]

    def test_counts_and_indices_stay_whole_numbers(self):
        def newton(a, rounds):
            x = a
            for _ in range(rounds):
                x = 0.5 * (x + a / x)
            return x

        def loss(w, x, labels):
            z = x @ w
            p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
            return -np.mean(np.log(p[np.arange(len(labels)), labels]))

        w, x, labels = np.eye(3), np.ones((2, 3)), np.array([0, 2])
        for f, args in ((newton, (2.0, 3)), (loss, (w, x, labels))):
            explained = gd.explain(f)(*args)
            assert len(explained.inputs) == len(args) - 1
            wanted = gd.grad(f, tuple(range(len(args) - 1)))(*args)
            for tick, g in zip(explained.ticks, wanted, strict=True):
                assert np.allclose(tick.gradient, g)
                assert tick.agrees
            assert gd.diagnose(f, *args).error is None
        assert len(gd.explain(newton)(2.0, 3.0).inputs) == 2

    def test_inputs_of_a_dict_stand_as_they_were_written(self):
        explained = gd.explain(lambda p: p["w"] * p["b"])({"w": 2.0, "b": 3.0})
        names = [explained.vertices[i].name for i in explained.inputs]
        assert names == ["p['w']", "p['b']"]

    @pytest.mark.parametrize(
        ("value", "gradient"),
        [
            (np.float32(2.0), np.float32(4.0)),
            (np.array(2.0), np.array(4.0)),
            (np.ones((1, 1)), 2 * np.ones((1, 1))),
            (np.ones((0, 3)), np.ones((0, 3))),
            (np.arange(3.0), 2 * np.arange(3.0)),
        ],
        ids=["float32", "0-d", "one", "empty", "vector"],
    )
    def test_arrays(self, value, gradient):
        tick = gd.explain(lambda x: np.sum(x * x))(value).ticks[0]
        np.testing.assert_allclose(tick.gradient, gradient)
        assert np.asarray(tick.gradient).dtype == np.asarray(value).dtype
        assert tick.agrees

    def test_a_result_of_size_one(self):
        tick = gd.explain(lambda x: x * x)(np.array([3.0])).ticks[0]
        assert (tick.gradient, tick.difference.shape, tick.agrees) == (
            [6.0],
            (1,),
            True,
        )

    def test_complex_gradients_are_those_of_grad(self):
        def f(z):
            return np.real(z * z * (1 + 2j))

        explained = gd.explain(f)(1 + 1j)
        assert explained.ticks[0].gradient == gd.grad(f)(1 + 1j)
        assert explained.ticks[0].agrees is None
        assert "conjugated" in explained.notes[0]


class TestNodes:
    def test_names_of_leaves_and_no_source_lines(self):
        x, y = gd.node(2.0, name="x"), gd.node(3.0)
        explained = gd.explain(np.log(x) * y)
        assert [v.name for v in explained.vertices] == ["x", "x2", "v1", "v2"]
        assert all(v.location is None for v in explained.vertices)
        assert explained.source == {}
        assert [t.gradient for t in explained.ticks] == [1.5, math.log(2.0)]
        assert [t.agrees for t in explained.ticks] == [None, None]

    def test_the_nodes_are_left_as_they_were(self):
        x = gd.node(2.0)
        gd.explain(x * x)
        assert x.grad == 0.0

    def test_a_leaf(self):
        assert gd.explain(gd.node(2.0)).ticks[0].gradient == 1.0


class TestFailures:
    def test_what_ran_before_an_error_is_kept(self):
        def f(x):
            y = x * 2.0
            raise KeyError("lost")
            return y

        explained = gd.explain(f)(3.0)
        assert isinstance(explained.error, KeyError)
        assert [v.name for v in explained.vertices] == ["x", "y"]
        assert explained.steps == []
        assert explained.result is None

    def test_errors_of_the_library(self):
        explained = gd.explain(lambda x: np.linalg.lapack_lite(float(x)))(1.0)
        assert explained.error is not None

    @pytest.mark.parametrize(
        "stop", [KeyboardInterrupt, SystemExit], ids=lambda c: c.__name__
    )
    def test_a_stop_is_not_kept(self, stop):
        def f(x):
            raise stop

        with pytest.raises(stop):
            gd.explain(f)(1.0)

    @pytest.mark.parametrize(
        ("arguments", "received"),
        [
            ({"mode": "sideways"}, "sideways"),
            ({"order": 3}, "3"),
            ({"order": 0}, "0"),
        ],
    )
    def test_options(self, arguments, received):
        with pytest.raises(errors.ArgumentError, match=received):
            gd.explain(equation, **arguments)

    def test_what_cannot_be_explained(self):
        with pytest.raises(errors.ArgumentError, match=r"received float 3\.0"):
            gd.explain(3.0)
        with pytest.raises(errors.ArgumentError, match="order=2"):
            gd.explain(gd.node(2.0) * 2.0, order=2)

    def test_results_that_are_no_scalar(self):
        with pytest.raises(errors.NotScalarError, match=r"\(3,\): 2 2 2"):
            gd.explain(lambda x: x * 2.0)(np.ones(3))
        with pytest.raises(errors.NotScalarError, match="tuple"):
            gd.explain(lambda x: (x, x))(1.0)
        with pytest.raises(errors.NotScalarError, match="real scalar"):
            gd.explain(lambda x: x * 1j)(1.0)

    @pytest.mark.parametrize("result", [3.0, None, "text"])
    def test_results_that_do_not_depend(self, result):
        explained = gd.explain(lambda x: result)(1.0)
        assert explained.result is None
        assert explained.returned == result
        assert explained.ticks[0].gradient == 0.0

    def test_the_input_itself(self):
        assert gd.explain(lambda x: x)(1.0).ticks[0].gradient == 1.0


@pytest.mark.parametrize("kind", ["loop", "wide", "node"])
def test_ten_thousand_vertices(kind):
    def loop(x):
        for _ in range(3333):
            x = x + np.sin(x) * 0.1
        return x

    def wide(x):
        return sum([np.sin(x * i) for i in range(1, 3334)])

    x = gd.node(1.0)
    f, args = (wide, (1.0,)) if kind == "wide" else (loop, (1.0,))
    z = loop(x)
    explained = gd.explain(z) if kind == "node" else gd.explain(f)(*args)
    assert len(explained.vertices) == 10_000


class TestBranches:
    def test_each_comparison_is_turned_once(self):
        def f(x):
            if x > 2.0:
                return x * x
            return np.sin(x) if x > 0.0 else -x

        explained = gd.explain(f)(1.0)
        found = [b.vertices[-1].operation for b in explained.branches]
        assert found == ["multiply", "negative"]
        assert [b.ticks[0].gradient for b in explained.branches] == [2.0, -1.0]
        assert gd.explain(f, branches=False)(1.0).branches == []

    def test_comparisons_of_different_places_are_turned_together(self):
        def f(x, y):
            a = np.sin(x) if x > 0.0 else -x
            b = np.exp(y) if y > 0.0 else y * y
            return a * b if x < y else a + b

        explained = gd.explain(f)(1.0, 2.0)
        found = {
            tuple(v.operation for v in b.vertices if v.rule) for b in explained.branches
        }
        assert len(explained.branches) == len(found) == 7

        def g(x):
            if x > 2.0:
                return x * x
            if x > 1.0:
                return np.exp(x)
            return np.sin(x) if x > 0.0 else -x

        found = [b.vertices[-1].operation for b in gd.explain(g)(3.0).branches]
        assert found == ["exp", "sin", "negative"]

    def test_at_most_eight_and_none_that_fails_or_never_ends(self):
        def f(x):
            for i in range(30):
                x = x * 0.9 if x > 0.01 * i else x
            return x

        assert len(gd.explain(f)(1.0).branches) == 2

        def g(x, y):
            while abs(x - y) > 0.5:
                y = y + 1.0
            return x * y

        assert len(gd.explain(g)(3.0, 1.0).branches) == 1

        def h(x):
            if x < 0.0:
                raise ValueError
            return x * x

        assert gd.explain(h)(1.0).branches == []


def test_absent_arguments_are_none():
    def f(x, y=None, options=None):
        return x * x if y is None else x * y

    assert gd.explain(f)(3.0, None, {"a": None}).ticks[0].gradient == 6.0
    assert gd.explain(f, 3.0, y=None).ticks[0].gradient == 6.0
    assert not gd.diagnose(f, 3.0, None)
    assert "multiply" in gd.draw(f, 3.0, None).mermaid
