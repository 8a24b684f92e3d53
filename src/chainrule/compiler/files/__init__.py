"""Files: programs of a compiled function as text, and back.

In: a compiled function. Out: a JSON text without code, whose functions are named as the
rule registry knows them; or, from such a text, a compiled function that runs the
programs without tracing. What a text says is verified before it is used: ``reading``
looks at names, references, dtypes and sizes, and ``checked`` compares the first run of
each program with the shapes that it has for every row.
"""
