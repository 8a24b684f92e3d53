"""Logistic regression by Newton's method, with standard errors.

Changed: ``scipy.optimize``.
"""

import numpy as np
from scipy.special import log_expit

from chainrule.scipy.optimize import minimize


def negative_log_likelihood(w, x, y):
    return -np.sum(log_expit((2 * y - 1) * (x @ w))) + 0.05 * np.sum(w**2)


def problem():
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(300), rng.normal(size=(300, 3))])
    odds = x @ np.array([0.3, 1.0, -2.0, 0.0])
    y = (rng.uniform(size=300) < 1.0 / (1.0 + np.exp(-odds))).astype(float)
    return lambda w: negative_log_likelihood(w, x, y), np.zeros(4)


def main():
    found = minimize(*problem(), method="trust-exact")
    pairs = zip(found.x, found.standard_errors(), strict=True)
    for i, (w, error) in enumerate(pairs):
        print(f"w[{i}] {w:6.3f} +- {error:.3f}")
    return found


if __name__ == "__main__":
    main()
