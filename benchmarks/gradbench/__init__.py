"""The evals of GradBench, on chainrule: https://github.com/gradbench/gradbench.

An eval asks for functions and for their derivatives by messages. Each module holds one
of them as a user of NumPy would write it: no derivative is written by hand, and nothing
is kept from one run to the next but the compiled function. The same text runs on JAX
and, where it can, on PyTorch, which are timed beside it.

==============  =======================================================================
``hello``       the square of a number
``llsq``        a polynomial by least squares
``lse``         the logarithm of a sum of exponentials
``kmeans``      clusters: a gradient and the diagonal of a Hessian
``gmm``         a Gaussian mixture with a prior
``lstm``        a text letter by letter: a loop of a thousand steps
``ode``         a Runge-Kutta loop over vectors
``det``         a determinant by minors; equal minors are shared
``ba``          bundle adjustment: one small Jacobian for each observation
``ht``          a hand's pose: a wide Jacobian
``particle``    a search for the best of many simulations, which hold a derivative
``saddle``      a search within a search
==============  =======================================================================

``eval.py`` says what an eval is, ``evals.py`` lists them, ``tool.py`` speaks the
protocol, ``drive.py`` lets the suite's own evals speak to it, ``timing.py`` times all
on inputs of our own, ``page.py`` writes the table.
"""
