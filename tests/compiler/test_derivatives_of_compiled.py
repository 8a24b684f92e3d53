"""A compiled function called on nodes is one operation, of any order, in both modes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import StaleValueError
from chainrule.values.containers import flatten
from tests.compiler.comparing import assert_same

X = np.array([0.5, -1.0, 2.0])
A = np.array([[2.0, 0.5, 0.0], [0.1, 1.0, 0.3], [0.0, -0.4, 1.5]])


def scalar(x):
    return np.sum(np.sin(x) * x**2) + np.max(x)


def branching(x):
    return np.sum(x**3) if np.sum(x) > 0 else np.sum(np.exp(x))


def vector(x):
    return np.tanh(A @ x) * x[::-1]


def looped(x):
    return gd.scan(lambda c, v: (np.sin(c + v), c * v), 0.1, x)[0]


def mapped(x):
    return np.sum(gd.vmap(lambda v, a: np.sin(v) * np.sum(a))(x, A) ** 2)


SCALARS = [scalar, branching, looped, mapped, lambda x: np.sum(vector(x) ** 2)]
TRANSFORMS = {
    "grad": gd.grad,
    "value_and_grad": gd.value_and_grad,
    "hessian": gd.hessian,
    "forward hessian": lambda f: gd.jacobian(gd.grad(f), mode="forward"),
    "jacobian of jacobian": lambda f: gd.jacobian(
        gd.jacobian(f, mode="forward"), mode="reverse"
    ),
    "jvp": lambda f: lambda x: gd.jvp(f, (x,), (np.arange(3.0),)),
    "vjp": lambda f: lambda x: gd.vjp(f, x)[1](2.0),
    "hvp": lambda f: lambda x: gd.hvp(f, x, np.arange(3.0)),
    "linearize": lambda f: lambda x: gd.linearize(f, x)[1](np.arange(3.0)),
    "third": lambda f: gd.jacobian(gd.hessian(f)),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize("f", SCALARS, ids=range(len(SCALARS)))
def test_transforms_of_a_compiled_function(f, transform):
    fast = gd.compile(f)
    of_fast, of_both = transform(fast), gd.compile(transform(fast))
    expected = transform(f)
    for x in (X, -X, X + 0.25):
        assert_same(of_fast(x), expected(x), 1e-11)
        assert_same(of_both(x), expected(x), 1e-11)


def test_nested_to_third_order():
    fast = gd.compile(lambda x: np.sin(x) * x)
    expected = lambda x: np.sin(x) * x  # noqa: E731
    for _ in range(3):
        fast, expected = gd.compile(gd.grad(gd.compile(fast))), gd.grad(expected)
        for x in (0.5, 2.0):
            assert fast(x) == pytest.approx(expected(x), rel=1e-12)


def test_jacobians_of_several_results_in_both_modes():
    fast = gd.compile(vector)
    for mode in ("forward", "reverse"):
        assert_same(gd.jacobian(fast, mode=mode)(X), gd.jacobian(vector)(X))


@dataclass
class Pair:
    left: object
    right: object


def contained(p, *, scale=1.0):
    total = p.left["w"] @ p.right[0] * scale
    return {"sum": np.sum(total), "all": [total, p.right[1] * 2.0], "n": 3, "s": "text"}


def test_containers_keywords_and_results_that_are_no_numbers():
    p = Pair({"w": A}, (X, 1.5))
    fast = gd.compile(contained)

    def total(f):
        def run(p, scale):
            found = f(p, scale=scale)
            assert (found["n"], found["s"]) == (3, "text")
            return found["sum"] * found["all"][1] + np.sum(found["all"][0] ** 2)

        return run

    expected = gd.grad(total(contained), argnums=(0, 1))(p, 2.0)
    for _ in range(2):
        found = gd.grad(total(fast), argnums=(0, 1))(p, 2.0)
        assert_same(flatten(found)[0], flatten(expected)[0])


def test_backward_through_compiled_functions():
    fast, other = gd.compile(scalar), gd.compile(lambda x, s: (x * s, np.sum(x) / s))
    x, s = gd.node(X), gd.node(2.0)
    y, total = other(x, s)
    (fast(y) * total + np.sum(y)).backward()

    u, t = gd.node(X), gd.node(2.0)
    v, sum_ = u * t, np.sum(u) / t
    (scalar(v) * sum_ + np.sum(v)).backward()
    assert_same(x.grad, u.grad)
    assert_same(s.grad, t.grad)


def test_a_compiled_operation_is_one_step_of_the_graph():
    x = gd.node(X)
    z = gd.compile(scalar)(x)
    vertices = []
    gd.generate_graph(z, vertices, {})
    assert len(vertices) <= 3


def test_branches_of_nodes_are_those_of_their_values():
    fast = gd.compile(branching)
    for x in (X, -X, X, -X):
        assert_same(gd.grad(fast)(x), gd.grad(branching)(x))
    assert fast.stats()["retraces"] == 1


def test_constants_beside_nodes_may_change():
    fast = gd.compile(lambda x, w, how: np.sum(w * (x if how == "id" else np.sin(x))))
    for w in (A[0].copy(), A[1].copy()):
        for how in ("id", "sin"):
            found = gd.grad(fast)(X, w, how)
            assert_same(found, w if how == "id" else w * np.cos(X))
    w = np.ones(3)
    z = fast(x := gd.node(X), w, "id")
    w[:] = 9.0
    z.backward()
    assert_same(x.grad, np.ones(3))


def test_whole_number_arguments_of_a_differentiated_function():
    fast = gd.compile(lambda x, n: np.sum(x[:n] ** n))
    expected = gd.grad(lambda x, n: np.sum(x[:n] ** n))
    for n in (2, 3, 1, 2):
        assert_same(gd.grad(fast)(X, n), expected(X, n))


def test_an_array_of_nodes_as_argument():
    fast = gd.compile(lambda v: np.sum(v * v * v))
    a, b = gd.node(2.0), gd.node(3.0)
    fast(np.array([a, b])).backward()
    assert (a.grad, b.grad) == (12.0, 27.0)


def listed(x):
    return np.array([x[0] * x[1], 2.0, np.sin(x[2])])


@pytest.mark.parametrize(
    "g",
    [
        gd.jacobian,
        lambda f: gd.jacobian(f, mode="forward"),
        lambda f: gd.grad(lambda x: np.sum(f(x) ** 2)),
        lambda f: gd.hessian(lambda x: np.sum(f(x) ** 2)),
        lambda f: gd.grad(lambda x: np.sum(gd.vmap(f)(np.outer(x, x)) ** 2)),
        lambda f: gd.grad(lambda x: np.sum(gd.cond(x[0] > 0, f, np.sin, x) ** 2)),
        lambda f: gd.grad(
            lambda x: np.sum(gd.scan(lambda c, v: (f(c) * v, f(c)), x, x)[1])
        ),
        lambda f: (
            lambda x: gd.jvp(
                lambda x: gd.while_loop(
                    lambda c: np.sum(c**2) < 50.0, lambda c: f(c) * 3, x
                ),
                (x,),
                (x,),
            )[1]
        ),
        lambda f: gd.grad(
            lambda x: np.sum(
                gd.while_loop(lambda c: np.sum(c**2) < 50.0, lambda c: f(c) * 3, x)
            )
        ),
    ],
    ids=range(9),
)
def test_an_array_made_of_elements_keeps_its_derivative(g):
    expected = g(listed)(X)
    assert_same(gd.compile(g(listed))(X), expected)
    assert_same(g(gd.compile(listed))(X), expected)
    assert_same(gd.compile(g(gd.compile(listed)))(X), expected)


def test_unused_and_integer_operands_get_zeros():
    fast = gd.compile(lambda x, y: (x * 2.0, np.argmax(x)))
    found = gd.grad(lambda x, y: np.sum(fast(x, y)[0]), argnums=(0, 1))(X, 3.0)
    assert_same(found, (np.full(3, 2.0), 0.0))


def test_single_precision_and_complex():
    x = X.astype(np.float32)
    assert_same(gd.grad(gd.compile(scalar))(x), gd.grad(scalar)(x), 1e-5)

    def f(z):
        return np.sum(np.abs(np.exp(z) * z) ** 2) + np.real(z[0] * np.conj(z[1]))

    z = X + 1j * X[::-1]
    fast = gd.compile(f)
    for point in (z, z * 1j):
        assert_same(gd.grad(fast)(point), gd.grad(f)(point))
        assert_same(gd.compile(gd.grad(f))(point), gd.grad(f)(point))
        expected = gd.jvp(f, (point,), (z + 1,))
        assert_same(gd.jvp(fast, (point,), (z + 1,)), expected)
        assert_same(gd.compile(gd.hvp)(f, point, z + 1), gd.hvp(f, point, z + 1))


def test_elementwise_grad_check_gradients_and_checkpoint():
    fast = gd.compile(lambda x: np.sin(x) * x)
    eager = gd.elementwise_grad(lambda x: np.sin(x) * x)
    assert_same(gd.elementwise_grad(fast)(X), eager(X))
    assert_same(gd.compile(gd.elementwise_grad(fast))(X), eager(X))
    gd.check_gradients(gd.compile(scalar), (X,))
    saved = gd.checkpoint(scalar)
    assert_same(gd.compile(gd.grad(saved))(X), gd.grad(scalar)(X))
    assert_same(gd.grad(gd.checkpoint(gd.compile(scalar)))(X), gd.grad(scalar)(X))


def test_custom_operations_are_compiled():
    square = gd.custom_operation(
        lambda x: x * x, lambda z_grad, z, x: (z_grad * 2 * x,), name="square"
    )

    def f(x):
        return np.sum(square(np.sin(x)))

    for x in (X, 2 * X):
        assert_same(gd.compile(f)(x), f(x))
        assert_same(gd.compile(gd.grad(f))(x), gd.grad(f)(x))


def test_stopped_values_stay_stopped():
    def f(x):
        return np.sum(gd.stop_gradient(np.sin(x)) * x + gd.value(x))

    for x in (X, -X):
        assert_same(gd.compile(gd.grad(f))(x), gd.grad(f)(x))
        assert_same(gd.grad(gd.compile(f))(x), gd.grad(f)(x))


def test_an_explanation_shows_what_is_inside_a_compiled_function():
    def cube(x):
        return x**3

    fast = gd.compile(cube)
    text = str(gd.explain(lambda x: fast(x) + x)(2.0))
    assert "power(x, 3)" in text


squared = gd.custom_operation(
    lambda x, k: k * 1.0,  # a known solution: the value does not read x
    lambda g, z, x, k: (g * 3.0 * x, 0.0 * g),
    lambda dots, z, x, k: 3.0 * x * dots[0],
)

UNREAD = {
    "scan": lambda x: gd.scan(lambda c, t: (c + squared(t, 2.0), c), 0.0, x)[0],
    "scan of pairs": lambda x: gd.scan(
        lambda c, t: (c + squared(t[0], t[1]), t[1]), 0.0, (x, np.ones(3))
    )[0],
    "scan in a scan": lambda x: gd.scan(
        lambda c, t: (gd.scan(lambda d, u: (d + squared(u, t), d), c, x)[0], c),
        0.0,
        np.ones(2),
    )[0],
    "while": lambda x: gd.while_loop(
        lambda c: c[1] < 3, lambda c: (c[0] + squared(x[c[1]], 2.0), c[1] + 1), (0.0, 0)
    )[0],
    "cond": lambda x: gd.cond(x[0] > 0, lambda x: squared(x[1], 2.0), np.sum, x),
    "vmap": lambda x: np.sum(gd.vmap(lambda x: squared(x, 2.0))(x)),
    "checkpoint": gd.checkpoint(lambda x: np.sum(squared(x, np.ones(3)))),
    "compiled": gd.compile(lambda x: squared(x[0], 2.0)),
}


@pytest.mark.parametrize("f", UNREAD.values(), ids=UNREAD)
def test_a_derivative_in_what_the_value_does_not_read_is_not_lost(f):
    x = np.array([1.0, 4.0, 9.0])
    expected = gd.grad(f)(x)
    assert np.any(expected)
    tangent = gd.jvp(f, (x,), (np.ones(3),))[1]
    np.testing.assert_allclose(tangent, np.sum(expected))
    for g in (gd.compile(gd.grad(f)), gd.grad(gd.compile(f))):
        np.testing.assert_allclose(g(x), expected)
    fast = gd.compile(lambda x: gd.jvp(f, (x,), (np.ones(3),))[1])
    np.testing.assert_allclose(fast(x), tangent)
    hessian = gd.hessian(f)(x)
    np.testing.assert_allclose(gd.compile(gd.hessian(f))(x), hessian)


DERIVATIVES = {
    "backward": lambda f, x: gd.value_and_grad(f)(x),
    "forward": lambda f, x: gd.jvp(f, (x,), (np.ones(3),)),
    "second": lambda f, x: gd.hessian(f)(x),
    "of examples": lambda f, x: gd.grad(lambda x: gd.vmap(f)(x[None])[0])(x),
}


@pytest.mark.parametrize("derivative", DERIVATIVES.values(), ids=DERIVATIVES)
def test_what_has_changed_outside_since_the_program_was_traced(derivative):
    scale = np.ones(3)
    fast = gd.compile(lambda x: np.sum(scale * x**2))
    assert fast(np.ones(3)) == 3.0
    scale[:] = 2.0
    with pytest.raises(StaleValueError, match=r"\(by 3\).*pass that as an argument"):
        derivative(fast, np.ones(3))
    scale[:] = 1.0
    known = derivative(fast, np.ones(3))
    scale[:] = 2.0
    np.testing.assert_equal(derivative(fast, np.ones(3)), known)


def test_random_numbers_are_not_drawn_again_for_the_derivative():
    rng = np.random.default_rng(0)
    fast = gd.compile(lambda x: np.sum((x + rng.normal(size=3)) ** 2))
    with pytest.raises(StaleValueError, match="draws random numbers"):
        gd.value_and_grad(fast)(np.ones(3))


@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_results_that_cancel_are_not_taken_for_others(executor):
    def residual(x):
        return np.sum(x) - np.sum(x[::-1]) + np.sum(np.log(np.exp(x)) - x)

    fast = gd.compile(residual, executor=executor)
    x = np.linspace(0.1, 12.7, 101)
    np.testing.assert_allclose(gd.grad(fast)(x), np.zeros(101), atol=1e-12)
    single = x.astype(np.float32)
    np.testing.assert_allclose(gd.grad(fast)(single), np.zeros(101), atol=1e-5)
