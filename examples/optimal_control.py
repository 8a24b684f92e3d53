"""A cart swings its pole up with the least force: collocation, and Ipopt.

The path is unknown at all times at once, and the laws of motion are constraints between
neighbouring ones (Kelly, "An introduction to trajectory optimization", SIAM Review 59,
2017). Ipopt is given the gradient, the sparse Jacobian of the constraints and the
sparse Hessian of the Lagrangian, all found by tracing these functions.

Needs ``chainrule[ipopt]``.
"""

import dataclasses

import numpy as np
from scipy.optimize import NonlinearConstraint

import chainrule as gd

CART, POLE, LENGTH, GRAVITY = 1.0, 0.3, 0.5, 9.81
DURATION, TRACK, STRONGEST = 2.0, 2.0, 20.0
START = np.array([0.0, 0.0, 0.0, 0.0])
END = np.array([1.0, np.pi, 0.0, 0.0])


@dataclasses.dataclass
class Path:
    """Place, angle and their speeds at all times, and the force on the cart."""

    states: np.ndarray
    forces: np.ndarray


def motion(states, forces):
    """Return the derivatives of states in time."""
    angle, speed, turn = states[:, 1], states[:, 2], states[:, 3]
    sin, cos = np.sin(angle), np.cos(angle)
    heavy = CART + POLE * sin**2
    push = LENGTH * POLE * sin * turn**2
    faster = (push + forces + POLE * GRAVITY * cos * sin) / heavy
    weight = (CART + POLE) * GRAVITY * sin
    tilt = -(push * cos + forces * cos + weight) / (LENGTH * heavy)
    return np.stack([speed, turn, faster, tilt], axis=1)


def effort(path):
    step = DURATION / (path.forces.size - 1)
    squares = path.forces**2
    return 0.5 * step * np.sum(squares[1:] + squares[:-1])


def defects(path):
    """Return what the trapezoidal rule leaves between neighbouring times."""
    step = DURATION / (path.forces.size - 1)
    rates = motion(path.states, path.forces)
    steps = path.states[1:] - path.states[:-1]
    return steps - 0.5 * step * (rates[1:] + rates[:-1])


def ends(path):
    return np.stack([path.states[0] - START, path.states[-1] - END])


def main(count=60):
    share = np.linspace(0.0, 1.0, count)[:, None]
    guess = Path(START + share * (END - START), np.zeros(count))
    far = np.array([TRACK, np.inf, np.inf, np.inf])
    problem = gd.ipopt.problem(
        effort,
        [NonlinearConstraint(defects, 0.0, 0.0), NonlinearConstraint(ends, 0.0, 0.0)],
        bounds=(Path(-far, -STRONGEST), Path(far, STRONGEST)),
    )
    found = problem.solve(guess)
    unknowns = found.x.states.size + found.x.forces.size
    print(f"{unknowns} unknowns, {found.constr[0].size + 8} constraints: ", end="")
    print(f"effort {found.fun:.1f} after {found.nit} iterations")
    for moment in range(0, count, count // 6):
        place, angle = found.x.states[moment, :2]
        print(f"{moment * DURATION / (count - 1):.1f} s: at {place:5.2f} m, ", end="")
        print(f"angle {np.degrees(angle):6.1f}, force {found.x.forces[moment]:6.1f} N")
    return found


if __name__ == "__main__":
    main()
