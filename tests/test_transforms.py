"""The transforms: values, structures, nesting, errors, and that nothing is touched."""

import dataclasses
import gc
import pickle
import threading
import weakref
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import chainrule as gd
from chainrule import errors

Point = namedtuple("Point", "x y")


@dataclasses.dataclass
class Layer:
    weight: np.ndarray
    bias: float
    name: str = "layer"


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: float


def cube(x):
    return x**3


def weighted(x, w):
    return np.sum(w * x**2)


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def rosenbrock_hessian(x):
    """Return the Hessian, worked out by hand."""
    n = len(x)
    H = np.zeros((n, n))
    for i in range(n - 1):
        H[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        H[i + 1, i + 1] += 200
        H[i, i + 1] -= 400 * x[i]
        H[i + 1, i] -= 400 * x[i]
    return H


X = np.array([0.5, -1.2, 0.8, 1.7])


class TestGrad:
    def test_one_argument(self):
        assert gd.grad(cube)(2.0) == 12.0

    def test_result_has_the_type_of_the_argument(self):
        assert type(gd.grad(cube)(2.0)) is float
        assert gd.grad(cube)(np.float32(2.0)).dtype == np.float32
        g = gd.grad(lambda x: np.sum(x * 2))(np.ones((2, 3), np.float32))
        assert g.dtype == np.float32
        assert g.shape == (2, 3)

    def test_an_integer_argument_becomes_a_float(self):
        assert gd.grad(cube)(2) == 12.0
        g = gd.grad(lambda x: np.sum(x**2))(X > 0)
        np.testing.assert_array_equal(g, [2, 0, 2, 2])

    def test_several_arguments(self):
        def f(x, y, z):
            return x * y**2 * z

        assert gd.grad(f, 1)(2.0, 3.0, 5.0) == 60.0
        assert gd.grad(f, (0, 2))(2.0, 3.0, 5.0) == (45.0, 18.0)
        assert gd.grad(f, -1)(2.0, 3.0, 5.0) == 18.0
        assert gd.grad(f, [1])(2.0, 3.0, 5.0) == (60.0,)

    def test_keywords_pass_through(self):
        assert gd.grad(lambda x, *, power: x**power)(3.0, power=2) == 6.0

    def test_aux(self):
        def f(x):
            return x**2, {"twice": 2 * x, "name": "f"}

        g, aux = gd.grad(f, has_aux=True)(3.0)
        assert g == 6.0
        assert aux == {"twice": 6.0, "name": "f"}
        assert type(aux["twice"]) is float
        (value, aux), g = gd.value_and_grad(f, has_aux=True)(3.0)
        assert (value, aux["twice"], g) == (9.0, 6.0, 6.0)

    def test_independent_result_has_zero_gradient(self):
        assert gd.grad(lambda x: 3.0)(2.0) == 0.0
        g = gd.grad(lambda x, y: x, 1)(1.0, np.ones((2, 2)))
        np.testing.assert_array_equal(g, np.zeros((2, 2)))

    def test_never_touches_the_grad_attribute(self):
        w = gd.node(2.0)
        gd.grad(lambda x: x * w)(w)
        assert w.grad == 0.0

    def test_decorates_functions_and_methods(self):
        class Model:
            scale = 3.0

            @gd.grad
            def slope(self, x):
                """Return the slope."""
                return x

        @gd.grad
        def f(x):
            """Square."""
            return x * x

        assert f(3.0) == 6.0
        assert f.__doc__ == "Square."
        assert f.__name__ == "f"
        bound = Model().slope
        with pytest.raises(errors.ArgumentError):
            bound(1.0)  # argument 0 is self
        assert "grad of" in repr(f)

    def test_what_they_show(self):
        x = np.array([1.0, 2.0])
        fast = gd.compile(gd.vmap(gd.grad(weighted, ("x", "w"))))
        assert repr(gd.vmap(weighted)) == "<vmap of weighted>"
        assert repr(gd.grad(weighted, -1)) == "<grad of weighted in w>"
        assert repr(gd.grad(gd.compile(weighted))) == "<grad of compiled weighted in x>"
        assert repr(gd.pmap(np.sum)) == "<pmap of sum>"
        assert repr(gd.sparse.hessian(weighted)) == "<sparse hessian of weighted>"
        name = "<compiled vmap of grad of weighted in x and w"
        assert repr(fast) == f"{name}, no program yet>"
        fast(x, x)
        arrows = "(float64[2], float64[2]) -> (float64[2], float64[2])"
        assert repr(fast).startswith(f"{name}, {arrows}, run by ")
        fast(x[:1], x[:1])
        assert ", 2 programs, run by " in repr(fast)

    def test_method_with_argnums(self):
        class Model:
            scale = 3.0

            def loss(self, x):
                return self.scale * x**2

        Model.slope = gd.grad(Model.loss, 1)
        assert Model().slope(2.0) == 12.0

    def test_arguments_by_name_and_by_keyword(self):
        def f(x, y=2.0, *, z=3.0):
            return x**2 * y**3 * z

        assert gd.grad(f, "x")(1.0, y=2.0) == 48.0
        assert gd.grad(f)(x=1.0) == 48.0
        assert gd.grad(f, "z")(1.0, z=3.0) == 8.0
        assert gd.grad(f, (0, "z"))(1.0, z=3.0) == (48.0, 8.0)
        assert gd.grad(f, 1)(y=2.0, x=1.0) == 36.0
        assert gd.hessian(f, ("x", "y"))(y=2.0, x=1.0)[0] == (48.0, 72.0)
        assert gd.compile(gd.grad(f, "y"))(1.0, y=2.0) == 36.0
        with pytest.raises(errors.ArgumentError, match="twice"):
            gd.grad(f, ("z", "z"))(1.0, z=3.0)
        with pytest.raises(errors.ArgumentError, match="'y' was not passed"):
            gd.grad(f, "y")(1.0)

    def test_gradients_do_not_share_memory(self):
        g, h = gd.grad(lambda x, y: np.sum(x + y), (0, 1))(X, X)
        g[0] = 7.0
        assert h[0] == 1.0
        assert g.flags.writeable

    def test_the_argument_is_not_changed(self):
        x = X.copy()
        gd.grad(lambda x: np.sum(x * x))(x)
        np.testing.assert_array_equal(x, X)

    def test_value_of_identity_is_not_the_argument(self):
        value, _ = gd.vjp(lambda x: x, x := X.copy())
        value[0] = 100.0
        assert x[0] == X[0]


class TestContainers:
    def test_dict_list_tuple(self):
        p = {"a": 2.0, "b": [3.0, (4.0, 5.0)]}
        g = gd.grad(lambda p: p["a"] * p["b"][0] + p["b"][1][0] * p["b"][1][1])(p)
        assert g == {"a": 3.0, "b": [2.0, (5.0, 4.0)]}

    def test_namedtuple_and_ordered_dict(self):
        g = gd.grad(lambda p: p.x * p.y)(Point(2.0, 3.0))
        assert g == Point(3.0, 2.0)
        g = gd.grad(lambda p: p["b"] * p["a"])(OrderedDict(b=1.0, a=2.0))
        assert g == OrderedDict(b=2.0, a=1.0)

    def test_dataclasses(self):
        p = Layer(np.array([1.0, 2.0]), 3.0)
        g = gd.grad(lambda p: np.sum(p.weight**2) * p.bias)(p)
        assert isinstance(g, Layer)
        np.testing.assert_array_equal(g.weight, [6.0, 12.0])
        assert g.bias == 5.0
        assert g.name is None
        g = gd.grad(lambda p: p["k"].a ** 2)({"k": Frozen(3.0)})
        assert g == {"k": Frozen(6.0)}

    def test_leaves_that_are_not_inexact_pass_untouched(self):
        def f(p):
            assert type(p["n"]) is int
            assert p["s"] == "text"
            assert p["i"].dtype.kind == "i"
            return p["x"] ** p["n"]

        p = {"x": 3.0, "n": 2, "s": "text", "i": np.arange(3), "none": None}
        g = gd.grad(f)(p)
        assert g == {"x": 6.0, "n": None, "s": None, "i": None, "none": None}

    def test_containers_as_results(self):
        value, pullback = gd.vjp(lambda x: {"s": x**2, "k": 7}, 3.0)
        assert value == {"s": 9.0, "k": 7}
        assert pullback({"s": 1.0, "k": 0.0}) == (6.0,)
        j = gd.jacobian(lambda p: (p["a"] * 2, [p["a"] * p["b"]]))({"a": 2.0, "b": 3.0})
        assert j == ({"a": 2.0, "b": 0.0}, [{"a": 3.0, "b": 2.0}])

    def test_object_arrays_and_lists_of_nodes_as_results(self):
        def f(x):
            return np.array([x[0] ** 2, x[0] * x[1]])

        np.testing.assert_array_equal(
            gd.jacobian(f)(np.array([2.0, 3.0])), [[4.0, 0.0], [3.0, 2.0]]
        )

    def test_builtin_sum(self):
        assert gd.grad(lambda p: sum(x**2 for x in p))([1.0, 2.0]) == [2.0, 4.0]


class TestProducts:
    def test_vjp_of_several_primals(self):
        value, pullback = gd.vjp(lambda x, y: x @ y, np.ones((2, 3)), np.ones(3))
        np.testing.assert_array_equal(value, [3.0, 3.0])
        x_grad, y_grad = pullback(np.array([1.0, 2.0]))
        np.testing.assert_array_equal(x_grad, [[1, 1, 1], [2, 2, 2]])
        np.testing.assert_array_equal(y_grad, [3, 3, 3])
        again = pullback(np.array([1.0, 2.0]))
        np.testing.assert_array_equal(again[0], x_grad)

    def test_vjp_aux(self):
        value, pullback, aux = gd.vjp(lambda x: (x**2, x + 1), 3.0, has_aux=True)
        assert (value, pullback(1.0), aux) == (9.0, (6.0,), 4.0)

    def test_vjp_keeps_values_of_the_call(self):
        x = X.copy()
        _, pullback = gd.vjp(lambda x: np.sum(x**2), x)
        x[:] = 0.0
        np.testing.assert_allclose(pullback(1.0)[0], 2 * X)

    def test_jvp(self):
        value, dot = gd.jvp(lambda x, y: np.sum(x * y), (X, X), (np.ones(4), 0 * X))
        assert value == np.sum(X * X)
        np.testing.assert_allclose(dot, X.sum())

    def test_jvp_of_untouched_leaves(self):
        def f(p):
            return p["x"] ** p["n"]

        value, dot = gd.jvp(f, ({"x": 3.0, "n": 2},), ({"x": 1.0, "n": 0},))
        assert (value, dot) == (9.0, 6.0)

    def test_jvp_of_an_independent_result_is_zero(self):
        assert gd.jvp(lambda x: (x, 2.0), (1.0,), (1.0,)) == ((1.0, 2.0), (1.0, 0.0))

    def test_linearize(self):
        value, push = gd.linearize(np.sin, 0.5)
        assert value == np.sin(0.5)
        np.testing.assert_allclose(push(2.0), 2 * np.cos(0.5))
        np.testing.assert_allclose(push(1.0), np.cos(0.5))

    def test_hvp_forms(self):
        v = np.array([1.0, -1.0, 2.0, 0.5])
        expected = rosenbrock_hessian(X) @ v
        np.testing.assert_allclose(gd.hvp(rosenbrock, (X,), (v,))[0], expected)
        np.testing.assert_allclose(gd.hvp(rosenbrock, X, v), expected)
        x_part, y_part = gd.hvp(lambda x, y: x * y**2, (2.0, 3.0), (1.0, 0.0))
        assert (x_part, y_part) == (0.0, 6.0)

    def test_elementwise_grad(self):
        np.testing.assert_allclose(gd.elementwise_grad(np.sin)(X), np.cos(X))
        np.testing.assert_allclose(
            gd.elementwise_grad(gd.elementwise_grad(np.sin))(X), -np.sin(X)
        )


class TestMatrices:
    @pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
    def test_jacobian_modes_agree(self, mode):
        A = np.arange(12.0).reshape(3, 4)
        j = gd.jacobian(lambda x: A @ np.sin(x), mode=mode)(X)
        np.testing.assert_allclose(j, A * np.cos(X))

    @pytest.mark.parametrize("mode", ["forward", "reverse"])
    def test_jacobian_shapes(self, mode):
        x = np.arange(6.0).reshape(2, 3)
        j = gd.jacobian(lambda x: np.stack([x, 2 * x, x**2, x]), mode=mode)(x)
        assert j.shape == (4, 2, 3, 2, 3)
        assert j[2, 1, 2, 1, 2] == 10.0
        assert gd.jacobian(lambda x: x**2, mode=mode)(3.0) == 6.0
        assert gd.jacobian(lambda x: np.stack([x, x]), mode=mode)(3.0).shape == (2,)
        assert gd.jacobian(lambda x: x[:0], mode=mode)(X).shape == (0, 4)

    def test_rows_of_a_jacobian_are_sweeps_each(self):
        x = np.array([0.5, 0.0, 2.0])

        def f(x, y):
            kept = np.where(x > 0, x**0.5 * y, x)  # 0 * inf on the untaken branch
            return np.stack([kept, np.roll(x, 1) * x[::-1], x * 0 + y])

        J, by_y = gd.jacobian(f, (0, 1))(x, 3.0)
        assert J.shape == (3, 3, 3)
        assert by_y.shape == (3, 3)
        assert J[0, 1, 1] == 1.0
        for i in np.ndindex(3, 3):
            row, entry = gd.grad(lambda x, y, i=i: f(x, y)[i], (0, 1))(x, 3.0)
            np.testing.assert_array_equal(J[i], row)
            np.testing.assert_array_equal(by_y[i], entry)
        single = gd.jacobian(lambda x: x * x)(np.float32([1, 2]))
        assert single.dtype == np.float32
        outside = gd.jacobian(lambda x: gd.node(1.0) * np.ones(2))(x)
        np.testing.assert_array_equal(outside, np.zeros((2, 3)))

    def test_jacobian_of_several_arguments(self):
        a, b = gd.jacobian(lambda x, y: x * y, (0, 1))(X, 2.0)
        np.testing.assert_array_equal(a, 2 * np.eye(4))
        np.testing.assert_array_equal(b, X)

    def test_auto_takes_the_cheaper_mode(self, monkeypatch):
        from chainrule.transforms import matrices as transforms

        called = []
        for name in ("_by_rows", "_by_columns"):
            original = getattr(transforms, name)

            def spy(run, original=original, name=name):
                called.append(name)
                return original(run)

            monkeypatch.setattr(transforms, name, spy)
        gd.jacobian(np.sum)(X)
        gd.jacobian(lambda x: np.concatenate([X * x] * 5))(2.0)
        assert called == ["_by_rows", "_by_columns"]

    def test_structural_zeros_of_seeds(self):
        for mode in ("forward", "reverse"):
            j = gd.jacobian(np.sqrt, mode=mode)(np.array([0.0, 4.0]))
            np.testing.assert_array_equal(j, [[np.inf, 0.0], [0.0, 0.25]])

    def test_hessian_against_the_formula(self):
        np.testing.assert_allclose(gd.hessian(rosenbrock)(X), rosenbrock_hessian(X))

    def test_hessian_of_several_arguments(self):
        (aa, ab), (ba, bb) = gd.hessian(lambda a, b: a**2 * b, (0, 1))(2.0, 3.0)
        assert (aa, ab, ba, bb) == (6.0, 4.0, 4.0, 0.0)

    def test_hessian_by_every_nesting(self):
        H = rosenbrock_hessian(X)
        modes = ("forward", "reverse")
        for outer in modes:
            for inner in modes:
                j = gd.jacobian(gd.jacobian(rosenbrock, mode=inner), mode=outer)(X)
                np.testing.assert_allclose(j, H, err_msg=f"{outer} over {inner}")


class TestNesting:
    def test_high_orders(self):
        f = np.exp
        for _ in range(6):
            f = gd.grad(f)
        np.testing.assert_allclose(f(0.3), np.exp(0.3))

    def test_sin_to_the_fifth_order_in_mixed_modes(self):
        def derivative(f, mode):
            if mode == "reverse":
                return gd.grad(f)
            return lambda x: gd.jvp(f, (x,), (1.0,))[1]

        for first in ("forward", "reverse"):
            f = np.sin
            for order in range(5):
                f = derivative(f, first if order % 2 else "reverse")
            np.testing.assert_allclose(f(0.7), np.cos(0.7))

    def test_no_perturbation_confusion(self):
        assert gd.grad(lambda x: x * gd.grad(lambda y: x + y)(2.0))(1.0) == 1.0

        def slope(f):
            return gd.jvp(f, (2.0,), (1.0,))[1]

        assert gd.grad(lambda x: x * slope(lambda y: x * y))(3.0) == 6
        d = gd.jvp(lambda x: x * slope(lambda y: x + y), (1.0,), (1.0,))
        assert d == (1.0, 1.0)

    def test_inner_gradient_of_the_same_variable(self):
        def inner(x):
            return gd.grad(lambda y: (x * y) ** 2)(x)  # 2 x^3

        assert gd.grad(inner)(2.0) == 24.0

    def test_inner_gradient_at_an_independent_point_stays_plain(self):
        seen = []

        def f(x):
            seen.append(gd.grad(cube)(2.0))
            return x

        gd.grad(f)(1.0)
        assert type(seen[0]) is float

    def test_gradient_in_a_loop_never_walks_the_outer_history(self):
        from chainrule.transforms import recorded_call as module

        sizes = []
        original = module.collect

        def spy(roots, start=-1):
            found = original(roots, start)
            sizes.append(len(found.order))
            return found

        def f(x):
            for _ in range(50):
                x = x - 0.1 * gd.grad(lambda y: y**2)(x)
            return x

        module.collect = spy
        try:
            gd.grad(f)(1.0)
        finally:
            module.collect = original
        assert max(sizes[:-1]) < 10

    def test_differentiating_through_gradient_descent(self):
        def descend(rate):
            x = 1.0
            for _ in range(10):
                x = x - rate * gd.grad(lambda y: y**2)(x)
            return x

        # x_n = (1 - 2 rate)^n
        np.testing.assert_allclose(gd.grad(descend)(0.1), -20 * 0.8**9)

    def test_outer_leaf_nodes(self):
        w = gd.node(2.0)
        slope = gd.grad(lambda x: x**2 * w)(3.0)
        assert isinstance(slope, gd.node)
        slope.backward()
        assert w.grad == 6.0

    def test_vjp_with_a_node_cotangent_is_recorded(self):
        _, pullback = gd.vjp(lambda x: x**2, 3.0)
        assert gd.grad(lambda g: pullback(g)[0])(1.0) == 6.0
        _, push = gd.linearize(lambda x: x**2, 3.0)
        assert gd.grad(push)(1.0) == 6.0

    def test_nested_aux_stays_differentiable(self):
        def f(x):
            _, aux = gd.grad(lambda y: (y**2, x * y), has_aux=True)(x)
            return aux  # x * y at y = x

        assert gd.grad(f)(3.0) == 6.0

    def test_hessian_of_a_masked_function(self):
        def f(x):
            return np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1.0)) * x, 0.0))

        x = np.array([-1.0, 0.0, 2.0])
        np.testing.assert_allclose(gd.hessian(f)(x), np.diag([0, 0, 0.5]))

    def test_untaken_branches_at_second_order(self):
        def f(x):
            return np.where(x > 0, np.sqrt(x) ** 3, 0.0)

        assert gd.grad(f)(0.0) == 0.0
        assert gd.grad(gd.grad(f))(0.0) == 0.0
        assert gd.grad(gd.grad(lambda x: np.sin(x) ** 2))(0.0) == 2.0
        assert np.isnan(gd.grad(lambda x: np.sqrt(x) ** 2)(0.0))


class TestComplex:
    def test_gradient_descends(self):
        target = 1.0 - 2.0j

        def loss(z):
            return np.abs(z - target) ** 2

        z = 3.0 + 1.0j
        g = gd.grad(loss)(z)
        np.testing.assert_allclose(g, 2 * (z - target))
        assert loss(z - 0.1 * g) < loss(z)

    def test_backward_follows_the_same_convention(self):
        z = gd.node(3.0 + 1.0j)
        np.real(z * (2.0 + 5.0j)).backward()
        np.testing.assert_allclose(z.grad, 2.0 - 5.0j)

    def test_vjp_is_the_plain_transpose(self):
        _, pullback = gd.vjp(lambda z: z * (2.0 + 5.0j), 1.0 + 0.0j)
        np.testing.assert_allclose(pullback(1.0 + 0.0j)[0], 2.0 + 5.0j)

    def test_complex_result_raises(self):
        with pytest.raises(errors.NotScalarError, match=r"np\.real"):
            gd.grad(lambda z: z * z)(1.0 + 1.0j)

    def test_holomorphic_jacobian(self):
        z = np.array([1.0 + 2.0j, 0.5j])
        np.testing.assert_allclose(gd.jacobian(lambda z: z**2)(z), np.diag(2 * z))

    def test_jacobian_refuses_what_is_not_holomorphic(self):
        with pytest.raises(errors.ArgumentError, match="complex differentiable"):
            gd.jacobian(np.conj)(np.array([1.0 + 2.0j]))

    def test_real_to_complex_jacobian(self):
        j = gd.jacobian(lambda x: x * (1.0 + 2.0j))(np.array([3.0, 4.0]))
        np.testing.assert_allclose(j, (1 + 2j) * np.eye(2))


class TestErrors:
    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda: gd.grad(3.0), errors.ArgumentError, "needs a function"),
            (gd.grad(cube), errors.ArgumentError, "out of range"),
            (lambda: gd.grad(cube, 1)(2.0), errors.ArgumentError, "argnums=1"),
            (lambda: gd.grad(cube, (0, 0))(2.0), errors.ArgumentError, "twice"),
            (lambda: gd.grad(cube, "y")(2.0), errors.ArgumentError, "argnums='y'"),
            (lambda: gd.grad(cube)("text"), errors.ArgumentError, "'text'"),
            (lambda: gd.grad(cube)(X), errors.NotScalarError, r"shape \(4,\)"),
            (lambda: gd.grad(lambda x: (x, x))(1.0), errors.NotScalarError, "has_aux"),
            (lambda: gd.grad(lambda x: {0: x})(1.0), errors.NotScalarError, "contain"),
            (lambda: gd.grad(lambda x: None)(1.0), errors.NotScalarError, "contain"),
            (lambda: gd.grad(lambda x: "s")(1.0), errors.ArgumentError, "'s'"),
            (
                lambda: gd.grad(cube, has_aux=True)(1.0),
                errors.ArgumentError,
                r"\(result, aux\)",
            ),
            (lambda: gd.jvp(cube, 2.0, 1.0), errors.ArgumentError, r"\(primal,\)"),
            (lambda: gd.jvp(cube, (2.0,), ()), errors.ShapeError, "1 primals and 0"),
            (lambda: gd.jvp(cube, (X,), (1.0,)), errors.ShapeError, r"\(4,\)"),
            (lambda: gd.jvp(sum, ([1.0],), ((1.0,),)), errors.ShapeError, "structure"),
            (lambda: gd.vjp(cube, X)[1](1.0), errors.ShapeError, r"\(4,\)"),
            (lambda: gd.vjp(cube, 2.0)[1](1j), errors.ArgumentError, "complex"),
            (lambda: gd.vjp(cube, 2.0)[1]("s"), errors.ArgumentError, "'s'"),
            (lambda: gd.jacobian(cube, mode="up"), errors.ArgumentError, "'up'"),
            (lambda: gd.zero_grad(3.0), errors.ArgumentError, "3.0"),
            (lambda: gd.checkpoint(3.0), errors.ArgumentError, "needs a function"),
            (
                lambda: gd.custom_operation(cube, None),
                errors.ArgumentError,
                "as pullback",
            ),
            (lambda: gd.check_gradients(cube, 2.0), errors.ArgumentError, "tuple"),
            (
                lambda: gd.check_gradients(cube, (2.0,), modes=("up",)),
                errors.ArgumentError,
                "up",
            ),
        ],
    )
    def test_bad_input(self, call, error, message):
        with pytest.raises(error, match=message):
            call()

    def test_an_exception_leaves_nothing_behind(self):
        enabled = gc.isenabled()

        def fails(x):
            x = x * 2
            raise KeyError("inside")

        with pytest.raises(KeyError):
            gd.grad(fails)(1.0)
        assert gc.isenabled() == enabled
        assert gd.grad(cube)(2.0) == 12.0

    def test_node_results_of_two_kinds_of_wrong_structure(self):
        _, pullback = gd.vjp(lambda x: [x, x], 1.0)
        with pytest.raises(errors.ShapeError, match="structure"):
            pullback((1.0, 1.0))


class TestCustomOperation:
    @staticmethod
    def softplus():
        return gd.custom_operation(
            lambda x: np.log(1 + np.exp(x)), lambda g, z, x: (g / (1 + np.exp(-x)),)
        )

    def test_every_order_and_both_modes(self):
        softplus = self.softplus()
        gd.check_gradients(softplus, (0.3,), order=3, rtol=1e-4)
        gd.check_gradients(lambda x: np.sum(softplus(x)), (X,))

    def test_with_a_pushforward(self):
        calls = []

        def pushforward(tangents, z, x, y):
            calls.append(tangents)
            (x_dot, y_dot) = tangents
            total = 0.0 if x_dot is None else x_dot * y
            return total if y_dot is None else total + y_dot * x

        times = gd.custom_operation(
            lambda x, y: x * y, lambda g, z, x, y: (g * y, g * x), pushforward
        )
        assert gd.jvp(lambda x: times(x, 3.0), (2.0,), (1.0,)) == (6.0, 3.0)
        assert calls == [(1.0, None)]

    def test_operands_that_are_not_differentiable(self):
        def forward(x, how, n):
            return x * n if how == "times" else x

        def pullback(g, z, x, how, n):
            return (g * n if how == "times" else g, None, None)

        op = gd.custom_operation(forward, pullback)
        assert gd.grad(op)(2.0, "times", 5) == 5.0
        assert gd.grad(op)(2.0, "keep", 5) == 1.0
        assert op(2.0, "times", 5) == 10.0

    def test_pullback_of_the_wrong_length_or_shape(self):
        op = gd.custom_operation(lambda x, y: x * y, lambda g, z, x, y: (g * y,))
        with pytest.raises(errors.ShapeError, match="tuple of 2"):
            gd.grad(op)(1.0, 2.0)
        op = gd.custom_operation(lambda x: np.sum(x * 1), lambda g, z, x: (g,))
        with pytest.raises(errors.ShapeError, match=r"shape \(\)"):
            gd.grad(op)(X)

    def test_closed_over_nodes_raise(self):
        w = gd.node(2.0)
        op = gd.custom_operation(lambda x: x * w, lambda g, z, x: (g * 2.0,))
        with pytest.raises(errors.EscapeError, match="outside"):
            gd.grad(op)(1.0)

    def test_several_results_are_refused_or_work(self):
        softplus = self.softplus()
        assert softplus(0.0) == np.log(2.0)  # plain in, plain out


class TestCheckpoint:
    def test_same_derivatives(self):
        def f(x):
            return np.sum(np.sin(x) * x**2)

        inner = gd.checkpoint(lambda x: np.sin(x) * x**2)

        def g(x):
            return np.sum(inner(x))

        np.testing.assert_allclose(gd.grad(g)(X), gd.grad(f)(X))
        np.testing.assert_allclose(gd.hessian(g)(X), gd.hessian(f)(X))
        np.testing.assert_allclose(gd.hvp(g, X, X), gd.hvp(f, X, X))
        gd.check_gradients(g, (X,), order=3, rtol=1e-4)

    def test_containers_and_keywords(self):
        f = gd.checkpoint(lambda p, *, k: {"out": p["a"] * p["b"] ** k, "k": k})
        g = gd.grad(lambda p: f(p, k=2)["out"])({"a": 2.0, "b": 3.0})
        assert g == {"a": 9.0, "b": 12.0}
        assert f({"a": 2.0, "b": 3.0}, k=2) == {"out": 18.0, "k": 2}

    def test_constant_arrays_among_the_results(self):
        f = gd.checkpoint(lambda x: (np.sin(x), np.ones(3)))
        _, (dot, zeros) = gd.jvp(f, (0.5,), (2.0,))
        assert dot == 2 * np.cos(0.5)
        np.testing.assert_array_equal(zeros, np.zeros(3))

    def test_closed_over_nodes_become_operands(self):
        w = gd.node(2.0)
        z = gd.checkpoint(lambda x: np.sin(x) * w)(gd.node(1.0))
        z.backward()
        assert w.grad == np.sin(1.0)
        outer = gd.grad(lambda w: gd.checkpoint(lambda x: x * w**2)(3.0))
        assert outer(2.0) == 12.0
        assert gd.grad(outer)(2.0) == 6.0

    def test_it_runs_again_in_the_sweep_and_keeps_no_inside(self):
        runs = []

        def f(x):
            runs.append(1)
            made = x * 2
            refs.append(weakref.ref(made))
            return made * 3

        refs = []
        z = gd.checkpoint(f)(gd.node(1.0))
        assert len(runs) == 1
        assert refs[0]() is None
        z.backward()
        assert len(runs) == 2


class TestRest:
    def test_value_and_stop_gradient(self):
        x = gd.node(np.array([1.0, 2.0]))
        v = gd.value({"a": x * 2, "b": 3})
        assert v["b"] == 3
        np.testing.assert_array_equal(v["a"], [2.0, 4.0])
        assert not isinstance(v["a"], gd.node)
        assert gd.grad(lambda x: x * gd.stop_gradient(x))(3.0) == 3.0
        assert gd.grad(gd.grad(lambda x: x * gd.stop_gradient(x)))(3.0) == 0.0
        assert gd.value(2.0) == 2.0

    def test_zero_grad(self):
        x, y = gd.node(2.0), gd.node(3.0)
        (x * y).backward()
        gd.zero_grad({"x": x}, [y])
        assert (x.grad, y.grad) == (0.0, 0.0)

    def test_gradient_functions_pickle(self):
        g = pickle.loads(pickle.dumps(gd.grad(cube)))
        assert g(2.0) == 12.0
        h = pickle.loads(pickle.dumps(gd.hessian(rosenbrock)))
        np.testing.assert_allclose(h(X), rosenbrock_hessian(X))

    def test_threads(self):
        results = {}

        def work(k):
            f = lambda x: np.sum(np.sin(x * k) ** 2)  # noqa: E731
            results[k] = [gd.grad(f)(X) for _ in range(20)][-1]

        threads = [threading.Thread(target=work, args=(k,)) for k in range(6)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for k, g in results.items():
            np.testing.assert_allclose(g, k * np.sin(2 * k * X))
        assert gc.isenabled()

    def test_one_pullback_from_several_threads(self):
        _, pullback = gd.vjp(lambda x: np.cumsum(np.sin(x) * x), X)
        expected = [pullback(np.eye(4)[i])[0] for i in range(4)]
        results = {}

        def work(i):
            for _ in range(50):
                results[i] = pullback(np.eye(4)[i])[0]

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for i in range(4):
            np.testing.assert_array_equal(results[i], expected[i])

    def test_recordings_are_freed_without_the_collector(self):
        gc.collect()
        gc.disable()
        try:
            refs = []

            def f(x):
                y = np.sin(x) * x
                refs.append(weakref.ref(y))
                return np.sum(y)

            gd.grad(f)(X)
            gd.hessian(f)(X)
            gd.hvp(f, X, X)
            _, pullback = gd.vjp(f, X)
            pullback(1.0)
            del pullback
            assert [r() for r in refs] == [None] * len(refs)
        finally:
            gc.enable()

    def test_hand_written_gradient_classes_inside_transforms(self):
        class square_grad:
            def __init__(self, x):
                self.x = x
                self.vertices = [x]

            def backward(self, z_grad):
                self.x.grad += 2 * self.x.value * z_grad

        def square(x):
            return gd.node(x.value**2, grad_ops=square_grad(x))

        def f(x):
            return np.sin(square(x) * x)

        np.testing.assert_allclose(gd.grad(f)(0.7), np.cos(0.343) * 3 * 0.49)
        with pytest.raises(errors.RecordingError, match="custom_operation"):
            gd.grad(gd.grad(f))(0.7)
        with pytest.raises(errors.RecordingError, match="forward mode"):
            gd.jvp(f, (0.7,), (1.0,))

    def test_check_gradients_finds_a_wrong_rule(self):
        wrong = gd.custom_operation(lambda x: x**2, lambda g, z, x: (3 * g * x,))
        with pytest.raises(errors.GradientMismatchError, match="order 1"):
            gd.check_gradients(wrong, (2.0,))
        wrong = gd.custom_operation(
            lambda x: x**2, lambda g, z, x: (2 * g * gd.value(x),)
        )
        with pytest.raises(errors.GradientMismatchError, match="order 2"):
            gd.check_gradients(wrong, (2.0,))
        wrong = gd.custom_operation(
            lambda x: x**2,
            lambda g, z, x: (2 * g * x,),
            lambda tangents, z, x: tangents[0] * x,
        )
        with pytest.raises(errors.GradientMismatchError, match="forward"):
            gd.check_gradients(wrong, (2.0,), modes=("forward",))


def test_a_checkpoint_may_close_over_its_own_argument():
    def f(t):
        return gd.checkpoint(lambda s: s * t * t)(t)

    assert gd.grad(f)(2.0) == 12.0
    gd.check_gradients(f, (2.0,), order=3)


@pytest.mark.parametrize("index", [(), (1,), (-1,), (1, 0), ((0, 1),)])
def test_an_item_is_an_entry(index):
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = x[:1, :1] if not index else x
    f = lambda x: x.item(*index) ** 2  # noqa: E731
    assert f(gd.node(x)) == x.item(*index) ** 2
    expected = 2 * x * (x == x.item(*index))
    for g in (gd.grad(f), gd.compile(gd.grad(f)), gd.compile(gd.grad(f))):
        np.testing.assert_array_equal(g(x), expected)


def test_an_item_that_is_not_there_is_refused():
    x = gd.node([1.0, 2.0])
    for index, error in [((), ValueError), ((2,), IndexError), ((0, 0), ValueError)]:
        with pytest.raises(error):
            x.item(*index)
        with pytest.raises(error):
            np.ones(2).item(*index)


def test_checkpoint_ends_cotangents_where_nothing_depends_on_an_entry():
    first = gd.checkpoint(lambda x: 2.0 * x[0])
    safe = gd.checkpoint(lambda x: np.where(x > 0, np.sqrt(x), 0.0))
    y = np.array([1.0, 0.0])
    np.testing.assert_array_equal(gd.grad(lambda y: first(np.sqrt(y)))(y), [1.0, 0.0])
    np.testing.assert_array_equal(gd.grad(lambda y: np.sum(safe(y)))(y), [0.5, 0.0])
