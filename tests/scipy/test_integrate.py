"""scipy.integrate on nodes: SciPy's values, and derivatives by Leibniz' rule."""

import functools

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, CompileError, StaleValueError
from tests.helpers import as_tuple, assert_close

scipy_integrate = pytest.importorskip("scipy.integrate")
integrate = pytest.importorskip("chainrule.scipy.integrate")
special = pytest.importorskip("scipy.special")
X = np.array([0.0, 0.4, 1.0, 1.5, 2.3, 2.9])
TABLE = np.sin(np.arange(18.0)).reshape(6, 3)


def same_as_compiled(f, args, rtol=1e-9):
    """Hold a function and its gradient, compiled, to themselves at other arguments."""
    which = tuple(range(len(args)))
    for g in (f, gd.grad(f, which)):
        fast = gd.compile(g)
        fast(*args)
        others = [0.9 * x for x in args]
        pairs = zip(as_tuple(fast(*others)), as_tuple(g(*others)), strict=True)
        for compiled, eager in pairs:
            assert_close(compiled, eager, rtol, what="compiled")


def damped(t, a, b):
    return integrate.quad(lambda x, p: np.exp(-p * x) * np.sin(a * x), a, b, (t,))[0]


def tail(t, mean):
    def density(x):
        return t[1] * np.exp(-t[0] * (x - mean) ** 2)

    return integrate.quad(density, mean, np.inf)[0]


def with_points(t):
    return integrate.quad(lambda x: np.exp(t * abs(x - 1)), t, 3.0, points=[1.0])[0]


def oscillating(t, b):
    f = integrate.quad(lambda x: np.exp(-t * x), 0.5, b, weight="cos", wvar=3.0)[0]
    return f * integrate.quad(lambda x: t * x, t, b, weight="sin", wvar=2.0)[0]


def principal(t, b):
    return integrate.quad(lambda x: np.cos(t * x), -1.0, b, weight="cauchy", wvar=0.2)[
        0
    ]


def algebraic(t):
    return integrate.quad(
        lambda x: np.exp(-t * x), -1.0, 2.0, weight="alg", wvar=(0.5, 0.3)
    )[0]


def fourier(t):
    return integrate.quad(
        lambda x: np.exp(-t * x), 0.0, np.inf, weight="cos", wvar=3.0
    )[0]


def complex_values(t):
    z = integrate.quad(lambda x: np.exp((1j - t) * x), 0.0, t, complex_func=True)[0]
    return np.real(z * (1 + 2j))


def of_vectors(t, b):
    powers = np.arange(1.0, 4.0)
    return np.sum(integrate.quad_vec(lambda x: np.exp(-t * x * powers), 0.0, b)[0] ** 2)


def over_a_region(t, c):
    return integrate.dblquad(
        lambda y, x: np.exp(-t * x * y), 0.0, c, lambda x: x * x, lambda x: c * x
    )[0]


def gauss(t, a, b):
    return integrate.fixed_quad(lambda x: np.exp(-t * x) * x, a, b, n=4)[0]


CASES = {
    "arguments and limits": (damped, (1.3, 0.2, 1.5)),
    "an array that is closed over": (tail, (np.array([1.5, 0.7]), 0.3)),
    "break points": (with_points, (1.2,)),
    "weights cos and sin": (oscillating, (0.6, 1.7)),
    "weight cauchy": (principal, (0.8, 1.1)),
    "weight alg": (algebraic, (0.9,)),
    "weight on an infinite interval": (fourier, (1.1,)),
    "complex values": (complex_values, (0.8,)),
    "quad_vec": (of_vectors, (0.7, 1.2)),
    "fixed_quad": (gauss, (0.7, 0.2, 1.2)),
}


@pytest.mark.parametrize("case", CASES)
def test_integrals_have_derivatives_of_order_two_in_both_modes(case):
    f, args = CASES[case]
    gd.check_gradients(f, args, order=2)


@pytest.mark.parametrize("case", CASES)
def test_compiled_integrals_follow_their_parameters(case):
    same_as_compiled(*CASES[case])


def test_nested_integrals():
    f, args = over_a_region, (1.0, 1.4)
    gd.check_gradients(f, args, order=1)
    gradient = gd.grad(f, (0, 1))
    fast = gd.compile(gradient)
    fast(0.7, 1.2)
    assert_close(fast(*args), gradient(*args), 1e-9)


def test_triple_integrals_of_what_is_closed_over():
    c, high = gd.node(3.0), gd.node(2.0)
    z = integrate.tplquad(lambda z, y, x: c * z, 0, high, 0, 1, 0, lambda x, y: y)[0]
    assert z.value == pytest.approx(1.0)
    tangents = gd.jvp(
        lambda c: integrate.tplquad(lambda z, y, x: c * z, 0, 2, 0, 1, 0, 1)[0],
        (3.0,), (1.0,),
    )  # fmt: skip
    assert tangents == pytest.approx((3.0, 1.0))


def test_values_are_those_of_scipy_bit_for_bit():
    def f(x, p):
        return np.exp(-p * x)

    ours, theirs = integrate, scipy_integrate
    options = {"full_output": 1, "epsabs": 1e-6}
    for a, b, more in [(0.0, 2.0, options), (0, np.inf, {}), (-1, 1, {"points": [0]})]:
        mine, plain = (m.quad(f, a, b, 2.0, **more) for m in (ours, theirs))
        assert mine[:2] == plain[:2]
        recorded = ours.quad(f, a, b, (gd.node(2.0),), **more)
        assert (recorded[0].value, recorded[1]) == plain[:2]
        for told in (x[2] for x in (mine, recorded) if "full_output" in more):
            assert told.keys() == plain[2].keys()
            assert told["neval"] == plain[2]["neval"]
    for m in (ours.quad, theirs.quad):
        found = m(lambda x: np.exp(1j * x), 0, 1, complex_func=True, full_output=1)
        assert len(found) == 3
    limits = [lambda y: (0.0, y), [0.0, 1.0]]
    for given in ({}, {"full_output": True}, {"opts": {"epsabs": 1e-5}}):
        np.testing.assert_equal(
            *(m.nquad(lambda x, y: x * y**2, limits, **given) for m in (ours, theirs))
        )
    region = (lambda y, x: x * y, 0, 1, lambda x: x, 2.0)
    np.testing.assert_equal(*(m.dblquad(*region) for m in (ours, theirs)))
    box = (lambda z, y, x: x * y + z, 0, 1, 0, 1, lambda x, y: x, 2.0)
    np.testing.assert_equal(*(m.tplquad(*box) for m in (ours, theirs)))
    vector = (lambda x: np.array([x, x * x]), 0.0, 1.0)
    np.testing.assert_equal(*(m.quad_vec(*vector) for m in (ours, theirs)))


def test_an_integral_is_mapped_over_examples():
    ts = np.array([0.5, 1.0, 1.5])
    mapped = gd.vmap(gd.grad(damped), in_axes=(0, None, None))(ts, 0.1, 1.0)
    assert_close(mapped, [gd.grad(damped)(t, 0.1, 1.0) for t in ts.tolist()], 1e-9)


def test_a_linear_function_of_a_seed_is_plain():
    _, push = gd.linearize(lambda t: damped(t, 0.2, 1.0), 1.0)
    assert gd.grad(push)(1.0) == pytest.approx(gd.grad(damped)(1.0, 0.2, 1.0))
    _, push = gd.linearize(lambda t: gd.checkpoint(lambda s: s * t * t)(t), 2.0)
    assert gd.grad(push)(1.0) == 12.0


def test_infinite_limits_have_no_derivative():
    f = gd.grad(lambda b: integrate.quad(lambda x: np.exp(-x), 0.0, b)[0])
    assert f(np.inf) == 0.0
    assert f(0.0) == 1.0


def decay_times_sine(a, w):
    return integrate.quad(lambda t: np.exp(-a * t), 0.0, np.inf, weight="sin", wvar=w)[
        0
    ]


def decay_times_cosine(a, w):
    f = integrate.quad(lambda t: np.exp(-a * t), 0.0, np.inf, weight="cos", wvar=w)
    return f[0]


def beta_function(a, b):
    low, high = a - 1.0, a + 2.0  # a power of the length, whatever the limits are
    z = integrate.quad(lambda t: 1.0, low, high, weight="alg", wvar=(a - 1.0, b - 1.0))
    return z[0] / (high - low) ** (a + b - 1.0)


def beta_function_by_logarithm(name, a, b, length):
    z = integrate.quad(lambda t: 1.0, 0.0, length, weight=name, wvar=(a - 1, b - 1))
    return z[0]


def principal_value(a, w):
    return integrate.quad(lambda t: t * t + a, -w, w + 1.0, weight="cauchy", wvar=w)[0]


@pytest.mark.parametrize(
    ("f", "exact", "at"),
    [
        (decay_times_sine, lambda a, w: w / (a * a + w * w), (0.7, 3.0)),
        (decay_times_cosine, lambda a, w: a / (a * a + w * w), (0.7, 3.0)),
        (beta_function, special.beta, (0.8, 1.4)),
        (
            principal_value,
            lambda a, w: (w * w + a) * -np.log(2 * w) + (4 * w**2 + 4 * w + 1) / 2.0,
            (0.8, 1.1),
        ),
    ],
)
def test_weights_that_move_have_derivatives(f, exact, at):
    every = tuple(range(len(at)))
    assert f(*at) == pytest.approx(exact(*at), rel=1e-8)
    for derivative in (gd.grad, gd.hessian):
        assert_close(derivative(f, every)(*at), derivative(exact, every)(*at), 1e-5)
    forwards = gd.jvp(f, at, at)[1]
    assert forwards == pytest.approx(gd.jvp(exact, at, at)[1], rel=1e-6)


@pytest.mark.parametrize(
    ("name", "letters"), [("alg-loga", "a"), ("alg-logb", "b"), ("alg-log", "ab")]
)
def test_algebraic_weights_with_logarithms(name, letters):
    def exact(a, b, length):
        # the integral of t**(a-1) (length-t)**(b-1) with logarithms, by derivatives
        f = lambda a, b: special.beta(a, b) * length ** (a + b - 1)  # noqa: E731
        for letter in letters:
            f = gd.grad(f, "ab".index(letter))
        return f(a, b)

    at = (0.8, 1.4, 2.5)
    f = functools.partial(beta_function_by_logarithm, name)
    assert f(*map(gd.node, at)).value == pytest.approx(exact(*at), rel=1e-8)
    assert_close(gd.grad(f, (0, 1, 2))(*at), gd.grad(exact, (0, 1, 2))(*at), 1e-6)


def jumping(t, c, b):
    def f(x):
        return np.where(x > c, np.exp(t * x), x)

    return integrate.quad(f, b, 0.0, points=[c, t, 2 * b])[0]


def jumping_vectors(t, c, b):
    def f(x):
        return np.where(x > c, np.exp(t * x), x) * np.arange(1.0, 3.0)

    return np.sum(integrate.quad_vec(f, 0.0, b, points=[c, t])[0] ** 2)


@pytest.mark.parametrize("f", [jumping, jumping_vectors])
def test_jumps_move_with_break_points(f):
    at = (0.4, 0.7, 2.0)
    gd.check_gradients(f, at, order=2)
    if f is jumping:
        same_as_compiled(f, at, 1e-7)  # a piece outside of the limits too


def test_the_second_derivative_of_a_kink_is_there():
    def f(p):
        return integrate.quad(lambda t: np.abs(t - p), 0.0, 2.0, points=[p])[0]

    assert gd.grad(gd.grad(f))(0.7) == pytest.approx(2.0)
    real, imag = 1.0, 2.0

    def g(p):
        f = lambda t: (real + 1j * imag) * np.abs(t - p)  # noqa: E731
        z = integrate.quad(f, 0.0, 2.0, points=[p], complex_func=True)[0]
        return np.imag(z)

    assert gd.grad(gd.grad(g))(0.7) == pytest.approx(4.0)


def test_what_has_no_derivative_is_refused():
    z = gd.node(0.5)
    waves = gd.compile(lambda w: integrate.quad(np.exp, 0, 1, weight="cos", wvar=w)[0])
    with pytest.raises(ArgumentError, match="takes a plain wvar"):
        waves(2.0)
    with pytest.raises(ArgumentError, match=r"gd\.value\(points\)"):
        integrate.quad(np.exp, 0.0, 1.0, points=[z], full_output=1)
    with pytest.raises(ArgumentError, match=r"gd\.value\(points\)"):
        integrate.quad_vec(np.exp, 0.0, 1.0, points=[z], full_output=True)
    with pytest.raises(CompileError, match=r"gd\.cond"):
        gd.compile(lambda t: integrate.quad(lambda x: t if x < 1 else x, 0.0, 2.0)[0])(
            1.0
        )


def test_a_parameter_that_was_written_afterwards_is_refused():
    def f(t):
        y = np.copy(t)
        z = integrate.quad(lambda x: x * np.sum(y * y), 0.0, 1.0)[0]
        y[0] = 5.0
        return z

    with pytest.raises(StaleValueError, match="a function that is integrated"):
        gd.grad(f)(np.ones(2))


SAMPLES = {
    "trapezoid": {"names": ("trapezoid",), "options": [{}, {"axis": 0}]},
    "cumulative_trapezoid": {
        "names": ("cumulative_trapezoid",),
        "options": [{}, {"axis": 0, "initial": 0}],
    },
    "simpson": {"names": ("simpson",), "options": [{}, {"axis": 0}]},
    "cumulative_simpson": {
        "names": ("cumulative_simpson",),
        "options": [{}, {"axis": 0, "initial": 2.0}],
    },
}


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
@pytest.mark.parametrize("name", SAMPLES)
def test_integrals_of_samples(name, count):
    ours, theirs = getattr(integrate, name), getattr(scipy_integrate, name)
    for given in SAMPLES[name]["options"]:
        y = TABLE[:count] if "axis" in given else TABLE[:count].T
        x = X[:count]
        wide = np.broadcast_to(x[:, None], y.shape) if "axis" in given else x
        for position in ({}, {"dx": 0.3}, {"x": x}, {"x": wide * 1.5}):
            more = {**position, **given}
            expected = theirs(y, **more)
            assert np.array_equal(ours(y, **more), expected)
            assert_close(ours(gd.node(y), **more).value, expected, 1e-13)
        f = gd.compile(lambda y, x, given=given: ours(y, x=x, **given))
        assert_close(f(y, x), theirs(y, x=x, **given), 1e-13)
        if count > 4:
            gd.check_gradients(lambda y, x, g=given: ours(y, x=x, **g), (y, x))
            gd.check_gradients(lambda y, h, g=given: ours(y, dx=h, **g), (y, 0.4))


def test_romberg_sums():
    y = np.sin(np.arange(34.0)).reshape(2, 17)
    for count in (2, 3, 5, 17):
        part = y[:, :count]
        expected = scipy_integrate.romb(part, 0.3)
        assert np.array_equal(integrate.romb(part, 0.3), expected)
        assert_close(integrate.romb(gd.node(part), 0.3).value, expected, 1e-13)
    gd.check_gradients(lambda y, h: integrate.romb(y, h, axis=0), (y[0], 0.3))
    with pytest.raises(ValueError, match="power of 2"):
        integrate.romb(gd.node(y[:, :4]))
    with pytest.raises(ArgumentError, match="show="):
        integrate.romb(gd.node(y), show=True)


def test_other_names_are_scipys():
    weights, _ = integrate.newton_cotes(2)
    assert np.array_equal(weights, scipy_integrate.newton_cotes(2)[0])
    assert integrate.nsum.__wrapped__ is scipy_integrate.nsum


def test_parameters_may_be_complex():
    def f(c):
        return integrate.quad(lambda x: np.real(np.exp(c[0] * x) * c[1]), 0.0, 1.0)[0]

    c = np.array([0.3 + 1j, -0.2 + 0.7j])
    gd.check_gradients(f, (c,))
    assert_close(gd.compile(gd.grad(f))(c), gd.grad(f)(c), 1e-9)


def test_functions_in_c_are_scipys():
    ctypes, scipy = pytest.importorskip("ctypes"), pytest.importorskip("scipy")
    cosine = ctypes.CDLL(None).cos
    cosine.restype, cosine.argtypes = ctypes.c_double, (ctypes.c_double,)
    f = scipy.LowLevelCallable(cosine)
    assert integrate.quad(f, 0.0, 1.0) == scipy_integrate.quad(f, 0.0, 1.0)


def test_nested_integrals_take_break_points_and_options_of_each():
    def edges(y):
        return {"points": [y], "limit": 100}

    def f(x, y):
        return abs(x - y) * y

    given = [[0.0, 1.0], [0.0, 1.0]], None, [edges, {"epsabs": 1e-6}]
    assert integrate.nquad(f, *given) == scipy_integrate.nquad(f, *given)
    scaled = integrate.nquad(lambda x, y, c: c * f(x, y), given[0], (gd.node(2.0),))
    assert scaled[0].value == pytest.approx(2 * integrate.nquad(f, *given)[0])


def test_gauss_rule_is_scipys_and_runs_in_compiled_maps():
    args = np.array([0.2, 0.3]), np.array([1.2, 0.9])
    for a, b in zip(*args, strict=True):
        given = lambda x, t: np.exp(-t * x), a, b, (0.7,), 4
        assert integrate.fixed_quad(*given) == scipy_integrate.fixed_quad(*given)
    slopes = gd.vmap(gd.grad(lambda a, b: gauss(0.7, a, b), (0, 1)))
    for one, other in zip(gd.compile(slopes)(*args), slopes(*args), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    with pytest.raises(ValueError, match="finite limits"):
        gd.grad(lambda b: integrate.fixed_quad(np.exp, -np.inf, b)[0])(1.0)


@pytest.mark.parametrize(
    ("end", "more"),
    [(1.0, {}), (np.inf, {}), (1.0, {"weight": "cos", "wvar": 3.0})],
)
def test_compiled_integrals_tell_what_scipy_does(end, more):
    def decays(rate):
        return integrate.quad(
            lambda x: np.exp(-rate * x), 0.0, end, full_output=1, **more
        )

    compiled = gd.compile(decays)
    for rate in (1.3, 2.0):
        found, expected = compiled(rate), decays(rate)
        assert found[:2] == pytest.approx(expected[:2], rel=1e-6)
        assert found[2].keys() == expected[2].keys()
        assert found[2]["neval"] == expected[2]["neval"]
        last = expected[2]["last"]
        np.testing.assert_allclose(
            found[2]["rlist"][:last], expected[2]["rlist"][:last]
        )

    def times(rate):
        value, _, told = decays(rate)
        return value * told["neval"]

    assert gd.compile(gd.grad(times))(1.3) == pytest.approx(gd.grad(times)(1.3))


def test_what_a_compiled_integral_cannot_tell_is_refused():
    def of_vectors(a):
        return integrate.quad_vec(lambda x: a * x, 0.0, 1.0, full_output=True)

    def of_two(a):
        return integrate.nquad(lambda x, y: a * x, [(0, 1), (0, 1)], full_output=True)

    for f in (of_vectors, of_two):
        assert len(f(2.0)) == 3
        with pytest.raises(ArgumentError, match="no full_output where it is compiled"):
            gd.compile(f)(2.0)
