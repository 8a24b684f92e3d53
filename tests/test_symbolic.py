"""Formulas found by running rules on text: their numbers, and SymPy's derivatives."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from chainrule import operations_grad
from chainrule.rules import elementwise
from chainrule.rules.namespace import plain
from chainrule.rules.symbolic import Formula, Symbols, as_formula, partial_formulas
from tests.helpers import OF_SCIPY, RULES, SCOPE

ELEMENTWISE = [r for r in RULES if issubclass(r, elementwise)]
VARIABLES = {"x": 1.7, "y": -0.6, "z": 2.3}
INFIX = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "%": lambda a, b: a % b,
    "//": lambda a, b: a // b,
    "**": lambda a, b: a**b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
}


def trees():
    """Draw functions of three values, built of operators and calls."""
    leaves = st.sampled_from([
        lambda x, y, z: x, lambda x, y, z: y, lambda x, y, z: z,
        lambda x, y, z: 2.0, lambda x, y, z: -3, lambda x, y, z: -0.5,
    ])  # fmt: skip

    def joined(children):
        return st.one_of(
            st.builds(binary, st.sampled_from(list(INFIX)[:7]), children, children),
            st.builds(negative, children),
        )

    return st.recursive(leaves, joined, max_leaves=8)


def binary(sign, f, g):
    return lambda x, y, z: INFIX[sign](f(x, y, z), g(x, y, z))


def negative(f):
    return lambda x, y, z: -f(x, y, z)


@given(trees())
def test_text_means_what_was_computed(f):
    try:
        expected = f(**VARIABLES)
    except (ZeroDivisionError, OverflowError, TypeError):
        return
    if isinstance(expected, complex):
        return
    text = repr(as_formula(f(*map(Formula, "xyz"))))
    found = eval(text, {}, VARIABLES)
    assert found == expected or (math.isnan(found) and math.isnan(expected)), text


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda x, y: x + y * x, "x + y * x"),
        (lambda x, y: (x + y) * x, "(x + y) * x"),
        (lambda x, y: x - (y - x), "x - (y - x)"),
        (lambda x, y: (x - y) - x, "x - y - x"),
        (lambda x, y: x / (y / x), "x / (y / x)"),
        (lambda x, y: -x / y, "-x / y"),
        (lambda x, y: -(x / y), "-(x / y)"),
        (lambda x, y: (-x) ** 2, "(-x) ** 2"),
        (lambda x, y: -(x**2), "-x ** 2"),
        (lambda x, y: (x**y) ** 2, "(x ** y) ** 2"),
        (lambda x, y: x ** (y**2), "x ** y ** 2"),
        (lambda x, y: 2 - x, "2 - x"),
        (lambda x, y: x * -1, "x * -1"),
        (lambda x, y: (x == y) * 2, "(x == y) * 2"),
        (lambda x, y: 1 < x, "x > 1"),  # noqa: SIM300
    ],
)
def test_parentheses_only_where_needed(made, text):
    assert repr(made(Formula("x"), Formula("y"))) == text


def test_functions_write_calls_or_templates():
    x = Formula("x")
    assert repr(Symbols().cos(x + 1)) == "cos(x + 1)"
    assert repr(Symbols().where(x > 0, x, -x)) == "where(x > 0, x, -x)"
    templates = Symbols({"square": "{0} * {0}"}.get)
    assert repr(1 / templates.square(x + 1)) == "1 / ((x + 1) * (x + 1))"
    with pytest.raises(TypeError, match="no scalar form of cos"):
        templates.cos(x)
    with pytest.raises(TypeError, match="no formula for ndarray"):
        Symbols().cos(np.ones(2))
    with pytest.raises(AttributeError):
        Symbols().__missing__  # noqa: B018


def test_formulas_of_rules():
    formulas = partial_formulas(operations_grad.division_grad)
    assert formulas == {"x": "1 / y", "y": "-z / y"}
    assert partial_formulas(operations_grad.addition_grad) == {"x": "1", "y": "1"}


@pytest.mark.parametrize("r", ELEMENTWISE, ids=lambda r: r.__name__)
def test_formulas_are_the_rules_own_numbers(r, rng):
    if r.refused and not r.domain:
        pytest.skip("it takes whole numbers")
    try:
        formulas = partial_formulas(r)
    except (TypeError, AttributeError):
        return
    values = {
        n: float(rng.uniform(*r.domain.get(n, (-2.0, 2.0)))) for n in r.operand_names
    }
    z = r.forward(*values.values())
    for i, part in r.parts.items():
        expected = part(plain, z, *values.values())
        text = formulas[r.operand_names[i]]
        np.testing.assert_allclose(eval(text, {**SCOPE}, {**values, "z": z}), expected)


# -------------------------------------------------------------------- against SymPy


class floor(sympy.Function):
    """The floor, with the derivative that it has almost everywhere."""

    @classmethod
    def eval(cls, x):
        return sympy.floor(x) if x.is_Number else None

    def fdiff(self, argindex=1):
        return sympy.Integer(0)


def sympy_form(r):
    """Return the forward of a rule on SymPy's symbols, or ``None``."""
    name = getattr(r.forward, "__name__", "")
    return SYMPY[name] if name in SYMPY else getattr(sympy, name, None)


SYMPY = {
    "fraction": None,  # SymPy's is another function
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "power": lambda x, y: x**y,
    "float_power": lambda x, y: x**y,
    "negative": lambda x: -x,
    "positive": lambda x: x,
    "absolute": lambda x: sympy.sqrt(x**2),
    "fabs": lambda x: sympy.sqrt(x**2),
    "square": lambda x: x**2,
    "reciprocal": lambda x: 1 / x,
    "cbrt": lambda x: sympy.sign(x) * sympy.root(x * sympy.sign(x), 3),
    "exp2": lambda x: 2**x,
    "expm1": lambda x: sympy.exp(x) - 1,
    "log2": lambda x: sympy.log(x) / sympy.log(2),
    "log10": lambda x: sympy.log(x) / sympy.log(10),
    "log1p": lambda x: sympy.log(1 + x),
    "hypot": lambda x, y: sympy.sqrt(x**2 + y**2),
    "logaddexp": lambda x, y: sympy.log(sympy.exp(x) + sympy.exp(y)),
    "logaddexp2": lambda x, y: sympy.log(2**x + 2**y) / sympy.log(2),
    "sinc": lambda x: sympy.sin(sympy.pi * x) / (sympy.pi * x),
    "deg2rad": lambda x: x * sympy.pi / 180,
    "radians": lambda x: x * sympy.pi / 180,
    "rad2deg": lambda x: x * 180 / sympy.pi,
    "degrees": lambda x: x * 180 / sympy.pi,
    "maximum": sympy.Max,
    "fmax": sympy.Max,
    "minimum": sympy.Min,
    "fmin": sympy.Min,
    "arcsin": sympy.asin,
    "arccos": sympy.acos,
    "arctan": sympy.atan,
    "arctan2": sympy.atan2,
    "arcsinh": sympy.asinh,
    "arccosh": sympy.acosh,
    "arctanh": sympy.atanh,
    "remainder": lambda x, y: x - floor(x / y) * y,
}


def where(condition, x, y):
    return x if condition else y


MPMATH = {
    **{n: getattr(mpmath, n) for n in dir(mpmath) if not n.startswith("_")},
    "where": where,
    "power": mpmath.power,
    "absolute": abs,
    "square": lambda x: x * x,
    "log2": lambda x: mpmath.log(x, 2),
    "log1p": lambda x: mpmath.log(1 + x),
    "exp2": lambda x: mpmath.power(2, x),
    "arctan": mpmath.atan,
    "floor_divide": lambda x, y: mpmath.floor(x / y),
    "reciprocal": lambda x: 1 / x,
}


def comparable(r):
    if r in OF_SCIPY:  # compared with mpmath in tests/scipy
        return False
    if not issubclass(r, elementwise) or sympy_form(r) is None:
        return False
    try:
        formulas = partial_formulas(r)
    except (TypeError, AttributeError):
        return False
    return all(
        set(compile(t, "", "eval").co_names) <= {*MPMATH, "z", *r.operand_names}
        for t in formulas.values()
    )


@pytest.mark.parametrize("r", ELEMENTWISE, ids=lambda r: r.__name__)
def test_partials_against_sympy(r, rng):
    if not comparable(r):
        pytest.skip("the partials or the function have no form in SymPy")
    formulas = partial_formulas(r)
    symbols = sympy.symbols(r.operand_names, real=True)
    z = sympy_form(r)(*symbols)
    for _ in range(3):
        point = {
            s: sympy.Rational(round(1000 * rng.uniform(*r.domain.get(s.name, (-2, 2)))),
                              1000)
            for s in symbols
        }  # fmt: skip
        with mpmath.workdps(30):
            space = {s.name: mpmath.mpf(p.p) / p.q for s, p in point.items()}
            space["z"] = mpmath.mpmathify(z.subs(point).evalf(30))
            for s in symbols:
                if s.name not in formulas:
                    continue
                expected = mpmath.mpmathify(sympy.diff(z, s).subs(point).evalf(30))
                found = eval(formulas[s.name], dict(MPMATH), space)
                assert mpmath.almosteq(found, expected, 1e-14), (s, point)
