"""Length scale and noise of a Gaussian process, by the likelihood's gradient.

Changed: ``from scipy.spatial.distance import cdist``, ``scipy.linalg`` and
``scipy.optimize``.
"""

import numpy as np

from chainrule.scipy.linalg import cho_factor, cho_solve
from chainrule.scipy.optimize import minimize
from chainrule.scipy.spatial.distance import cdist


def negative_log_likelihood(p, x, y):
    scale, noise = np.exp(p[0]), np.exp(p[1])
    kernel = np.exp(-0.5 * cdist(x / scale, x / scale, "sqeuclidean"))
    factor = cho_factor(kernel + noise * np.eye(len(y)), lower=True)
    log_det = 2.0 * np.sum(np.log(np.diag(factor[0])))
    return 0.5 * (y @ cho_solve(factor, y) + log_det)


def problem():
    rng = np.random.default_rng(1)
    x = np.sort(rng.uniform(0.0, 6.0, (40, 1)), axis=0)
    y = np.sin(x[:, 0]) + 0.1 * rng.normal(size=40)
    return lambda p: negative_log_likelihood(p, x, y), np.array([0.0, -2.0])


def main():
    found = minimize(*problem(), method="trust-exact")
    scale, noise = np.exp(found.x)
    print(f"length scale {scale:.3f}, noise {noise:.4f}, {found.nit} steps")
    return found


if __name__ == "__main__":
    main()
