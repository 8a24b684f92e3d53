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
