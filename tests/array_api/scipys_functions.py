"""SciPy's own functions on nodes: run with SCIPY_ARRAY_API=1, as the test does."""

from __future__ import annotations

import json

import numpy as np
import scipy.fft
import scipy.integrate
import scipy.signal
import scipy.special
import scipy.stats

import chainrule as gd

X = np.array([0.3, 0.9, 0.2, 0.7, 1.3, 0.5])
Y = np.array([1.1, 0.4, 0.8, 0.6, 0.9, 1.7])
CALLS = {
    "special.erf": scipy.special.erf,
    "special.gammaincc": lambda x: scipy.special.gammaincc(x, 0.7),
    "special.sinc": scipy.special.sinc,
    "special.logsumexp": scipy.special.logsumexp,
    "special.softmax": scipy.special.softmax,
    "special.rel_entr": lambda x: scipy.special.rel_entr(x, x[::-1]),
    "stats.entropy": scipy.stats.entropy,
    "stats.skew": lambda x: scipy.stats.skew(x, bias=False),
    "stats.gmean": scipy.stats.gmean,
    "stats.kurtosis": scipy.stats.kurtosis,
    "stats.zscore": scipy.stats.zscore,
    "fft.rfft": lambda x: scipy.fft.rfft(x, n=5, norm="ortho"),
    "signal.fftconvolve": lambda x: scipy.signal.fftconvolve(x, x[:3], "same"),
    "signal.hilbert": scipy.signal.hilbert,
    "integrate.cumulative_simpson": scipy.integrate.cumulative_simpson,
}


def one(f):
    """Return a function as one number."""

    def of(x):
        z = f(x)
        w = np.cos(1.0 + np.arange(np.size(gd.value(z)))).reshape(np.shape(z))
        return np.sum(w * (np.real(z) + 0.7 * np.imag(z)) ** 2)

    return of


def main():
    """Check each call at second order, and compiled; print what was wrong."""
    wrong = {}
    for name, call in CALLS.items():
        f = one(call)
        try:
            assert isinstance(call(gd.node(X)), gd.node)
            gd.check_gradients(f, (X,), order=2, rtol=1e-5)
            slope = gd.grad(f)
            for x in (X, Y):
                np.testing.assert_allclose(gd.compile(slope)(x), slope(x), rtol=1e-10)
        except Exception as error:
            wrong[name] = f"{type(error).__name__}: {error}"
    lifted = gd.lift(lambda x: 2.0 * scipy.special.erf(x))(gd.node(0.5))
    mixed = gd.node([0.1, 0.2])
    print(
        json.dumps(
            {
                "wrong": wrong,
                "lifted": isinstance(lifted, gd.node),
                "mirror": isinstance(gd.numpy.special.erf(mixed), gd.node),
            }
        )
    )


if __name__ == "__main__":
    main()
