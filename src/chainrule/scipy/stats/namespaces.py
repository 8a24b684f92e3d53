"""NumPy and ``scipy.special`` as the formulas of distributions call them.

A formula is given numbers, arrays, nodes or traced values, and what it calls returns
the like: ``np.log`` of a node is a node. So both are typed as functions by name.
"""

from __future__ import annotations

from typing import Any, cast

import numpy
import scipy.special

from chainrule.values.types import Functions, Namespace

np: Namespace = cast(Any, numpy)
"""NumPy's functions."""
sc: Functions = cast(Any, scipy.special)
"""SciPy's special functions."""
