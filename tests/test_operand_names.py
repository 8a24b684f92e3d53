"""Operands may have the names of what generated steps are written with."""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np
import pytest

import chainrule as gd
from chainrule.rules import elementwise
from chainrule.rules.namespace import NAMED
from chainrule.rules.registry import EXPRESSED, REGISTRY
from chainrule.steps.local_names import local_names
from chainrule.wrapping import operation

NAMES = (
    ("a0", "a1"), ("a1", "a0"), ("c", "a"), ("z", "z_"), ("z_grad", "bars"),
    ("sin", "cos"), ("x_dot", "x"), ("x", "x_"), ("d_y", "y"), ("step", "total"),
    ("np", "errors"), ("xp_", "fit"), ("operands", "vertices"), ("x0", "v0"),
    ("a0_", "_0_a0"), ("multiply", "pi"), ("e", "forward"), ("dots", "product"),
    ("vertex", "parameters"),
)  # fmt: skip
DERIVATIVES = """
def forward({p}, {q}):
    return numpy.sin({p}) * {q}
def d_p(xp, _z, {p}, {q}):
    return xp.cos({p}) * {q}
def d_q(xp, _z, {p}, {q}):
    return xp.sin({p})
"""


@pytest.fixture(params=NAMES, ids="-".join)
def names(request):
    counts = len(REGISTRY), len(EXPRESSED)
    yield request.param
    del REGISTRY[counts[0] :], EXPRESSED[counts[1] :]
    NAMED.pop("two_names", None)
    sys.modules.pop("library_of_two_names", None)


def rule_with(names: tuple[str, str], *, by_name: bool) -> Any:
    """Return a rule of ``sin(p) * q`` whose operands have these names."""
    p, q = names
    space: dict[str, Any] = {"numpy": np}
    exec(DERIVATIVES.format(p=p, q=q), space)
    forward: Any = staticmethod(space["forward"])
    known: dict[str, Any] = {}
    if by_name:
        library: Any = types.ModuleType("library_of_two_names")
        library.two_names = space["forward"]
        sys.modules[library.__name__] = library
        forward = "library_of_two_names:two_names"
        known["expression"] = f"math.sin({p}) * {q}"
    body = {"forward": forward, f"d_{p}": staticmethod(space["d_p"])}
    body |= {f"d_{q}": staticmethod(space["d_q"]), "__doc__": "z = sin(p) q", **known}
    return type("of_names_grad", (elementwise,), body)


@pytest.mark.parametrize("by_name", [False, True], ids=["function", "by name"])
def test_any_names_of_operands_give_the_same_derivatives(names, by_name):
    f = operation(rule_with(names, by_name=by_name))
    p, q = 0.5, 2.0
    sine, cosine = np.sin(p), np.cos(p)
    np.testing.assert_allclose(gd.grad(f, (0, 1))(p, q), (cosine * q, sine))
    hessian = gd.hessian(f, (0, 1))(p, q)
    np.testing.assert_allclose(hessian, ((-sine * q, cosine), (cosine, 0.0)))
    np.testing.assert_allclose(gd.hessian(lambda x: f(x, x))(p), 2 * cosine - p * sine)
    xs = np.array([p, p])
    for ys in (np.array([q, q]), q):
        total = gd.grad(lambda x, y: np.sum(f(x, y)), (0, 1))(xs, ys)
        np.testing.assert_allclose(total[0], cosine * q * np.ones(2))
        np.testing.assert_allclose(np.sum(total[1]), 2 * sine)
    second = gd.hessian(lambda x: np.sum(f(x, xs * 4)))(xs)
    np.testing.assert_allclose(second, -sine * q * np.eye(2), atol=1e-15)
    moved = gd.jvp(f, (xs, xs * 4), (xs, xs))[1]
    np.testing.assert_allclose(moved, (cosine * q + sine) * xs)
    assert gd.jvp(f, (p, q), (1.0, 0.0))[1] == pytest.approx(cosine * q)
    compiled = gd.compile(gd.grad(f, (0, 1)), executor="native")
    np.testing.assert_allclose(compiled(p, q), (cosine * q, sine))


def test_the_readable_form_reads_its_operands(names):
    x, y = gd.node(0.5), gd.node(2.0)
    own = rule_with(names, by_name=False)(x, y)
    own.backward(1.0)
    assert own.z == pytest.approx(np.sin(0.5) * 2.0)
    assert own.vertices == [x, y]
    assert (x.grad, y.grad) == pytest.approx((np.cos(0.5) * 2.0, np.sin(0.5)))


def test_usual_names_stay_in_the_text():
    class usual_grad(elementwise):
        """z = x y"""

        forward = np.multiply

        @staticmethod
        def d_left(xp, z, left, b):
            """dz/dleft = b"""
            return b

        @staticmethod
        def d_b(xp, z, left, b):
            """dz/db = left"""
            return left

    REGISTRY.pop()
    assert local_names(usual_grad) == ("left", "b")
