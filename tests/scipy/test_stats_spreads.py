"""Spreads, tests and transforms of samples: SciPy's values, and derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import MissingRuleError
from tests.scipy.composed import as_list

S = pytest.importorskip("scipy.stats")
from chainrule.scipy import stats  # noqa: E402

rng = np.random.default_rng(3)
X, Y = rng.normal(size=(11, 2)), rng.normal(size=(11, 2)) + 0.4
P = np.abs(X[:, 0]) + 0.2
LIMITS = {"limits": (-1.0, 1.2), "inclusive": (True, False)}

CALLS = {
    **{
        name: (lambda s, x, f=name: getattr(s, f)(x, axis=0, **LIMITS), X)
        for name in ("tmean", "tvar", "tstd", "tsem")
    },
    "tvar keepdims": (lambda s, x: s.tvar(x, axis=None, ddof=0, keepdims=True), X),
    "describe": (lambda s, x: [*s.describe(x, bias=False)[2:]], X),
    "iqr": (lambda s, x: s.iqr(x, 0, (10, 80), "normal", keepdims=True), X),
    "iqr lower": (lambda s, x: s.iqr(x, interpolation="lower"), X),
    "median_abs_deviation": (
        lambda s, x: s.median_abs_deviation(x, scale="normal", keepdims=True), X
    ),
    "median_abs_deviation about": (
        lambda s, x: s.median_abs_deviation(x, center=np.mean), X
    ),
    "expectile": (lambda s, x: s.expectile(x, 0.3, weights=P), X[:, 0]),
    "lmoment": (lambda s, x: s.lmoment(x), X),
    "lmoment of an order": (
        lambda s, x: s.lmoment(x, 3, axis=None, standardize=False), X
    ),
    **{
        f"differential_entropy {method}": (
            lambda s, x, m=method: s.differential_entropy(x, method=m, base=2), X
        )
        for method in ("auto", "van es", "vasicek", "ebrahimi")
    },
    "circvar": (lambda s, x: s.circvar(x, 3.0, axis=0), X),
    "circstd": (lambda s, x: s.circstd(x, 3.0, normalize=True, keepdims=True), X),
    "wasserstein_distance": (
        lambda s, x: s.wasserstein_distance(x, Y[:7, 0], P, P[:7] ** 2), X[:, 0]
    ),
    "wasserstein_distance in weights": (
        lambda s, w: s.wasserstein_distance(X[:, 0], Y[:, 0], w), P
    ),
    "energy_distance": (lambda s, x: s.energy_distance(x, Y[:7, 0]), X[:, 0]),
    "boxcox": (lambda s, x: s.boxcox(x, 0.3), P),
    "boxcox_llf": (lambda s, x: s.boxcox_llf(0.3, x), P),
    "boxcox_llf in its power": (lambda s, x: s.boxcox_llf(x[0], P), np.array([0.4])),
    "yeojohnson": (lambda s, x: s.yeojohnson(x, 0.3), X[:, 0]),
    "yeojohnson_llf": (lambda s, x: s.yeojohnson_llf(0.3, x), X),
    "yeojohnson_llf in its power": (
        lambda s, x: s.yeojohnson_llf(x[0], X[:, 0]), np.array([0.4])
    ),
    **{
        f"ttest {side}": (
            lambda s, x, a=side: s.ttest_1samp(x, 0.1, alternative=a), X
        )
        for side in ("less", "greater", "two-sided")
    },
    "ttest_rel": (lambda s, x: s.ttest_rel(x, Y, keepdims=True), X),
    "ttest_ind": (lambda s, x: s.ttest_ind(x, Y[:7]), X),
    "ttest_ind of Welch": (lambda s, x: s.ttest_ind(x, Y[:7], equal_var=False), X),
    "f_oneway": (lambda s, x: s.f_oneway(x, Y[:7], Y[5:]), X),
    "f_oneway of Welch": (lambda s, x: s.f_oneway(x, Y[:7], equal_var=False), X),
    "skewtest": (lambda s, x: s.skewtest(x, alternative="less"), X),
    "kurtosistest": (lambda s, x: s.kurtosistest(x, keepdims=True), X),
    "normaltest": (lambda s, x: s.normaltest(x), X),
    "jarque_bera": (lambda s, x: s.jarque_bera(x, axis=0), X),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_values_are_scipys_and_derivatives_those_of_differences(name):
    call, x = CALLS[name]
    wanted, found = as_list(call(S, x)), as_list(call(stats, gd.node(x)))
    for w, v, p in zip(wanted, found, as_list(call(stats, x)), strict=True):
        np.testing.assert_array_equal(p, w)
        assert np.shape(gd.value(v)) == np.shape(w)
        np.testing.assert_allclose(gd.value(v), w, rtol=1e-10, atol=1e-13)

    def f(x):
        return sum(np.sum(z * z) for z in as_list(call(stats, x)))

    gd.check_gradients(f, (x,), order=2, rtol=1e-4)
    if name != "expectile":  # whose weights SciPy finds by plain numbers
        slopes = gd.compile(gd.grad(f))(x)
        np.testing.assert_allclose(slopes, gd.grad(f)(x), rtol=1e-9, atol=1e-12)


def test_what_is_refused():
    x = gd.node(P)
    with pytest.raises(MissingRuleError, match="Give lmbda"):
        stats.boxcox(x)
    with pytest.raises(MissingRuleError, match="trim"):
        stats.ttest_ind(x, P, trim=0.1)
    with pytest.raises(MissingRuleError, match=r"np\.max"):
        stats.expectile(x, 1.0)
    with pytest.raises(MissingRuleError, match="correa"):
        stats.differential_entropy(x, method="correa")
    with pytest.raises(MissingRuleError, match=r"scipy\.stats\.shapiro has no"):
        stats.shapiro(x)
    assert stats.ttest_1samp(x, 0.0).df == 10.0


def test_lifted_functions_keep_scipys_results():
    def f(x):
        found = S.ttest_ind(x * np.ones(11), Y[:, 0])
        return found.statistic * found.df

    lifted = gd.lift(f)
    assert lifted(P) == f(P)
    gd.check_gradients(lifted, (P,))


@pytest.mark.parametrize("name", ["wasserstein_distance", "energy_distance"])
def test_distances_run_in_compiled_maps(name):
    f = getattr(stats, name)
    rng = np.random.default_rng(3)
    args = rng.normal(size=(3, 6)), rng.normal(size=(3, 5))
    slopes = gd.vmap(gd.grad(f, (0, 1)))
    for one, other in zip(gd.compile(slopes)(*args), slopes(*args), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("name", ["tmean", "tvar", "tstd", "differential_entropy"])
@pytest.mark.parametrize("count", [8, 40])
def test_spreads_keep_single_precision(name, count):
    x = np.random.default_rng(4).normal(size=count).astype(np.float32)
    given = {} if name == "differential_entropy" else {"limits": (-2.0, 2.0)}
    want = getattr(S, name)(x, **given)
    z = getattr(stats, name)(gd.node(x), **given).value
    assert z.dtype == want.dtype == np.float32
    np.testing.assert_allclose(z, want, rtol=1e-5)
