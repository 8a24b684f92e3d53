"""``chainrule.scipy.ndimage``: SciPy's values, and derivatives in every mode."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, MissingRuleError
from tests.helpers import assert_close
from tests.scipy.composed import check, same

theirs = pytest.importorskip("scipy.ndimage")
from chainrule.scipy import boundaries, ndimage  # noqa: E402
from chainrule.scipy.ndimage.interpolations import scattered  # noqa: E402

RNG = np.random.default_rng(0)
LINE, IMAGE, BOX = (RNG.normal(size=s) for s in ((7,), (5, 6), (3, 4, 4)))
W1, W2 = RNG.normal(size=4), RNG.normal(size=(2, 3))
FOOT = np.array([[1, 0, 1], [1, 1, 0]])
MODES = (
    "reflect", "constant", "nearest", "mirror", "wrap",
    "grid-mirror", "grid-constant", "grid-wrap",
)  # fmt: skip
EXACT = {"reflect", "mirror", "grid-wrap"}


def distinct(shape):
    """Return an array whose entries are far from each other, in random order."""
    n = int(np.prod(shape))
    return (RNG.permutation(n) + RNG.uniform(0, 0.3, n)).reshape(shape)


def compare(name, x, *args, **kwargs):
    same(getattr(ndimage, name), getattr(theirs, name), x, *args, **kwargs)


def derive(name, x, *args, **kwargs):
    # In the corners an image that is mirrored has no gradient, and its length a kink.
    order = 1 if name.endswith("magnitude") and kwargs["mode"] == "mirror" else 2
    check(lambda x: getattr(ndimage, name)(x, *args, **kwargs), x, order=order)


def both(name, x, *args, **kwargs):
    compare(name, x, *args, **kwargs)
    derive(name, x, *args, **kwargs)


# ---------------------------------------------------------------------- linear filters

LINEAR = {
    "correlate1d": ((W1,), {"axis": 0, "origin": 1}),
    "convolve1d": ((W1,), {"axis": 0, "origin": -1}),
    "correlate": ((W2,), {"origin": (-1, 1)}),
    "convolve": ((W2,), {"axes": (1, 0), "origin": (0, -1)}),
    "gaussian_filter1d": ((0.8,), {"order": 2}),
    "gaussian_filter": (((0.7, 1.1),), {"order": (0, 1), "truncate": 3.0}),
    "uniform_filter1d": ((4,), {"axis": 0, "origin": 1}),
    "uniform_filter": ((3,), {"axes": (1,)}),
    "prewitt": ((), {"axis": 0}),
    "sobel": ((), {}),
    "laplace": ((), {"axes": (0,)}),
    "gaussian_laplace": ((0.8,), {}),
    "gaussian_gradient_magnitude": ((0.8,), {}),
}


@pytest.mark.thinned(5)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", LINEAR)
def test_linear_filters(name, mode):
    args, kwargs = LINEAR[name]
    kwargs = {**kwargs, "mode": mode}
    kwargs |= {"cval": 0.3} if "constant" in mode else {}
    both(name, IMAGE, *args, **kwargs)
    compare(name, IMAGE.astype(np.float32), *args, **kwargs)
    if name != "gaussian_gradient_magnitude":
        both(name, IMAGE + 1j * IMAGE[::-1], *args, **kwargs)


@pytest.mark.parametrize("name", ["correlate", "convolve", "correlate1d", "convolve1d"])
def test_weights_and_complex_ones(name):
    w = W1 if name.endswith("1d") else W2
    for mode in ("reflect", "constant"):
        f = functools.partial(getattr(ndimage, name), mode=mode, cval=0.4)
        check(f, IMAGE, w)
        check(f, IMAGE, w + 1j * w[::-1])
        compare(name, IMAGE, w + 1j * w[::-1], mode=mode, cval=0.4)


def test_sigma_may_be_a_node():
    def f(x, s):
        return ndimage.gaussian_filter(x, s, order=(0, 2), radius=4)

    check(f, IMAGE, np.array([0.7, 1.1]))
    check(lambda s: ndimage.gaussian_laplace(IMAGE, s), np.array(1.3), compiled=False)
    with pytest.raises(ArgumentError, match="radius="):
        gd.compile(lambda s: ndimage.gaussian_filter1d(LINE, s))(1.0)


def test_inputs_of_few_entries_and_none():
    for mode in MODES:
        both("gaussian_filter1d", np.array([0.3]), 1.2, mode=mode)
        both("correlate", IMAGE[:1, :2], np.ones((5, 7)), mode=mode)
    both("uniform_filter", np.zeros((0, 3)), 3)
    both("gaussian_filter", BOX, 0.6, axes=(2, 0), mode=("wrap", "mirror"))


def test_a_filter_without_an_edge_has_no_slope_nan():
    flat = np.ones((5, 5))
    f = functools.partial(ndimage.gaussian_gradient_magnitude, sigma=1.0)
    assert_close(gd.grad(lambda x: np.sum(f(x)))(flat), np.zeros((5, 5)), 1e-12)


# -------------------------------------------------------------------------- geometric


@pytest.mark.thinned(3)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", range(6))
def test_splines_in_values_and_coordinates(order, mode):
    given = {"order": order, "mode": mode}
    given |= {"cval": 0.3} if "constant" in mode else {}
    p = RNG.uniform(-2.4, 7.4, (2, 4)) + 0.02
    compare("map_coordinates", IMAGE, p, **given)
    compare("spline_filter1d", IMAGE, order, axis=0, mode=mode)
    derive("spline_filter1d", IMAGE, order, axis=0, mode=mode)
    if mode == "wrap" or order == 0:  # the spline jumps between the last and the first
        p = p % 3.4 + 0.3
    orders = min(order, 2)
    f = functools.partial(ndimage.map_coordinates, **given)
    check(lambda x: f(x, p), IMAGE)
    check(f, IMAGE, p, order=max(1, orders - 1), rtol=1e-4)


TRANSFORMS = {
    "shift": ([0.3, -1.7],),
    "zoom": ([1.5, 0.6],),
    "rotate": (33.0,),
    "affine_transform": ([[1.1, 0.2, 0.3], [-0.3, 0.8, -0.4]],),
    "geometric_transform": (lambda o: (0.8 * o[0] + 0.1, 0.2 * o[0] + o[1] * 0.7),),
}


@pytest.mark.thinned(5)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", TRANSFORMS)
def test_geometric_transforms_in_values(name, mode):
    for order, prefilter in ((1, True), (3, True), (2, False)):
        given = {"order": order, "mode": mode, "cval": 0.2, "prefilter": prefilter}
        both(name, IMAGE, *TRANSFORMS[name], **given)
        compare(name, IMAGE.astype(np.float32), *TRANSFORMS[name], **given)
    compare(name, IMAGE + 1j, *TRANSFORMS[name], mode=mode)


def test_what_says_where_may_be_a_node():
    given = {"order": 3, "mode": "mirror"}
    m, b = np.array([[1.1, 0.2], [-0.3, 0.8]]), np.array([0.21, -0.43])
    check(lambda x, m, b: ndimage.affine_transform(x, m, b, **given), IMAGE, m, b)
    whole = np.block([[m, b[:, None]], [0.0, 0.0, 1.0]])
    for rows in (2, 3):
        check(
            lambda m, k=rows: ndimage.affine_transform(
                IMAGE, np.concatenate([m, whole[2:k]]), output_shape=(3, 4), **given
            ),
            whole[:2],
        )
    check(lambda m, b: ndimage.affine_transform(IMAGE, m, b, **given), np.diag(m), b)
    check(lambda s: ndimage.shift(IMAGE, s, **given), np.array([0.3, -1.71]))
    check(lambda s: ndimage.shift(IMAGE, s, **given), np.array(0.3))
    check(lambda a: ndimage.rotate(IMAGE, a, reshape=False, **given), np.array(31.0))
    check(
        lambda a: ndimage.rotate(BOX, a, (0, 2), **given),
        np.array(31.0),
        compiled=False,
    )

    def bent(a):
        return ndimage.geometric_transform(
            LINE, lambda o, a: (a * o[0] ** 1.1,), extra_arguments=(a,), **given
        )

    check(bent, np.array(0.7), compiled=False)


def test_right_angles_turn_exactly():
    for order in (0, 1, 3):
        compare("rotate", IMAGE, 90, order=order)
        compare("rotate", BOX, -180, (0, 2), order=order)


def test_zooms_by_nodes_are_refused():
    with pytest.raises(ArgumentError, match="affine_transform"):
        ndimage.zoom(IMAGE, gd.node(2.0))
    both("zoom", IMAGE, 2.0, grid_mode=True, mode="grid-wrap")
    both("zoom", IMAGE, 1)


# -------------------------------------------------------------- ranks and morphology

RANKS = {
    "minimum_filter": ((3,), {}),
    "maximum_filter": (((2, 3),), {"origin": (0, 1)}),
    "minimum_filter1d": ((4,), {"axis": 0, "origin": 1}),
    "maximum_filter1d": ((3,), {}),
    "rank_filter": ((-2, 3), {}),
    "median_filter": ((), {"footprint": FOOT, "origin": (-1, 1)}),
    "percentile_filter": ((-30, 3), {}),
}
GREY = (
    "grey_erosion", "grey_dilation", "grey_opening", "grey_closing",
    "morphological_gradient", "morphological_laplace", "white_tophat", "black_tophat",
)  # fmt: skip
WINDOWS = (
    {"size": (2, 3), "origin": (-1, 0)},
    {"footprint": FOOT},
    {"structure": W2, "origin": (0, 1)},
    {"structure": W2, "footprint": FOOT},
)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", RANKS)
def test_rank_filters(name, mode):
    args, kwargs = RANKS[name]
    x = distinct((4, 5))
    both(name, x, *args, mode=mode, cval=7.45, **kwargs)
    compare(name, x.astype(np.float32), *args, mode=mode, cval=7.45, **kwargs)


@pytest.mark.thinned(5)
@pytest.mark.parametrize("window", WINDOWS, ids="-".join)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", GREY)
def test_grey_morphology(name, mode, window):
    both(name, distinct((4, 5)), **window, mode=mode, cval=7.45)


def test_structures_may_be_nodes_and_windows_span_some_axes():
    for name in GREY:
        f = getattr(ndimage, name)
        check(lambda x, s, f=f: f(x, structure=s), distinct((4, 5)), W2)
    both("median_filter", distinct((3, 4, 3)), (2, 3), axes=(2, 0))
    both(
        "maximum_filter", distinct((4, 5)), (2, 3), axes=(1, 0), mode=("wrap", "mirror")
    )


def test_ties_share():
    x = np.array([1.0, 2.0, 2.0, 0.0])
    g = gd.grad(lambda x: ndimage.maximum_filter(x, 3, mode="constant")[1])(x)
    assert_close(g, [0.0, 0.5, 0.5, 0.0], 1e-12)
    g = gd.grad(lambda x: ndimage.maximum_filter(-x, 3, mode="constant")[3])(x)
    assert_close(g, [0.0, 0.0, 0.0, -0.5], 1e-12)


# ------------------------------------------------------- frequencies and measurements


@pytest.mark.parametrize("mode", ["reflect", "constant", "wrap", "mirror"])
def test_ties_of_boxes_share_as_those_of_windows(mode):
    x = np.round(np.cos(np.arange(42.0).reshape(6, 7) ** 1.3), 1)
    weights = np.cos(np.arange(42.0)).reshape(6, 7)

    def filtered(x):
        z = ndimage.maximum_filter(x, (3, 4), mode=mode, cval=0.5, origin=(1, 0))
        return np.sum(z * weights)

    def by_windows(x):
        given = {"widths": ((2, 0), (2, 1)), "mode": mode, "cval": 0.5}
        longer = boundaries.extend(x, **given)
        shown = np.lib.stride_tricks.sliding_window_view(longer, (3, 4))
        return np.sum(np.max(shown, axis=(2, 3)) * weights)

    assert filtered(x) == pytest.approx(by_windows(x), rel=1e-14)
    assert_close(gd.grad(filtered)(x), gd.grad(by_windows)(x), 1e-13)
    t = np.sin(np.arange(42.0)).reshape(6, 7)
    assert_close(*(gd.jvp(f, (x,), (t,))[1] for f in (filtered, by_windows)), 1e-13)


@pytest.mark.parametrize(
    ("kind", "value"),
    [("gaussian", 1.3), ("uniform", [2, 3.0]), ("ellipsoid", 2), ("shift", [0.5, -1])],
)
def test_fourier_filters(kind, value):
    name = f"fourier_{kind}"
    half = np.fft.rfft2(IMAGE)
    for x, args in ((IMAGE, ()), (half, (6, 1)), (IMAGE.astype(np.float32), ())):
        compare(name, x, value, *args)
    derive(name, half, value, 6, 1)
    f = getattr(ndimage, name)
    if kind == "ellipsoid":
        with pytest.raises(ArgumentError, match="size"):
            f(IMAGE, gd.node(2.0))
    else:
        check(lambda x, v: f(x, v, 6, 1), half, np.asarray(value, float))
        assert_close(f(half, gd.node(value), 6, 1).value, f(half, value, 6, 1), 1e-12)


LABELS = np.random.default_rng(1).integers(0, 4, IMAGE.shape)
INDICES = ((None, None), (LABELS, None), (LABELS, 2), (LABELS, [1, 3, 1]),
           (LABELS, np.array([[0, 2]])), (LABELS * 100 - 5, [95, 295]))  # fmt: skip
MEASURES = ("sum", "sum_labels", "mean", "variance", "standard_deviation",
            "minimum", "maximum", "median", "center_of_mass", "extrema")  # fmt: skip


@pytest.mark.parametrize("name", MEASURES)
def test_measurements(name):
    x = distinct(IMAGE.shape)
    for labels, index in INDICES[:4] if name in MEASURES[-2:] else INDICES:
        f = functools.partial(getattr(ndimage, name), labels=labels, index=index)
        wanted, got = getattr(theirs, name)(x, labels, index), f(gd.node(x))
        if name == "extrema":
            assert got[2:] == wanted[2:]
            wanted, got = wanted[:2], got[:2]
        assert_close(np.asarray(gd.value(got)), np.asarray(wanted), 1e-12)
        check(lambda x, f=f: flat(f(x)), x, order=1, compiled=name != "extrema")


def flat(z):
    """Return the numbers of a result: the values of extrema, centres in one list."""
    z = z[:2] if isinstance(z, tuple) and len(z) == 4 else z
    if isinstance(z, list):
        return [np.stack(list(c)) for c in z]
    return (
        [np.asarray(v) if np.isscalar(v) else v for v in z]
        if isinstance(z, tuple)
        else z
    )


def test_parts_without_entries():
    x = gd.node(IMAGE)
    np.testing.assert_array_equal(ndimage.sum(x, LABELS, [1, 9]).value[1], 0.0)
    assert np.isnan(ndimage.mean(x, LABELS, [1, 9]).value[1])
    assert ndimage.maximum(x, LABELS, [1, 9]).value[1] == 0.0


# ------------------------------------------------------------------- what is no filter


def test_what_is_constant_or_refused():
    x = gd.node(IMAGE)
    assert ndimage.maximum_position(x) == theirs.maximum_position(IMAGE)
    wanted = theirs.label(IMAGE)
    np.testing.assert_array_equal(ndimage.label(x)[0], wanted[0])
    for f, match in (
        (lambda: ndimage.generic_filter(x, np.mean, 3), "plain arrays"),
        (lambda: ndimage.distance_transform_edt(x), "sampling"),
    ):
        with pytest.raises(MissingRuleError, match=match):
            f()
    for f, match in (
        (lambda: ndimage.convolve1d(np.arange(5), gd.node(W1)), "rounded"),
        (lambda: ndimage.sobel(x, output=int), "rounded"),
        (lambda: ndimage.sobel(x, output=np.zeros((5, 6))), "array"),
        (lambda: ndimage.correlate1d(x, W1, origin=3), "origin"),
        (lambda: ndimage.minimum_filter(x + 1j, 3), "order"),
        (lambda: ndimage.convolve1d(x, W1, mode="edge"), "boundary mode|not supported"),
    ):
        with pytest.raises((ArgumentError, RuntimeError), match=match):
            gd.value(f())


def test_output_dtypes():
    compare("gaussian_filter", IMAGE.astype(np.float32), 1.0, output=np.float64)
    compare("median_filter", IMAGE, 3, output=np.float32)
    compare("zoom", IMAGE, 2, output=np.float32)
    f = functools.partial(ndimage.gaussian_filter, sigma=1.0, output=np.float32)
    assert gd.grad(lambda x: np.sum(f(x)))(IMAGE).dtype == np.float64


def test_scipys_own_functions_name_ours():
    with pytest.raises(RuntimeError) as caught:
        gd.grad(lambda x: np.sum(theirs.sobel(x)))(IMAGE)
    assert "Write chainrule.scipy.ndimage.sobel(...)" in caught.value.__notes__[0]


@pytest.mark.parametrize("mode", ["reflect", "constant", "grid-constant", "wrap"])
@pytest.mark.parametrize("slopes", [(0, 0), (0, 1), (2, 0)])
def test_grids_of_coordinates_scatter_as_lists_of_them(mode, slopes):
    lines = np.array([-1.3, 0.4, 2.1, 7.7]), np.array([0.2, 3.3, 1.1, 5.0, -0.4])
    grid = np.stack(np.meshgrid(*lines, indexing="ij"))
    rng = np.random.default_rng(2)
    z = rng.normal(size=(4, 5)) + 1j * rng.normal(size=(4, 5))
    given = {"shape": (4, 3), "order": 3, "mode": mode, "slopes": slopes}
    for g in (z, z.real.astype(np.float32)):
        one = scattered(g, grid, **given)
        other = scattered(g.ravel(), grid.reshape(2, -1), **given)
        assert one.dtype == other.dtype == g.dtype
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
