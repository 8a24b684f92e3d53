"""``autograd.scipy.signal``: SciPy's signals, taking boxes; ``convolve`` differs."""

from chainrule.compat.convolutions import convolve as convolve
from chainrule.compat.namespaces import library_namespace as _library_namespace

globals().update({**_library_namespace("signal"), "convolve": convolve})
