"""One rule: Python's operators do as Python does, NumPy's functions as NumPy does."""

import operator

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from tests.compiler.mixed_programs import alike, outcome

EXECUTORS = [
    "numpy",
    "auto",
    *(["vm", "native"] if native.available() else []),
]
INF, NAN = np.inf, np.nan
B = np.array([[True, True], [True, False]])


def caught(n, m):
    try:
        return n // m
    except ZeroDivisionError:
        return -1


def inverse(a):
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return a


def scanned(c, x):
    return c * 3 + 1, x * 2


SAME = {
    "powers of integers": (lambda n: n**3, [(2,), (2**40,), (-(2**70),)]),
    "exponents": (operator.pow, [(2, 3), (2, -1), (0, -1), (2, 100), (True, 5)]),
    "left shift": (lambda n: n << 3, [(2,), (2**62,), (-5,)]),
    "bits": (lambda n, m: (n << m, n >> m, n ^ m, n & m, n | m, ~n),
             [(5, 2), (2**62, 3), (-7, 1), (2**80, 5), (True, False)]),
    "sums": (lambda n: n + 7, [(2,), (2**80,)]),
    "quotients": (lambda n, m: (n // m, n % m, n / m, divmod(n, m)),
                  [(7, 2), (7, -2), (2**80 + 1, 3), (7, 0), (2**1100, 2**1099)]),
    "one sign": (lambda n: (abs(n), -n, +n), [(5,), (-(2**63),), (True,), (2**90,)]),
    "comparisons": (lambda n: (n > 2**70, n == 2**53 + 1, max(n, 3), n < 0.5),
                    [(3,), (2**71,), (2**53 + 1,), (2**53,)]),
    "booleans": (lambda b, c: (b + c, b * c, b & c, b ^ c, ~b, -b),
                 [(True, True), (False, True)]),
    "not of a comparison": (lambda x: ~(x > 0), [(1.0,), (-1.0,)]),
    "np.power": (lambda n: np.power(n, 2), [(2,), (2**40,)]),
    "np.add": (np.add, [(True, True), (False, True)]),
    "np.true_divide": (lambda n: np.true_divide(n, n), [(1,), (0,)]),
    "np.floor_divide": (np.floor_divide, [(5, 2), (5, 0)]),
    "np.multiply": (lambda n: np.multiply(n, n), [(3,), (2**40,)]),
    "np.left_shift": (lambda n: np.left_shift(n, 3), [(5,), (2**62,)]),
    "np.invert": (np.invert, [(5,), (-1,)]),
    "floats and integers": (operator.mul, [(2, 0.5), (2**70, 0.5), (2**1100, 0.5)]),
    "an int8 wraps": (lambda a: a + a, [(np.int8(3),), (np.int8(127),)]),
    "complex one": (lambda z: (z / 1, 1 * z, -1 * z),
                    [(1j,), (complex(INF, 0),), (complex(-INF, NAN),)]),
    "complex arrays": (lambda z: (z / 1, z * 1, z**0.5),
                       [(np.array([1j, 2]),), (np.array([complex(INF, 0), INF]),)]),
    "boolean products": (lambda b: (b @ b, np.dot(b, b), np.matmul(b, b[0])),
                         [(B,), (~B,)]),
    "integer sums": (lambda a: (np.sum(a), a @ a[::-1], a[:1] @ a[-1:]),
                     [(np.array([1, 2, 3]),),
                      (np.array([2**53 - 1, 2, -(2**53 - 1)]),)]),
    "no -0": (lambda n: 1.0 / (n * -3 * 1.0) + 1 / np.negative(n[0]),
              [(np.array([1, 2]),), (np.array([0, 1]),)]),
    "0.5 of a number": (lambda x: (x**0.5, np.power(x, 0.5)),
                        [(np.float64(4.0),), (np.float64(-0.0),),
                         (np.float64(-INF),)]),
    "0.5 of an array": (lambda x: (x**0.5, np.power(x, 0.5)),
                        [(np.array([4.0, 1]),), (np.array([-0.0, -INF]),)]),
    "a caught error": (caught, [(3, 2), (3, 0), (3, 1), (0, 0)]),
    "first a caught error": (caught, [(3, 0), (3, 2), (3, 0)]),
    "a caught LinAlgError": (inverse, [(np.eye(2),), (np.zeros((2, 2)),)]),
    "an error raised": (lambda n, x: x * (6 // n), [(2, 1.0), (0, 1.0), (3, 1.0)]),
    "scan of integers": (lambda n, xs: gd.scan(scanned, n, xs),
                         [(1, np.arange(5.0)), (2**52, np.arange(5.0)),
                          (2**62, np.arange(5.0))]),
    "scan that divides": (
        lambda n, xs: gd.scan(lambda c, x: (c, x * (6 // c)), n, xs),
        [(2, np.arange(3.0)), (0, np.arange(3.0))]),
    "scan of a boolean": (
        lambda b, xs: gd.scan(lambda c, x: (c, x * (c + c) + np.add(c, c)), b, xs),
        [(True, np.arange(3.0)), (False, np.arange(3.0))]),
    "scan of products": (
        lambda b, xs: gd.scan(lambda c, x: (c @ c, x), b, xs),
        [(B, np.arange(2.0)), (~B, np.arange(2.0))]),
    "while of integers": (
        lambda n: gd.while_loop(lambda c: c < 10**17, lambda c: c * 7 + 1, n) * 10**3,
        [(1,), (5,), (2**53 + 1,)]),
    "a long while": (
        lambda n: gd.while_loop(lambda c: c < 10**40, lambda c: c * 7 + 1, n),
        [(1,), (5,)]),
    "vmap with an integer": (
        gd.vmap(lambda x, n: x * (n << 3), (0, None)),
        [(np.ones(2), 2), (np.ones(2), 2**62)]),
    "vmap that divides": (
        gd.vmap(lambda x, n: x * (6 // n), (0, None)),
        [(np.ones(2), 2), (np.ones(2), 0)]),
    "vmap of a scan": (
        gd.vmap(lambda xs, n: gd.scan(lambda c, x: (c * 31, x), n, xs)[0], (0, None)),
        [(np.ones((2, 3)), 1), (np.ones((2, 3)), 2**50)]),
    "vmap of 0.5": (gd.vmap(lambda v: v**0.5),
                    [(np.array([4.0, 1]),), (np.array([-0.0, -INF]),)]),
    "vmap of booleans": (gd.vmap(lambda v: (v @ v, ~v)), [(B,), (~B,)]),
    "gradient at -0": (gd.grad(lambda x: x**0.5),
                       [(np.float64(4.0),), (np.float64(-0.0),)]),
    "gradient at -0.0": (gd.grad(lambda x: x**0.5), [(4.0,), (-0.0,), (0.0,)]),
    "vmap of gradients": (gd.vmap(gd.grad(lambda x: x**0.5)),
                          [(np.array([4.0, 1]),), (np.array([-0.0, 1.0]),)]),
}  # fmt: skip


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(("f", "calls"), SAME.values(), ids=SAME)
def test_operators_and_functions(f, calls, executor):
    fast = gd.compile(f, executor=executor)
    for args in (*calls, *calls[::-1]):
        found, expected = outcome(fast, *args), outcome(f, *args)
        assert alike(leaves(found), leaves(expected)), (args, found, expected)


def leaves(x):
    return x if isinstance(x, type) else gd.values.containers.flatten(x)[0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64, np.int8])
@pytest.mark.parametrize("exponent", [0.5, 2.0, 3, 0.3, np.float32(0.5)])
def test_powers_of_examples_keep_their_dtype(dtype, exponent):
    x = np.array([1, 4], dtype)
    for f in (lambda v: v**exponent, lambda v: np.power(v, exponent)):
        found, expected = gd.compile(gd.vmap(f))(x), gd.vmap(f)(x)
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=1e-6)


FLOATS = {
    "poles": (lambda x: (1 / x, x // 0.0, x % 0.0), [(2.0,), (0.0,)]),
    "roots": (lambda x: (x ** (1 / 3), x**0.5), [(8.0,), (-8.0,)]),
    "overflow": (lambda x: x**200.0, [(2.0,), (1e300,)]),
    "integers": (lambda n: (n**0.5, n**-0.5), [(4,), (-4,), (0,)]),
    "complex": (lambda z: z / 0, [(1j,)]),
}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize(("f", "calls"), FLOATS.values(), ids=FLOATS)
def test_operators_on_floats_have_the_results_of_numpy(f, calls, executor):
    for first in (calls, calls[::-1]):
        fast = gd.compile(f, executor=executor)
        for (x,) in first:
            with np.errstate(all="ignore"):
                expected = f(
                    np.float64(x) if type(x) is not complex else np.complex128(x)
                )
            found = fast(x)
            np.testing.assert_allclose(found, expected, rtol=1e-14)
            for z in gd.values.containers.flatten(found)[0]:
                assert isinstance(z, float | complex)


def test_an_error_is_that_of_the_function_itself():
    fast = gd.compile(lambda n, m: n // m)
    assert fast(7, 2) == 3
    with pytest.raises(ZeroDivisionError):
        fast(7, 0)
    assert fast.stats()["error_reruns"] == 1
    assert fast(9, 2) == 4


def test_source_is_the_program_that_ran():
    def f(n, b):
        return np.power(n, 2), n**2, np.add(b, b), b + b, ~b, abs(-n), n << 3 & 7

    fast = gd.compile(f)
    args = (2**40, True)
    text = gd.source(fast) if fast(*args) else ""
    names = dict(text.constants)
    exec(text, names)
    assert names["f"](*args) == f(*args)
    assert "np.power(n, 2)" in text
    assert "np.add(b, b)" in text
    assert "n ** 2" in text
