"""``autograd.numpy.numpy_boxes``: the class of boxes, and the values that it boxes."""

from __future__ import annotations

import numpy as np

from chainrule.compat.boxes import ArrayBox as ArrayBox
from chainrule.compat.boxes import Box as Box

for _kind in (
    *(np.ndarray, float, complex),
    *(np.float16, np.float32, np.float64, np.longdouble),
    *(np.complex64, np.complex128, np.clongdouble),
):
    ArrayBox.register(_kind)
