"""How a sparse derivative is computed: a few products, and where their entries go."""

from __future__ import annotations

import functools
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from chainrule.compiler.sparsity.patterns import boolean
from chainrule.errors import ArgumentError
from chainrule.sparse.arguments import Argnums, Chosen
from chainrule.sparse.states import State
from chainrule.transforms.derived import described, global_name
from chainrule.values.containers import flatten, stripped
from chainrule.values.shapes import describe, kind_of, ndarray
from chainrule.values.types import Operation

_np: Any = np
_DIRECT = {float, ndarray}
_KNOWN = {"pattern", "colors", "mode", "dense_because", "sweeps", "carried"}
KEPT = 64
"""For so many kinds of arguments what is known is kept."""


class SparseDerivative:
    """A function that returns a Jacobian, or a Hessian, as sparse matrices.

    The pattern is found in the first call, and again where a call takes another path
    through the function. The attributes are those of the last call. Matrices of one
    pattern share their index arrays, which are read-only: change a ``copy()``.

    Attributes
    ----------
    pattern
        Which entries may be other than zero: a boolean ``csr_array``, of all entries
        of the result by all of the arguments.
    mode
        ``"forward"``: products with columns of one colour; ``"reverse"``: with rows;
        ``"bidirectional"``: the fullest rows from the left, the others from the right;
        of a Hessian ``"star"``, or ``"acyclic"``, by substitution.
    colors
        The colour of each column (of each row, in mode ``"reverse"``; of both, in
        ``"bidirectional"``, -1 where there is none).
    sweeps
        How many products there are, or would be.
    carried
        Whether the entries themselves were computed, with no products: they were
        carried from operation to operation, which took less.
    dense_because
        The functions whose results were taken to depend on all that they were given.
    """

    def __init__(
        self,
        f: Operation,
        argnums: Argnums = 0,
        *,
        symmetric: bool = False,
        mode: str = "auto",
        given: Any = None,
        check: bool = False,
        closed_is_constant: bool = False,
    ) -> None:
        """Prepare nothing yet: the first call does.

        Nodes that ``f`` closes over are refused, unless they are to be constants.
        """
        if not callable(f):
            what = "hessian" if symmetric else "jacobian"
            raise ArgumentError(
                f"sparse.{what} needs a function; received {describe(f)}. Write "
                f"gd.sparse.{what}(f)(x), not gd.sparse.{what}(f(x))."
            )
        functools.update_wrapper(self, f, updated=())
        self.f = f
        self.symmetric = symmetric
        self.mode_asked = mode
        self.given: Any = None if given is None else _pattern_of(given)
        self.check = check
        self.closed_is_constant = closed_is_constant
        self._argnums = argnums
        self._states: OrderedDict[Any, State] = OrderedDict()
        self._last: State | None = None
        self._lock = threading.RLock()

    def __reduce__(self) -> Any:
        """Pickle the name of a decorated function, or what it was made of."""
        made = functools.partial(
            type(self),
            symmetric=self.symmetric,
            mode=self.mode_asked,
            given=self.given,
            check=self.check,
            closed_is_constant=self.closed_is_constant,
        )
        return global_name(self) or (made, (self.f, self._argnums))

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as a method does."""
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        """Show what it was made of, and how many products a matrix takes."""
        what = "hessian" if self.symmetric else "jacobian"
        told = "" if self._last is None else f", {self.sweeps} sweeps"
        return f"<sparse {what} of {described(self.f)}{told}>"

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Return the derivative at these arguments."""
        state, data = self.evaluated(args, keywords)
        return state.arranged(data)

    def evaluated(
        self, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> tuple[State, Any]:
        """Return what is known of arguments like these, and the entries at them."""
        if keywords or not _DIRECT.issuperset(map(kind_of, args)):
            args, keywords = stripped((args, keywords))
        with self._lock:
            state = self.state_at(args, keywords)
            return state, state.evaluate(args, keywords)

    def state_at(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> State:
        """Return what is known of arguments like these; nothing is evaluated."""
        key: Any = None
        given: Sequence[Any] = args
        if keywords or not _DIRECT.issuperset(map(kind_of, args)):
            given, key = flatten((args, dict(keywords)))
        for x in given:
            key = (key, (x.shape, x.dtype) if kind_of(x) is ndarray else kind_of(x))
        state = self._states.get(key)
        if state is None:
            state = State(self, args, keywords)
            state.detect(args, keywords)
            state.found_at = args, keywords
            self._states[key] = state
            if len(self._states) > KEPT:
                self._states.popitem(last=False)
        self._last = state
        return state

    def __getattr__(self, name: str) -> Any:
        """Find what the last call has found out."""
        if name not in _KNOWN:
            raise AttributeError(name)
        if self._last is None:
            raise AttributeError(f"{name!r} is known after the first call")
        return getattr(self._last, name)

    def chosen(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Chosen:
        """Return the arguments of a call that are differentiated."""
        return Chosen(self.f, self._argnums, args, keywords)


def _pattern_of(given: Any) -> Any:
    """Return a pattern of the user's as a boolean CSR matrix, columns in order."""
    try:
        found = boolean(sp.csr_array(given, copy=True))
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"sparsity= is a matrix of SciPy's, or an array of truth values; received "
            f"{describe(given)}."
        ) from error
    found.sum_duplicates()
    return boolean(found)


__all__ = ["SparseDerivative", "State"]
