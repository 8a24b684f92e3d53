"""Notes on errors of code that knows nothing of nodes: see ``meetings``."""

from chainrule.notes.meetings import annotate

__all__ = ["annotate"]
