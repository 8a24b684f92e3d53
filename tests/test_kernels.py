"""Generated steps and operators: the rules' numbers, and NumPy's at poles."""

from __future__ import annotations

import linecache
import traceback
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as gd
from chainrule import node, operations
from chainrule.rules import elementwise
from chainrule.rules.namespace import plain
from chainrule.rules.supports import supported
from chainrule.steps import step as kernels
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import reverse_sweep
from chainrule.values.vertices import raw
from tests.helpers import assert_close, forward, reverse

HUGE, INF, NAN = 1e200, np.inf, np.nan

# Where ``math`` or Python raises, or has another opinion than NumPy.
POLES = {
    "x / 0": (lambda x: x / 0.0, 1.0),
    "0 / x": (lambda x: 0.0 / x, 0.0),
    "1 / x": (lambda x: 1.0 / x, 0.0),
    "-1 / x": (lambda x: -1 / x, -0.0),
    "x % 0": (lambda x: x % 0.0, 1.0),
    "log(0)": (np.log, 0.0),
    "log(-1)": (np.log, -1.0),
    "log2(0)": (np.log2, 0.0),
    "log10(0)": (np.log10, 0.0),
    "log1p(-1)": (np.log1p, -1.0),
    "sqrt(0)": (np.sqrt, 0.0),
    "sqrt(-1)": (np.sqrt, -1.0),
    "cbrt(0)": (np.cbrt, 0.0),
    "exp(1000)": (np.exp, 1000.0),
    "exp(-1000)": (np.exp, -1000.0),
    "exp2(2000)": (np.exp2, 2000.0),
    "expm1(1000)": (np.expm1, 1000.0),
    "sinh(1000)": (np.sinh, 1000.0),
    "cosh(1000)": (np.cosh, 1000.0),
    "tanh(1000)": (np.tanh, 1000.0),
    "sin(inf)": (np.sin, INF),
    "cos(nan)": (np.cos, NAN),
    "tan(inf)": (np.tan, -INF),
    "arcsin(1)": (np.arcsin, 1.0),
    "arcsin(2)": (np.arcsin, 2.0),
    "arccos(-1)": (np.arccos, -1.0),
    "arccosh(0.5)": (np.arccosh, 0.5),
    "arccosh(1)": (np.arccosh, 1.0),
    "arctanh(1)": (np.arctanh, 1.0),
    "arctanh(2)": (np.arctanh, 2.0),
    "reciprocal(0)": (np.reciprocal, 0.0),
    "square(huge)": (np.square, HUGE),
    "huge * x * x": (lambda x: HUGE * x * x, HUGE),
    "x ** 1000": (lambda x: x**1000, 10.0),
    "x ** -1": (lambda x: x**-1, 0.0),
    "x ** -0.5": (lambda x: x**-0.5, 0.0),
    "x ** 0": (lambda x: x**0, 0.0),
    "x ** 0.0": (lambda x: x**0.0, 0.0),
    "x ** 1": (lambda x: x**1, 0.0),
    "x ** 2": (lambda x: x**2, 0.0),
    "(-8) ** (1/3)": (lambda x: x ** (1 / 3), -8.0),
    "(-8) ** 3": (lambda x: x**3, -8.0),
    "0 ** x": (lambda x: 0.0**x, 2.0),
    "0 ** 0": (lambda x: 0.0**x, 0.0),
    "0 ** -x": (lambda x: 0.0**x, -1.0),
    "2 ** x": (lambda x: 2**x, 5000.0),
    "hypot": (lambda x: np.hypot(x, 0.0), 0.0),
    "arctan2": (lambda x: np.arctan2(x, 0.0), 0.0),
    "logaddexp": (lambda x: np.logaddexp(x, -INF), -INF),
    "abs": (abs, 0.0),
    "maximum": (lambda x: np.maximum(x, 1.0), NAN),
    "fmod": (lambda x: np.fmod(x, 0.0), 1.0),
    "sinc": (np.sinc, 0.0),
    "large int": (lambda x: x * 10**30, 1.0),
}


@pytest.mark.parametrize("name", POLES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_floats_follow_numpy_at_poles(name):
    f, point = POLES[name]
    number, array = node(point), node([point])
    z, w = f(number), f(array)
    for expected in (w.value[0], f(np.float64(point))):
        np.testing.assert_allclose(z.value, expected, rtol=1e-15, equal_nan=True)
    z.backward()
    w.backward([1.0])
    np.testing.assert_allclose(number.grad, array.grad[0], rtol=1e-15, equal_nan=True)


@pytest.mark.parametrize("name", POLES)
@pytest.mark.parametrize("sweep", [reverse, forward])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_recorded_sweeps_follow_numpy_at_poles(name, sweep):
    f, point = POLES[name]
    x = node(point)
    z = f(x)
    with np.errstate(all="ignore"):
        (plainly,) = sweep([z], [1.0], [x])
        (recorded,) = sweep([z], [node(1.0)], [x], operations)
    np.testing.assert_allclose(raw(recorded), plainly, rtol=1e-15, equal_nan=True)


@pytest.mark.parametrize(
    ("f", "point", "message"),
    [
        (lambda x: 1.0 / x, 0.0, "divide by zero"),
        (np.log, 0.0, "divide by zero"),
        (np.exp, 1000.0, "overflow"),
        (lambda x: x ** (1 / 3), -8.0, "invalid value"),
    ],
)
def test_floats_warn_as_numpy_does(f, point, message):
    with pytest.warns(RuntimeWarning, match=message):
        f(node(point))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match=message):
        f(node(point))
    with np.errstate(all="ignore"):
        z = f(node(point))
    z.backward()


def test_results_of_floats_are_floats():
    x, y = node(1.5), node(2.5)
    for z in (x + y, x - 1, 2 * y, x / y, x**y, x**2, -x, abs(x), x % y, np.exp(x),
              np.log(y), np.sqrt(x), np.maximum(x, y), np.hypot(x, 3.0)):  # fmt: skip
        assert type(z.value) is float, z
        z.backward()
        assert type(z.grad) is float
        assert type(x.grad) is float
        assert type(y.grad) is float


# ------------------------------------------------------------------------ large arrays

SIZES = [10, kernels.LARGE // 8 + 1]


@pytest.mark.parametrize("n", SIZES, ids=["small", "large"])
@pytest.mark.parametrize("mixed", [False, True], ids=["even", "broadcast"])
def test_in_place_accumulation_never_touches_what_is_shared(n, mixed, rng):
    a, b = rng.uniform(0.5, 1.5, n), rng.uniform(0.5, 1.5, n)
    x, y = node(a), node(b[:1] if mixed else b)
    seed = rng.normal(size=n)
    kept = seed.copy()
    u = x + y
    v = x + u
    w = u * v + u + v + x
    s = np.exp(-w) / (y * y + 1.0) + w
    order = collect([s]).order
    s.backward(seed)
    np.testing.assert_array_equal(seed, kept)
    np.testing.assert_array_equal(s.grad, kept)
    bars = reverse_sweep(plain, order, {s: supported(seed)})
    for z in order:
        np.testing.assert_allclose(z.grad, bars[z].value, rtol=1e-13)
    arrays = [z.grad for z in order]
    values = [z.value for z in order]
    for first, second in pairwise([*arrays[-2:], *values]):
        assert not np.shares_memory(first, second)


@pytest.mark.parametrize("n", SIZES, ids=["small", "large"])
def test_many_uses_of_one_array(n, rng):
    x = node(rng.normal(size=n))
    total = 0.0
    for k in range(1, 6):
        total = total + k * x
    for k in range(3):
        total = total + x[k] * np.ones(n)
    seed = rng.normal(size=n)
    total.backward(seed)
    expected = 15.0 * seed
    expected[:3] += np.sum(seed)
    assert_close(x.grad, expected, 1e-13)
    total.backward(seed)
    assert_close(x.grad, 2 * expected, 1e-13)


@pytest.mark.parametrize("n", SIZES, ids=["small", "large"])
def test_partials_that_are_operands_are_not_overwritten(n, rng):
    a, c = rng.normal(size=n), rng.normal(size=n)
    kept = c.copy()
    x = node(a)
    z = x * c
    z = z * x
    z = np.exp(0.01 * z) * z
    before = [v.value.copy() for v in collect([z]).order]
    z.backward(np.ones(n))
    np.testing.assert_array_equal(c, kept)
    for v, value in zip(collect([z]).order, before, strict=True):
        np.testing.assert_array_equal(v.value, value)


# ------------------------------------------------------------------- random programs

VALUES = [0.7, -1.3, np.float64(0.4), np.float32(1.2), np.array([0.5, -0.2, 1.1]),
          np.array([[0.3], [0.9]], np.float32),
          np.array([[0.2, 0.4, 0.6]])]  # fmt: skip
STEPS = [
    np.add, np.subtract, np.multiply, lambda x, y: x / (y * y + 1.0), np.maximum,
    lambda x, y: np.where(x > y, x, 2.0 * y), lambda x, y: np.sin(x) * 3,
    lambda x, y: np.exp(-x * x), lambda x, y: x + np.sum(y), lambda x, y: 2 - x,
    lambda x, y: np.sum(x, axis=-1, keepdims=True) if x.ndim else x,
    lambda x, y: x[..., :1] if x.ndim else x * x, lambda x, y: abs(x) ** 1.5,
]  # fmt: skip


@given(st.data())
def test_random_programs_sweep_alike(data):
    made = [node(v) for v in data.draw(st.lists(st.sampled_from(VALUES), min_size=2))]
    for _ in range(data.draw(st.integers(1, 10))):
        f = data.draw(st.sampled_from(STEPS))
        pick = st.sampled_from(made)
        z = f(data.draw(pick), data.draw(pick))
        made.append(z if np.max(np.abs(z.value)) < 10.0 else z * 0.0625)
    z = made[-1]
    order = collect([z]).order
    seed = z.value * 0 + 1.0
    z.backward(seed)
    bars = reverse_sweep(plain, order, {z: supported(seed)})
    recorded = reverse_sweep(operations, order, {z: supported(node(seed))})
    rtol = 1e-4 if any(v.dtype == np.float32 for v in order) else 1e-11
    for v in order:
        expected = bars[v].value if v in bars else np.zeros(v.shape)
        again = raw(recorded[v].value) if v in bars else np.zeros(v.shape)
        assert_close(v.grad * np.ones(v.shape), expected, rtol, scale=1.0)
        assert_close(again, expected, rtol, scale=1.0)
        assert v not in bars or np.asarray(v.grad).dtype == v.dtype


# ----------------------------------------------------------- arrays of different kinds

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]


@pytest.mark.parametrize("a", DTYPES)
@pytest.mark.parametrize("b", DTYPES)
@pytest.mark.parametrize(
    "shapes", [((3,), (3,)), ((3, 1), (1, 2)), ((), (3,)), ((), ())]
)
def test_every_operand_gets_its_own_shape_and_dtype(a, b, shapes, rng):
    x = node(rng.uniform(0.5, 1.5, shapes[0]).astype(a))
    y = node(rng.uniform(0.5, 1.5, shapes[1]).astype(b))
    for f in (np.add, np.subtract, np.multiply, np.divide, np.power):
        x.grad = y.grad = 0.0
        z = f(x, y)
        assert z.dtype == np.result_type(a, b)
        z.backward(np.ones(z.shape))
        for leaf in (x, y):
            assert leaf.grad.dtype == leaf.dtype
            assert leaf.grad.shape == leaf.shape


def test_a_float_stays_weak_next_to_float32_in_every_sweep():
    x, y = node(0.7), node(np.array([0.3, 0.9], np.float32))
    z = np.maximum(x, y)
    assert z.dtype == np.float32
    z.backward(np.ones(2))
    assert x.grad == 1.0
    np.testing.assert_array_equal(y.grad, [0.0, 1.0])
    for xp in (plain, operations):
        swept = reverse([z], [np.ones(2, np.float32)], [x, y], xp)
        np.testing.assert_array_equal(raw(swept[0]), 1.0)
        np.testing.assert_array_equal(raw(swept[1]), [0.0, 1.0])
        (z_dot,) = forward([z], [1.0], [x], xp)
        np.testing.assert_array_equal(raw(z_dot), [1.0, 0.0])


@pytest.mark.parametrize(
    "value", [2.0, np.float64(2.0), np.array(2.0), np.float32(2.0)]
)
def test_a_rule_may_return_a_python_number(value):
    triple = gd.custom_operation(lambda x: 3.0 * x, lambda z_grad, z, x: (3.0,))
    x = node(value)
    z = x * x
    (z + triple(x)).backward()
    assert x.grad == 7.0
    assert np.asarray(x.grad).dtype == x.dtype


@given(st.integers(-3, 4), st.sampled_from(DTYPES[:2]))
def test_integer_powers_keep_the_dtype(n, dtype):
    x = node(np.array([0.5, 1.5], dtype))
    z = x**n
    assert z.dtype == dtype
    z.backward(np.ones(2))
    assert x.grad.dtype == dtype
    expected = n * np.array([0.5, 1.5]) ** (n - 1.0)
    np.testing.assert_allclose(x.grad, expected, rtol=1e-6)


# ------------------------------------------------------------------------- being found


def test_generated_code_is_found_in_tracebacks():
    class broken_grad(elementwise):
        """z = x"""

        forward = np.positive

        @staticmethod
        def d_x(xp, z, x):
            """dz/dx"""
            return xp.only_in_this_test(x)

    step = kernels.steps_of(broken_grad, (True,))
    x = node([1.0, 2.0])
    z = +x
    with pytest.raises(AttributeError, match="only_in_this_test") as caught:
        step(z, np.ones(2), {x: None})
    text = "".join(traceback.format_tb(caught.value.__traceback__))
    assert "<chainrule broken_grad step n>" in text
    assert "def step" in linecache.getline("<chainrule broken_grad step n>", 1)


def test_operators_are_called_by_their_own_names():
    assert np.multiply.__name__ == type(node(1.0)).__mul__.__name__
    with pytest.raises(TypeError, match=r"power\(\)"):
        pow(node(2.0), 3, 5)
