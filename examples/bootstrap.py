"""How sure a fitted curve is, by fits to resampled data, in several processes.

Changed: ``scipy.optimize``; ``gd.pmap`` calls the fit for each sample.
"""

import numpy as np

import chainrule as gd
from chainrule.scipy.optimize import minimize


def misfit(p, t, y):
    scale, rate = p
    return np.sum((scale * np.exp(-rate * t) - y) ** 2)


def fitted(rows, t, y):
    return minimize(misfit, np.array([1.0, 1.0]), (t[rows], y[rows]), method="BFGS").x


def main():
    rng = np.random.default_rng(1)
    t = np.linspace(0.0, 4.0, 40)
    y = 2.0 * np.exp(-0.7 * t) + 0.05 * rng.normal(size=40)
    samples = rng.integers(0, 40, size=(60, 40))
    with gd.pmap(fitted) as fits:
        found = np.array(fits(samples, t=t, y=y))
    low, high = np.percentile(found, [5, 95], axis=0)
    print(f"scale between {low[0]:.2f} and {high[0]:.2f}")
    print(f"rate between {low[1]:.2f} and {high[1]:.2f}")
    return low, high


if __name__ == "__main__":
    main()
