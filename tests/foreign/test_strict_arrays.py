"""Every rule on arrays that refuse what CuPy refuses: no transfer, and right."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from chainrule.values.foreign import register_arrays
from tests.foreign.libraries import STRICT
from tests.foreign.strict_arrays import counted, device

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=(6, 4)), RNG.random(6) < 0.5, RNG.normal(size=4)


KNOTS = np.linspace(-2.0, 2.0, 7)


def logistic(w, x, y):
    z = x @ w
    return np.sum(np.logaddexp(0.0, z) - y * z) + 0.5 * np.sum(w * w)


@pytest.mark.parametrize("transform", [gd.grad, gd.hessian, gd.value_and_grad])
def test_logistic_regression_needs_no_transfer(transform):
    given = [STRICT.put(v) for v in (W, X, Y)]
    with counted(to_device=4):  # the unit vectors of a Hessian
        found = transform(logistic)(*given)
    expected = transform(logistic)(W, X, Y)
    if transform is not gd.value_and_grad:
        found, expected = (found,), (expected,)
    for a, e in zip(found, expected, strict=True):
        assert isinstance(a, device)
        np.testing.assert_allclose(a.held, e, rtol=1e-11)


@pytest.mark.parametrize("f", [np.tril, np.triu, np.std, np.diag, np.nansum])
def test_constants_of_composed_functions_are_the_device_s(f):
    def g(x):
        return np.sum(f(x) ** 2)

    with counted():
        found = gd.grad(g)(STRICT.put(X))
    np.testing.assert_allclose(found.held, gd.grad(g)(X), rtol=1e-11)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.interp(x, KNOTS, KNOTS**2),
        lambda x: np.interp(x, KNOTS, KNOTS**2, left=0.0, right=1.0),
        lambda x: x * np.searchsorted(KNOTS, x),
        lambda x: x * np.digitize(x, KNOTS),
        lambda x: x * (x > X),
    ],
)
def test_constants_beside_values_are_the_device_s(f):
    def g(x):
        return np.sum(f(x) ** 2)

    found = gd.grad(g)(STRICT.put(X))
    np.testing.assert_allclose(found.held, gd.grad(g)(X), rtol=1e-11)


@pytest.mark.parametrize(
    "f", [lambda x: np.sum(x**3), lambda x: np.sum(np.where(x > 0, x, 0.0) * X)]
)
def test_explanations_need_no_transfer(f):
    with counted():
        text = str(gd.explain(f)(STRICT.put(X)))
    assert "device, shape (6, 4), float64" in text


def test_mixing_is_refused_by_the_library():
    with pytest.raises(TypeError, match=r"numpy\.ndarray"):
        gd.grad(logistic)(W, STRICT.put(X), STRICT.put(Y))


def test_only_classes_with_both_protocols_are_registered():
    class half:
        shape, dtype = (3,), np.dtype(float)

        def __array_ufunc__(self, *args, **given):
            raise NotImplementedError

    with pytest.raises(ArgumentError, match="__array_function__"):
        register_arrays(half)
    with pytest.raises(ArgumentError, match="subclass"):
        register_arrays(type("Own", (np.ndarray,), {}))


GATHERS = {
    "v[i]": lambda v, i: v[i],
    "v[i, i]": lambda v, i: np.outer(v, v)[i, i],
    "take": lambda v, i: np.take(v, i, mode="wrap"),
    "one": lambda v, i: np.take(v, i[0]),
    "bins": lambda v, i: np.bincount(i, v[i], minlength=5),
}


@pytest.mark.parametrize("name", GATHERS)
@pytest.mark.parametrize("put", [np.asarray, device], ids=["numpy", "strict"])
def test_an_index_on_the_device_stays_there(name, put):
    v, places = np.array([1.0, 2.0, 3.0]), np.array([2, 0, 0, 1])

    def f(v, i):
        return np.sum(GATHERS[name](v, i) ** 2)

    index = device(places)
    with counted():
        found = gd.grad(f)(put(v), index)
    assert isinstance(found, device)
    np.testing.assert_allclose(found.held, gd.grad(f)(v, places))
