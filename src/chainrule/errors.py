"""The exceptions chainrule raises, one tree, each also a builtin it behaves like.

::

    ChainruleError
    ├── MissingRuleError      (TypeError)   a function has no derivative rule
    ├── EscapeError           (TypeError)   a node would lose its history in silence
    │   └── AssignedError     (ValueError)  a node was written into a plain array
    ├── ArgumentError         (TypeError)   a value or an argument of the wrong kind
    ├── ShapeError            (ValueError)  shapes that do not fit each other
    ├── ReadOnlyError         (ValueError)  an array that nobody may write into
    ├── NotScalarError        (ValueError)  a real scalar is needed and was not given
    ├── StaleValueError       (RuntimeError) a value was changed after it was used
    ├── RecordingError        (RuntimeError) the recording cannot give what is asked
    ├── FileError             (ValueError)  a file holds no program that can be run
    ├── CompileError         (RuntimeError) a function cannot be compiled as it is
    ├── MissingLibraryError   (ImportError) an optional library or program is not there
    └── GradientMismatchError (AssertionError) two ways to a derivative disagree

Catch ``ChainruleError`` to catch them all. Every message says what failed, what was
received, and what to write instead. There are two warnings: ``NumericalWarning``, a
``UserWarning``, where a derivative by differences is less exact than was asked for, and
``SolutionWarning``, a ``RuntimeWarning``, where the derivative of what a solver found
is not to be relied upon.

>>> import chainrule as gd, numpy as np
>>> try:
...     gd.grad(np.sin)(np.ones(2))
... except ValueError as error:
...     print(type(error).__name__, str(error)[-26:])
NotScalarError use gd.jacobian or gd.vjp.
"""


class ChainruleError(Exception):
    """Base class of every exception that chainrule raises on purpose."""


class MissingRuleError(ChainruleError, TypeError):
    """A function was called on a node and no derivative rule is known for it."""


class EscapeError(ChainruleError, TypeError):
    """A node was about to become a plain number or array and lose its history."""


class AssignedError(EscapeError, ValueError):
    """A node was written into a plain array, which cannot keep how it was computed."""


class ArgumentError(ChainruleError, TypeError):
    """An argument has the wrong kind: a string value, an unknown keyword, ..."""


class ShapeError(ChainruleError, ValueError):
    """Shapes, structures or counts of arguments do not fit each other."""


class ReadOnlyError(ChainruleError, ValueError):
    """A view was written into that NumPy does not let be written."""


class NotScalarError(ChainruleError, ValueError):
    """A gradient needs a real scalar and the function returned something else."""


class StaleValueError(ChainruleError, RuntimeError):
    """A leaf's value was changed after it was used, so its gradient is undefined."""


class RecordingError(ChainruleError, RuntimeError):
    """The recording does not hold what this sweep needs."""


class CompileError(ChainruleError, RuntimeError):
    """A function cannot be compiled as it is, or has not been compiled yet."""


class FileError(ChainruleError, ValueError):
    """A file holds no valid program, or none for what it is called with."""


class MissingLibraryError(ChainruleError, ImportError):
    """What was asked for needs a library or program that is not installed."""


class GradientMismatchError(ChainruleError, AssertionError):
    """``check_gradients`` found two derivatives of one function that differ."""


class NumericalWarning(UserWarning):
    """A derivative by differences is estimated to be less exact than was asked for."""


class SolutionWarning(RuntimeWarning):
    """The derivative of what a solver found is not to be relied upon, or is nan."""
