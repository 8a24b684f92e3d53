"""Forms of rules: refused where a translator would misread them, else all the same."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from chainrule.rules import elementwise
from chainrule.rules.expressions import function_of, rule_behind
from chainrule.rules.registry import EXPRESSED, REGISTRY
from chainrule.wrapping import operation

NUMBERS = np.array([-np.inf, -2.5, -1.0, -0.0, 0.0, 0.3, 1.0, 1.5, 3.0, np.inf, np.nan])


@pytest.fixture(autouse=True)
def _declared_here():
    counts = len(REGISTRY), len(EXPRESSED)
    yield
    del REGISTRY[counts[0] :], EXPRESSED[counts[1] :]


def one(xp, z, x):
    return 1.0


def declared(f: Any, **forms: Any) -> Any:
    """Return the operation of a function of numbers with these forms."""

    def forward(x: Any) -> Any:
        x = np.asarray(x, float)
        z = np.empty(x.shape)
        with np.errstate(all="ignore"):
            z[...] = np.reshape([f(v) for v in x.ravel()], x.shape)
        return z[()]

    body = {"forward": staticmethod(forward), "d_x": staticmethod(one), **forms}
    return operation(type("own_grad", (elementwise,), {"__doc__": "z = f(x)", **body}))


def assert_same_everywhere(f: Any, **forms: Any) -> None:
    own = declared(f, **forms)
    expected = own(NUMBERS)
    compared = pytest.approx(expected, rel=1e-15, nan_ok=True)
    assert [gd.value(own(gd.node(float(x)))) for x in NUMBERS] == compared
    for executor in ("numpy", "vm", "native"):
        compiled = gd.compile(own, executor=executor)
        assert list(compiled(NUMBERS)) == compared, executor
        assert [compiled(float(x)) for x in NUMBERS] == compared, executor


# ------------------------------------------------------------------------ expressions

REFUSED = {
    "+x": r"holds '\+x'\. Write x or -x",
    "~x": "Write x or -x",
    "1.0 if 0.0 < x < 1.0 else 2.0": "Write x < y and y < z",
    "math.log(x * x, 2)": r"Write math\.log\(x\) / math\.log\(y\)",
    "math.atan2(x)": r"calls math\.atan2\(x\)\. math\.atan2 takes 2 numbers",
    "math.sin(x, x)": r"math\.sin takes 1 number here",
    "round(x, 1)": "round takes 1 number",
    "round(x, ndigits=1)": "round takes 1 number",
    "math.ldexp(x, 3)": r"Write x \* 2\.0 \*\* y",
    "0.0 if math.isnan(x) else x": "Write x != x",
    "1.0 if math.isfinite(x) else x": r"Write abs\(x\) < math\.inf",
    "max(x, 0.0)": "Write x if x > y or x != x else y",
    "math.fsum((x, x))": r"names math\.fsum\. It may name the operands \(x\), abs",
    "math.sin": r"names math\.sin without a call",
    "abs": "names abs",
    "x.real": r"names x\.real",
    "np.sin(x)": r"names np\.sin",
    "x and 2.0": "needs true or false where it has 'x'",
    "(x > 0) * 2.0": "needs a number where it has 'x > 0'",
    "-(x > 0)": "Write x or -x",
    "True * x": "holds True",
    "x * 1j": "holds 1j",
    "'x'": "holds 'x'",
    "x is x": "no arithmetic",
    "x, x": "no arithmetic",
    "[x][0]": "no arithmetic",
    "x & x": "no arithmetic",
    "x @ x": "no arithmetic",
    "(y := x)": "no arithmetic",
    "(lambda y: y)(x)": "names",
    "x +* 2": "is no expression of Python's: invalid syntax",
    "x[": "is no expression of Python's",
}


@pytest.mark.parametrize("form", ["expression", "python", "javascript"])
@pytest.mark.parametrize("text", REFUSED)
def test_what_a_translator_would_misread_is_refused(text, form):
    counts = len(REGISTRY), len(EXPRESSED)
    with pytest.raises(ArgumentError, match=REFUSED[text]):
        declared(float, **{form: text})
    assert (len(REGISTRY), len(EXPRESSED)) == counts


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"expression": 3}, 'Write an expression as text: "2.0'),
    ({"formula": "q x"}, "formula = 'q x' is no expression"),
    ({"formula": "q(x)"}, "formula names q"),
    ({"latex": r"\f{{"}, "latex is "),
    ({"latex": "{0}{1}"}, "latex is "),
    ({"latex": r"\f{{{}}}{}"}, "for each of its 1 operands"),
    ({"latex": 3}, "latex is 3"),
    ({"native": 5, "expression": "x"}, r"native is 5\. Write it as a static method"),
]


@pytest.mark.parametrize(("forms", "message"), OTHERS, ids=range(len(OTHERS)))
def test_other_forms_are_checked(forms, message):
    with pytest.raises(ArgumentError, match=message):
        declared(float, **forms)


@pytest.mark.parametrize("name", ["math", "abs", "round"])
def test_operands_do_not_hide_functions(name):
    space: dict[str, Any] = {}
    exec(f"def forward({name}): return {name}\ndef d(xp, z, {name}): return 1", space)
    body = {"forward": staticmethod(space["forward"]), "expression": name}
    with pytest.raises(ArgumentError, match=f"has an operand {name}"):
        type(
            "own_grad", (elementwise,), {**body, f"d_{name}": staticmethod(space["d"])}
        )


@pytest.mark.parametrize(
    ("text", "f"),
    [
        ("x + 1/0", lambda x: x + np.inf),
        ("x + math.log(0.0)", lambda x: x - np.inf),
        ("x + math.log(-1)", lambda x: np.nan),
        ("x + math.exp(1000.0)", lambda x: x + np.inf),
        ("x * 2.0 ** 2000", lambda x: x * np.inf),
        ("x * 10**400", lambda x: x * np.inf),
        ("x + 0.5 % 0.0", lambda x: np.nan),
        ("x + (-8.0) ** 0.5", lambda x: np.nan),
        ("x * 0.0 ** -1", lambda x: x * np.inf),
        ("x + math.lgamma(0.0)", lambda x: x + np.inf),
        ("x + 1 / 2 + 7 // 2", lambda x: x + 3.5),
        ("x if 1 > 0 else -x", lambda x: x),
        ("x if not 1 > 0 or 0 > 1 else -x", lambda x: -x),
        ("-x if x > 0 and 1 > 0 else x", lambda x: -x if x > 0 else x),
        ("1.0 if x else 2.0", lambda x: 1.0 if x else 2.0),
        ("1.0 if x and x > -2 and x < 2 else 2.0", lambda x: 1.0 if -2 < x < 2 and x
         else 2.0),
        ("3", lambda x: 3.0),
    ],
)  # fmt: skip
def test_constants_and_conditions_are_as_ieee_says(text, f):
    assert_same_everywhere(f, expression=text)


def test_a_function_of_constants_too_is_not_the_one_it_calls():
    declared(lambda x: x * x, expression="math.pow(x, 2.0)")
    assert rule_behind("pow") is None
    assert function_of(EXPRESSED[-1]) == ""
    text = gd.explain(declared(float, expression="math.pow(x, 2.0)"))(3.0)
    assert "operatorname{pow}" in text.to_latex()


# -------------------------------------------------------------- functions in plain text

TWO = 2.0
PAIR = (0.0, 2.0)


def doubled(x):
    return TWO * x


def with_else(x):
    if x > 0.0:  # noqa: SIM108
        y = x + x
    else:
        y = 2.0 * x
    return y


def with_elif(x):
    """Return twice x."""
    if x > 1.0:
        return x + x
    elif x > 0.0:
        return x * 2.0
    else:
        return PAIR[1] * x


def with_nested(x):
    y = x
    if x > 0.0:
        if x > 1.0:
            y = y + 1.0
        y = y + 0.0
    if x > 1.0:
        y = y - 1.0
    return y + x


def with_nested_returns(x):
    if x > 0.0:
        if x > 1.0:
            return doubled(x)
        y = x
    else:
        y: float = x
        y *= 1.0
    return y + x


def with_conditions(x):
    far = x > 1.0 or x < -1.0
    usual = not far
    known = 1.0 if TWO > 1.0 else 0.0
    return (x + x) * known if usual == (not far) else 0.0


def of_test(x):
    return (x > 0.0) != (x > 1.0)


@pytest.mark.parametrize(
    "native", [doubled, with_else, with_elif, with_nested, with_nested_returns,
               with_conditions],
)  # fmt: skip
def test_functions_are_translated_line_by_line(native):
    with np.errstate(all="ignore"):
        assert [native(x) for x in NUMBERS] == pytest.approx(2.0 * NUMBERS, nan_ok=True)
    assert_same_everywhere(
        lambda x: 2.0 * x, expression="2.0 * x", native=staticmethod(native)
    )


def test_conditions_are_numbers_in_results():
    expression = "1.0 if x > 0.0 and not x > 1.0 else 0.0"
    assert_same_everywhere(
        lambda x: float(0 < x <= 1), expression=expression, native=staticmethod(of_test)
    )


def closure(k):
    def inner(x):
        return k * x

    return inner


def executed():
    space: dict[str, Any] = {}
    exec("def f(x): return 2.0 * x", space)
    return space["f"]


def loop(x):
    for _ in range(2):
        x = x + x
    return x


def endless(x):
    while x < 1.0:
        x = x + x
    return x


def default(x, k=2.0):
    return k * x


def numpys(x):
    return np.multiply(x, 2.0)


def no_return(x):
    x = x + x


def half_a_return(x):
    if x > 0.0:
        return x


def pair(x):
    a, b = x, x
    return a + b


def unknown(x):
    return nowhere(x)  # type: ignore[name-defined]  # noqa: F821


def unset(x):
    if x > 0.0:
        later = x
    return later


def chained(x):
    return 1.0 if 0.0 < x < 1.0 else 0.0


def of_an_array(x):
    return NUMBERS[0] * x


def recursive(x):
    return recursive(x)


def through_a_bad_one(x):
    return loop(x)


def ldexp(x):
    return math.ldexp(x, 1)


def plus(x):
    return +x


UNTRANSLATED = {
    closure(2.0): "reads 'k' of the function around it",
    executed(): "cannot be read|not made by def",
    loop: r"has the line 'for _ in range\(2\):'",
    endless: "has the line 'while",
    default: r"takes \(x, k, \.\.\.\), where it is given 1 numbers",
    numpys: r"calls np\.multiply",
    no_return: "may end without a return",
    half_a_return: "may end without a return",
    pair: "Assign to one name",
    unknown: "names nowhere",
    unset: "names later",
    chained: "compares several times",
    of_an_array: "names NUMBERS, which is no number",
    recursive: "calls itself",
    through_a_bad_one: "loop, which own_grad.native calls, has the line",
    ldexp: r"calls math\.ldexp",
    plus: "Write x or -x",
    (lambda x: 2.0 * x): "not made by def|cannot be read",
}


@pytest.mark.parametrize("native", UNTRANSLATED, ids=lambda f: f.__name__)
def test_what_cannot_be_translated_is_refused(native):
    with pytest.raises(ArgumentError, match=UNTRANSLATED[native]):
        declared(float, expression="2.0 * x", native=staticmethod(native))


def test_one_bad_expression_harms_no_other_function():
    with pytest.raises(ArgumentError):
        declared(float, expression="x +* 2")
    for executor in ("vm", "native"):
        assert gd.compile(np.sin, executor=executor)(0.5) == pytest.approx(np.sin(0.5))


def test_a_derivative_that_branches_by_value_has_no_formula():
    class bent_grad(elementwise):
        """z = x where x > 0, else 2 x"""

        @staticmethod
        def forward(x):
            return np.where(np.greater(x, 0.0), x, 2.0 * x)[()]

        @staticmethod
        def d_x(xp, z, x):
            """dz/dx = 1 or 2"""
            return 1.0 if x > 0 else 2.0

    slope = gd.grad(operation(bent_grad))
    assert (slope(1.0), slope(-1.0)) == (1.0, 2.0)
