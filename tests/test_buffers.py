"""Arrays that take nodes: plain until one is written, and that node afterwards."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import chainrule as gd
import chainrule.numpy as gnp
from chainrule.errors import ArgumentError, CompileError, EscapeError

X = np.array([0.5, 1.5, 2.0, 3.0])


def by_entries(xp, x):
    y = xp.zeros(4)
    for i in range(4):
        y[i] = x[i] * y[i - 1] + x[i]
    return y


def by_slices(xp, x):
    y = xp.empty((2, 4))
    y[0] = x
    y[1, ::2] = x[1::2] * 2.0
    y[1, 1::2] = 1.0
    return y


def by_masks(xp, x):
    y = xp.ones(4)
    y[x > 1.0] = (x * x)[x > 1.0]
    y[[0, 0]] += x[:2]
    return y


def by_views(xp, x):
    y = xp.zeros((2, 4))
    first, last = y[0], y[-1]
    flat, turned, picked = y.reshape(-1), y.T, y[:, 1:3]
    first += x
    turned[2] = x[:2]
    flat[5] = x[3] ** 2
    picked *= x[1]
    last[0] -= x[0]
    return first + last


def by_rows(xp, x):
    y = xp.full((3, 4), 2.0)
    for i, row in enumerate(y):
        row *= x
        row[i] = x[0]
    return y


def by_functions(xp, x):
    y, z = xp.zeros((2, 4)), xp.ones(4)
    np.copyto(y[0], x)
    np.add.at(y, (1, [0, 0, 2]), x[:3])
    np.multiply(x, 3.0, out=z)
    np.put(z, [1], x[2])
    np.fill_diagonal(y, x[3])
    z += np.sum(y, axis=0)
    return z


def by_flat_entries(xp, x):
    y, d = xp.zeros((2, 4)), xp.ones((4, 4))
    y.flat[1] = x[0]
    y[:, ::2].flat[1:3] = x[:2] * 2.0
    d.flat[::5] = x
    d.T.flat = d.flat[3] + x[1] * 2.0
    e = xp.zeros((4, 4))
    np.fill_diagonal(e, x[3])
    assert len(e.flat) == 16
    return y[0] + y[1] + d[2] * sum(y.flat) + e[1]


def by_swapping(xp, x):
    y = xp.zeros(4)
    y[:] = x
    y[0], y[3] = y[3], y[0]
    y[1:] = y[:-1] * x[1:]
    return y


def of_a_number(xp, x):
    y = xp.zeros(())
    y += x[0]
    y[()] = y * x[1]
    return y + 0.0


def by_complex_parts(xp, x):
    y = xp.zeros(4, complex)
    imag, real, mixed, last = y.imag, y.real[1:], y[::2].imag, y[1:].real
    y[0] = x[0] * (1 + 2j)
    imag[1] = x[1]
    real[0] += x[2]
    real *= 2.0
    mixed[1] = x[0]
    last[1] -= x[1]
    y.imag *= x
    y.real[0] = x[1]
    return np.abs(y[:3]) ** 2 + imag[1] + last


def by_views_of_no_axes(xp, x):
    y = xp.zeros(4)
    turned = y.transpose()
    number = turned[0, ...]
    y[1] = x[0]
    np.multiply(x[1], 0.7, out=number)
    number += x[2]
    y.flat = y * 2.0 + x
    return y + number


PROGRAMS = [
    by_entries,
    by_slices,
    by_masks,
    by_views,
    by_rows,
    by_functions,
    by_flat_entries,
    by_swapping,
    of_a_number,
    by_complex_parts,
    by_views_of_no_axes,
]
every_program = pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)


@every_program
@pytest.mark.parametrize("xp", [gd, gnp], ids=["gd", "gd.numpy"])
def test_filled_arrays_have_numpys_values_and_their_derivatives(f, xp):
    expected = f(np, X.copy())
    z = f(xp, X.copy())
    np.testing.assert_array_equal(z, expected)
    gd.check_gradients(lambda x: np.sin(f(xp, x)), (X,))
    np.testing.assert_array_equal(gd.vjp(lambda x: f(xp, x), X)[0], expected)


@every_program
def test_compiled_too(f):
    def g(x):
        return np.sum(np.sin(f(gd, x)))

    plain, fast = gd.compile(g), gd.compile(gd.grad(g))
    for x in (X, X[::-1] + 0.25, X * 0.3 + 1.2):
        np.testing.assert_allclose(plain(x), g(x), rtol=1e-12)
        np.testing.assert_allclose(fast(x), gd.grad(g)(x), rtol=1e-12)
    np.testing.assert_allclose(
        gd.compile(gd.hessian(g))(X), gd.hessian(g)(X), rtol=1e-11, atol=1e-11
    )


@every_program
def test_mapped_too(f):
    xs = np.stack([X, X + 0.25])
    expected = np.stack([gd.jacobian(lambda x: f(gd, x))(x) for x in xs])
    mapped = gd.vmap(gd.jacobian(lambda x: f(gd, x)))(xs)
    np.testing.assert_allclose(mapped, expected, rtol=1e-12)


MADE = {
    "zeros_like": np.zeros_like,
    "ones_like": np.ones_like,
    "empty_like": np.empty_like,
    "full_like": lambda x: np.full_like(x, 2.0),
    "zeros": lambda x: np.zeros(4, like=x),
    "ones": lambda x: np.ones((4,), like=x),
    "full": lambda x: np.full(4, 2.0, like=x),
    "arange": lambda x: np.arange(4.0, like=x),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_numpys_functions_make_them_where_a_node_says_so(make):
    def f(x):
        y = make(x)
        assert not isinstance(y, gd.node)
        y[1:] = x[1:] ** 2
        return np.sum(y[1:] * x[:-1])

    gd.check_gradients(f, (X,))
    np.testing.assert_allclose(gd.compile(gd.grad(f))(X), gd.grad(f)(X), rtol=1e-13)


def test_until_a_node_is_written_it_is_a_plain_array():
    y = gd.zeros(3)
    y[1] = 2.0
    y += 1
    assert isinstance(y, np.ndarray)
    assert repr(y) == "array([1., 3., 1.])"
    for z in (y * 2, np.sin(y), y @ y, y.sum(), np.concatenate([y, y]), y > 0):
        assert type(z) in (np.ndarray, np.float64)
    assert type(gd.grad(lambda x: np.sum(x * y))(np.ones(3))) is np.ndarray
    assert type(gd.vjp(lambda x: y, X)[0]) is np.ndarray
    for z in (y.copy(), copy.copy(y), copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
        np.testing.assert_array_equal(z, y)
        assert not np.may_share_memory(z, y)


def test_a_node_hands_the_array_over():
    x, y = gd.node(2.0), gd.zeros(3)
    outside = np.asarray(y)
    y[1] = x
    assert y.shape == (3,)
    assert isinstance(y + 1, gd.node)
    assert np.isnan(outside).all(), "memory that C may read says that it is stale"
    np.testing.assert_array_equal(gd.value(y), [0.0, 2.0, 0.0])
    np.sum(y * y).backward()
    assert x.grad == 4.0
    with pytest.raises(EscapeError):
        float(y[1])


@pytest.mark.parametrize("dtype", ["float32", "complex128", "float64"])
def test_dtypes_stay(dtype):
    def f(x):
        y = gd.zeros(4, dtype=dtype)
        y[:2] = x[:2]
        assert y.dtype == dtype
        return np.sum(np.abs(y) ** 2)

    np.testing.assert_allclose(gd.grad(f)(X), [1.0, 3.0, 0.0, 0.0], rtol=1e-6)


@pytest.mark.parametrize("dtype", [int, bool])
def test_integers_refuse_nodes(dtype):
    y = gd.zeros(3, dtype=dtype)
    with pytest.raises(EscapeError, match=r"array of (int64|bool).*gd\.zeros"):
        y[0] = gd.node(1.0)
    np.testing.assert_array_equal(y, np.zeros(3, dtype))


def test_a_function_may_return_one_that_took_no_node():
    def f(x):
        y = gd.ones(2)
        return {"sum": np.sum(x), "ones": y}

    value, pullback = gd.vjp(f, X)
    assert type(value["ones"]) is np.ndarray
    (x_grad,) = pullback({"sum": 1.0, "ones": np.zeros(2)})
    np.testing.assert_array_equal(x_grad, np.ones(4))


VIEWS = {
    "all by ()": lambda a: a[()],
    "all by :": lambda a: a[:],
    "all by ...": lambda a: a[...],
    "a part": lambda a: a[1:],
    "backwards": lambda a: a[::-1],
    "another shape": lambda a: a.reshape(2, 2),
    "flat": lambda a: a.ravel(),
    "turned": lambda a: a.T,
    "a view of a view": lambda a: a[:][()],
}
ORDERS = ([1, 0], np.array([True, False]), (slice(0, 2), ...), (None, [1, 0]))


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
@pytest.mark.parametrize("compiled", [False, True])
def test_any_index_writes_through_any_view(view, compiled):
    for index in ORDERS:

        def f(x, zeros=gd.zeros, index=index):
            a = zeros(4)
            b = view(a)
            if b.shape[0] == 2 or not isinstance(index, np.ndarray):
                b[index] = x[: b[index].size].reshape(b[index].shape)
            return a * 1.0

        x = np.array([1.0, 2.0, 3.0, 4.0])
        g = gd.compile(f) if compiled else f
        np.testing.assert_array_equal(g(x), f(x, np.zeros))
        np.testing.assert_array_equal(
            gd.jacobian(g)(x) @ x, f(x, np.zeros), err_msg=repr(index)
        )


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like"])
def test_arrays_like_a_buffer_take_nodes(name):
    def f(x):
        y = getattr(np, name)(gd.zeros(2))
        y[:] = x
        return np.sum(y * np.shape(y)[0] * np.ndim(y))

    assert gd.grad(f)(3.0) == gd.compile(gd.grad(f))(3.0) == 4.0


FUNCTIONS_THAT_SHOW = {
    "reshape": lambda y: np.reshape(y, (4, 1)),
    "ravel": np.ravel,
    "atleast_2d": np.atleast_2d,
    "transpose": lambda y: np.transpose(y.reshape(2, 2)),
    "split": lambda y: np.split(y, 2)[0],
    "broadcast_to": lambda y: np.broadcast_to(y, (2, 4)),
    "broadcast_arrays": lambda y: np.broadcast_arrays(y, np.ones((3, 1)))[0],
    "diagonal": lambda y: np.diagonal(y.reshape(2, 2)),
    "windows": lambda y: np.lib.stride_tricks.sliding_window_view(y, 2),
    "flip": np.flip,
    "expand_dims": lambda y: np.expand_dims(y, 1),
    "moveaxis": lambda y: np.moveaxis(y.reshape(2, 2), 0, 1),
    "our asarray": gnp.asarray,
    "our reshape": lambda y: gnp.reshape(y, (2, 2)),
}


@pytest.mark.parametrize("name", FUNCTIONS_THAT_SHOW)
def test_functions_show_a_buffer_as_its_methods_do(name):
    """What is written into the buffer afterwards is seen by what shows it."""
    shown = FUNCTIONS_THAT_SHOW[name]

    def f(x):
        y = gd.zeros(4)
        view = shown(y)
        y[:] = x * x
        return np.sum(view * np.arange(1.0, view.size + 1).reshape(view.shape))

    def functional(x):
        view = shown(x * x)
        return np.sum(view * np.arange(1.0, view.size + 1).reshape(view.shape))

    assert f(X) == functional(X)
    np.testing.assert_allclose(gd.grad(f)(X), gd.grad(functional)(X))
    np.testing.assert_allclose(gd.compile(gd.grad(f))(X), gd.grad(functional)(X))


def cubes(y):
    return np.sum(y**3)


TRANSFORMS_OF_AN_ARRAY = {
    "grad": gd.grad(cubes),
    "value_and_grad": lambda y: gd.value_and_grad(cubes)(y)[1],
    "aux": lambda y: gd.value_and_grad(lambda v: (cubes(v), y), has_aux=True)(y)[0][1],
    "hvp": lambda y: gd.hvp(cubes, y, y),
    "jvp": lambda y: gd.jvp(cubes, (y,), (y,))[1],
    "a tangent": lambda y: gd.jvp(cubes, (y * 1.0,), (y,))[1],
    "vjp": lambda y: gd.vjp(lambda v: v**3, y)[1](y)[0],
    "jacobian": gd.jacobian(lambda v: v**3),
    "forward": gd.jacobian(lambda v: v**3, mode="forward"),
    "hessian": gd.hessian(cubes),
    "linearize": lambda y: gd.linearize(cubes, y)[1](y),
    "a view": lambda y: gd.grad(cubes)(y[::-1]),
}


@pytest.mark.parametrize("name", TRANSFORMS_OF_AN_ARRAY)
def test_a_buffer_that_took_a_node_is_an_argument(name):
    """An inner derivative depends on what was written, and not on the memory."""
    inner = TRANSFORMS_OF_AN_ARRAY[name]

    def f(x):
        y = gd.zeros(4)
        y[:] = x * x
        return np.sum(inner(y))

    def functional(x):
        return np.sum(inner(x * x))

    for transform in (gd.value_and_grad, lambda f: gd.compile(gd.value_and_grad(f))):
        for mine, theirs in zip(transform(f)(X), transform(functional)(X), strict=True):
            np.testing.assert_allclose(mine, theirs)
    np.testing.assert_allclose(
        gd.jvp(f, (X,), (X,))[1], gd.jvp(functional, (X,), (X,))[1]
    )


def test_a_buffer_that_took_a_node_is_no_leaf():
    y = gd.zeros(2)
    y[0] = gd.node(1.0)
    with pytest.raises(ArgumentError, match="which is a node already"):
        gd.node(y)


TABLE = np.array([0.5, 1.5, 2.0, 3.0, 1.0, 2.5])


def scanned(read):
    """Return a loop that reads a table at places that it computes."""

    def f(x):
        def step(c, i):
            return c * x + read(i), None

        return gd.scan(step, 0.0 * x, np.arange(4))[0]

    return f


@pytest.mark.parametrize(
    "read",
    [
        lambda i: gnp.array(TABLE)[i],
        lambda i: gnp.array(TABLE)[(i + 1) % 3],
        lambda i: gnp.array(TABLE.reshape(2, 3))[1, i % 3],
        lambda i: np.sum(gnp.array(TABLE.reshape(2, 3))[:, i % 3]),
        lambda i: np.take(gnp.array(TABLE), i),
        lambda i: gnp.array(TABLE).take(i, mode="wrap"),
        lambda i: gnp.take(TABLE, i),
        lambda i: gnp.take([0.5, 1.5, 2.0, 3.0], i),
        lambda i: np.sum(gnp.array(TABLE)[i + np.arange(2)]),
        lambda i: gd.full(6, 2.0)[i],
    ],
)
def test_a_buffer_is_read_at_a_computed_place(read):
    f = scanned(read)
    for executor in ("numpy", "native"):
        fast = gd.compile(gd.value_and_grad(f), executor=executor)
        np.testing.assert_allclose(fast(1.5), gd.value_and_grad(f)(1.5))


@pytest.mark.parametrize("read", [lambda i: TABLE[i], lambda i: np.take(TABLE, i)])
def test_numpys_own_array_is_not_read_at_a_computed_place(read):
    with pytest.raises(CompileError, match=r"a = chainrule\.numpy\.array\(a\)"):
        gd.compile(scanned(read))(1.5)


METHODS = {
    "put": lambda y, x: y.put([1, 2], x),
    "clip": lambda y, x: y.clip(0.0, x),
    "dot": lambda y, x: np.diag(y).copy().dot(np.diag(x)),
    "choose": lambda y, x: gd.zeros(4, int).choose([x, y]),
    "fill": lambda y, x: y.fill(x[0]),
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("transform", [lambda f: f, gd.compile])
def test_methods_of_plain_buffers_take_nodes(name, transform):
    def f(x, xp=gnp):
        y = xp.array([1.0, 2.0, 3.0, 4.0])
        z = METHODS[name](y, x)
        return np.sum((y if z is None else z) ** 2)

    x = np.array([0.5, 1.5, 3.5, 2.5])
    with np.errstate(all="raise"):
        expected = f(x, np)
    value, grad = transform(gd.value_and_grad(f))(x)
    np.testing.assert_allclose(value, expected)
    step = 1e-6 * np.arange(1.0, 5.0)
    slope = (f(x + step, np) - f(x - step, np)) / 2.0
    np.testing.assert_allclose(grad @ step, slope, rtol=1e-6)
