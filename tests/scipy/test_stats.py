"""Distributions: every one that is declared, at sampled shapes, against SciPy's."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import MissingRuleError

S = pytest.importorskip("scipy.stats")

from chainrule.scipy import stats  # noqa: E402
from chainrule.scipy.stats.continuous import continuous  # noqa: E402
from chainrule.scipy.stats.distribution import DISTRIBUTIONS  # noqa: E402

POINTS = ("pdf", "logpdf", "cdf", "sf", "logcdf", "logsf")
COUNTS = ("pmf", "logpmf", "cdf", "sf", "logcdf", "logsf")
SHARES = ("ppf", "isf")
MOMENTS = ("mean", "var", "std", "entropy")
LOC, SCALE = 0.3, 1.7
WHOLE = ("erlang",)
"""Distributions whose shapes SciPy wants whole: they are not moved."""
LOOSE = {"kstwobign": 1e-6}
"""What SciPy's own densities lose beside mpmath."""
SMOOTH = {k: d for k, d in DISTRIBUTIONS.items() if isinstance(d, continuous)}
DISCRETE = {k: d for k, d in DISTRIBUTIONS.items() if k not in SMOOTH}


def shapes_of(name):
    """Return the shapes that a distribution is tested with."""
    return (
        (3.0,)
        if name == "erlang"
        else getattr(DISTRIBUTIONS[name].formulas, "sample", ())
    )


def moving_of(name):
    """Return the names of the shapes that have derivatives, by place."""
    d = DISTRIBUTIONS[name]
    names = enumerate(() if name in WHOLE else d.shape_names)
    refused = getattr(d.formulas, "refused", {})
    return [i for i, s in names if s not in refused and d.knows(s)]


def theirs(name, method, *args, **kwds):
    """Return what SciPy gives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(getattr(S, name), method)(*args, **kwds)


def supports(d, method):
    """Tell whether a method takes nodes as shapes."""
    return d._found_formula(method) is not None or not d.shape_names


def same(got, want, rtol, what=""):
    """Compare values, infinite ones among them."""
    np.testing.assert_allclose(got, want, rtol=rtol, atol=1e-14, err_msg=what)


def close_to_scipy(got, want, share, rtol, *, log):
    """Compare with SciPy's values, which lose digits where they are 1 minus a tail."""
    slack = 4e-15 / np.minimum(share, 1 - share) if log else 4e-15
    with np.errstate(invalid="ignore"):
        got = np.where(np.abs(got - want) <= slack, want, got)
    np.testing.assert_allclose(got, want, rtol=rtol)


@pytest.mark.parametrize("name", SMOOTH)
def test_values_are_scipys_far_out_too(name):
    d, shapes = SMOOTH[name], shapes_of(name)
    q = np.array([1e-6, 1e-3, 0.2, 0.5, 0.9, 1 - 1e-3, 1 - 1e-6])
    x = LOC + SCALE * theirs(name, "ppf", q, *shapes)
    for method in (*POINTS, *SHARES):
        at = q if method in SHARES else x
        want = theirs(name, method, at, *shapes, loc=LOC, scale=SCALE)
        got = getattr(d, method)(gd.node(at), *shapes, loc=LOC, scale=SCALE)
        rtol = 1e-9 if method in SHARES else LOOSE.get(name, 1e-10)
        close_to_scipy(gd.value(got), want, q, rtol, log="log" in method)


@pytest.mark.parametrize("name", SMOOTH)
def test_moments_are_scipys(name):
    d, shapes = SMOOTH[name], shapes_of(name)
    place = {"loc": gd.node(LOC), "scale": gd.node(SCALE)}
    for method in MOMENTS:
        if not supports(d, "var" if method == "std" else method) or name in WHOLE:
            continue
        want = theirs(name, method, *shapes, loc=LOC, scale=SCALE)
        got = getattr(d, method)(*map(gd.node, shapes), **place)
        same(gd.value(got), want, 1e-10, what=method)


def sample_function(name, methods):
    """Return all methods of a point as one function of it, loc, scale and shapes."""
    d, shapes, moving = SMOOTH[name], shapes_of(name), moving_of(name)

    def f(x, loc, scale, *moved):
        given = list(shapes)
        for i, s in zip(moving, moved, strict=True):
            given[i] = s
        return [getattr(d, m)(x, *given, loc=loc, scale=scale) for m in methods]

    return f, tuple(shapes[i] for i in moving)


INNER = np.array([0.13, 0.36, 0.62, 0.84])


def inner_points(name):
    """Return points inside of the support and away from kinks."""
    return LOC + SCALE * theirs(name, "ppf", INNER, *shapes_of(name))


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_are_those_of_differences(name):
    f, shapes = sample_function(name, POINTS)
    gd.check_gradients(f, (inner_points(name), LOC, SCALE, *shapes), order=1, rtol=2e-5)
    f, shapes = sample_function(name, SHARES)
    gd.check_gradients(f, (INNER, LOC, SCALE, *shapes), order=1, rtol=2e-5)


@pytest.mark.parametrize("name", ["vonmises", "vonmises_line", "ncx2"])
def test_densities_have_derivatives_in_shapes_where_the_rest_has_not(name):
    d, shapes = SMOOTH[name], shapes_of(name)

    def f(x, *s):
        return d.logpdf(x, *s), d.pdf(x, *s)

    gd.check_gradients(f, (inner_points(name), *shapes))
    with pytest.raises(
        MissingRuleError, match=f"cannot take nodes: in '{d.shape_names[0]}'"
    ):
        d.cdf(0.5, *map(gd.node, shapes))


@pytest.mark.thinned(12)
@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_second_derivatives_are_those_of_differences(name):
    f, shapes = sample_function(name, POINTS)
    gd.check_gradients(f, (inner_points(name), LOC, SCALE, *shapes), rtol=2e-4)
    f, shapes = sample_function(name, SHARES)
    gd.check_gradients(f, (INNER, LOC, SCALE, *shapes), rtol=2e-4)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_of_moments_are_those_of_differences(name):
    d, shapes, moving = SMOOTH[name], shapes_of(name), moving_of(name)
    if len(moving) < len(shapes):
        return
    finite = [m for m in MOMENTS if supports(d, "var" if m == "std" else m)]
    finite = [m for m in finite if np.isfinite(theirs(name, m, *shapes))]

    def f(loc, scale, *s):
        return [getattr(d, m)(*s, loc=loc, scale=scale) for m in finite]

    if finite:
        gd.check_gradients(f, (LOC, SCALE, *shapes), order=1, rtol=2e-5)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("name", SMOOTH)
def test_outside_values_are_scipys_and_derivatives_zero(name):
    d, shapes = SMOOTH[name], shapes_of(name)
    low, high = theirs(name, "support", *shapes, loc=LOC, scale=SCALE)
    outside = np.array([v for v in (low - 1.0, high + 1.0) if np.isfinite(v)])
    inside = inner_points(name)[:1]
    for method in POINTS if outside.size else ():
        x = np.concatenate([outside, inside])
        want = theirs(name, method, x, *shapes, loc=LOC, scale=SCALE)
        arguments = (x, LOC, SCALE)

        def f(x, loc, scale, method=method):
            return getattr(d, method)(x, *shapes, loc=loc, scale=scale)

        got, pull = gd.vjp(f, *arguments)
        same(got, want, 1e-10, what=method)
        seed = np.concatenate([np.ones(len(outside)), [0.0]])
        parts = pull(seed)
        assert all(np.all(g == 0.0) for g in parts), method


@pytest.mark.thinned(2)
@pytest.mark.parametrize("name", SMOOTH)
def test_at_an_edge_values_are_scipys_and_derivatives_no_nan(name):
    d, shapes = SMOOTH[name], shapes_of(name)
    edges = [v for v in theirs(name, "support", *shapes) if np.isfinite(v)]
    for x in edges:
        for method in POINTS:
            want = theirs(name, method, x, *shapes)
            got, slope = gd.value_and_grad(getattr(d, method))(x, *shapes)
            same(got, want, 1e-9, what=f"{method} at {x}")
            assert not np.isnan(slope) or np.isposinf(got), f"{method} at {x}"


@pytest.mark.thinned(5)
@pytest.mark.parametrize("name", SMOOTH)
def test_compiled_and_mapped_gradients_are_those_of_the_library(name):
    f, shapes = sample_function(name, ("logpdf", "cdf"))

    def total(x, *moved):
        return sum(np.sum(z) for z in f(x, *moved))

    gradient = gd.grad(total, tuple(range(3 + len(shapes))))
    x = inner_points(name)
    outside = theirs(name, "support", *shapes_of(name))[0] - 1.0
    given = (
        np.append(x, outside if np.isfinite(outside) else x[0]),
        LOC,
        SCALE,
        *shapes,
    )
    eager = gradient(*given)
    for compiled, g in zip(gd.compile(gradient)(*given), eager, strict=True):
        same(compiled, g, 1e-11, what=name)
    axes = (0,) + (None,) * (len(given) - 1)
    mapped = gd.vmap(gradient, in_axes=axes)(np.stack([given[0]] * 2), *given[1:])
    for several, g in zip(mapped, eager, strict=True):
        same(several, np.stack([g, g]), 1e-11, what=name)


@pytest.mark.thinned(4)
@pytest.mark.parametrize("name", sorted({*SMOOTH} - {*WHOLE}))
def test_parameters_broadcast(name):
    d, shapes = SMOOTH[name], shapes_of(name)
    x = inner_points(name)
    column = np.array([[1.0], [1.01]])
    given = [column * s for s in shapes]
    loc = np.array([[LOC], [LOC - 0.01]])
    for method in ("pdf", "logsf"):
        want = theirs(name, method, x, *given, loc, SCALE)
        got = getattr(d, method)(x, *given, gd.node(loc), gd.node(SCALE))
        assert got.shape == want.shape
        same(gd.value(got), want, 1e-9, what=method)


# --------------------------------------------------------------------------- discrete


def counts_of(name):
    """Return counts of which most are in the support, moved by 2."""
    k = theirs(name, "ppf", np.array([0.05, 0.3, 0.5, 0.8, 0.97]), *shapes_of(name))
    return 2.0 + np.concatenate([k, [k[0] - 3, k[-1] + 2]])


@pytest.mark.parametrize("name", DISCRETE)
def test_counts_have_scipys_values_and_derivatives_in_real_parameters(name):
    d, shapes, moving = DISCRETE[name], shapes_of(name), moving_of(name)
    k = counts_of(name)

    def f(*moved, methods=COUNTS, at=k):
        given = list(shapes)
        for i, s in zip(moving, moved, strict=True):
            given[i] = s
        return [getattr(d, m)(at, *given, loc=2) for m in methods]

    start = tuple(shapes[i] for i in moving)
    for method, z in zip(COUNTS, f(*map(gd.node, start)), strict=True):
        want = theirs(name, method, k, *shapes, loc=2)
        np.testing.assert_allclose(gd.value(z), want, rtol=1e-10, atol=4e-15)
    inner = k[:4]
    logs = [
        m for m in COUNTS if np.all(np.isfinite(theirs(name, m, inner, *shapes, loc=2)))
    ]
    order = 1 if name in ("nbinom", "betabinom", "betanbinom") else 2
    gd.check_gradients(
        lambda *moved: f(*moved, methods=logs, at=inner), start, order=order, rtol=1e-4
    )
    between = f(*map(gd.node, start), methods=("pmf", "logpmf"), at=k[0] + 0.5)
    assert [gd.value(z) for z in between] == [0.0, -np.inf]


@pytest.mark.parametrize("name", DISCRETE)
def test_moments_of_counts_are_scipys(name):
    d, shapes, moving = DISCRETE[name], shapes_of(name), moving_of(name)
    for method in MOMENTS:
        if not supports(d, "var" if method == "std" else method):
            continue

        def f(*moved, method=method):
            given = list(shapes)
            for i, s in zip(moving, moved, strict=True):
                given[i] = s
            return getattr(d, method)(*given, loc=2)

        start = [shapes[i] for i in moving]
        want = theirs(name, method, *shapes, loc=2)
        same(gd.value(f(*map(gd.node, start))), want, 1e-10, what=method)
        gd.check_gradients(f, start, order=1, rtol=2e-5)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", DISCRETE)
def test_compiled_gradients_of_counts_are_those_of_the_library(name):
    d, shapes, moving = DISCRETE[name], shapes_of(name), moving_of(name)
    k = counts_of(name)[:4]

    def total(*moved):
        given = list(shapes)
        for i, s in zip(moving, moved, strict=True):
            given[i] = s
        return np.sum(d.logpmf(k, *given, loc=2)) + np.sum(d.cdf(k, *given, loc=2))

    start = tuple(shapes[i] for i in moving)
    gradient = gd.grad(total, tuple(range(len(start))))
    for compiled, g in zip(gd.compile(gradient)(*start), gradient(*start), strict=True):
        same(compiled, g, 1e-11, what=name)


def test_counts_and_what_counts_take_no_nodes():
    with pytest.raises(MissingRuleError, match=r"binom\.pmf in 'k' .* counts"):
        stats.binom.pmf(gd.node(2.0), 5, 0.3)
    with pytest.raises(MissingRuleError, match=r"in 'n' .* counts"):
        stats.binom.pmf(2, gd.node(5.0), 0.3)
    with pytest.raises(MissingRuleError, match=r"poisson\.ppf cannot take nodes"):
        stats.poisson.ppf(0.3, gd.node(2.0))


def test_sums_of_probabilities_take_arrays_of_parameters():
    k, a = np.array([1, 3, 6]), np.array([[2.0], [3.0]])
    want = S.betabinom.cdf(k, 6, a, 1.5)
    got = stats.betabinom.cdf(k, 6, gd.node(a), 1.5)
    same(gd.value(got), want, 1e-12)
    gd.check_gradients(lambda a: stats.betabinom.cdf(k, 6, a, 1.5), (a,))


# ------------------------------------------------------------------------------ all


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_plain_arguments_give_scipys_bits(name):
    d, shapes = DISTRIBUTIONS[name], shapes_of(name)
    x = theirs(name, "ppf", INNER, *shapes)
    for method in d._methods:
        at = INNER if method in SHARES else x
        got = getattr(d, method)(at, *shapes, loc=1)
        np.testing.assert_array_equal(got, theirs(name, method, at, *shapes, loc=1))
    for method in ("mean", "std") if d.declares("var") else ():
        same(getattr(d, method)(*shapes), theirs(name, method, *shapes), 0.0)
    assert d.shapes == getattr(S, name).shapes
    assert d(*shapes).support() == getattr(S, name)(*shapes).support()


def test_frozen_distributions_keep_nodes():
    x = np.array([0.3, 1.4])

    def f(a, loc, scale, x):
        rv = stats.gamma(a, loc=loc, scale=scale)
        return [rv.logpdf(x), rv.cdf(x), rv.ppf(0.3), rv.mean(), rv.std(), rv.entropy()]

    gd.check_gradients(f, (2.0, 0.1, 1.5, x))
    rv = stats.gamma(gd.node(2.0))
    for name in ("rvs", "support", "expect"):
        with pytest.raises(MissingRuleError, match=rf"gamma\.{name} cannot take nodes"):
            getattr(rv, name)
    with pytest.raises(TypeError, match="gamma: missing a required argument: 'a'"):
        stats.gamma(scale=gd.node(2.0))


def test_frozen_plain_distributions_are_scipys():
    ours, theirs_ = stats.gamma(2.0, scale=1.5), S.gamma(2.0, scale=1.5)
    assert ours.rvs(random_state=3) == theirs_.rvs(random_state=3)
    assert ours.interval(0.5) == theirs_.interval(0.5)
    assert ours.expect(np.sqrt) == theirs_.expect(np.sqrt)
    assert gd.grad(ours.logpdf)(1.0) == pytest.approx(1.0 - 1.0 / 1.5)
    again = pickle.loads(pickle.dumps(ours))
    assert again.pdf(1.0) == ours.pdf(1.0)
    assert pickle.loads(pickle.dumps(stats.norm)) is stats.norm


@pytest.mark.parametrize(
    ("method", "arguments", "match"),
    [
        ("rvs", (), "Draw with plain parameters"),
        ("fit", ([1.0],), "minimise"),
        ("expect", (), "Write the integral"),
        ("moment", (2,), "Write mean"),
    ],
)
def test_methods_without_derivative_say_what_to_write(method, arguments, match):
    with pytest.raises(MissingRuleError, match=match):
        getattr(stats.norm, method)(*arguments, gd.node(0.1))


def test_intervals_and_the_first_two_moments():
    def f(a, loc, scale, confidence):
        rv = stats.gamma(a, loc=loc, scale=scale)
        ends = stats.beta.interval(confidence, a, 2.0, loc=loc)
        return [rv.stats(), rv.stats(moments="v"), rv.interval(confidence), ends]

    point = (2.0, 0.1, 1.5, np.array([0.5, 0.9]))
    gd.check_gradients(f, point)
    known = f(*point)
    for ours, plain in zip(f(*map(gd.node, point)), known, strict=True):
        np.testing.assert_allclose(gd.value(ours), plain, rtol=1e-13)
    counted = stats.poisson.stats(gd.node(2.5), moments="mv")
    assert gd.value(counted) == (2.5, 2.5)
    with pytest.raises(MissingRuleError, match="moments='mv' alone"):
        stats.norm.stats(gd.node(0.1), moments="mvsk")


def test_distributions_without_formulas_say_so():
    with pytest.raises(MissingRuleError, match=r"landau\.pdf cannot take nodes"):
        stats.landau.pdf(gd.node(0.1))
    assert stats.landau.pdf(0.1) == S.landau.pdf(0.1)
    assert stats.ttest_1samp is not None
    assert stats.norm.name == "norm"


def test_parameters_that_are_not_allowed_give_nan():
    x = np.array([0.5, 1.0])
    scale = np.array([1.0, -1.0])
    want = S.norm.logpdf(x, 0.0, scale)
    got, slopes = gd.vjp(lambda x, s: stats.norm.logpdf(x, 0.0, s), x, scale)
    same(got, want, 1e-14)
    x_bar, scale_bar = slopes(np.array([1.0, 1.0]))
    assert np.isnan(x_bar).tolist() == [False, True]
    assert np.isnan(scale_bar).tolist() == [False, True]
    assert np.isnan(gd.value(stats.gamma.pdf(1.0, gd.node(-1.0))))
    assert np.isnan(gd.value(stats.norm.ppf(gd.node(1.5))))


def test_what_is_no_number_has_no_derivative():
    x = np.array([np.nan, 1.0])
    for f in (
        lambda a: stats.norm.logpdf(x, a),
        lambda a: stats.expon.sf(x, a),
        lambda a: stats.gamma.logcdf(x, 2.0, loc=a),
        lambda a: stats.poisson.pmf(x, 2.0 + a),
        lambda a: stats.betabinom.cdf(x, 4, 2.0 + a, 1.5),
    ):
        jacobian = gd.jacobian(f)(0.1)
        assert np.isnan(gd.value(f(gd.node(0.1)))).tolist() == [True, False]
        assert np.isnan(jacobian).tolist() == [True, False]


def test_lists_keywords_and_kinds_of_numbers():
    same(
        gd.value(stats.norm.pdf([gd.node(0.1), 0.2], scale=2)),
        S.norm.pdf([0.1, 0.2], scale=2),
        1e-14,
    )
    same(
        gd.value(stats.beta.logpdf(0.3, b=gd.node(2.0), a=1, loc=0)),
        S.beta.logpdf(0.3, 1, 2),
        1e-14,
    )
    single = gd.grad(lambda x: stats.norm.logpdf(x).sum())(np.ones(2, np.float32))
    assert single.dtype == np.float32
    assert gd.value(stats.norm.pdf(gd.node(np.zeros((0, 2))))).shape == (0, 2)
    assert isinstance(gd.grad(stats.norm.logpdf)(0.5), float)


def test_shapes_at_limits_are_smooth():
    x = np.array([0.2, 1.1])
    for d in (stats.genextreme, stats.genpareto):
        gd.check_gradients(lambda c, d=d: d.logpdf(x, c), (0.0,))
        gd.check_gradients(lambda c, d=d: d.logsf(x, c), (1e-9,))
    same(gd.value(stats.t.logpdf(gd.node(x), np.inf)), S.norm.logpdf(x), 1e-13)


def test_tails_keep_their_digits():
    for d, x in ((stats.expon, 1e-20), (stats.norm, -40.0), (stats.gumbel_r, -6.0)):
        plain = getattr(S, d.name).logcdf(x)
        same(gd.value(d.logcdf(gd.node(x))), plain, 1e-12, what=d.name)
    assert gd.value(stats.lomax.logsf(gd.node(1e300), 2.0)) == pytest.approx(
        S.lomax.logsf(1e300, 2.0)
    )
    for a, terms in ((1.0, 1.0), (3.0, 1.0 + 1e3 + 5e5)):
        got, slope = gd.value_and_grad(stats.gamma.logsf)(1000.0, a)
        assert got == pytest.approx(np.log(terms) - 1000.0, rel=1e-13)
        assert slope == pytest.approx(
            -(1e3 ** (a - 1)) / terms / max(a - 1, 1), rel=1e-9
        )
    below, above = (gd.value(stats.gamma.logsf(900.0, gd.node(a))) for a in (2.4, 2.6))
    slope = gd.grad(stats.gamma.logsf, 1)(900.0, 2.5)
    assert slope == pytest.approx((above - below) / 0.2, rel=1e-3)
    assert gd.grad(stats.norm.logsf)(40.0) == pytest.approx(-40.02496884)


# ------------------------------------------------------------------ limits and mixtures


def test_pearsons_third_is_smooth_where_it_is_normal():
    d, x = SMOOTH["pearson3"], 1.3
    density = stats.norm.pdf(x)
    assert gd.grad(lambda k: d.logpdf(x, k))(0.0) == pytest.approx((x**3 - 3 * x) / 6)
    assert gd.hessian(lambda k: d.logpdf(x, k))(0.0) == pytest.approx(
        0.0238208333333333, rel=1e-10
    )
    slope = -(x * x - 1) / 6 * density  # of Edgeworth's series
    for k in (0.0, 1e-9, -1e-9):
        assert gd.grad(lambda k: d.cdf(x, k))(k) == pytest.approx(slope, rel=1e-7)
    for k in (0.3, -0.49, 0.51, 1.7):
        gd.check_gradients(lambda k: d.cdf(np.array([-0.4, x]), k), (k,), order=2)


def test_kappa_has_its_limits():
    d, x = SMOOTH["kappa4"], np.array([-0.3, 0.7])
    for h, k, other in (
        (0.0, 0.0, stats.gumbel_r),
        (-1.0, 0.0, stats.logistic),
        (0.0, 0.3, stats.genextreme(0.3)),
    ):
        for name in ("logpdf", "cdf", "ppf"):
            at = np.array([0.2, 0.7]) if name == "ppf" else x
            z = getattr(d, name)(gd.node(at), h, k).value
            np.testing.assert_allclose(z, getattr(other, name)(at), rtol=1e-12)
        gd.check_gradients(lambda h, k: d.logpdf(x, h, k), (h, k), order=2)


def test_noncentral_ratios_are_in_few_degrees_of_freedom_too():
    x = np.array([0.4, 1.3, 3.0])
    for dfd in (0.7, 2.0, 2.5):
        gd.check_gradients(
            lambda x, nc, n=dfd: SMOOTH["ncf"].cdf(x, 3.0, n, nc), (x, 1.2), order=2
        )
    gd.check_gradients(lambda x, nc: SMOOTH["nct"].pdf(x - 1.0, 0.6, nc), (x, 0.8))
    gd.check_gradients(lambda nc: SMOOTH["nct"].cdf(x - 1.0, 1.1, nc), (0.0,), order=2)
    for df in (0.3, 0.8, 1.0):
        gd.check_gradients(
            lambda x, nc, n=df: SMOOTH["nct"].cdf(x - 1.0, n, nc), (x, 0.8), order=2
        )
    for name, shapes in (("nct", (2.0, 0.5)), ("ncf", (2.0, 3.0, 0.5))):
        with pytest.raises(MissingRuleError, match="degrees of freedom write"):
            gd.grad(SMOOTH[name].cdf, 1)(0.5, *shapes)
