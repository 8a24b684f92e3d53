"""``autograd.scipy.misc``: what SciPy has moved to ``special``, taking boxes."""

from chainrule.compat.autograd.scipy import special as _special

logsumexp = vars(_special)["logsumexp"]
