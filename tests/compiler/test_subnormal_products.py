"""Products of matrices with subnormal numbers, in native code: scaled, not flushed."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.matrix_products import Product

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(0)
TINY = np.finfo(float).tiny


def ordinary(x, y):
    pass


def rows(x, y):
    x[..., ::3, :] *= 1e-310


def inner_rows(x, y):
    y[..., ::2, :] *= 1e-312


def all_of_one(x, y):
    x *= 1e-310


def both(x, y):
    x[..., 1, :] = 3e-320
    y[..., 2] = 4e-318
    y[..., 0, 1] = 1e12


def beside_large(x, y):
    x[..., 0, 0] = 1e-310
    y[..., 0, 0] = 1e301


def beside_infinite(x, y):
    x[..., 0, 0] = 5e-324
    x[..., 1, 0] = np.inf


def beside_nan(x, y):
    x[..., 0, 0] = 5e-324
    y[..., 0, 0] = np.nan


KINDS = [
    ordinary,
    rows,
    inner_rows,
    all_of_one,
    both,
    beside_large,
    beside_infinite,
    beside_nan,
]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", [(3, 17, 50, 35), (40, 64, 32), (2, 64, 64, 16)])
@pytest.mark.parametrize("make", KINDS)
def test_products_have_numpys_results(make, size, turned):
    *stack, m, k, n = size
    x, y = RNG.standard_normal((*stack, m, k)), RNG.standard_normal((*stack, k, n))
    make(x, y)
    given = np.ascontiguousarray(np.swapaxes(x, -1, -2)) if turned else x

    def product(x, y):
        return (np.swapaxes(x, -1, -2) if turned else x) @ y

    fast = gd.compile(product, executor="native")
    with np.errstate(all="ignore"):
        expected, found = x @ y, fast(given, y)
        bound = k * (2**-52 * (np.abs(x) @ np.abs(y)) + 3 * TINY * 2**-52)
    run = fast.newest()[1].run
    used = [row.function for row in run.program.rows]
    assert any(isinstance(f, Product) for f in used)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite])
    np.testing.assert_array_less(abs(found[finite] - expected[finite]), bound[finite])
