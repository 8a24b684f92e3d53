"""Calls of products and extremes that programs write by others."""

import operator

import numpy as np
import optree
import pytest

import chainrule as gd

RNG = np.random.default_rng(6)
A, B, V, W = (RNG.standard_normal(s) for s in ((3, 4), (5, 4), 4, 3))
C = A + 1j * RNG.standard_normal((3, 4))

PRODUCTS = {
    "dot": (lambda x, y: np.dot(x, y.T), (A, B)),
    "dot of a vector": (np.dot, (A, V)),
    "dot from the left": (np.dot, (W, A)),
    "inner": (np.inner, (A, B)),
    "inner of a vector": (np.inner, (V, B)),
    "tensordot": (lambda x, y: np.tensordot(x, y, 1), (A, B.T)),
    "tensordot of first axes": (lambda x, y: np.tensordot(x, y, ([0], [0])), (A, W)),
    "tensordot of last axes": (lambda x, y: np.tensordot(x, y, ([1], [1])), (A, B)),
    "outer": (np.outer, (V, W)),
    "complex": (np.inner, (C, C)),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_matmul_or_multiply(name):
    f, arguments = PRODUCTS[name]
    fast = gd.compile(f, executor="numpy")
    np.testing.assert_array_equal(fast(*arguments), f(*arguments))
    functions = {row.function for row in fast.newest()[1].program.rows}
    assert functions <= {np.matmul, np.multiply, np.reshape, np.transpose}


@pytest.mark.parametrize("dtype", [np.int64, np.bool_])
def test_others_stay(dtype):
    x = np.arange(6).reshape(2, 3).astype(dtype)
    for f in (lambda x: np.inner(x, x), lambda x: np.outer(x[0], x[1])):
        assert gd.compile(f)(x).dtype == f(x).dtype
        np.testing.assert_array_equal(gd.compile(f)(x), f(x))


@pytest.mark.parametrize("executor", ["numpy", "vm"])
def test_an_extreme_from_an_initial_value_is_that_of_both(executor):
    def f(x):
        return (
            np.max(x, initial=0.5),
            np.min(x, axis=1, initial=-0.5, keepdims=True),
            np.max(x[:0], axis=0, initial=1.0),
        )

    fast = gd.compile(f, executor=executor)
    for x in (A, A - 9.0, np.where(A > 1.0, np.nan, A)):
        for z, expected in zip(fast(x), f(x), strict=True):
            np.testing.assert_array_equal(z, expected)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("sizes", [(7, 3), (3, 7), (40, 40), (50, 45), (1, 1)])
def test_convolutions_with_short_kernels_are_products(mode, sizes):
    a, v = (RNG.standard_normal(n) for n in sizes)

    def f(a, v):
        return np.convolve(a, v, mode)

    fast = gd.compile(f)
    assert fast(a, v).shape == f(a, v).shape
    np.testing.assert_allclose(fast(a, v), f(a, v), rtol=1e-12, atol=1e-13)
    gradient = gd.grad(lambda a, v: np.sum(f(a, v) ** 2), (0, 1))
    for z, expected in zip(gd.compile(gradient)(a, v), gradient(a, v), strict=True):
        np.testing.assert_allclose(z, expected, rtol=1e-11, atol=1e-12)


def test_infinite_entries_reach_what_they_reach_in_numpy():
    a, v = np.array([1.0, np.inf, 2.0, 0.0, -1.0]), np.array([np.inf, 1.0, 2.0])
    for mode in ("full", "same", "valid"):
        fast = gd.compile(lambda a, v, mode=mode: np.convolve(a, v, mode))
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(fast(a, v), np.convolve(a, v, mode))


@pytest.mark.parametrize("steps", [(2, 2), (1, 3), (3, 1), (2, 3)])
@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_entries_of_a_lattice_are_put_side_by_side(steps, executor):
    rng = np.random.default_rng(5)
    x = rng.standard_normal((12, 18))
    first, second = steps
    starts = rng.permutation([(i, j) for i in range(first) for j in range(second)])

    def f(x):
        return sum(
            np.sum(np.sin(x[i::first, j::second]) * (i + 2 * j + 1)) for i, j in starts
        )

    fast = gd.compile(gd.grad(f), executor=executor)
    for _ in range(2):
        np.testing.assert_allclose(fast(x), gd.grad(f)(x), rtol=1e-14)
    assert "unindex" not in gd.program(fast)


@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_a_lattice_with_a_gap_or_met_twice_is_added_up(executor):
    x = np.random.default_rng(6).standard_normal((12, 18))

    def f(x):
        a = np.sum(x[::2, ::2] * x[1::2, ::2]) + np.sum(np.cos(x[::2, 1::2]))
        return a + np.sum(x[::2, ::2] ** 3) + np.sum(x[:, ::3] * x[:, 1::3])

    fast = gd.compile(gd.grad(f), executor=executor)
    for _ in range(2):
        np.testing.assert_allclose(fast(x), gd.grad(f)(x), rtol=1e-13)


@pytest.mark.parametrize("executor", ["numpy", "native"])
@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_an_extreme_of_whole_numbers_takes_its_initial_value_as_one(dtype, executor):
    def both(x):
        return np.max(x, initial=1.5), np.min(x, axis=0, initial=0.5)

    fast = gd.compile(both, executor=executor)
    x = np.array([[1, 0], [0, 1]], dtype)
    for found, known in zip(fast(x), both(x), strict=True):
        assert found.dtype == known.dtype
        np.testing.assert_array_equal(found, known)


MATRICES = np.arange(18.0).reshape(2, 3, 3)


@pytest.mark.parametrize("executor", ["numpy", "vm", "native"])
@pytest.mark.parametrize(
    "keywords",
    [{"axes": [(-1, -2), (-2, -1), (-1, -2)]}, {"dtype": np.float32}, {"order": "F"}],
)
def test_products_whose_keywords_ask_for_more(keywords, executor):
    def product(x, y):
        return np.matmul(x, y, **keywords)

    for x, y in ((MATRICES, MATRICES), (MATRICES[0], MATRICES), MATRICES):
        known = product(x, np.cos(y))
        found = gd.compile(product, executor=executor)(x, np.cos(y))
        assert found.dtype == known.dtype
        np.testing.assert_allclose(found, known, rtol=1e-12)
        stacks = gd.compile(gd.vmap(product), executor=executor)
        np.testing.assert_allclose(stacks(*map(twice, (x, np.cos(y))))[1], known)


def twice(x):
    return np.stack([0 * x, x])


def test_constant_places_are_integers_as_numpy_reads_them():
    places, table = np.array([2, 0, 1], np.int32), np.array([5, 6, 7, 8], np.int32)

    def f(x):
        y = np.take(table, np.argsort(x)) * x[places, None][:, 0].sum()
        y[places] = x[places] * 3
        np.add.at(y, places, x[:3])
        return y + np.sum(np.take(x, indices=places))

    def whole(k):
        y = k.copy()
        y[places] = table[:3]
        return y

    x = RNG.standard_normal(4)
    fast = gd.compile(gd.grad(lambda x: np.sum(f(x) ** 2)), executor="numpy")
    for _ in range(2):
        np.testing.assert_allclose(fast(x), gd.grad(lambda x: np.sum(f(x) ** 2))(x))
    rows = fast.newest()[1].program.rows
    constants = [v for r in rows for v in optree.tree_leaves((r.args[1:], r.given))]
    arrays = [v for v in constants if isinstance(v, np.ndarray)]
    assert {v.dtype for v in arrays if v.shape == (3,)} == {np.dtype(np.intp)}
    short = np.zeros(4, np.int32)
    assert gd.compile(whole)(short).dtype == np.int32
    np.testing.assert_array_equal(gd.compile(whole)(short), whole(short))


COUNTS = {
    "mean": lambda x: np.mean(x > 0.2),
    "mean along an axis": lambda x: np.mean(x > 0.2, axis=1, keepdims=True),
    "sum": lambda x: np.sum(x > 0.2, axis=0, dtype=float),
    "method": lambda x: (x > 0.2).sum(dtype=np.float64),
    "count_nonzero": lambda x: np.count_nonzero(x > 0.2),
    "count_nonzero of numbers": lambda x: np.count_nonzero(x, axis=1),
    "none": lambda x: np.count_nonzero(x[:0], axis=0, keepdims=True),
}


@pytest.mark.parametrize("executor", ["numpy", "vm", "native"])
@pytest.mark.parametrize("name", COUNTS)
def test_truth_values_are_counted_in_integers(name, executor):
    f = COUNTS[name]
    fast = gd.compile(f, executor=executor)
    for x in (A, A - 9.0, np.where(A > 1.0, np.nan, 0.0)):
        found, expected = fast(x), f(x)
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype
        assert type(found) is type(expected)
    called = {row.function for row in fast.newest()[1].program.rows}
    assert called <= {np.greater, np.not_equal, np.sum, np.divide, operator.getitem}
