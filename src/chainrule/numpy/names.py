"""What becomes of every NumPy name that has no rule: locally constant, or refused."""

from __future__ import annotations

import numpy as np

from chainrule.nodes import LOCALLY_CONSTANT, REFUSED

LOCALLY_CONSTANT.update({np.floor, np.sign, np.shape, np.ndim, np.size, np.isnan})
REFUSED.update({})
