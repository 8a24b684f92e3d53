"""The page of one gradient, and the code that it carries.

In: an account. Out: one HTML file that steps through it.
"""
