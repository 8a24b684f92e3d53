"""Notes on errors of code that knows nothing of nodes: see ``meetings``."""

import contextlib


def annotate(error: Exception) -> None:
    """Add a note to an exception that a node met foreign code; once, and never raise.

    Parameters
    ----------
    error
        An exception on its way out of a function that a transform runs.
    """
    with contextlib.suppress(Exception):
        from chainrule.notes import meetings

        meetings.annotate(error)
