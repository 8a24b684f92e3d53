"""Arrays that change: NumPy's semantics, and the derivatives of what it computes."""

from __future__ import annotations

import gc
import operator
import pickle
import weakref

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import EscapeError, ReadOnlyError, RecordingError, StaleValueError
from chainrule.nodes import node
from chainrule.transforms.inputs import input_node
from chainrule.values.versions import NOTED, WRITTEN
from tests.programs_in_place import (
    PROGRAMS,
    WEIGHTS,
    M,
    V,
    assert_as_numpy,
    differences,
    moved,
    random_program,
)

X = np.array([1.0, 2.0, 3.0])


def array(*given):
    """Return a node that may be written, as a transform hands it to a function."""
    return input_node(np.array(*given), copy=False, integers=True)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name):
    assert_as_numpy(*PROGRAMS[name])


@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed):
    x = np.random.default_rng(seed).uniform(0.5, 1.5, (3, 4) if seed % 2 else (4,))
    x = np.asfortranarray(x) if seed % 3 else x
    f, step = random_program(seed), np.cos(np.arange(x.size)).reshape(x.shape)
    value, grad = gd.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(moved(x, 0.0)), rtol=1e-12)
    h = 1e-6
    slope = (f(moved(x, h * step)) - f(moved(x, -h * step))) / (2 * h)
    np.testing.assert_allclose(np.sum(grad * step), slope, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(gd.jvp(f, (x,), (step,))[1], np.sum(grad * step))


def test_complex_parts_are_views():
    def f(z):
        z = z * 1.0
        a, b = z.real, z.imag
        a += 1.0
        b[0] = a[1] * 2.0
        z *= z
        return np.sum(np.abs(z) ** 2) + np.sum(a * b)

    z = np.array([1.0 + 2.0j, 3.0 - 1.0j])
    assert gd.value_and_grad(f)(z)[0] == f(z.copy())
    gd.check_gradients(f, (z,), order=2)


# ----------------------------------------------------------------- what does not change


def test_complex_parts_are_assigned():
    def f(z):
        z = z * 1.0
        z.imag *= 2.0
        z.real += z.imag**2
        z.real = z.imag * z.real
        return np.sum(np.abs(z) ** 2 * WEIGHTS)

    z = V + 1j * V[::-1]
    np.testing.assert_allclose(gd.value_and_grad(f)(z)[0], f(z))
    found = gd.grad(f)(z)
    for turn in (1.0, 1j):
        for i, step in enumerate(1e-6 * np.eye(4)):
            slope = (f(z + turn * step) - f(z - turn * step)) / 2e-6
            np.testing.assert_allclose((found[i].conjugate() * turn).real, slope, 1e-5)
    with pytest.raises(TypeError, match="imaginary part"):
        array([1.0]).imag = 2.0


@pytest.mark.parametrize("part", ["real", "imag"])
def test_complex_parts_may_be_infinite(part):
    """The other part stays, where z + 1j * inf would be nan."""

    def f(x):
        z = x * (1.0 + 2.0j)
        setattr(z, part, [np.inf, -np.inf, np.nan, 1.0])
        other = z.imag if part == "real" else z.real
        return np.sum(other**2), z

    def first(x):
        return f(x)[0]

    expected, z = f(V.copy())
    (value, found), slope = gd.value_and_grad(f, has_aux=True)(V)
    assert value == expected
    np.testing.assert_array_equal(found, z)
    np.testing.assert_allclose(slope, differences(first, V), rtol=1e-6)
    for executor in ("numpy", "native"):
        fast = gd.compile(gd.value_and_grad(first), executor=executor)
        np.testing.assert_allclose(fast(V)[1], slope)
        assert fast.stats()["nan_reruns"] == 0


def test_an_infinite_derivative_in_an_imaginary_part():
    slope = gd.grad(lambda z: np.sqrt(z.imag))(1.0 + 0.0j)
    assert (slope.real, slope.imag) == (0.0, np.inf)


def test_nan_to_num_of_infinite_parts():
    z = np.array([1.0 + 1j * np.nan, complex(2.0, np.inf)])
    found = gd.value_and_grad(
        lambda z: (1.0, np.nan_to_num(z, posinf=np.inf)), has_aux=True
    )
    np.testing.assert_array_equal(found(z)[0][1], np.nan_to_num(z, posinf=np.inf))


def test_entries_of_flat_are_copies():
    x = array([1.0, 2.0, 3.0])
    part = x.flat[:2]
    part *= 5.0
    np.testing.assert_array_equal(x.value, X)
    x.flat[:2] += 1.0
    np.testing.assert_array_equal(x.value, [2.0, 3.0, 3.0])


def test_an_array_of_objects_that_stands_for_a_node_is_not_written():
    def f(x, convert):
        y = convert(x)
        y *= 2.0
        return np.sum(y) + np.sum(x)

    np.testing.assert_array_equal(gd.grad(f)(X, np.array), [3.0, 3.0, 3.0])
    for convert in (np.asarray, np.asanyarray, np.ascontiguousarray):
        with pytest.raises(ValueError, match="read-only"):
            gd.grad(f)(X, convert)


def test_callers_arrays_stay():
    def f(x):
        x *= 3.0
        return np.sum(x**2)

    x = X.copy()
    for result in (gd.grad(f)(x), gd.vjp(f, x)[1](1.0)[0], gd.hvp(f, x, X)):
        np.testing.assert_allclose(result, 18.0 * x)
    np.testing.assert_array_equal(x, X)


def test_numbers_rebind():
    x = node(2.0)
    y = x
    y += 3.0
    assert (x.value, y.value) == (2.0, 5.0)
    v = array(X)
    z = v[0]
    z += 1.0
    np.testing.assert_array_equal(gd.value(v), X)
    assert gd.value(z) == 2.0
    total = np.sum(v)
    other = total
    total *= 2.0
    assert (gd.value(other), gd.value(total)) == (6.0, 12.0)


def test_a_zero_dimensional_array_is_changed():
    y = input_node(np.array(2.0), copy=False, integers=True)
    z = y
    z += 1.0
    z[...] *= 2.0
    assert type(y._value) is np.ndarray
    assert gd.value(y) == 6.0


@pytest.mark.parametrize(
    "change",
    [
        operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ipow,
        operator.imod, operator.ifloordiv,
    ],
)  # fmt: skip
def test_dtypes_and_layouts_stay(change):
    for order in "CF":
        x = np.array(np.arange(1.0, 7.0).reshape(2, 3), np.float32, order=order)
        y = input_node(x.copy(order="K"), copy=False, integers=True)
        with np.errstate(all="ignore"):
            expected, found = change(x.copy(order="K"), X), change(y, X)
        assert found is y
        assert y.dtype == np.float32
        assert y._value.strides == expected.strides
        np.testing.assert_allclose(gd.value(y), expected, rtol=1e-6)


def test_float32_differentiates_as_float32():
    def f(x):
        y = x * x
        y += X * 0.1
        y[0] = np.float64(1.5) * x[1]
        return np.sum(y * y)

    grad = gd.grad(f)(X.astype(np.float32))
    assert grad.dtype == np.float32
    np.testing.assert_allclose(grad, gd.grad(f)(X), rtol=1e-5)


def test_an_unshared_array_goes_on():
    x = node(X)
    y = x * 2.0
    y += x
    np.sum(y * y).backward()
    np.testing.assert_allclose(x.grad, 18.0 * X)


# --------------------------------------------------------------------------- refusals


WRONG = {
    "shapes": (lambda y: y.__iadd__(np.ones((2, 3))), "non-broadcastable output"),
    "shape of a part": (lambda y: y.__setitem__(slice(2), np.ones(3)), "broadcast"),
    "complex into real": (lambda y: y.__iadd__(1j * np.ones(3)), "Cannot cast"),
    "outside": (lambda y: y.__setitem__(5, 1.0), "out of bounds"),
    "too many indices": (lambda y: y.__setitem__((0, 0), 1.0), "too many indices"),
    "broadcast": (lambda y: np.broadcast_to(y, (2, 3)).__imul__(2), "read-only"),
    "broadcast part": (
        lambda y: np.broadcast_to(y, (2, 3))[0].__setitem__(0, 2), "read-only"
    ),
    "diagonal": (lambda y: np.diagonal(np.outer(y, y)).__setitem__(0, 2), "read-only"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_wrong_writes_are_refused_as_numpy_does(name):
    write, says = WRONG[name]
    with pytest.raises((ValueError, TypeError, IndexError)) as plain:
        write(X.copy())
    y = array(X)
    z = y * 1.0
    for target in (y, z):
        with pytest.raises(plain.type, match=says):
            write(target)
        np.testing.assert_array_equal(gd.value(target), X)


def test_read_only_views_name_the_remedy():
    with pytest.raises(ReadOnlyError, match=r"np.broadcast_to.*np.copy\(x\)"):
        np.broadcast_to(array(X), (2, 3))[0] += 1.0


def test_leaves_are_not_written():
    for write in (
        lambda x: x.__setitem__(0, 1.0),
        lambda x: x.__iadd__(1.0),
        lambda x: x[1:].__imul__(2.0),
    ):
        x = node(X)
        with pytest.raises(EscapeError, match=r"np.copy\(x\).*x.value = x.value - "):
            write(x)
        np.testing.assert_array_equal(x.value, X)
    y = np.copy(x)
    y[0] = 5.0
    np.sum(y * x).backward()
    np.testing.assert_array_equal(x.grad, [5.0, 4.0, 6.0])


def test_older_versions_are_not_written():
    y = array(X)
    z = y * 2.0
    y += 1.0
    old = z.grad_ops.vertices[0]
    assert old is not y
    with pytest.raises(RecordingError, match="before it was changed"):
        old += 1.0


def test_numbers_have_no_entries():
    with pytest.raises(TypeError, match="cannot be changed in place"):
        node(2.0)[()] = 1.0


def test_leaves_are_not_written_by_functions():
    y = node(X)
    for write in (lambda: np.add(X, 1.0, out=y), lambda: np.add.at(y, [0], 1.0)):
        with pytest.raises(EscapeError, match=r"np\.copy"):
            write()


# ------------------------------------------------------------------- the recording


def test_operations_keep_the_version_that_they_used():
    y = array(X)
    z = y * y
    w = y[1:]
    y *= 10.0
    np.testing.assert_array_equal(gd.value(z.grad_ops.vertices[0]), X)
    np.testing.assert_array_equal(gd.value(w), [20.0, 30.0])
    vertices, edges = [], {}
    gd.generate_graph(np.sum(z) + np.sum(w), vertices, edges)
    order = gd.topological_sort(vertices, edges)
    assert len(order) == len(vertices)
    assert y in edges


def test_pullbacks_keep_their_versions():
    def f(x):
        y = x * x
        out, pull = gd.vjp(lambda t: t * y, x)
        first = pull(np.ones(3))[0]
        y += 5.0
        out *= 2.0
        return np.sum(pull(np.ones(3))[0] * first) + np.sum(out)

    # The pullback is t -> t x**2, so that the first sum is that of x**4.
    np.testing.assert_allclose(gd.grad(f)(X), 4 * X**3 + 6 * X**2)


def test_a_closed_over_array_is_written_in_a_nested_gradient():
    def f(x):
        y = x * x

        def inner(t):
            y[0] = y[0] * t
            return t * y[0]

        slope = gd.grad(inner)(2.0)
        return slope * x[1] + np.sum(y)

    # inner(t) = t**2 x0**2, with slope 4 x0**2; then y[0] is 2 x0**2.
    expected = [8 * X[0] * X[1] + 4 * X[0], 4 * X[0] ** 2 + 2 * X[1], 2 * X[2]]
    np.testing.assert_allclose(gd.grad(f)(X), expected)


def test_jacobians_and_results_that_are_views():
    def f(x):
        y = x * x
        w = y[:2]
        y *= x[2]
        return w

    expected = [[6.0, 0.0, 1.0], [0.0, 12.0, 4.0]]
    for mode in ("reverse", "forward"):
        np.testing.assert_allclose(gd.jacobian(f, mode=mode)(X), expected)


def test_results_changed_after_the_transform():
    def f(x):
        value, grad = gd.value_and_grad(lambda t: np.sum(t**3))(x)
        grad *= value
        grad[0] = 0.0
        return np.sum(grad)

    total = np.sum(X**3)
    expected = 3 * X**2 * np.sum(3 * X[1:] ** 2) + np.r_[0, 6 * X[1:]] * total
    np.testing.assert_allclose(gd.grad(f)(X), expected)


def test_recordings_that_were_written_are_released():
    gc.collect()
    before = len(WRITTEN)
    gc.disable()
    try:
        x = node(X)
        y = x * x
        w = y[1:]
        y += x
        w *= 2.0
        np.sum(y[::-1] * w[0]).backward()
        seen = weakref.ref(y), weakref.ref(w), weakref.ref(y.operands[0])
        assert len(WRITTEN) > before
        del y, w
        assert [r() for r in seen] == [None] * 3
        assert len(WRITTEN) == before
    finally:
        gc.enable()


def test_views_that_are_gone_are_forgotten():
    x = node(M)
    for _ in range(20 * NOTED.bound):
        x[1:]
    assert len(NOTED) <= 2 * NOTED.bound
    y = x * 1.0
    for _ in range(100):
        y[0]
        y[1:] *= 1.0
    assert len(y._memory.views) <= 3


def test_pickles():
    x = node(X)
    y = x * x
    w = y[1:]
    z = np.sum(w)
    y *= x
    total = pickle.loads(pickle.dumps(z + np.sum(y) + np.sum(w)))
    assert gd.value(total) == gd.value(z + np.sum(y) + np.sum(w))
    total.backward()
    (leaf,) = [v for v in _vertices(total) if v.rule is None]
    expected = 3 * X**2 + np.r_[0, 2 * X[1:] + 3 * X[1:] ** 2]
    np.testing.assert_allclose(leaf.grad, expected)


def _vertices(z):
    vertices, edges = [], {}
    gd.generate_graph(z, vertices, edges)
    return vertices


def test_explain_shows_each_version():
    def f(x):
        y = x * x
        y += x
        w = y[1:]
        w *= 2.0
        x[0] = 3.0
        return np.sum(y * x)

    found = gd.explain(f)(X)
    assert found.error is None
    assert [v.operation for v in found.vertices] == [
        "input", "multiply", "add", "getitem", "multiply", "setitem", "setitem",
        "multiply", "sum",
    ]  # fmt: skip
    np.testing.assert_allclose(found.totals[0], gd.grad(f)(X))
    assert [v.name for v in found.vertices[:2]] == ["x", "y"]


# ------------------------------------------------------------ functions of functions


def test_checkpoint_writes_through_its_arguments():
    def step(y, by):
        y *= by
        y[1:] += y[:-1]
        return y * y, {"first": y[0]}

    def f(x, run=step):
        y = x * x
        w = y[1:]
        z, more = run(y, 2.0)
        return np.sum(z) * more["first"] + np.sum(y**2) + np.sum(w**3)

    assert f(V) == pytest.approx(gd.value_and_grad(f)(V)[0])
    again = lambda x: f(x, gd.checkpoint(step))  # noqa: E731
    for transform in (gd.grad, gd.hessian):
        np.testing.assert_allclose(transform(again)(V), transform(f)(V))
    dots = [gd.jvp(g, (V,), (V,))[1] for g in (f, again)]
    np.testing.assert_allclose(*dots)


def plain_beside_a_node(x, run):
    def step(y, b):
        b += 1.0
        return y * b

    b, step = np.zeros(4), run(step)
    return np.sum(step(step(x, b), b) ** 2) + np.sum(b)


def twice_the_same(x, run):
    def step(y, w, by):
        y *= 2.0
        by["rate"] += 1.0
        return y * w * by["rate"]

    y, by = x * 1.0, {"rate": np.ones(4)}
    return np.sum(run(step)(y, y, by) ** 2) * np.sum(y) * by["rate"][0]


@pytest.mark.parametrize("f", [plain_beside_a_node, twice_the_same])
def test_checkpoint_does_to_its_arguments_what_its_function_does(f):
    plain, again = (lambda x, run=r: f(x, run) for r in (lambda g: g, gd.checkpoint))
    assert again(V.copy()) == plain(V.copy()) == gd.compile(again)(V)
    transforms = gd.grad, gd.hessian, lambda g: gd.jacobian(g, mode="forward")
    for transform in transforms:
        expected = transform(plain)(V)
        np.testing.assert_allclose(transform(again)(V), expected)
        np.testing.assert_allclose(gd.compile(transform(again))(V), expected)


def test_checkpoint_refuses_to_write_into_arguments_that_share_memory():
    @gd.checkpoint
    def step(y, w):
        y *= 2.0
        return np.sum(y) * np.sum(w)

    def f(x):
        y = x * 1.0
        return step(y, y[1:])

    with pytest.raises(EscapeError, match="Pass the array once"):
        gd.grad(f)(X)


def test_checkpoint_refuses_what_it_cannot_run_again():
    def outer(x):
        y = x * x

        def step(t):
            y[0] = t[0]
            return t * y

        return np.sum(gd.checkpoint(step)(x))

    with pytest.raises(EscapeError, match="checkpointed function writes into an array"):
        gd.grad(outer)(X)

    def changed(x):
        y = x * x
        z = gd.checkpoint(lambda t: t * y)(x)
        y += 1.0
        return np.sum(z)

    with pytest.raises(StaleValueError, match="Pass it as an argument"):
        gd.grad(changed)(X)


def test_custom_operations_keep_their_operands():
    cube = gd.custom_operation(lambda x: x**3, lambda g, z, x: (3 * g * x**2,))

    def f(x):
        y = x * 1.0
        z = cube(y)
        y += 10.0
        z[0] = 0.0
        return np.sum(z) + np.sum(y)

    np.testing.assert_allclose(gd.grad(f)(X), 1.0 + 3 * np.r_[0, X[1:]] ** 2)


def doubled(x):
    x *= 2.0
    return x


def halved(z_grad, z, *x):
    z_grad *= 0.5
    return (z_grad,)


def sine(x):
    return np.sin(x)


def cosine(z_grad, z, x):
    return (np.cos(x) * z_grad,)


def moved_sine(tangents, z, x):
    z += 1.0
    return np.cos(x) * tangents[0]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("which", ["forward", "pullback", "pushforward"])
def test_custom_operations_cannot_write_into_what_they_are_given(which, compiled):
    parts = {"forward": sine, "pullback": cosine, "pushforward": None}
    writers = {"forward": doubled, "pullback": halved, "pushforward": moved_sine}
    parts[which] = writers[which]
    operation = gd.custom_operation(**parts, name="turn")
    f = lambda x: np.sum(operation(x) ** 2) + np.sum(x * x)  # noqa: E731
    forwards = lambda x: gd.jvp(f, (x,), (x,))[1]  # noqa: E731
    transform = forwards if which == "pushforward" else gd.grad(f)
    run = gd.compile(transform) if compiled else transform
    x = X.copy()
    with pytest.raises(ValueError, match="read-only") as caught:
        run(x)
    note = " ".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
    assert "Write into a copy" in note
    np.testing.assert_array_equal(x, X)
    if which != "forward":
        with pytest.raises((EscapeError, ValueError), match=r"outside|read-only"):
            gd.jacobian(transform)(x)
        np.testing.assert_array_equal(x, X)


def test_gradients_written_by_hand_refuse_changed_operands():
    y = np.copy(node(X))
    z = node(2.0 * X, grad_ops=Hand(y))
    y += 1.0
    with pytest.raises(StaleValueError, match="written by hand"):
        np.sum(z).backward()


class Hand:
    """A gradient class in the user's own form."""

    def __init__(self, x):
        self.x, self.vertices = x, [x]

    def backward(self, z_grad):
        self.x.grad = self.x.grad + 2.0 * z_grad


def loops(x):
    """Write into carries, rows and results of loops."""

    def step(carry, row):
        carry += row * carry
        row[0] = carry[1]
        return carry, carry

    def body(state):
        a, n = state
        a[:2] += 0.1 * a[2:]
        return a, n + 1

    def one(v, w):
        v[0] = v[1] * w[0]
        return v

    y = x * 1.0
    rows = np.arange(12.0).reshape(3, 4) / 10 + x
    last, ys = gd.scan(step, y, rows)
    a, _ = gd.while_loop(lambda state: state[1] < 3, body, (y, 0))
    vs = gd.vmap(one, in_axes=(0, None))(rows, x)
    return np.sum(last**2) + np.sum(ys * y) + np.sum(a**3) + np.sum(vs * rows)


def test_loops_give_their_steps_copies():
    assert_as_numpy(loops, V)
    x = V.copy()
    assert loops(x) == pytest.approx(gd.value_and_grad(loops)(V)[0])
    np.testing.assert_array_equal(x, V)


@pytest.mark.parametrize("kind", [float, np.float64, np.array])
@pytest.mark.parametrize("run", [lambda f: f, gd.compile], ids=["eager", "compiled"])
def test_what_where_and_copy_make_of_numbers_is_an_array(kind, run):
    def filled(x):
        y = np.sin(x)
        z = np.where(y > 0.1, y * 2, y)
        before = z * x
        z[z > 0.2] = y**2
        z[...] += 1.0
        c = np.copy(x)
        c[()] = c * 3
        s = np.select([x > 10], [x], x * x)
        s[s < 1] = x**3
        return z * x + before + c + s

    def difference(x, h=1e-5):
        return (filled(np.array(x + h)) - filled(np.array(x - h))) / (2 * h)

    slope = run(gd.grad(filled))(kind(0.3))
    np.testing.assert_allclose(slope, difference(0.3), rtol=1e-8)
    curvature = run(gd.grad(gd.grad(filled)))(kind(0.3))
    expected = (gd.grad(filled)(0.3 + 1e-6) - gd.grad(filled)(0.3 - 1e-6)) / 2e-6
    np.testing.assert_allclose(curvature, expected, rtol=1e-7)
    with pytest.raises(TypeError, match="is a number"):
        gd.grad(lambda x: np.sin(x).__setitem__((), 1.0))(0.3)
