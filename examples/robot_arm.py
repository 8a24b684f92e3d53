"""Joint angles that bring a robot's hand to a point, its links a dataclass.

Changed: ``scipy.optimize``.
"""

from dataclasses import dataclass

import numpy as np

import chainrule as gd
from chainrule.scipy.optimize import least_squares


@dataclass
class Arm:
    """The lengths of the links, and the height of the first joint."""

    lengths: np.ndarray
    offset: float


def hand(arm, angles):
    turned = np.cumsum(angles)
    x = np.sum(arm.lengths * np.cos(turned))
    y = np.sum(arm.lengths * np.sin(turned)) + arm.offset
    return np.stack([x, y])


ARM = Arm(np.array([1.0, 0.8, 0.5]), 0.2)


def miss(angles):
    return np.concatenate([hand(ARM, angles) - np.array([1.2, 1.1]), 1e-3 * angles])


def problem():
    return lambda angles: np.sum(miss(angles) ** 2), np.full(3, 0.3)


def main():
    found = least_squares(miss, np.full(3, 0.3))
    sensitivity = gd.jacobian(hand, 0)(ARM, found.x)
    print(
        f"angles {np.degrees(found.x).round(1)}, miss {np.linalg.norm(found.fun):.1e}"
    )
    print("the hand moves by", sensitivity.lengths.round(3).tolist(), "per length")
    return found, sensitivity


if __name__ == "__main__":
    main()
