"""Programs: what a trace needs to be repeated, simplified by passes.

In: a ``Trace`` and its results. Out: a ``Program`` that executors run, and its text.
"""
