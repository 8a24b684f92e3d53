"""Objectives that the benchmark suites ADBench and GradBench define, as NumPy code.

Each module holds one objective and makes its data, from fixed seeds, at any size:

``lstm.py``    a sequence of small steps: the gradient of a loop of a thousand laps
``bundle.py``  a small function of many observations: one small Jacobian for each
``gmm.py``     arrays and matrix products: the gradient of a likelihood
``ode.py``     a Runge-Kutta loop over vectors: the gradient of its last element

An objective takes the array namespace first, then what is differentiated, then data;
the same text serves ``numpy`` on chainrule and ``jax.numpy``. The definitions are those
of GradBench (https://github.com/gradbench/gradbench, folder ``evals``).
"""
