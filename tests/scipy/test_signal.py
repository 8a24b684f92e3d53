"""``chainrule.scipy.signal``: SciPy's values, and derivatives in every argument."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, MissingRuleError
from tests.helpers import as_tuple, assert_close
from tests.scipy.composed import as_list, check, same, weighted

theirs = pytest.importorskip("scipy.signal")
from chainrule.scipy import signal  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 12))
LONG = RNG.normal(size=(2, 40))
B, A = np.array([0.3, -0.2, 0.5, 0.1]), np.array([1.5, -0.6, 0.3])
SOS = np.array([[0.3, 0.2, -0.1, 1.0, -0.5, 0.2], [1.0, 0.4, 0.3, 1.0, 0.3, -0.2]])
pytestmark = pytest.mark.filterwarnings("ignore")


def noise(*shape, complex=False):
    """Return random numbers of a shape."""
    x = RNG.normal(size=shape)
    return x + 1j * RNG.normal(size=shape) if complex else x


def compare(name, *args, nodes=(0,), rtol=1e-10, **kwargs):
    """Hold values with nodes among the arguments, and without, to SciPy's."""
    ours, f = getattr(signal, name), getattr(theirs, name)
    wanted = as_list(f(*args, **kwargs))
    plain = as_list(ours(*args, **kwargs))
    given = [gd.node(x) if i in nodes else x for i, x in enumerate(args)]
    of_nodes = as_list(gd.value(ours(*given, **kwargs)))
    for w, p, v in zip(wanted, plain, of_nodes, strict=True):
        np.testing.assert_array_equal(p, w)
        assert np.shape(v) == np.shape(w)
        assert np.asarray(v).dtype == np.asarray(w).dtype
        single = np.asarray(w).dtype in (np.float32, np.complex64)
        assert_close(v, w, 1e-5 if single else rtol)


def both(name, *args, nodes=(0,), order=2, compiled=True, rtol=1e-10, **kwargs):
    """Hold values to SciPy's, and derivatives in the arguments that are nodes."""
    compare(name, *args, nodes=nodes, rtol=rtol, **kwargs)

    def f(*moved):
        given = list(args)
        for i, x in zip(nodes, moved, strict=True):
            given[i] = x
        return getattr(signal, name)(*given, **kwargs)

    check(f, *(args[i] for i in nodes), order=order, compiled=compiled)


# ------------------------------------------------------------------------- convolution

SHAPES = [((5,), (3,)), ((2,), (4,)), ((3, 4), (2, 3)), ((2, 3), (3, 4))]
MODES = ("full", "same", "valid")


@pytest.mark.thinned(5)
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("name", "method"),
    [
        *itertools.product(("convolve", "correlate"), ("direct", "fft", "auto")),
        ("fftconvolve", None),
        ("oaconvolve", None),
    ],
)
def test_convolutions(name, method, mode, shapes):
    given = {"mode": mode} | ({"method": method} if method else {})
    for complex in (False, True):
        x, w = (noise(*s, complex=complex) for s in shapes)
        both(name, x, w, nodes=(0, 1), **given)
    compare(name, x.astype(np.complex64), w.astype(np.complex64), **given)
    compare(name, np.real(x).astype(np.float32), np.real(w).astype(np.float32), **given)


def test_convolutions_along_axes_and_of_numbers():
    for mode in MODES:
        both("fftconvolve", noise(3, 7), noise(1, 3), nodes=(0, 1), mode=mode, axes=1)
        both("oaconvolve", noise(2, 50), noise(2, 3), nodes=(0, 1), mode=mode, axes=-1)
        both("oaconvolve", noise(60), noise(3), nodes=(0, 1), mode=mode)
    both("convolve", np.array(2.0), np.array(3.0), nodes=(0, 1))
    compare("fftconvolve", np.zeros(0), np.ones(3))
    assert (
        gd.grad(lambda w: np.sum(signal.convolve([1, 2], w)))(np.ones(3)).tolist()
        == [3.0] * 3
    )


@pytest.mark.thinned(4)
@pytest.mark.parametrize("boundary", ["fill", "wrap", "symm"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_convolutions_of_images(name, mode, boundary):
    for s, t in (((4, 5), (3, 2)), ((2, 3), (4, 3)), ((3, 3), (2, 2))):
        for fill in (0, 0.7):
            given = {"mode": mode, "boundary": boundary, "fillvalue": fill}
            both(name, noise(*s), noise(*t), nodes=(0, 1), **given)
    compare(name, noise(4, 5), noise(2, 2, complex=True), mode=mode, boundary=boundary)


# ----------------------------------------------------------------------------- filters


@pytest.mark.thinned(4)
@pytest.mark.parametrize(
    ("b", "a"),
    [(B, A), (B[:2], A), (B, A[:1]), (B[:1], A), (B[:1], A[:1])],
    ids=lambda c: str(len(c)),
)
def test_filters_in_coefficients_signal_and_state(b, a):
    both("lfilter", b, a, X, nodes=(0, 1, 2))
    both("lfilter", b, a, X.T, 0, nodes=(0, 1, 2))
    single = (v.astype(np.float32) for v in (b, a, X))
    compare("lfilter", *single, nodes=(0,))
    count = max(len(b), len(a)) - 1
    if count:
        both("lfilter", b, a, X, -1, noise(2, count), nodes=(0, 1, 2, 4))
        both("lfilter", b, a, X[:, :2], -1, noise(1, count), nodes=(1, 2, 4))
        both("lfilter", b, a, X.T, 0, noise(count, 2), nodes=(0, 4))


def test_complex_filters():
    b, a = B + 0.1j, A + 0.2j
    both("lfilter", b, a, X + 1j, nodes=(0, 1, 2))
    both("lfilter", b, A, X, -1, noise(2, 3, complex=True), nodes=(0, 2, 4))


def test_long_weights_have_their_gradient_by_transforms():
    b = noise(250) / 250
    x = noise(2, 300)
    f = weighted(lambda b, x: signal.lfilter(b, [1.0], x))
    gd.check_gradients(f, (b, x), order=1)


def test_states():
    both("lfilter_zi", B, A, nodes=(0, 1))
    both("lfilter_zi", B[:2], np.concatenate([[0.0], A]), nodes=(0,))
    check(with_ones(signal.sosfilt_zi), SOS)
    both("lfiltic", B, A, noise(4), noise(2), nodes=(0, 1, 2, 3))
    both("lfiltic", B[:1], A, noise(1), nodes=(0, 1, 2))
    both("deconvolve", noise(6), A, nodes=(0, 1))
    compare("deconvolve", noise(2), A, nodes=())


def with_ones(f):
    """Return a function of sections whose leading coefficients stay 1."""
    mask = np.arange(6) == 3
    return lambda sos, *args, **kwargs: f(np.where(mask, 1.0, sos), *args, **kwargs)


@pytest.mark.thinned(4)
@pytest.mark.parametrize("padtype", ["odd", "even", "constant", None])
def test_filters_forward_and_backward(padtype):
    given = {"padtype": padtype, "padlen": 3}
    both("filtfilt", B, A, X[0, :6], nodes=(0, 1, 2), **given)
    both("filtfilt", B, A, X.T, nodes=(2,), axis=0, **given)
    both("sosfiltfilt", SOS, X, nodes=(1,), **given)
    check(with_ones(functools.partial(signal.sosfiltfilt, **given)), SOS, X)
    compare("filtfilt", B, A, LONG, nodes=(2,))
    compare("sosfiltfilt", SOS, LONG.T, nodes=(1,), axis=0)


@pytest.mark.parametrize("irlen", [None, 4])
def test_filters_without_transients(irlen):
    given = {"method": "gust", "irlen": irlen, "rtol": 1e-7}
    both("filtfilt", B, A, X[0], nodes=(0, 1, 2), order=1, compiled=False, **given)
    both("filtfilt", B[:2], A, X.T, nodes=(2,), axis=0, **given)
    compare("filtfilt", B[:1], A[:1], X, nodes=(2,), **given)


def test_filters_in_sections():
    both("sosfilt", SOS, X, nodes=(1,))
    both("sosfilt", SOS, X.T, 0, noise(2, 2, 2), nodes=(1, 3))
    check(with_ones(signal.sosfilt), SOS, X)
    check(with_ones(functools.partial(signal.sosfilt, zi=noise(2, 2, 2))), SOS, X)


# ------------------------------------------------------- smoothing, trends, resampling


@pytest.mark.thinned(4)
@pytest.mark.parametrize("mode", ["interp", "mirror", "constant", "nearest", "wrap"])
def test_savgol(mode):
    for window, deriv in ((5, 0), (6, 1), (7, 2)):
        given = {"deriv": deriv, "delta": 0.5, "mode": mode, "rtol": 1e-8}
        both("savgol_filter", X, window, 3, **given)
        both("savgol_filter", X.T, window, 2, axis=0, **given)
    compare("savgol_filter", X.astype(np.float32), 5, 2, mode=mode)


def test_trends():
    both("detrend", X)
    both("detrend", X.T, 0, bp=[4, 9])
    both("detrend", X, type="constant")
    both("detrend", X + 1j * X[::-1])
    compare("detrend", X.astype(np.float32))


def test_analytic_signals_and_chirp_z():
    for n in (None, 9, 14):
        both("hilbert", X, n)
        both("hilbert", X.T[:11], n, 0)
    both("hilbert2", X)
    both("hilbert2", X, (4, 6))
    both("hilbert2", X[None], axes=(2, 1))
    both("czt", X, 5, np.exp(-0.1j), 0.9)
    both("czt", X.T + 1j, axis=0, compiled=False)
    both("zoom_fft", X, [0.2, 0.7], 6)


@pytest.mark.thinned(2)
@pytest.mark.parametrize("num", [5, 6, 12, 13, 20])
def test_resampling_by_frequencies(num):
    for x in (X, X[:, :11], X + 1j * X[::-1]):
        both("resample", x, num, axis=1)
        both("resample", x.T, num, window="hamming")
    both("resample", X[0], num, t=np.arange(12.0) / 4)
    both("resample", X[0] + 0j, num, domain="freq")
    w = 1 + noise(12) ** 2
    check(lambda x, w: signal.resample(x, num, window=w, axis=1), X, w)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("up_down", [(1, 1), (2, 1), (1, 3), (3, 2), (4, 5)], ids=str)
@pytest.mark.parametrize("count", [1, 4, 9])
def test_resampling_by_filters(count, up_down):
    h = noise(count)
    both("upfirdn", h, X, *up_down, nodes=(0, 1))
    both("upfirdn", h + 1j, X.T, *up_down, 0, nodes=(0, 1))
    for mode in ("wrap", "edge", "symmetric", "reflect", "line", "smooth"):
        both("upfirdn", h, X, *up_down, -1, mode, nodes=(0, 1))
    both("upfirdn", h, X, *up_down, -1, "constant", 0.7, nodes=(0, 1))


@pytest.mark.thinned(4)
@pytest.mark.parametrize(
    "padtype",
    ["constant", "mean", "median", "minimum", "maximum", "wrap", "edge", "line"],
)
def test_polyphase_resampling(padtype):
    for up, down in ((2, 1), (2, 3), (3, 3)):
        both("resample_poly", X, up, down, 1, padtype=padtype)
    check(lambda x, h: signal.resample_poly(x, 2, 3, 1, h, padtype), X, noise(7))
    compare("resample_poly", X.astype(np.float32), 2, 3, 1, padtype=padtype)


def test_decimation():
    for ftype, zero in itertools.product(("iir", "fir"), (True, False)):
        both("decimate", LONG, 3, ftype=ftype, zero_phase=zero, rtol=1e-8)
        compare("decimate", LONG.T, 2, 4, ftype=ftype, axis=0, zero_phase=zero)


def test_medians_and_wiener():
    x = RNG.permutation(30).reshape(5, 6) + RNG.uniform(0, 0.3, (5, 6)) - 15
    both("medfilt", x)
    both("medfilt", x, (1, 5))
    both("medfilt2d", x, 3)
    both("order_filter", x, np.array([[1, 0, 1]]), 1)
    both("wiener", x, compiled=False)
    both("wiener", x, (3, 1), 50.0, nodes=(0, 2), compiled=False)


# ----------------------------------------------------------------------------- spectra

CUTS = (
    {"nperseg": 16},
    {"nperseg": 15, "noverlap": 4, "nfft": 20, "detrend": "linear"},
    {"nperseg": 12, "window": "hamming", "detrend": False, "scaling": "spectrum"},
    {"nperseg": 16, "return_onesided": False},
)


def without(given, *names):
    return {k: v for k, v in given.items() if k not in names}


@pytest.mark.thinned(4)
@pytest.mark.parametrize("cut", CUTS, ids="-".join)
def test_averaged_spectra(cut):
    y = noise(2, 40)
    both("welch", LONG, 2.0, **cut)
    both("welch", LONG.T, axis=0, average="median", **cut)
    both("csd", LONG, y, 2.0, nodes=(0, 1), **cut)
    both("csd", LONG, y[:, :30], nodes=(0, 1), **cut)
    given = without(cut, "scaling", "return_onesided")
    both("coherence", LONG, y, nodes=(0, 1), rtol=1e-8, **given)
    compare("welch", LONG.astype(np.float32), **cut)
    compare("csd", LONG + 1j * y, y, **cut)


@pytest.mark.thinned(4)
@pytest.mark.parametrize("cut", CUTS, ids="-".join)
def test_spectra_one_after_the_other(cut):
    for mode in ("psd", "complex", "magnitude", "angle"):
        both("spectrogram", LONG, 3.0, mode=mode, **cut)
    compare("spectrogram", LONG.T, axis=0, mode="phase", rtol=1e-8, **cut)
    psd = cut | ({"scaling": "psd"} if "scaling" in cut else {})
    both("stft", LONG, 2.0, **psd)
    both("stft", LONG.T, axis=0, boundary=None, padded=False, **psd)
    compare("stft", LONG, boundary="odd", **psd)
    if "noverlap" not in cut:
        z = theirs.stft(LONG, **psd)[2]
        given = without(psd, "return_onesided", "detrend")
        given["input_onesided"] = "return_onesided" not in cut
        both("istft", z, **given)
        turned = np.moveaxis(z, (-2, -1), (0, 1))
        both("istft", turned, time_axis=1, freq_axis=0, **given)


def test_periodograms_and_windows_that_are_nodes():
    both("periodogram", X)
    both("periodogram", X, 2.0, "hann", 16, scaling="spectrum")
    both("periodogram", X.T, nfft=10, axis=0)
    w = 1.5 + np.cos(np.arange(10))

    def f(x, w):
        return signal.welch(x, window=w, noverlap=3)

    check(f, LONG, w)
    check(lambda x, w: signal.stft(x, window=w, nperseg=None)[2], LONG, w)


@pytest.mark.parametrize("normalize", [False, True, "amplitude"])
def test_lombscargle(normalize):
    t, y, f = np.sort(noise(9)), noise(9), np.linspace(0.3, 3, 4)
    for floating_mean in (False, True):
        given = {"normalize": normalize, "floating_mean": floating_mean}
        both("lombscargle", t, y, f, nodes=(0, 1, 2), rtol=1e-8, **given)
    g = functools.partial(signal.lombscargle, t, y, f, normalize=normalize)
    check(lambda w: g(weights=w), 0.5 + noise(9) ** 2)


# --------------------------------------------------------- responses, waves and windows


@pytest.mark.parametrize("w", [5, np.array([0.1, 0.5, 1.3])], ids=["count", "given"])
def test_responses(w):
    z, p = np.array([0.3, -0.4 + 0.2j]), np.array([0.1 + 0.5j, 0.1 - 0.5j])
    both("freqz", B, A, w, fs=3.0, nodes=(0, 1))
    both("freqz", B, 1, w, whole=True)
    compare("freqz_sos", SOS, w)
    compare("sosfreqz", SOS, w)
    check(with_ones(functools.partial(signal.freqz_sos, worN=w)), SOS)
    both("freqz_zpk", z, p, 2.0, w, nodes=(0, 1), order=1)
    both("freqs_zpk", z, p, 2.0, w, nodes=(0, 1), order=1, compiled=False)
    both("freqs", B, A, w, nodes=(0, 1), compiled=False, rtol=1e-8)
    delays = signal.group_delay((gd.node(B), A), w)
    for value, wanted in zip(delays, theirs.group_delay((B, A), w), strict=True):
        assert_close(value, wanted, 1e-10)
    check(lambda b, a: signal.group_delay((b, a), w)[1], B, A)
    if np.ndim(w):
        check(lambda w: signal.freqz(B, A, w)[1], w)


T = np.linspace(0.02, 1.5, 9)


@pytest.mark.parametrize("method", ["linear", "quadratic", "logarithmic", "hyperbolic"])
def test_chirps(method):
    args = (T, 2.0, 1.1, 5.0, method, 30.0)
    compare("chirp", *args, nodes=(0, 1, 2, 3, 5))

    def f(t, f0, t1, f1, phi):
        return signal.chirp(t, f0, t1, f1, method, phi)

    check(f, *args[:4], args[5], compiled=False, rtol=1e-2)
    check(f, *args[:4], args[5], compiled=False, order=1)
    both("chirp", *args, nodes=(0,), order=1, complex=True, vertex_zero=False)


def test_other_waves():
    both(
        "gausspulse", T, 5.0, 0.4, -7.0, nodes=(0, 1, 2, 3), retenv=True, compiled=False
    )
    both("gausspulse", "cutoff", 5.0, nodes=(1,), compiled=False)
    both("sweep_poly", T, np.array([1.0, 2.0, 3.0]), 20.0, nodes=(0, 1, 2))
    compare("sweep_poly", T, np.poly1d([1.0, 2.0]))
    both("sawtooth", 10 * T, np.full(9, 0.3), nodes=(0, 1))
    compare("sawtooth", 10 * T)
    assert np.isnan(signal.sawtooth(gd.node(1.0), 1.5).value)
    np.testing.assert_array_equal(signal.square(gd.node(T)), theirs.square(T))


WINDOWS = {
    "gaussian": (1.5,), "general_gaussian": (1.2, 1.5), "kaiser": (3.0,),
    "general_hamming": (0.6,), "general_cosine": (np.array([0.5, 0.3, 0.2]),),
}  # fmt: skip


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_in_their_parameters(name):
    f, args = getattr(signal.windows, name), WINDOWS[name]
    for count, sym in itertools.product((1, 6, 7), (True, False)):
        got = f(count, *map(gd.node, args), sym=sym)
        wanted = getattr(theirs.windows, name)(count, *args, sym=sym)
        assert_close(gd.value(got), wanted, 1e-12)
        np.testing.assert_array_equal(f(count, *args, sym=sym), wanted)
    check(lambda *a: f(7, *a), *map(np.asarray, args), compiled=name != "kaiser")
    check(lambda t: signal.windows.exponential(6, 2.3, t, False), np.asarray(1.5))


def test_peaks():
    x = np.sin(np.arange(40) * 0.7) + 0.1 * np.arange(40) ** 0.5 + 0.05 * LONG[0]
    given = {"height": 0.1, "threshold": 0.0, "prominence": 0.1, "width": 0.5}
    places, found = signal.find_peaks(gd.node(x), distance=2, plateau_size=1, **given)
    where, wanted = theirs.find_peaks(x, distance=2, plateau_size=1, **given)
    np.testing.assert_array_equal(places, where)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert_close(gd.value(found[name]), value, 1e-12)
    names = [k for k in found if isinstance(found[k], gd.node)]
    assert len(names) == 8

    def f(x):
        properties = signal.find_peaks(x, **given)[1]
        return [properties[k] for k in names]

    check(f, x, compiled=False)
    compare("peak_prominences", x, where)
    compare("peak_widths", x, where, 0.7)
    check(lambda x: signal.peak_widths(x, where, 0.3)[0], x, compiled=False)


# -------------------------------------------------------------- what is no function


def test_what_is_constant_or_refused():
    x = gd.node(LONG[0])
    np.testing.assert_array_equal(signal.argrelmax(x), theirs.argrelmax(LONG[0]))
    assert signal.choose_conv_method(x, x) in ("fft", "direct")
    np.testing.assert_array_equal(signal.firwin(5, 0.3), theirs.firwin(5, 0.3))
    for f, match in (
        (lambda: signal.filtfilt(B, A, x, method="padded"), "pad, gust"),
        (lambda: signal.upfirdn(B, x, mode="antireflect"), "symmetric"),
        (lambda: signal.lfilter(B, A, x, zi=np.zeros(7)), "needs"),
        (lambda: signal.convolve(x, np.ones((2, 2))), "dimensions"),
        (lambda: signal.correlate(x[:, None], np.ones((2, 50)), "valid"), "valid"),
        (lambda: signal.hilbert(x + 1j), "real"),
        (lambda: signal.freqz(x, plot=print), "plot"),
        (lambda: signal.chirp(T, gd.node(2.0), 1.0, 2.0, "log"), "linear"),
        (lambda: signal.filtfilt(B, A, x[:4]), "padlen"),
        (lambda: signal.decimate(x, 2, ftype=theirs.dlti(B, A)), "sosfiltfilt"),
    ):
        with pytest.raises(ArgumentError, match=match):
            f()


def test_scipys_own_functions_name_ours():
    with pytest.raises(NotImplementedError) as caught:
        gd.grad(lambda x: np.sum(theirs.lfilter(B, A, x)))(X)
    assert "Write chainrule.scipy.signal.lfilter(...)" in caught.value.__notes__[0]


def test_lists_of_nodes():
    c = gd.node(0.5)
    y = signal.lfilter([1.0, c], [1.0, -c], [1.0, 0.0, 0.0])
    assert_close(y.value, [1.0, 1.0, 0.5], 1e-12)
    same(signal.hilbert, theirs.hilbert, X)


DESIGNS = {
    "butter low": (lambda w: signal.butter(3, w), 0.3),
    "butter high, fs": (lambda w: signal.butter(4, w, "high", fs=20.0), 3.0),
    "butter band": (lambda w: signal.butter(2, w, "band"), [0.2, 0.45]),
    "butter stop": (lambda w: signal.butter(3, w, "bandstop"), [0.2, 0.45]),
    "butter analog": (lambda w: signal.butter(3, w, analog=True), 0.3),
    "butter zpk": (lambda w: signal.butter(3, w, output="zpk"), 0.3),
    "cheby1 odd": (lambda w: signal.cheby1(3, w, 0.3), 0.5),
    "cheby1 even": (lambda w: signal.cheby1(4, w, 0.3, "high"), 0.5),
    "cheby2": (lambda w: signal.cheby2(3, w, 0.3), 30.0),
    "cheby2 stop": (lambda w: signal.cheby2(4, w, [0.2, 0.4], "stop"), 30.0),
    "ellip": (lambda w: signal.ellip(3, 0.5, 30.0, w), 0.3),
    "bessel": (lambda w: signal.bessel(3, w, norm="mag"), 0.3),
    "iirfilter": (lambda w: signal.iirfilter(3, w, rp=0.5, ftype="cheby1"), [0.2, 0.4]),
    "notch": (lambda w: signal.iirnotch(w[0], w[1]), [0.3, 9.0]),
    "peak": (lambda w: signal.iirpeak(w[0], w[1], fs=3.0), [0.3, 9.0]),
    "firwin": (lambda w: signal.firwin(11, w), 0.3),
    "firwin even": (lambda w: signal.firwin(10, w, window="hann", fs=3.0), 0.7),
    "firwin band": (lambda w: signal.firwin(11, w, pass_zero="bandpass"), [0.2, 0.5]),
    "firwin high": (lambda w: signal.firwin(11, w, pass_zero=False, width=0.2), 0.4),
    "firwin plain": (lambda w: signal.firwin(11, w, scale=False), [0.2, 0.5]),
    "sections": (lambda w: signal.butter(5, w, output="sos"), 0.3),
    "sections band": (
        lambda w: signal.cheby1(2, 1.0, w, "band", output="sos"),
        [0.2, 0.4],
    ),
}


def response(found):
    """Return the sums of squares of what a design returns, each by a weight."""
    parts = found if isinstance(found, tuple) else (found,)
    total = 0.0
    for i, part in enumerate(parts):
        part = np.abs(np.asarray(part) if isinstance(part, float) else part)
        places = np.arange(1.0, np.size(part) + 1.0)
        total = total + np.sum(np.ravel(part) ** 2 * (places + i))
    return total


@pytest.mark.parametrize("name", DESIGNS)
def test_filters_are_designed_from_nodes(name):
    design, at = DESIGNS[name]
    at = np.array(at) if isinstance(at, list) else at
    plain = design(at)
    found = design(gd.node(at))
    if name == "butter zpk":  # roots are in another order
        assert response(plain[2]) == pytest.approx(response(gd.value(found[2])))
    for a, b in zip(as_tuple(plain), as_tuple(found), strict=True):
        if name != "butter zpk":
            assert_close(gd.value(b), a, 1e-9)
    gd.check_gradients(lambda w: response(design(w)), (at,), order=2)


def test_a_designed_filter_is_compiled_and_mapped():
    x = np.cos(np.arange(30.0) ** 1.3)

    def loss(w):
        b, a = signal.butter(3, w)
        return np.sum(signal.lfilter(b, a, x) ** 2)

    fast = gd.compile(gd.grad(loss))
    for w in (0.3, 0.4):
        assert_close(fast(w), gd.grad(loss)(w), 1e-9)
    edges = np.array([0.3, 0.4])
    each = np.array([gd.grad(loss)(w) for w in edges])
    assert_close(gd.vmap(gd.grad(loss))(edges), each, 1e-9)


def test_designs_refuse_what_has_no_derivative_and_keep_scipys_bits():
    ripple = gd.node(0.5)
    with pytest.raises(MissingRuleError, match="cheby1"):
        signal.ellip(3, ripple, 30.0, 0.3)
    with pytest.raises(MissingRuleError, match="zpk"):
        signal.butter(3, ripple, analog=True, output="sos")
    with pytest.raises(MissingRuleError, match="boxcar"):
        signal.firwin(11, 0.3, width=ripple)
    with pytest.raises(ValueError, match="0 < Wn"):
        signal.butter(3, gd.node(1.5))
    for ours, own in zip(signal.butter(3, 0.3), theirs.butter(3, 0.3), strict=True):
        assert np.array_equal(ours, own)
