"""Seeing a gradient: explained as text, drawn as a graph, or stepped through.

In: a function and its arguments, or a node. Out: an ``Explanation``, a ``Drawing`` or a
``Diagnosis``. A call is watched (``watching``), what it did becomes data (``account``),
and these are laid out (``forms``, ``page``) or looked through (``diagnosis``).
"""

from chainrule.explainer.api import diagnose, draw, explain

__all__ = ["diagnose", "draw", "explain"]
