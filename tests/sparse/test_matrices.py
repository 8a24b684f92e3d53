"""Sparse Jacobians and Hessians are the dense ones, with fewer products."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.programs import passes
from chainrule.errors import ArgumentError, ShapeError

sp = pytest.importorskip("scipy.sparse")

X = np.linspace(0.3, 1.7, 36)


def tridiagonal(x):
    return x**2 * 3 - 2 * np.roll(x, 1) - np.concatenate([x[1:], [0.0]])


def five_points(u):
    n = int(u.size**0.5)
    p = np.pad(u.reshape(n, n), 1)
    around = p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2]
    return (4 * u.reshape(n, n) - around + u.reshape(n, n) ** 3).ravel()


def sums(x):
    return np.sum(x.reshape(6, 6), axis=0) * x[:6]


def of_a_matrix(x):
    return np.diag(np.arange(1.0, 36.0), k=1) @ np.sin(x)


def running(x):
    return gd.scan(lambda c, t: (t, c * t), 0.0, x)[1]


def diffusion(x):
    def step(u, _):
        return u + 0.1 * (np.roll(u, 1) - 2 * u + np.roll(u, -1)), None

    return gd.scan(step, x, None, 2)[0]


def filled(x):
    y = gd.zeros(36)
    for i in range(1, 36):
        y[i] = x[i] * x[i - 1]
    return y


def batched(x):
    m = x.reshape(4, 3, 3) + 3 * np.eye(3)
    return np.linalg.det(m), np.linalg.solve(m, np.ones((4, 3, 1))).ravel()


def contracted(x):
    return np.einsum("aij,aj->ai", x.reshape(4, 3, 3), x[:12].reshape(4, 3)).ravel()


def sorted_rows(x):
    return np.sort(x.reshape(9, 4), axis=1).ravel() * x


JACOBIANS = [
    tridiagonal,
    five_points,
    sums,
    of_a_matrix,
    running,
    diffusion,
    filled,
    lambda x: batched(x)[0],
    lambda x: batched(x)[1],
    contracted,
    sorted_rows,
    lambda x: x[::-1][:5] * 2.0,
    lambda x: np.where(x > 1.0, x**2, x[::-1]),
    lambda x: np.ones(3),
    np.linalg.norm,
]


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def in_a_loop(x):
    total = 0.0
    for i in range(1, x.size):
        total = total + np.exp(x[i] * x[i - 1]) * x[i]
    return total


def in_pairs(x):
    return np.sum(np.exp(x[::2] * x[1::2])) + np.sum(x)


def scanned(x):
    return np.sum(gd.scan(lambda c, t: (t, (c - t**2) ** 2), 0.0, x)[1])


def arrow(x):
    return np.sum(x[1:] ** 3) * x[0]


HESSIANS = [rosenbrock, in_a_loop, in_pairs, scanned, arrow, np.sum]


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("f", JACOBIANS)
def test_jacobians_are_the_dense_ones(f, mode):
    J = gd.sparse.jacobian(f, mode=mode)
    for x in (X, X[::-1] * 1.3):
        found = J(x)
        dense = gd.jacobian(f)(x)
        dense = np.reshape(dense, found.shape)
        np.testing.assert_allclose(found.toarray(), dense, rtol=1e-12, atol=1e-14)
        assert found.has_canonical_format


@pytest.mark.parametrize("f", HESSIANS)
def test_hessians_are_the_dense_ones(f):
    H = gd.sparse.hessian(f)
    for x in (X, X[::-1] * 1.3):
        dense = gd.hessian(f)(x)
        np.testing.assert_allclose(H(x).toarray(), dense, rtol=1e-11, atol=1e-12)
    diagonal = gd.hessian_diagonal(f)(X)
    np.testing.assert_allclose(diagonal, np.diag(gd.hessian(f)(X)), atol=1e-12)


def test_a_stencil_takes_the_same_few_products_at_any_size():
    few = {}
    for n in (100, 2500):
        J, H = gd.sparse.jacobian(five_points), gd.sparse.hessian(rosenbrock)
        J(np.ones(n)), H(np.ones(n))
        few[n] = J.sweeps, H.sweeps, gd.sparse.sparsity(tridiagonal, np.ones(n)).nnz
    assert few[100][:2] == few[2500][:2]
    assert few[2500] == (5, 3, 3 * 2500 - 1)


def test_the_mode_is_that_of_fewer_products():
    J = gd.sparse.jacobian(sums)
    J(X)
    assert (J.mode, J.sweeps) == ("reverse", 1)


def test_another_path_has_another_pattern():
    def f(x):
        return x * 2.0 if x[0] > 0 else x[::-1] ** 2

    J = gd.sparse.jacobian(f)
    for x in (X, -X, X * 2):
        np.testing.assert_allclose(J(x).toarray(), gd.jacobian(f)(x))
    assert J.sweeps == 2


def test_a_pattern_is_found_where_derivatives_are_nan():
    def f(x):
        return np.sum(np.sqrt(x) * x[::-1] ** 2)

    H, x = gd.sparse.hessian(f), np.array([0.0, -1.0, 4.0])
    with np.errstate(all="ignore"):
        for point in (x, x + 2.0, x):
            np.testing.assert_allclose(H(point).toarray(), gd.hessian(f)(point))


def test_a_pattern_takes_no_program_that_runs(monkeypatch):
    seen = []
    monkeypatch.setattr(passes, "OBSERVERS", [lambda name, _: seen.append(name)])
    gd.sparse.sparsity(lambda x: x[1:] * x[:-1], np.ones(5))
    assert seen == ["traced", "dce", "cse", "scatters"]


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_arrays_that_are_constant_between_jumps_are_written(mode):
    def f(x):
        s = np.sign(x)
        s[s == 0] = 1.0
        return s * x * np.roll(x, 1)

    x = np.array([1.0, -2.0, 0.0, 3.0, 4.0])
    J = gd.sparse.jacobian(f, mode=mode)
    for y in (x, -x):
        np.testing.assert_allclose(J(y).toarray(), gd.jacobian(f)(y))


@pytest.mark.parametrize("mode", ["auto", "reverse"])
def test_functions_decide_on_what_loops_return(mode):
    def f(x):
        z = gd.scan(lambda c, v: (np.where(v > 0, v, c * v), c + v), 0.3, x)[1]
        return z * 2 if z[0] > 0 else np.roll(z, 1)

    J = gd.sparse.jacobian(f, mode=mode)
    for x in (np.array([1.0, -0.5, 2.0]), np.array([-1.0, 0.5, 2.0])):
        np.testing.assert_allclose(J(x).toarray(), gd.jacobian(f)(x))


def test_other_arguments_and_sizes():
    J = gd.sparse.jacobian(lambda a, x, b=1.0: a * x * b, 1)
    np.testing.assert_allclose(
        J(2.0, X, b=np.arange(36.0)).diagonal(), np.arange(0, 72, 2)
    )
    np.testing.assert_allclose(J(2.0, X[:5]).toarray(), 2.0 * np.eye(5))
    assert J(2.0, X[:5].astype(np.float32)).dtype == np.float32


def test_a_given_pattern_is_checked():
    J = gd.sparse.jacobian(tridiagonal, sparsity=np.eye(36), check=True)
    with pytest.raises(ArgumentError, match="leaves out entries of row"):
        J(X)
    band = sp.csr_array(np.ones((36, 36)))
    found = gd.sparse.jacobian(tridiagonal, sparsity=band, check=True)(X)
    np.testing.assert_allclose(found.toarray(), gd.jacobian(tridiagonal)(X))
    with pytest.raises(ShapeError, match=r"\(3, 3\)"):
        gd.sparse.jacobian(tridiagonal, sparsity=np.eye(3))(X)


def products(x):
    return x[1:] * x[:-1]


def test_a_given_pattern_is_checked_on_each_path():
    def f(x):
        return x * 2 if x[0] > 0 else x[::-1] * 3

    J, x = gd.sparse.jacobian(f, sparsity=np.eye(4)), np.array([1.0, 2.0, 3.0, 4.0])
    for _ in range(2):
        np.testing.assert_array_equal(J(x).toarray(), 2 * np.eye(4))
        with pytest.raises(ArgumentError, match="leaves out"):
            J(-x)


def test_small_entries_beside_large_ones_are_checked():
    def f(x):
        return np.stack([1e12 * x[0], x[1] * x[2], x[2]])

    with pytest.raises(ArgumentError, match="row 1"):
        gd.sparse.jacobian(f, sparsity=np.eye(3))(np.array([1.0, 2.0, 3.0]))


def test_a_given_pattern_stays_as_it_is():
    columns = np.array([1, 0, 2, 1, 3, 2])
    given = sp.csr_array((np.arange(1.0, 7.0), columns, [0, 2, 4, 6]), shape=(3, 4))
    before, x = given.toarray(), np.array([1.0, 2.0, 3.0, 4.0])
    J = gd.sparse.jacobian(products, sparsity=given)
    np.testing.assert_allclose(J(x).toarray(), gd.jacobian(products)(x))
    np.testing.assert_array_equal(given.toarray(), before)
    np.testing.assert_array_equal(given.indices, columns)


def test_derivatives_are_pickled():
    x = np.array([1.0, 2.0, 3.0, 4.0])
    J = gd.sparse.jacobian(products, 0, mode="reverse", sparsity=np.tri(3, 4, 1))
    J(x)
    other = pickle.loads(pickle.dumps(J))
    np.testing.assert_array_equal(other(x).toarray(), J(x).toarray())
    assert (other.mode, other.pattern.nnz) == ("reverse", 9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: gd.sparse.hessian(3.0), "needs a function; received float"),
        (lambda: gd.sparse.jacobian(np.sin, sparsity="eye"), "received str 'eye'"),
    ],
)
def test_what_is_no_function_and_no_pattern(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()


def test_what_is_dense_says_so():
    J = gd.sparse.jacobian(lambda x: np.interp(x, X, X**2))
    J(X)
    assert J.dense_because == ["interp"]


def test_a_matrix_that_would_be_full_is_refused():
    with pytest.raises(ArgumentError, match="linear_map"):
        gd.sparse.jacobian(np.cumsum)(np.ones(100_000))


@pytest.mark.parametrize("bad", [3, np.arange(3), [1, 2], "x", 1j])
def test_the_argument_is_a_real_array(bad):
    with pytest.raises(ArgumentError, match="real array"):
        gd.sparse.jacobian(np.sin)(bad)


def test_linear_maps_are_jacobians():
    for f in (tridiagonal, sums, rosenbrock, gd.grad(rosenbrock)):
        A, J = gd.linear_map(f, X), np.atleast_2d(gd.jacobian(f)(X))
        assert A.shape == J.shape
        for i in range(3):
            u, v = np.cos(np.arange(J.shape[0]) + i), np.sin(np.arange(36.0) + i)
            np.testing.assert_allclose(A @ v, J @ v, rtol=1e-10)
            np.testing.assert_allclose(A.T @ u, J.T @ u, rtol=1e-10, atol=1e-12)
    with pytest.raises(ArgumentError, match="real array"):
        gd.linear_map(np.sin, 1)


POINT = np.array([0.5, -1.5, 2.0, 3.0])


def constant_first(x):
    return np.ones(4) if x[0] > 0 else x * x[1]


def of_two_lengths(x):
    return x[:2] * x[3] if x[0] > 0 else x * x[1]


@pytest.mark.parametrize("f", [constant_first, of_two_lengths])
def test_another_path_may_have_another_pattern_and_shape(f):
    J = gd.sparse.jacobian(f)
    for x in (POINT, -POINT, POINT):
        np.testing.assert_allclose(J(x).toarray(), gd.jacobian(f)(x))


def test_each_path_has_its_own_containers():
    def f(x):
        return (x * 2.0, 3) if x[0] > 1 else x**2

    J = gd.sparse.jacobian(f)
    for x in (np.full(3, 2.0), np.full(3, 0.5), np.full(3, 1.5), np.full(3, 0.25)):
        found = J(x)
        if x[0] > 1:
            found, nothing = found
            assert nothing is None
        np.testing.assert_allclose(
            found.toarray(), np.diag(np.where(x > 1, 2.0, 2 * x))
        )


def test_results_as_long_as_other_arguments_say():
    def picked(x, where):
        return x[where] ** 2

    J = gd.sparse.jacobian(picked)
    for where in (POINT > 0, POINT < 0, POINT > 9, POINT > 0):
        np.testing.assert_allclose(
            J(POINT, where).toarray(), gd.jacobian(picked)(POINT, where)
        )


def test_one_array_in_two_arguments():
    J = gd.sparse.jacobian(lambda y, x: y * x[0], argnums=1)
    expected = np.zeros((4, 4))
    expected[:, 0] = POINT
    np.testing.assert_allclose(J(POINT, POINT).toarray(), expected)


def test_threads_share_a_derivative():
    def f(x):
        return x * x[0] if x[0] > 0 else x[::-1] * x[1]

    J = gd.sparse.jacobian(f)
    points = [POINT, -POINT] * 10
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(J, points))
    for x, matrix in zip(points, found, strict=True):
        np.testing.assert_allclose(matrix.toarray(), gd.jacobian(f)(x))


def test_a_linear_map_keeps_its_point_and_takes_complex_vectors():
    x = POINT.copy()
    A = gd.linear_map(np.square, x)
    x[:] = 0
    v = np.array([1j, 2.0, 1 + 1j, 0.0])
    np.testing.assert_allclose(A @ v, 2 * POINT * v)
    np.testing.assert_allclose(A.H @ v, 2 * POINT * v)


def test_a_number_by_a_number():
    J = gd.sparse.jacobian(lambda x: np.outer(x, x))
    assert J(np.array(3.0)).toarray() == 6.0


def test_a_first_call_finds_its_pattern_once(monkeypatch):
    from chainrule.sparse import states

    found = []

    def counted(*args, **given):
        found.append(args)
        return detection(*args, **given)

    detection = states.Detection
    monkeypatch.setattr(states, "Detection", counted)
    J = gd.sparse.jacobian(lambda x: x[1:] * x[:-1] if x[0] < 1 else x[1:] * x[0])
    for start, entries, count in ((0.5, 10, 1), (0.7, 10, 1), (2.0, 15, 2)):
        x = np.linspace(start, 3.0, 6)
        assert J(x).nnz == entries - (count == 2)
        assert len(found) == count


def test_lifted_functions_have_sparse_derivatives():
    ends = np.array([[0, 1], [1, 2], [2, 3]])

    def assembled(u):
        rest, ue = np.zeros(4), u[ends]
        np.add.at(rest, ends, ue * ue[:, ::-1])
        return rest

    f, u = gd.lift(assembled), np.arange(1.0, 5.0)
    found = gd.sparse.jacobian(f)(u)
    np.testing.assert_allclose(found.toarray(), gd.jacobian(f)(u))
    assert found.nnz == 10


@pytest.mark.parametrize("mode", ["jacobian", "hessian"])
def test_seeds_are_constants_where_they_are_gathered(mode):
    rng = np.random.default_rng(5)
    starts, ends = rng.integers(0, 60, (2, 90))
    weights = rng.normal(size=90)

    def energy(x):
        return np.sum(weights * np.cos(x[starts] - x[ends]))

    def differences(x):
        return np.diff(x) ** 2

    gathers = gd.grad(energy) if mode == "jacobian" else energy
    one = {"jacobian": "forward", "hessian": "star"}[mode]
    sparse = getattr(gd.sparse, mode)(gathers, mode=one)
    for x in rng.normal(size=(3, 60)):
        dense = gd.jacobian(gd.grad(energy))(x)
        np.testing.assert_allclose(sparse(x).toarray(), dense, atol=1e-12)
    (state,) = sparse._states.values()
    assert not state.passed
    stencil = gd.sparse.jacobian(differences, mode="forward")
    stencil(np.ones(60))
    (state,) = stencil._states.values()
    assert state.passed
