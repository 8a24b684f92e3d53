"""``scipy.ndimage`` on nodes: filters, splines, geometry and measurements.

A filter is differentiable in the input and in its weights, a geometric transform in the
input and in the coordinates. Results in dtypes that round, and arrays to write into
(``output=``), are refused where there are nodes.

>>> import chainrule as gd
>>> import numpy as np
>>> from chainrule.scipy import ndimage
>>> gd.grad(lambda s: ndimage.shift(np.arange(5.0), s, order=1)[2])(0.5)
-1.0
"""

import scipy.ndimage

from chainrule.numpy import mirror
from chainrule.scipy.ndimage import constants as constants
from chainrule.scipy.ndimage import filters as filters
from chainrule.scipy.ndimage import fourier as fourier
from chainrule.scipy.ndimage import geometry as geometry
from chainrule.scipy.ndimage import measurements as measurements
from chainrule.scipy.ndimage import morphology as morphology
from chainrule.scipy.ndimage import order_filters as order_filters

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.ndimage)
