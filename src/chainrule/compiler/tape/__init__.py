"""Tapes: programs of numbers as instructions on one flat workspace.

In: a ``Program``, or the body of a loop. Out: a function that an interpreter runs, or
that is compiled to native code.
"""
