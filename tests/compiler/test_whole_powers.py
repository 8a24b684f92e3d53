"""Whole powers become products, within 4 units in the last place of NumPy's."""

import operator

import numpy as np
import pytest

import chainrule as gd

X = np.random.default_rng(5).uniform(-2.0, 2.0, 20_000)
SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e200, -1e200, 1e-200, 5e-324])
EXECUTORS = ("numpy", "native")


def power_rows(fast):
    rows = fast.newest()[1].program.rows
    powers = [r for r in rows if r.function in (np.power, operator.pow)]
    return [r.args[1] for r in powers]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("n", [-3, -2, 3, 4.0, 5, 6, np.float64(7.0)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_power_is_that_of_numpy_to_four_places(n, dtype, executor):
    if executor == "native" and dtype is np.float32:
        return
    x, n = X.astype(dtype), n if dtype is np.float64 else int(n)
    fast = gd.compile(lambda x: x**n, executor=executor)
    z = fast(x)
    assert z.dtype == dtype
    np.testing.assert_array_max_ulp(z, x**n, 4)
    assert power_rows(fast) == ([] if n == -2 else [2])
    with np.errstate(all="ignore"):
        special, expected = fast(SPECIAL.astype(dtype)), SPECIAL.astype(dtype) ** n
    np.testing.assert_array_equal(special, expected)
    np.testing.assert_array_equal(np.signbit(special), np.signbit(expected))


@pytest.mark.parametrize("n", [-4, -1, 0, 1, 2, 0.5, 2.5, 8, 30])
def test_other_powers_are_numpys(n):
    x = np.abs(X[:100])
    np.testing.assert_array_equal(gd.compile(lambda x: x**n)(x), x**n)


def test_powers_and_their_derivatives_share_products():
    def f(x):
        return np.sum(x**3 + 2.0 * x**4 - x**7)

    fast = gd.compile(gd.value_and_grad(f), executor="numpy")
    for x in (X[:50], -X[:50]):
        for z, expected in zip(fast(x), gd.value_and_grad(f)(x), strict=True):
            np.testing.assert_allclose(z, expected, rtol=1e-14)
    products = [r for r in fast.newest()[1].program.rows if r.function is np.multiply]
    assert power_rows(fast) == [2]
    assert len(products) <= 5 + 7  # the powers 3 to 7; factors, and contributions


@pytest.mark.parametrize("x", [1.1, -0.3, 1e200, 0.0, np.float64(1.3)])
def test_so_it_is_for_numbers(x):
    fast = gd.compile(lambda x: x**5)
    with np.errstate(all="ignore"):
        z, expected = fast(x), np.float64(x) ** 5
    assert type(z) is type(x)
    np.testing.assert_allclose(z, expected, rtol=1e-15)


def test_other_classes_keep_their_powers():
    whole = np.arange(5)
    fast = gd.compile(lambda x: x**3)
    for x in (whole, whole + 1j, 7, 1 + 2j, True, whole.astype(np.int8)):
        z, expected = fast(x), x**3
        assert type(z) is type(expected)
        np.testing.assert_array_equal(z, expected)


def test_powers_of_two_are_exp2():
    x = np.array([0.5, -3.25, np.nan, np.inf, -np.inf, 2000.0, -2000.0, -0.0])
    fast = gd.compile(lambda x: 2.0**x, executor="numpy")
    with np.errstate(all="ignore"):
        np.testing.assert_array_max_ulp(fast(x), 2.0**x, 2)
    assert np.exp2 in {row.function for row in fast.newest()[1].program.rows}


def test_the_powers_1_and_0_are_no_rows():
    x = np.array([0.0, -0.0, np.nan, np.inf, 2.0])
    fast = gd.compile(lambda x: (x**1 + 1.0, x**0 + x), executor="numpy")
    for z, expected in zip(fast(x), (x + 1.0, 1.0 + x), strict=True):
        np.testing.assert_array_equal(z, expected)
    assert power_rows(fast) == []
