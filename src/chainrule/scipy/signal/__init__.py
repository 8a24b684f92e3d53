"""``scipy.signal`` on nodes: convolution, filters, spectra, resampling, waveforms.

Filters are differentiable in the signal and in their coefficients, and those that are
designed in the edges and ripples that they are designed from.

>>> import chainrule as gd
>>> import numpy as np
>>> from chainrule.scipy import signal
>>> step = np.ones(4)
>>> gd.grad(lambda a: signal.lfilter([1.0], [1.0, a], step)[3])(-0.5)
-2.75
"""

import scipy.signal

from chainrule.numpy import mirror
from chainrule.scipy.signal import constants as constants
from chainrule.scipy.signal import convolutions as convolutions
from chainrule.scipy.signal import design as design
from chainrule.scipy.signal import envelopes as envelopes
from chainrule.scipy.signal import filtering as filtering
from chainrule.scipy.signal import fir_design as fir_design
from chainrule.scipy.signal import peaks as peaks
from chainrule.scipy.signal import resampling as resampling
from chainrule.scipy.signal import responses as responses
from chainrule.scipy.signal import simulation as simulation
from chainrule.scipy.signal import smoothing as smoothing
from chainrule.scipy.signal import spectra as spectra
from chainrule.scipy.signal import systems as systems
from chainrule.scipy.signal import uneven_samples as uneven_samples
from chainrule.scipy.signal import waveforms as waveforms
from chainrule.scipy.signal import windows as windows

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.signal)
