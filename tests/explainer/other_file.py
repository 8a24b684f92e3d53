"""A function in another file than the one that is explained."""

from __future__ import annotations

import numpy as np


def helper(x):
    """Return the sine."""
    return np.sin(x)
