"""Notes on errors of code that knows nothing of nodes.

In: an error on its way out of a function that a transform runs. Out: the same error,
with a note on which call met a node, at which line, and what to write instead.
"""

import contextlib


def annotate(error: Exception) -> Exception:
    """Add a note to an exception that a node met foreign code; once, and never raise.

    Return the exception to raise: it, or one of ours where a plain array was written.

    Parameters
    ----------
    error
        An exception on its way out of a function that a transform runs.
    """
    with contextlib.suppress(Exception):
        from chainrule.notes import meetings

        return meetings.annotate(error)
    return error


def raise_own(error: Exception) -> None:
    """Annotate an exception, and raise one of ours from it where there is one."""
    own = annotate(error)
    if own is not error:
        raise own from error
