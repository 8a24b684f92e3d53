"""Native code: LLVM's text for expressions, loop nests and products, and its compiler.

In: elementwise expressions and shapes. Out: functions of addresses.
"""
