"""SciPy's own solvers on nodes: none returns a plain number without a word."""

import numpy as np
import pytest
import scipy.optimize as plain

import chainrule as gd
from chainrule.errors import EscapeError

T = np.linspace(0.0, 1.0, 7)


def parabola(x, a):
    return (x - a) ** 2


def cube(x, a):
    return x**3 - a


def slope(x, a):
    return 3.0 * x**2


SOLVERS = {
    "golden": lambda a: plain.golden(parabola, (a,)),
    "brent": lambda a: plain.brent(parabola, (a,)),
    "fminbound": lambda a: plain.fminbound(parabola, 0.0, 9.0, (a,)),
    "minimize_scalar": lambda a: plain.minimize_scalar(parabola, args=(a,)).x,
    "fmin_powell": lambda a: plain.fmin_powell(
        lambda x: abs(x[0] - a), [0.3], disp=False
    ),
    "direct": lambda a: plain.direct(lambda x: parabola(x[0], a), [(0, 9)]).x[0],
    "newton": lambda a: plain.newton(cube, 1.0, slope, (a,)),
    "root_scalar": lambda a: plain.root_scalar(cube, (a,), x0=1.0, x1=1.5).root,
    "fsolve": lambda a: plain.fsolve(cube, 1.0, (a,))[0],
    "root": lambda a: plain.root(lambda x: [cube(x[0], a)], [1.0]).x[0],
    "leastsq": lambda a: plain.leastsq(lambda x: x - a * T, np.ones(7))[0][0],
    "curve_fit": lambda a: plain.curve_fit(lambda t, p: a * p * t, T, T)[0][0],
}
OPERANDS = {
    "a start that is a root": lambda a: plain.newton(cube, 2.0, slope, (a,)),
    "starts": lambda a: plain.newton(cube, np.array([1.0, 2.0]), slope, (a,)),
    "a list": lambda a: plain.fsolve(lambda x: [x[0] - a, x[1]], [1.0, 1.0])[0],
    "errors": lambda a: plain.curve_fit(lambda t, p: p * t, T, T, sigma=a + T)[0][0],
}


@pytest.mark.parametrize("change", [gd.grad, lambda f: gd.compile(gd.grad(f))])
@pytest.mark.parametrize("name", SOLVERS)
def test_plain_solvers_name_the_node(name, change):
    with pytest.raises((EscapeError, ValueError)) as caught:  # SciPy's own, with a note
        change(SOLVERS[name])(8.0)
    said = [str(caught.value), *getattr(caught.value, "__notes__", [])]
    assert any(f"chainrule.scipy.optimize.{name}(" in text for text in said)


@pytest.mark.parametrize("name", OPERANDS)
def test_plain_solvers_name_whatever_they_were_given(name):
    with pytest.raises(EscapeError, match="knows plain numbers only, and met node"):
        gd.grad(OPERANDS[name])(8.0)


def test_other_functions_ask_the_same():
    def f(x):
        assert not np.isnan(x)
        assert np.isclose(x, 8.0)
        assert x == 8.0
        return x * np.ones(np.shape(x))

    def newton(x):
        return f(x)

    assert gd.grad(newton)(8.0) == 1.0
