"""``autograd.scipy``: SciPy's parts, taking boxes; each comes when asked for."""
