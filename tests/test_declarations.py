"""Rule classes are checked when they are made: a misspelt derivative is refused."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import scipy.special

import chainrule as gd
from chainrule.errors import ArgumentError, MissingLibraryError, ShapeError
from chainrule.operations_grad.arithmetic import subtraction_grad
from chainrule.rules import REGISTRY, elementwise, general, linear, multilinear, rule
from chainrule.rules import registry as registry_of_rules
from chainrule.rules.forms import check_rule
from chainrule.wrapping import operation
from tests import helpers


def one(xp, z, x):
    return 2.0 * x


def first(xp, z, x, y):
    return y


def second(xp, z, x, y):
    return x


def cotangent(xp, z_grad, x):
    return z_grad


def cotangent_of_two(xp, z_grad, x, y):
    return z_grad


def joined(*operands: Any, axis: int = 0) -> Any:
    return np.stack(operands, axis=axis)


def scaled(x: Any, y: Any, *, factor: float = 1.0) -> Any:
    return factor * x * y


def back(xp, z_grad, z, x):
    return (z_grad,)


def forth(xp, tangents, z, x):
    return tangents[0]


def keyword(xp, z, x, y, *, factor=1.0):
    return factor * y


def other_keyword(xp, z, x, y, *, scale=1.0):
    return scale * x


MISTAKES: dict[str, tuple[type[rule], dict[str, Any], str]] = {
    "another operand's name": (
        elementwise, {"forward": np.square, "d_y": one}, "Name it d_x"),
    "a partial forgotten": (
        elementwise, {"forward": np.multiply, "d_x": first}, "Write d_y, or"),
    "a partial misspelt": (
        elementwise, {"forward": np.multiply, "d_x": first, "d_Y": second}, "d_y"),
    "a prefix misspelt": (
        elementwise, {"forward": np.multiply, "d_x": first, "dy": second}, "'dy'"),
    "no partials": (elementwise, {"forward": np.square}, "has no d_<operand>"),
    "no forward": (elementwise, {"d_x": one}, "has no forward"),
    "forward misspelt": (
        elementwise, {"foward": np.square, "d_x": one}, "Did you mean 'forward'"),
    "domain misspelt": (
        elementwise, {"forward": np.square, "d_x": one, "domian": {}},
        "Did you mean 'domain'"),
    "structural misspelt": (
        elementwise, {"forward": np.square, "d_x": one, "structral": True},
        "Did you mean 'structural'"),
    "conventions misspelt": (
        elementwise, {"forward": np.square, "d_x": one, "convention": ()},
        "Did you mean 'conventions'"),
    "constant_in misspelt": (
        elementwise, {"forward": np.copysign, "d_x": first, "constant": ("y",)},
        "constant"),
    "an unknown domain": (
        elementwise, {"forward": np.square, "d_x": one, "domain": {"w": (0, 1)}},
        "domain names 'w'"),
    "an unknown refusal": (
        elementwise, {"forward": np.square, "d_x": one, "refused": {"w": "Why."}},
        "refused names 'w'"),
    "an unknown constant": (
        elementwise, {"forward": np.square, "d_x": one, "constant_in": ("w",)},
        "constant_in names 'w'"),
    "constant and not": (
        elementwise,
        {"forward": np.multiply, "d_x": first, "d_y": second, "constant_in": ("y",)},
        "Leave one of them away"),
    "a string for a tuple": (
        elementwise,
        {"forward": np.multiply, "d_x": first, "constant_in": "y"},
        r"constant_in = \('y',\)"),
    "z forgotten": (
        elementwise, {"forward": np.multiply, "d_y": one}, "no operand|takes 2"),
    "one operand too few": (
        elementwise, {"forward": np.multiply, "d_x": one}, "takes 2 operands"),
    "one operand too many": (
        elementwise, {"forward": np.square, "d_x": first, "d_y": second}, "takes 1"),
    "operands of two orders": (
        elementwise,
        {"forward": np.multiply, "d_x": first,
         "d_y": lambda xp, z, y, x: x}, "has the operands"),
    "another order than forward's": (
        elementwise,
        {"forward": staticmethod(lambda y, x: y / x), "d_x": first, "d_y": second},
        "Use one order"),
    "different parameters": (
        elementwise, {"forward": scaled, "d_x": keyword, "d_y": other_keyword},
        "let each take the same"),
    "a parameter that forward has not": (
        elementwise, {"forward": np.multiply, "d_x": keyword, "d_y": keyword},
        "'factor', which forward does not"),
    "any number of operands": (
        elementwise, {"forward": joined, "d_x": lambda xp, z, *operands: 1},
        "any number of operands"),
    "another kind's derivative": (
        elementwise, {"forward": np.square, "pullback": back}, "does not read"),
    "not a function": (elementwise, {"forward": np.square, "d_x": 2.0}, "Write it as"),
    "too few parameters": (
        elementwise, {"forward": np.square, "d_x": lambda x: x}, "first 2 parameters"),
    "a transpose misspelt": (
        linear, {"forward": np.conj, "transpose_y": cotangent}, "Name it transpose_x"),
    "a transpose forgotten": (
        multilinear, {"forward": np.multiply, "transpose_x": cotangent_of_two},
        "Write transpose_y, or"),
    "an accumulation misspelt": (
        linear,
        {"forward": np.conj, "transpose_x": cotangent,
         "accumulate_y": lambda buffer, z_grad: None},
        "Name it accumulate_x"),
    "an affine parameter misspelt": (
        linear, {"forward": np.conj, "transpose_x": cotangent,
                 "zeroed": {"inital": 0.0}}, "zeroed names 'inital'"),
    "a partial of a linear rule": (
        linear, {"forward": np.conj, "d_x": one}, "does not read"),
    "no pullback": (general, {"forward": np.conj, "pushforward": forth}, "no pullback"),
    "a pullback misspelt": (
        general, {"forward": np.conj, "pull_back": back}, "Did you mean 'pullback'"),
    "a pushforward misspelt": (
        general, {"forward": np.conj, "pullback": back, "pushfoward": forth},
        "Did you mean 'pushforward'"),
    "a pushforward of others": (
        general,
        {"forward": np.conj, "pullback": back,
         "pushforward": lambda xp, tangents, z, x, y: None},
        r"where pullback has \(x\)"),
    "a domain of a general rule": (
        general, {"forward": np.conj, "pullback": back, "domain": {}}, "does not read"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_rule_is_refused_when_the_class_is_made(mistake):
    kind, body, text = MISTAKES[mistake]
    before = list(REGISTRY)
    body = {k: staticmethod(v) if k[:2] in ("d_", "tr", "pu", "ac") and callable(v)
            else v for k, v in body.items()}  # fmt: skip
    with pytest.raises(ArgumentError, match=text) as raised:
        type("mistaken_grad", (kind,), body)
    assert "mistaken_grad" in str(raised.value)
    assert before == REGISTRY


@pytest.fixture
def registry():
    """The registry, as it was before the test."""
    before = list(REGISTRY)
    yield REGISTRY
    REGISTRY[:] = before


def test_an_operand_is_declared_constant(registry):
    class signed_grad(elementwise):
        """z = |x| with the sign of y"""

        forward = np.copysign
        constant_in = ("y",)

        @staticmethod
        def d_x(xp, z, x, y):
            return xp.sign(x) * xp.copysign(1.0, y)

    signed = operation(signed_grad)
    assert gd.grad(signed, (0, 1))(2.0, -3.0) == (-1.0, 0.0)


def test_names_with_an_underscore_are_a_rule_s_own(registry):
    class helped_grad(elementwise):
        """z = expit(x)"""

        forward = scipy.special.expit
        _table = (1.0,)

        @staticmethod
        def d_x(xp, z, x):
            return z * (1 - z)

    assert helped_grad.operand_names == ("x",)


def test_a_rule_takes_the_derivatives_of_the_rule_it_extends(registry):
    class doubled_grad(elementwise):
        """z = x y"""

        forward = np.multiply
        d_x = staticmethod(first)
        d_y = staticmethod(second)

    class again_grad(doubled_grad):
        """z = x y"""

    assert again_grad.parts.keys() == {0, 1}
    with pytest.raises(ArgumentError, match="no operand"):
        type("mistaken_grad", (doubled_grad,), {"d_w": staticmethod(first)})


def test_class_methods_and_library_forwards_are_read(registry):
    class scaled_grad(general):
        """z = 2 x"""

        forward = functools.partial(np.multiply, 2.0)

        @classmethod
        def pullback(cls, xp, z_grad, z, x):
            return (2 * z_grad,)

        @classmethod
        def pushforward(cls, xp, tangents, z, x):
            return 2 * tangents[0]

    assert scaled_grad.operand_names == ("x",)
    assert gd.grad(operation(scaled_grad))(1.0) == 2.0


def test_a_cotangent_may_be_a_function_that_is_called_where_it_is_wanted(registry):
    called = []

    class product_grad(general):
        """z = x y"""

        @staticmethod
        def forward(x, y):
            return x * y

        @staticmethod
        def pullback(xp, z_grad, z, x, y):
            def x_grad():
                called.append("x")
                return z_grad * y

            def y_grad():
                called.append("y")
                return z_grad * x

            return x_grad, y_grad

        @staticmethod
        def pushforward(xp, tangents, z, x, y):
            x_dot, y_dot = tangents
            return (0 if x_dot is None else x_dot * y) + (
                0 if y_dot is None else x * y_dot
            )

    product = operation(product_grad)
    x, y = np.array([2.0, 3.0]), np.array([5.0, 7.0])
    assert gd.grad(lambda x: np.sum(product(x, y)))(x).tolist() == [5.0, 7.0]
    assert called == ["x"]
    gd.check_gradients(product, (x, y), order=2)
    assert "y" in called


def forgets(xp, z_grad, z, x, y):
    return (z_grad * y,)


def takes_apart(xp, z_grad, z, x):
    return 2.0 * z_grad


def forgets_together(xp, z_grad, *operands):
    return [z_grad] * (len(operands) - 1)


INCOMPLETE = {
    "a forgotten operand": (
        general, {"forward": np.multiply, "pullback": forgets}, 2, "2 cotangents.*1"),
    "an array for a tuple": (
        general, {"forward": np.conj, "pullback": takes_apart}, 1, "1 cotangents.*array"
    ),
    "all together": (
        linear, {"forward": joined, "transposes": forgets_together}, 2, "2 cotangents"),
}  # fmt: skip


@pytest.mark.parametrize("name", INCOMPLETE)
def test_a_pullback_returns_a_cotangent_for_each_operand(name, registry):
    kind, body, count, text = INCOMPLETE[name]
    static = {k: v if k == "forward" else staticmethod(v) for k, v in body.items()}
    if name == "all together":
        static["forward"] = staticmethod(joined)
    made = type("incomplete_grad", (kind,), static)
    f = operation(made)

    def total(x):
        operands = [x] * count
        return np.sum(f(operands) if made.variadic else f(*operands))

    for derivative in (gd.grad(total), gd.hessian(total)):
        with pytest.raises(ShapeError, match=text):
            derivative(np.ones(3))


def nothing(xp, z_grad, x, y):
    return z_grad if xp is None else None


@pytest.mark.parametrize("wrap", [lambda f: f, gd.compile])
@pytest.mark.parametrize("x", [2.0, np.ones(3), np.float32(2.0)])
def test_a_transpose_that_returns_none_is_refused(x, wrap, registry):
    class forgetful_grad(multilinear):
        forward = staticmethod(np.multiply)
        transpose_x = staticmethod(cotangent_of_two)
        transpose_y = staticmethod(nothing)

    f = operation(forgetful_grad)

    def total(y):
        return np.sum(f(3.0 * y, y))

    for derivative in (gd.grad(total), gd.grad(gd.grad(total))):
        with pytest.raises(ArgumentError, match="transpose_y returned None"):
            wrap(derivative)(x)


def partial_or_none(xp, z, x, y):
    return z if xp is None else None


@pytest.mark.parametrize("wrap", [lambda f: f, gd.compile])
@pytest.mark.parametrize("x", [2.0, np.ones(3), np.float32(2.0)])
def test_a_partial_that_returns_none_is_named(x, wrap, registry):
    class forgetful_grad(elementwise):
        forward = staticmethod(np.multiply)
        d_x = staticmethod(first)
        d_y = staticmethod(partial_or_none)

    f = operation(forgetful_grad)

    def total(y):
        return np.sum(f(3.0 * y, y))

    def moved(y):
        return gd.jvp(total, (y,), (y,))[1]

    for derivative in (gd.grad(total), gd.grad(gd.grad(total)), moved, gd.grad(moved)):
        with pytest.raises(
            ArgumentError, match=r"d_y returned None\. Let it return the d"
        ):
            wrap(derivative)(x)


def no_return(xp, z, x):
    2.0 * x


def no_pushforward(xp, tangents, z, x):
    if tangents[0] is not None:
        tangents[0] * 2.0
    return None


def always_raises(xp, tangents, z, x):
    raise NotImplementedError


@pytest.mark.parametrize(
    ("kind", "name", "function"),
    [(elementwise, "d_x", no_return), (general, "pushforward", no_pushforward),
     (general, "pullback", no_pushforward), (linear, "transpose_x", no_return),
     (elementwise, "forward", lambda x: None)],
)  # fmt: skip
def test_a_forgotten_return_is_refused(kind, name, function, registry):
    known = {
        elementwise: {"d_x": one},
        linear: {"transpose_x": cotangent},
        general: {"pullback": back, "pushforward": always_raises},
    }[kind]
    body = {"forward": np.square, **known, name: function}
    body = {k: f if isinstance(f, np.ufunc) else staticmethod(f)
            for k, f in body.items()}  # fmt: skip
    with pytest.raises(ArgumentError, match=rf"{name} returns nothing\. Write return"):
        type("forgetful_grad", (kind,), body)


@pytest.mark.parametrize(
    "made", [lambda x: [2.0 * v for v in np.atleast_1d(x)], str,
             lambda x: {"x": x}, lambda x: np.array(["a"]),
             lambda x: np.array([None], object)],
)  # fmt: skip
@pytest.mark.parametrize("x", [2.0, np.ones(3)], ids=["float", "array"])
def test_a_result_that_is_no_number_is_refused(x, made, registry):
    class other_grad(elementwise):
        forward = staticmethod(made)
        d_x = staticmethod(one)

    f = operation(other_grad)
    with pytest.raises(ArgumentError, match=r"other_grad\.forward returned "):
        gd.grad(lambda x: np.sum(f(x)))(x)


def test_a_function_of_objects_has_its_derivative(registry):
    class cubed_grad(elementwise):
        forward = np.frompyfunc(lambda x: x**3, 1, 1)

        @staticmethod
        def d_x(xp, z, x):
            return 3.0 * x * x

    f = operation(cubed_grad)
    assert f.__name__ == "cubed"
    x = np.array([1.0, 2.0])
    slope = gd.grad(lambda x: np.sum(f(x)))(x)
    np.testing.assert_array_equal(slope, [3.0, 12.0])
    np.testing.assert_array_equal(gd.jvp(f, (x,), (x,))[1], [3.0, 24.0])
    assert gd.grad(f)(2.0) == 12.0


# -------------------------------------------------------------------- other attributes


def total(x, *, axis=None):
    return np.add.reduce(np.asarray(x), axis=axis)


def spread(xp, z_grad, x, *, axis=None):
    return z_grad + 0.0 * x


ATTRIBUTES = {
    "forward": ["", "scipy.special.erf", "scipy:special.erf", "a:b:c", ":f", "./x:f"],
    "also": ["scipy.special:erf", ("scipy.special.erf",)],
    "axes": ["axis", ("axes",), 0],
    "reduces": ["add", np.sin],
    "accumulates": ["add", np.sin],
    "signature": ["n->", "(n)->()->", 3, "(n"],
    "contracts": ["x", True],
    "undoes": ["exp"],
    "flattens": ["no"],
    "averages": [1],
    "views": ["yes"],
    "moves": [None],
    "primitive": [1],
    "operator": ["addd", 3],
    "outputs": [0, "2", True],
    "structural": ["yes"],
    "dtypes": ["float64", ("float16",)],
    "remedy": [3],
    "untested": [None],
    "cases": [3],
    "refused": [{"x": 3}, ("x",)],
}


@pytest.mark.parametrize(
    ("name", "value"), [(k, v) for k, values in ATTRIBUTES.items() for v in values]
)
def test_attributes_are_of_their_types(name, value):
    known = {"forward": staticmethod(total), "transpose_x": staticmethod(spread)}
    before = list(REGISTRY)
    with pytest.raises(ArgumentError, match=r"mistaken_grad\.\w+ is .*\. Write "):
        type("mistaken_grad", (linear,), {**known, name: value})
    assert before == REGISTRY


@pytest.mark.parametrize(
    ("name", "value"),
    [("domain", {"x": 1}), ("domain", {"x": (2.0, 1.0)}), ("domain", (0.0, 1.0)),
     ("inline", 0), ("conventions", ((1, 2, 3),)),
     ("conventions", (((0.0, 0.0), (1,)),)),
     ("conventions", 3)],
)  # fmt: skip
def test_attributes_of_elementwise_rules_are_of_their_types(name, value):
    body = {"forward": np.square, "d_x": staticmethod(one), name: value}
    with pytest.raises(ArgumentError, match=rf"mistaken_grad\.{name} is .*\. Write "):
        type("mistaken_grad", (elementwise,), body)


@pytest.mark.parametrize(
    "name", "z backward plans parts forward_name structural_for pull push".split()
)
def test_what_a_kind_of_rule_makes_is_not_overwritten(name):
    body = {"forward": np.square, "d_x": staticmethod(one), name: 3}
    with pytest.raises(ArgumentError, match=f"sets '{name}', which its kind of rule"):
        type("mistaken_grad", (elementwise,), body)


assert helpers.OF_SCIPY  # so that they are in the registry


@pytest.mark.parametrize(
    "r", [r for r in dict.fromkeys([*REGISTRY, *registry_of_rules._RULES.values()])
          if r.__module__.startswith("chainrule.")],
    ids=lambda r: r.__name__,
)  # fmt: skip
def test_the_library_keeps_to_it(r):
    check_rule(r, list(r._derivatives()))


def test_the_library_is_checked_as_programs_are(monkeypatch):
    monkeypatch.setattr(subtraction_grad, "d_z", one, raising=False)
    with pytest.raises(ArgumentError, match="d_z is the derivative of no operand"):
        check_rule(subtraction_grad, list(subtraction_grad._derivatives()))


def test_a_function_that_a_library_has_not_is_named(registry):
    class unknown_grad(elementwise):
        forward = "scipy.special:of_a_declaration"
        d_x = staticmethod(one)

    f = operation(unknown_grad)
    with pytest.raises(
        MissingLibraryError, match=r"scipy\.special has no function of_a_declaration"
    ):
        gd.grad(f)(1.0)


def test_a_derivative_without_operands_says_how():
    body = {"forward": np.square, "d_x": staticmethod(lambda xp, z: 1.0)}
    with pytest.raises(ArgumentError, match=r"d_x has no operand.*d_x\(xp, z, x\)"):
        type("mistaken_grad", (elementwise,), body)
