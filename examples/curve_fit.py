"""A decay curve is fitted, and the fitted rate is differentiated by the data.

Changed: ``from scipy.optimize import curve_fit``.
"""

import numpy as np

import chainrule as gd
from chainrule.scipy.optimize import curve_fit


def decay(t, amplitude, rate, offset):
    return amplitude * np.exp(-rate * t) + offset


def measured():
    rng = np.random.default_rng(0)
    t = np.linspace(0.0, 4.0, 40)
    return t, decay(t, 2.5, 1.3, 0.5) + 0.02 * rng.normal(size=t.size)


def problem():
    t, y = measured()
    best, _ = curve_fit(decay, t, y, p0=[1.0, 1.0, 0.0])
    return lambda y: curve_fit(decay, t, y, p0=best)[0][1], y


def main():
    t, y = measured()
    best, covariance = curve_fit(decay, t, y, p0=[1.0, 1.0, 0.0])
    rate, _ = problem()
    influence = gd.grad(rate)(y)
    errors = np.sqrt(np.diag(covariance))
    names = ("amplitude", "rate", "offset")
    for name, value, error in zip(names, best, errors, strict=True):
        print(f"{name:9} {value:.3f} +- {error:.3f}")
    print(
        f"the rate leans most on the point at t = {t[np.argmax(np.abs(influence))]:.2f}"
    )
    return best, influence


if __name__ == "__main__":
    main()
