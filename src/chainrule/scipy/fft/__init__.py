"""``scipy.fft`` on nodes: Fourier, cosine, sine and Hankel transforms.

Each is linear, and its transpose is a transform again: ``transforms.py`` and
``real_transforms.py`` are rules of several axes, of which ``names.py`` makes SciPy's
functions.

>>> import chainrule as gd
>>> import numpy as np
>>> from chainrule.scipy import fft
>>> gd.grad(lambda x: np.sum(fft.dct(x, norm="ortho") ** 2))(np.array([1.0, 2.0]))
array([2., 4.])
"""

import scipy.fft

from chainrule.numpy import mirror
from chainrule.scipy.fft import names as names

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.fft)
