"""Sparse matrices of nodes, their products, and linear systems with them."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, ShapeError, SolutionWarning

sp = pytest.importorskip("scipy.sparse")
theirs = pytest.importorskip("scipy.sparse.linalg")
sparse = pytest.importorskip("chainrule.scipy.sparse")

RNG = np.random.default_rng(0)
N = 6
MASK = (RNG.random((N, N)) < 0.4) | np.eye(N, dtype=bool)
DENSE = np.where(MASK, RNG.normal(size=(N, N)), 0.0) + 4 * np.eye(N)
B, SEVERAL = RNG.normal(size=N), RNG.normal(size=(N, 2))
KINDS = ["csr_array", "csc_array", "csr_matrix", "csc_matrix"]


def like(kind):
    """Return SciPy's matrix of a kind, and what makes it of data."""
    matrix = getattr(sp, kind)(DENSE)

    def made(data):
        parts = (data, matrix.indices, matrix.indptr)
        return getattr(sparse, kind)(parts, shape=(N, N))

    return matrix, made


def same(f, g, *args):
    """Compare two functions, and their derivatives in both modes, compiled too."""
    np.testing.assert_allclose(f(*args), g(*args), rtol=1e-9)
    np.testing.assert_allclose(gd.grad(f)(*args), gd.grad(g)(*args), rtol=1e-8)
    expected = gd.hessian(g)(*args)
    np.testing.assert_allclose(gd.hessian(f)(*args), expected, rtol=1e-7, atol=1e-9)
    fast = gd.compile(gd.grad(f))
    np.testing.assert_allclose(fast(*args), gd.grad(g)(*args), rtol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("b", [B, SEVERAL], ids=["vector", "matrix"])
def test_products_and_solutions_of_data_and_of_what_they_meet(kind, b):
    matrix, made = like(kind)

    def product(data, b):
        return np.sum((made(data) @ b) ** 2) + np.sum((b.T @ made(data)) ** 2)

    def solution(data, b):
        return np.sum(sparse.linalg.spsolve(made(data), b) ** 2)

    gd.check_gradients(product, (matrix.data, b), order=2)
    gd.check_gradients(solution, (matrix.data, b), order=2)
    for f in (product, solution):
        fast = gd.compile(gd.grad(f, (0, 1)))(matrix.data, b)
        for x, y in zip(fast, gd.grad(f, (0, 1))(matrix.data, b), strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_with_plain_data_they_are_scipys(kind):
    matrix, made = like(kind)
    found = made(matrix.data)
    assert type(found) is type(matrix)
    assert isinstance(matrix, getattr(sparse, kind))
    np.testing.assert_array_equal(
        sparse.linalg.spsolve(matrix.tocsc(), B), theirs.spsolve(matrix.tocsc(), B)
    )
    assert sparse.linalg.cg(matrix, B)[0].tolist() == theirs.cg(matrix, B)[0].tolist()


INDICES = {
    "an entry": (2, 2),
    "no entry": tuple(np.argwhere(~MASK)[0]),
    "a row": 3,
    "rows": slice(1, 4),
    "rows in an order": [4, 0, 2],
    "a column": (slice(None), 2),
    "a block": (slice(1, None, 2), slice(0, 4)),
    "entries": ([0, 2, 5], [1, 2, 0]),
    "a mask": np.arange(N) % 2 == 0,
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
@pytest.mark.parametrize("kind", KINDS)
def test_entries_by_index(kind, index):
    matrix, made = like(kind)
    expected = matrix[index]
    expected = expected.toarray() if sp.issparse(expected) else np.asarray(expected)

    def picked(data):
        found = made(data)[index]
        return found.toarray() if hasattr(found, "toarray") else found

    np.testing.assert_array_equal(gd.value(picked(gd.node(matrix.data))), expected)
    gd.check_gradients(lambda d: np.sum(np.sin(picked(d))), (matrix.data,), order=1)


@pytest.mark.parametrize("kind", ["csr_array", "csc_array"])
def test_entrywise_products_of_two_sparse_matrices(kind):
    matrix, made = like(kind)
    other = sp.csr_array(np.eye(N) + np.eye(N, k=2) + np.eye(N, k=-1))

    def f(data):
        a = made(data)
        z = a.multiply(a) - a * other + other.multiply(3.0) * a.T
        return np.sum(z.toarray() ** 2)

    def dense(data):
        a, o = made(data).toarray(), other.toarray()
        return np.sum((a * a - a * o + 3.0 * o * a.T) ** 2)

    same(f, dense, matrix.data)
    with pytest.raises(ShapeError, match="differ"):
        made(gd.node(matrix.data)).multiply(sp.csr_array(np.ones((2, 2))))


@pytest.mark.parametrize("kind", ["csr_array", "csc_array"])
def test_algebra(kind):
    matrix, made = like(kind)
    other = sp.csr_array(np.eye(N) + np.eye(N, k=2))

    def f(data):
        a = made(data)
        square = a @ a + 2.0 * a.T - a / 3.0 + other - other @ a
        total = np.sum(square.toarray() ** 2) + np.sum(a.diagonal() ** 3)
        scaled = a.multiply(np.arange(1.0, N + 1)) + -a
        return total + np.sum(scaled.sum(axis=0) * a.sum(axis=1)) + a.sum() ** 2

    def dense(data):
        rows, columns = made(gd.node(np.ones(matrix.nnz))).coords
        a = gd.operations.unindex(data, index=(rows, columns), shape=(N, N))
        o = other.toarray()
        square = a @ a + 2.0 * a.T - a / 3.0 + o - o @ a
        total = np.sum(square**2) + np.sum(np.diagonal(a) ** 3)
        scaled = a * np.arange(1.0, N + 1) - a
        return total + np.sum(scaled.sum(axis=0) * a.sum(axis=1)) + a.sum() ** 2

    data = matrix.data
    np.testing.assert_allclose(gd.grad(f)(data), gd.grad(dense)(data), rtol=1e-10)
    np.testing.assert_allclose(
        gd.hessian(f)(data), gd.hessian(dense)(data), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(
        gd.compile(gd.grad(f))(data), gd.grad(dense)(data), rtol=1e-10
    )


def test_matrices_of_coordinates_and_of_diagonals():
    places = ([0, 1, 1, 2, 0, 0], [0, 1, 1, 2, 0, 5])

    def f(x):
        by_places = sparse.coo_array((x, places), shape=(N, N))
        diagonals = sparse.diags_array([x, 2 * x[1:]], offsets=[0, 1])
        older = sparse.diags([x[:-2]], [-2], shape=(N, N), format="csc")
        return np.sum((by_places @ B) ** 2 + (diagonals @ B) ** 3 + older @ B)

    def dense(x):
        a = gd.operations.unindex(x, index=tuple(map(np.array, places)), shape=(N, N))
        d = np.diag(x) + np.diag(2 * x[1:], 1)
        return np.sum((a @ B) ** 2 + (d @ B) ** 3 + np.diag(x[:-2], -2) @ B)

    same(f, dense, B)


SCIPYS = [sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix, sp.csc_matrix]


@pytest.mark.parametrize("make", SCIPYS)
def test_scipys_matrices_multiply_nodes(make):
    matrix = make(DENSE)

    def f(x):
        return np.sum((matrix @ x) ** 3) + np.sum((x @ matrix) ** 2)

    def dense(x):
        return np.sum((DENSE @ x) ** 3) + np.sum((x @ DENSE) ** 2)

    same(f, dense, B)
    np.testing.assert_allclose(gd.compile(f)(B), dense(B), rtol=1e-12)
    both = np.stack([B, 2 * B])
    np.testing.assert_allclose(
        gd.vmap(gd.grad(f))(both), [gd.grad(dense)(x) for x in both], rtol=1e-10
    )
    slope = gd.grad(lambda k: np.sum((k * matrix @ B) ** 2))(2.0)
    assert slope == pytest.approx(4.0 * np.sum((DENSE @ B) ** 2))
    if issubclass(make, sp.spmatrix):
        same(lambda x: np.sum((matrix * x) ** 2), lambda x: np.sum((DENSE @ x) ** 2), B)


FORMS = {
    "matrix": lambda s: s,
    "sparse": sp.csr_array,
    "operator": theirs.aslinearoperator,
    "function": lambda s: lambda v: s @ v,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["cg", "minres", "gmres"])
def test_iterative_solvers_and_what_they_take(name, form):
    symmetric = DENSE @ DENSE.T
    matrix, solver = FORMS[form](symmetric), getattr(sparse.linalg, name)

    def f(b):
        return np.sum(solver(matrix, b, rtol=1e-13)[0] ** 2)

    same(f, lambda b: np.sum(np.linalg.solve(symmetric, b) ** 2), B)


@pytest.mark.parametrize(
    "name", ["bicg", "bicgstab", "cgs", "gcrotmk", "gmres", "lgmres", "qmr", "tfqmr"]
)
def test_iterative_solvers_of_matrices_of_nodes(name):
    matrix, made = like("csr_array")
    solver = getattr(sparse.linalg, name)

    def f(data, b):
        return np.sum(solver(made(data), b, rtol=1e-12)[0] ** 2)

    def direct(data, b):
        return np.sum(sparse.linalg.spsolve(made(data), b) ** 2)

    for argnum in (0, 1):
        found = gd.grad(f, argnum)(matrix.data, B)
        expected = gd.grad(direct, argnum)(matrix.data, B)
        np.testing.assert_allclose(found, expected, rtol=1e-7)


def test_a_preconditioner_serves_the_adjoint_too():
    scale = sp.diags(1 / np.diag(DENSE))

    def f(b):
        return np.sum(sparse.linalg.gmres(DENSE, b, rtol=1e-13, M=scale)[0] ** 2)

    same(f, lambda b: np.sum(np.linalg.solve(DENSE, b) ** 2), B)


def test_what_did_not_converge_warns():
    with pytest.warns(SolutionWarning, match="cg stopped before"):
        gd.grad(lambda b: sparse.linalg.cg(DENSE, b, maxiter=1)[0][0])(B)


def test_factors():
    matrix, made = like("csc_array")
    solve = sparse.linalg.factorized(matrix)
    same(
        lambda b: np.sum(solve(b) ** 2),
        lambda b: np.sum(np.linalg.solve(DENSE, b) ** 2),
        B,
    )
    assert solve(B).tolist() == theirs.factorized(matrix)(B).tolist()

    def f(data):
        factors = sparse.linalg.splu(made(data))
        return np.sum(factors.solve(B)) + np.sum(factors.solve(B, "T") ** 2)

    gd.check_gradients(f, (matrix.data,), order=2)


def test_one_factorisation_serves_the_solution_and_its_sweeps(monkeypatch):
    made, plain = [], theirs.splu

    def counted(*args, **options):
        made.append(args)
        return plain(*args, **options)

    monkeypatch.setattr("chainrule.scipy.sparse.patterns._splu", counted)
    matrix, of = like("csc_array")
    gd.hessian(lambda d: np.sum(sparse.linalg.spsolve(of(d), B) ** 2))(matrix.data)
    assert len(made) == 1


def test_complex_matrices():
    matrix, _ = like("csc_array")

    def f(x):
        data = matrix.data * (1 + 0.5j) * x
        a = sparse.csc_array((data, matrix.indices, matrix.indptr), shape=(N, N))
        return np.sum(np.abs(sparse.linalg.spsolve(a, B)) ** 2 + np.abs(a @ B) ** 2)

    gd.check_gradients(f, (1.3,), order=2)


@pytest.mark.parametrize("kind", ["csr_array", "csc_array"])
def test_entries_in_no_order_zero_and_twice(kind):
    data = np.array([2.0, 0.5, -1.5, 0.3, 0.0, 3.0, 0.7])
    places = np.array([2, 0, 1, 1, 0, 2, 0]), np.array([0, 2, 4, 7])
    rows = np.repeat(np.arange(3), np.diff(places[1]))
    dense = np.zeros((7, 3, 3))  # what each entry adds to the matrix
    at = (rows, places[0]) if kind == "csr_array" else (places[0], rows)
    dense[(np.arange(7), *at)] = 1.0
    b = np.array([1.0, -2.0, 0.5])

    def of_data(d):
        matrix = getattr(sparse, kind)((d, *map(np.copy, places)), shape=(3, 3))
        return np.sum(np.sin(sparse.linalg.spsolve(matrix, b)))

    def densely(d):
        return np.sum(np.sin(np.linalg.solve(np.tensordot(d, dense, 1), b)))

    np.testing.assert_allclose(gd.grad(of_data)(data), gd.grad(densely)(data))
    np.testing.assert_allclose(gd.hessian(of_data)(data), gd.hessian(densely)(data))


def test_they_are_pickled():
    a = sparse.csr_array((gd.node(np.ones(2)), [0, 1], [0, 1, 2]))
    again = pickle.loads(pickle.dumps(a))
    assert again.shape == (2, 2)
    assert again.data.value.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("form", ["csr", "csc"])
@pytest.mark.parametrize("columns", [1, 3])
def test_sparse_right_sides(form, columns):
    matrix = sp.csr_array(np.array([[2.0, 1.0, 0.0], [0.0, 4.0, 1.0], [1.0, 0.0, 3.0]]))
    side = sp.csr_array(np.array([[1.0, 0, 2], [0, 0, 1], [0, 3, 0]])[:, :columns])

    def of(data):
        places = data, matrix.indices, matrix.indptr
        a = sparse.csr_array(places, shape=(3, 3))
        return getattr(a, f"to{form}")()

    def solved(data, entries):
        b = sparse.csr_array((entries, side.indices, side.indptr), shape=side.shape)
        x = sparse.linalg.spsolve(of(data), b)
        assert columns == 1 or x.format in (form, "csr")
        return x if columns == 1 else x.toarray()

    def densely(data, entries):
        b = sparse.csr_array((entries, side.indices, side.indptr), shape=side.shape)
        x = np.linalg.solve(of(data).toarray(), b.toarray())
        return x[:, 0] if columns == 1 else x

    given = matrix.data, side.data
    for i in (0, 1):
        found, expected = (gd.jacobian(f, i)(*given) for f in (solved, densely))
        np.testing.assert_allclose(found, expected, atol=1e-14)
    x = sparse.linalg.spsolve(of(gd.node(matrix.data)), side)  # a plain one of SciPy's
    expected = theirs.spsolve(matrix.tocsc(), side.tocsc())
    dense = [v.toarray() if hasattr(v, "toarray") else v for v in (x, expected)]
    np.testing.assert_allclose(gd.value(dense[0]), dense[1])


def test_bad_input_is_refused():
    x = gd.node(np.ones((2, 2)))
    with pytest.raises(ArgumentError, match="give the places"):
        sparse.csr_array(x)
    with pytest.raises(ArgumentError, match="spsolve of nodes needs"):
        sparse.linalg.spsolve(x, np.ones(2))
    a = sparse.csr_array((gd.node(np.ones(2)), [0, 1], [0, 1, 2]))
    with pytest.raises(ShapeError, match="cannot be multiplied"):
        a @ np.ones(3)
    with pytest.raises(ShapeError, match="one entry for each place"):
        sparse.csr_array((gd.node(np.ones(3)), [0, 1], [0, 1, 2]))
    with pytest.raises(ArgumentError, match="does not support drop"):
        sparse.linalg.splu(a, drop=1)
    with pytest.raises(ArgumentError, match="needs two axes"):
        sp.coo_array(np.array([1.0, 0.0])) @ gd.node(np.ones(2))
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        sparse.linalg.spsolve(a * 0.0, np.ones(2))


@pytest.mark.parametrize("name", ["cg", "gmres", "bicg", "qmr"])
@pytest.mark.parametrize("is_operator", [True, False])
def test_operators_of_scipy_may_read_nodes(name, is_operator):
    import scipy.sparse.linalg as theirs

    from chainrule.scipy.sparse import linalg as ours

    matrix = np.diag([3.0, 4.0, 5.0]) + 0.1
    if name != "cg":
        matrix[0, 2] = 1.0

    def solved(a):
        def product(v):
            return (matrix @ v) * a

        operator = product
        if is_operator:
            operator = theirs.LinearOperator((3, 3), matvec=product, dtype=float)
        return getattr(ours, name)(operator, np.ones(3), rtol=1e-13)[0]

    expected = np.linalg.solve(matrix, np.ones(3))
    np.testing.assert_allclose(gd.value(solved(gd.node(2.0))), expected / 2)
    np.testing.assert_allclose(gd.jacobian(solved)(2.0), -expected / 4)
    np.testing.assert_allclose(gd.compile(gd.jacobian(solved))(2.0), -expected / 4)
