"""Why is my gradient nan, or zero? Questions that are asked in public, as functions.

Each is diagnosed as it is, compiled, mapped and, where its derivative is not finite or
inexact, under ``grad`` and ``hvp``: the first finding is of the right kind and line.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as gd
from chainrule.scipy import special


class Question(NamedTuple):
    f: Callable[..., Any]
    args: tuple[Any, ...]
    kinds: tuple[str, ...]
    text: str
    """What stands in the line that is to be found."""


ASKED: list[Question] = []
INFINITE = ("nan", "infinity")


def asked(kinds, text, *args):
    def enter(f):
        ASKED.append(Question(f, args, kinds, text))
        return f

    return enter


def ones(x):
    return np.ones_like(x)


# ----------------------------------------------------------------- nan and infinity


@asked(INFINITE, "np.exp(x)", np.array([1000.0, 0.0]))
def softmax_of_large_numbers(x):
    e = np.exp(x)
    return (e / np.sum(e))[0]


@asked(INFINITE, "np.sqrt(np.sum", np.zeros(3))
def norm_at_zero(x):
    return np.sqrt(np.sum(x * x))


@asked(INFINITE, "np.sqrt(x)", np.array([0.0, 1.0]))
def root_times_a_mask(x):
    mask = (x > 0) * 1.0
    return np.sum(np.sqrt(x) * mask)


@asked(INFINITE, "np.log(p)", np.array([-800.0, 0.0]))
def log_of_an_underflow(x):
    p = np.exp(x)
    return np.sum(np.log(p))


@asked(INFINITE, "1.0 / x", np.array([0.0, 2.0]))
def division_in_a_masked_branch(x):
    mask = (x != 0) * 1.0
    return np.sum(mask * (1.0 / x))


@asked(INFINITE, "np.arccos", 1.0)
def angle_between_equal_vectors(x):
    return np.arccos(x * 1.0) ** 2


@asked(INFINITE, "np.log(x)", np.array([0.0, 1.0]))
def entropy_with_a_zero(x):
    return -np.sum(x * np.log(x))


@asked(INFINITE, "y * p / p", np.array([0.2, 0.8]))
def divergence_with_a_zero(p):
    y = np.array([0.0, 1.0])
    return np.sum(y * np.log(y * p / p))


@asked(INFINITE, "x ** (y - 1.5)", 0.0, 2.0)
def exponent_that_is_learned(x, y):
    return x ** (y - 1.5)


@asked(INFINITE, "** 0.5", -1.0)
def root_of_a_negative_number(x):
    return (x * 1.0) ** 0.5


@asked(INFINITE, "np.sqrt(d)", np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0]]))
def distances_of_all_pairs(x):
    d = np.sum((x[:, None] - x[None]) ** 2, axis=-1)
    return np.sum(np.sqrt(d))


@asked(INFINITE, "np.arctan2", 0.0, 0.0)
def direction_of_no_vector(x, y):
    return np.arctan2(y, x)


@asked(INFINITE, "eigh", np.eye(2))
def eigenvector_of_a_multiple(a):
    vectors = np.linalg.eigh(a)[1]
    return vectors[0, 0] + 2.0 * vectors[1, 0]


@asked(INFINITE, "** (1 / 3)", np.array([0.0, 0.0, 1.0]))
def geometric_mean_with_zeros(x):
    return np.prod(x) ** (1 / 3)


@asked(INFINITE, "x / size", np.zeros(2))
def normalised_zeros(x):
    size = np.sum(np.abs(x))
    return np.sum(x / size)


@asked(INFINITE, "x - data", np.array([1.0, 2.0]))
def data_with_a_nan(x):
    data = np.array([np.nan, 1.0])
    return np.sum((x - data) ** 2)


@asked(INFINITE, "np.exp(x)", 800.0)
def overflow_in_softplus(x):
    return np.log(1.0 + np.exp(x))


@asked(INFINITE, "np.sum(a * x) /", np.ones(3))
def correlation_of_a_constant(x):
    a = x - np.mean(x)
    return np.sum(a * x) / np.sqrt(np.sum(a * a))


@asked(INFINITE, "np.sqrt(t)", np.array([0.0, 1.0, 2.0]))
def root_in_a_scan(x):
    def step(c, t):
        return c + np.sqrt(t), None

    return gd.scan(step, 0.0, x)[0]


# ---------------------------------------------------------------------- kinks, zeros


@asked(("kink",), "np.linalg.norm", np.zeros(3))
def norm_function_at_zero(x):
    return np.linalg.norm(x)


@asked(("kink",), "np.std", np.ones(4))
def deviation_of_a_constant(x):
    return np.std(x)


@asked(("kink",), "np.abs", 0.0)
def absolute_value_at_zero(x):
    return np.abs(x)


@asked(("kink",), "np.maximum", 1.0, 1.0)
def larger_of_equal_numbers(x, y):
    return np.maximum(x, y)


@asked(("zero",), "np.round", 2.3)
def rounded(x):
    return np.round(x) * 3


@asked(("zero",), "np.argmax", np.array([1.0, 3.0, 2.0]))
def index_of_the_largest(x):
    return np.argmax(x) * 1.0


@asked(("zero",), "x > 0", np.array([1.0, -2.0]))
def accuracy_as_a_loss(x):
    return np.mean(x > 0)


@asked(("zero",), "np.maximum", -np.ones(3))
def dead_units(x):
    return np.sum(np.maximum(x, 0.0))


@asked(("zero",), "np.clip", 5.0)
def clipped(x):
    return np.clip(x, 0.0, 1.0) * 2


@asked(("zero",), "stop_gradient", 1.0)
def detached(x):
    return gd.stop_gradient(x) * 2.0


@asked(("zero",), "np.exp(x)", -800.0)
def underflow(x):
    return np.exp(x)


@asked(("zero",), "x > 1", 2.0)
def step_function(x):
    return np.where(x > 1, 1.0, 0.0)


@asked(("vanishing",), "1.0 + np.exp(-x)", 40.0)
def saturated_sigmoid(x):
    s = 1.0 / (1.0 + np.exp(-x))
    return s**2


@asked(("vanishing",), "np.tanh", 20.0)
def saturated_tanh(x):
    return np.tanh(x)


@asked(("vanishing",), "np.tanh(0.2", 0.1)
def recurrence_that_forgets(x):
    for _ in range(100):
        x = np.tanh(0.2 * x)
    return x


@asked(("vanishing",), "np.tanh(0.2", 0.1)
def scan_that_forgets(x):
    def step(c, _):
        return np.tanh(0.2 * c), None

    return gd.scan(step, x, np.zeros(100))[0]


@asked(("exploding",), "weights @ h", np.ones(2))
def recurrence_that_explodes(x):
    weights = np.array([[3.0, 0.1], [0.1, 3.0]])
    h = x
    for _ in range(40):
        h = weights @ h
    return np.sum(h)


# --------------------------------------------------------------------- digits lost

LOST = ("cancellation",)
WEIGHTS = np.array([np.exp(2.0) * (1 + 1e-11), -np.exp(1.0)])


@asked(LOST, "1.0 - s", 36.0)
def cross_entropy_of_a_sigmoid(x):
    s = 1.0 / (1.0 + np.exp(-x))
    return -np.log(1.0 - s)


@asked(LOST, "np.cos", 1e-8)
def one_less_cosine(x):
    return (1.0 - np.cos(x)) / x**2


@asked(LOST, "np.exp(x) - 1.0", 1e-12)
def exponential_less_one(x):
    return (np.exp(x) - 1.0) / x


@asked(LOST, "1.0 + x", 1e-17)
def log_near_one(x):
    return np.log(1.0 + x) / x


@asked(LOST, "np.mean(x**2)", 1e8 + np.arange(4.0) * 0.01)
def variance_by_two_means(x):
    return np.mean(x**2) - np.mean(x) ** 2


@asked(LOST, "np.var", np.array([1e9, 1e9 + 1, 1e9 + 2]))
def variance_of_large_numbers(x):
    y = x * 1.1
    return np.var(y)


@asked(LOST, "np.std", np.array([1e9, 1e9 + 1, 1e9 + 2]))
def deviation_of_large_numbers(x):
    y = x * 1.1
    return np.std(y)


@asked(LOST, "y @", np.array([1.0, 2.0]))
def dot_product_that_cancels(x):
    y = np.exp(x)
    return y @ WEIGHTS


@asked(LOST, "np.mean(y)", np.array([1.0, 2.0]))
def mean_that_cancels(x):
    y = np.exp(x) * WEIGHTS
    return np.mean(y) ** 2


@asked(LOST, "np.matmul", np.array([[1.0, 2.0], [0.3, 0.1]]))
def product_that_cancels(x):
    y = np.exp(x)
    return np.matmul(y, WEIGHTS)[0]


@asked(LOST, "np.einsum", np.array([1.0, 2.0]))
def einsum_that_cancels(x):
    y = np.exp(x)
    return np.einsum("i,i->", y, WEIGHTS)


@asked(LOST, "a - b", np.array([1.0, 2.0]))
def distance_of_large_vectors(x):
    a = np.exp(x) * 1e10
    b = a + 0.01 * x
    return np.linalg.norm(a - b)


@asked(LOST, "np.linalg.det", np.array([[1.0, 2.0], [3.0, 6.0]]))
def determinant_of_a_singular_matrix(x):
    y = np.sin(x)
    a = np.outer(y[0], y[1]) + 1e-10 * x
    return np.linalg.det(a)


@asked(LOST, "special.logsumexp", np.array([-1.0, 2.0]))
def log_of_a_sum_near_one(x):
    p = x - np.log(np.sum(np.exp(x)))
    return special.logsumexp(p + 1e-9 * x)


UNDER: dict[str, Callable[..., Any]] = {
    "itself": lambda f: f,
    "compiled": gd.compile,
    "vmap": lambda f: lambda *a: gd.vmap(f)(*[np.stack([x, x]) for x in a]),
    "grad": lambda f: lambda *a: gd.grad(f, tuple(range(len(a))))(*a),
    "compiled grad": lambda f: gd.compile(gd.grad(f)),
    "grad of compiled": lambda f: gd.grad(gd.compile(f)),
    "hvp": lambda f: lambda *a: gd.hvp(f, a, tuple(map(ones, a))),
}
ONLY_ITSELF = ("kink", "zero", "vanishing", "exploding")
"""Kinds that are told of a function, and not of its derivatives."""
LINEAR = ("dot_product_that_cancels", "product_that_cancels", "einsum_that_cancels")
QUADRATIC = (*LINEAR, "variance_by_two_means", "variance_of_large_numbers")
QUADRATIC += ("data_with_a_nan", "log_of_a_sum_near_one")
"""Their second derivatives lose nothing, and hold no nan."""
ELSEWHERE = ("determinant_of_a_singular_matrix", "log_of_a_sum_near_one")
"""Their derivatives lose the same digits in another line."""


@pytest.mark.parametrize("under", UNDER)
@pytest.mark.parametrize("q", ASKED, ids=[q.f.__name__ for q in ASKED])
def test_the_line_is_found(q, under):
    name = q.f.__name__
    if under not in ("itself", "compiled", "vmap") and q.kinds[0] in ONLY_ITSELF:
        pytest.skip("told of the function")
    if name in {"hvp": QUADRATIC, "itself": (), "compiled": (), "vmap": ()}.get(
        under, LINEAR
    ):
        assert not gd.diagnose(UNDER[under](q.f), *q.args)
        return
    diagnosis = gd.diagnose(UNDER[under](q.f), *q.args)
    lines, start = inspect.getsourcelines(q.f)
    body = [(start + i, line) for i, line in enumerate(lines) if line[0] != "@"]
    wanted = next(number for number, line in body if q.text in line)
    kinds = INFINITE if q.kinds == INFINITE else q.kinds
    right = [found for found in diagnosis if found.kind in kinds]
    assert right, str(diagnosis)
    if "grad" in under and name in ELSEWHERE:
        return
    if under == "itself":
        assert diagnosis[0].kind in kinds, str(diagnosis)
        assert diagnosis[0].remedy
    assert right[0].line == wanted, str(diagnosis)
