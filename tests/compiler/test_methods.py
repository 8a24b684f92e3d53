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
