"""``autograd.numpy``: every name of NumPy's, functions taking boxes."""

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType

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
__version__ = _np.__version__
_PARTS = "testing typing lib dtypes exceptions polynomial ma char".split()


def __getattr__(name: str) -> _ModuleType:
    """Return a part of NumPy's that takes no boxes: it comes when it is asked for."""
    if name in _PARTS:
        return _import_module(f"numpy.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
