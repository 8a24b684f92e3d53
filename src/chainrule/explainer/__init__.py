"""Seeing a gradient: explained as text, drawn as a graph, or stepped through."""

from chainrule.explainer.api import draw, explain

__all__ = ["draw", "explain"]
