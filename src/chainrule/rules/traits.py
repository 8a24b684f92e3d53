"""Traits: what other code must know of a function, besides its derivative.

In: attributes of a rule class. Out: by them, and by the kind of the rule, the compiler
runs the function on many examples at once, on the entries that are not zero, on a tape
and in loops over large arrays (``registry.traits_of``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

Pairs = tuple[Sequence[int], Sequence[int]]
"""Axes of one operand, and those of the other that they are summed with."""


Numbers = NDArray[np.intp]
"""Numbers of an array's entries, from 0 on."""
Depends = tuple[tuple[Numbers, Numbers] | None, ...]
"""For each operand the numbers of results and of the entries that they are made of."""


class traits:
    """What is known of a function; the defaults say nothing."""

    # ------------------------------------------------------- which entries go where
    entrywise: bool = False
    """Whether each entry is computed by itself, so that ``where=`` may leave it out."""
    chooses: ClassVar[bool] = False
    """Whether the first operand says which of the others an entry is: ``where``."""
    vanishes: ClassVar[bool] = False
    """Whether an entry is 0 where one of its operands is: a product."""
    moves: ClassVar[bool] = False
    """Whether each entry of the result is one of the operands' entries, or 0."""
    in_order: ClassVar[bool] = False
    """Whether the entries keep their order, so that the result is the operand itself
    where shape and dtype agree; it may repeat the whole operand."""
    views: ClassVar[bool] = False
    """Whether NumPy's result may show the operand's memory: see ``linear.put``."""
    axes: tuple[str, ...] = ()
    """The parameters that name axes; it does the same along each line of the others."""
    flattens: ClassVar[bool] = False
    """Whether ``axis=None`` (or having no axis) flattens the operands; else it stands
    for all axes."""
    reduces: ClassVar[Any] = None
    """The ufunc of two entries that makes the entries along the axes one."""
    accumulates: ClassVar[Any] = None
    """The ufunc of an entry and of what all before it have made: ``cumsum``."""
    averages: ClassVar[bool] = False
    """Whether what ``reduces`` makes is divided by the number of entries."""
    signature: ClassVar[str] = ""
    """Which last axes it is a function of, as NumPy writes it: ``(n,n),(n)->(n)``. Any
    number of axes may stand before; an axis such as ``n?`` may be missing."""
    by_columns: ClassVar[bool] = False
    """Whether it takes each column of the last operand by itself (``solve``)."""
    by_factors: ClassVar[str] = ""
    """What it does with the factors of its matrix, as NumPy calls it: ``solve``,
    ``inv``, ``slogdet``, ``det``, or ``cofactors``; ``cholesky`` returns one, and
    ``solve_triangular`` reads one as its parameters ``structure`` and ``lower`` say."""
    transform: ClassVar[str] = ""
    """The Fourier transform along one axis that it is: ``fft``, ``ifft``, ``rfft`` or
    ``irfft``."""
    contracts: Any = None
    """Of a product: ``contracts(n, m, **parameters)`` returns the axes that it sums
    over, of operands with n and m axes (``Pairs``), or ``None`` if it is another."""
    depends: Any = None
    """Which entries of the result are made of which of the operands' entries:
    ``depends(z, x, ..., **parameters)`` is given the numbers of all of them, as arrays,
    and returns two arrays of numbers for each operand, those of results and those of
    entries, with -1 for none; ``None`` where each result is made of all entries."""

    primitive: ClassVar[bool] = False
    """Of a composed function: whether a trace keeps its call, and not its parts. They
    are slower than NumPy's function, or round otherwise."""

    # --------------------------------------------------------------- what it looks at
    of_shapes: ClassVar[bool] = False
    """Whether it looks at shapes and dtypes only, so that the result is a constant."""
    returns_arrays: ClassVar[bool] = False
    """Whether NumPy's result has memory of its own also where it has no axes, which may
    be written into: ``np.where``, ``np.copy``. Of other functions it is a number."""
    writes: ClassVar[bool] = False
    """Whether it writes into an operand."""
    of_memory: ClassVar[tuple[str, tuple[Any, ...]]] = ("", ())
    """An option, and the values by which it writes into an operand, or asks how that
    lies in memory. What stands for the function says what then happens."""
    may_raise: ClassVar[bool] = False
    """Whether it raises an error for some values."""

    # -------------------------------------------------------------------- its numbers
    of_integers: ClassVar[bool] = False
    """Whether float64 arithmetic gives what that of integers does, below 2**53."""
    vector_loop: ClassVar[bool] = False
    """Whether NumPy's own loop has instructions of AVX-512, where there are some."""
    of_booleans: ClassVar[Any] = None
    """The function that it is of booleans, where it is another."""
    bounded: ClassVar[bool] = False
    """Whether integers do not become larger than those of the operands, or a size."""
    undoes: ClassVar[Any] = None
    """The function that it undoes: ``exp`` undoes ``log``."""
    of_branches: ClassVar[bool] = False
    """Whether complex numbers have several values of it, and it takes one: ``log``."""
    operator: ClassVar[str] = ""
    """The operator of Python's that calls it on arrays, as ``operator`` names it."""
