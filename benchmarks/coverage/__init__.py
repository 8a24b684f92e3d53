"""How many functions of NumPy and SciPy each library differentiates, by calling them.

``python -m benchmarks.coverage`` measures the libraries that this interpreter has,
keeps what it found in ``measured/``, prints the table and writes docs/coverage.md.
"""
