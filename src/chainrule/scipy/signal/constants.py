"""Functions of ``scipy.signal`` that are locally constant."""

import scipy.signal

from chainrule.nodes.tables import LOCALLY_CONSTANT

_CONSTANT = """
argrelmax argrelmin argrelextrema find_peaks_cwt
choose_conv_method correlation_lags check_COLA check_NOLA square
"""
LOCALLY_CONSTANT.update(getattr(scipy.signal, name) for name in _CONSTANT.split())
