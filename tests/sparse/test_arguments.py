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
