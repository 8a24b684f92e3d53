"""``autograd.scipy.misc``: what SciPy has moved to ``special``, taking boxes."""

from typing import Any

from chainrule.compat.autograd.scipy import special as _special

logsumexp: Any = vars(_special)["logsumexp"]
