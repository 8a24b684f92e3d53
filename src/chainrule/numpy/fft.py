"""The mirror of ``numpy.fft``: every name of it, taking nodes and lists of nodes."""

import numpy as np

from chainrule.numpy import standard
from chainrule.numpy.mirror import Listing, Lookup, mirror_of
from chainrule.values.types import Operation

__getattr__: Lookup
__dir__: Listing
__getattr__, __dir__ = mirror_of(np.fft)
fftfreq: Operation = standard.fftfreq
rfftfreq: Operation = standard.rfftfreq
