"""numerical: derivatives of foreign functions by differences, checked and told."""

import math
import re
import warnings

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, GradientMismatchError, NumericalWarning
from tests.helpers import assert_close

X = np.array([0.3, 1.0, 2.0])


def formula(x, y=2.0):
    return np.sin(x) * np.sum(x) + y * x[0] ** 2


def foreign(x, y=2.0):
    """Compute the same, of plain real numbers only."""
    assert type(x) is np.ndarray
    assert type(y) is float
    return formula(np.asarray(x, dtype=np.float64), y)


def squared(f):
    return lambda x, y=2.0: np.sum(f(x, y) ** 2)


@pytest.mark.parametrize("f", [foreign, formula], ids=["real", "complex"])
def test_derivatives_are_those_of_the_formula(f):
    numeric, exact = squared(gd.numerical(f)), squared(formula)
    for mine, theirs in zip(
        gd.grad(numeric, (0, 1))(X, 1.5), gd.grad(exact, (0, 1))(X, 1.5), strict=True
    ):
        assert_close(mine, theirs, 1e-11)
    seeds = (np.ones(3), 1.0)
    mine, theirs = (gd.jvp(g, (X, 1.5), seeds)[1] for g in (numeric, exact))
    assert mine == pytest.approx(theirs, rel=1e-11)
    assert_close(gd.hessian(numeric)(X), gd.hessian(exact)(X), 1e-7)
    gd.check_gradients(numeric, (X, 1.5), order=2)


def test_a_complex_step_is_taken_where_it_holds():
    smooth = gd.numerical(formula)
    gd.grad(squared(smooth))(X)
    assert smooth.stats()["method"] == "complex step"
    kinked = gd.numerical(lambda x: np.sum(np.abs(x) ** 3))
    assert_close(gd.grad(kinked)(X - 1.0), 3 * np.abs(X - 1.0) * (X - 1.0), 1e-11)
    assert kinked.stats()["method"] == "differences"


def test_orders_beyond_the_second():
    area = gd.numerical(lambda r: math.exp(float(r)))
    f = area
    for tolerance in (1e-11, 1e-9, 1e-6):
        f = gd.grad(f)
        assert f(0.7) == pytest.approx(math.exp(0.7), rel=tolerance)


def test_steps_stay_near_an_argument():
    def log(x):
        assert x > 0
        return math.log(x)

    f = gd.numerical(log)
    assert gd.grad(f)(1e-3) == pytest.approx(1e3, rel=1e-10)
    assert gd.grad(gd.grad(f))(1e-3) == pytest.approx(-1e6, rel=1e-8)


def test_compiled_it_is_called_as_a_whole():
    seen = []

    def counted(x, y):
        seen.append(type(x))
        return foreign(x, y)

    numeric = squared(gd.numerical(counted))
    fast = gd.compile(gd.grad(numeric, (0, 1)))
    fast(X, 1.5)
    for x, y in ((X, 1.0), (2 * X, 0.5)):
        for one, other in zip(fast(x, y), gd.grad(numeric, (0, 1))(x, y), strict=True):
            assert_close(one, other, 1e-12)
    assert set(seen) == {np.ndarray}
    assert fast.stats()["retraces"] == 0
    hessian = gd.compile(gd.hessian(lambda x: numeric(x, 1.5)))
    assert_close(hessian(X), gd.hessian(squared(formula))(X, 1.5), 1e-7)


def test_a_map_calls_it_for_each_example():
    f = squared(gd.numerical(foreign))
    several = np.stack([X, 2 * X])
    assert_close(np.asarray(gd.vmap(f)(several)), [f(X), f(2 * X)], 1e-13)
    mapped = gd.vmap(gd.grad(f))(several)
    assert_close(mapped, [gd.grad(squared(formula))(x) for x in several], 1e-10)


def test_containers_are_handed_on():
    f = gd.numerical(
        lambda x, given, label="": {"a": x * given["k"], "n": 3, "b": [x.sum(), label]}
    )
    plain = f(X, {"k": 2.0}, label="z")
    assert plain["n"] == 3
    assert plain["b"][1] == "z"

    def total(x):
        z = f(x, {"k": 2.0}, label="z")
        return np.sum(z["a"] * X) + z["b"][0] ** 2

    expected = 2 * X + 2 * np.sum(X)
    assert_close(gd.grad(total)(X), expected, 1e-11)
    assert gd.jvp(total, (X,), (X,))[1] == pytest.approx(np.sum(expected * X))


def test_constants_are_kept_as_they_were():
    y = np.ones(3)
    f = gd.numerical(lambda x, y: np.sum(float(np.sum(x)) * y**2))
    x = gd.node(2.0)
    z = f(x, y)
    y[:] = 5.0
    z.backward()
    assert x.grad == pytest.approx(3.0)
    several = gd.node(np.array([1.0, 2.0]))
    f(list(several), np.ones(3)).backward()
    assert_close(several.grad, [3.0, 3.0], 1e-11)


def test_an_estimate_that_is_worse_than_asked_warns():
    def noisy(x):
        return float(x) ** 2 + 1e-5 * (hash(float(x)) % 100 / 50 - 1)

    f = gd.numerical(noisy)
    with pytest.warns(NumericalWarning, match="derivative of noisy by differences"):
        gd.grad(f)(1.0)
    assert f.stats()["error"] > 1e-6
    coarse = gd.numerical(noisy, rtol=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert gd.grad(coarse)(1.0) == pytest.approx(2.0, abs=0.2)
    with pytest.warns(NumericalWarning):
        gd.grad(gd.numerical(lambda x: abs(float(x))))(0.0)
    with pytest.warns(NumericalWarning):
        gd.grad(gd.numerical(lambda x: math.nan * float(x)))(1.0)


@pytest.mark.parametrize("order", [2, 4, 6, 8])
def test_the_order_of_the_differences(order):
    f = gd.numerical(lambda x: math.exp(float(x)), order=order, rtol=1.0)
    assert gd.grad(f)(1.0) == pytest.approx(math.e, rel=10.0 ** -(order + 3))


def test_what_is_locally_constant_has_the_derivative_zero():
    f = gd.numerical(lambda x, y: 2.0 * float(y))
    assert gd.grad(f, (0, 1))(1.0, 3.0) == pytest.approx((0.0, 2.0))


def test_it_is_told_that_derivatives_are_numerical():
    f = gd.numerical(lambda x: float(x) ** 3, name="simulated")
    assert f.stats() == {
        "derivatives": "none yet", "method": "none yet", "error": 0.0, "calls": 0,
        "taken": 0,
    }  # fmt: skip
    text = str(gd.explain(lambda x: 2 * f(x))(1.5))
    assert "simulated (numerical, error" in text
    assert re.fullmatch(r"numerical, error about \de-1\d", f.stats()["derivatives"])
    wrong = gd.custom_operation(lambda x: x * 2.0, lambda g, z, x: (g * 3.0,))
    with pytest.raises(GradientMismatchError, match="simulated is numerical, error"):
        gd.check_gradients(lambda x: wrong(f(x)), (1.5,))


def test_what_is_refused():
    with pytest.raises(ArgumentError, match=r"gd.numerical\(f\)\(x\)"):
        gd.numerical(3.0)
    for order in (0, 3):
        with pytest.raises(ArgumentError, match="even order"):
            gd.numerical(foreign, order=order)
    with pytest.raises(ArgumentError, match="rtol above 0"):
        gd.numerical(foreign, rtol=-1.0)
    with pytest.raises(ArgumentError, match="step above 0"):
        gd.numerical(foreign, step=0.0)
    f = gd.numerical(foreign)
    with pytest.raises(ArgumentError, match="real and imaginary"):
        f(gd.node(X * 1j))
    with pytest.raises(ArgumentError, match="pass it by position"):
        f(X, y=gd.node(1.0))


def test_what_is_no_number_has_no_derivative():
    f = gd.numerical(lambda x: math.nan * x)
    pole = gd.numerical(lambda x: 1 / (x - 1.3) if x != 1.3 else math.inf)
    for g in (f, pole):
        with pytest.warns(NumericalWarning, match="wrong by inf"):
            assert math.isnan(gd.grad(g)(1.3))


def test_entries_of_other_sizes_are_moved_by_their_own():
    f = gd.numerical(lambda x: float(np.sum(np.log(np.asarray(x, float)))))
    x = np.array([1e-6, 2.0])
    np.testing.assert_allclose(gd.grad(f)(x), 1 / x, rtol=1e-6)
    g = gd.numerical(lambda x: float(np.sum(np.sin(np.asarray(x, float)))))
    with pytest.warns(NumericalWarning):  # of the second
        assert gd.grad(g)(np.array([1e-6, 1e6]))[0] == pytest.approx(1.0)


def test_arrays_without_entries():
    f = gd.numerical(lambda x: 2.0 * x)
    assert gd.grad(lambda x: np.sum(f(x)))(np.zeros(0)).shape == (0,)
    assert gd.jacobian(f)(np.zeros((2, 0))).shape == (2, 0, 2, 0)


@pytest.mark.parametrize("at", [1e4, 3e3, 123.4, -7e5])
def test_waves_that_fit_halved_steps_are_told_from_slopes(at):
    f = gd.numerical(lambda x: math.sin(float(x)))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = gd.grad(f)(at)
    assert told or found == pytest.approx(math.cos(at), rel=1e-5, abs=1e-5)
    if at == 1e4:  # 25 is nearly 8 pi
        assert found == pytest.approx(math.cos(at), rel=1e-6)
