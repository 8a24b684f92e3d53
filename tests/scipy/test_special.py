"""Functions of ``scipy.special`` composed of others, and points of interest."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, MissingRuleError
from chainrule.scipy import special as ours
from chainrule.scipy.special.partial_derivatives import PARTIALS

special = pytest.importorskip("scipy.special")
RNG = np.random.default_rng(5)
A = RNG.normal(size=(3, 4))
B = RNG.uniform(0.5, 2.0, size=(3, 4)) * np.sign(RNG.normal(size=(3, 4)))


def check(f, *x, order=2):
    """Hold a function to differences, compiled and mapped too."""
    gd.check_gradients(f, x, order=order)
    g = gd.grad(f, tuple(range(len(x))))
    expected = g(*x)
    for found in (gd.compile(g)(*x), gd.vmap(g)(*(np.stack([v, v]) for v in x))):
        for a, e in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, np.broadcast_to(e, np.shape(a)), rtol=1e-11)


# ------------------------------------------------------------- sums of exponentials


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("b", [None, 2.0, np.abs(B), np.abs(B[0])])
def test_logsumexp(axis, keepdims, b):
    given = {"axis": axis, "b": b, "keepdims": keepdims}
    z = ours.logsumexp(gd.node(A), **given)
    expected = special.logsumexp(A, **given)
    np.testing.assert_allclose(z.value, expected, rtol=1e-14)
    assert np.shape(z.value) == np.shape(expected)
    np.testing.assert_array_equal(ours.logsumexp(A, **given), expected)


def test_logsumexp_s_derivatives():
    weights = RNG.normal(size=4)

    def signed(a, b):
        z, sign = ours.logsumexp(a, axis=0, b=b, return_sign=True)
        assert np.all(np.abs(gd.value(sign)) == 1)
        return np.sum(weights * z)

    gd.check_gradients(signed, (A, B), order=2)
    check(lambda a: np.sum(weights * ours.logsumexp(a, axis=0)), A)
    check(lambda a, b: np.sum(np.sin(ours.logsumexp(a, 1, b, True))), A, np.abs(B))
    check(lambda a: ours.logsumexp([a[0, 0], 1.0, a[1, 1]]), A)
    check(ours.logsumexp, 0.3)
    with pytest.raises(ArgumentError, match="phase"):
        ours.logsumexp(gd.node(A + 1j), return_sign=True)
    z = ours.logsumexp(gd.node(A + 1j * B))
    np.testing.assert_allclose(z.value, special.logsumexp(A + 1j * B), rtol=1e-14)


def test_logsumexp_keeps_its_digits_and_its_signs():
    x = np.array([0.0, -50.0, -np.inf])
    z = ours.logsumexp(gd.node(x))
    assert z.value == special.logsumexp(x)
    np.testing.assert_allclose(
        gd.grad(ours.logsumexp)(x), [1.0, np.exp(-50.0), 0.0], rtol=1e-14
    )
    b = np.array([1.0, -3.0])
    for sign in (True, False):
        given = {"b": b, "return_sign": sign}
        found = gd.value(ours.logsumexp(gd.node(np.zeros(2)), **given))
        np.testing.assert_array_equal(found, special.logsumexp(np.zeros(2), **given))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_softmax(name, axis):
    f, theirs = getattr(ours, name), getattr(special, name)
    np.testing.assert_array_equal(f(gd.node(A), axis=axis).value, theirs(A, axis=axis))
    np.testing.assert_array_equal(f(A, axis), theirs(A, axis))
    weights = RNG.normal(size=A.shape)
    check(lambda x: np.sum(weights * f(x, axis=axis)), A)
    check(lambda x: np.sum(f([x[0], x[1]], axis=axis) ** 2), A)


def test_softplus():
    if not hasattr(special, "softplus"):
        pytest.skip("this version of SciPy has no softplus")
    np.testing.assert_array_equal(ours.softplus(gd.node(A)).value, special.softplus(A))
    check(lambda x: np.sum(ours.softplus(x) ** 2), A)


# ------------------------------------------------------------- functions of two results


@pytest.mark.parametrize("name", ["fresnel", "modfresnelp", "modfresnelm"])
def test_pairs(name):
    f = getattr(special, name)
    x = np.array([0.3, 1.7])
    for part, expected in zip(f(gd.node(x)), f(x), strict=True):
        np.testing.assert_array_equal(part.value, expected)
    check(lambda x: np.sum(np.real(f(x)[0] * np.conj(f(x)[1]))), x)


# ----------------------------------------------------------- gamma and zeta functions


@pytest.mark.parametrize("n", [0, 1, 3, np.array([0, 1, 2])])
def test_polygamma(n):
    x = np.array([0.3, 1.7, 6.0])
    np.testing.assert_array_equal(
        ours.polygamma(n, gd.node(x)).value, special.polygamma(n, x)
    )
    np.testing.assert_array_equal(ours.polygamma(n, x), special.polygamma(n, x))
    check(lambda x: np.sum(ours.polygamma(n, x)), x)
    with pytest.raises(MissingRuleError, match="polygamma in its parameter 'n'"):
        ours.polygamma(gd.node(1.0), x)


def test_zeta():
    s, q = np.array([1.5, 2.0, 7.0]), np.array([[0.5], [3.0]])
    for args in ((s,), (s, q)):
        f = ours.zeta
        np.testing.assert_array_equal(f(*map(gd.node, args)).value, special.zeta(*args))
        np.testing.assert_array_equal(f(*args), special.zeta(*args))
        check(lambda *a: np.sum(np.log(ours.zeta(*a))), *args)
    check(lambda q: ours.zeta(2.0, q), 1.5)
    check(ours.zeta, -2.5)
    assert np.isnan(gd.grad(lambda s: ours.zeta(s, 1.5))(0.5))
    z = gd.node(0.5 + 3j)
    np.testing.assert_array_equal(ours.zeta(z).value, special.zeta(0.5 + 3j))
    with pytest.raises(ArgumentError, match="real x"):
        ours.zeta(z, 2.0)


def test_functions_of_gamma_functions():
    a = np.array([2.5, 4.0])
    np.testing.assert_allclose(
        ours.multigammaln(gd.node(a), 3).value, special.multigammaln(a, 3), rtol=1e-14
    )
    check(lambda a: np.sum(ours.multigammaln(a, 4)), a)
    with pytest.raises(ValueError, match="not met"):
        ours.multigammaln(gd.node(1.0), 3)
    n, k = np.array([5.0, 3.0, 2.0]), np.array([2.0, 1.5, 4.0])
    pairs = [
        (lambda n, k: ours.factorial(n) + 0 * k, special.factorial(n)),
        (ours.comb, special.comb(n, k)),
        (lambda n, k: ours.comb(n, k, repetition=True),
         special.comb(n, k, repetition=True)),
        (ours.perm, special.perm(n, k)),
    ]  # fmt: skip
    for f, expected in pairs:
        np.testing.assert_allclose(f(gd.node(n), k).value, expected, rtol=1e-14)
        check(lambda n, k, f=f: np.sum(f(n, k)), n, k)
    assert ours.factorial(gd.node(-1.5)).value == 0 == special.factorial(-1.5)
    for f in (ours.factorial, lambda n: ours.comb(n, 2), lambda n: ours.perm(n, 2)):
        assert f(3) == f(np.float64(3))
    with pytest.raises(ArgumentError, match="whole numbers"):
        ours.comb(gd.node(5.0), 2, exact=True)


def test_derivatives_at_poles_of_gamma():
    x = np.array([0.0, -1.0, -2.0, -3.0])
    slopes = gd.grad(lambda x: np.sum(special.rgamma(x)))(x)
    np.testing.assert_allclose(slopes, [1.0, -1.0, 2.0, -6.0], rtol=1e-13)
    assert type(special.gammasgn(gd.node(-0.5))) is not gd.node


# ----------------------------------------------------------------- and other functions


def test_lambertw():
    x = np.array([0.5, 2.0, 10.0])
    np.testing.assert_array_equal(ours.lambertw(gd.node(x)).value, special.lambertw(x))
    check(lambda x: np.sum(np.real(ours.lambertw(x))), x)
    check(lambda x: np.sum(np.imag(ours.lambertw(x, 2))), x)
    check(lambda x: np.sum(np.real(ours.lambertw(x, -1))), -x[:2] / 10)
    with pytest.raises(MissingRuleError, match="'k'"):
        ours.lambertw(x, gd.node(1.0))


def test_diric():
    x = np.array([0.3, 0.0, 2 * np.pi, 4.0])
    for n in (1, 4, 5):
        z = ours.diric(gd.node(x), n)
        np.testing.assert_allclose(z.value, special.diric(x, n), atol=1e-15)
        check(lambda x, n=n: np.sum(np.sin(x) * ours.diric(x, n)), x)
    with pytest.raises(ValueError, match="positive whole number"):
        ours.diric(gd.node(x), 0)


def test_agm():
    a, b = np.array([1.0, 0.3, -2.0, 1e-300]), np.array([3.0, 2.0, -2.0, 1e300])
    z = special.agm(gd.node(a), b)
    np.testing.assert_allclose(z.value, special.agm(a, b), rtol=1e-14)
    check(lambda a, b: np.sum(special.agm(a, b) ** 2), a[:3], b[:3])


@pytest.mark.parametrize("name", ["gammainc", "betainc"])
def test_incomplete_functions_where_tails_meet_and_at_ends(name):
    f = getattr(special, name)
    for shape in (0.02, 1.0, 30.0):
        mean = special.digamma(shape)
        middle = np.exp(
            mean if name == "gammainc" else mean - special.digamma(2 * shape)
        )
        x = middle * np.array([0.99, 1 - 1e-9, 1 + 1e-9, 1.01])
        shapes = (shape,) if name == "gammainc" else (shape, shape)
        slopes = gd.vmap(gd.grad(f, 0), in_axes=(*(None for _ in shapes), 0))
        found = slopes(*shapes, x)
        assert np.all(np.abs(np.diff(np.diff(found[[0, 1, 3]]))) < 1e-3)
        np.testing.assert_allclose(found[1], found[2], rtol=1e-7)
        ends = [
            gd.grad(f, 0)(*shapes, x) for x in (0.0, 1.0 if len(shapes) > 1 else np.inf)
        ]
        assert ends == [0.0, 0.0]


# ------------------------------------------------------ functions with several results


@pytest.mark.parametrize(
    ("name", "operands"),
    [
        ("mathieu_cem", (2.0, 1.5, 20.0)),
        ("mathieu_modsem2", (2.0, 1.5, 0.7)),
        ("pro_ang1", (1.0, 3.0, 1.5, 0.4)),
        ("obl_rad2", (1.0, 3.0, 1.5, 2.3)),
        ("pbdv", (0.6, 0.4)),
    ],
)
def test_only_the_slopes_of_operands_that_move_are_computed(
    name, operands, monkeypatch
):
    """Those in a parameter are interpolated, and take a hundred times as long."""
    asked = []
    original = PARTIALS[name]

    def noted(orders, *operands):
        asked.append(orders)
        return original(orders, *operands)

    monkeypatch.setitem(PARTIALS, name, noted)
    *rest, at = operands
    f = getattr(special, name)
    in_x = gd.grad(lambda x: f(*rest, x)[0])(at)
    _, tangent = gd.jvp(lambda x: f(*rest, x)[0], (at,), (1.0,))
    assert not any(order for orders in asked for order in orders[:-1])
    np.testing.assert_allclose(tangent, in_x, rtol=1e-14)

    *rest, v, at = operands
    asked.clear()
    both = gd.grad(lambda v, x: f(*rest, v, x)[0], (0, 1))(v, at)
    assert any(orders[-2] for orders in asked)
    np.testing.assert_allclose(both[1], in_x, rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "x"),
    [
        ("pdtrik", (0.31, 0.42)),
        ("bdtrik", (0.31, 0.42, 0.23)),
        ("nbdtrik", (0.31, 0.42, 0.23)),
    ],
)
def test_counts_that_no_probability_has_do_not_move(name, x):
    f = getattr(special, name)
    assert f(*x) == 0.0
    slopes = gd.grad(f, tuple(range(len(x))))
    assert slopes(*x) == tuple(0.0 for _ in x)
    assert gd.compile(slopes)(*x) == tuple(0.0 for _ in x)


def test_multigammaln_checks_its_argument_in_compiled_maps_too():
    slopes = gd.vmap(gd.grad(lambda a: ours.multigammaln(a, 2)))
    a = np.array([1.3, 2.7])
    np.testing.assert_allclose(gd.compile(slopes)(a), slopes(a), rtol=1e-13)
    for f in (slopes, gd.compile(slopes)):
        with pytest.raises(ValueError, match="not met"):
            f(np.array([1.3, 0.2]))


@pytest.mark.parametrize("step", [1e-9, 1e-3, 1.0, 30.0])
def test_beta_has_its_digits_beside_small_and_large_arguments(step):
    x = np.geomspace(0.02, 1e6, 20_000)
    found = gd.elementwise_grad(lambda x: ours.betaln(x, step))(x)
    first, last = special.digamma(x), special.digamma(x + step)
    lost = 4e-15 * (np.abs(first) + np.abs(last) + 1.0)
    assert np.all(np.abs(found - (first - last)) <= lost)
    if step == 1.0:  # psi(x + 1) - psi(x) = 1 / x
        np.testing.assert_allclose(found, -1 / x, rtol=4e-15)


# ----------------------------------------------------- sums of exponentials, compiled

ENDS = np.array([
    [0.3, -1.0, 2.0], [2.0, 2.0, -np.inf], [-np.inf, -np.inf, -np.inf],
    [np.inf, 1.0, 2.0], [np.nan, 1.0, 0.0], [0.0, -50.0, -800.0],
])  # fmt: skip


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
@pytest.mark.parametrize("executor", ["numpy", "native"])
def test_sums_of_exponentials_compile_to_their_parts(name, executor):
    f, theirs = getattr(ours, name), getattr(special, name)
    fast = gd.compile(lambda x: f(x, axis=1), executor=executor)
    with np.errstate(invalid="ignore"):
        for x in (A, ENDS, ENDS[::-1]):
            np.testing.assert_allclose(fast(x), theirs(x, axis=1), rtol=1e-14)
    slow = gd.grad(lambda x: np.sum(np.cos(f(2 * x, axis=1))))
    slope = gd.compile(slow, executor=executor)
    np.testing.assert_allclose(slope(A), slow(A), rtol=1e-12)
    assert slope.stats()["programs"][0]["numpy_rows"] == {}
    assert fast(A.astype(np.float32)).dtype == theirs(A.astype(np.float32)).dtype
