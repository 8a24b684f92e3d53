"""What a result decides on is decided again in each call."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import CompileError
from tests.compiler.comparing import assert_same, follows

X = np.array([3.0, -1.0, 2.0, 0.5])
Y = np.array([-2.0, 5.0, 0.25, 7.0])
Z = np.array([1.0, 1.0, 8.0, -4.0])


# --------------------------------------------------------------------------- branches


def leaky(x):
    return x**2 if x > 0 else 0.1 * x


def nested(x, y):
    if x > y:
        x, y = y, x
    if (x < 0 and y < 1) or x == 3:
        return x * np.sin(y)
    return max(x, y, 2.5) * min(x, 1.0) - sorted([x, y, 0.0])[1]


@pytest.mark.parametrize("executor", ["auto", "numpy"])
@pytest.mark.parametrize("kind", [float, np.float64, np.array, np.float32])
def test_branches_flip_back_and_forth(kind, executor):
    calls = [(kind(x),) for x in (2, -2, 3, -1, 0, 0, 5, -5)]
    for f in (leaky, gd.grad(leaky), gd.hessian(leaky)):
        fast = follows(f, *calls, rtol=1e-6, executor=executor)
        assert fast.stats()["retraces"] == 1


def test_paths_of_several_decisions():
    points = [-2.0, 0.5, 3.0, 4.0]
    calls = [(x, y) for x in points for y in points]
    for f in (nested, gd.grad(nested, argnums=(0, 1))):
        fast = follows(f, *calls, *calls[::-1], *calls)
        assert fast.stats()["retraces"] < 16


def test_nan_takes_the_branch_that_python_takes():
    follows(leaky, (1.0,), (math.nan,), (1.0,), (math.inf,), (-math.inf,), (math.nan,))


def test_the_newest_path_is_tried_first():
    fast = gd.compile(leaky)
    for x in (1.0, -1.0, 1.0, 1.0):
        fast(x)
    (known,) = fast.signatures.values()
    assert [p.calls for p in known.paths] == [3, 1]


def test_decisions_on_all_kinds_of_conditions():
    def f(x, y):
        total = 0.0
        total += 1.0 if np.all(x > 0) else 0.5
        total += 2.0 if np.any(x < y) else 0.25
        total += 4.0 if (x[0] > 1 and not y[0] > 1) else 0.125
        total += 8.0 if np.allclose(x, y) else 0.0
        total += 16.0 if np.array_equal(x, X) else 0.0
        total += 32.0 if x[1] in (5.0, -1.0) else 0.0
        total += 64.0 if np.isnan(y[0]) else 0.0
        total += 128.0 if x[0] else 0.0
        total += 256.0 if bool(np.max(x) >= 7) == (np.min(y) < 0) else 0.0
        return total * np.sum(x)

    values = [X, Y, Z, X * 0.0, np.full(4, np.nan)]
    follows(f, *[(a, b) for a in values for b in values])


def collatz(n):
    steps = 0
    while n > 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


def heron(a):
    x = a
    while abs(x * x - a) > 1e-10 * a:
        x = (x + a / x) / 2
    return x


def test_while_loops_of_varying_trip_counts():
    follows(collatz, *[(n,) for n in (6, 1, 7, 9, 6, 2, 7)])
    points = [(a,) for a in (2.0, 100.0, 0.01, 2.0, 1.0, 1e4)]
    follows(heron, *points)
    follows(gd.grad(heron), *points)
    follows(gd.hessian(heron), *points)


def test_a_for_loop_over_a_whole_number_argument():
    def f(x, n):
        for k in range(1, n + 1):
            x = x + np.sin(x) / k
        return x

    follows(f, *[(0.5, n) for n in (3, 1, 4, 0, 3)])
    follows(gd.grad(f), *[(X[3], n) for n in (3, 1, 4, 0, 3)])


def test_a_decision_on_the_last_bit_is_taken_as_in_eager_mode():
    points = np.linspace(0.1, 3.0, 4000).tolist()
    edges = [x for x in points if np.exp(x) != math.exp(x)][:3] or points[:3]
    known = [float(np.exp(x)) for x in edges]
    fast = gd.compile(
        lambda x: x if any(np.exp(x) == k for k in known) else -x, paths=8
    )
    for _ in range(20):
        assert [fast(x) for x in edges] == edges


# ------------------------------------------------------------------------------- limit


def many(x, n):
    return x * 2 if n == 0 else many(x, n - 1) + 1


def stairs(x):
    for k in range(100):
        if x < k:
            return x * k
    return x


def test_too_many_paths_raise_with_the_line_that_decides():
    line = inspect.getsourcelines(stairs)[1] + 2
    fast = gd.compile(stairs, paths=4)
    found = [fast(k + 0.5) for k in range(4)]
    with pytest.raises(CompileError, match=f"taken 4 paths.*line {line}.*paths="):
        fast(9.5)
    assert [fast(k + 0.5) for k in range(4)] == found
    assert len(fast.stats()["programs"]) == 4


def test_recursion_on_a_whole_number():
    follows(many, *[(1.5, n) for n in (3, 0, 5, 3)])


# -------------------------------------------------------------- whole numbers as guards


def test_whole_numbers_decide_shapes_and_places():
    def f(x, n):
        return (
            np.sum(x[:n]) / x[:n].size,
            x[n - 1],
            np.zeros(n),
            np.arange(int(n)) * x[0],
            [x[1]] * n,
            [0.5] * n,
            (1.0,) * n,
            n * [2.0],
            {1: "one", 2: "two"}.get(n, "many"),
            "abc"[n - 1],
            np.eye(n) * x[0],
        )

    follows(f, *[(X, n) for n in (2, 1, 3, 2, 3, 1)])


@pytest.mark.parametrize(
    "executor",
    [
        "numpy",
        "vm",
    ],
)
def test_whole_numbers_as_axis_count_length_and_offset(executor):
    square = np.arange(12.0).reshape(3, 4)

    def f(x, n):
        return (
            np.sum(x, axis=n),
            np.mean(x, axis=n),
            np.add.reduce(x, axis=n),
            np.max(x, n) - np.min(x, n),
            np.concatenate([x, x], axis=n),
            np.reshape(x, (n + 2, -1)),
            np.moveaxis(x, n, 0),
            np.take(x, n, axis=n),
            np.expand_dims(x, n).shape,
            np.reshape(x, (n + 2, -1)).shape[0] * 1.0,
        )

    def values_only(x, n):
        return (
            np.diag(x, n),
            np.triu(x, n),
            np.tile(x, n + 1),
            np.repeat(x, n + 1),
            np.roll(x, n, axis=1),
        )

    follows(f, *[(square, n) for n in (0, 1, 0, 1)], executor=executor)

    follows(values_only, *[(square, n) for n in (0, 1, 0)], executor=executor)
    both = gd.grad(lambda x, n: sum(np.sum(v**2) for v in f(x, n)[:-2]))
    follows(both, *[(square, n) for n in (0, 1, 0)], executor=executor)


def test_indices_that_are_found_among_values():
    def f(x):
        i = np.argmax(x)
        j = int(np.argmin(x))
        k = int(np.sum(x > 0))
        return x[i] * 2 + x[j] * 3 + np.sum(x[:k]), range(10)[i], x[np.array([i, j])]

    follows(f, (X,), (Y,), (Z,), (X,))
    follows(gd.grad(lambda x: f(x)[0]), (X,), (Y,), (Z,), (X,))


# --------------------------------------------------- what depends on values is not kept


FOLLOWED = {
    "mask": lambda x: x[x > 0.3],
    "mask of rows": lambda x: np.reshape(x, (2, 2))[np.reshape(x, (2, 2))[:, 0] > 0],
    "mask as factor": lambda x: x * (x > 0.3),
    "where": lambda x: np.where(x > 0.3, x**2, -x),
    "where alone": lambda x: x[np.where(x > 0.3)],
    "nonzero": lambda x: x[np.nonzero(x > 0.3)[0]],
    "flatnonzero": lambda x: x[np.flatnonzero(x > 0.3)],
    "argwhere": lambda x: np.argwhere(x > 0.3),
    "argmax": lambda x: x[np.argmax(x)] * np.argmin(x),
    "argsort": lambda x: x[np.argsort(x)] * np.arange(4.0),
    "sort": lambda x: np.sort(x) * np.arange(4.0),
    "partition": lambda x: np.sort(np.partition(x, 2)[:2]),
    "median": lambda x: np.median(x) * np.max(x) - np.quantile(x, 0.3),
    "round": lambda x: np.round(x) * x,
    "floor and ceil": lambda x: np.floor(x) * np.ceil(x) * x,
    "whole number": lambda x: x[np.abs(x).astype(int) % 4],
    "trunc": lambda x: np.trunc(x) + np.fix(x) + np.rint(x),
    "sign": lambda x: np.sign(x) * x + np.copysign(1.0, x),
    "searchsorted": lambda x: np.searchsorted(np.array([0.0, 1.0, 4.0]), x) * x,
    "digitize": lambda x: np.digitize(x, np.array([0.0, 1.0, 4.0])) * x,
    "interp": lambda x: np.interp(x, np.arange(-5.0, 9.0), np.arange(14.0) ** 2),
    "unique": lambda x: np.unique(np.round(x)),
    "unique counts": lambda x: np.unique(np.round(x / 8), return_counts=True)[1],
    "histogram": lambda x: np.histogram(x, bins=3, range=(-4, 8))[0] * x[:3],
    "bincount": lambda x: np.bincount(np.abs(x).astype(int), minlength=9) * x[0],
    "isclose": lambda x: np.isclose(x, 1.0) * x,
    "clip": lambda x: np.clip(x, -0.5, 2.5),
    "maximum": lambda x: np.maximum(x, 0.3) + np.minimum(x, x[::-1]),
    "remainder": lambda x: x % 1.5 + x // 1.5 + np.fmod(x, 2.0),
    "modf": lambda x: np.modf(x)[0] * np.frexp(x)[0],
    "compress": lambda x: np.compress(x > 0.3, x),
    "extract": lambda x: np.extract(x > 0.3, x),
    "select": lambda x: np.select([x < 0, x < 2], [x, x**2], 7.0),
    "choose": lambda x: np.choose((x > 1).astype(int), [x, x**3]),
    "delete": lambda x: np.delete(x, np.argmax(x)),
    "trim": lambda x: np.trim_zeros(np.maximum(x, 0.0)),
    "repeat": lambda x: np.repeat(x, (x > 0.3) + 1),
    "eigenvalues": lambda x: np.abs(np.linalg.eigvals(np.reshape(x, (2, 2)))),
    "rank": lambda x: np.linalg.matrix_rank(np.outer(x, x) * (x > 1)) * x,
    "heaviside": lambda x: np.heaviside(x, 0.5) * x,
    "cumulative maximum": np.maximum.accumulate,
    "isin": lambda x: np.isin(x, [1.0, 5.0]) * x,
    "lexsort": lambda x: x[np.lexsort((x, np.round(x)))],
    "count": lambda x: np.count_nonzero(x > 0.3) * x,
    "ptp": lambda x: np.ptp(x) * x,
    "piecewise": lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, np.sqrt]),
    "complex roots": lambda x: np.emath.sqrt(x) * 2,
    "roots": lambda x: np.sum(np.abs(np.roots(x))),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated:DeprecationWarning")
@pytest.mark.parametrize("f", FOLLOWED.values(), ids=FOLLOWED)
def test_what_depends_on_a_value_follows_a_new_argument(f):
    follows(f, (X,), (Y,), (Z,), (X,), (np.abs(Y),), (Z,))


READ = [
    lambda x: np.sum(x) / (1 + x[x > 0.3].size),
    lambda x: np.sum(x) * len(np.unique(np.round(x / 8))),
    lambda x: np.sum(x) * np.nonzero(x > 0.3)[0].shape[0],
    lambda x: x * 2 if x[x > 0.3].shape == (3,) else x,
]


@pytest.mark.parametrize("f", READ, ids=range(len(READ)))
def test_a_shape_that_is_only_read_is_a_guard(f):
    follows(f, (X,), (Y,), (-X,), (X,), (np.abs(Y),), (X * 0,))


DIFFERENTIABLE = [
    "mask", "mask of rows", "mask as factor", "where", "argmax", "argsort", "sort",
    "median", "round", "whole number", "clip", "maximum", "sign", "remainder",
    "nonzero", "searchsorted", "interp", "select",
]  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_derivatives_follow_a_new_argument(name):
    def f(x):
        return np.sum(FOLLOWED[name](x) ** 2)

    calls = [(X,), (Y,), (Z + np.arange(4) / 8,), (X,), (np.abs(Y),)]
    follows(gd.grad(f), *calls)
    follows(lambda x: gd.jvp(f, (x,), (np.arange(4.0),)), *calls)
    follows(gd.hessian(f), *calls)


def test_a_mask_that_is_read_as_an_array_is_a_guard():
    def f(x):
        return x[np.asarray(x > 0.3)] * np.array([1.0, 2.0]) if x.size == 4 else x

    fast = gd.compile(f)
    two = np.array([-1.0, 1.0, 2.0, -3.0])
    for x in (two, np.roll(two, 1), two):
        assert_same(fast(x), f(x))
    assert fast.stats()["retraces"] == 1


def test_a_python_branch_inside_a_loop_body_is_refused_but_not_one_outside():
    def f(a, xs):
        def step(total, x):
            return total + (x if a > 0 else -x), total

        return gd.scan(step, 0.0, xs)

    follows(f, (1.0, X), (-1.0, X), (1.0, Y))

    def g(xs):
        return gd.scan(lambda c, x: (c + (x if c > 0 else -x), c), 0.0, xs)

    line = inspect.getsourcelines(g)[1] + 1
    with pytest.raises(CompileError, match=f"body of a loop decides.*line {line}"):
        gd.compile(g)(X)


# ------------------------------------------- whole numbers: indices, counts, lengths


WHOLE = {
    "round": lambda x, y: x[round(y)],
    "floor": lambda x, y: x[math.floor(y)] * y,
    "ceil": lambda x, y: x[: math.ceil(y)] * y,
    "trunc": lambda x, y: [x, 2 * x, 3 * x][math.trunc(y) % 3],
    "range": lambda x, y: sum(x * i for i in range(round(y))) + y,
    "arithmetic": lambda x, y: x * (round(y) // 2 + 2**round(y)) - math.ceil(y) % 2,
    "astype": lambda x, y: x[np.round(y).astype(int)],
    "string": lambda x, y: x * len("ab" * round(y)) + len(round(y) * b"a") * y,
}  # fmt: skip


@pytest.mark.parametrize("executor", ["auto", "numpy"])
@pytest.mark.parametrize("kind", [float, np.float64])
@pytest.mark.parametrize("f", WHOLE.values(), ids=WHOLE)
def test_a_rounded_number_is_a_whole_one(f, kind, executor):
    if f is WHOLE["astype"] and kind is float:
        kind = np.float64
    calls = [(X, kind(y)) for y in (1.2, 2.8, 1.4, 0.6, 2.8)]
    follows(f, *calls, executor=executor)
    follows(gd.grad(lambda x, y: np.sum(f(x, y)) ** 2), *calls, executor=executor)


COUNTS = {
    "arange": lambda x, n: np.sum(np.arange(n) * x),
    "arange from": lambda x, n: np.arange(1, n) * x,
    "arange step": lambda x, n: np.arange(0, 10, n) * x,
    "arange float": lambda x, n: np.arange(n, dtype=float) * x,
    "zeros": lambda x, n: np.zeros(n) + x,
    "eye": lambda x, n: np.eye(n) * x,
    "full": lambda x, n: np.full((n, 2), 1.0) * x,
    "linspace": lambda x, n: np.linspace(0.0, 1.0, n) * x,
    "tile": lambda x, n: np.tile(np.stack([x, x]), n),
    "math": lambda x, n: math.sqrt(n) * math.factorial(n) * x,
    "float": lambda x, n: float(n) / (n + 1) * x,
    "complex": lambda x, n: np.real(complex(n) * x),
    "half": lambda x, n: np.arange(n / 2) * x,
    "zip": lambda x, n: sum(x**i for i, _ in zip(range(n), range(9), strict=False)),
}


@pytest.mark.parametrize("kind", [int, np.int64])
@pytest.mark.parametrize("f", COUNTS.values(), ids=COUNTS)
def test_a_whole_number_may_be_a_count(f, kind):
    calls = [(2.0, kind(n)) for n in (3, 4, 3, 2)]
    fast = follows(f, *calls, *calls)
    assert fast.stats()["retraces"] <= 2
    follows(gd.grad(lambda x, n: np.sum(f(x, n)) ** 2), *calls)
