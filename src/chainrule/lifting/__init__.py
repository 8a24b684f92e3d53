"""``lift``: a function that runs with arrays which take nodes, as it is written.

In: a function that fills arrays of NumPy's, ``y = np.zeros(n); y[i] = x``. Out: the
same code with other global names: its ``np`` is ``chainrule.numpy``, whose arrays take
nodes, its ``scipy`` is ``chainrule.scipy`` where that has the name, and so on for the
functions and classes of one's own that it uses. NumPy itself is left alone.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from chainrule.errors import ArgumentError
from chainrule.lifting.lifted_code import Lifting
from chainrule.lifting.mirrors import mirrored, package_of
from chainrule.numpy.lifted_arrays import as_returned
from chainrule.values.shapes import describe

T = TypeVar("T")


def lift(f: T, *, packages: Iterable[str] = ()) -> T:
    """Return what does the same as ``f``, with arrays that take nodes.

    NumPy's arrays cannot remember how an entry was computed, so ``y = np.zeros(3)``
    refuses ``y[0] = x``, and ``y = 2 * mass`` refuses ``y += x``. In the lifted
    function the names ``np`` and ``scipy`` of its module stand for ``chainrule.numpy``
    and ``chainrule.scipy``, ``math.sin`` takes nodes, and so does every array that the
    function makes. The same holds for names that were imported from them (``from numpy
    import zeros``), imports inside of functions, and for what ``f`` uses by whatever
    name, in its defaults, in its closure or as an argument: functions, also in tables
    of them, classes, and objects of these classes.

    These are lifted with ``f``: what is in its package, what is in modules of one's
    own, which are not installed in Python's library or in ``site-packages``, and what
    is in ``packages``.

    Arrays that ``f`` is given or reads by a global name refuse nodes: their memory is
    the caller's. So do arrays that other libraries make. Objects that were made before
    the call, and that ``f`` reaches by an entry of a list or a dict, run as they are.
    What the function assigns to names declared ``global`` is seen by lifted functions
    only.

    Parameters
    ----------
    f
        A Python function or method, a ``functools.partial`` of one, a class, or a
        module, whose functions and classes are lifted when they are looked up.
    packages
        Names of installed packages whose code is lifted too, ``["filterpy"]``.

    Raises
    ------
    ArgumentError
        If ``f`` has no code of Python's: a function in C.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> def powers(x):
    ...     y = np.zeros(3)
    ...     for i in range(3):
    ...         y[i] = x**i
    ...     return y
    >>> gd.jacobian(gd.lift(powers))(2.0)
    array([0., 1., 4.])
    """
    if isinstance(packages, str):
        raise ArgumentError(
            f"packages= of gd.lift are names in a list; received {packages!r}. Write "
            f"packages=[{packages!r}]."
        )
    name = (
        f.__name__ if isinstance(f, types.ModuleType) else getattr(f, "__module__", "")
    )
    lifting = Lifting({package_of(name or ""), *map(package_of, packages)})
    if isinstance(f, types.ModuleType):
        return lifting.module(f)
    made: Any = lifting.lifted_class if isinstance(f, type) else lifting.function
    lifted: Any = made(f)
    if lifted is None:
        raise ArgumentError(
            "gd.lift takes a Python function or method, a class of them, or a module; "
            f"received {describe(f)}. Lift the function that calls it."
        )
    entry: Any = lifted if isinstance(f, type) else _entry(lifting, lifted)
    return entry


def _entry(lifting: Lifting, f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a lifted function as it is called from outside."""

    @functools.wraps(f)
    def call(*args: Any, **options: Any) -> Any:
        """Call it with lifted arguments; what comes out is plain, or a node."""
        options = {k: lifting.argument(x) for k, x in options.items()}
        return as_returned(f(*map(lifting.argument, args), **options))

    return call


__all__ = ["lift", "mirrored"]
