"""Functions and classes of values that a program adds, and the traces that it reads."""

import dataclasses
import functools
import importlib

import numpy as onp
import pytest

import chainrule as gd
from chainrule import compat


@pytest.fixture(autouse=True)
def alias():
    compat.install_as_autograd()
    yield
    compat.uninstall_autograd()


def ag(name):
    return importlib.import_module(f"autograd{name}")


def cubes():
    """One function x * y * y, its derivative said in each of autograd's ways."""
    e = ag(".extend")

    def declared(declare):
        @e.primitive
        def f(x, y):
            assert not ag(".tracer").isbox(x)
            return x * y * y

        declare(f)
        return f

    def vjp(f):
        e.defvjp(
            f,
            lambda ans, x, y: lambda g: g * y * y,
            lambda ans, x, y: lambda g: 2 * g * x * y,
        )

    def vjp_argnums(f):
        e.defvjp(f, lambda ans, x, y: lambda g: g * y * y)
        e.defvjp(f, lambda *a: None, lambda ans, x, y: lambda g: g, argnums=(0, 1))
        vjp(f)

    def argnum(f):
        def maker(i, ans, args, kwargs):
            x, y = args
            return lambda g: g * (2 * x * y if i else y * y)

        e.defvjp_argnum(f, maker)

    def argnums(f):
        def maker(numbers, ans, args, kwargs):
            x, y = args
            return lambda g: [g * (2 * x * y if i else y * y) for i in numbers]

        e.defvjp_argnums(f, maker)

    def both(f):
        vjp(f)
        e.defjvp(f, "same", lambda g, ans, x, y: 2 * g * x * y)

    def jvp(f):
        e.defjvp(f, lambda g, ans, x, y: g * y * y, lambda g, ans, x, y: 2 * g * x * y)

    def jvp_argnum(f):
        argnum(f)
        e.defjvp_argnum(
            f,
            lambda i, g, ans, args, kw: (
                g * (2 * args[0] * args[1] if i else args[1] ** 2)
            ),
        )

    def jvp_argnums(f):
        def tangent(numbers, gs, ans, args, kwargs):
            x, y = args
            parts = [
                g * (2 * x * y if i else y * y)
                for i, g in zip(numbers, gs, strict=True)
            ]
            return sum(parts)

        vjp(f)
        e.defjvp_argnums(f, tangent)

    ways = (vjp, vjp_argnums, argnum, argnums, both, jvp, jvp_argnum, jvp_argnums)
    return {way.__name__: declared(way) for way in ways}


@pytest.mark.parametrize(
    "at", [(2.0, 3.0), (onp.array([1.0, 2.0]), onp.array([3.0, 4.0]))]
)
@pytest.mark.parametrize("under_checkpoint", [False, True])
def test_each_way_to_declare_serves_every_order_in_both_modes(at, under_checkpoint):
    a = ag("")
    for f in cubes().values():
        g = a.checkpoint(f) if under_checkpoint else f
        assert onp.array_equal(g(*at), at[0] * at[1] ** 2)
        a.test_util = ag(".test_util")
        a.test_util.check_grads(g, argnum=(0, 1), order=3)(*at)
        slope = a.grad(lambda x, y, g=g: ag(".numpy").sum(g(x, y)), 1)(*at)
        assert onp.allclose(slope, 2 * at[0] * at[1])


def test_a_primitive_without_a_rule_says_so_when_it_is_called():
    e, grad = ag(".extend"), ag("").grad

    @e.primitive
    def f(x, y):
        return x * y

    assert f(2.0, 3.0) == 6.0
    with pytest.raises(NotImplementedError, match="VJP of f wrt argnums"):
        grad(f)(2.0, 3.0)
    e.defvjp(f, None)
    assert grad(f)(2.0, 3.0) == 0.0
    with pytest.raises(NotImplementedError, match="wrt argnums"):
        grad(f, 1)(2.0, 3.0)
    with pytest.raises(NotImplementedError, match="keyword"):
        grad(lambda x: f(x, y=x))(2.0)


def test_forward_mode_alone_of_a_function_that_is_its_own_tangent():
    e = ag(".extend")
    twice = e.primitive(lambda x: 2 * x)
    e.def_linear(twice)
    assert ag("").deriv(twice)(1.0) == 2.0
    with pytest.raises(NotImplementedError, match="defvjp"):
        ag("").grad(twice)(1.0)


def test_a_primitive_of_containers_and_one_of_results():
    e, np = ag(".extend"), ag(".numpy")

    @e.primitive
    def dot(xs, ys):
        assert not any(map(ag(".tracer").isbox, xs))
        return sum(x * y for x, y in zip(xs, ys, strict=True)), 1.0

    def vjp(ans, xs, ys):
        assert ag(".builtins").isinstance(ans, tuple)
        return lambda g: [g[0] * y for y in ys]

    e.defvjp(dot, vjp, None)
    slopes = ag("").grad(lambda p: dot(p, [1.0, 2.0])[0] ** 2)([3.0, 4.0])
    assert slopes == [22.0, 44.0]

    product = e.primitive(lambda xs: np.array(xs["a"]) @ np.array(xs["b"]))
    e.defvjp(
        product,
        lambda ans, xs: lambda g: {"a": g * np.array(xs["b"]), "b": (g, np.array(g))},
    )
    rows = {"a": [1.0, 2.0], "b": (3.0, 4.0)}
    whole = ag("").grad(product)(rows)
    assert whole == {"a": [3.0, 4.0], "b": (1.0, 1.0)}
    assert (type(whole["a"]), type(whole["b"])) == (list, tuple)
    squares = lambda x: product({"a": [x, x], "b": (x, 0.0)})  # noqa: E731
    assert ag("").grad(ag("").grad(squares))(5.0) == 1.0

    @e.primitive
    def passed_on(xs):
        return np.sum(np.array(xs) ** 2)

    assert ag("").grad(lambda x: passed_on([x, 2.0]))(3.0) == 6.0


def test_boxes_in_the_objects_of_a_primitive_are_of_its_arguments():
    e, np = ag(".extend"), ag(".numpy")

    def square(box):
        run = e.primitive(lambda x: (box * box, x))
        e.defvjp(run, lambda ans, x: lambda g: 2 * g[0] * x)
        return run

    assert ag("").grad(lambda x: square(x)(x)[0])(3.0) == 6.0

    def both(x):
        y = np.sin(x)
        return square(y + y)(y)[0]

    assert ag("").grad(both)(0.5) == pytest.approx(2 * onp.sin(0.5) * onp.cos(0.5))
    with pytest.raises(gd.errors.EscapeError, match="would be lost"):
        ag("").grad(lambda x: square(x)(x * 1.0)[0])(3.0)


def test_a_function_of_numpys_is_given_a_rule_under_every_name_that_it_has():
    np, e = ag(".numpy"), ag(".extend")
    known = np.i0, np.sinc
    before = np.unwrap
    try:
        e.defvjp(np.unwrap, lambda ans, x: lambda g: 7.0 * g)
        assert ag("").grad(lambda x: np.sum(before(x)))(onp.ones(2)).tolist() == [
            7.0,
            7.0,
        ]
        assert np.unwrap is before
        assert before(onp.ones(2)).tolist() == [1.0, 1.0]
    finally:
        from chainrule.compat import namespaces

        before.__code__ = namespaces._SERVED.__code__
        before.__globals__.pop("overriding")
    assert known == (np.i0, np.sinc)


def test_sparse_cotangents_and_sums_as_rules_of_programs_give_them():
    e, vjps = ag(".extend"), ag(".numpy.numpy_vjps")

    @e.primitive
    def first(x):
        return x[0]

    def maker(ans, x):
        def vjp(g):
            def add(zeros):
                zeros[0] += g
                return zeros

            return e.SparseObject(e.vspace(x), add)

        return vjp

    e.defvjp(first, maker)
    assert ag("").grad(lambda x: first(x) ** 2)(onp.array([3.0, 1.0])).tolist() == [
        6.0,
        0.0,
    ]
    assert ag("").hessian(lambda x: first(x) ** 2)(onp.ones(2))[0, 0] == 2.0

    @e.primitive
    def times(x, y):
        return x * y

    e.defvjp(
        times,
        lambda ans, x, y: vjps.unbroadcast_f(x, lambda g: y * g),
        lambda ans, x, y: vjps.unbroadcast_f(y, lambda g: x * g),
    )
    ag(".test_util").check_grads(times, argnum=(0, 1))(2.0, onp.array([1.0, 2.0]))
    assert vjps.replace_zero(onp.array([0.0, 2.0]), 1.0).tolist() == [1.0, 2.0]


# ----------------------------------------------------------------------------- traces


def test_a_trace_of_reverse_nodes_by_hand():
    core, tracer, np = ag(".core"), ag(".tracer"), ag(".numpy")
    start = core.VJPNode.new_root()
    value, end = tracer.trace(start, lambda x: np.sin(x) * x, 2.0)
    assert value == onp.sin(2.0) * 2.0
    assert core.backward_pass(1.0, end) == gd.grad(lambda x: np.sin(x) * x)(2.0)
    order = list(tracer.toposort(end))
    assert order[0] is end
    assert order[-1] is start
    assert len(order) == 3
    _, end = tracer.trace(
        core.VJPNode.new_root(), lambda p: p["a"] * p["b"][0], {"a": 2.0, "b": [3.0]}
    )
    assert core.backward_pass(1.0, end) == {"a": 3.0, "b": [2.0]}
    _, end = tracer.trace(core.JVPNode.new_root(1.0), np.sin, 0.0)
    assert end.g == 1.0


def test_boxes_are_made_by_hand_and_tell_their_traces():
    core, tracer = ag(".core"), ag(".tracer")
    with tracer.trace_stack.new_trace() as t:
        x = tracer.new_box(3.0, t, core.VJPNode.new_root())
        y = x * x
        assert x._trace == y._trace == t == tracer.trace_stack.top
        assert tracer.getval(y) == y._value == 9.0
        assert y._node.parents == (
            x._node,
            x._node,
        )
        with tracer.trace_stack.new_trace() as inner:
            z = tracer.new_box(y, inner, core.VJPNode.new_root())
            assert (z * x)._trace == inner > (x * y)._trace
    with pytest.raises(TypeError, match="differentiate"):
        tracer.new_box("text", 0, None)
    assert tracer.isbox(ag(".numpy.numpy_boxes").ArrayBox(1.0, 0, None))


def test_nodes_of_a_programs_own_see_each_step():
    tracer, np = ag(".tracer"), ag(".numpy")
    lines = []

    class Step(tracer.Node):
        def __init__(self, value, fun, args, kwargs, parent_argnums, parents):
            assert onp.allclose(fun(*args, **kwargs), value)
            lines.append((fun.__name__, value))

        def initialize_root(self, x):
            lines.append(("root", x))

    tracer.trace(Step.new_root(1.0), lambda x: np.sin(x + x) / 2, 1.0)
    assert [name for name, _ in lines] == ["root", "add", "sin", "divide"]
    lines.clear()
    tracer.trace(Step.new_root(1.0), ag("").grad(lambda x: x**3), 2.0)
    assert lines[-1][1] == 12.0


def test_a_fixed_point_and_graphs_of_functions():
    fixed = ag(".misc.fixed_points").fixed_point
    np = ag(".numpy")

    def newton(a):
        return lambda x: 0.5 * (x + a / x)

    def root(a, x0):
        return fixed(newton, a, x0, lambda x, y: abs(x - y), 1e-12)

    assert abs(ag("").grad(root)(2.0, 1.0) - 0.5 / onp.sqrt(2.0)) < 1e-9
    second = ag("").grad(ag("").grad(root))(2.0, 1.0)
    assert abs(second + 0.25 * 2.0**-1.5) < 1e-6
    calls = []

    def f(x, y):
        calls.append(1)
        return np.sum(np.outer(x, y)) * functools.reduce(np.add, [x[0], y[0]])

    graph = ag(".misc").const_graph(f)
    at = onp.array([1.0, 2.0]), onp.array([3.0])
    assert graph(*at) == f(*at) == graph(*at)
    assert len(calls) == 2
    assert ag(".misc.tracers").full_graph(f, *at).value == f(*at)


def test_vector_spaces_of_a_programs_own_classes_of_values():
    core = ag(".core")

    class Space(core.VSpace):
        def __init__(self, value):
            self.kind = type(value).__name__

    class Thing:
        pass

    Space.register(Thing)
    assert core.vspace(Thing()) == Space(Thing()) != core.vspace(1.0)
    with pytest.raises(TypeError, match="vector space"):
        core.vspace("text")


# ------------------------------------------------------------------------------ SciPy


def test_signals_and_differential_equations():
    np, signal, integrate = ag(".numpy"), ag(".scipy.signal"), ag(".scipy.integrate")
    check = ag(".test_util").check_grads
    rng = onp.random.default_rng(0)
    a, b = rng.normal(size=(3, 5)), rng.normal(size=(3, 4))
    for mode in ("full", "valid", "same"):
        z = signal.convolve(a, b, axes=([1], [1]), dot_axes=([0], [0]), mode=mode)
        assert onp.allclose(
            z, sum(onp.convolve(x, y, mode) for x, y in zip(a, b, strict=True))
        )
    check(lambda a, b: signal.convolve(a, b, axes=([1], [1])), argnum=(0, 1))(a, b)
    for mode in ("full", "valid"):
        left = signal.convolve(
            a[:, :2], b, axes=([1], [1]), dot_axes=([0], [0]), mode=mode
        )
        right = signal.convolve(
            b, a[:, :2], axes=([1], [1]), dot_axes=([0], [0]), mode=mode
        )
        assert onp.allclose(left, right)

    def decay(y, t, rate):
        return -rate * y

    def last(y0, t, rate):
        return np.sum(integrate.odeint(decay, y0, t, (rate,))[-1])

    at = onp.array([2.0]), onp.array([0.0, 0.5, 1.0]), 0.7
    end = 2.0 * onp.exp(-0.7)
    y_bar, t_bar, rate_bar = ag("").grad(last, (0, 1, 2))(*at)
    assert onp.allclose(y_bar, onp.exp(-0.7), rtol=1e-5)
    assert onp.allclose(t_bar, [0.7 * end, 0.0, -0.7 * end], rtol=1e-5, atol=1e-6)
    assert onp.allclose(rate_bar, -end, rtol=1e-5)


def test_functions_that_are_not_traced_get_plain_values():
    e, grad = ag(".extend"), ag("").grad
    seen = []
    sign = e.notrace_primitive(lambda x: seen.append(x) or onp.sign(x))
    assert grad(lambda x: sign(x) * x**2)(-3.0) == 6.0
    assert type(seen[0]) is float
    step = e.primitive(onp.floor)
    e.register_notrace(ag(".core").VJPNode, step)
    e.register_notrace(ag(".core").JVPNode, step)
    assert grad(lambda x: step(x) * x)(2.5) == 2.0
    value, slope = ag(".core").make_jvp(lambda x: step(x) * x, 2.5)(1.0)
    assert (value, slope) == (5.0, 2.0)


def test_primitives_keep_their_rules_in_forward_mode_and_second_order():
    e = ag(".extend")
    cube = e.primitive(lambda x: x**3)
    e.defvjp(cube, lambda ans, x: lambda g: g * 3 * x**2)
    assert ag("").make_jvp(cube)(2.0)(1.0) == (8.0, 12.0)
    assert ag("").make_jvp(ag("").grad(cube))(2.0)(1.0) == (12.0, 12.0)
    assert ag("").hessian(cube)(2.0) == 12.0


def test_a_box_given_by_keyword_alone_runs_through_the_function_itself():
    power = ag(".extend").primitive(lambda x, p=1: x**p)
    assert onp.isclose(ag("").grad(lambda p: power(2.0, p=p))(2.0), 4 * onp.log(2))


def test_python_s_complex_numbers_are_results_of_primitives():
    np, e = ag(".numpy"), ag(".extend")
    turned = e.primitive(lambda x: x * 1j)
    e.defvjp(turned, lambda ans, x: lambda g: g * 1j)
    assert ag("").grad(lambda x: np.abs(turned(x) + 1.0) ** 2)(2.0) == 4.0
    own = gd.custom_operation(lambda x: x * 1j, lambda g, z, x: (g * 1j,))
    assert gd.grad(lambda x: np.real(own(x) * own(x)))(2.0) == -4.0


def test_derivatives_of_one_array_share_memory_with_nobody():
    a = onp.ones((2, 3))
    for f in (lambda x: x, lambda x: x.T, lambda x: x.T[:], lambda x: x[::-1].T):
        z = onp.ones(onp.shape(f(a)))
        pullback, value = ag("").make_vjp(f)(a)
        bar, dot = pullback(z), ag("").make_jvp(f)(a)(a)[1]
        for result in (value, bar, dot):
            result[:] = 7.0
        for kept in (a, z, pullback(z)):
            assert (kept == 1).all()


def test_boxes_of_derivatives_have_nodes_with_parents_and_tangents():
    np, seen = ag(".numpy"), []

    def f(x):
        y = np.sin(x) * x
        seen.append((x._node, y._node))
        return y

    ag("").grad(f)(2.0)
    x, y = seen.pop()
    assert type(x) is type(y) is ag(".core").VJPNode
    assert x in y.parents
    ag("").make_jvp(f)(2.0)(3.0)
    x, y = seen.pop()
    assert type(x) is ag(".core").JVPNode
    assert x.g == 3.0
    assert onp.isclose(y.g, 3 * (onp.cos(2.0) * 2 + onp.sin(2.0)))


def test_cotangents_of_a_tuple_may_be_in_a_list():
    pullback, _ = ag("").make_vjp(lambda x: (x * x, (3.0 * x, {"a": x})))(2.0)
    for g in ((1.0, (1.0, {"a": 1.0})), [1.0, [1.0, {"a": 1.0}]]):
        assert pullback(g) == 8.0
    pullback, _ = ag("").make_vjp(lambda x: [x[0], x[1] * x[0]])(onp.array([2.0, 3.0]))
    assert pullback(onp.array([1.0, 1.0])).tolist() == [4.0, 2.0]
    assert pullback([1.0, 1.0, 5.0]).tolist() == [4.0, 2.0]
    for g in ([1.0], 1.0):
        with pytest.raises(ValueError, match="2 parts"):
            pullback(g)
    tangent = ag("").make_jvp(lambda x: x[0] * x[1])((2.0, 3.0))([1.0, 1.0])[1]
    assert tangent == 5.0


def test_a_class_of_values_that_are_no_numbers_is_refused_with_the_way_out():
    class Point:
        def __init__(self, x):
            self.x = x

    class PointBox(ag(".extend").Box):
        pass

    PointBox.register(Point)
    with pytest.raises(TypeError, match=r"class Point\. .* dataclass"):
        ag("").grad(lambda p: p.x**2)(Point(3.0))
    made = dataclasses.make_dataclass("Point", ["x", "y"])
    bar = ag("").grad(lambda p: p.x**2 * p.y)(made(3.0, 2.0))
    assert (bar.x, bar.y) == (12.0, 9.0)
