"""How a sparse derivative is computed: a few products, and where their entries go."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp

from chainrule.compiler.api import compile as compiled
from chainrule.compiler.batching.vmap import vmap
from chainrule.errors import ArgumentError, ShapeError
from chainrule.sparse.colouring import colour_columns, colour_symmetric
from chainrule.sparse.detection import Detection
from chainrule.sparse.patterns import DensePatternError
from chainrule.transforms.gradients import grad
from chainrule.transforms.products import jvp, vjp
from chainrule.transforms.values import value
from chainrule.values.shapes import describe, kind_of, ndarray
from chainrule.values.types import Array, Operation

_np: Any = np


class SparseDerivative:
    """A function that returns a Jacobian, or a Hessian, as a sparse matrix.

    The pattern is found in the first call, and again where a call takes another path
    through the function. The attributes are those of the last call.

    Attributes
    ----------
    pattern
        Which entries may be other than zero: a boolean ``csr_array``.
    colors
        The colour of each column (of each row, in mode ``"reverse"``).
    mode
        ``"forward"``, ``"reverse"`` or, of a Hessian, ``"symmetric"``.
    dense_because
        The functions whose results were taken to depend on all that they were given.
    """

    def __init__(
        self,
        f: Operation,
        argnum: int,
        *,
        symmetric: bool,
        mode: str,
        given: Any = None,
        check: bool = False,
        closed_is_constant: bool = False,
    ) -> None:
        """Prepare nothing yet: the first call does.

        Nodes that ``f`` closes over are refused, unless they are to be constants.
        """
        functools.update_wrapper(self, f, updated=())
        self.f = f
        self._argnum = argnum
        self._symmetric = symmetric
        self._asked = mode
        self._given = None if given is None else _as_pattern(given)
        self._check = check
        self._settled: Any = value if closed_is_constant else _as_it_is
        self._inner: Any = compiled(self._valued)
        self._states: dict[Any, _State] = {}
        self._last: _State | None = None
        self._lock = threading.RLock()

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Return the derivative at these arguments."""
        x = self._argument(args)
        key = (x.shape, x.dtype, *(_kind(a) for a in (*args, *keywords.values())))
        with self._lock:
            state = self._states.get(key)
            if state is None:
                state = _State(self, x)
                state.detect(args, keywords)
                self._states[key] = state
            self._last = state
            return state.evaluate(args, keywords)

    def __getattr__(self, name: str) -> Any:
        """Find what the last call has found out."""
        if name not in ("pattern", "colors", "mode", "dense_because", "sweeps"):
            raise AttributeError(name)
        if self._last is None:
            raise AttributeError(f"{name!r} is known after the first call")
        return getattr(self._last, name)

    def _argument(self, args: Sequence[Any]) -> Any:
        if len(args) <= self._argnum:
            raise ArgumentError(
                f"argument {self._argnum} is differentiated, and {len(args)} were "
                "given by position. Give it by position."
            )
        x = args[self._argnum]
        if not isinstance(x, ndarray) or x.dtype.kind != "f":
            raise ArgumentError(
                "a sparse derivative is taken in a real array; received "
                f"{describe(x)}. Pass np.asarray(x, float)."
            )
        return x

    def _differentiated(self, *args: Any, **keywords: Any) -> Any:
        """Return what a Jacobian is taken of: the function, or its gradient."""
        if not self._symmetric:
            return self.f(*args, **keywords)
        return grad(self.f, self._argnum)(*args, **keywords)

    def _valued(self, *args: Any, **keywords: Any) -> Any:
        return self._settled(self._differentiated(*args, **keywords))

    def of_argument(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Return that function of its one argument."""
        before, after = args[: self._argnum], args[self._argnum + 1 :]

        def f(x: Array) -> Any:
            return self._differentiated(*before, x, *after, **keywords)

        return f

    def products(self, seeds: Array, args: Any, keywords: Any) -> Any:
        """Return the products with several vectors."""
        f, x = self.of_argument(args, keywords), args[self._argnum]

        def product(s: Array) -> Any:
            return self._settled(jvp(f, (x,), (s,))[1])

        return vmap(product)(seeds)

    def pulled(self, seeds: Array, args: Any, keywords: Any) -> Any:
        """Return the products of several vectors with the Jacobian."""
        f, x = self.of_argument(args, keywords), args[self._argnum]

        def product(s: Array) -> Any:
            return self._settled(vjp(f, x)[1](s)[0])

        return vmap(product)(seeds)

    @functools.cached_property
    def forward(self) -> Any:
        """The compiled products."""
        return compiled(self.products)

    @functools.cached_property
    def reverse(self) -> Any:
        """The compiled products from the left."""
        return compiled(self.pulled)

    def pattern_at(
        self, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> tuple[Any, Any, list[str]]:
        """Return the value, the pattern on its path, and what made that dense."""
        value = self._inner(*args, **keywords)
        if not isinstance(value, (ndarray, float)):
            raise ArgumentError(
                f"a sparse derivative is that of one array; received {describe(value)}."
            )
        if self._given is not None:
            return value, self._given, []
        path = self._inner.kept.latest
        if path is None:
            raise ArgumentError(
                "the function has no program at these arguments (its result holds a "
                "nan, or it raises an error there), so its pattern cannot be found. "
                "Call it first at others, or give sparsity=."
            )
        program, alone = path.program, list(args)
        x = alone[self._argnum] = args[self._argnum].view()  # no other argument is it
        numbers = self._inner.signed(tuple(alone), keywords)[1]
        place = next(i for i, v in enumerate(numbers) if v is x)
        found = Detection(program, [program.inputs[place]])
        try:
            pattern = found.of(program.outputs[0]).as_matrix()
            return value, pattern, found.dense_because
        except DensePatternError:
            because = ", ".join(found.dense_because) or "sums over many entries"
            raise ArgumentError(
                f"the matrix has too many entries that may be non-zero, by {because}. "
                "Use gd.linear_map(f, x) for its products with vectors."
            ) from None


class _State:
    """What is known for arguments of one signature."""

    def __init__(self, owner: SparseDerivative, x: Array) -> None:
        self.owner = owner
        self.like = x
        self.paths: set[Any] = set()
        self.pattern: Any = None
        self.colors: Any = None
        self.mode = "forward"
        self.dense_because: list[str] = []
        self.out: tuple[int, ...] = ()

    @property
    def sweeps(self) -> int:
        """How many products are computed."""
        return int(self.colors.max(initial=-1)) + 1

    def detect(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
        """Find the pattern of the path that these arguments take; tell if it grew."""
        value, found, because = self.owner.pattern_at(args, keywords)
        if self.out != _np.shape(value):  # a path to a result of another shape
            self.out, self.pattern = _np.shape(value), None
            self.paths.clear()
        shape = (math.prod(self.out), self.like.size)
        if found.shape != shape:
            raise ShapeError(
                f"sparsity= has shape {found.shape}, and the derivative {shape}."
            )
        if self.owner._symmetric:
            found = _ones(found + found.T)
        self.dense_because = list(dict.fromkeys([*self.dense_because, *because]))
        before = -1 if self.pattern is None else self.pattern.nnz
        if self.pattern is not None:
            found = _ones(found + self.pattern)
        if found.nnz == before:
            return False
        found.sort_indices()
        self.pattern = found
        self._colour()
        if self.owner._check:
            self._compare(args, keywords)
        return True

    def _colour(self) -> None:
        """Colour the pattern, and find where each entry comes from."""
        pattern = self.pattern
        rows = _np.repeat(_np.arange(pattern.shape[0]), _np.diff(pattern.indptr))
        columns = pattern.indices
        if self.owner._symmetric:
            self.mode, self.colors = "symmetric", colour_symmetric(pattern)
            first, second = _alone(self.colors, rows, columns)
        else:
            self.mode, self.colors = _coloured(pattern, self.owner._asked)
            of, second = (columns, rows) if self.mode == "forward" else (rows, columns)
            first = self.colors[of]
        length = pattern.shape[1 if self.mode == "reverse" else 0]
        self.places: Any = first.astype(_np.intp) * length + second
        shape = self.out if self.mode == "reverse" else self.like.shape
        seeds = _np.zeros((self.sweeps, self.colors.size), self.like.dtype)
        seeds[self.colors, _np.arange(self.colors.size)] = 1
        self.seeds: Any = seeds.reshape(self.sweeps, *shape)

    def evaluate(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Return the matrix at these arguments."""
        while True:
            if not self.pattern.nnz:  # there is no product that tells the path
                if self.detect(args, keywords):
                    continue
                data = _np.zeros(0, self.like.dtype)
                break
            run = self.owner.reverse if self.mode == "reverse" else self.owner.forward
            try:
                products = run(self.seeds, tuple(args), dict(keywords))
            except ShapeError:  # seeds are of the shape of an earlier result
                if not self.detect(args, keywords):
                    raise
                continue
            path = run.kept.latest
            grew = path not in self.paths and self.detect(args, keywords)
            if path is not None:
                self.paths.add(path)
            if not grew:
                data = _np.take(products.reshape(-1), self.places)
                break
        pattern = self.pattern
        return sp.csr_array(
            (data, pattern.indices, pattern.indptr), shape=pattern.shape
        )

    def _compare(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        """Raise unless the pattern gives the product with a random vector."""
        direction = _np.random.default_rng(0).normal(size=self.like.shape)
        f = self.owner.of_argument(args, keywords)
        x = args[self.owner._argnum]
        expected = _np.ravel(jvp(f, (x,), (direction.astype(x.dtype),))[1])
        got = self.evaluate(args, keywords) @ direction.ravel()
        scale = _np.max(_np.abs(expected), initial=1e-300)
        wrong = _np.flatnonzero(_np.abs(got - expected) > 1e-6 * scale)
        if wrong.size:
            raise ArgumentError(
                f"sparsity= leaves out entries of row {wrong[0]} that are not zero "
                f"({wrong.size} rows differ). Leave it away, to have it found."
            )


def _coloured(pattern: Any, asked: str) -> tuple[str, Any]:
    """Return the mode with fewer sweeps, and its colours."""
    by_rows = int(_np.diff(pattern.tocsc().indptr).max(initial=0))
    forward: Any = None
    if asked != "reverse":
        forward = colour_columns(pattern)
        if asked == "forward" or forward.max(initial=-1) + 1 <= by_rows:
            return "forward", forward
    reverse = colour_columns(pattern.T.tocsr())
    fewer = forward is None or reverse.max(initial=-1) < forward.max(initial=-1)
    return ("reverse", reverse) if fewer else ("forward", forward)


def _alone(colours: Array, rows: Array, columns: Array) -> tuple[Any, Any]:
    """Return where each entry of a symmetric matrix is alone: product, and row."""
    count = int(_np.max(colours, initial=-1)) + 1
    key = rows.astype(_np.int64) * count + colours[columns]
    _, inverse, hits = _np.unique(key, return_inverse=True, return_counts=True)
    single = hits[inverse] == 1
    return (
        _np.where(single, colours[columns], colours[rows]),
        _np.where(single, rows, columns),
    )


def _ones(matrix: Any) -> Any:
    found = matrix.tocsr()
    found.data = _np.ones(found.nnz, bool)
    return found


def _as_pattern(given: Any) -> Any:
    return _ones(sp.csr_array(given))


def _as_it_is(x: Any) -> Any:
    return x


def _kind(x: Array) -> Any:
    return (x.shape, x.dtype) if isinstance(x, ndarray) else kind_of(x)


__all__ = ["SparseDerivative"]
