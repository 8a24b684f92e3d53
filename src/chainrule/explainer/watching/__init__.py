"""Watching: a function is run, and each operation noted with its place in the source.

In: a function and its arguments. Out: a ``Run``.
"""
