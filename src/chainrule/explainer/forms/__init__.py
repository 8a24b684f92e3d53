"""The forms of an account: text, Markdown, LaTeX and drawings.

In: an account. Out: text that people read.
"""
