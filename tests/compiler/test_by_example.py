"""Maps whose examples take other steps or branches: a loop over the examples."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native

X = np.random.default_rng(3).uniform(0.5, 3.0, 6)
ROWS = np.random.default_rng(4).uniform(0.5, 3.0, (4, 3))


def root(a):
    """Take Heron's steps: more of them for larger numbers."""
    return gd.while_loop(
        lambda x: np.abs(x * x - a) > 1e-12, lambda x: (x + a / x) / 2, a
    )


def of_an_array(a):
    steps = gd.while_loop(
        lambda x: np.max(np.abs(x * x - a)) > 1e-12, lambda x: (x + a / x) / 2, a
    )
    return np.sum(steps * np.arange(1.0, 4.0))


def of_two(a):
    return root(a) * root(a + 1.0) + np.sin(root(a))


def in_each_other(a):
    def step(state):
        x, n = state
        return root(x + a), n + 1

    return gd.while_loop(lambda state: state[1] < 3, step, (a, 0))[0]


def of_branches(a):
    return gd.cond(a > 1.3, lambda x: np.exp(x) * root(x), lambda x: x**3, a)


def of_branches_of_arrays(a):
    return np.sum(gd.cond(np.sum(a) > 4.5, np.exp, lambda x: x**3, a) ** 2)


def in_a_scan(a):
    def step(carry, t):
        return root(carry + t), carry * t

    return np.sum(gd.scan(step, a, np.arange(1.0, 4.0))[1]) + a


def with_a_count(a):
    x, n = gd.while_loop(
        lambda s: np.abs(s[0] * s[0] - a) > 1e-12,
        lambda s: ((s[0] + a / s[0]) / 2, s[1] + 1),
        (a, 0),
    )
    return x * n


def one_after_the_other(a):
    return root(root(root(a) + 1.0) * 2.0)


def of_some_without_steps(a):
    return gd.while_loop(lambda x: x < 2.0, lambda x: x * 1.5, a) ** 2


OF_NUMBERS = (
    root,
    of_two,
    in_each_other,
    of_branches,
    in_a_scan,
    with_a_count,
    one_after_the_other,
    of_some_without_steps,
)
OF_ARRAYS = of_an_array, of_branches_of_arrays


def examples_for(f):
    return ROWS if f in OF_ARRAYS else X


def one_by_one(g, x):
    return np.stack([g(v if v.ndim else float(v)) for v in x])


@pytest.mark.parametrize("executor", ["numpy", "native"])
@pytest.mark.parametrize("f", [*OF_NUMBERS, *OF_ARRAYS])
def test_values_and_derivatives_are_those_of_each_example(f, executor):
    if executor == "native" and not native.available():
        pytest.skip("native code needs llvmlite")
    x = examples_for(f)
    for g in (
        f,
        gd.grad(f),
        lambda a: gd.jvp(f, (a,), (np.ones_like(a),))[1],
        gd.hessian(f),
    ):
        fast = gd.compile(gd.vmap(g), executor=executor)
        np.testing.assert_allclose(fast(x), one_by_one(g, x), rtol=1e-11, atol=1e-13)
        (ran,) = fast.stats()["programs"]
        assert not any(r["loop"].startswith("each_") for r in ran["loops"])


@pytest.mark.parametrize("f", [*OF_NUMBERS, *OF_ARRAYS])
def test_a_map_is_differentiated(f):
    x = examples_for(f)

    def total(x):
        return np.sum(gd.vmap(gd.grad(f))(x) * np.cos(x))

    def one(a):
        return np.sum(gd.grad(f)(a) * np.cos(a))

    fast = gd.compile(gd.grad(total))
    expected = one_by_one(gd.grad(one), x)
    np.testing.assert_allclose(fast(x), expected, rtol=1e-10, atol=1e-13)


MANY = np.random.default_rng(6).uniform(0.5, 3.0, 37)


def of_a_branch_in_each_step(a):
    def step(state):
        low, high = state
        middle = 0.5 * (low + high)
        return gd.cond(
            middle**3 + a * middle > 2.0,
            lambda low, middle, high: (low, middle),
            lambda low, middle, high: (middle, high),
            low,
            middle,
            high,
        )

    low, high = gd.while_loop(lambda s: s[1] - s[0] > 1e-3, step, (0.0 * a, 2.0 + a))
    return low * high * a


def of_branches_only(a):
    return gd.cond(a > 1.3, lambda x: np.exp(x) * 2.0, lambda x: x**3, a)


def of_pairs(a):
    def step(state):
        x, n = state
        return np.roll(x, 1) * np.array([0.7, 0.9]) + 0.1 * a, n + 1

    x, n = gd.while_loop(
        lambda s: (np.sum(s[0]) > 1.0) & (s[1] < 9), step, (a * np.ones(2), 0)
    )
    return np.sum(x * np.array([1.0, 2.0])) + n


@pytest.mark.parametrize("executor", ["numpy", "native"])
@pytest.mark.parametrize(
    "f", [root, with_a_count, of_branches_only, of_a_branch_in_each_step, of_pairs]
)
def test_several_examples_run_at_once(f, executor):
    if executor == "native" and not native.available():
        pytest.skip("native code needs llvmlite")
    for g in (f, gd.grad(f), gd.hessian(f)):
        fast = gd.compile(gd.vmap(g), executor=executor)
        expected = one_by_one(g, MANY)
        np.testing.assert_allclose(fast(MANY), expected, rtol=1e-11, atol=1e-13)
        (ran,) = fast.stats()["programs"]
        assert not any(r["loop"].startswith("each_") for r in ran["loops"])
        turns = [r["steps"] for r in ran["loops"] if r["loop"] == "scan"]
        assert turns == ([] if f is of_branches_only else [3])
        assert fast.stats()["nan_reruns"] == fast.stats()["error_reruns"] == 0


def test_of_two_branches_of_a_few_operations_both_run():
    fast = gd.compile(gd.vmap(lambda a: gd.cond(a > 1.3, np.sin, np.exp, a)))
    np.testing.assert_allclose(
        fast(MANY), np.where(MANY > 1.3, np.sin(MANY), np.exp(MANY))
    )
    assert "cond" not in gd.program(fast)
    assert "scan" not in gd.program(fast)


def ends_where_the_inner_loop_would_not(a):
    def step(x):
        y = gd.while_loop(lambda y: y < 2.0, lambda y: y + x, 0.0 * x)
        return np.maximum(x - 0.25, 0.0) * y / y

    return gd.while_loop(lambda x: x > 0.0, step, a) + a


def divides_where_it_is_not_taken(a):
    m = np.array([[1.0, 1.0], [1.0, 1.0]]) + np.eye(2) * np.floor(a)
    return gd.cond(a >= 1.0, lambda m: np.sum(np.linalg.inv(m)), np.sum, m)


def looks_at_an_entry(a):
    rows = a * np.array([1.0, 2.0, 3.0])

    def step(state):
        x, i = state
        return x + rows[i], i + 1

    return gd.while_loop(lambda s: s[1] < 3, step, (a, 0))[0]


@pytest.mark.parametrize(
    "f",
    [
        ends_where_the_inner_loop_would_not,
        divides_where_it_is_not_taken,
        looks_at_an_entry,
    ],
)
def test_what_would_do_harm_runs_one_by_one(f):
    fast = gd.compile(gd.vmap(f))
    np.testing.assert_allclose(fast(MANY), one_by_one(f, MANY), rtol=1e-12)
    assert fast.stats()["error_reruns"] == 0


def test_a_nan_beside_the_steps_of_an_example_is_left_out():
    def f(a):
        x = gd.while_loop(lambda x: x > 0.0, lambda x: x - np.sqrt(x * x) * 2.0, a)
        return np.where(x < 0.0, x * a, a)

    x = np.array([1.0, -1.0, 0.0, 2.0, -3.0, 0.0, 1.0, 2.0, 3.0, -1.0])
    fast = gd.compile(gd.vmap(gd.grad(f)))
    np.testing.assert_allclose(fast(x), one_by_one(gd.grad(f), x))


def test_what_examples_share_and_what_is_read_later_is_run_for_all_at_once():
    matrix = np.random.default_rng(5).normal(size=(3, 3))

    def f(x, a):
        start = np.exp(-x) + a
        found = gd.while_loop(
            lambda y: np.max(y) > 0.5, lambda y: y * (0.5 + 0.1 * np.sin(a)), start
        )
        return np.sum(np.tanh(matrix @ found) ** 2)

    fast = gd.compile(gd.vmap(gd.value_and_grad(f, (0, 1)), (0, None)))
    values, (by_x, by_a) = fast(ROWS, 0.7)
    expected = [gd.value_and_grad(f, (0, 1))(x, 0.7) for x in ROWS]
    np.testing.assert_allclose(values, [z for z, _ in expected], rtol=1e-12)
    np.testing.assert_allclose(by_x, [g[0] for _, g in expected], rtol=1e-11)
    np.testing.assert_allclose(by_a, [g[1] for _, g in expected], rtol=1e-11)


@pytest.mark.parametrize("f", [root, of_branches])
def test_numbers_of_single_precision_stay_so(f):
    x = X.astype(np.float32)
    loose = {root: lambda a: gd.while_loop(lambda y: y > 0.5, lambda y: y * 0.7, a)}
    g = loose.get(f, lambda a: gd.cond(a > 1.3, np.exp, lambda y: y * 0.7, a))
    found = gd.compile(gd.vmap(g))(x)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [g(v) for v in x], rtol=1e-6)


def test_maps_in_each_other():
    def f(a, b):
        return root(a * b) + gd.cond(a > b, np.sin, np.cos, a)

    both = gd.compile(gd.vmap(gd.vmap(f, (None, 0)), (0, None)))
    expected = [[f(float(a), float(b)) for b in X] for a in X]
    np.testing.assert_allclose(both(X, X), expected, rtol=1e-12)


@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_the_derivative_of_a_linear_loop_depends_on_no_example(executor):
    def one(r):
        def step(c, t):
            c[t + np.arange(2)] *= 0.9
            c[:2] += c[2:4] * 0.1
            return c, None

        return np.sum(gd.scan(step, r, np.arange(5))[0])

    def f(x):
        return np.sum(gd.vmap(one)(x))

    x = np.linspace(0.2, 1.2, 24).reshape(3, 8)
    found = gd.compile(gd.grad(f), executor=executor)(x)
    np.testing.assert_allclose(found, gd.grad(f)(x))
