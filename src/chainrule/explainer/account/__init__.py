"""The account of one gradient: vertices, steps, contributions and remarks, as data.

In: a ``Run``. Out: views that the forms and the page lay out.
"""
