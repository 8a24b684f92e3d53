"""``autograd.numpy``: every name of NumPy's, functions taking boxes."""

import importlib

import numpy as _np

from chainrule.compat.autograd.numpy import fft as fft
from chainrule.compat.autograd.numpy import linalg as linalg
from chainrule.compat.autograd.numpy import numpy_boxes as numpy_boxes
from chainrule.compat.autograd.numpy import numpy_jvps as numpy_jvps
from chainrule.compat.autograd.numpy import numpy_vjps as numpy_vjps
from chainrule.compat.autograd.numpy import numpy_vspaces as numpy_vspaces
from chainrule.compat.autograd.numpy import numpy_wrapper as numpy_wrapper
from chainrule.compat.autograd.numpy import random as random

globals().update(
    {k: v for k, v in vars(numpy_wrapper).items() if not k.startswith("_")}
)
for _name in "testing typing lib dtypes exceptions polynomial ma char".split():
    globals()[_name] = importlib.import_module(f"numpy.{_name}")
__version__ = _np.__version__
