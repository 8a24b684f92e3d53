"""Of a vmap's examples only those with a nan are called again, to the same values."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.batching.reruns import Batch
from chainrule.compiler.native import llvm as native
from tests.compiler.comparing import assert_same

EXECUTORS = ["numpy", "auto"]
EXECUTORS += ["vm", "native"] * native.available()


class Counted:
    """A function with a structural zero at 0, which counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, x):
        self.calls += 1
        return np.where(x[0] > 0, np.sqrt(x[0]), 0.0) + np.sum(x * x)


def examples(count, bad=(), shape=(3,)):
    xs = np.random.default_rng(0).uniform(0.5, 1.5, (count, *shape))
    xs[list(bad), ..., 0] = 0.0
    return xs


def reran(transform, xs, f=None, **options):
    """Compare a compiled call with an eager one; return how often f was called."""
    f = f or Counted()
    fast = gd.compile(transform(f), **options)
    fast(np.abs(xs) + 0.1)
    f.calls = 0
    found = fast(xs)
    calls = f.calls
    assert_same(found, transform(f)(xs), 1e-12)
    assert fast.stats()["nan_reruns"] == (calls > 0)
    return calls


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("count", [5, 300])
def test_only_examples_with_a_nan_are_called_again(executor, count):
    def transform(f):
        return gd.vmap(gd.value_and_grad(f))

    for bad in ([], [2], [0], [count - 1]):
        if count > 5 or len(bad) == 0:
            assert reran(transform, examples(count, bad), executor=executor) == len(bad)
    if count > 5:
        few = [0, 7, 150, 299]
        assert reran(transform, examples(count, few), executor=executor) == len(few)
        many = range(0, count, 2)
        assert reran(transform, examples(count, many), executor=executor) == count


def test_values_of_reruns_are_those_of_eager_calls():
    xs = examples(40, [3, 30])
    f = gd.vmap(gd.grad(Counted()))
    fast = gd.compile(f)
    fast(examples(40))
    found, expected = fast(xs), f(xs)
    assert (found[[3, 30]] == expected[[3, 30]]).all()
    assert found.flags.writeable


def test_axes_and_containers():
    def g(p, x):
        return {"a": np.where(x > 0, np.sqrt(x), 0.0) * p["w"], "b": (x, x > 0)}

    def f(p, x):
        return g(p, x), gd.grad(lambda x: np.sum(g(p, x)["a"]))(x)

    axes = ({"w": None}, 1)
    mapped = gd.vmap(f, in_axes=axes, out_axes=({"a": 1, "b": (0, 0)}, -1))
    fast = gd.compile(mapped)
    p, x = {"w": np.array([1.0, 2.0])}, np.full((2, 50), 2.0)
    fast(p, x)
    x[1, 7] = 0.0
    assert_same(fast(p, x), mapped(p, x))
    assert fast.stats()["nan_reruns"] == 1
    slope = gd.grad(lambda x, w: np.where(x > 0, np.sqrt(x), 0.0) * w)
    named = gd.compile(gd.vmap(slope, in_axes=(0, None)))
    assert_same(named(np.ones(20), w=2.0), np.ones(20))
    zeros = np.arange(20.0)
    assert named(zeros, w=2.0)[0] == 0.0


def test_nested_maps_call_the_innermost_examples():
    def transform(f):
        return gd.vmap(gd.vmap(gd.grad(f)), in_axes=1, out_axes=2)

    f = Counted()
    xs = np.random.default_rng(0).uniform(0.5, 1.5, (40, 30, 3))
    fast = gd.compile(transform(f))
    fast(xs)
    xs[7, 3, 0] = xs[8, 3, 0] = 0.0
    assert_same(fast(xs), transform(f)(xs))
    f.calls = 0
    fast(xs)
    assert f.calls == 2


@pytest.mark.parametrize("executor", EXECUTORS)
def test_scans_and_jacobians_of_examples(executor):
    f = Counted()

    def scanned(x):
        return gd.scan(lambda c, v: (c + f(v), None), 0.0, np.stack([x, x]))[0]

    for g in (gd.grad(scanned), gd.hessian(f)):

        def transform(_, g=g):
            return gd.vmap(g)

        calls = reran(transform, examples(60, [9]), f, executor=executor)
        assert 0 < calls < 20


def test_functions_around_a_map_are_no_maps():
    mapped = gd.vmap(Counted())
    assert isinstance(mapped, Batch)
    around = gd.grad(lambda x: np.sum(mapped(x)))
    assert not isinstance(around, Batch)
    assert not isinstance(gd.jacobian(mapped), Batch)
    assert gd.vmap(mapped).f is mapped


def test_all_examples_with_a_nan():
    assert reran(lambda f: gd.vmap(gd.grad(f)), examples(50, range(50))) == 50
    assert reran(lambda f: gd.vmap(gd.grad(f)), examples(1, [0])) == 1


RIGHT, WRONG = np.array([1.0, 2.0]), np.array([1.0, -1.0])
REFUSING = {
    "average": (lambda x, w: np.average(x, weights=w), WRONG),
    "quantile": (lambda x, w: np.quantile(x, w[1] / 4), WRONG),
    "percentile": (lambda x, w: np.percentile(x, w * 10), WRONG),
    "nanquantile": (lambda x, w: np.nanquantile(x, w[1] / 4), WRONG),
    "cov": (lambda x, w: np.cov(x, aweights=w), WRONG),
    "geomspace": (lambda x, w: np.geomspace(x[0], w[0], 3), WRONG - 1.0),
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(("f", "wrong"), REFUSING.values(), ids=REFUSING)
def test_values_that_a_function_refuses_are_refused_in_each_call(f, wrong, executor):
    gradient = gd.grad(lambda x, w: np.sum(f(x, w)), argnums=(0, 1))
    x = np.array([2.0, 5.0])
    for g in (gradient, gd.vmap(gradient)):
        calls = [(x, RIGHT), (x, wrong), (x, RIGHT)]
        if g is not gradient:
            calls = [(np.stack([x, x]), np.stack([w, RIGHT])) for _, w in calls]
        fast = gd.compile(g, executor=executor)
        for args in calls:
            if args[1].flat[0] == RIGHT[0] and np.all(args[1] > 0):
                np.testing.assert_allclose(fast(*args), g(*args))
            else:
                with pytest.raises((ValueError, ZeroDivisionError)) as eager:
                    g(*args)
                with pytest.raises(eager.type):
                    fast(*args)
