"""Tracing: a function is run once on stand-ins, and each call is kept.

In: a function and example arguments. Out: a ``Trace``: the calls it made, the decisions
that it took, and what it read from outside.
"""
