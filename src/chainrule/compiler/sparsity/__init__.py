"""Sparsity: which entries of derivatives may be non-zero, and by which few products.

In: a program. Out: ``patterns`` says which inputs each entry of an array depends on,
``detection`` follows a program's rows by the kinds of their functions, ``colouring``
chooses which columns are computed together, ``compression`` which products these are,
and ``plans`` whether that pays. SciPy is needed for sums over many entries only.
"""
