"""``autograd.test_util``: derivatives against differences, along random directions."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.compat.autograd.core import make_jvp, make_vjp, vspace
from chainrule.compat.autograd.wrap_util import get_name, unary_to_nary

Function = Callable[..., Any]
TOL = 1e-6
RTOL = 1e-6
EPS = 1e-6


def scalar_close(a: Any, b: Any) -> bool:
    """Tell whether two numbers agree, absolutely or relatively."""
    return abs(a - b) < TOL or abs(a - b) / abs(a + b) < RTOL


def make_numerical_jvp(f: Function, x: Any) -> Function:
    """Return the tangent of ``f`` by a central difference."""
    x_space, z_space = vspace(x), vspace(f(x))

    def jvp(v: Any) -> Any:
        after, before = (
            f(x_space.add(x, x_space.scalar_mul(v, half)))
            for half in (EPS / 2, -EPS / 2)
        )
        change = z_space.add(after, z_space.scalar_mul(before, -1.0))
        return z_space.scalar_mul(change, 1.0 / EPS)

    return jvp


def check_vjp(f: Function, x: Any) -> None:
    """Raise unless <z_bar, J v> is <J.T z_bar, v>, with J v by differences."""
    vjp, z = make_vjp(f, x)
    x_space, z_space = vspace(x), vspace(z)
    v, bar = x_space.randn(), z_space.randn()
    pulled = x_space.covector(vjp(z_space.covector(bar)))
    _check_space(pulled, x_space)
    exact = x_space.inner_prod(v, pulled)
    numeric = z_space.inner_prod(bar, make_numerical_jvp(f, x)(v))
    if not scalar_close(numeric, exact):
        raise AssertionError(
            f"Derivative (VJP) check of {get_name(f)} failed with arg {x}:\n"
            f"analytic: {exact}\nnumeric:  {numeric}"
        )


def check_jvp(f: Function, x: Any) -> None:
    """Raise unless J v is what differences give."""
    v = vspace(x).randn()
    check_equivalent(make_jvp(f, x)(v)[1], make_numerical_jvp(f, x)(v))


def check_equivalent(x: Any, y: Any) -> None:
    """Raise unless two values are of one space, and alike along a random direction."""
    x_space, y_space = vspace(x), vspace(y)
    _check_space(x, y_space)
    v = x_space.randn()
    left, right = x_space.inner_prod(x, v), x_space.inner_prod(y, v)
    if not scalar_close(left, right):
        raise AssertionError(f"Value mismatch:\nx: {x}\ny: {y}")


def _check_space(x: Any, space: Any) -> None:
    if vspace(x) != space:
        raise AssertionError(f"VSpace mismatch:\nx: {vspace(x)}\ny: {space}")


@unary_to_nary
def check_grads(
    f: Function, x: Any, modes: Sequence[str] = ("fwd", "rev"), order: int = 2
) -> None:
    """Raise unless the derivatives of ``f`` up to an order agree with differences."""
    if not set(modes) <= {"fwd", "rev"}:
        raise AssertionError(f"modes are fwd and rev; received {modes}")
    if "fwd" in modes:
        check_jvp(f, x)
        if order > 1:

            def pushed(x: Any, v: Any) -> Any:
                return make_jvp(f, x)(v)[1]

            pushed.__name__ = f"jvp_{get_name(f)}"
            v = vspace(x).randn()
            check_grads(pushed, (0, 1), modes, order=order - 1)(x, v)
    if "rev" in modes:
        check_vjp(f, x)
        if order > 1:

            def pulled(x: Any, v: Any) -> Any:
                return make_vjp(f, x)[0](v)

            pulled.__name__ = f"vjp_{get_name(f)}"
            v = vspace(f(x)).randn()
            check_grads(pulled, (0, 1), modes, order=order - 1)(x, v)


def combo_check(fun: Function, *args: Any, **kwargs: Any) -> Function:
    """Return a check of ``fun`` on all combinations of arguments and keywords."""
    check = check_grads(fun, *args, **kwargs)

    def checked(*choices: Any, **keywords: Any) -> None:
        named = [[(k, v) for v in values] for k, values in keywords.items()]
        for given in itertools.product(*choices):
            for pairs in itertools.product(*named):
                check(*given, **dict(pairs))

    return checked
