"""Steps: what one vertex does in a sweep, as a function written from its rule.

In: a rule, and which operands are nodes. Out: Python functions for floats and arrays,
in reverse, forward and recorded sweeps; each is held to ``rule.pull`` or ``rule.push``.
"""
