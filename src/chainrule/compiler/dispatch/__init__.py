"""Dispatch: a call of a compiled function finds the program of its signature.

In: a function and its options. Out: a ``Compiled`` function, with one specialisation
for each signature of arguments and each path through its branches.
"""
