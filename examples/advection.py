"""Upwind advection in place: which initial pulse gives the observed one.

Changed: nothing; ``gd.lift`` runs it.
"""

import numpy as np

import chainrule as gd


def advected(u0, speed=1.0, cells=60, steps=40, dt=0.01):
    u = np.zeros(cells + 2)
    u[1:-1] = u0
    c = speed * dt * cells
    for _ in range(steps):
        u[0], u[-1] = u[-2], u[1]
        u[1:-1] -= c * (u[1:-1] - u[:-2])
    return u[1:-1]


def main():
    x = (np.arange(60) + 0.5) / 60
    truth = np.exp(-(((x - 0.3) / 0.08) ** 2))
    observed = advected(truth)
    step = gd.lift(advected)
    fast = gd.compile(gd.value_and_grad(lambda u: np.sum((step(u) - observed) ** 2)))
    u = np.zeros(60)
    for _ in range(300):
        misfit, slope = fast(u)
        u -= 0.4 * slope
    print(f"misfit {misfit:.1e}, the pulse is at {x[np.argmax(u)]:.3f}")
    return misfit, u


if __name__ == "__main__":
    main()
