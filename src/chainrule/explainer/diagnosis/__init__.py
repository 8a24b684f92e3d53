"""Why: where a nan, an infinity, a zero, a kink or a lost digit was born.

In: a function and its arguments, which is watched as ``explain`` watches it. Out: a
``Diagnosis``, a list of findings, each with its line, operand, values and remedy.
"""
