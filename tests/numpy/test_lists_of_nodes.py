"""Lists, tuples and object arrays of nodes stand for one node in every function."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

import chainrule as gd
from chainrule import node
from chainrule.nodes import FUNCTIONS, UFUNCS
from chainrule.numpy.mirror import mirrored
from tests.helpers import RULES, called, calls_of, is_inexact, served

NP = gd.numpy


def nested(x):
    """Return an array, or a node that holds one, as nested lists of numbers."""
    return [nested(v) for v in x] if x.shape else x


FORMS = {
    "a list of rows": list,
    "a tuple of rows": tuple,
    "nested lists": nested,
    "an object array": np.asarray,
}
"""How an array that holds nodes may be written."""


def parts(z):
    """Return the results that are nodes, in nested lists, one after another."""
    if isinstance(z, list | tuple):
        return [v for p in z for v in parts(p)]
    return [z] if isinstance(z, node) else []


def results(f, x):
    """Return the values of the results of a call on a node, and a gradient."""

    def total(v):
        found = [z for z in parts(f(v)) if z.size]
        return sum((np.sum(np.real(z * z)) for z in found), 0.0 * np.sum(np.real(v)))

    return [z.value for z in parts(f(node(x)))], gd.value(gd.grad(total)(x))


def assert_same(f, g, x):
    """Compare two ways to write one call: values, number of results, gradients."""
    (expected, slope), (found, other) = results(f, x), results(g, x)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(other, slope, rtol=1e-12, atol=1e-12)


# ------------------------------------------------------------------------ every rule


def arrays_of(call):
    """Yield the places and values of operands that are arrays and not empty."""
    values = call.draw()
    for i, x in enumerate(values):
        if is_inexact(x) and np.ndim(x) and np.size(x):
            yield i, values


def with_operand(call, function, values, i, form):
    """Return the call as a function of one operand, written in some form."""

    def f(v):
        return called(call, function, [*values[:i], form(v), *values[i + 1 :]])

    return f


@pytest.mark.parametrize("r", [r for r in RULES if served(r)], ids=lambda r: r.__name__)
def test_rules_take_them(r):
    function = served(r)[0]
    own = UFUNCS.get(function) or FUNCTIONS[function]
    for call in islice(calls_of(r), 8):
        for i, values in arrays_of(call):
            expected = with_operand(call, own, values, i, lambda v: v)
            for form in FORMS.values():
                for f in (own, mirrored(function)):
                    found = with_operand(call, f, values, i, form)
                    assert_same(expected, found, values[i])


@pytest.mark.parametrize(
    "r",
    [r for r in RULES if served(r) and len(getattr(r, "operand_names", ())) > 1],
    ids=lambda r: r.__name__,
)
def test_numpy_hands_over_where_another_argument_is_a_node(r):
    function = served(r)[0]
    for call in islice(calls_of(r), 8):
        for i, values in arrays_of(call):
            others = [j for j, y in enumerate(values) if j != i and is_inexact(y)]
            if not others:
                continue
            values[others[0]] = node(values[others[0]])
            expected = with_operand(call, function, values, i, lambda v: v)
            for form in FORMS.values():
                found = with_operand(call, function, values, i, form)
                assert_same(expected, found, call.draw()[i])


# ----------------------------------------------------- functions composed of others

V = np.array([0.7, -0.4, 1.9])
A = np.array([[0.7, -0.4, 1.9], [0.2, 1.1, -0.3], [1.4, 0.5, 0.9]])

COMPOSED = {
    "angle": (lambda np, x: np.angle(x), V + 0.5j),
    "real": (lambda np, x: np.real(x), V + 0.5j),
    "nan_to_num": (lambda np, x: np.nan_to_num(x), V),
    "median": (lambda np, x: np.median(x), V),
    "quantile": (lambda np, x: np.quantile(x, [0.3, 0.6]), V),
    "var": (lambda np, x: np.var(x, axis=0, ddof=1), A),
    "std by name": (lambda np, x: np.std(a=x), A),
    "norm": (lambda np, x: np.linalg.norm(x, 3), V),
    "nanmax": (lambda np, x: np.nanmax(x, axis=1), A),
    "average": (lambda np, x: np.average(V, weights=x), V + 2.0),
    "interp": (lambda np, x: np.interp([0.2, 0.8], [0.0, 0.5, 1.0], x), V),
    "diff": (lambda np, x: np.diff(x, axis=0, prepend=x[:1]), A),
    "gradient": (lambda np, x: np.gradient(x), V),
    "trapezoid": (lambda np, x: np.trapezoid(x), V),
    "tril": (lambda np, x: np.tril(x), A),
    "diag": (lambda np, x: np.diag(x), V),
    "clip": (lambda np, x: np.clip(0.5, x, 2.0), V),
    "polyval": (lambda np, x: np.polyval(x, 0.3), V),
    "meshgrid": (lambda np, x: np.meshgrid(x, [1.0, 2.0]), V),
    "split": (lambda np, x: np.split(x, 3), V),
    "vstack": (lambda np, x: np.vstack([x, V]), V),
    "block": (lambda np, x: np.block([x[0], x[1]]), V),
    "select": (lambda np, x: np.select([V > 0, V > -1], [x, 2.0], 0.5), V),
    "einsum": (lambda np, x: np.einsum("i,ij->j", x, A), V),
    "multi_dot": (lambda np, x: np.linalg.multi_dot([A, x, V]), A),
    "add.reduce": (lambda np, x: np.add.reduce(x), A),
    "multiply.outer": (lambda np, x: np.multiply.outer(x, [1.0, 2.0]), V),
    "multiply.accumulate": (lambda np, x: np.multiply.accumulate(x), V),
    "logaddexp.reduce": (lambda np, x: np.logaddexp.reduce(x), V),
    "maximum.reduce": (lambda np, x: np.maximum.reduce(x, axis=1), A),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_functions_take_them(name):
    f, x = COMPOSED[name]
    for form in FORMS.values():
        assert_same(lambda v: f(np, v), lambda v, form=form: f(NP, form(v)), x)


@pytest.mark.parametrize("name", COMPOSED)
def test_compiled_functions_take_lists_of_traced_values(name):
    f, x = COMPOSED[name]
    for form in (nested, np.asarray):

        def given(v, form=form):
            return f(NP, np.array(list(v)) if form is np.asarray else form(v))

        expected, found = parts_of(f(np, x)), parts_of(gd.compile(given)(x))
        assert len(found) == len(expected)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)


def parts_of(z):
    """Return plain results in nested lists, one after another."""
    return [v for p in z for v in parts_of(p)] if isinstance(z, list | tuple) else [z]


# --------------------------------------------------------------------------- operators


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: a + b, lambda a, b: b - a, lambda a, b: a * b,
        lambda a, b: b / a, lambda a, b: a**b, lambda a, b: a @ b,
        lambda a, b: divmod(a, b)[1], np.hypot,
        lambda a, b: np.where([True, False, True], a, b), np.cross,
    ],
)  # fmt: skip
def test_operators_take_them_on_either_side(f):
    y = np.array([1.3, 0.6, 2.2])
    for form in FORMS.values():
        for g in (f, lambda a, b: f(b, a)):
            assert_same(
                lambda v, g=g: g(v, node(y)),
                lambda v, g=g, form=form: g(form(v), node(y)),
                np.abs(V),
            )


def test_mixed_lists_and_object_arrays():
    x = node(2.0)
    for given in ([[x, 1.0], [0.0, x]], np.array([[x, 1.0], [0.0, x]])):
        assert NP.linalg.det(given).value == 4.0
        assert NP.exp(given).shape == (2, 2)
        assert gd.multiply(given, 2.0).shape == (2, 2)
        assert (given * node(np.ones((2, 2)))).shape == (2, 2)
    assert gd.grad(lambda x: NP.linalg.det([[x, 1.0], [0.0, x]]))(3.0) == pytest.approx(
        6.0
    )
    assert gd.grad(lambda x: np.dot(np.array([x, 1.0]), np.array([x, 5.0])))(3.0) == 6.0


def test_locally_constant_functions_take_them():
    x = node(V)
    for form in FORMS.values():
        np.testing.assert_array_equal(NP.floor(form(x)), np.floor(V))
        np.testing.assert_array_equal(NP.isnan(form(x)), [False] * 3)
        assert NP.argmax(form(x)) == 2
        np.testing.assert_array_equal(x < form(x + 1.0), [True] * 3)
    rounded = gd.compile(lambda x: NP.sum(NP.floor([x[0], x[2]])) * x[0])
    assert rounded(V) == 0.7
    np.testing.assert_array_equal(gd.grad(rounded)(V), [1.0, 0.0, 0.0])


def test_transforms_take_them():
    def f(v):
        return v * v

    ways = {
        "pullback": lambda s: gd.vjp(f, V)[1](s)[0],
        "jvp": lambda s: gd.jvp(f, (V,), (s,))[1],
        "linearize": gd.linearize(f, V)[1],
        "hvp": lambda s: gd.hvp(lambda v: np.sum(f(v) * v), (V,), (s,))[0],
        "grad": gd.grad(lambda v: np.sum(f(v))),
        "jacobian": gd.jacobian(f),
        "checkpoint": gd.checkpoint(f),
        "compile": gd.compile(f),
        "custom": gd.custom_operation(f, lambda g, z, v: (2 * v * g,)),
    }
    for way in ways.values():
        assert_same(way, lambda s, p=way: p(np.asarray(s)), A[0])
    for name in ("pullback", "jvp", "linearize", "hvp", "custom"):
        assert_same(ways[name], lambda s, name=name: ways[name](nested(s)), A[0])
