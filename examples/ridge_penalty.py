"""A ridge penalty per group of features, chosen by the gradient of a validation loss.

Changed: ``from scipy.optimize import minimize``. The weights that minimise the training
loss are a function of the penalties, and so the validation loss is one of them.
"""

import numpy as np

import chainrule as gd
from chainrule.scipy.optimize import minimize

GROUPS = np.repeat([0, 1], [3, 12])


def drawn(rng, rows):
    """Features of which three matter and twelve are noise, and what is observed."""
    features = rng.normal(size=(rows, GROUPS.size))
    weights = np.where(GROUPS == 0, [1.5, -2.0, 1.0] * 5, 0.0)
    return features, features @ weights + 0.5 * rng.normal(size=rows)


def training_loss(weights, penalties, features, seen):
    misfit = np.mean((features @ weights - seen) ** 2)
    return misfit + np.sum(penalties[GROUPS] * weights**2)


def trained(penalties, features, seen):
    """Return the weights that a ridge regression finds."""
    start = np.zeros(GROUPS.size)
    return minimize(training_loss, start, (penalties, features, seen), tol=1e-10).x


def validation_loss(logs, training, validation):
    features, seen = validation
    weights = trained(np.exp(logs), *training)
    return np.mean((features @ weights - seen) ** 2)


def data():
    rng = np.random.default_rng(3)
    return drawn(rng, 24), drawn(rng, 200)


def problem():
    training, validation = data()
    return lambda logs: validation_loss(logs, training, validation), np.full(2, -2.0)


def main():
    f, start = problem()
    slope = gd.grad(f)(start)
    print(
        f"validation loss {f(start):.4f}, slopes in the log penalties {slope.round(3)}"
    )
    bounds = [(-12.0, 6.0)] * 2
    found = minimize(f, start, method="L-BFGS-B", bounds=bounds)
    what_matters, noise = np.exp(found.x)
    print(f"penalties {what_matters:.1e} of what matters, {noise:.1e} of noise")
    print(f"validation loss {found.fun:.4f} after {found.nfev} regressions")
    return found


if __name__ == "__main__":
    main()
