"""Methods of traced arrays are those of arrays, not functions that have their name."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd

X = np.array([[3.0, 0.5, 2.0], [1.0, 4.0, -1.0]])
METHODS = {
    "clip": lambda x: x.clip(0),
    "clip above": lambda x: x.clip(max=1),
    "clip both": lambda x: x.clip(0, 1),
    "clip with none": lambda x: x.clip(),
    "compress": lambda x: x.compress([True, False], axis=0),
    "compress all": lambda x: x.compress([True, False, True]),
    "compress a line": lambda x: x[0].compress([True, False, True]),
    "compress by entries": lambda x: x[0].compress(x[0] > 1),
    "argpartition": lambda x: x.take(x[1].argpartition(1)),
    "choose": lambda x: (x[0] > 1).choose([x[0], x[1]]),
    "searchsorted": lambda x: x[1] * x[0].cumsum().searchsorted(3.2),
    "repeat": lambda x: x.repeat([1, 2, 0], axis=1),
    "std": lambda x: x.std(0, None, None, 1),
}


@pytest.mark.parametrize("executor", ["numpy", "native"])
@pytest.mark.parametrize("name", METHODS)
def test_methods_are_those_of_arrays(name, executor):
    f = METHODS[name]
    fast = gd.compile(f, executor=executor)
    for x in (X, X + 0.25):
        np.testing.assert_allclose(fast(x), f(x), rtol=1e-15)


@pytest.mark.parametrize("name", METHODS)
def test_so_are_those_beside_a_derivative(name):
    def total(x, y):
        return np.sum(METHODS[name](x) * x[0, 0] + METHODS[name](y))

    fast = gd.compile(gd.value_and_grad(total))
    value, slope = gd.value_and_grad(total)(X, X + 0.25)
    found, its_slope = fast(X, X + 0.25)
    np.testing.assert_allclose(found, value)
    np.testing.assert_allclose(its_slope, slope)


BY_NAME = {
    "sum": lambda x: np.sum(a=x, axis=0),
    "mean": lambda x: np.mean(a=x),
    "max": lambda x: np.max(a=x, axis=1),
    "take": lambda x: np.take(indices=[0, 2], a=x, axis=1),
    "tensordot": lambda x: np.tensordot(a=x, b=X.T, axes=1),
    "tensordot by one name": lambda x: np.tensordot(X.T, b=x, axes=1),
    "outer": lambda x: np.outer(b=x[0], a=x[1]),
    "repeat": lambda x: np.repeat(repeats=2, a=x, axis=0),
    "moveaxis": lambda x: np.moveaxis(a=x, source=0, destination=1),
    "broadcast_to": lambda x: np.broadcast_to(array=x[0], shape=(2, 3)),
    "stack": lambda x: np.stack(arrays=[x, x], axis=1),
    "zeros_like": lambda x: np.zeros_like(a=x) + x,
    "pad": lambda x: np.pad(array=x, pad_width=1),
}


@pytest.mark.parametrize("executor", ["numpy", "vm", "native"])
@pytest.mark.parametrize("name", BY_NAME)
def test_operands_that_are_given_by_name(name, executor):
    f = BY_NAME[name]
    fast = gd.compile(f, executor=executor)
    for x in (X, X + 0.25):
        np.testing.assert_allclose(fast(x), f(x), rtol=1e-15)
    each = gd.compile(gd.vmap(f), executor=executor)
    np.testing.assert_allclose(each(np.stack([X, 2 * X]))[1], f(2 * X), rtol=1e-15)
