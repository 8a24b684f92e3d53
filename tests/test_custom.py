"""custom_operation: several results in any structure, and parameters that it keeps."""

import dataclasses
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import chainrule as gd
from chainrule import node
from chainrule.errors import ArgumentError, EscapeError, ShapeError

Pair = namedtuple("Pair", "double square")


@dataclasses.dataclass
class Both:
    double: object
    square: object


STRUCTURES = {
    "tuple": (lambda a, b: (a, b), lambda z: z),
    "list": (lambda a, b: [a, b], lambda z: z),
    "dict": (
        lambda a, b: {"square": b, "double": a},
        lambda z: (z["double"], z["square"]),
    ),
    "ordered": (
        lambda a, b: OrderedDict(square=b, double=a),
        lambda z: (z["double"], z["square"]),
    ),
    "named tuple": (Pair, lambda z: z),
    "dataclass": (Both, lambda z: (z.double, z.square)),
    "nested": (
        lambda a, b: {"a": [a, None, (b,)], "n": 7},
        lambda z: (z["a"][0], z["a"][2][0]),
    ),
}
X = np.array([1.0, -2.0, 0.5])


def declared(structure, *, pushforward):
    """Return an operation (2 factor x, x**2), and how to take its results apart."""
    pack, unpack = STRUCTURES[structure]

    def forward(x, factor=1.0):
        return pack(2.0 * factor * x, x * x)

    def pullback(z_grad, z, x, factor=1.0):
        a, b = unpack(z_grad)
        double, _ = unpack(z)
        return (2.0 * factor * a + b * double / factor,)

    def push(tangents, z, x, factor=1.0):
        return pack(2.0 * factor * tangents[0], 2.0 * x * tangents[0])

    made = gd.custom_operation(forward, pullback, push if pushforward else None)
    return made, unpack


@pytest.fixture(params=[False, True], ids=["reverse only", "both directions"])
def pushforward(request):
    return request.param


@pytest.mark.parametrize("structure", STRUCTURES)
class TestSeveralResults:
    def cubes(self, structure, pushforward):
        """Return x -> sum of 2 x**3, through both results."""
        operation, unpack = declared(structure, pushforward=pushforward)
        return lambda x: np.sum(np.multiply(*unpack(operation(x))))

    def test_have_the_structure(self, structure, pushforward):
        operation, unpack = declared(structure, pushforward=pushforward)
        plain, recorded = operation(3.0), operation(node(3.0))
        assert type(plain) is type(recorded) is type(STRUCTURES[structure][0](0, 0))
        assert unpack(plain) == (6.0, 9.0) or unpack(plain) == [6.0, 9.0]
        assert [x.value for x in unpack(recorded)] == [6.0, 9.0]

    def test_derivatives_of_any_order(self, structure, pushforward):
        f = self.cubes(structure, pushforward)
        np.testing.assert_allclose(gd.grad(f)(X), 6 * X**2)
        np.testing.assert_allclose(gd.hessian(f)(X), np.diag(12 * X))
        np.testing.assert_allclose(gd.hvp(f, X, X), 12 * X * X)
        gd.check_gradients(f, (X,), order=2)
        assert gd.grad(gd.grad(gd.grad(f)))(2.0) == 12.0

    def test_one_result_alone(self, structure, pushforward):
        operation, unpack = declared(structure, pushforward=pushforward)
        for i, derivative in enumerate((2.0, 6.0)):
            f = lambda x, i=i: unpack(operation(x))[i]  # noqa: E731
            assert gd.grad(f)(3.0) == derivative
            assert gd.jvp(f, (3.0,), (1.0,))[1] == derivative
            assert gd.compile(gd.grad(f))(3.0) == derivative

    def test_compiled_and_mapped(self, structure, pushforward):
        f = self.cubes(structure, pushforward)
        np.testing.assert_allclose(gd.compile(gd.grad(f))(X), 6 * X**2)
        np.testing.assert_allclose(gd.compile(gd.hessian(f))(X), np.diag(12 * X))
        np.testing.assert_allclose(gd.vmap(gd.grad(f))(X), 6 * X**2)
        np.testing.assert_allclose(gd.compile(gd.vmap(gd.grad(f)))(X), 6 * X**2)
        pushed = gd.compile(lambda x: gd.jvp(f, (x,), (x,))[1])
        np.testing.assert_allclose(pushed(X), np.sum(6 * X**3))

    def test_jacobians_and_keywords(self, structure, pushforward):
        operation, unpack = declared(structure, pushforward=pushforward)
        assert tuple(unpack(gd.jacobian(operation)(3.0))) == (2.0, 6.0)
        f = gd.grad(lambda x: unpack(operation(x, factor=5.0))[0])
        assert f(3.0) == 10.0
        assert gd.checkpoint(f)(3.0) == 10.0

    def test_explained(self, structure, pushforward):
        f = self.cubes(structure, pushforward)
        assert "forward" in str(gd.explain(f)(2.0))


class TestParts:
    def test_an_absent_cotangent_is_zero(self):
        seen = []

        def pullback(z_grad, z, x):
            seen.append(z_grad)
            return (z_grad["y"] + np.sum(z_grad["v"]),)

        f = gd.custom_operation(
            lambda x: {"y": x, "v": x * np.ones(2), "n": 3, "name": "a"}, pullback
        )
        assert gd.grad(lambda x: f(x)["y"])(2.0) == 1.0
        np.testing.assert_array_equal(seen[-1]["v"], np.zeros(2))
        assert (seen[-1]["n"], seen[-1]["name"]) == (0, None)
        assert gd.grad(lambda x: f(x)["v"][0])(2.0) == 1.0
        assert seen[-1]["y"] == 0.0
        assert gd.jvp(lambda x: f(x)["v"], (2.0,), (3.0,))[1].tolist() == [3.0, 3.0]

    def test_parts_that_are_no_floats_are_plain(self):
        f = gd.custom_operation(
            lambda x: (x * x, 4, "text", np.argmax(x)),
            lambda z_grad, z, x: (2 * x * z_grad[0],),
        )
        z = f(node(X))
        assert isinstance(z[0], node)
        assert z[1:] == (4, "text", 0)
        f = gd.custom_operation(lambda x: (1, True), lambda z_grad, z, x: (None,))
        assert f(node(X)) == (1, True)

    def test_a_forward_that_cannot_be_traced(self):
        def forward(x):
            return {"sin": np.sin(float(x)), "cos": np.cos(float(x))}

        f = gd.custom_operation(
            forward, lambda g, z, x: (g["sin"] * z["cos"] - g["cos"] * z["sin"],)
        )
        for name, expected in (("sin", np.cos), ("cos", lambda x: -np.sin(x))):
            fast = gd.compile(gd.grad(lambda x, name=name: f(x)[name]))
            for x in (0.3, 1.2):
                np.testing.assert_allclose(fast(x), expected(x), rtol=1e-14)

    def test_a_structure_that_changes_between_calls_is_refused(self):
        def forward(x):
            x = float(x)
            return {"a" if x > 0 else "b": x}

        f = gd.custom_operation(forward, lambda g, z, x: (g["a"],))
        fast = gd.compile(lambda x: f(x)["a"])
        assert fast(1.0) == 1.0
        with pytest.raises(ShapeError, match="Return the same one in each call"):
            fast(-1.0)

    def test_a_pushforward_of_another_structure_is_refused(self):
        f = gd.custom_operation(
            lambda x: {"a": x, "b": x},
            lambda g, z, x: (g["a"] + g["b"],),
            lambda dots, z, x: {"a": dots[0]},
        )
        with pytest.raises(ShapeError, match="in the structure of the results"):
            gd.jvp(f, (1.0,), (1.0,))

    def test_an_absent_tangent_of_a_part(self):
        f = gd.custom_operation(
            lambda x: {"a": x, "b": x},
            lambda g, z, x: (g["a"],),
            lambda dots, z, x: {"a": dots[0], "b": None},
        )
        assert gd.jvp(f, (1.0,), (3.0,))[1] == {"a": 3.0, "b": 0.0}

    def test_a_node_from_outside_is_refused(self):
        outside = node(2.0)
        f = gd.custom_operation(lambda x: [x, x * outside], lambda g, z, x: (g[0],))
        with pytest.raises(EscapeError, match="used a node from outside"):
            f(node(1.0))

    def test_a_foreign_result_is_refused(self):
        f = gd.custom_operation(
            lambda x: (x, np.ma.masked_array(x, x > 0)), lambda g, z, x: (g[0],)
        )
        with pytest.raises(ArgumentError, match="MaskedArray"):
            f(node(X))


# ----------------------------------------------------- what is kept cannot be changed


@dataclasses.dataclass
class Settings:
    weights: object


Weights = namedtuple("Weights", "w")
HOLDERS = {
    "array": (lambda w: w, lambda p: p),
    "list": (lambda w: [w], lambda p: p[0]),
    "tuple": (lambda w: (w, 1), lambda p: p[0]),
    "dict": (lambda w: {"w": w}, lambda p: p["w"]),
    "ordered": (lambda w: OrderedDict(w=w), lambda p: p["w"]),
    "nested": (lambda w: {"a": [(w,)]}, lambda p: p["a"][0][0]),
    "named tuple": (Weights, lambda p: p.w),
    "dataclass": (Settings, lambda p: p.weights),
}


@pytest.mark.parametrize("by_keyword", [False, True])
@pytest.mark.parametrize("holder", HOLDERS)
def test_an_array_given_to_an_operation_may_be_changed_afterwards(holder, by_keyword):
    pack, unpack = HOLDERS[holder]

    def pullback(z_grad, z, x, p):
        return (z_grad * unpack(p),) if by_keyword else (z_grad * unpack(p), None)

    f = gd.custom_operation(lambda x, p: np.sum(x * unpack(p)), pullback)
    x, w = node(np.ones(2)), np.array([1.0, 2.0])
    z = f(x, p=pack(w)) if by_keyword else f(x, pack(w))
    w[:] = 99.0
    z.backward()
    np.testing.assert_array_equal(x.grad, [1.0, 2.0])


def test_a_result_may_be_a_buffer_that_is_used_again():
    buffer = np.empty(2)
    f = gd.custom_operation(
        lambda x: np.multiply(x, 2.0, out=buffer), lambda g, z, x: (2.0 * g,)
    )
    x = np.array([1.0, 2.0])
    first, second = f(node(x)), f(node(10 * x))
    np.testing.assert_array_equal(first.value, [2.0, 4.0])
    np.testing.assert_array_equal(second.value, [20.0, 40.0])


def test_a_gradient_is_no_array_of_the_pullback_s():
    weights = np.array([5.0, 6.0])
    f = gd.custom_operation(lambda x: np.sum(x * weights), lambda g, z, x: (weights,))
    gd.grad(f)(np.ones(2))[:] = 0.0
    assert weights.tolist() == [5.0, 6.0]


@pytest.mark.parametrize("holder", HOLDERS)
def test_an_array_given_to_a_checkpoint_may_be_changed_afterwards(holder):
    pack, unpack = HOLDERS[holder]
    x, w = node(np.ones(2)), np.array([1.0, 2.0])
    z = gd.checkpoint(lambda x, p: np.sum(x * x * unpack(p)))(x, pack(w))
    w[:] = 99.0
    z.backward()
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])


CALLS = {
    "index": lambda x, i: x[i],
    "index in a tuple": lambda x, i: np.stack([x, x])[0, i],
    "take": np.take,
    "take_along_axis": lambda x, i: np.take_along_axis(x, i, 0),
    "a mask of sums": lambda x, i: np.sum(x, where=i > 0),
    "a mask": lambda x, i: np.add(x, 1.0, where=i.view(bool)[::8]),
    "where": lambda x, i: np.where(i, x, 0.0),
    "repeat": np.repeat,
    "compress": lambda x, i: np.compress(i, x),
    "choose": lambda x, i: np.choose(i, [x, 2.0 * x]),
    "roll": np.roll,
    "average": lambda x, i: np.average(x, weights=i + 0.5),
    "scan": lambda x, i: gd.scan(lambda c, k: (c * (k + c), c), x, i)[0],
    "segments": lambda x, i: gd.scan(
        lambda c, k: (c * (k + c), c), x, i, checkpoint=1)[0],
    "compiled": gd.compile(lambda x, i: x * x * i),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_parameters_may_be_changed_afterwards(name):
    f, start, places = CALLS[name], np.array([3.0, 4.0]), np.array([1, 0])
    value, pullback = gd.vjp(lambda x: f(x, places.copy()), start)
    x = node(start)
    z = f(x, places)
    places[:] = [0, 1]
    z.backward(np.ones_like(value))
    np.testing.assert_array_equal(x.grad, pullback(np.ones_like(value))[0])


def no_return(*_):
    np.square(2.0)


@pytest.mark.parametrize("place", ["forward", "pullback", "pushforward"])
def test_a_function_that_forgets_its_return_is_refused(place):
    functions = {"forward": np.square, "pullback": np.square, place: no_return}
    with pytest.raises(ArgumentError, match=rf"The {place} given .* returns nothing"):
        gd.custom_operation(**functions)
