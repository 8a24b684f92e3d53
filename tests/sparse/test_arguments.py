"""Sparse derivatives in several arguments, and in containers, as the dense ones are."""

from __future__ import annotations

import numpy as np
import optree
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, ChainruleError

sp = pytest.importorskip("scipy.sparse")
pytest.importorskip("chainrule.sparse.matrices")

X = np.linspace(0.3, 1.7, 6)
Y = np.linspace(-1.0, 1.0, 4)


def assert_same(found, dense, rtol=1e-11):
    """Compare trees of matrices with trees of arrays."""
    a, structure = optree.tree_flatten(found, none_is_leaf=True)
    b, other = optree.tree_flatten(dense, none_is_leaf=True)
    assert structure == other
    for x, y in zip(a, b, strict=True):
        if y is None:
            assert x is None
            continue
        assert isinstance(x, sp.csr_array)
        y = np.reshape(y, x.shape)
        np.testing.assert_allclose(x.toarray(), y, rtol=rtol, atol=1e-13)


def of_dicts(d, y):
    u = d["u"]
    shifted = np.pad(y, 1)
    return {"r": u**2 * d["nu"], "n": 3, "s": (shifted[2:] - y * u[:4], np.sum(u) * 2)}


def energy(d, y):
    u = d["u"]
    return np.sum(u[1:] ** 3 * u[:-1]) * d["nu"] + np.sum(u[:4] ** 2 * y**2)


D = {"u": X, "nu": 0.7, "count": 5}
CHOICES = [0, 1, -1, (0, 1), (1, 0), [0], "d", "y", ("y", "d")]


def by_number(argnums):
    names = {"d": 0, "y": 1}
    if isinstance(argnums, tuple | list):
        return tuple(names.get(a, a) for a in argnums)
    return names.get(argnums, argnums)


@pytest.mark.parametrize("argnums", CHOICES, ids=str)
def test_jacobians_are_arranged_as_the_dense_ones(argnums):
    J = gd.sparse.jacobian(of_dicts, argnums)
    for y in (Y, Y * 2):
        assert_same(J(D, y), gd.jacobian(of_dicts, by_number(argnums))(D, y))


@pytest.mark.parametrize("argnums", CHOICES, ids=str)
def test_hessians_are_arranged_as_the_dense_ones(argnums):
    H = gd.sparse.hessian(energy, argnums)
    assert_same(H(D, Y), gd.hessian(energy, by_number(argnums))(D, Y))


def test_arguments_by_keyword():
    dense = gd.jacobian(of_dicts, 1)(D, Y)
    J = gd.sparse.jacobian(of_dicts, "y")
    assert_same(J(D, y=Y), dense)
    assert_same(J(y=Y, d=D), dense)
    H = gd.sparse.hessian(energy, ("d", "y"))
    assert_same(H(d=D, y=Y), gd.hessian(energy, (0, 1))(D, Y))


@pytest.mark.parametrize("argnums", [2, "z", (0, 0), ("y", 1)])
def test_arguments_that_were_not_given_are_refused(argnums):
    with pytest.raises(ArgumentError, match="argnums="):
        gd.sparse.jacobian(of_dicts, argnums)(D, Y)


def test_floats_of_two_precisions():
    def f(d):
        return d["a"] ** 2 * d["b"], d["b"] * 2

    d = {"a": X.astype(np.float32), "b": X}
    assert_same(gd.sparse.jacobian(f)(d), gd.jacobian(f)(d), 1e-6)


def test_patterns_of_several_arguments_are_of_all_entries():
    pattern = gd.sparse.sparsity(lambda x, y: x[:4] * y, X, Y, argnums=(0, "y"))
    assert (pattern.shape, pattern.nnz) == ((4, 10), 8)
    given = gd.sparse.jacobian(
        lambda x, y: x[:4] * y, (0, 1), sparsity=np.eye(4, 10), check=True
    )
    with pytest.raises(ArgumentError, match="leaves out"):
        given(X, Y)


def test_diagonals_are_arranged_as_the_arguments():
    found = gd.hessian_diagonal(energy, (0, "y"))(D, y=Y)
    dense = gd.hessian(energy, (0, 1))(D, Y)
    assert found[0]["count"] is None
    np.testing.assert_allclose(found[0]["u"], np.diag(dense[0]["u"][0]["u"]))
    np.testing.assert_allclose(found[0]["nu"], 0.0)
    np.testing.assert_allclose(found[1], np.diag(dense[1][1]), rtol=1e-12)


@pytest.mark.parametrize("argnums", [0, 1, "y", (0, "y")], ids=str)
def test_linear_maps_of_containers(argnums):
    A = gd.linear_map(of_dicts, D, Y, argnums=argnums)
    matrices = gd.sparse.jacobian(of_dicts, argnums)(D, Y)
    results = (matrices["r"], *matrices["s"])
    rows = [sp.hstack(optree.tree_leaves(x)) for x in results]
    whole = sp.vstack(rows).toarray()
    assert A.shape == whole.shape
    v, u = np.cos(np.arange(whole.shape[1])), np.sin(np.arange(whole.shape[0]))
    np.testing.assert_allclose(A @ v, whole @ v, rtol=1e-11)
    np.testing.assert_allclose(A.T @ u, whole.T @ u, rtol=1e-11)


def test_a_linear_map_takes_arguments_by_keyword():
    A = gd.linear_map(of_dicts, d=D, y=Y, argnums="y")
    B = gd.linear_map(of_dicts, D, Y, argnums=1)
    np.testing.assert_array_equal(A @ Y, B @ Y)


# ------------------------------------------- diagonals and maps, differentiated too


def chained(x, nu=1.0):
    return np.sum(x[1:] ** 3 * x[:-1]) * nu + np.sum(np.sin(x))


def diagonal_of_all(x, nu):
    return np.diagonal(gd.hessian(chained)(x, nu))


def test_diagonals_are_compiled_and_differentiated():
    D = gd.hessian_diagonal(chained, "x")
    expected = diagonal_of_all(X, 0.7)
    for found in (D(X, 0.7), gd.compile(D)(X, 0.7), gd.compile(D)(nu=0.7, x=X)):
        np.testing.assert_allclose(found, expected, rtol=1e-12)

    def squares(diagonal):
        return lambda x, nu: np.sum(diagonal(x, nu) ** 2)

    own, dense = (gd.grad(squares(f), (0, 1))(X, 0.7) for f in (D, diagonal_of_all))
    compiled = gd.compile(gd.grad(squares(D), (0, 1)))(X, 0.7)
    for a, b, c in zip(own, dense, compiled, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)
        np.testing.assert_allclose(c, b, rtol=1e-11)


def differences(x, nu):
    return np.diff(x**2) * nu


def test_linear_maps_are_compiled_and_differentiated():
    J, v, u = gd.jacobian(differences)(X, 0.7), np.cos(X), np.ones(5)

    def ahead(x, v, nu):
        return gd.linear_map(differences, x, nu=nu, argnums="x") @ v

    def back(x, u):
        return gd.linear_map(differences, x, 0.7).T @ u

    np.testing.assert_allclose(gd.compile(ahead)(X, v, 0.7), J @ v)
    np.testing.assert_allclose(gd.compile(back)(X, u), J.T @ u)
    for f, args in ((ahead, (X, v, 0.7)), (back, (X, u))):
        gd.check_gradients(lambda *a, f=f: np.sum(f(*a) ** 2), args)


def test_linear_maps_are_operators():
    A, J = gd.linear_map(differences, X, 0.7), gd.jacobian(differences)(X, 0.7)
    np.testing.assert_allclose(A @ np.eye(6), J)
    np.testing.assert_allclose(A.T @ np.eye(5), J.T)
    np.testing.assert_allclose(A.T.T @ X, J @ X)
    np.testing.assert_allclose((A.H @ A) @ X, J.T @ (J @ X))
    np.testing.assert_allclose(A.T @ (1j * np.ones(5)), 1j * J.sum(axis=0))


@pytest.mark.parametrize("place", [0, 1])
def test_matrices_of_nodes_are_refused(place):
    args = [X, 0.7]
    args[place] = gd.node(args[place])
    with pytest.raises(ArgumentError, match="plain numbers"):
        gd.sparse.jacobian(differences)(*args)
    with pytest.raises(ArgumentError, match="plain numbers"):
        gd.compile(gd.sparse.jacobian(differences))(X, 0.7)
    with pytest.raises(ArgumentError, match="plain numbers"):
        gd.sparse.sparsity(differences, *args)


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (np.argsort, "whole number"),
        (lambda x: x > 1, "truth value"),
        (lambda x: None, "returned None"),
    ],
)
def test_results_without_floats_are_refused(f, message):
    with pytest.raises(ArgumentError, match=message):
        gd.sparse.jacobian(f)(X)


def test_complex_arguments_are_refused_and_complex_results_are_right():
    with pytest.raises(ArgumentError, match="real arrays"):
        gd.sparse.jacobian(np.square)(X + 1j)

    def f(x):
        return np.exp(1j * x) * x[0]

    for mode in ("forward", "reverse"):
        found = gd.sparse.jacobian(f, mode=mode)(X)
        np.testing.assert_allclose(found.toarray(), gd.jacobian(f)(X))


@pytest.mark.parametrize("derivative", [gd.sparse.jacobian, gd.sparse.hessian])
def test_a_node_from_outside_is_refused_with_the_functions_name(derivative):
    scale = gd.node(2.0)

    def stretched(x):
        return x @ x * scale

    with pytest.raises(ChainruleError, match=r"stretched\(\)"):
        derivative(stretched)(X)


def test_index_arrays_are_shared_and_cannot_be_changed():
    J = gd.sparse.jacobian(np.sin)
    first, second = J(X), J(-X)
    assert np.shares_memory(first.indices, second.indices)
    with pytest.raises(ValueError, match="read-only"):
        first.indices[0] = 3
    copied = first.copy()
    copied.data[0] = 0
    copied.eliminate_zeros()
    assert (copied.nnz, J(X).nnz) == (5, 6)


EDGES = {
    "nothing depends": lambda x: np.ones(3),
    "no results": lambda x: x[:0],
    "the same results twice": lambda x: np.concatenate([x, x, x[::-1]]),
    "one entry many times": lambda x: x[[0, 0, 0, 1]] ** 2,
    "a number": lambda x: np.sum(np.sin(x)),
    "tall": lambda x: np.outer(x[:2], np.arange(90.0)),
    "wide": lambda x: np.sum(x.reshape(2, -1), axis=1),
    "written": lambda x: np.where(x > 1, x[::-1], x**2),
    "few share": lambda x: np.concatenate([x[:2] * x[3], x]),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, float, ">f8"], ids=str)
@pytest.mark.parametrize("mode", ["auto", "forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("name", EDGES)
def test_what_lies_at_the_edges(name, mode, dtype):
    f, x = EDGES[name], X.astype(dtype)
    found = gd.sparse.jacobian(f, mode=mode)(x)
    expected = np.reshape(gd.jacobian(f)(x), found.shape)
    near = {2: 3e-3, 4: 1e-6}.get(x.dtype.itemsize, 1e-13)
    np.testing.assert_allclose(found.toarray(), expected, rtol=near)


@pytest.mark.parametrize("mode", ["auto", "star", "acyclic"])
@pytest.mark.parametrize(
    "f", [np.sum, lambda x: 3.0, lambda x: np.sum(x) ** 3, lambda x: np.sum(x**2)]
)
@pytest.mark.parametrize("size", [0, 1, 6])
def test_what_lies_at_the_edges_of_hessians(size, f, mode):
    found = gd.sparse.hessian(f, mode=mode)(X[:size])
    np.testing.assert_allclose(found.toarray(), gd.hessian(f)(X[:size]))
    diagonal = gd.hessian_diagonal(f)(X[:size])
    np.testing.assert_allclose(diagonal, found.diagonal(), atol=1e-14)


def test_an_argument_to_find_the_pattern_at_may_stand_behind_the_function():
    x = np.linspace(0.0, 1.0, 6)
    jacobian = gd.sparse.jacobian(lambda x: x[1:] * x[:-1], x)
    assert (jacobian.pattern.nnz, jacobian.sweeps) == (10, 2)  # before a call
    np.testing.assert_array_equal(
        jacobian(x).toarray(), gd.jacobian(lambda x: x[1:] * x[:-1])(x)
    )
    hessian = gd.sparse.hessian(lambda x: np.sum(x[1:] * x[:-1] ** 2), x)
    assert hessian.pattern.shape == hessian(x).shape == (6, 6)
    several = gd.sparse.hessian(lambda x, y: np.sum(x * y), (0, 1))
    assert several(x, x)[0][1].nnz == 6
    with pytest.raises(gd.errors.ArgumentError, match="position or the name"):
        gd.grad(np.sum, x)
