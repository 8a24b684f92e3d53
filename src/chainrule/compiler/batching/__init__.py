"""Batching: the rows of one example's program, run on all examples at once.

In: a function of one example. Out: a function of many (``vmap``), also over seeds.
"""
