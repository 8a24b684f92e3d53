"""NumPy functions inside JAX, and JAX's functions inside ours."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, EscapeError
from tests.interop.functions import EITHER, scalar, several

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
check_grads = pytest.importorskip("jax.test_util").check_grads
function, from_jax = gd.interop.jax.function, gd.interop.from_jax


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def theirs(x, y):
    return jnp.sin(x) * y + jnp.sum(x**2), jnp.outer(x, y)


def scalar_theirs(x):
    return jnp.sum(jnp.exp(x) * jnp.roll(x, 1) ** 2)


X, Y = np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0, 3.0])
MANY = np.linspace(0.0, 1.0, 12).reshape(4, 3)


# ------------------------------------------------------------------ ours inside theirs


@EITHER
@pytest.mark.parametrize("jit", [lambda f: f, jax.jit], ids=["", "jit"])
def test_gradients_are_those_of_differences(wrap, jit):
    f = function(wrap(several))
    check_grads(jit(f), (X, Y), order=2)
    check_grads(jit(jax.vmap(f, in_axes=(1, None))), (MANY.T, Y), order=2)


@EITHER
@pytest.mark.parametrize(
    "transform",
    [
        jax.grad,
        jax.hessian,
        jax.jacfwd,
        lambda f: jax.jacrev(jax.jacfwd(jax.grad(f))),
        lambda f: lambda x: jax.jvp(jax.grad(f), (x,), (jnp.cos(x),)),
        lambda f: lambda x: jax.vjp(f, x)[1](jnp.ones(())),
        lambda f: jax.grad(jax.checkpoint(f)),
        lambda f: (
            lambda x: jax.lax.scan(
                lambda c, _: (c / 2 + f(c * x) / 99, 0), x[0], None, 3
            )
        ),
    ],
    ids=["grad", "hessian", "jacfwd", "third", "jvp", "vjp", "checkpoint", "scan"],
)
def test_their_transforms_nest(wrap, transform):
    f = function(wrap(scalar))
    for jit in (lambda g: g, jax.jit):
        for mapped in (lambda g: g, jax.vmap):
            x = MANY if mapped is jax.vmap else MANY[0]
            found = jit(mapped(transform(f)))(x)
            known = mapped(transform(scalar_theirs))(x)
            jax.tree.map(np.testing.assert_allclose, found, known)


def test_complex_numbers_follow_their_convention():
    def ours(z):
        return np.abs(z) ** 2 * z + np.real(z) * 1j, np.imag(z) * 3

    def known(z):
        return jnp.abs(z) ** 2 * z + jnp.real(z) * 1j, jnp.imag(z) * 3

    z, seeds = jnp.array([1 + 2j, 3 - 1j]), (jnp.array([1j, 2]), jnp.array([1.0, 2.0]))
    check_grads(function(ours), (z,), order=2)
    found = jax.vjp(function(ours), z)[1](seeds)
    np.testing.assert_allclose(found[0], jax.vjp(known, z)[1](seeds)[0])


def test_single_precision_is_their_default():
    seen = []

    def f(x):
        seen.append(np.asarray(gd.value(x)).dtype)
        return np.sum(x * np.array([1.0, 2.0, 3.0]))  # in double precision

    with jax.enable_x64(False):
        g = function(f)
        for run in (g, jax.jit(g), jax.grad(g), jax.jit(jax.grad(g)), jax.vmap(g)):
            assert run(jnp.ones((3, 3))).dtype == np.float32
        assert set(seen) == {np.dtype(np.float32)}
        whole = function(lambda n: n * 2)(jnp.arange(3))
        assert whole.dtype == np.int32


def test_containers_and_what_is_no_array():
    def f(model, power, *, name):
        assert (power, name) == (2, "line")
        return {"z": model["slope"] ** power, "name": name, "one": np.int64(1)}

    g, slope = function(f), jnp.array(3.0)
    for run in (g, jax.jit(g, static_argnums=1, static_argnames="name")):
        if run is g:
            found = run({"slope": slope}, 2, name="line")
            assert found["name"] == "line"
            assert found["z"] == 9.0
            assert found["one"] == 1

    def z(slope):
        return g({"slope": slope, "n": jnp.arange(2)}, 2, name="line")["z"]

    assert jax.grad(z)(slope) == 6.0
    assert jax.jit(jax.grad(z))(slope) == 6.0
    assert jax.jit(lambda x: function(lambda x: (x, None, "t"))(x)[0])(slope) == 3.0


def test_whole_numbers_have_no_tangent():
    f = function(lambda x, n: (x * n, n + 1))
    n = jnp.arange(3)
    _, tangent = jax.jvp(lambda x: f(x, n), (jnp.ones(3),), (jnp.ones(3),))
    assert tangent[0].tolist() == [0.0, 1.0, 2.0]
    assert tangent[1].dtype == jax.dtypes.float0
    assert jax.grad(lambda x: jnp.sum(f(x, n)[0]))(jnp.ones(3)).tolist() == [0, 1, 2]


def test_shapes_in_jit_are_those_of_a_trial():
    solve = function(lambda a, b: np.linalg.solve(np.linalg.cholesky(a), b))
    a, b = np.eye(3) * 4, np.ones(3)
    np.testing.assert_allclose(jax.jit(solve)(a, b), b / 2)


def picky(x):
    if np.sum(x) != 6.0:
        raise ValueError("only six")
    return x[:2]


def test_shapes_in_jit_may_be_given_or_known():
    x = jnp.array([1.0, 2.0, 3.0])
    with pytest.raises(ArgumentError, match=r"only six.*result=") as found:
        jax.jit(function(picky))(x)
    assert isinstance(found.value.__cause__, ValueError)
    shape = jax.ShapeDtypeStruct((2,), np.float64)
    for result in (shape, lambda x: jax.ShapeDtypeStruct((x.shape[0] - 1,), x.dtype)):
        assert jax.jit(function(picky, result=result))(x).tolist() == [1.0, 2.0]
    f = function(picky)
    f(x)
    assert jax.jit(f)(x).tolist() == [1.0, 2.0]


def test_a_shape_that_was_not_promised_is_an_error():
    f = jax.jit(function(lambda x: x[x > 0.7]))
    with pytest.raises(Exception, match="was promised"):
        jax.block_until_ready(f(jnp.zeros(3)))


def test_errors_are_those_of_the_function():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        function(f)(jnp.ones(2))
    with pytest.raises(ArgumentError, match="needs a function"):
        function(3)
    with pytest.raises(ArgumentError, match="must return numbers"):
        function(lambda x: "text")(jnp.ones(2))


def test_what_numpy_and_jax_have_not_in_common_is_refused():
    x = jnp.ones(3)
    with pytest.raises(ArgumentError, match=r"no bfloat16.*jnp\.float32"):
        function(np.exp)(x.astype(jnp.bfloat16))
    with pytest.raises(ArgumentError, match="key_data"):
        function(np.exp)(jax.random.key(0))
    with pytest.raises(ArgumentError, match=r"jax\.vjp"):
        jax.linear_transpose(function(np.exp), x)(x)
    big = function(lambda n: n * 2**40)
    assert big(jnp.array(1)) == 2**40
    with jax.enable_x64(False), pytest.raises(ArgumentError, match="does not hold"):
        function(lambda x: np.array([2**40]))(jnp.ones(2))


def test_precision_may_change_between_calls():
    f = function(lambda n: n / np.int32(2))
    for enabled in (True, False, True):
        with jax.enable_x64(enabled):
            n = jnp.array([1, 2], np.int32)
            assert jax.jit(f)(n).dtype == f(n).dtype == (float if enabled else "f4")


def test_nodes_from_outside_are_refused():
    x = jnp.ones(2)
    with pytest.raises(EscapeError, match="a node from outside"):
        gd.grad(lambda a: float(function(lambda y: np.sum(y * a))(x)))(2.0)


def doubled(x):
    return x * 2


def test_bridges_pickle():
    for f, x in ((function(doubled), jnp.ones(2)), (from_jax(doubled), np.ones(2))):
        assert pickle.loads(pickle.dumps(f))(x).tolist() == [2.0, 2.0]


def test_jit_keeps_its_code():
    traced = []

    @jax.jit
    def f(x):
        traced.append(1)
        return g(x)

    g = function(scalar)
    for i in range(3):
        np.testing.assert_allclose(f(X + i), scalar(X + i))
    assert len(traced) == 1


def test_large_arrays_pass_through_jit():
    x = jnp.ones(1_000_000)
    assert jax.jit(jax.grad(function(lambda x: np.sum(x * x))))(x).sum() == 2e6


# ------------------------------------------------------------------ theirs inside ours


@pytest.mark.parametrize("jit", [lambda f: f, jax.jit], ids=["", "jit"])
def test_their_functions_have_every_order_in_both_directions(jit):
    f = from_jax(jit(theirs))
    gd.check_gradients(lambda x, y: np.sum(f(x, y)[0] * np.cos(f(x, y)[1])), (X, Y))
    for transform in (gd.jacobian, gd.hessian):
        found = transform(lambda x: np.sum(f(x, Y)[0] ** 2))(X)
        known = transform(lambda x: np.sum(several(x, Y)[0] ** 2))(X)
        np.testing.assert_allclose(found, known)
    slope = gd.compile(gd.grad(lambda x: f(x, Y)[0].sum()))
    for x in (X, X + 1):
        known = gd.grad(lambda x: several(x, Y)[0].sum())(x)
        np.testing.assert_allclose(slope(x), known)


def test_their_complex_numbers_follow_our_convention():
    def g(z):
        return abs(z) ** 2 * z

    f, z, seed = from_jax(g), np.array([1 + 2j, 3 - 1j]), np.array([1j, 2])
    np.testing.assert_allclose(gd.vjp(f, z)[1](seed)[0], gd.vjp(g, z)[1](seed)[0])
    np.testing.assert_allclose(*(gd.jvp(h, (z,), (seed,))[1] for h in (f, g)))


def test_digits_are_not_lost_in_silence():
    f = from_jax(lambda x: jnp.sum(x**2))
    with jax.enable_x64(False):
        for x in (X, np.float64(2.0), np.array([2**40])):
            with pytest.raises(ArgumentError, match="jax_enable_x64"):
                f(x)
        with pytest.raises(ArgumentError, match="jax_enable_x64"):
            gd.grad(f)(2.0)
        slope = gd.grad(f)(X.astype(np.float32))
        assert slope.dtype == np.float32
        assert f(np.arange(3)) == 5


def test_their_results_are_numbers_arrays_and_what_they_are():
    f = from_jax(lambda x, n: {"z": x.sum() * n, "n": n, "text": "t"})
    found = f(X, 2)
    assert found["text"] == "t"
    assert isinstance(found["z"], np.float64)
    assert gd.grad(lambda x: f(x, 2)["z"])(X).tolist() == [2.0, 2.0, 2.0]
    with pytest.raises(ArgumentError, match="must return arrays of its own"):
        from_jax(lambda x: "text")(X)


def test_both_ways_at_once():
    inner = function(lambda x: np.sin(x) * x)
    gd.check_gradients(from_jax(lambda x: (inner(x) ** 2).sum()), (X,))


def test_results_that_are_empty_for_some_numbers_only_are_refused_in_jit():
    f = function(lambda x: x[x > 0.5])
    assert f(jnp.zeros(3)).shape == (0,)
    with pytest.raises(ArgumentError, match=r"empty.*result="):
        jax.jit(f)(jnp.ones(3))
    empty = jax.ShapeDtypeStruct((0,), jnp.float64)
    assert jax.jit(function(lambda x: x[:0], result=empty))(jnp.ones(3)).shape == (0,)
    slopes = jax.jit(jax.grad(lambda x: jnp.sum(function(np.sin)(x))))
    assert slopes(jnp.zeros((0, 3))).shape == (0, 3)
