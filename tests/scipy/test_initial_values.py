"""Initial value problems: SciPy's solvers, and derivatives through them."""

from __future__ import annotations

import functools
import importlib
import tracemalloc
from dataclasses import dataclass

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, ShapeError, SolutionWarning

theirs = pytest.importorskip("scipy.integrate")
ours = importlib.import_module("chainrule.scipy.integrate")
expm = importlib.import_module("chainrule.scipy.linalg").expm

A = np.array([[-0.1, 1.0], [-1.0, -0.3]])
Y0 = np.array([1.0, 0.5])
TIGHT = {"rtol": 1e-10, "atol": 1e-12}
EXPLICIT = ["RK23", "RK45", "DOP853"]
IMPLICIT = ["Radau", "BDF"]
SLOW_TO_COMPILE = [
    pytest.param(m, marks=() if m == "RK45" else pytest.mark.slow)
    for m in (*EXPLICIT, *IMPLICIT)
]
EXACT = {
    "RK23": 2e-8,
    "RK45": 1e-8,
    "DOP853": 1e-8,
    "Radau": 1e-8,
    "BDF": 1e-7,
    "LSODA": 1e-7,
}


def hunters(t, y, p):
    return [p[0] * y[0] - p[1] * y[0] * y[1], p[2] * y[0] * y[1] - p[3] * y[1]]


P = np.array([1.1, 0.9, 0.8, 1.0])


def slope_of(f, x, v, h=1e-2):
    """Return the derivative of f at x along v, by central differences of order 4."""
    at = [f(x + k * h * v) for k in (-2, -1, 1, 2)]
    return (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h)


def same(found, known, rtol=0.0):
    for name in ("t", "y", "t_events", "y_events"):
        x, y = getattr(found, name), getattr(known, name)
        if y is None:
            assert x is None
        elif isinstance(y, np.ndarray):
            np.testing.assert_allclose(x, y, rtol=rtol)
        else:
            for a, b in zip(x, y, strict=True):
                np.testing.assert_allclose(a, b, rtol=rtol)
    for name in ("nfev", "njev", "nlu", "status", "message", "success"):
        assert getattr(found, name) == getattr(known, name)


def jacobian(t, y, p):
    return np.array(
        [[p[0] - p[1] * y[1], -p[1] * y[0]], [p[2] * y[1], p[2] * y[0] - p[3]]]
    )


@pytest.mark.parametrize("method", [*EXPLICIT, *IMPLICIT, "LSODA"])
def test_plain_arguments_give_what_scipy_gives(method):
    def low(t, y):
        return y[0] - 0.8

    def late(t, y, p):
        return t - 4.5

    late.terminal = True
    calls = [
        {"y0": [1, 2], "t_span": (0, 3)},
        {"y0": Y0, "t_span": (0, 3), "t_eval": [0, 1, 2], "rtol": 1e-6},
        {"y0": Y0, "t_span": (5.0, 1.0), "first_step": 0.01, "max_step": 0.3},
        {"y0": Y0, "t_span": (0, 3), "dense_output": True},
        {"y0": Y0, "t_span": (0, 9), "events": lambda t, y, p: low(t, y)},
        {"y0": Y0, "t_span": (0, 9), "events": [late], "t_eval": np.arange(9.0)},
        {"y0": Y0, "t_span": (2.0, 2.0)},
    ]
    for call in calls:
        call = {"fun": hunters, "method": method, "args": (P,), **call}
        found = ours.solve_ivp(**call)
        if method not in EXPLICIT:
            same(found, theirs.solve_ivp(**call, jac=jacobian), rtol=1e-9)
            call["jac"] = jacobian
            found = ours.solve_ivp(**call)
        known = theirs.solve_ivp(**call)
        same(found, known)
        if call.get("dense_output"):
            at = np.linspace(0, 3, 7)
            np.testing.assert_array_equal(found.sol(at), known.sol(at))


def test_counts_of_a_plain_function_are_the_callers():
    calls, rate = 0, 0.5

    def fun(t, y):
        nonlocal calls
        calls += 1
        return -rate * y

    assert ours.solve_ivp(fun, (0, 1), [1.0]).nfev == calls > 0


def linear(method, **options):
    """Return numbers that a linear equation's solution gives, and the exact ones."""
    options = {"method": method, **TIGHT, **options}

    def solved(y0, rate, ends, at):
        matrix = rate * A
        call = {"fun": lambda t, y: matrix @ y, "y0": y0, **options}
        whole = ours.solve_ivp(t_span=(ends[0], ends[1]), **call)
        parts = ours.solve_ivp(t_span=(ends[0], 3.0), t_eval=at, **call)
        dense = ours.solve_ivp(t_span=(ends[0], 3.0), dense_output=True, **call).sol
        points = np.sum(parts.y**2) + np.sum(dense(at) ** 3) + dense(at[0])[1]
        return whole.y[0, -1] + 2.0 * whole.y[1, -1] + points

    def exact(y0, rate, ends, at):
        states = [expm(rate * (t - ends[0]) * A) @ y0 for t in [ends[1], *at]]
        total = states[0][0] + 2.0 * states[0][1] + states[1][1]
        return total + sum(np.sum(y**2) + np.sum(y**3) for y in states[1:])

    return solved, exact


ARGS = (Y0, 1.2, np.array([0.2, 2.0]), np.array([0.5, 1.3]))


METHODS = [(m, "steps") for m in (*EXPLICIT, "BDF")]
METHODS += [(m, "adjoint") for m in ("RK45", "DOP853", "Radau", "LSODA")]


@pytest.mark.parametrize(("method", "derivative"), METHODS)
def test_linear_equations_have_the_derivatives_of_the_exponential(method, derivative):
    solved, exact = linear(method, derivative=derivative)
    found = gd.grad(solved, (0, 1, 2, 3))(*ARGS)
    known = gd.grad(exact, (0, 1, 2, 3))(*ARGS)
    within = EXACT.get(method, 1e-8)
    for x, y in zip(found, known, strict=True):
        np.testing.assert_allclose(x, y, rtol=within, atol=within)
    dots = (np.array([1.0, -2.0]), 0.3, np.array([0.5, 0.2]), np.array([1.0, 2.0]))
    np.testing.assert_allclose(
        gd.jvp(solved, ARGS, dots), gd.jvp(exact, ARGS, dots), rtol=1e-7
    )


SECOND = [("RK45", "steps"), ("DOP853", "adjoint"), ("BDF", "steps")]


@pytest.mark.parametrize(("method", "derivative"), SECOND)
def test_they_have_its_second_derivatives(method, derivative):
    solved, exact = linear(method, derivative=derivative)
    second = gd.hessian(lambda a: solved(Y0, a, *ARGS[2:]))(1.2)
    assert second == pytest.approx(gd.hessian(lambda a: exact(Y0, a, *ARGS[2:]))(1.2))


def fitted(p, **options):
    at = np.linspace(0.0, 4.0, 5)
    call = {"t_eval": at, "args": (p,), "rtol": 1e-6, "atol": 1e-8, **options}
    return np.sum(ours.solve_ivp(hunters, (0.0, 4.0), Y0, **call).y ** 2)


@pytest.mark.parametrize("method", [*EXPLICIT, *IMPLICIT, "LSODA"])
def test_the_adjoint_equation_reads_the_state_between_steps(method):
    exact = {"rtol": 1e-7, "atol": 1e-9, "derivative": "adjoint"}
    found = gd.grad(functools.partial(fitted, method=method, **exact))(P)
    exactly = functools.partial(fitted, method="DOP853", rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found, gd.grad(exactly)(P), rtol=3e-5)


@pytest.mark.parametrize("method", SLOW_TO_COMPILE)
def test_the_derivative_is_that_of_the_discrete_solution(method):
    steps = {"method": method, "first_step": 0.2, "max_step": 0.2, "rtol": 1e3}
    exact = 1e-10
    if method in IMPLICIT:  # their equations are solved to a part of the tolerance
        steps, exact = {"method": method, **TIGHT}, 1e-6

    def loss(p):
        return fitted(p, **steps)

    v = np.array([1.0, -1.0, 0.5, 2.0])
    h = 1e-3 if method in EXPLICIT else 1e-2
    assert np.dot(gd.grad(loss)(P), v) == pytest.approx(
        slope_of(loss, P, v, h), rel=exact
    )
    along = slope_of(gd.grad(loss), P, v, h)
    tolerance = 1e-8 if method in EXPLICIT else 2e-4
    np.testing.assert_allclose(gd.hessian(loss)(P) @ v, along, rtol=tolerance)
    np.testing.assert_allclose(gd.hvp(loss, P, v), along, rtol=tolerance)


def reactions(t, y, rates):
    """Return Robertson's equations."""
    a, b, c = rates[0] * y[0], rates[1] * y[1] * y[2], rates[2] * y[1] ** 2
    return [b - a, a - b - c, c]


@pytest.mark.parametrize("method", IMPLICIT)
def test_stiff_equations(method):
    rates, exact = np.array([0.04, 1e4, 3e7]), {"rtol": 1e-8, "atol": 1e-12}

    def left(logs):
        call = {"method": method, "args": (rates * np.exp(logs),), **exact}
        return ours.solve_ivp(reactions, (0, 1e3), [1.0, 0, 0], **call).y[0, -1]

    v = np.array([1.0, 0.5, -1.0])
    found = np.dot(gd.grad(left)(np.zeros(3)), v)
    assert found == pytest.approx(slope_of(left, np.zeros(3), v), rel=1e-5)

    def oscillating(t, y, m):
        return [y[1], m * (1 - y[0] ** 2) * y[1] - y[0]]

    def position(m):
        call = {"method": method, "args": (m,), **exact}
        return ours.solve_ivp(oscillating, (0, 500.0), [2.0, 0.0], **call).y[0, -1]

    assert gd.grad(position)(1e3) == pytest.approx(
        slope_of(position, 1e3, 1.0, 0.5), rel=1e-4
    )


def test_large_jacobians_are_sparse():
    size, seen = 200, []

    def heat(t, y, k):
        edges = np.zeros(1)
        return k * np.diff(np.concatenate([edges, y, edges]), 2)

    class Watched(theirs.BDF):
        def __init__(self, *args, jac, **rest):
            seen.append(jac)
            super().__init__(*args, jac=jac, **rest)

    y0 = np.sin(np.linspace(0, np.pi, size + 2)[1:-1])
    found = ours.solve_ivp(heat, (0, 1.0), y0, method=Watched, args=(2.0,))
    matrix = seen[0](0.0, y0)
    assert matrix.nnz < 3 * size
    np.testing.assert_allclose(matrix.toarray()[1, :4], [2.0, -4.0, 2.0, 0.0])
    assert found.success

    def cold(t, y):
        return np.array([float(v) for v in -y])  # not for us to differentiate

    assert ours.solve_ivp(cold, (0, 1.0), [1.0], method="BDF").njev > 0


def test_solves_of_one_function_are_compiled_once():
    from chainrule.scipy.integrate.replay import _programs

    def gradient(p, scale):
        def loss(p):
            def fun(t, y):
                return scale * y * p[0] - np.sin(t) * p[1]

            return np.sum(ours.solve_ivp(fun, (0, 2), [1.0], rtol=1e-6).y[:, -1])

        return gd.grad(loss)(p)

    p = np.array([0.5, 1.0])
    first = gradient(p, 1.0)
    before = len(_programs)
    again = [gradient(p, s) for s in (1.0, 0.5, -1.0)]
    assert len(_programs) == before
    np.testing.assert_allclose(again[0], first, rtol=1e-12)
    for g, s in zip(again, (1.0, 0.5, -1.0), strict=True):

        def loss(p, s=s):
            fun = lambda t, y: s * y * p[0] - np.sin(t) * p[1]  # noqa: E731
            return theirs.solve_ivp(fun, (0, 2), [1.0], **TIGHT).y[0, -1]

        v = np.array([1.0, 2.0])
        assert np.dot(g, v) == pytest.approx(slope_of(loss, p, v), rel=1e-4)


@dataclass
class Model:
    rate: object
    where: dict


class Machine:
    def __init__(self, rate):
        self.rate = rate

    def slope(self, t, y, gain=1.0):
        return -self.rate * y * gain


def branching(t, y, p):
    return -p * y if t < 0.5 else -2.0 * p * y


MODULE_RATE = [gd.node(0.7)]


class Hidden:
    rate = gd.node(0.7)


def test_parameters_may_be_anywhere():
    def end(fun, *args):
        return ours.solve_ivp(fun, (0, 1.0), [2.0], args=args, rtol=1e-9).y[0, -1]

    def of_container(t, y, model, more):
        return -model.rate * y * model.where["gain"] + 0.0 * more[0]

    def of_default(r):
        def fun(t, y, rate=r):
            return -rate * y

        return fun

    ways = {
        "args": lambda r: end(lambda t, y, r: -r * y, r),
        "a container": lambda r: end(of_container, Model(r, {"gain": 1.0}), [r]),
        "a default": lambda r: end(of_default(r)),
        "a partial": lambda r: end(functools.partial(lambda r, t, y: -r * y, r)),
        "an object": lambda r: end(Machine(r).slope),
        "a method by partial": lambda r: end(
            functools.partial(Machine(1.0).slope, gain=r)
        ),
        "a list": lambda r: end(lambda t, y: [-r * y[0]]),
    }
    for way, f in ways.items():
        for _ in range(2):
            assert gd.grad(f)(0.7) == pytest.approx(-2 * np.exp(-0.7)), way
    found = ours.solve_ivp(lambda t, y: -MODULE_RATE[0] * y, (0, 1), [2.0], rtol=1e-9)
    found.y[0, -1].backward()
    assert MODULE_RATE[0].grad == pytest.approx(-2 * np.exp(-0.7))


def test_functions_that_branch_are_not_compiled_and_right():
    def end(p):
        call = {"args": (p,), "rtol": 1e-9, "max_step": 0.05}
        return ours.solve_ivp(branching, (0, 1), [1.0], **call).y[0, -1]

    for _ in range(3):
        assert gd.grad(end)(1.0) == pytest.approx(-1.5 * np.exp(-1.5), rel=1e-2)


def bouncing(p, **options):
    """Return a fall from p[1] upwards at p[2] under p[0], and where it ends."""

    def fun(t, y):
        return [y[1], -p[0]]

    def hit(t, y):
        return y[0]

    def top(t, y):
        return y[1]

    hit.terminal, hit.direction = True, -1
    call = {"events": (hit, top), "dense_output": True, "rtol": 1e-9}
    return ours.solve_ivp(fun, (0.0, 100.0), [p[1], p[2]], **call, **options)


@pytest.mark.parametrize("derivative", ["steps", "adjoint"])
def test_events_have_times_and_states_with_derivatives(derivative):
    p = np.array([9.81, 1.0, 3.0])

    def falling(p):
        return bouncing(p, derivative=derivative)

    def speed(p):
        return np.sqrt(p[2] ** 2 + 2 * p[0] * p[1])

    pairs = [
        (lambda p: falling(p).t_events[0][0], lambda p: (p[2] + speed(p)) / p[0]),
        (lambda p: falling(p).t[-1], lambda p: (p[2] + speed(p)) / p[0]),
        (lambda p: falling(p).y[1, -1], lambda p: -speed(p)),
        (lambda p: falling(p).t_events[1][0], lambda p: p[2] / p[0]),
        (
            lambda p: falling(p).y_events[1][0, 0],
            lambda p: p[1] + p[2] ** 2 / (2 * p[0]),
        ),
        (lambda p: falling(p).sol(0.3)[1], lambda p: p[2] - 0.3 * p[0]),
    ]
    for found, known in pairs:
        np.testing.assert_allclose(
            gd.grad(found)(p), gd.grad(known)(p), rtol=1e-9, atol=1e-12
        )
    first, known = pairs[0]
    np.testing.assert_allclose(
        gd.hessian(first)(p), gd.hessian(known)(p), rtol=1e-8, atol=1e-10
    )


def test_a_ball_goes_on_after_the_impact():
    def height(p):
        found = bouncing(p)
        t, speed = found.t_events[0][0], -p[3] * found.y[1, -1]
        after = ours.solve_ivp(
            lambda t, y: [y[1], -p[0]], (t, 2.0), [0.0, speed], rtol=1e-9
        )
        return after.y[0, -1]

    def known(p):
        down = np.sqrt(p[2] ** 2 + 2 * p[0] * p[1])
        left = 2.0 - (p[2] + down) / p[0]
        return p[3] * down * left - p[0] * left**2 / 2

    p = np.array([9.81, 1.0, 3.0, 0.8])
    np.testing.assert_allclose(gd.grad(height)(p), gd.grad(known)(p), rtol=1e-8)


@pytest.mark.parametrize("method", [*EXPLICIT, "BDF"])
def test_backwards_in_time_and_in_the_complex_plane(method):
    def turned(rate, at):
        call = {"t_eval": at, "method": method, **TIGHT}
        found = ours.solve_ivp(lambda t, y: 1j * rate * y, (2.0, 0.0), [1 + 0j], **call)
        return np.sum(found.y.real)

    def known(rate, at):
        return np.sum(np.cos(rate * (at - 2.0)))

    at = np.array([1.5, 0.5, 0.0])
    found, exact = (gd.grad(f, (0, 1))(0.7, at) for f in (turned, known))
    np.testing.assert_allclose(found[0], exact[0], rtol=1e-6)
    np.testing.assert_allclose(found[1], exact[1], rtol=1e-6)


@pytest.mark.parametrize("derivative", ["steps", "adjoint"])
def test_compiled_and_mapped(derivative):
    how = {"derivative": derivative}

    def loss(p):
        return fitted(p, **how)

    slope = gd.grad(loss)
    fast, curved = gd.compile(slope), gd.compile(gd.hessian(loss))
    for scale in (1.0, 1.1, 0.8):
        np.testing.assert_allclose(fast(scale * P), slope(scale * P), rtol=1e-9)
    np.testing.assert_allclose(curved(P), gd.hessian(loss)(P), rtol=1e-8)
    several = np.stack([P, 1.1 * P, 0.9 * P])
    np.testing.assert_allclose(
        gd.vmap(slope)(several), [slope(p) for p in several], rtol=1e-9
    )

    def end(p):
        found = bouncing(p, **how)
        return found.t_events[0][0] + found.sol(0.2)[0] + found.y[1, -1]

    p = np.array([9.81, 1.0, 3.0])
    known = gd.value_and_grad(end)(p)
    for x, y in zip(gd.compile(gd.value_and_grad(end))(p), known, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9)


def test_vectorized_functions_and_other_tableaus():
    class Heun(theirs.RK23):
        pass

    def fun(t, y, p):
        return np.stack([-p * y[0], y[0] - y[1]])

    def end(p, **how):
        found = ours.solve_ivp(fun, (0, 1), Y0, args=(p,), rtol=1e-8, **how)
        return found.y[1, -1]

    for method in ("RK23", Heun):
        assert gd.grad(lambda p, m=method: end(p, vectorized=True, method=m))(
            0.5
        ) == pytest.approx(gd.grad(end)(0.5), rel=1e-4)


@pytest.mark.parametrize("method", ["BDF", "LSODA"])
def test_the_adjoint_equation_of_stiff_equations(method):
    rates, exact = np.array([0.04, 1e4, 3e7]), {"rtol": 1e-8, "atol": 1e-12}

    def left(logs, derivative="adjoint"):
        call = {"method": method, "args": (rates * np.exp(logs),), **exact}
        call |= {"t_eval": np.array([1.0, 100.0]), "derivative": derivative}
        found = ours.solve_ivp(reactions, (0, 100.0), [1.0, 0, 0], **call)
        return np.sum(found.y[0] * np.array([1.0, 2.0]))

    v = np.array([1.0, 0.5, -1.0])
    found = np.dot(gd.grad(left)(np.zeros(3)), v)
    assert found == pytest.approx(slope_of(left, np.zeros(3), v), rel=1e-4)


def test_memory_of_the_adjoint_equation_is_that_of_a_stretch():
    def peak(step, derivative):
        call = {"t_eval": np.arange(1.0, 9.0), "derivative": derivative}

        def loss(y0):
            found = ours.solve_ivp(
                lambda t, y: np.sin(t) - y, (0, 8.0), y0, max_step=step, **call
            )
            return np.sum(found.y**2)

        for _ in range(2):
            gd.grad(loss)(np.zeros(1000))  # compiled now
        tracemalloc.start()
        gd.grad(loss)(np.zeros(1000))
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    grown = {d: peak(0.05, d) - peak(0.2, d) for d in ("adjoint", "steps")}
    assert grown["steps"] > 4 * grown["adjoint"]


@pytest.mark.parametrize("tfirst", [False, True])
def test_odeint(tfirst):
    def fun(y, t, rate):
        return rate * (A @ y)

    def first(t, y, rate):
        return fun(y, t, rate)

    func, options = first if tfirst else fun, {"tfirst": tfirst}
    times = np.array([0.2, 0.5, 1.3])
    found = ours.odeint(func, Y0, times, (1.2,), **options)
    np.testing.assert_array_equal(
        found, theirs.odeint(func, Y0, times, (1.2,), **options)
    )
    w = np.array([[1.0, 2.0], [0.3, -1.0], [0.5, 0.1]])
    exact = {"rtol": 1e-11, "atol": 1e-11, **options}

    def solved(y0, t, rate):
        return np.sum(w * ours.odeint(func, y0, t, (rate,), **exact) ** 2)

    def known(y0, t, rate):
        states = [expm(rate * (x - t[0]) * A) @ y0 for x in t]
        return np.sum(w * np.stack(states) ** 2)

    args = (Y0, times, 1.2)
    for x, y in zip(
        gd.grad(solved, (0, 1, 2))(*args), gd.grad(known, (0, 1, 2))(*args), strict=True
    ):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-7)
    dots = (np.ones(2), np.array([1.0, 2.0, 0.0]), 0.5)
    np.testing.assert_allclose(gd.jvp(solved, args, dots), gd.jvp(known, args, dots))
    np.testing.assert_allclose(
        gd.hvp(solved, args, dots)[0], gd.hvp(known, args, dots)[0], rtol=1e-5
    )
    fast = gd.compile(gd.grad(solved, (0, 2)))
    for x, y in zip(fast(*args), gd.grad(solved, (0, 2))(*args), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-9)


def test_odeint_takes_scipys_settings():
    def decay(y, t, rate):
        return -rate * y

    times = np.array([0.0, 1.0, 2.0])
    call = {"full_output": True, "hmax": 0.1, "mxstep": 5000}
    z, told = ours.odeint(decay, 2.0, times, (gd.node(0.5),), **call)
    plain, known = theirs.odeint(decay, 2.0, times, (0.5,), **call)
    np.testing.assert_array_equal(z.value, plain)
    np.testing.assert_array_equal(told["nst"], known["nst"])
    with pytest.raises(ArgumentError, match="needs all nodes"):
        ours.odeint(lambda y, t: -Hidden.rate * y, 2.0, times)
    with pytest.raises(ArgumentError, match="in its options"):
        ours.odeint(decay, 2.0, times, (0.5,), rtol=gd.node(1e-6))


def test_refusals_say_what_to_write():
    def hidden(t, y):
        return -Hidden.rate * y

    with pytest.raises(ArgumentError, match="derivative='steps'"):
        ours.solve_ivp(hidden, (0, 1), [1.0], derivative="adjoint")
    with pytest.raises(ArgumentError, match="another method"):
        ours.solve_ivp(
            hunters, (0, 1), Y0, args=(P,), method="LSODA", derivative="steps"
        )
    with pytest.raises(ArgumentError, match="'steps' or 'adjoint'"):
        ours.solve_ivp(hunters, (0, 1), Y0, args=(P,), derivative="both")
    with pytest.raises(ArgumentError, match="options, rtol"):
        ours.solve_ivp(hunters, (0, 1), Y0, args=(P,), rtol=gd.node(1e-3))


@pytest.mark.parametrize("derive", [gd.grad, lambda f: gd.compile(gd.grad(f))])
def test_a_solution_that_stops_early_warns_where_it_is_differentiated(derive):
    def last(rate):  # infinite at t = 1 / rate
        return ours.solve_ivp(lambda t, y: rate * y**2, (0, 2), [1.0], t_eval=[0.5]).y[
            0, -1
        ]

    with pytest.warns(SolutionWarning, match="stopped before the end"):
        derive(last)(1.0)


@pytest.mark.parametrize("y0", [1.0, gd.node(1.0), np.ones((2, 2))])
def test_states_have_one_dimension(y0):
    with pytest.raises(ShapeError, match="one dimension"):
        ours.solve_ivp(lambda t, y: -y, (0, 1), y0)


@pytest.mark.parametrize("y0", [1.0, gd.node(1.0)])
def test_right_hand_sides_that_return_nothing_are_refused(y0):
    with pytest.raises(ArgumentError, match="returned None"):
        ours.solve_ivp(lambda t, y: None, (0, 1), [y0])
    with pytest.raises(ArgumentError, match="returned None"):
        ours.odeint(lambda y, t: None, y0, [0.0, 1.0])
