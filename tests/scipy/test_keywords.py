"""Every keyword of ``chainrule.scipy``: SciPy's, and honoured or refused on nodes.

Functions are called as ``benchmarks.coverage`` does, with each keyword in turn at
values that are not its default and that SciPy itself takes.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from importlib import import_module

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ChainruleError

pytest.importorskip("scipy")
from benchmarks.coverage import samples

PARTS = (
    "special linalg signal signal.windows ndimage fft integrate interpolate "
    "spatial.distance spatial.transform stats sparse.linalg"
).split()

HANDED_ON = (
    "odeint solve_bvp solve_ivp BarycentricInterpolator LSQUnivariateSpline "
    "NearestNDInterpolator RectBivariateSpline RegularGridInterpolator splu dirichlet "
    "dirichlet_multinomial invwishart levy_stable matrix_normal multinomial "
    "multivariate_normal multivariate_t wishart"
).split()
"""What takes some of SciPy's keywords by ``**options`` and hands them to SciPy."""


def shown(function):
    """Return the parameters of a function: names, kinds and defaults."""
    return [
        (p.name, p.kind, repr(p.default).replace("(None, None)", "[None, None]"))
        for p in inspect.signature(function).parameters.values()
    ]


@pytest.mark.parametrize("part", PARTS)
def test_signatures_are_scipys(part):
    ours, theirs = (
        import_module(f"chainrule.scipy.{part}"),
        import_module(f"scipy.{part}"),
    )
    for name in {*dir(ours)} & {*dir(theirs)} - {*HANDED_ON}:
        mine, own = getattr(ours, name), getattr(theirs, name)
        if name.startswith("_") or mine is own or not callable(own):
            continue
        try:
            expected = shown(own)
        except (TypeError, ValueError):  # a function in C
            continue
        assert shown(mine) == expected, name


# ------------------------------------------------------------------------- the walk

WORDS = (
    "reflect constant nearest mirror wrap grid-wrap grid-mirror grid-constant full "
    "same valid interp ortho forward direct fft lu pinv gust hamming boxcar spectrum "
    "magnitude complex linear zeros even odd symmetric fill symm sym pos economic r "
    "right left cubic zero previous next slinear pchip makima natural clamped periodic "
    "less greater mean median freq diagonal max min analog"
).split()
ARRAYS = (
    *(np.array([0.5, 1.5, 1.0]), np.array([1.0, 2.0, 0.5, 1.5]), np.ones((3, 3))),
    *(np.array([True, False, True]), np.linspace(0.5, 1.5, 40)),
)
OTHERS = (0, 1, -1, 2, 3, 0.5, (0,), (0, 1), (1, 0), *ARRAYS, None, 8, np.float32)
LEFT = (
    "out output rng random_state seed workers check_finite overwrite_x overwrite_a "
    "overwrite_b overwrite_ab overwrite_data where full_output"
).split()
"""Keywords of other things than the result, and those that write into arrays."""

UNTRIED = {
    "median_filter mode": "the sample's image has a 0, as the constant beyond its ends",
    "inv assume_a": "SciPy leaves what is not on the diagonal as it was",
    "odeint": "SciPy warns of what it cannot integrate, and returns it",
    "hfft n": "SciPy's of no entries",
    "irfft n": "SciPy's of no entries",
    "filtfilt padlen": "a negative one",
    "medfilt2d kernel_size": "a negative one",
    "periodogram nfft": "of no entries",
    "logm disp": "None",
    "lstsq cond": "one that is an array",
    "pchip_interpolate der": "a negative one",
    "hilbert N": "True",
    "hilbert2 N": "True",
    "lp2hp_zpk wo": "complex zeros where SciPy's are real: of none",
    "jensenshannon base": "a negative one",
    "zscore ddof": "nan of as many as there are",
    "zmap ddof": "nan of as many as there are",
    "gstd ddof": "nan of as many as there are",
    "gzscore ddof": "nan of as many as there are",
    **{f"{name} ddof": "as zscore's" for name in ("tvar", "tstd", "tsem")},
    "f_oneway": "SciPy reads one sample as several",
    "expectile alpha": "1",
    "differential_entropy window_length": "one that is none",
    "energy_distance u_weights": "of other shapes",
    "energy_distance v_weights": "of other shapes",
    "wasserstein_distance u_weights": "of other shapes",
    "wasserstein_distance v_weights": "of other shapes",
    "chisquare ddof": "nan of as many as there are",
    "power_divergence ddof": "nan of as many as there are",
    "trim_mean axis": "several axes",
    "RegularGridInterpolator method": "SciPy solves by iteration, to 1e-6",
    "interpn method": "SciPy solves by iteration, to 1e-6",
}


def values(p):
    """Return values to try for a parameter."""
    if isinstance(p.default, bool):
        return [not p.default]
    if isinstance(p.default, str):
        return [w for w in WORDS if w != p.default]
    if isinstance(p.default, int):
        return [p.default + 1, 2, 3, 0, -1, (0, 1)]
    if isinstance(p.default, float):
        return [p.default + 0.5, 1.5 * p.default, 0.1]
    return [*OTHERS, *WORDS]


def numbers(z):
    return [np.asarray(gd.value(v)) for v in samples.numbers_of(z)]


def is_other(z, base):
    """Tell whether a keyword made a difference."""
    if len(z) != len(base):
        return True
    both = zip(z, base, strict=True)
    return not all(np.array_equal(a, b, equal_nan=True) for a, b in both)


def hold(what, sample, theirs, ours, expected):
    """Hold a call on nodes to SciPy's: values, and the slope in each operand."""
    plain = samples.plain(theirs, sample.call)
    for i in sample.moving:
        x = sample.operands[i]
        given = [gd.node(v) if j == i else v for j, v in enumerate(sample.operands)]
        try:
            found = numbers(sample.call(ours, *given))
        except ChainruleError:
            continue
        single = any(np.float32 == e.dtype for e in expected)
        for a, b in zip(found, expected, strict=True):
            assert (a.shape, a.dtype) == (b.shape, b.dtype), what
            size = np.nanmax(np.abs(b), initial=1e-6)
            rtol = 1e-4 if single else 1e-8
            np.testing.assert_allclose(a, b, rtol, rtol * size, err_msg=what)
        one = samples.of_one(plain, sample.operands, i)
        try:
            usable = not single and samples.is_smooth(one, x)
            wanted = samples.slope(one, x) if usable else np.nan
        except Exception:
            continue
        if np.isfinite(wanted):
            f = samples.of_one(
                lambda *v: samples.total(np, sample.call(ours, *v)), sample.operands, i
            )
            slope = np.sum(gd.grad(f)(x) * samples.direction(x))
            assert abs(slope - wanted) <= 1e-3 * max(abs(wanted), 1e-3), what


def walk(namespace):
    """Try every keyword of the functions of a namespace; return how many calls."""
    theirs, ours = import_module(namespace), import_module(f"chainrule.{namespace}")
    count = 0
    for name, sample in samples.samples(namespace):
        f = samples.found(theirs, name)
        if isinstance(sample, str) or isinstance(f, np.ufunc) or name in UNTRIED:
            continue
        base = numbers(sample.call(f, *map(np.copy, sample.operands)))
        for p in inspect.signature(f).parameters.values():
            if p.default is p.empty or p.name in LEFT or f"{name} {p.name}" in UNTRIED:
                continue
            tried = 0
            for value in values(p):
                given = {p.name: value}
                try:
                    expected = numbers(
                        sample.call(
                            functools.partial(f, **given),
                            *map(np.copy, sample.operands),
                        )
                    )
                    usable = tried < 4 and is_other(expected, base)
                except Exception:  # SciPy does not take it
                    continue
                if usable:
                    tried += 1
                    g = functools.partial(samples.found(ours, name), **given)
                    h = functools.partial(f, **given)
                    hold(f"{name}({p.name}={value!r})", sample, h, g, expected)
        count += 1
    return count


@pytest.mark.parametrize(
    "namespace",
    [
        *("scipy.ndimage", "scipy.fft", "scipy.spatial.distance"),
        *(
            pytest.param(f"scipy.{part}", marks=pytest.mark.slow)
            for part in "linalg signal interpolate integrate special stats".split()
        ),
    ],
)
def test_keywords_are_honoured_or_refused(namespace):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        assert walk(namespace) >= 7


# ----------------------------------------------------------------- words that are none


def refusals(namespace):
    """Return the calls with a word that SciPy refuses, and that end otherwise here."""
    theirs, ours = import_module(namespace), import_module(f"chainrule.{namespace}")
    for name, sample in samples.samples(namespace):
        f = samples.found(theirs, name)
        if isinstance(sample, str) or isinstance(f, np.ufunc):
            continue
        for p in inspect.signature(f).parameters.values():
            if p.default is p.empty or isinstance(p.default, bool) or p.name in LEFT:
                continue
            if (name, p.name) in NOT_READ:
                continue
            given = {p.name: "no such word"}
            wanted = error_of(sample, functools.partial(f, **given), None)
            if wanted is None or "multiple values" in str(wanted):
                continue
            g = functools.partial(samples.found(ours, name), **given)
            kinds = (
                type(wanted) if takes_words(name, p) else Exception,
                ChainruleError,
            )
            for i in sample.moving:
                found = error_of(sample, g, i)
                told = isinstance(found, kinds) and not isinstance(found, KeyError)
                if not told and not isinstance(found, type(wanted)):
                    yield f"{name}({p.name}=): {found!r}, where SciPy raises {wanted!r}"


QUICK = "ndimage fft spatial.distance spatial.transform".split()


def takes_words(name, p):
    """Tell whether a parameter is a choice by its word."""
    return isinstance(p.default, str) or (name, p.name) in CHOICES


NOT_READ = {
    ("qr", "lwork"), ("rq", "lwork"), ("eigvals_banded", "overwrite_a_band"),
    ("combine_pvalues", "weights"),
}  # fmt: skip
"""Parameters that SciPy checks, and that do not count for the result."""
CHOICES = {("iqr", "scale"), ("median_abs_deviation", "scale")}
"""Parameters that are numbers by default, and may be words."""


def error_of(sample, f, i):
    """Return the error of a call, its i-th operand a node; ``None`` without one."""
    operands = [
        gd.node(x) if j == i else np.copy(x) for j, x in enumerate(sample.operands)
    ]
    try:
        sample.call(f, *operands)
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(x, marks=[] if x in QUICK else pytest.mark.slow)
        for x in PARTS
        if x != "signal.windows"
    ],
)
def test_words_that_are_none_raise_as_scipys(part):
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        assert not list(refusals(f"scipy.{part}"))


@pytest.mark.parametrize("name", ["iqr", "median_abs_deviation"])
def test_the_scale_of_a_spread_is_a_number_or_normal(name):
    stats = import_module("chainrule.scipy.stats")
    f, x = getattr(stats, name), np.array([1.0, 4.0, 2.0])
    assert f(gd.node(x), scale="Normal").value == f(x, scale="Normal")
    with pytest.raises(ValueError, match=r"scale='other'.*'normal'"):
        f(gd.node(x), scale="other")
