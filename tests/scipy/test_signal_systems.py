"""Linear systems, and filters of finite length: SciPy's values, and derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import MissingRuleError
from tests.scipy.composed import as_list, check

theirs = pytest.importorskip("scipy.signal")
from chainrule.scipy import signal  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Badly conditioned")
NUM, A = np.array([0.5, 1.0, 2.0]), np.array([1.0, 0.3, 2.0])
SHORT = A * np.array([1.0, 1.0, 0.2])
"""A denominator whose roots are inside the unit circle."""
T = np.arange(7.0) * 0.1
STATES = theirs.tf2ss(NUM, SHORT)[:3]


def two_by_two(a):
    return a[0] * np.array([[-1.0, 0.2], [0.1, -2.0]]), np.eye(2), np.ones((3, 2)), 0.0


CALLS = {
    "normalize": lambda s, a: s.normalize([[0.0, 0.0, 1.0], [0.0, 2.0, 3.0]], a),
    "normalize of zeros": lambda s, a: s.normalize([0.0, 0.0, 1.0], a),
    "tf2ss": lambda s, a: s.tf2ss(NUM, a),
    "tf2ss of a number": lambda s, a: s.tf2ss(a[:1], a[1:2]),
    "ss2tf": lambda s, a: s.ss2tf(*s.tf2ss(NUM, a)),
    "zpk2ss": lambda s, a: s.zpk2ss([-1.0], -a, 2.0),
    "abcd_normalize": lambda s, a: s.abcd_normalize(np.eye(2) * a[0], None, [1.0, 2.0],
                                                    [[1.0]]),
    "sos2tf": lambda s, a: s.sos2tf(np.reshape(np.concatenate([a, a, a, a]), (2, 6))),
    "bilinear": lambda s, a: s.bilinear(NUM[1:], a, 3.0),
    "lp2lp": lambda s, a: s.lp2lp(NUM[1:], a, a[2]),
    "lp2hp": lambda s, a: s.lp2hp(NUM[1:], a, 1.3),
    "lp2hp of a longer one": lambda s, a: s.lp2hp(a, NUM[1:], 1.3),
    "lp2bp": lambda s, a: s.lp2bp(NUM[1:], a, 1.3, 0.7),
    "lp2bs": lambda s, a: s.lp2bs(NUM, a, 1.3, 0.7),
    **{
        f"cont2discrete {method}": lambda s, a, m=method: s.cont2discrete(
            (NUM[1:], a), 0.1, m
        )
        for method in ("zoh", "foh", "bilinear", "euler", "backward_diff", "impulse")
    },
    "cont2discrete gbt": lambda s, a: s.cont2discrete((NUM, a), 0.1, "gbt", 0.3),
    "lsim": lambda s, a: s.lsim((NUM, a), np.cos(T), T + 0.3, X0=[1.0, 2.0]),
    "lsim held": lambda s, a: s.lsim((NUM, a), np.cos(T), T, interp=False),
    "lsim of inputs": lambda s, a: s.lsim(
        (*two_by_two(a)[:3], np.zeros((3, 2))), np.stack([T, T**2], 1), T
    ),
    "lsim at rest": lambda s, a: s.lsim((NUM, a), None, T, X0=[1.0, 2.0]),
    "lsim at once": lambda s, a: s.lsim((NUM, a), [2.0], [0.3], X0=[1.0, 2.0]),
    "step": lambda s, a: s.step((NUM, a), T=T),
    "impulse": lambda s, a: s.impulse((NUM[1:], a), T=T),
    "dlsim": lambda s, a: s.dlsim((NUM, a, 0.1), np.cos(T)),
    "dlsim of states": lambda s, a: s.dlsim(
        (*STATES, a[None, :1], 0.1), np.cos(T), t=2.3 * T, x0=[1.0, 2.0]
    ),
    "dstep": lambda s, a: s.dstep((NUM, a, 0.1), n=6),
    "dimpulse": lambda s, a: s.dimpulse((NUM, a, 0.1), t=T[:5]),
    "freqresp": lambda s, a: s.freqresp((NUM, a), w=[0.5, 2.0]),
    "freqresp of roots": lambda s, a: s.freqresp(([1.0], -a, a[0]), w=[1.0, 2.0]),
    "bode": lambda s, a: s.bode((NUM, a), w=[0.5, 1.0, 2.0]),
    "dfreqresp": lambda s, a: s.dfreqresp((NUM[1:], a, 0.1), n=9, whole=True),
    "dbode": lambda s, a: s.dbode((NUM[1:], a, 0.1), n=7),
    "firwin2": lambda s, a: s.firwin2(
        20, [0, 30, 50, 100], np.stack([a[0], a[1], a[2], 0.0]), fs=200
    ),
    "firwin2 that jumps": lambda s, a: s.firwin2(
        21, [0, 0.3, 0.3, 1], np.stack([0.0, a[1], a[2], 0.0]), antisymmetric=True,
        window=None,
    ),
    "firwin by its window": lambda s, a: s.firwin(11, 0.3, window=("kaiser", a[2])),
    "minimum_phase": lambda s, a: s.minimum_phase(np.convolve(a, a[::-1]), n_fft=64),
    "minimum_phase in full": lambda s, a: s.minimum_phase(
        np.convolve(a, a[::-1]), half=False, n_fft=63
    ),
    **{
        f"get_window {name}": lambda s, a, w=(name, *more): s.get_window(
            (*w, 0.3 * a[2]), 9
        )
        for name, *more in (
            ("tukey",), ("kaiser",), ("gaussian",), ("general_gaussian", 1.5),
            ("general_hamming",), ("exponential", None),
        )
    },
    "get_window by its beta": lambda s, a: s.get_window(a[2], 8, False),
    "tf2zpk": lambda s, a: s.tf2zpk(NUM, a),
    "ss2zpk": lambda s, a: s.ss2zpk(*s.tf2ss(NUM, a)),
    "sos2zpk": lambda s, a: s.sos2zpk(
        np.reshape(np.concatenate([a, a, a, 2.0 * a]), (2, 6))
    ),
    "cont2discrete of roots": lambda s, a: s.cont2discrete(
        ([-1.0], [-0.5, -2.0], 1.0), a[1]
    ),
    "vectorstrength": lambda s, a: s.vectorstrength(
        0.1 * np.arange(9.0) ** 1.3, np.stack([a[0], a[2]])
    ),
    "resample_poly": lambda s, a: s.resample_poly(np.tile(a, 9), 2, 1, window=3.0),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_values_are_scipys_and_derivatives_those_of_differences(name):
    call = CALLS[name]
    a = SHORT if name.startswith("d") else A
    wanted, found = as_list(call(theirs, a)), as_list(call(signal, gd.node(a)))
    for w, v, p in zip(wanted, found, as_list(call(signal, a)), strict=True):
        np.testing.assert_array_equal(p, w)
        assert np.shape(gd.value(v)) == np.shape(w)
        np.testing.assert_allclose(gd.value(v), w, rtol=1e-9, atol=1e-12)
    check(lambda a: call(signal, a), a)


def test_times_inputs_and_first_states_may_be_nodes():
    def f(u, x0, scale):
        return sum(np.sum(z**3) for z in signal.lsim((NUM, A), u, scale * T, X0=x0))

    gd.check_gradients(f, (np.cos(T), np.array([1.0, 2.0]), 1.2))


def test_a_compiled_system_sees_which_coefficients_lead():
    def f(p):
        return np.sum(signal.bilinear(gd.numpy.stack([p - 1.0, 1.0]), A)[0])

    compiled = gd.compile(f)
    for p in (2.0, 1.0, 3.0):
        assert compiled(p) == pytest.approx(f(gd.node(p)).value)


def test_what_is_refused():
    with pytest.raises(MissingRuleError, match="Give T"):
        signal.step((NUM, gd.node(A)))
    with pytest.raises(MissingRuleError, match="homomorphic"):
        signal.minimum_phase(gd.node(theirs.firwin(9, 0.3)), "hilbert")
    with pytest.raises(MissingRuleError, match="given twice"):
        signal.firwin2(21, gd.node([0, 0.3, 0.3, 1]), [0.0, 1.0, 2.0, 0.0])
    with pytest.raises(MissingRuleError, match="chebwin"):
        signal.get_window(("chebwin", gd.node(60.0)), 9)
    with pytest.raises(MissingRuleError, match=r"scipy\.signal\.residue .* nodes \("):
        signal.residue(NUM, gd.node(A))


SIGNAL = np.random.default_rng(0).normal(size=(2, 21))


@pytest.mark.parametrize("residual", ["lowpass", "all", None])
@pytest.mark.parametrize("band", [(1, None), (2, 5), (None, None), (-3, 4), (0, 6)])
@pytest.mark.parametrize("z", [SIGNAL, SIGNAL[:, :20], SIGNAL[0] + 1j * SIGNAL[1]])
def test_envelopes(z, band, residual):
    for n_out, squared in ((None, False), (15, True), (33, False)):
        given = {"n_out": n_out, "squared": squared, "residual": residual}
        wanted = theirs.envelope(z, band, **given)
        found = signal.envelope(gd.node(z), band, **given)
        np.testing.assert_array_equal(signal.envelope(z, band, **given), wanted)
        np.testing.assert_allclose(gd.value(found), wanted, rtol=1e-9, atol=1e-12)


def test_envelopes_are_differentiated():
    def f(z):
        return np.sum(signal.envelope(z, (2, 6), axis=0) ** 2)

    gd.check_gradients(f, (SIGNAL.T,))
