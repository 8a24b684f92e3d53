"""What is known of a sparse derivative for arguments of one kind: pattern, products."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from chainrule.compiler.api import compile as compiled
from chainrule.compiler.batching.vmap import vmap
from chainrule.compiler.programs.program import Program
from chainrule.compiler.sparsity.compression import (
    Compression,
    compressed,
    compressed_symmetric,
)
from chainrule.compiler.sparsity.detection import Detection
from chainrule.compiler.sparsity.patterns import DensePatternError, boolean
from chainrule.compiler.sparsity.structure import stacked, structure_of
from chainrule.errors import ArgumentError, ShapeError
from chainrule.sparse.arguments import Chosen, named_as, split, together
from chainrule.sparse.blocks import Block, blocks_of
from chainrule.sparse.entries import CarryError, entries_of
from chainrule.sparse.outlines import path_of
from chainrule.transforms.gradients import grad
from chainrule.transforms.products import linearize, vjp
from chainrule.transforms.seeds import check_numeric, is_differentiable
from chainrule.transforms.values import value
from chainrule.values.containers import LEAF, flatten, unflatten
from chainrule.values.shapes import TUPLE, ndarray, shape_of
from chainrule.values.types import Array, Shape
from chainrule.values.vertices import first_stand_in

if TYPE_CHECKING:
    from chainrule.sparse.matrices import SparseDerivative

_np: Any = np
FOLDED = 1 << 22
"""Entries up to which seeds are gathered once, and kept."""


class State:
    """What is known for arguments of one kind."""

    def __init__(
        self, owner: SparseDerivative, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> None:
        self.owner = owner
        self.chosen: Chosen = owner.chosen(args, keywords)
        self.paths: dict[Any, tuple[Any, list[bool]]] = {}
        """The paths that are known, and how the result is arranged on each."""
        self.pattern: Any = None
        self.compression: Compression | None = None
        self.dense_because: list[str] = []
        self.shapes: list[Shape] = []
        self.seeds: list[Any] = []
        self.passed: list[Any] = []
        """The seeds, where they are arguments of the products, and no constants."""
        self._gathered: int = 0
        self._work: int = 0
        self._count: int = 0
        self.carried: bool = False
        """Whether entries are carried, as that takes less than products."""
        self._refused: bool = False
        """Whether that was refused in a trace."""
        self.blocks: list[list[Block]] = []
        self.structure: Any = None
        self.beside: list[bool] = []
        self.complex: bool = False
        self._run: Any = None
        self.found_at: tuple[Any, Any] | None = None
        """Where the pattern was found, until there is an evaluation."""

    @property
    def mode(self) -> str:
        """Which products are computed."""
        return self.known().mode

    @property
    def colors(self) -> Any:
        """The colours of columns, of rows, or both."""
        return self.known().colors

    @property
    def sweeps(self) -> int:
        """How many products are computed."""
        return self.known().sweeps if self.pattern.nnz else 0

    def known(self) -> Compression:
        """Return which products are computed, once that was found."""
        assert self.compression is not None  # noqa: S101  it was detected
        return self.compression

    # ------------------------------------------------------------------- functions

    def flat(
        self, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Callable[..., tuple[Any, ...]]:
        """Return what the Jacobian is taken of, as a function of leaves."""
        f = self.chosen.function(self.owner.f, args, keywords)
        if not self.owner.symmetric:
            return f

        def one(*leaves: Any) -> Any:
            positional, named = self.chosen.with_leaves(args, keywords, leaves)
            return self.owner.f(*positional, **named)

        return grad(one, tuple(range(len(self.chosen.shapes))))

    def _differentiated(self, *args: Any, **keywords: Any) -> Any:
        if self.owner.symmetric:
            found = self.flat(args, keywords)(*self.chosen.leaves(args, keywords))
        else:
            found = self.owner.f(*args, **keywords)
        return self._settled(found)

    def _settled(self, found: Any) -> Any:
        return value(found) if self.owner.closed_is_constant else found

    def products(self, *given: Any, **keywords: Any) -> list[Any]:
        """Return the products from the right, and from the left."""
        count = len(self.passed)
        seeds, args = list(given[:count] or self.seeds), given[count:]
        seeds = seeds or self.known().seeds(self.chosen.dtype)
        flat = self.flat(args, keywords)
        leaves = self.chosen.leaves(args, keywords)

        found: list[Any] = []
        if self.known().columns is not None:
            _, push = linearize(flat, *leaves)

            def pushed(s: Array) -> Any:
                return self._settled(together(push(*self.chosen.parts(s))))

            found.append(vmap(pushed)(seeds.pop(0)))
        if self.known().rows is not None:
            _, pull = vjp(flat, *leaves)

            def pulled(s: Array) -> Any:
                return self._settled(together(pull(tuple(split(s, self.shapes)))))

            found.append(vmap(pulled)(seeds.pop(0)))
        return found

    def carry(self, *args: Any, **keywords: Any) -> Any:
        """Return all entries: carried in a trace, by products where that met a nan."""
        leaves = self.chosen.leaves(args, keywords)
        if first_stand_in(leaves) is None and not self._refused:
            return self.entries(self.products(*args, **keywords))
        try:
            return entries_of(
                self.flat(args, keywords),
                leaves,
                structure_of(self.pattern),
                symmetric=self.owner.symmetric,
                limit=self.sweeps * self._work,
            )
        except CarryError:
            self._refused = True
            raise

    # --------------------------------------------------------------------- patterns

    def found(
        self, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> tuple[Any, list[str], int]:
        """Return a call's pattern, what made it dense, and its program's work."""
        path = path_of(self.owner.f, self._differentiated, self.chosen, args, keywords)
        if path is not None:
            leaves, self.structure = path.likes, path.structure
        elif self.owner.given is None:
            raise ArgumentError(
                "the function raises an error at these arguments, so its pattern "
                "cannot be found. Call it first at others, or give sparsity=."
            )
        else:
            with _np.errstate(all="ignore"):
                result = self._differentiated(*args, **keywords)
            leaves, self.structure = flatten(result)
        self._check_result(leaves)
        self.beside = list(map(is_differentiable, leaves))
        kept = [x for x in leaves if is_differentiable(x)]
        self.complex = any(map(_np.iscomplexobj, kept))
        shapes = list(map(shape_of, kept))
        if shapes != self.shapes:  # a path to a result of another shape
            self.shapes, self.pattern = shapes, None
            self.paths.clear()
        program = None if path is None else path.program
        self._gathered = _gathered(program)
        if path is None or self.owner.given is not None:
            return self._given(), [], _work(program)
        found = Detection(path.program, path.wanted)
        outputs = path.program.outputs
        outputs = [z for z, ok in zip(outputs, self.beside, strict=True) if ok]
        try:
            parts = [found.of(z).structure() for z in outputs]
        except DensePatternError:
            because = ", ".join(found.dense_because) or "sums over many entries"
            raise ArgumentError(
                f"the matrix has too many entries that may be non-zero, by {because}. "
                "Use gd.linear_map(f, x) for its products with vectors."
            ) from None
        return stacked(parts).as_scipy(), found.dense_because, _work(program)

    def _check_result(self, leaves: Sequence[Any]) -> None:
        name = "hessian" if self.owner.symmetric else "jacobian"
        if not leaves:
            raise ArgumentError(
                f"sparse.{name} needs a function that returns numbers; this one "
                "returned None. Let it return its result."
            )
        some = any(map(is_differentiable, leaves))
        for z in leaves:
            if not some or not isinstance(z, int | np.ndarray | np.generic):
                check_numeric(z, f"sparse.{name}")

    def _given(self) -> Any:
        shape = (sum(map(math.prod, self.shapes)), sum(self.chosen.sizes))
        given = self.owner.given
        if given.shape != shape:
            raise ShapeError(
                f"sparsity= has shape {given.shape}, and the derivative {shape}."
            )
        return given

    def detect(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
        """Find the pattern of the path that these arguments take; tell if it grew."""
        found, because, work = self.found(args, keywords)
        self._work = max(self._work, work)
        if self.owner.symmetric:
            both = boolean(found + found.T)  # in twice the memory
            found = both if both.nnz > found.nnz else found
        self.dense_because = list(dict.fromkeys([*self.dense_because, *because]))
        before = -1 if self.pattern is None else self.pattern.nnz
        if self.pattern is not None:
            found = boolean(found + self.pattern)
        checked = self.owner.check and self.owner.given is not None
        if found.nnz == before:
            if checked:  # on this path, too
                self._compare(args, keywords)
            return False
        found.sort_indices()
        self.pattern = found
        asked = self.owner.mode_asked
        if self.complex:
            asked = "forward"  # a sweep back to real arguments has the real part
        if not self.owner.symmetric:
            self._take(compressed(structure_of(found), asked))
        else:
            structure = structure_of(found)
            products = compressed_symmetric(structure, asked, work)
            if products.mode == "acyclic":
                self._take(products, carries=False)
                if self._wrong_rows(args, keywords).size:
                    products = compressed_symmetric(structure, "star", work)
            self._take(products)
        if checked:
            self._compare(args, keywords)
        return True

    def _take(self, compression: Compression, *, carries: bool = True) -> None:
        """Compute products like these from now on, or carry the entries."""
        self.compression, self._count = compression, self.pattern.nnz
        free = self.owner.mode_asked == "auto" and self.owner.given is None
        self.carried = carries and free and not self.complex
        self._refused = False
        self.seeds = [] if self.carried else compression.seeds(self.chosen.dtype)
        folded = 0 < self._gathered * compression.sweeps <= FOLDED
        self.passed = [] if folded else self.seeds
        sizes = list(map(math.prod, self.shapes)), self.chosen.sizes
        self.blocks = blocks_of(self.pattern, *sizes)
        run = self.carry if self.carried else self.products
        self._run = compiled(named_as(self.owner.f, run))

    # ------------------------------------------------------------------- evaluation

    def evaluate(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Return the entries of the whole matrix at these arguments."""
        at, self.found_at = self.found_at, None
        is_known = at is not None and at[0] is args and at[1] is keywords
        while True:
            if not self._count:  # there is no product that tells the path
                if not is_known and self.detect(args, keywords):
                    continue
                return self.entries([])
            run = self._run
            try:
                found = run(*self.passed, *args, **keywords)
            except CarryError:
                if is_known or not self.detect(args, keywords):
                    self._take(self.known(), carries=False)
                is_known = True
                continue
            except ShapeError:  # seeds are of the shape of an earlier result
                if not self.detect(args, keywords):
                    raise
                continue
            path = run.kept.latest
            if path in self.paths:
                is_known = True
                self.structure, self.beside = self.paths[path]
            grew = not is_known and self.detect(args, keywords)
            is_known = True  # whatever path these arguments take
            if path is not None:
                self.paths[path] = self.structure, self.beside
            if not grew:
                return _held(found) if self.carried else self.entries(found)

    def entries(self, products: Sequence[Any]) -> Any:
        """Return the entries of the matrix, or of its diagonal, from the products."""
        diagonal = sum(self.chosen.sizes) if self.mode == "diagonal" else 0
        found: Any = _np.zeros(diagonal, self.chosen.dtype)
        if self.pattern.nnz:
            found = self.known().entries(together(products))
        return _held(found)

    def arranged(self, data: Array) -> Any:
        """Return the entries as matrices: one for each leaf of result and argument."""
        symmetric = self.owner.symmetric
        if self.chosen.alone and (symmetric or self.structure is LEAF):
            return self.blocks[0][0].filled(data)
        made = [
            self.chosen.arranged([block.filled(data) for block in row])
            for row in self.blocks
        ]
        if symmetric:
            return self.chosen.arranged(made)
        following = iter(made)
        whole = [next(following) if ok else None for ok in self.beside]
        return unflatten(self.structure, whole)

    def _wrong_rows(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
        """Return the rows whose product with a random vector is another one."""
        dtype, size = self.chosen.dtype, sum(self.chosen.sizes)
        direction = _np.random.default_rng(0).normal(size=size).astype(dtype)
        leaves = self.chosen.leaves(args, keywords)
        expected = self.chosen.times(self.flat(args, keywords), leaves, direction)
        self.found_at = args, keywords  # the pattern is not to be found once more
        data = self.evaluate(args, keywords)
        entries = (data, self.pattern.indices, self.pattern.indptr)
        matrix = sp.csr_array(entries, self.pattern.shape)
        scale = abs(matrix) @ _np.abs(direction) + _np.abs(expected)
        eps = float(_np.finfo(dtype).eps)
        close = 10 * (math.sqrt(eps) * scale + eps * _np.max(scale, initial=0.0))
        return _np.flatnonzero(_np.abs(matrix @ direction - expected) > close)

    def _compare(self, args: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        """Raise unless the pattern gives the product with a random vector."""
        wrong = self._wrong_rows(args, keywords)
        if wrong.size:
            self.paths.clear()  # so that it is compared again
            raise ArgumentError(
                f"sparsity= leaves out entries of row {wrong[0]} that are not zero "
                f"({wrong.size} rows differ). Leave it away, to have it found."
            )


def _held(data: Any) -> Any:
    """Return entries as SciPy's matrices hold them, which is not in half precision."""
    return data.astype(_np.float32) if data.dtype.char == "e" else data


def _gathered(program: Program | None) -> int:
    """Return how many entries a program reads or adds at constant places, in no order.

    They are read of seeds, too: once for all calls, where these are constants.
    """
    rows: Sequence[Any] = () if program is None else program.rows
    found = 0
    for row in rows:
        is_read = row.function is operator.getitem
        index: Any = row.args[1] if is_read else row.given.get("index")
        parts: Sequence[Any] = index if isinstance(index, TUPLE) else (index,)
        arrays = [i for i in parts if isinstance(i, ndarray)]
        found += sum(i.size for i in arrays if i.dtype.kind in "iu")
    return found


def _work(program: Program | None) -> int:
    """Return the number of entries of all arrays that a program makes."""
    rows: Sequence[Any] = () if program is None else program.rows
    return sum(math.prod(x.shape or ()) for x in rows)


__all__ = ["State"]
