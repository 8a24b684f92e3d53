"""``autograd.numpy.numpy_jvps``: forward mode, which every function of NumPy's has."""
