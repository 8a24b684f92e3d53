"""custom_operation of containers and functions, and what its forward saves."""

from __future__ import annotations

import collections
import dataclasses
import functools

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, EscapeError, ShapeError

A = np.array([0.5, 0.8])


# ------------------------------------------------------------------------- containers


@dataclasses.dataclass
class Model:
    x: object
    parts: object
    name: str = "model"


def weighted(p, k):
    return {"scaled": p.x * p.parts["y"] * k, "total": np.sum(p.x)}


def weighted_pullback(z_grad, z, p, k):
    g, y = z_grad["scaled"], p.parts["y"]
    x_grad = g * y * k + z_grad["total"] * np.ones(2)
    parts = {"y": np.sum(g * p.x) * k, "none": None}
    return Model(x_grad, parts, None), np.sum(g * p.x * y)


def weighted_pushforward(tangents, z, p, k):
    p_dot, k_dot = tangents
    moved = np.zeros(2)
    x_dot = np.zeros(2)
    if p_dot is not None:
        if p_dot.x is not None:
            x_dot = p_dot.x
            moved = moved + x_dot * p.parts["y"] * k
        if p_dot.parts["y"] is not None:
            moved = moved + p.x * p_dot.parts["y"] * k
    if k_dot is not None:
        moved = moved + p.x * p.parts["y"] * k_dot
    return {"scaled": moved, "total": np.sum(x_dot)}


@pytest.mark.parametrize("push", [None, weighted_pushforward])
def test_operands_in_containers(push):
    operation = gd.custom_operation(weighted, weighted_pullback, push)

    def f(x, y, k):
        z = operation(Model(x, {"y": y, "none": "word"}), k)
        return np.sum(z["scaled"] ** 2) * z["total"]

    def direct(x, y, k):
        return np.sum((x * y * k) ** 2) * np.sum(x)

    args = (A, 3.0, 2.0)
    assert f(*args) == pytest.approx(direct(*args))
    gd.check_gradients(f, args, order=2)
    places = (0, 1, 2)
    expected = gd.grad(direct, places)(*args)
    for found in (gd.grad(f, places)(*args), gd.compile(gd.grad(f, places))(*args)):
        for x, y in zip(found, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-12)
    mapped = gd.vmap(gd.grad(f), in_axes=(0, None, None))(
        np.stack([A, 2 * A]), 3.0, 2.0
    )
    np.testing.assert_allclose(mapped[1], gd.grad(direct)(2 * A, 3.0, 2.0), rtol=1e-12)


def test_a_list_of_one_shape_is_an_array_and_of_several_a_container():
    seen = []

    def forward(p):
        seen.append(type(p))
        return np.sum(p[0]) * np.sum(p[1])

    def pullback(z_grad, z, p):
        ones = [np.ones(np.shape(x)) for x in p]
        grads = [z_grad * np.sum(p[1]) * ones[0], z_grad * np.sum(p[0]) * ones[1]]
        return (grads if isinstance(p, list) else np.stack(grads),)

    operation = gd.custom_operation(forward, pullback)
    assert gd.grad(lambda x: operation([x, 3.0]))(2.0) == 3.0
    found = gd.grad(lambda x: operation([x, 3.0]))(A)
    np.testing.assert_array_equal(found, [3.0, 3.0])
    assert seen == [np.ndarray, list]


def test_named_tuples_of_nodes_are_containers():
    pair = collections.namedtuple("pair", "a b")
    operation = gd.custom_operation(
        lambda p: p.a * p.b, lambda z_grad, z, p: (pair(z_grad * p.b, z_grad * p.a),)
    )
    assert gd.grad(lambda a: operation(pair(a, 2.0 * a)))(3.0) == 12.0


def test_cotangents_of_another_structure_are_refused():
    operation = gd.custom_operation(
        lambda p: p["a"] * p["b"], lambda z_grad, z, p: ({"a": z_grad},)
    )
    with pytest.raises(ShapeError, match="has its structure"):
        gd.grad(lambda x: operation({"a": x, "b": 2.0}))(1.0)


# -------------------------------------------------------------------------- functions


def fixed_point(f, start):
    x = start
    for _ in range(60):
        x = f(x)
        assert isinstance(x, np.ndarray)
    return x


def fixed_point_pullback(z_grad, z, f, start):
    matrix = np.eye(2) - gd.jacobian(f)(z)
    return gd.closure_vjp(f, z)[1](np.linalg.solve(matrix.T, z_grad)), None


def fixed_point_pushforward(tangents, z, f, start):
    matrix = np.eye(2) - gd.jacobian(f)(z)
    return np.linalg.solve(matrix, tangents[0](z))


class Iteration:
    def __init__(self, matrix, shift):
        self.matrix, self.shift = matrix, shift

    def __call__(self, x):
        return np.tanh(self.matrix @ x) + self.shift


def by_closure(a):
    matrix = 0.3 * np.stack([a, 0.5 * a[::-1]])
    return lambda x: np.tanh(matrix @ x) + 0.1 * a[0]


def by_partial(a):
    def step(x, matrix, shift):
        return np.tanh(matrix @ x) + shift

    matrix = 0.3 * np.stack([a, 0.5 * a[::-1]])
    return functools.partial(step, matrix=matrix, shift=0.1 * a[0])


def by_object(a):
    return Iteration(0.3 * np.stack([a, 0.5 * a[::-1]]), 0.1 * a[0])


@pytest.mark.parametrize("push", [None, fixed_point_pushforward])
@pytest.mark.parametrize("step", [by_closure, by_partial, by_object])
def test_functions_that_close_over_nodes_are_operands(step, push):
    solve = gd.custom_operation(fixed_point, fixed_point_pullback, push, opaque=True)

    def f(a):
        return np.sum(solve(step(a), np.zeros(2)) ** 2)

    def unrolled(a):
        x, iteration = np.zeros(2), step(a)
        for _ in range(60):
            x = iteration(x)
        return np.sum(x**2)

    close = functools.partial(np.testing.assert_allclose, rtol=1e-10)
    close(gd.grad(f)(A), gd.grad(unrolled)(A))
    close(gd.hessian(f)(A), gd.hessian(unrolled)(A))
    close(gd.jvp(f, (A,), (A,))[1], gd.grad(unrolled)(A) @ A)
    fast = gd.compile(gd.grad(f))
    for a in (A, 1.2 * A):
        close(fast(a), gd.grad(unrolled)(a))
    close(gd.compile(gd.hessian(f))(A), gd.hessian(unrolled)(A))
    close(gd.vmap(gd.grad(f))(A[None])[0], gd.grad(unrolled)(A))


def test_cotangents_of_functions_add():
    def forward(f, x, y):
        return f(x) * f(y)

    def pullback(z_grad, z, f, x, y):
        at_x, at_y = gd.closure_vjp(f, x), gd.closure_vjp(f, y)
        return at_x[1](z_grad * at_y[0]) + at_y[1](z_grad * at_x[0]), None, None

    product = gd.custom_operation(forward, pullback)

    def f(a):
        return product(lambda x: a * x**2, 2.0, 3.0)

    assert gd.grad(f)(5.0) == 2 * 5.0 * 4.0 * 9.0
    assert gd.grad(gd.grad(f))(5.0) == 2 * 4.0 * 9.0


def test_a_function_without_nodes_is_passed_on():
    apply = gd.custom_operation(
        lambda f, x: f(x), lambda z_grad, z, f, x: (None, z_grad * gd.grad(f)(x))
    )
    assert gd.grad(lambda x: apply(np.sin, x))(0.0) == 1.0
    assert gd.closure_vjp(np.sin, 0.0)[0] == 0.0


def test_what_is_no_cotangent_of_a_function_is_refused():
    apply = gd.custom_operation(lambda f: f(2.0), lambda z_grad, z, f: (z_grad,))
    with pytest.raises(ShapeError, match="closure_vjp"):
        gd.grad(lambda a: apply(lambda x: a * x))(1.0)


# ---------------------------------------------------------------------- what is saved


def calls_counted():
    count = []

    def forward(x):
        count.append(1)
        rate = np.exp(x)
        return rate * x, rate

    def pullback(z_grad, z, x, saved=None):
        rate = np.exp(x) if saved is None else saved
        return (z_grad * (z + rate),)

    return gd.custom_operation(forward, pullback, saves=True), count


def test_arrays_are_handed_from_forward_to_pullback():
    operation, _ = calls_counted()

    def f(x):
        return np.sum(operation(x) ** 2)

    def direct(x):
        return np.sum((np.exp(x) * x) ** 2)

    np.testing.assert_allclose(gd.grad(f)(A), gd.grad(direct)(A), rtol=1e-12)
    np.testing.assert_allclose(gd.hessian(f)(A), gd.hessian(direct)(A), rtol=1e-12)
    gd.check_gradients(f, (A,), order=2)
    fast = gd.compile(gd.grad(f))
    for x in (A, 2 * A):
        np.testing.assert_allclose(fast(x), gd.grad(direct)(x), rtol=1e-12)
    mapped = gd.vmap(gd.grad(lambda x: operation(x) ** 2))(A)
    np.testing.assert_allclose(mapped, gd.grad(direct)(A), rtol=1e-12)


def test_objects_are_handed_on_too():
    sparse = pytest.importorskip("scipy.sparse")
    linalg = pytest.importorskip("scipy.sparse.linalg")
    made = []

    def forward(matrix, b):
        matrix, b = np.asarray(matrix, float), np.asarray(b, float)
        made.append(linalg.splu(sparse.csc_array(matrix)))
        return made[-1].solve(b), made[-1]

    def pullback(z_grad, z, matrix, b, saved=None):
        if saved is None:
            adjoint = np.linalg.solve(matrix.T, z_grad)
        else:
            assert any(saved is x for x in made)
            adjoint = saved.solve(np.array(z_grad), "T")
        return -np.outer(adjoint, z), adjoint

    solve = gd.custom_operation(forward, pullback, saves=True, opaque=True)
    matrix = np.array([[2.0, 1.0], [0.5, 3.0]])

    def f(m, b):
        return np.sum(solve(m, b) ** 2)

    gd.check_gradients(f, (matrix, A), order=2)
    fast = gd.compile(gd.grad(f))
    for scale in (1.0, 2.0):  # the factors are those of a call, and not compiled
        expected = gd.grad(f)(scale * matrix, A)
        np.testing.assert_allclose(fast(scale * matrix, A), expected, rtol=1e-12)


def test_a_forward_that_saves_returns_a_pair():
    operation = gd.custom_operation(
        lambda x: x, lambda z_grad, z, x, saved: (z_grad,), saves=True
    )
    with pytest.raises(ShapeError, match="returns a pair"):
        operation(gd.node(1.0))


def test_several_results_and_what_is_saved():
    def forward(x):
        s, c = np.sin(x), np.cos(x)
        return {"sin": s, "cos": c}, {"s": s, "c": [c]}

    def pullback(z_grad, z, x, saved=None):
        if saved is None:
            saved = {"s": np.sin(x), "c": [np.cos(x)]}
        return (z_grad["sin"] * saved["c"][0] - z_grad["cos"] * saved["s"],)

    circle = gd.custom_operation(forward, pullback, saves=True)

    def f(x):
        z = circle(x)
        return z["sin"] * z["cos"]

    assert set(circle(0.3)) == {"sin", "cos"}
    gd.check_gradients(f, (0.3,), order=2)
    assert gd.compile(gd.grad(f))(0.3) == pytest.approx(np.cos(0.6), rel=1e-12)


# ------------------------------------------------------------------------------ opaque


@pytest.mark.parametrize("opaque", [False, True])
def test_an_opaque_forward_is_called_in_each_call(opaque):
    seen = []

    def forward(x):
        seen.append(type(x))
        return 2.0 * x if x > 0 else 3.0 * x

    def pullback(z_grad, z, x):
        return (z_grad * np.where(x > 0, 2.0, 3.0),)

    operation = gd.custom_operation(forward, pullback, opaque=opaque)
    fast = gd.compile(gd.grad(operation))
    assert [fast(1.0), fast(2.0), fast(-1.0)] == [2.0, 2.0, 3.0]
    assert (set(seen) == {float}) == opaque
    assert (fast.stats()["retraces"] == 0) == opaque


def test_nodes_that_are_no_operands_are_refused():
    outside = gd.node(2.0)
    operation = gd.custom_operation(lambda x: x * outside, lambda g, z, x: (g,))
    with pytest.raises(EscapeError, match="used a node from outside"):
        operation(1.0)
    plain = gd.custom_operation(lambda x, k=1.0: x * k, lambda g, z, x, k=1.0: (g * k,))
    with pytest.raises(ArgumentError, match="as a keyword argument"):
        plain(1.0, k=outside)
