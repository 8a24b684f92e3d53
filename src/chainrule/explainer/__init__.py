"""Seeing a gradient: explained as text, drawn as a graph, or stepped through.

In: a function and its arguments, or a node. Out: an ``Explanation`` or a ``Drawing``. A
call is watched (``watching``), what it did becomes data (``account``), and these are
laid out (``forms``, ``page``).
"""

from chainrule.explainer.api import draw, explain

__all__ = ["draw", "explain"]
