"""``lsqr`` and ``lsmr`` of nodes."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

sp = pytest.importorskip("scipy.sparse")
sparse = pytest.importorskip("chainrule.scipy.sparse")

NAMES = ["lsqr", "lsmr"]
EXACT = {"atol": 1e-14, "btol": 1e-14, "conlim": 0}
rng = np.random.default_rng(0)
TALL = sp.random_array((9, 5), density=0.6, rng=rng).tocsr()
TALL.data = rng.normal(size=TALL.data.size)
SIDE = rng.normal(size=9)
GROWTH = np.linspace(1.0, 2.0, 45).reshape(9, 5)


def tall(a):
    return TALL.toarray() * GROWTH**a


def of_data(a):
    data = TALL.data * np.linspace(1.0, 2.0, TALL.data.size) ** a
    return sparse.csr_array((data, TALL.indices, TALL.indptr), shape=TALL.shape)


PROBLEMS = {
    "right side": lambda a: (TALL, SIDE * a**3),
    "data": lambda a: (of_data(a), SIDE),
    "matrix": lambda a: (tall(a), SIDE),
    "damped": lambda a: (of_data(a), SIDE, a),
    "operator": lambda a: (sp.linalg.aslinearoperator(TALL), SIDE * a**3),
    "wide": lambda a: (tall(a).T, SIDE[:5] * a),
    "wide and damped": lambda a: (tall(a).T, SIDE[:5], 0.3 * a),
    "entries": lambda a: (np.array([[a, 1.0], [0.5, a], [1.0, 2.0]]), SIDE[:3]),
}


@pytest.mark.parametrize("start", [None, 1.0])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("problem", PROBLEMS)
def test_derivatives_are_those_of_differences(problem, name, start):
    solve = getattr(sparse.linalg, name)

    def f(a):
        given = PROBLEMS[problem](a)
        x0 = None if start is None else np.full(given[0].shape[1], start)
        x = solve(*given, x0=x0, **EXACT)[0]
        return np.sum(x * np.arange(1.0, len(x) + 1.0))

    for g in (f, gd.grad(f)):
        at = [g(1.3 + k * 1e-3) for k in (1, -1, 2, -2)]
        expected = (8 * (at[0] - at[1]) - (at[2] - at[3])) / 12e-3
        assert gd.grad(g)(1.3) == pytest.approx(expected, rel=1e-6)
        assert gd.jvp(g, (1.3,), (1.0,))[1] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_many_unknowns_take_products_alone(name):
    rng = np.random.default_rng(1)
    matrix = sp.random_array((900, 600), density=0.01, rng=rng).tocsr()
    matrix = (matrix + 3.0 * sp.eye_array(900, 600)).tocsr()
    side = rng.normal(size=900)

    def f(a, kept):
        data = (matrix.data * a + matrix.data**2) * kept
        made = sparse.csr_array((data, matrix.indices, matrix.indptr), (900, 600))
        return np.sum(getattr(sparse.linalg, name)(made, side, **EXACT)[0] ** 2)

    expected = (f(1.3 + 1e-4, 1.0) - f(1.3 - 1e-4, 1.0)) / 2e-4
    assert gd.grad(f)(1.3, 1.0) == pytest.approx(expected, rel=1e-6)
    with pytest.raises(np.linalg.LinAlgError, match="depend on each other"):
        gd.grad(f)(1.3, matrix.indices != 3)


@pytest.mark.parametrize("name", NAMES)
def test_what_has_no_derivative_is_refused(name):
    solve = getattr(sparse.linalg, name)
    assert len(solve(TALL, gd.node(SIDE))) == len(solve(TALL, SIDE))
    np.testing.assert_array_equal(
        solve(TALL, gd.node(SIDE))[0].value, solve(TALL, SIDE)[0]
    )
    with pytest.raises(np.linalg.LinAlgError, match="depend on each other"):
        gd.grad(lambda a: np.sum(solve(a * np.ones((9, 2)), SIDE)[0]))(1.3)
    with pytest.raises(ArgumentError, match=rf"{name} .* is not compiled"):
        gd.compile(lambda b: solve(TALL, b)[0])(SIDE)
