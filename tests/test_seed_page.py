"""The page this library was asked for with, sentence by sentence."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as gd
from chainrule import generate_graph, node, operations_grad, topological_sort
from chainrule.sweeps.order import collect
from tests.helpers import assert_close


def seed_backward(result):
    """The loop of the seed page, as it stands there."""
    vertices = []
    edges = {}
    generate_graph(result, vertices, edges)
    sorted_vertices = topological_sort(vertices, edges)
    sorted_vertices[0].grad = 1.0
    for vertex in sorted_vertices:
        if vertex.grad_ops is not None:
            vertex.grad_ops.backward(vertex.grad)


class seed_multiplication:
    """A gradient class exactly in the seed's form: z = x * y."""

    def __init__(self, x, y):
        self.x = x
        self.y = y
        self.vertices = [x, y]

    def backward(self, z_grad):
        self.x.grad += self.y.value * z_grad
        self.y.grad += self.x.value * z_grad


class seed_sin:
    """z = sin(y)"""

    def __init__(self, y):
        self.y = y
        self.vertices = [y]

    def backward(self, z_grad):
        self.y.grad += z_grad * np.cos(self.y.value)


def by_hand_multiply(x, y):
    return node(x.value * y.value, grad_ops=seed_multiplication(x, y))


def by_hand_sin(x):
    return node(np.sin(x.value), grad_ops=seed_sin(x))


def equation_2(x, y):
    return np.log(x) + x * y - np.sin(y)


# ------------------------------------------------------------------------ the elements


def test_demo():
    x = gd.node(2.0)
    y = gd.node(3.0)
    f = equation_2(x, y)
    f.backward()
    assert f.value == math.log(2.0) + 6.0 - math.sin(3.0)
    assert x.grad == 1 / 2.0 + 3.0
    assert y.grad == 2.0 - math.cos(3.0)


def test_node_starts_as_the_seed_says():
    x = node(3)
    assert type(x.value) is float
    assert x.value == 3.0
    assert type(x.grad) is float
    assert x.grad == 0.0
    assert x.grad_ops is None
    assert x.operation is None
    assert x.operands == ()
    assert dict(x.parameters) == {}


def test_node_takes_grad_ops_by_position_and_keyword():
    x, y = node(2.0), node(5.0)
    for z in (
        node(10.0, seed_multiplication(x, y)),
        node(10.0, grad_ops=seed_multiplication(x, y)),
    ):
        assert type(z.grad_ops) is seed_multiplication
        assert z.grad_ops.vertices == [x, y]
        x.grad = y.grad = 0.0
        z.backward()
        assert (x.grad, y.grad) == (5.0, 2.0)


def test_results_are_inspectable():
    x, y = node(2.0), node(3.0)
    z = x * y
    assert z.operation == "multiply"
    assert z.operands == (x, y)
    assert isinstance(z.grad_ops, operations_grad.multiplication_grad)
    assert z.grad_ops.vertices == [x, y]
    assert z.grad_ops.x is x
    assert z.grad_ops.y is y
    assert x.serial < y.serial < z.serial
    s = np.sum(node([[1.0, 2.0]]), axis=1, keepdims=True)
    assert s.operation == "sum"
    assert dict(s.parameters) == {"axis": 1, "keepdims": True}
    assert (2.0 * y).operands == (2.0, y)
    assert (2.0 * y).grad_ops.vertices == [y]


@pytest.mark.parametrize(
    "name",
    ["addition", "subtraction", "multiplication", "division", "power", "exp", "log",
     "sin", "cos"],
)  # fmt: skip
def test_gradient_classes_have_the_seeds_names(name):
    made = getattr(operations_grad, f"{name}_grad")
    operands = [node(2.0), node(3.0)][: len(made.operand_names)]
    bound = made(*operands)
    assert bound.vertices == operands
    bound.backward(1.5)
    z = node(bound.z, grad_ops=made(*operands))
    handed = [x.grad for x in operands]
    for x in operands:
        x.grad = 0.0
    z.backward(1.5)
    assert handed == [x.grad for x in operands]
    assert all(g != 0.0 for g in handed)
    assert repr(bound).startswith(f"{name}_grad(2.0")


def test_hash_is_by_identity_and_equality_by_value():
    x, y = node(2.0), node(2.0)
    assert x == y
    assert len({x, y}) == 2
    assert {x: "x"}[x] == "x"
    assert hash(x) != hash(y)
    assert (x != 3.0) is np.True_
    assert x != "two"
    assert x is not None
    assert (x == None) is False  # noqa: E711


def test_repr_shows_value_and_operation():
    x = node(2.0)
    assert repr(x) == "node(2.0)"
    assert repr(x * 3) == "node(6.0, multiply)"
    assert repr(np.sin(node(0.0))) == "node(0.0, sin)"
    assert repr(node([1.0, 2.0])) == "node([1., 2.])"
    assert repr(by_hand_sin(node(0.0))).startswith("node(0., ")
    assert len(repr(node(np.zeros(10**5)))) < 200
    assert f"{x:.3f}" == "2.000"
    assert f"{x}" == "node(2.0)"


# ------------------------------------------------------------------------ the sweep


def test_backward_twice():
    x = node(2.0)
    z = x**4
    z.backward()
    assert x.grad == 32.0
    z.backward()
    assert x.grad == 64.0
    assert z.grad == 1.0
    square = x * x
    z = square * square
    x.grad = 0.0
    z.backward()
    z.backward()
    assert (x.grad, square.grad) == (64.0, 8.0)


def test_multiply_referenced_values():
    x = node(3.0)
    y = x * x
    z = y * x + y
    z.backward()
    assert x.grad == 3 * 9.0 + 2 * 3.0
    assert y.grad == 4.0


@given(st.data())
def test_the_two_orders_agree(data):
    result = random_expression(data)
    vertices, edges = [], {}
    generate_graph(result, vertices, edges)
    assert len(set(vertices)) == len(vertices) == len(edges)
    order = topological_sort(vertices, edges)
    assert order == collect([result]).order
    place = {v: i for i, v in enumerate(order)}
    assert order[0] is result
    for child, parents in edges.items():
        assert all(place[child] < place[p] for p in parents)


@given(st.data())
def test_the_seeds_loop_gives_the_same_numbers(data):
    result = random_expression(data)
    order = collect([result]).order
    result.backward()
    swept = {v: v.grad for v in order}
    for v in order:
        v.grad = 0.0
    seed_backward(result)
    for v in order:
        np.testing.assert_allclose(v.grad, swept[v], rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.linalg.slogdet(a)[1] * np.linalg.slogdet(a + 1.0)[0],
        lambda a: np.sum(np.linalg.eigh(a + a.T)[0] ** 3),
        lambda a: np.sum(np.split(a, 2)[1] * a[0]),
        lambda a: np.sum(np.log(a, where=np.array([True, False]))),
        lambda a: np.sum(np.where(a > 1.0, a @ a, 2.0)),
    ],
)
def test_the_seeds_loop_on_arrays(f):
    a = node([[2.0, 1.0], [0.5, 3.0]])
    z = f(a)
    z.backward()
    swept = a.grad
    for vertex in collect([z]).order:
        vertex.grad = 0.0
    seed_backward(z)
    np.testing.assert_allclose(a.grad, swept, rtol=1e-12)


UNARY = [np.sin, np.cos, np.exp, lambda x: -x, lambda x: 0.5 * x, lambda x: x - 1.0,
         by_hand_sin, lambda x: x * x, lambda x: 1.0 / (x * x + 2.0)]  # fmt: skip
PAIRS = [
    lambda x, y: x + y,
    lambda x, y: x * y,
    lambda x, y: x - y,
    lambda x, y: x / (y * y + 1.0),
    by_hand_multiply,
]


def random_expression(data):
    """Return the last node of a random graph with shared values and dead branches."""
    value = st.floats(-2.0, 2.0)
    made = [node(v) for v in data.draw(st.lists(value, min_size=1, max_size=3))]
    for _ in range(data.draw(st.integers(1, 12))):
        pick = st.sampled_from(made)
        if data.draw(st.booleans()):
            made.append(bounded(data.draw(st.sampled_from(PAIRS))(
                data.draw(pick), data.draw(pick))))  # fmt: skip
        else:
            made.append(bounded(data.draw(st.sampled_from(UNARY))(data.draw(pick))))
    return made[-1]


def bounded(x):
    return x if abs(x.value) < 4.0 else x * (1.0 / 1024.0)


def test_topological_sort_on_plain_vertices():
    edges = {"f": ["a", "b"], "a": ["x"], "b": ["a", "x"], "x": []}
    assert topological_sort(list(edges), edges) == ["f", "b", "a", "x"]
    assert topological_sort(["x"], {}) == ["x"]
    assert topological_sort([], {}) == []


# ------------------------------------------------------- gradient classes by hand


def test_hand_written_classes_mix_with_ours():
    x, y = node(0.7), node(1.3)
    ours = np.sin(x * y) * x + np.exp(y)
    ours.backward()
    expected = x.grad, y.grad
    x.grad = y.grad = 0.0
    mixed = by_hand_multiply(by_hand_sin(x * y), x) + np.exp(y)
    assert type(mixed.operands[0].grad_ops) is seed_multiplication
    mixed.backward()
    assert_close([x.grad, y.grad], expected, 1e-14)
    mixed.backward()
    assert_close([x.grad, y.grad], [2 * g for g in expected], 1e-14)


def test_hand_written_class_on_arrays_and_repeated_vertices():
    v = node([1.0, 2.0, 3.0])
    z = np.sum(by_hand_multiply(v, v) * np.array([1.0, 10.0, 100.0]))
    z.backward()
    np.testing.assert_array_equal(v.grad, [2.0, 40.0, 600.0])
    for vertex in collect([z]).order:
        vertex.grad = 0.0
    seed_backward(z)
    np.testing.assert_array_equal(v.grad, [2.0, 40.0, 600.0])


def test_a_sweep_leaves_the_grads_of_interior_vertices_alone():
    x = node(3.0)
    y = x * 2.0
    y.grad = 123.0
    z = by_hand_multiply(y, y)
    z.backward()
    assert x.grad == 24.0
    assert y.grad == 12.0


def test_grad_ops_can_be_assigned_and_removed():
    x = node(2.0)
    z = node(4.0)
    z.grad_ops = seed_multiplication(x, x)
    z.backward()
    assert x.grad == 4.0
    z.grad_ops = None
    assert z.grad_ops is None
    assert z.operands == ()
    x.grad = z.grad = 0.0
    z.backward()
    assert (x.grad, z.grad) == (0.0, 1.0)
