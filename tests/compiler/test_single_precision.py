"""Programs of float32 on tapes, where numbers are held as float64 and rounded."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm
from chainrule.values.containers import flatten
from chainrule.values.quiet import quietly

pytestmark = pytest.mark.skipif(not llvm.available(), reason="needs llvmlite")

SINGLE = np.float32
RNG = np.random.default_rng(32)
BINARY = [np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum]
UNARY = [np.sqrt, np.negative, np.absolute, np.square, np.reciprocal, np.floor]
TESTS = [np.less, np.greater_equal, np.equal]
NUMBERS = [0.1, -1.5, 3, 1e30, 1e-30, np.float64(0.7), SINGLE(0.7)]
SHAPES = [(), (1,), (3,), (10,), (4, 5), (70,), (20, 30)]


def drawn(*shape: int) -> np.ndarray:
    return RNG.uniform(0.2, 1.5, shape).astype(SINGLE)


def same_kinds(actual, expected):
    """Compare structure, shapes and dtypes; return the leaves, pair by pair."""
    found, structure = flatten(actual)
    wanted, of = flatten(expected)
    assert structure == of
    pairs = list(zip(map(np.asarray, found), map(np.asarray, wanted), strict=True))
    for a, e in pairs:
        assert (a.shape, a.dtype) == (e.shape, e.dtype)
    return pairs


def on_tape(f, *args, executor="native"):
    """Return what a program gives on a tape, in its second call."""
    fast = gd.compile(f, executor=executor)
    quietly(fast, *args)
    wanted = {"native": "native code", "vm": "tape VM"}[executor]
    assert fast.stats()["programs"][-1]["executor"] == wanted
    return quietly(fast, *args)


def random_program(rng):
    """Return a function of arrays whose operations round as IEEE 754 says."""
    draws = rng.integers(1 << 20, size=(int(rng.integers(3, 25)), 4)).tolist()

    def f(*xs):
        values = list(xs)
        for kind, i, j, k in draws:
            x, y, w = (values[n % len(values)] for n in (i, j, k))
            c = NUMBERS[k % len(NUMBERS)]
            values.append(
                [
                    lambda x, y, w, c: BINARY[k % 6](x, y),  # noqa: B023
                    lambda x, y, w, c: BINARY[k % 6](c, x),  # noqa: B023
                    lambda x, y, w, c: UNARY[k % 6](x),  # noqa: B023
                    lambda x, y, w, c: np.where(TESTS[k % 3](x, y), w, x),  # noqa: B023
                    lambda x, y, w, c: np.where(TESTS[k % 3](x, c), y, c),  # noqa: B023
                    lambda x, y, w, c: (x * SINGLE(1)).astype(SINGLE) * y,
                    lambda x, y, w, c: x.astype(np.float64) + y,
                ][kind % 7](x, y, w, c)
            )
        return tuple(values[len(xs) :])

    return f


@pytest.mark.parametrize("seed", range(12))
def test_random_programs_have_the_bits_of_numpy(seed):
    rng = np.random.default_rng(seed)
    f, shape = random_program(rng), SHAPES[seed % len(SHAPES)]
    sizes = 10.0 ** rng.integers(-38, 38, 3)
    args = [(rng.normal(size=shape) * s).astype(SINGLE)[()] for s in sizes]
    args[2] = args[2].astype([SINGLE, np.float64][seed % 2])
    expected = quietly(f, *args)
    for executor in ("native", "vm") if seed < 3 else ("native",):
        for a, e in same_kinds(on_tape(f, *args, executor=executor), expected):
            np.testing.assert_array_equal(a, e)


@pytest.mark.parametrize("x", [SINGLE(0.1), drawn(5), drawn(20, 30)], ids=np.shape)
def test_pythons_numbers_are_rounded_first(x):
    def f(x, k):
        return x < 0.1, x == k, x * k, k - x, np.where(x > k, k, x), x + 1e-9

    expected = f(x, 0.1)
    for a, e in same_kinds(on_tape(f, x, 0.1), expected):
        np.testing.assert_array_equal(a, e)


@pytest.mark.parametrize("x", [SINGLE(0.3), drawn(7)], ids=np.shape)
def test_neighbours_are_those_of_float32(x):
    def f(x):
        y = np.nextafter(x * 2, x)
        return y, np.spacing(x), y - np.nextafter(x, SINGLE(9))

    for a, e in same_kinds(on_tape(f, x), f(x)):
        np.testing.assert_array_equal(a, e)


def test_ranges_are_those_of_float32():
    def f(x):
        return x * 1e38 * x, x * 1e-30 * 1e-12, np.exp(x * 99), np.exp(x * -99), x / 0

    x = drawn(9)
    for a, e in same_kinds(on_tape(f, x), quietly(f, x)):
        np.testing.assert_array_max_ulp(a, e, 4)


def written(x, y):
    z = x.copy()
    z[2], z[3] = y[1], 0.1
    z[4:6] += y[:2]
    z[1] *= 3
    return z, np.concatenate([x, y]), y.astype(SINGLE), np.where(x > 0.7, x, y)


@pytest.mark.parametrize("dtype", [SINGLE, np.float64])
def test_what_is_written_is_rounded(dtype):
    x, y = drawn(10), RNG.normal(size=10).astype(dtype)
    for a, e in same_kinds(on_tape(written, x, y), written(x, y)):
        np.testing.assert_array_equal(a, e)


def added_at(x, i, y):
    z = x.copy()
    for k in range(4):
        z[i[k]] += y[k]
    return z


def stepped(x, xs):
    return gd.scan(lambda c, t: (np.tanh(c * x + t), c * 0.1), SINGLE(0), xs)


def spread(x):
    return np.sum(np.exp(-x * x) * np.sin(x[::-1])) * 0.1


def doubled(x):
    return gd.while_loop(lambda c: c[0] < 100, lambda c: (c[0] * x, c[1] + x), (x, x))


def chosen(x, y):
    return gd.cond(x > 0.7, lambda x, y: x * y, lambda x, y: np.sqrt(x) / y, x, y)


def of_matrices(a, b):
    x = np.linalg.solve(a + 9 * np.eye(6, dtype=SINGLE), b[0])
    sums = np.sum(a, 0), np.mean(a, 1), np.max(a), np.std(b), np.cumsum(b, 1)
    return a @ b, a @ b[0], b[0] @ b[1], x, np.linalg.slogdet(a @ a.T + 1)[1], *sums


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (added_at, (drawn(9), np.array([1, 3, 3, 8]), drawn(4))),
        (stepped, (SINGLE(0.7), drawn(40))),
        (gd.grad(lambda x, xs: np.sum(stepped(x, xs)[1]), (0, 1)), (0.7, drawn(40))),
        (gd.value_and_grad(spread), (drawn(10),)),
        (gd.hessian(spread), (drawn(6),)),
        (doubled, (SINGLE(1.7),)),
        (lambda x: gd.jvp(lambda x: doubled(x)[1], (x,), (x,)), (SINGLE(1.7),)),
        (gd.value_and_grad(chosen, (0, 1)), (SINGLE(0.6), SINGLE(0.3))),
        (of_matrices, (drawn(6, 6), drawn(6, 6))),
        (lambda x, k: (np.sum(np.sin(x) * k), np.sum(x, 0)), (drawn(40, 50), 0.3)),
    ],
)
def test_structures_are_no_further_from_float64_than_numpy(f, args):
    exact = f(*(x.astype(np.float64) if np.ndim(x) and x.dtype == SINGLE else x
                for x in args))  # fmt: skip
    eager = f(*args)
    far = zip(same_kinds(on_tape(f, *args), eager), flatten(exact)[0], strict=True)
    for (a, e), x in far:
        size = np.max(np.abs(x), initial=0.0)
        limit = 4 * np.max(np.abs(e - x), initial=0.0) + 4e-7 * size
        np.testing.assert_allclose(a, x, rtol=0, atol=limit)


def test_maps_of_examples_are_of_float32():
    xs = drawn(300, 4)
    f = gd.vmap(gd.grad(spread))
    fast = gd.compile(f, executor="native")
    ((a, e),) = same_kinds(fast(xs), f(xs))
    np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-7)


def softmax(x):
    m = x.reshape(-1, 10)
    e = np.exp(m - np.max(m, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def stencil(x):
    return np.sqrt((x[2:] - 2 * x[1:-1] + x[:-2]) ** 2 + 1e-3)


LARGE = [
    softmax,
    stencil,
    lambda x: (np.tanh(x) * x + 0.1) * x[3] + np.where(x > 0.7, np.sqrt(x), x[-1]),
    lambda x: np.sum(np.exp(x.reshape(2, -1)), axis=0) * 2 + np.sum(x > 0.5),
    lambda x: np.concatenate([x, np.roll(x, 3) * x]) / np.mean(x),
    lambda x: np.sum(x.reshape(100, 100) * x[:100], axis=1) * np.max(x * x),
    lambda x: x[::-1] * np.cumsum(x) + x * np.linalg.norm(x),
    lambda x: (
        (x.astype(np.float64) * x).astype(SINGLE) + np.arange(10_000, dtype=SINGLE)
    ),
    lambda x: x[np.array([3, 1, 2])] * 2,
]


@pytest.mark.parametrize("f", LARGE)
def test_large_arrays_are_held_as_they_are(f):
    def loss(x):
        return np.sum(f(x) ** 2)

    x = drawn(10_000)
    for g in (f, gd.value_and_grad(loss)):
        pairs = same_kinds(on_tape(g, x), g(x))
        wide = flatten(g(x.astype(np.float64)))[0]
        for (a, e), w in zip(pairs, wide, strict=True):
            limit = 4 * np.max(np.abs(e - w)) + 4e-7 * np.max(np.abs(w))
            np.testing.assert_allclose(a, w, rtol=0, atol=limit)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: gd.cond(x[0] > 0, lambda x: x * 2, lambda x: x, x) * 3,
        lambda x, i: np.sum(x[i] * x),
    ],
)
def test_large_arrays_that_have_more_native_code_without_a_tape(f):
    args = [drawn(10_000), RNG.integers(0, 9, 10_000)][: f.__code__.co_argcount]
    fast = gd.compile(f, executor="native")
    fast(*args)
    assert fast.stats()["programs"][-1]["executor"] == "numpy"
    ((a, e),) = same_kinds(fast(*args), f(*args))
    np.testing.assert_allclose(a, e, rtol=1e-5)


def test_a_large_array_of_float32_is_returned_as_the_argument_that_it_is():
    fast, x = gd.compile(lambda x: (x, x * 2 + 1), executor="native"), drawn(10_000)
    fast(x)
    first, second = fast(x), fast(x)
    same_kinds(first, (x, x * 2 + 1))
    assert not any(np.shares_memory(a, b) for a in first for b in (*second, x))


@pytest.mark.parametrize("executor", ["numpy", "native"])
@pytest.mark.parametrize("given", [False, True])
def test_carries_of_float64_are_not_rounded_to_the_float32_beside_them(executor, given):
    def f(c, x, xs):
        start = c if given else 0.0
        return gd.scan(lambda c, t: (c * x + t, c), start, xs)

    args = 0.0, SINGLE(0.7), RNG.normal(size=20)
    for a, e in same_kinds(gd.compile(f, executor=executor)(*args), f(*args)):
        np.testing.assert_allclose(a, e, rtol=1e-14)


@pytest.mark.parametrize("executor", ["numpy", "auto"])
def test_numbers_of_complex128_are_numpys_where_they_are(executor):
    def f(x, y):
        z = x * 1j / 2 + np.abs(x)
        return z, 1j * x, np.where(x > y, z, y), z * y

    fast, args = gd.compile(f, executor=executor), (np.float64(0.5), SINGLE(0.3))
    first, second, chosen, last = f(*args)
    expected = first, second, chosen[()], last  # np.where returns an array
    for _ in range(2):
        found = fast(*args)
        same_kinds(found, expected)
        assert list(map(type, found)) == list(map(type, expected))


def counted(xs):
    def step(c, x):
        return (c[0] + 1, c[1] + x / (c[0] + 1), c[2] * 0.5 + x), c[1:]

    return gd.scan(step, (0, 0.0, 1), xs)


def grown(xs):
    return gd.while_loop(lambda c: c[1] < 3, lambda c: (c[0] * xs[0], c[1] + 1), (1, 0))


def or_number(xs):
    return gd.cond(xs[0] > 0, lambda x: x[0], lambda x: 0.1, xs) * xs


def or_double(xs):
    return gd.cond(xs[0] > 0, lambda x: x, lambda x: np.zeros(x.shape), xs)


FROM_PYTHON = [counted, grown, or_number, or_double]


@pytest.mark.parametrize("executor", ["numpy", "native"])
@pytest.mark.parametrize("f", FROM_PYTHON, ids=lambda f: f.__name__)
def test_pythons_numbers_take_the_dtype_of_what_follows_them(f, executor):
    def tangents(x):
        return gd.jvp(f, (x,), (x,))

    fast, moved = (gd.compile(g, executor=executor) for g in (f, tangents))
    for x in (drawn(6), -drawn(6)):
        for g, of in ((fast, f), (moved, tangents)):
            for a, e in same_kinds(g(x), of(x)):
                np.testing.assert_allclose(a, e, rtol=1e-6)
    if f is not or_double:  # a map has one dtype for all examples
        mapped, x = gd.vmap(f), drawn(3, 6)
        for a, e in same_kinds(gd.compile(mapped, executor=executor)(x), mapped(x)):
            np.testing.assert_allclose(a, e, rtol=1e-6)
