"""Executors: what runs a program, and the choice between them by the clock.

In: a ``Program``. Out: a function of its inputs' values.
"""
