"""``scipy.signal.windows`` on nodes: windows in their parameters.

Windows without a parameter, and those whose parameter is plain, are SciPy's own.
"""

import scipy.signal

from chainrule.numpy import mirror
from chainrule.scipy.signal.windows import with_parameters as with_parameters

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.signal.windows)
