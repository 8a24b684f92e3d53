"""Velocity Verlet for three bodies: which start brings one of them to a place.

Changed: nothing. Positions and velocities are changed in place, in arrays of NumPy's.
"""

import numpy as np

import chainrule as gd

MASSES = np.array([1.0, 1e-3, 1e-3])


def accelerations(x):
    a = np.zeros_like(x)
    for i in range(3):
        for j in range(3):
            if i != j:
                d = x[j] - x[i]
                a[i] += MASSES[j] * d / np.sum(d**2) ** 1.5
    return a


def fly(v, steps=16, dt=0.05):
    x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.5]])
    x = x + 0.0 * v
    v = np.array(v)
    a = accelerations(x)
    for _ in range(steps):
        v += 0.5 * dt * a
        x += dt * v
        a = accelerations(x)
        v += 0.5 * dt * a
    return x


def problem():
    start = np.array([[0.0, 0.0], [0.0, 1.0], [-0.8, 0.0]])
    target = np.array([0.65, 0.75])
    return lambda v: np.sum((fly(v)[1] - target) ** 2), start


def main():
    f, v = problem()
    fast = gd.compile(gd.value_and_grad(gd.lift(f)))
    for _ in range(60):
        miss, slope = fast(v)
        v[1] -= 0.4 * slope[1]
    print(f"missed by {np.sqrt(miss):.1e} with a start of {v[1].round(4)}")
    return miss, v


if __name__ == "__main__":
    main()
