"""A logistic regression on data in chunks, with exact derivatives of both orders.

The data may be larger than memory: each chunk is read where it is used. Dask's arrays
stand in a function of NumPy's; its derivatives are Dask's arrays too, and lazy. Where a
derivative is a sum over chunks, ``gd.map_reduce`` has each process compile it once.

Needs ``pip install 'chainrule[dask]'`` and SciPy. Run it on a cluster by making a
``dask.distributed.Client`` first; nothing else changes.
"""

import dask.array as da
import numpy as np
from scipy.optimize import minimize

import chainrule as gd

ROWS, COLUMNS, CHUNK = 20_000, 10, 2_000


def loss(w, x, y):
    """The negative logarithm of the likelihood, with a weak prior."""
    z = x @ w
    return np.sum(np.logaddexp(0.0, z) - y * z)


def curvature(w, v, x, y):
    """The Hessian of the loss times a vector."""
    return gd.hvp(lambda w: loss(w, x, y), (w,), (v,))[0]


def data():
    """Draw rows and their labels, chunk by chunk."""
    truth = np.linspace(-1.0, 1.0, COLUMNS)
    rng = da.random.default_rng(0)
    x = rng.normal(size=(ROWS, COLUMNS), chunks=(CHUNK, COLUMNS)).persist()
    y = rng.random(size=ROWS, chunks=CHUNK) < 1 / (1 + np.exp(-(x @ truth)))
    return x, y.persist(), truth


def main():
    """Look at a gradient, then fit."""
    x, y, truth = data()
    start = np.zeros(COLUMNS)

    value, slope = gd.value_and_grad(loss)(start, x, y)
    print("lazy:", slope)  # nothing was computed
    lazy = da.compute(value, slope)  # one graph: the forward pass is shared

    total = gd.map_reduce(gd.value_and_grad(loss), x, y)
    compiled = total.compute(start)
    print(f"the same: {np.allclose(lazy[1], compiled[1])}")

    products = gd.map_reduce(curvature, x, y)
    found = minimize(
        total.compute, start, jac=True, hessp=products.compute, method="Newton-CG"
    )
    hessian = np.column_stack([products.compute(found.x, e) for e in np.eye(COLUMNS)])
    errors = np.sqrt(np.diag(np.linalg.inv(hessian)))
    print(f"{found.nit} iterations, largest slope {np.abs(found.jac).max():.1e}")
    for w, e, t in zip(found.x, errors, truth, strict=True):
        print(f"{w:7.3f} +- {e:.3f}   (drawn from {t:6.3f})")
    return found, errors, truth


if __name__ == "__main__":
    main()
