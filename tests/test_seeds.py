"""What transforms sweep from: results that have a derivative, seeds that fit them."""

import inspect
import itertools
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, ShapeError

X = np.array([1.0, 2.0, 3.0])
POINTS = np.array([1.0 + 2.0j, 3.0, -0.5j])


def leaves(tree):
    """Return the arrays in nested containers."""
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, tuple | list):
        return list(itertools.chain.from_iterable(map(leaves, tree)))
    return [tree] if isinstance(tree, np.ndarray) else []


# ------------------------------------------------- results that are no derivative's

DISCRETE = {
    "allclose": lambda x: np.allclose(x, x),
    "argmax": np.argmax,
    "comparison": lambda x: x > 1,
    "count": len,
    "in a container": lambda x: {"n": np.argmax(x)},
    "a sum of truths": lambda x: np.sum(x > 1),
}
TRANSFORMS = {
    "grad": lambda f: gd.grad(f)(X),
    "value_and_grad": lambda f: gd.value_and_grad(f)(X),
    "jacobian": lambda f: gd.jacobian(f)(X),
    "hessian": lambda f: gd.hessian(f)(X),
    "elementwise_grad": lambda f: gd.elementwise_grad(f)(X),
    "vjp": lambda f: gd.vjp(f, X),
    "jvp": lambda f: gd.jvp(f, (X,), (X,)),
    "linearize": lambda f: gd.linearize(f, X),
    "hvp": lambda f: gd.hvp(f, X, X),
    "compiled": lambda f: gd.compile(gd.jacobian(f))(X),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("f", DISCRETE)
def test_whole_numbers_and_truth_values_are_not_differentiable(transform, f):
    message = "not differentiable|returns one real scalar"
    with pytest.raises((ArgumentError, ValueError), match=message):
        TRANSFORMS[transform](DISCRETE[f])


def test_a_constant_float_has_the_gradient_zero():
    assert gd.grad(lambda x: 3.0)(2.0) == 0.0


class TestPartsThatAreNotDifferentiated:
    def f(self, x):
        return {"y": x**2, "n": 3, "big": x > 1}

    def test_their_tangent_is_none(self):
        value, dot = gd.jvp(self.f, (2.0,), (1.0,))
        assert (value, dot) == (
            {"y": 4.0, "n": 3, "big": True},
            {"y": 4.0, "n": None, "big": None},
        )
        assert gd.linearize(self.f, 2.0)[1](1.0) == dot
        for mode in ("forward", "reverse"):
            assert gd.jacobian(self.f, mode=mode)(2.0) == {**dot, "y": 4.0}

    def test_text_beside_numbers(self):
        assert gd.jvp(lambda x: (x, "a"), (2.0,), (1.0,)) == ((2.0, "a"), (1.0, None))
        assert gd.vjp(lambda x: (x, "a"), 2.0)[1]((1.0, None)) == (1.0,)
        with pytest.raises(ArgumentError, match="returned str 'a'"):
            gd.jacobian(lambda x: (x, "a"))(2.0)

    @pytest.mark.parametrize("seed", [None, 0, 0.0, False])
    def test_their_cotangent_may_be_none_or_zero(self, seed):
        _, pullback = gd.vjp(self.f, 2.0)
        assert pullback({"y": 1.0, "n": seed, "big": None}) == (4.0,)

    def test_another_cotangent_is_refused(self):
        _, pullback = gd.vjp(self.f, 2.0)
        with pytest.raises(ArgumentError, match="Give None there"):
            pullback({"y": 1.0, "n": 1.0, "big": None})

    def test_a_float_s_cotangent_is_needed(self):
        _, pullback = gd.vjp(self.f, 2.0)
        with pytest.raises(ShapeError, match="structure of the result"):
            pullback({"y": None, "n": 0, "big": None})

    def test_tangents_of_arguments(self):
        arguments = ({"w": 1.5, "n": 3},)

        def f(p):
            return p["w"] ** 2 * p["n"]

        for tangent in ({"w": 1.0, "n": None}, {"w": 1.0, "n": 0}):
            assert gd.jvp(f, arguments, (tangent,)) == (6.75, 9.0)
        with pytest.raises(ArgumentError, match="make that part a float"):
            gd.jvp(f, arguments, ({"w": 1.0, "n": 1.0},))
        with pytest.raises(ShapeError, match="structure of the primal"):
            gd.jvp(f, arguments, ({"w": None, "n": 1},))


# -------------------------------------------------------- whole numbers in containers


@dataclass
class Line:
    slope: object
    offset: object


def square(p):
    return sum(np.sum(v**2) for v in (p.values() if isinstance(p, dict) else p))


class TestWholeNumbersInContainers:
    @pytest.mark.parametrize("start", [[1, 2], (1, 2), [np.int32(1), np.int64(2)]])
    def test_are_differentiated_where_there_are_no_others(self, start):
        expected = type(start)([2.0, 4.0])
        assert gd.grad(square)(start) == expected
        assert gd.value_and_grad(square)(start)[1] == expected
        assert gd.compile(gd.grad(square))(start) == expected
        assert gd.vjp(square, start)[1](1.0) == (expected,)
        assert gd.jvp(square, (start,), (type(start)([1, 0]),)) == (5.0, 2.0)
        assert gd.hvp(square, (start,), (type(start)([1, 0]),))[0][0] == 2.0
        assert gd.jacobian(square)(start) == expected

    def test_arrays_and_nested_containers(self):
        found = gd.grad(lambda p: square(p["a"]) + p["b"][0])(
            {"a": {"w": np.array([1, 2])}, "b": [3]}
        )
        np.testing.assert_array_equal(found["a"]["w"], [2.0, 4.0])
        assert found["b"] == [1.0]

    def test_dataclasses(self):
        found = gd.grad(lambda p: p.slope * p.offset)(Line(2, 3))
        assert (found.slope, found.offset) == (3.0, 2.0)

    def test_stay_whole_beside_floats(self):
        f = gd.grad(lambda p: sum(p["x"] for _ in range(p["n"])))
        assert f({"x": 1.0, "n": 4}) == {"x": 4.0, "n": None}
        found = gd.grad(lambda p: np.sum(p[0][p[1]]))([X, np.array([0, 0, 1])])
        np.testing.assert_array_equal(found[0], [2.0, 1.0, 0.0])
        assert found[1] is None

    def test_truth_values_and_text_stay_and_do_not_count(self):
        def f(p):
            assert p["name"] == "a"
            return p["w"] ** 2 if p["on"] is True else p["w"]

        found = gd.grad(f)({"w": 2, "on": True, "name": "a"})
        assert found == {"w": 4.0, "on": None, "name": None}

    def test_each_argument_is_looked_at_by_itself(self):
        f = gd.grad(lambda p, q: p[0] * q[0] * q[1], (0, 1))
        assert f([2], [3.0, 4]) == ([12.0], [8.0, None])

    def test_a_node_counts_as_a_float(self):
        inner = gd.grad(lambda p: p[0] ** p[1])
        assert gd.grad(lambda x: inner([x, 3])[0])(2.0) == 12.0

    def test_second_derivatives_and_explanations(self):
        assert gd.hessian(lambda p: p[0] ** 2 * p[1])([1, 2]) == [[4, 2], [2, 0]]
        assert "p[1] = 2" in str(gd.explain(lambda p: p[0] * p[1])([1, 2]))

    def test_check_gradients(self):
        gd.check_gradients(lambda p, x: p[0] ** 2 * p[1] * x, ([3, 2], 2))
        gd.check_gradients(lambda p: p["x"] ** p["n"], ({"x": 1.5, "n": 2},))
        gd.check_gradients(lambda x: {"n": 3, "v": x**2, "on": x > 0}, (1.5,))

    @pytest.mark.parametrize(
        "argument",
        [{"on": True}, {"a": "x"}, [Fraction(1, 2)], {"w": np.array([0.5, 2], object)}],
    )
    def test_a_container_without_numbers_is_refused(self, argument):
        for transform in (gd.grad, gd.jacobian, gd.elementwise_grad):
            with pytest.raises(ArgumentError, match="must hold numbers; received"):
                transform(lambda p: 1.0)(argument)
        assert gd.grad(lambda p: 1.0)({"a": [], "b": None}) == {"a": [], "b": None}


@pytest.mark.parametrize(
    "transform",
    [
        lambda f: gd.jacobian(f)(1.0),
        lambda f: gd.elementwise_grad(f)(1.0),
        lambda f: gd.vjp(f, 1.0),
        lambda f: gd.jvp(f, (1.0,), (1.0,)),
        lambda f: gd.linearize(f, 1.0),
        lambda f: gd.check_gradients(f, (1.0,)),
        lambda f: gd.compile(gd.jacobian(f))(1.0),
    ],
)
def test_a_function_that_returns_nothing_is_refused(transform):
    with pytest.raises(ArgumentError, match="returned None"):
        transform(lambda x: None)


def test_check_gradients_refuses_what_is_no_float():
    for f in (lambda x: np.allclose(x, x), np.argmax, lambda x: "text"):
        with pytest.raises(ArgumentError, match="needs a function that returns"):
            gd.check_gradients(f, (X,))


# ------------------------------------------------------- derivatives that are complex


class TestElementwiseOfComplexResults:
    def test_of_a_real_argument(self):
        found = gd.elementwise_grad(lambda x: np.exp(1j * x))(X)
        np.testing.assert_allclose(found, 1j * np.exp(1j * X), rtol=1e-14)
        single = gd.elementwise_grad(lambda x: np.exp(1j * x))(np.float32(1.0))
        assert single.dtype == np.complex64
        assert gd.elementwise_grad(lambda x: x * 2j)(1.0) == 2j

    def test_of_a_complex_argument_is_not_conjugated(self):
        cube = gd.elementwise_grad(lambda z: z**3)
        np.testing.assert_allclose(cube(POINTS), 3 * POINTS**2, rtol=1e-14)
        second = gd.elementwise_grad(cube)(POINTS)
        np.testing.assert_allclose(second, 6 * POINTS, rtol=1e-14)
        compiled = gd.compile(cube)(POINTS)
        np.testing.assert_allclose(compiled, 3 * POINTS**2, rtol=1e-14)
        mapped = gd.compile(gd.vmap(cube))(POINTS)
        np.testing.assert_allclose(mapped, 3 * POINTS**2, rtol=1e-14)

    def test_agrees_with_the_jacobian(self):
        def f(z):
            return np.sin(z) * np.exp(1j * z)

        for points in (X, POINTS):
            expected = np.diag(gd.jacobian(f)(points))
            found = gd.elementwise_grad(f)(points)
            np.testing.assert_allclose(found, expected, rtol=1e-13)

    @pytest.mark.parametrize(
        "f", [np.conj, lambda z: z * np.abs(z), lambda z: z.real * 1j]
    )
    def test_what_is_not_complex_differentiable_is_refused(self, f):
        for transform in (gd.elementwise_grad, gd.jacobian):
            with pytest.raises(ArgumentError, match="not complex differentiable"):
                transform(f)(POINTS)

    @pytest.mark.parametrize("transform", [gd.elementwise_grad, gd.jacobian])
    def test_in_a_traced_loop_it_is_nan(self, transform):
        f = gd.compile(gd.vmap(transform(lambda z: z * np.abs(z - 4.0))))
        np.testing.assert_array_equal(np.isnan(f(POINTS)), [True, True, True])

    def test_small_derivatives_are_looked_at_too(self):
        for transform in (gd.elementwise_grad, gd.jacobian):
            with pytest.raises(ArgumentError, match="not complex differentiable"):
                transform(lambda z: 1e-30 * np.conj(z))(POINTS)

    @pytest.mark.parametrize(
        "f",
        [
            lambda z: np.diff(np.conj(z)),
            lambda z: np.fft.fft(np.conj(z))[1:],
            lambda z: z.real - np.mean(z.real) + 0j,
        ],
    )
    def test_conjugates_that_cancel_in_a_sum_are_refused(self, f):
        for jacobian in (gd.jacobian(f), gd.compile(gd.jacobian(f))):
            with pytest.raises(ArgumentError, match="not complex differentiable"):
                jacobian(POINTS)

    def test_each_entry_is_looked_at_by_itself(self):
        def f(z):
            return np.stack([1e12 * z[0], np.conj(z[1])])

        for transform in (gd.elementwise_grad, gd.jacobian):
            with pytest.raises(ArgumentError, match="not complex differentiable"):
                transform(f)(POINTS[:2])

    @pytest.mark.parametrize("transform", [gd.elementwise_grad, gd.jacobian])
    @pytest.mark.parametrize(
        "f",
        [
            lambda z: np.exp(z) / np.sum(np.exp(z)),
            lambda z: np.cumprod(z),
            lambda z: z / np.sqrt(np.sum(z * z)),
            lambda z: np.linalg.inv(np.diag(z) + np.ones((3, 3), z.dtype)),
        ],
    )
    def test_single_precision_is_no_conjugation(self, f, transform):
        expected = transform(f)(POINTS)
        found = transform(f)(POINTS.astype(np.complex64))
        assert found.dtype == np.complex64
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

    def test_rounding_is_no_conjugation(self):
        for transform in (gd.elementwise_grad, gd.jacobian):
            one = transform(lambda z: np.sin(z) ** 2 + np.cos(z) ** 2)(POINTS)
            np.testing.assert_allclose(one, 0 * one, atol=1e-13)

    def test_of_a_real_result_is_the_gradient(self):
        found = gd.elementwise_grad(lambda z: np.abs(z) ** 2)(POINTS)
        np.testing.assert_allclose(found, 2 * POINTS)

    def test_results_without_a_derivative_are_zero(self):
        assert gd.elementwise_grad(lambda x: 1j)(2.0) == 0.0

    def test_several_results_add_up(self):
        found = gd.elementwise_grad(lambda x: (x**2, 1j * x))(X)
        np.testing.assert_array_equal(found, 2 * X + 1j)


# ----------------------------------------------------------- results are the caller's

OTHER = np.array([4.0, 5.0, 6.0])
# ruff: noqa: PLW0108 (each takes the array that it may show)
RESULTS = {
    "jvp": lambda a: gd.jvp(lambda x: x, (a,), (OTHER,)),
    "jvp's tangent": lambda a: gd.jvp(lambda x: x, (OTHER,), (a,)),
    "jvp of a constant": lambda a: gd.jvp(lambda x: (x, a), (OTHER,), (OTHER,)),
    "a view": lambda a: gd.jvp(lambda x: x[::2], (a,), (OTHER,)),
    "vjp": lambda a: gd.vjp(lambda x: x, a)[0],
    "vjp's pullback": lambda a: gd.vjp(lambda x: x, OTHER)[1](a),
    "vjp's aux": lambda a: gd.vjp(lambda x: (x, [x, a]), a, has_aux=True)[2],
    "linearize": lambda a: gd.linearize(lambda x: x, a)[0],
    "linearize's tangent": lambda a: gd.linearize(lambda x: x, OTHER)[1](a),
    "grad's aux": lambda a: gd.grad(
        lambda x: (np.sum(x), {"x": x, "a": a, "v": gd.value(x)}), has_aux=True)(a)[1],
    "value_and_grad": lambda a: gd.value_and_grad(
        lambda x: (np.sum(x), x), has_aux=True)(a),
    "the value": lambda a: gd.value_and_grad(lambda x: x)(a[:1].reshape(())),
    "grad": lambda a: gd.grad(lambda x: x @ a)(OTHER),
    "jacobian": lambda a: gd.jacobian(lambda x: x * a)(OTHER),
    "hvp": lambda a: gd.hvp(lambda x: x @ x / 2, OTHER, a),
    "compiled": lambda a: gd.compile(lambda x: gd.jvp(lambda y: y, (x,), (x,)))(a),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_no_result_shares_memory_with_an_argument(name):
    a = np.array([1.0, 2.0, 3.0])
    results = leaves(RESULTS[name](a))
    assert results
    for result in results:
        assert not np.shares_memory(result, a)
        assert result.flags.writeable


def test_aux_that_is_an_array_of_nodes_becomes_plain():
    aux = gd.grad(lambda x: (x**2, np.array([x, 2.0], object)), has_aux=True)(3.0)[1]
    assert aux.dtype == np.float64
    assert aux.tolist() == [3.0, 2.0]


# ------------------------------------------------------------------------- signatures


def power(x, n=2, *, factor=1.0):
    """Return a power."""
    return factor * x**n


@pytest.mark.parametrize(
    "transform",
    [
        gd.grad, gd.value_and_grad, gd.jacobian, gd.hessian, gd.elementwise_grad,
        gd.vmap, gd.checkpoint, gd.compile, gd.explain, gd.draw,
        lambda f: gd.custom_operation(f, f), lambda f: gd.vmap(gd.grad(gd.jacobian(f))),
    ],
)  # fmt: skip
def test_transforms_carry_the_signature(transform):
    assert inspect.signature(transform(power)) == inspect.signature(power)


def test_compile_finds_static_arguments_of_transforms():
    fast = gd.compile(gd.grad(power), static=("n",))
    assert (fast(2.0, 3), fast(2.0, n=4), fast(2.0)) == (12.0, 32.0, 4.0)
    assert fast(2.0, 3, factor=2.0) == 24.0
    second = gd.compile(gd.grad(gd.grad(power)), static="n")
    assert second(2.0, 3) == 12.0
