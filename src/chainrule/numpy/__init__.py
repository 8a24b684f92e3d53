"""The NumPy namespace on nodes: ``chainrule.numpy.f`` is ``numpy.f``, differentiable."""

from chainrule.numpy import names as names
