"""Notes on errors of code that knows nothing of nodes.

In: an error on its way out of a function that a transform runs. Out: the same error,
with a note on which call met a node, at which line, and what to write instead.
"""

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
