"""C source: a program of real numbers as one C99 function.

In: a ``Program``. Out: its text. The program is lowered as for a tape
(``tape.lowering``): what only moves entries runs no code, and each instruction is a
statement or a loop, whose arithmetic is written from the expression of its rule.
"""
