"""vmap in native code: blocks of examples, the last one not full."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.executors import costs, running
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.text import WIDTH
from chainrule.compiler.tape import native_examples

pytestmark = pytest.mark.skipif(not native.available(), reason="needs llvmlite")


@pytest.fixture(autouse=True)
def always_in_blocks(monkeypatch):
    monkeypatch.setattr(running, "why_not_in_blocks", lambda *_: "")
    monkeypatch.setattr(costs, "compiling_seconds", lambda _: 0.0)


def rotated(angle, point):
    c, s = np.cos(angle[0]), np.sin(angle[0])
    turned = np.stack([c * point[0] - s * point[1], s * point[0] + c * point[1]])
    return turned / (1.0 + angle[1] * np.sum(turned * turned)) - angle[2:]


def products(a, x):
    return np.dot(a @ x, x) + np.sum(a, axis=0) * np.max(x) + (a.T @ a)[1]


def scalar(a, x):
    return np.sin(x[0]) * a


def same_for_all(a, x):
    return np.exp(a) * 2.0


CASES = [
    (rotated, (4,), (2,), (0, 0)),
    (products, (2, 2), (2,), (0, 0)),
    (products, (2, 2), (2,), (None, 0)),
    (scalar, (), (3,), (0, 0)),
    (same_for_all, (), (3,), (None, 0)),
]


@pytest.mark.parametrize("count", [1, WIDTH, 127, 128, 129, 700])
@pytest.mark.parametrize(("f", "a", "x", "axes"), CASES)
def test_blocks_are_the_loop(f, a, x, axes, count):
    rng = np.random.default_rng(count)
    a = rng.uniform(0.5, 1.5, (count, *a) if axes[0] == 0 else a)
    x = rng.uniform(0.5, 1.5, (count, *x))
    for g in (f, gd.jacobian(f, 1), gd.jacobian(f)):
        mapped = gd.vmap(g, axes)
        for threads in (1, 3):
            fast = gd.compile(mapped, threads=threads)
            np.testing.assert_allclose(fast(a, x), mapped(a, x), rtol=1e-12, atol=1e-13)
            told = fast.stats()["programs"][0]["loops"]
            by_rows = [loop["because"].startswith("its rows are") for loop in told]
            assert g is not f or by_rows == [count < WIDTH]


def test_examples_of_many_operations_run_on_numpy(monkeypatch):
    monkeypatch.setattr(native_examples, "LONGEST", 10)
    rng = np.random.default_rng(0)
    a, x = rng.uniform(0.5, 1.5, (1000, 4)), rng.uniform(0.5, 1.5, (1000, 2))
    mapped = gd.vmap(rotated)
    fast = gd.compile(mapped)
    np.testing.assert_allclose(fast(a, x), mapped(a, x), rtol=1e-12)
    (told,) = fast.stats()["programs"][0]["loops"]
    assert told["because"].endswith("few examples, or many operations of each")


def test_a_structural_zero_in_one_example():
    f = gd.vmap(
        gd.grad(lambda x: np.where(x > 0.0, np.sqrt(np.abs(x)), x * x) + np.sin(x))
    )
    x = np.linspace(-1.0, 1.0, 301).round(2)
    fast = gd.compile(f)
    np.testing.assert_allclose(fast(x), f(x), rtol=1e-12)
    assert fast.stats()["nan_reruns"] == 1


def test_the_gradient_of_a_map_sums_over_shared_operands():
    rng = np.random.default_rng(0)
    a, x = rng.uniform(0.5, 1.5, (4,)), rng.uniform(0.5, 1.5, (300, 2))

    def loss(a, x):
        return np.sum(gd.vmap(rotated, (None, 0))(a, x) ** 2)

    g = gd.grad(loss, (0, 1))
    for found, expected in zip(gd.compile(g)(a, x), g(a, x), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_arrays_of_constants():
    w = np.random.default_rng(0).normal(size=(300, 8))

    def f(x):
        return np.sum(np.sin(x @ w) * 2.0)

    x = np.random.default_rng(1).normal(size=(140, 300))
    np.testing.assert_allclose(gd.compile(gd.vmap(f))(x), [f(v) for v in x], rtol=1e-12)
