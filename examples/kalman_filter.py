"""The noise of a random walk with drift, by the likelihood of a Kalman filter.

Changed: nothing. The filter fills arrays of NumPy's; ``gd.lift`` runs it.
"""

import numpy as np
import scipy.optimize

import chainrule as gd


def log_likelihood(p, observed):
    """Return the log likelihood of a local linear trend."""
    transition = np.array([[1.0, 1.0], [0.0, 1.0]])
    q, r = np.exp(p[0]), np.exp(p[1])
    state, cov = np.zeros(2), np.eye(2) * 10.0
    surprises = np.zeros(len(observed))
    for i, y in enumerate(observed):
        state = transition @ state
        cov = transition @ cov @ transition.T + q * np.eye(2)
        variance = cov[0, 0] + r
        error = y - state[0]
        surprises[i] = np.log(2 * np.pi * variance) + error**2 / variance
        gain = cov[:, 0] / variance
        state = state + gain * error
        cov = cov - np.outer(gain, cov[0])
    return -0.5 * np.sum(surprises)


def problem():
    rng = np.random.default_rng(3)
    trend = np.cumsum(np.cumsum(0.1 * rng.normal(size=30)))
    observed = trend + 0.5 * rng.normal(size=30)
    return lambda p: -log_likelihood(p, observed), np.zeros(2)


def main():
    f, start = problem()
    objective = gd.compile(gd.value_and_grad(gd.lift(f)))
    found = scipy.optimize.minimize(objective, start, jac=True)
    q, r = np.exp(found.x)
    print(f"variance of the state {q:.4f}, of the observations {r:.4f}")
    return found


if __name__ == "__main__":
    main()
