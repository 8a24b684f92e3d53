"""``compile(fastmath=True)``: what it rewrites, what it keeps, and its results."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.text import CAN_FLUSH
from tests.compiler.comparing import assert_same

EXECUTORS = ["numpy", "vm"] if native.available() else ["numpy"]
ARRAY = np.array([0.5, 1.25, 2.0])


def rows(fast):
    """Return the program's calls and its results, without shapes."""
    lines = [line.split("    #")[0] for line in gd.program(fast).splitlines()]
    return [line.split(" = ")[-1] for line in lines if "= argument" not in line]


REWRITTEN = [
    (lambda x: x / 4.0, ["x * 0.25", "return v0"]),
    (lambda x: x / np.float64(4.0), ["x * 0.25", "return v0"]),
    (lambda x: (x * 2) * 3.0, ["x * 6.0", "return v0"]),
    (lambda x: 2 * (x / 4), ["x * 0.5", "return v0"]),
    (lambda x: -(2 * x), ["x * -2.0", "return v0"]),
    (lambda x: (-x) * 2, ["x * -2.0", "return v0"]),
    (lambda x: (2 / x) * 3, ["6.0 / x", "return v0"]),
    (lambda x: 3 / (2 / x), ["x * 1.5", "return v0"]),
    (lambda x: 1 / (4 * x), ["0.25 / x", "return v0"]),
    (lambda x: (x * 2.0) / 2.0, ["return x"]),
    (lambda x: (x * -2.0) * 0.5, ["-x", "return v0"]),
    (lambda x: (x + 1) + 2, ["x + 3.0", "return v0"]),
    (lambda x: 1 - (x - 2), ["3.0 - x", "return v0"]),
    (lambda x: 1 - (2 - x), ["x + -1.0", "return v0"]),
    (lambda x: -(x + 1), ["-1.0 - x", "return v0"]),
    (lambda x: (x + 1.5) - 1.5, ["return x"]),
    (lambda x: (1.5 - x) - 1.5, ["-x", "return v0"]),
    (lambda x: x + 0.0, ["return x"]),
    (lambda x: x + x, ["x * 2.0", "return v0"]),
    (lambda x: (x + x) * 3, ["x * 6.0", "return v0"]),
    (lambda x: x * x, ["np.square(x)", "return v0"]),
    (lambda x: x**2, ["np.square(x)", "return v0"]),
    (lambda x: np.power(x, 3), ["np.square(x)", "v0 * x", "return v1"]),
    (lambda x: x**4.0, ["np.square(x)", "v0 * x", "v1 * x", "return v2"]),
    (lambda x: x**0.5, ["np.sqrt(x)", "return v0"]),
    (lambda x: x**-0.5, ["np.sqrt(x)", "1.0 / v0", "return v1"]),
    (lambda x: x**-1, ["1.0 / x", "return v0"]),
    (lambda x: x**-2, ["1.0 / x", "np.square(v0)", "return v1"]),
    (lambda x: x**1, ["return x"]),
    (lambda x: x**3 + x**2, ["np.square(x)", "v0 * x", "v1 + v0", "return v2"]),
]
OF_ARRAYS = [
    (lambda x: np.exp(np.log(x)), ["return x"]),
    (lambda x: np.log(np.exp(x)), ["return x"]),
    (lambda x: np.log2(np.exp2(x)), ["return x"]),
    (lambda x: np.expm1(np.log1p(x)), ["return x"]),
    (lambda x: np.sqrt(x) * np.sqrt(x), ["return x"]),
    (lambda x: np.sqrt(x) ** 2, ["return x"]),
    (lambda x: np.square(x**0.5), ["return x"]),
    (lambda x: x - x, ["return array([0., 0., 0.])"]),
    (lambda x: x * 0.0, ["return array([0., 0., 0.])"]),
    (lambda x: 0 / x, ["return array([0., 0., 0.])"]),
    (lambda x: x / x, ["return array([1., 1., 1.])"]),
    (lambda x: x**0, ["return array([1., 1., 1.])"]),
    (lambda x: x + (x - x), ["return x"]),
    (lambda x: (x - x) + 1.0, ["return array([1., 1., 1.])"]),
    (lambda x: np.sum(np.exp(x * 0.0)), ["return np.float64(3.0)"]),
    (lambda x: x * np.full(3, 2.0) * 3, ["x * 6.0", "return v0"]),
]


@pytest.mark.parametrize(("f", "expected"), [*REWRITTEN, *OF_ARRAYS])
def test_rewrites_of_arrays(f, expected):
    def named(x):
        return f(x)

    fast = gd.compile(named, fastmath=True)
    assert_same(fast(ARRAY), f(ARRAY))
    assert rows(fast) == expected


@pytest.mark.parametrize(("f", "expected"), REWRITTEN)
def test_rewrites_of_numbers(f, expected):
    def named(x):
        return f(x)

    fast = gd.compile(named, fastmath=True)
    assert_same(fast(0.75), f(0.75))
    assert rows(fast) == expected


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("f", [f for f, _ in [*REWRITTEN, *OF_ARRAYS]])
@pytest.mark.parametrize(
    "x",
    [0.75, np.float64(0.75), ARRAY, ARRAY.reshape(3, 1), np.float32([0.5, 1.25, 2.0]),
     ARRAY + 0.5j, 0.75 + 0.25j],
)  # fmt: skip
def test_results_keep_shape_dtype_and_class(f, x, executor):
    try:
        expected = f(x)
    except TypeError:
        pytest.skip("NumPy has it for real numbers only")
    found = gd.compile(f, fastmath=True, executor=executor)(x)
    exact = gd.compile(f, executor=executor)(x)
    assert_same(found, expected, 1e-6 if np.float32 == np.asarray(x).dtype else 1e-12)
    assert type(found) in {type(exact), type(expected)}


KEPT = [
    (lambda x: x / 0.0, ARRAY, ["x / 0.0"]),
    (lambda x: x / 5e-324, ARRAY, ["x / 5e-324"]),
    (lambda x: (x * 1e-200) * 1e-120, ARRAY, ["x * 1e-200", "v0 * 1e-120"]),
    (lambda x: (x * 1e200) * 1e200, ARRAY, ["x * 1e+200", "v0 * 1e+200"]),
    (lambda x: (x + 1e308) + 1e308, ARRAY, ["x + 1e+308", "v0 + 1e+308"]),
    (lambda x: (x * 1e-20) * 1e-20, np.float32([1.0]), ["x * 1e-20", "v0 * 1e-20"]),
    (lambda x: x / np.float64(4.0), np.float32([1.0]), ["x / np.float64(4.0)"]),
    (lambda x: x - x, np.array([1, 2]), ["x - x"]),
    (lambda x: x / 4, np.array([1, 2]), ["x / 4"]),
    (lambda x: x**2.5, ARRAY, ["x ** 2.5"]),
    (lambda x: x**np.array([[2.0]]), ARRAY, ["x ** np.array([[2.0]])"]),
    (lambda x: np.log(np.exp(x)), ARRAY + 4j, ["np.exp(x)", "np.log(v0)"]),
    (lambda x: (x + 1j) + 1j, ARRAY + 4j, ["x + 1j", "v0 + 1j"]),
    (lambda x: x / np.array([1.0, 2.0, 4.0]), ARRAY, ["x / np.array([1.0, 2.0, 4.0])"]),
    (lambda x: np.add(x, 0.0, casting="no"), ARRAY, ["np.add(x, 0.0, casting='no')"]),
]  # fmt: skip


@pytest.mark.parametrize(("f", "x", "expected"), KEPT)
def test_what_is_not_rewritten(f, x, expected):
    def named(x):
        return f(x)

    fast = gd.compile(named, fastmath=True)
    with np.errstate(all="ignore"):
        assert_same(fast(x), f(x), 0.0)
    assert rows(fast)[:-1] == expected
    exact = gd.compile(named)
    exact(x)
    assert gd.program(exact) == gd.program(fast)


def test_exact_programs_take_none_of_it():
    def f(x):
        return (
            x / 3.0,
            (x * 2) * 3,
            (x + 1) + 2,
            x - x,
            x / x,
            x * 0.0,
            np.exp(np.log(x)),
        )

    fast = gd.compile(f)
    found = fast(0.7)
    assert found == f(0.7)
    assert fast.stats()["programs"][0]["rows"] == {
        "traced": 10, "dce": 10, "identities": 10, "cse": 10, "loops": 10,
            "scatters": 10, "writes": 10,
    }  # fmt: skip


# ------------------------------------------------------------- all else stays in place


def test_derivatives_of_a_compiled_function_take_the_same_liberty():
    def f(x):
        return np.sum(x**3 / 7.0 + np.exp(np.log(x)) * 2 * 3)

    fast = gd.compile(f, fastmath=True)
    assert_same(gd.grad(fast)(ARRAY), gd.grad(f)(ARRAY))
    assert_same(gd.hvp(fast, ARRAY, ARRAY), gd.hvp(f, ARRAY, ARRAY))
    assert_same(gd.jvp(fast, (ARRAY,), (ARRAY,)), gd.jvp(f, (ARRAY,), (ARRAY,)))
    assert all(made.options.fastmath for made in fast.derivatives.values())
    assert "/" not in "".join(rows(fast))
    whole = gd.compile(gd.grad(f), fastmath=True)
    assert_same(whole(ARRAY), gd.grad(f)(ARRAY))


@pytest.mark.parametrize("executor", EXECUTORS)
def test_bodies_of_loops_and_maps(executor):
    def f(xs):
        last, steps = gd.scan(lambda c, x: (c * 2 / 3 + x**2, x - x), 0.5, xs)
        each = gd.vmap(lambda x: (x / 3) * np.exp(np.log(x)) + x / x)(xs)
        return last * np.sum(steps + each) + gd.cond(
            last > 0, lambda v: v / 3 * 3, np.sin, last
        )

    for g in (f, gd.grad(f)):
        fast = gd.compile(g, fastmath=True, executor=executor)
        assert_same(fast(ARRAY), g(ARRAY))

    fast = gd.compile(lambda xs: gd.scan(lambda c, x: (c / 3 * x, c), 0.5, xs),
                      fastmath=True)  # fmt: skip
    fast(ARRAY)
    loops = [
        r.function
        for r in fast.newest()[1].program.rows
        if r.function.__name__ == "scan"
    ]
    assert [r.function for r in loops[0].body.program.rows] == [
        np.multiply,
        np.multiply,
    ]


def test_guards_and_checks_on_what_became_constant():
    def f(x):
        if x - x:
            return x
        if x / x > 0.5:
            return np.sqrt(x)
        return -x

    fast = gd.compile(gd.value_and_grad(f), fastmath=True)
    for x in (0.25, 4.0):
        assert_same(fast(x), gd.value_and_grad(f)(x))
    slope = gd.compile(gd.grad(lambda x: np.sum(x - x)), fastmath=True)
    assert_same(slope(ARRAY), np.zeros(3))


def test_a_decision_that_comes_out_otherwise_is_taken_by_the_function():
    def f(x):
        return x if (x + 1e16) - 1e16 == 0.0 else -x

    fast = gd.compile(f, fastmath=True)
    assert [fast(0.5), fast(0.5)] == [f(0.5)] * 2 == [0.5, 0.5]


def halved(x):
    return x / 3


def test_the_option_is_kept():
    fast = gd.compile(fastmath=True)(halved)
    again = pickle.loads(pickle.dumps(fast))
    for compiled in (fast, again):
        compiled(1.5)
        assert rows(compiled)[0].startswith("x * 0.33")
    exact = pickle.loads(pickle.dumps(gd.compile(halved)))
    exact(1.5)
    assert rows(exact)[0] == "x / 3"


# ---------------------------------------------------------------- random expressions

CONSTANTS = [2.0, 3, 0.5, -1.5, 7.0, np.float64(0.25)]
ONE = [np.negative, np.sqrt, np.square, np.exp, np.log, np.log1p, np.expm1, np.tanh,
       *(lambda x, n=n: x**n for n in (2, 3, 4, -1, -2, 0.5, -0.5, 1, 0))]  # fmt: skip
TWO = [np.add, np.subtract, np.multiply, np.divide]
steps = st.lists(st.tuples(*[st.integers(0, 99)] * 5), min_size=2, max_size=12)


def expression(plan, x):
    """Return the function that a plan describes; its values stay ordinary for x."""

    def step(values, kind, which, i, j, c):
        a, b = values[i % len(values)], values[j % len(values)]
        constant = CONSTANTS[c % len(CONSTANTS)]
        if kind % 3 == 0:
            return ONE[which % len(ONE)](a)
        if kind % 3 == 1:
            return TWO[which % len(TWO)](a, b)
        pair = (a, constant) if j % 2 else (constant, a)
        return TWO[which % len(TWO)](*pair)

    taken, values = [], [x, x * 2.0]
    for part in plan:
        with np.errstate(all="ignore"):
            z = step(values, *part)
        if np.all((z > 0.05) & (z < 50.0)):
            taken.append(part)
            values.append(z)

    def f(x):
        values = [x, x * 2.0]
        for part in taken:
            values.append(step(values, *part))
        return values

    return f


@pytest.mark.parametrize("executor", EXECUTORS)
@settings(max_examples=80)
@given(steps, st.booleans(), st.integers(0, 2**16))
def test_random_expressions_agree_with_exact_ones(executor, plan, scalar, seed):
    rng = np.random.default_rng(seed)
    x = float(rng.uniform(0.5, 2)) if scalar else rng.uniform(0.5, 2.0, size=3)
    f = expression(plan, x)

    def total(x):
        return sum(np.sum(z) for z in f(x))

    for g in (f, total, gd.grad(total)):
        exact = gd.compile(g, executor="numpy")(x)
        fast = gd.compile(g, executor=executor, fastmath=True)(x)
        assert_same(fast, exact, 1e-10)


@pytest.mark.skipif(
    not (native.available() and CAN_FLUSH), reason="native code needs llvmlite and x86"
)
@pytest.mark.parametrize("n", [3, 50_000])
@pytest.mark.parametrize("threads", [1, 2])
def test_native_code_flushes_subnormal_numbers_and_nobody_else(n, threads):
    def f(x):
        return x * 0.75 + np.sqrt(x) * x, x * 0.5 - x * x

    tiny = np.full(n, 1e-310)
    for fastmath, expected in ((True, (0.0, 0.0)), (False, f(1e-310))):
        fast = gd.compile(f, executor="native", fastmath=fastmath, threads=threads)
        fast(np.ones(n))
        for z, e in zip(fast(tiny), expected, strict=True):
            np.testing.assert_array_equal(z, e)
        np.testing.assert_array_equal(tiny * 0.5, np.full(n, 5e-311))
