"""The mirror of ``numpy.linalg``: every name of it, taking nodes and lists of nodes."""

import numpy as np

from chainrule.numpy.mirror import mirror_of

__getattr__, __dir__ = mirror_of(np.linalg)
