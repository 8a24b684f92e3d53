"""What functions read from outside: by their module's names, and by names bound anew.

A function that is run again in a sweep reads what it read when it was called.
"""

from __future__ import annotations

import types

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from chainrule.scipy import integrate, optimize
from chainrule.scipy.sparse import linalg

A = 2.0
CALLS = 0
HELD = {"a": [2.0]}
OTHER = types.ModuleType("other")


class Rates:
    a = 2.0

    def step(self, x):
        return np.sign(x - A)

    def run(self, x):
        return self.step(x)


def squared(x):
    return x * x - 2.0 * A


def squared_inside(x):
    return squared(x)


def squared_again(x, n=2):
    return squared_again(x, n - 1) if n else x * x - 2.0 * A


def squared_held(x):
    return x * x - 2.0 * HELD["a"][0]


def averaged(x):
    return 0.5 * (x + A / x)


def decayed(t, y):
    return -A * y


def reading(run):
    """Return a function of what the module's names are bound to while it runs."""

    def f(a):
        global A
        before = A
        A, HELD["a"], Rates.a, OTHER.a = a, [a], a, a
        try:
            return run()
        finally:
            A, HELD["a"], Rates.a, OTHER.a = before, [before], before, before

    return f


def found_by_newton(f, x):
    for _ in range(30):
        x = gd.value(f(x))
    return x


def newton_pullback(bar, z, f, x):
    return gd.closure_vjp(f, z)[1](bar / (1.0 - gd.vjp(f, z)[1](1.0)[0])), None


fixed = gd.custom_operation(found_by_newton, newton_pullback)
BY_NAME = {
    "brentq": lambda: optimize.brentq(squared, 0.1, 5.0),
    "called inside": lambda: optimize.brentq(squared_inside, 0.1, 5.0),
    "recursion": lambda: optimize.brentq(squared_again, 0.1, 5.0),
    "container": lambda: optimize.root_scalar(squared_held, bracket=(0.1, 5.0)).root,
    "fsolve": lambda: optimize.fsolve(squared, 1.0)[0],
    "implicit": gd.implicit(lambda: np.sqrt(2.0 * gd.value(A)), squared),
    "custom": lambda: fixed(averaged, 1.0) * np.sqrt(2.0),
    "checkpoint": lambda: gd.checkpoint(squared)(1.0) * A,
    "integral": lambda: integrate.quad(lambda x: 1.5 * x * x * A, 0.0, 1.0)[0] / A**0.5,
    "adjoint": lambda: integrate.solve_ivp(
        decayed, (0.0, 1.0), [1.0], derivative="adjoint", rtol=1e-9, atol=1e-9
    ).y[0, -1],
}


@pytest.mark.parametrize("case", BY_NAME)
def test_names_of_the_module_hold_nodes(case):
    f = reading(BY_NAME[case])
    h = 1e-3
    near = [f(2.0 + k * h) for k in (1, -1, 2, -2)]
    expected = (8 * (near[0] - near[1]) - (near[2] - near[3])) / (12 * h)
    assert gd.grad(f)(2.0) == pytest.approx(expected, rel=1e-6)
    assert gd.jvp(f, (2.0,), (1.0,))[1] == pytest.approx(expected, rel=1e-6)
    second = (gd.grad(f)(2.0 + h) - gd.grad(f)(2.0 - h)) / (2 * h)
    assert gd.grad(gd.grad(f))(2.0) == pytest.approx(second, rel=1e-4, abs=1e-6)


def test_compiled_the_solver_reads_the_names_of_the_module():
    f = gd.compile(gd.grad(reading(BY_NAME["brentq"])))
    assert f(2.0) == pytest.approx(0.5)
    assert f(4.5) == pytest.approx(1.0 / 3.0)


def step(x):
    return np.sign(x - A)


def step_inside(x):
    return step(x)


def step_of_a_class(x):
    return np.sign(x - Rates.a)


def step_of_a_module(x):
    return np.sign(x - OTHER.a)


def step_that_counts(x):
    global CALLS  # noqa: PLW0603
    CALLS += 1
    return np.sign(x - A)


STEPS = [step, step_inside, step_of_a_class, step_of_a_module, step_that_counts]


@pytest.mark.parametrize("f", [*STEPS, Rates().run], ids=lambda f: f.__name__)
def test_a_step_at_a_name_of_the_module_has_no_derivative(f):
    root = reading(lambda: optimize.brentq(f, 0.0, 5.0))
    assert root(2.0) == pytest.approx(2.0)
    with pytest.raises(ArgumentError, match="piecewise constant"):
        gd.grad(root)(2.0)


def test_functions_that_assign_to_their_module_still_do():
    before = CALLS
    with pytest.raises(ArgumentError):
        gd.grad(reading(lambda: optimize.brentq(step_that_counts, 0.0, 5.0)))(2.0)
    assert before < CALLS


@pytest.mark.parametrize(
    "f", [lambda x: 0.5 * (x + Rates.a / x), lambda x: 0.5 * (x + OTHER.a / x)]
)
def test_a_custom_operation_refuses_what_it_cannot_put_elsewhere(f):
    with pytest.raises(ArgumentError, match=r"reads node\(2.0\).*close over the node"):
        gd.grad(reading(lambda: fixed(f, 1.0)))(2.0)


def test_a_name_that_is_not_read_gives_a_plain_root():
    assert not isinstance(
        optimize.brentq(lambda x: x - gd.value(1.0), 0.0, 5.0), gd.node
    )


IN_LOOPS = {
    "brentq": lambda a: optimize.brentq(lambda x: x * x - a(), 0.1, 5.0),
    "root": lambda a: optimize.root(lambda x: x * x - a(), np.ones(1)).x[0],
    "minimum": lambda a: optimize.minimize(lambda x: (x[0] - a()) ** 2, np.ones(1)).x[
        0
    ],
    "constraint": lambda a: optimize.minimize(
        lambda x: np.sum(x**2),
        np.array([1.0, 0.5]),
        constraints={"type": "eq", "fun": lambda x: x[0] + 2.0 * x[1] - a()},
    ).x[0],
    "squares": lambda a: optimize.least_squares(lambda x: x - a() ** 2, np.ones(1)).x[
        0
    ],
    "fixed point": lambda a: optimize.fixed_point(lambda x: 0.5 * (x + a() / x), 1.0),
    "implicit": lambda a: gd.implicit(
        lambda: gd.value(a()) ** 2, lambda x: x - a() ** 2
    )(),
    "checkpoint": lambda a: gd.checkpoint(lambda x: x * a() ** 2)(1.5),
    "quad": lambda a: integrate.quad(lambda x: x * a() ** 2, 0.0, 1.0)[0],
    "dblquad": lambda a: integrate.dblquad(
        lambda y, x: a() * x * y, 0.0, 1.0, 0.0, lambda x: a() * x
    )[0],
    "linear": lambda a: gd.linear_solve(
        lambda v: a() * v + 0.1 * v[::-1], np.array([1.0, 2.0])
    )[0],
    "cg": lambda a: linalg.cg(
        lambda v: a() * v + 0.1 * v[::-1], np.array([1.0, 2.0]), rtol=1e-12
    )[0][0],
    "gmres": lambda a: linalg.gmres(
        linalg.LinearOperator((2, 2), matvec=lambda v: a() * v + 0.1 * v[::-1]),
        np.array([1.0, 2.0]),
        rtol=1e-12,
    )[0][0],
    "event": lambda a: integrate.solve_ivp(
        lambda t, y: -y, (0.0, 3.0), [1.0], events=lambda t, y: y[0] - 0.1 * a()
    ).t_events[0][0],
}


@pytest.mark.parametrize("case", IN_LOOPS)
def test_a_name_that_a_loop_binds_anew_is_what_it_was(case):
    solve = IN_LOOPS[case]
    given = [gd.node(2.0), gd.node(3.0)]
    total = 0.0
    for a in given:
        total = total + solve(lambda: a)  # noqa: B023
    total.backward()
    for a in given:
        alone = gd.grad(lambda a: solve(lambda: a))(a.value)
        assert a.grad == pytest.approx(alone, rel=1e-9)
        assert alone != 0.0
