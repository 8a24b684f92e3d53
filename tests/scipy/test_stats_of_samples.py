"""Distributions of vectors and matrices, density estimates, functions of samples."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import MissingRuleError

S = pytest.importorskip("scipy.stats")

from chainrule.scipy import stats  # noqa: E402

rng = np.random.default_rng(8)


def regular(n):
    """Return a regular covariance matrix."""
    a = rng.standard_normal((n, n))
    return a @ a.T + np.eye(n)


C, W = regular(3), regular(3)
MEAN, X = rng.standard_normal(3), rng.standard_normal((5, 3))
ALPHA = np.array([1.5, 2.5, 3.0])
COUNTS = np.array([1, 2, 3])


def shares(z):
    """Return numbers that sum to 1."""
    e = np.exp(z)
    return e / np.sum(e)


def even(a):
    """Return the symmetric part of a matrix."""
    return (a + a.T) / 2


def check(f, arguments, order=2):
    """Check values, derivatives and compiled gradients of ``f(module, *arguments)``."""

    def ours(*x):
        return f(stats, *x)

    want = f(S, *arguments)
    nodes = tuple(map(gd.node, arguments))
    got = gd.value(ours(*nodes))
    assert np.shape(got) == np.shape(want)
    np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-13)
    np.testing.assert_array_equal(ours(*arguments), want)  # SciPy's bits
    gd.check_gradients(ours, arguments, order=order, rtol=2e-5)
    gradient = gd.grad(lambda *x: np.sum(ours(*x)), tuple(range(len(arguments))))
    pairs = zip(gd.compile(gradient)(*arguments), gradient(*arguments), strict=True)
    for compiled, eager in pairs:
        np.testing.assert_allclose(compiled, eager, rtol=1e-9, atol=1e-12)


VECTORS = {
    "normal": (lambda s, x, m, c: s.multivariate_normal.logpdf(x, m, c), (X, MEAN, C)),
    "normal at one point": (
        lambda s, x, m, c: s.multivariate_normal.pdf(x, m, c),
        (X[0], MEAN, C),
    ),
    "normal of one variance": (
        lambda s, x, m, c: s.multivariate_normal.logpdf(x, m, c),
        (X, MEAN, 2.0),
    ),
    "normal of variances": (
        lambda s, x, c: s.multivariate_normal.logpdf(x, cov=c, mean=MEAN),
        (X, np.array([1.0, 2.0, 3.0])),
    ),
    "normal of one number": (
        lambda s, x, m, c: s.multivariate_normal.logpdf(x, m, c),
        (0.3, 0.1, 1.4),
    ),
    "normal of numbers": (lambda s, x: s.multivariate_normal.logpdf(x), (X[0],)),
    "normal entropy": (lambda s, c: s.multivariate_normal.entropy(MEAN, c), (C,)),
    "frozen": (lambda s, x, m, c: s.multivariate_normal(m, c).logpdf(x), (X, MEAN, C)),
    "frozen entropy": (lambda s, c: s.multivariate_normal(cov=c).entropy(), (C,)),
    "t": (
        lambda s, x, m, c, df: s.multivariate_t.logpdf(x, m, c, df),
        (X, MEAN, C, 3.5),
    ),
    "t density": (
        lambda s, x, df: s.multivariate_t(MEAN, C, df).pdf(x),
        (X[0], 3.5),
    ),
    "t entropy": (lambda s, c, df: s.multivariate_t.entropy(None, c, df), (C, 3.5)),
    "dirichlet": (lambda s, z, a: s.dirichlet.logpdf(shares(z), a), (MEAN, ALPHA)),
    "dirichlet without the last": (
        lambda s, z, a: s.dirichlet.pdf(shares(z)[:2], a),
        (MEAN, ALPHA),
    ),
    "dirichlet mean": (lambda s, a: s.dirichlet.mean(a), (ALPHA,)),
    "dirichlet var": (lambda s, a: s.dirichlet(a).var(), (ALPHA,)),
    "dirichlet cov": (lambda s, a: s.dirichlet.cov(a), (ALPHA,)),
    "dirichlet entropy": (lambda s, a: s.dirichlet(a).entropy(), (ALPHA,)),
    "multinomial": (
        lambda s, z: s.multinomial.logpmf(COUNTS, 6, shares(z)),
        (MEAN,),
    ),
    "dirichlet multinomial": (
        lambda s, a: s.dirichlet_multinomial.pmf(COUNTS, a, 6),
        (ALPHA,),
    ),
    "wishart": (
        lambda s, x, df, c: s.wishart.logpdf(even(x), df, even(c)),
        (W, 4.5, C),
    ),
    "wishart of several": (
        lambda s, x, df, c: s.wishart.logpdf(x, df, c),
        (np.stack([W, C], -1), 4.5, C),
    ),
    "wishart of a number": (
        lambda s, x, df, c: s.wishart.pdf(x, df, c),
        (1.2, 4.5, 2.0),
    ),
    "normal, perhaps singular": (
        lambda s, x, m, c: s.multivariate_normal.logpdf(x, m, even(c), True),
        (X, MEAN, C),
    ),
    "normal, one quantile": (
        lambda s, x, c: s.multivariate_normal.logpdf(x, None, even(c)),
        (X[:1, 0], C),
    ),
    "wishart mean": (lambda s, df, c: s.wishart.mean(df, c), (4.5, C)),
    "wishart var": (lambda s, df, c: s.wishart.var(df, c), (4.5, C)),
    "wishart entropy": (lambda s, df, c: s.wishart.entropy(df, c), (4.5, C)),
    "invwishart": (
        lambda s, x, df, c: s.invwishart.logpdf(even(x), df, even(c)),
        (W, 4.5, C),
    ),
    "invwishart mean": (lambda s, df, c: s.invwishart.mean(df, c), (4.5, C)),
    "invwishart entropy": (lambda s, df, c: s.invwishart.entropy(df, c), (4.5, C)),
    "matrix normal": (
        lambda s, x, m, r, c: s.matrix_normal.logpdf(x, m, r, c),
        (X[:2], X[2:4], C[:2, :2], W),
    ),
    "matrix normal entropy": (
        lambda s, r, c: s.matrix_normal.entropy(r, c),
        (C[:2, :2], W),
    ),
}


@pytest.mark.parametrize("case", VECTORS)
def test_vectors_and_matrices(case):
    check(*VECTORS[case], order=1)


@pytest.mark.thinned(6)
@pytest.mark.parametrize("case", VECTORS)
def test_second_derivatives_of_vectors_and_matrices(case):
    f, arguments = VECTORS[case]
    gd.check_gradients(lambda *x: f(stats, *x), arguments, rtol=1e-4)


def test_vectors_are_refused_as_scipy_does():
    x, m = gd.node(X), gd.node(MEAN)
    normal = stats.multivariate_normal
    with pytest.raises(ValueError, match="positive semidefinite"):
        normal.logpdf(x, MEAN, -C)
    with pytest.raises(ValueError, match="Dimension mismatch"):
        normal.logpdf(x, MEAN[:2], C)
    with pytest.raises(ValueError, match="simplex"):
        stats.dirichlet.logpdf(np.array([0.2, 0.9]), gd.node(ALPHA[:2]))
    for call in (normal.rvs, lambda mean: normal(mean).rvs()):
        with pytest.raises(MissingRuleError, match=r"multivariate_normal\.rvs"):
            call(m)
    with pytest.raises(MissingRuleError, match=r"multivariate_t\.cdf"):
        stats.multivariate_t.cdf(m)
    with pytest.raises(MissingRuleError, match="singular covariance"):
        normal.logpdf(x, MEAN, np.ones_like(C), True)
    with pytest.raises(MissingRuleError, match=r"multinomial\.pmf in 'x' .* counts"):
        stats.multinomial.pmf(gd.node([1.0, 2.0, 3.0]), 6, [0.2, 0.3, 0.5])
    frozen = normal(MEAN, C)
    np.testing.assert_array_equal(frozen.cov, S.multivariate_normal(MEAN, C).cov)


DATA, POINTS = rng.standard_normal((2, 7)), rng.standard_normal((2, 4))
WEIGHTS = rng.random(7) + 0.2


@pytest.mark.parametrize(
    ("f", "arguments"),
    [
        (lambda s, p: s.gaussian_kde(DATA)(p), (POINTS,)),
        (lambda s, d, p: s.gaussian_kde(d).logpdf(p), (DATA, POINTS)),
        (
            lambda s, d, p, w: s.gaussian_kde(d, weights=w).evaluate(p),
            (DATA, POINTS, WEIGHTS),
        ),
        (
            lambda s, d, w: s.gaussian_kde(d, "silverman", w).logpdf(POINTS),
            (DATA, WEIGHTS),
        ),
        (lambda s, d, p, b: s.gaussian_kde(d, b).pdf(p), (DATA, POINTS, 0.4)),
        (lambda s, d, p: s.gaussian_kde(d).pdf(p), (DATA[0], 0.3)),
        (lambda s, d, p: s.gaussian_kde(d).pdf(p), (DATA, POINTS[:, 0])),
    ],
)
def test_density_estimates(f, arguments):
    check(f, arguments)


def test_density_estimates_are_scipys_and_refuse_what_scipy_does():
    kde = stats.gaussian_kde(DATA)
    assert isinstance(kde, S.gaussian_kde)
    want = S.gaussian_kde(DATA).resample(2, seed=1)
    np.testing.assert_array_equal(kde.resample(2, seed=1), want)
    kde.set_bandwidth(gd.node(0.5))
    assert kde(POINTS).shape == (4,)
    with pytest.raises(MissingRuleError, match="resample"):
        kde.resample(2)
    with pytest.raises(ValueError, match="points have dimension 4"):
        kde(POINTS.T)
    with pytest.raises(ValueError, match="bw_method"):
        stats.gaussian_kde(gd.node(DATA), "other")


SAMPLE, OTHER = np.exp(X / 3), np.exp(rng.standard_normal((5, 3)) / 3)
SAMPLES = {
    "gmean": (lambda s, a, w: s.gmean(a, weights=w), (SAMPLE, OTHER)),
    "gmean of all": (lambda s, a: s.gmean(a, axis=None), (SAMPLE,)),
    "hmean": (lambda s, a, w: s.hmean(a, axis=1, weights=w), (SAMPLE, OTHER)),
    "pmean": (lambda s, a: s.pmean(a, 1.5, keepdims=True), (SAMPLE,)),
    "trim_mean": (lambda s, a: s.trim_mean(a, 0.2), (SAMPLE,)),
    "moment": (lambda s, a: s.moment(a, 3, axis=1), (SAMPLE,)),
    "moments": (lambda s, a: s.moment(a, [1, 2, 4]), (SAMPLE,)),
    "moment about": (lambda s, a: s.moment(a, 2, center=0.3), (SAMPLE,)),
    "skew": (lambda s, a: s.skew(a), (SAMPLE,)),
    "skew unbiased": (lambda s, a: s.skew(a, bias=False, keepdims=True), (SAMPLE,)),
    "kurtosis": (lambda s, a: s.kurtosis(a, axis=None), (SAMPLE,)),
    "kurtosis unbiased": (lambda s, a: s.kurtosis(a, 0, False, False), (SAMPLE,)),
    "sem": (lambda s, a: s.sem(a, axis=1), (SAMPLE,)),
    "variation": (lambda s, a: s.variation(a, ddof=1), (SAMPLE,)),
    "gstd": (lambda s, a: s.gstd(a), (SAMPLE,)),
    "zscore": (lambda s, a: s.zscore(a, ddof=1), (SAMPLE,)),
    "zscore of all": (lambda s, a: s.zscore(a, axis=None), (SAMPLE,)),
    "zmap": (lambda s, a, b: s.zmap(a, b), (SAMPLE, OTHER)),
    "gzscore": (lambda s, a: s.gzscore(a, axis=1), (SAMPLE,)),
    "entropy": (lambda s, p: s.entropy(p, axis=1), (SAMPLE,)),
    "relative entropy": (lambda s, p, q: s.entropy(p, q, base=2), (SAMPLE, OTHER)),
    "pearsonr": (
        lambda s, x, y: s.pearsonr(x, y).statistic,
        (SAMPLE[:, 0], OTHER[:, 0]),
    ),
    "pearsonr p": (
        lambda s, x, y: s.pearsonr(x, y, alternative="less")[1],
        (SAMPLE[:, 0], OTHER[:, 0]),
    ),
    "linregress": (
        lambda s, x, y: s.linregress(x, y).slope + s.linregress(x, y).intercept,
        (SAMPLE[:, 0], OTHER[:, 0]),
    ),
    "linregress p": (
        lambda s, x, y: s.linregress(x, y).pvalue,
        (SAMPLE[:, 0], OTHER[:, 0]),
    ),
    "linregress errors": (
        lambda s, x, y: s.linregress(x, y).stderr * s.linregress(x, y).intercept_stderr,
        (SAMPLE[:, 0], OTHER[:, 0]),
    ),
}


@pytest.mark.parametrize("case", SAMPLES)
def test_functions_of_samples(case):
    check(*SAMPLES[case])


def test_samples_without_spread_and_keywords_that_are_refused():
    same = gd.node(np.ones(4))
    assert np.isnan(gd.value(stats.skew(same)))
    assert np.isnan(gd.value(stats.kurtosis(same)))
    with pytest.raises(MissingRuleError, match="nan_policy='omit'"):
        stats.skew(same, nan_policy="omit")
    with pytest.raises(MissingRuleError, match="dtype="):
        stats.gmean(same, dtype=np.float32)
    with pytest.raises(ValueError, match="Proportion"):
        stats.trim_mean(same, 0.8)
    x, y = gd.node(1.0), gd.node(3.0)
    assert gd.value(stats.hmean([x, y])) == pytest.approx(1.5)


def test_a_line_is_unpacked_as_scipys():
    x, y = np.array([0.3, 0.6, 0.9, 1.4]), np.array([0.42, 0.75, 0.55, 1.2])
    line = stats.linregress(gd.node(x), y)
    slope, intercept, r, p, error = line
    expected = S.linregress(x, y)
    np.testing.assert_allclose(gd.value([slope, intercept, r, p, error]), expected)
    np.testing.assert_allclose(
        line.intercept_stderr.value, expected.intercept_stderr, rtol=1e-12
    )
