"""NumPy functions that the tests of both bridges call, as they are and compiled."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd

EITHER = pytest.mark.parametrize("wrap", [lambda f: f, gd.compile], ids=["", "fast"])


def several(x, y):
    """Return two results of two arguments."""
    return np.sin(x) * y + np.sum(x**2), np.outer(x, y)


def scalar(x):
    """Return a number."""
    return np.sum(np.exp(x) * np.roll(x, 1) ** 2)
