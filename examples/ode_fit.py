"""Rates of predators and prey, from data, by a Runge-Kutta method in a scan.

Changed: ``scipy.optimize``.
"""

import numpy as np

import chainrule as gd
from chainrule.scipy.optimize import least_squares


def rates(state, p):
    prey, hunters = state[0], state[1]
    return np.stack(
        [p[0] * prey - p[1] * prey * hunters, p[2] * prey * hunters - p[3] * hunters]
    )


def simulated(p, steps=60, dt=0.1):
    def step(state, _):
        k1 = rates(state, p)
        k2 = rates(state + 0.5 * dt * k1, p)
        k3 = rates(state + 0.5 * dt * k2, p)
        k4 = rates(state + dt * k3, p)
        after = state + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return after, after

    return gd.scan(step, np.array([1.0, 0.5]), None, steps)[1]


TRUE = np.array([1.1, 0.9, 0.8, 1.0])


def observed():
    rng = np.random.default_rng(6)
    return simulated(TRUE) + 0.01 * rng.normal(size=(60, 2))


def problem():
    seen = observed()
    return lambda p: np.sum((simulated(p) - seen) ** 2), np.ones(4)


def main():
    seen = observed()

    def residuals(p):
        return np.ravel(simulated(p) - seen)

    found = least_squares(residuals, np.ones(4))
    print(f"rates {found.x.round(3)} of {TRUE}, {found.nfev} runs")
    return found


if __name__ == "__main__":
    main()
