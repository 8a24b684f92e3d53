"""Control flow that is traced once: ``scan``, ``cond`` and ``while_loop``.

In: the functions that a loop or branch repeats. Out: one row of a trace with a rule, so
that loops have derivatives of every order.
"""
