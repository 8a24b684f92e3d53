"""Sparse matrices whose data are nodes."""

from __future__ import annotations

from typing import Any, Union

import numpy as np
import scipy.sparse as sp

from chainrule import operations
from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.joined import holds_followed
from chainrule.operations import namespace as ops
from chainrule.scipy.sparse.patterns import Pattern, pattern_of
from chainrule.scipy.sparse.products import product
from chainrule.values.shapes import describe, shape_of
from chainrule.values.types import Array, Index, Shape, Value
from chainrule.values.vertices import raw

_np: Any = np
_sparse: Any = sp
_is_sparse: Any = sp.issparse
Matrix = Union["SparseNode", "sp.sparray", "sp.spmatrix"]
"""A sparse matrix, of SciPy's or of nodes."""
Operand = Matrix | Value
"""What an operator of a sparse matrix takes."""


class SparseNode:
    """A sparse matrix whose data are a node, with what SciPy's have of methods.

    ``@`` takes arrays, nodes and sparse matrices on either side; ``*`` numbers, and
    ``+`` and ``-`` sparse matrices. ``chainrule.scipy.sparse.linalg`` solves with it.
    The pattern is plain: an entry that is zero stays one.

    Attributes
    ----------
    data
        The entries, a node, in the order of ``indices``.
    pattern
        Where they are: of the matrix row by row, or column by column where its
        ``format`` is ``"csc"``.
    """

    __array_priority__: float = 1e6
    __array_ufunc__ = None
    is_sparse_node = True
    ndim = 2

    def __init__(
        self, data: Array, pattern: Pattern, *, by_columns: bool, is_array: bool = True
    ) -> None:
        """Put data at the places of a pattern: by columns it is the transpose's."""
        if shape_of(data) != shape_of(pattern.indices):
            raise ShapeError(
                f"a sparse matrix with {pattern.indices.size} places has data of "
                f"shape {shape_of(data)}. Give one entry for each place."
            )
        self.data = data
        self.pattern = pattern
        self._by_columns = by_columns
        self._is_array = is_array

    def __repr__(self) -> str:
        """Show the format, the shape and the data."""
        return f"<sparse {self.format} of shape {self.shape}, data {self.data!r}>"

    @property
    def format(self) -> str:
        """How it lies in memory."""
        return "csc" if self._by_columns else "csr"

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the matrix."""
        m, n = self.pattern.shape
        return (n, m) if self._by_columns else (m, n)

    @property
    def dtype(self) -> Any:
        """The dtype of the data."""
        return self.data.dtype

    @property
    def nnz(self) -> int:
        """How many entries there are."""
        return int(self.pattern.indices.size)

    @property
    def indices(self) -> Any:
        """The columns of the entries; their rows if they lie by columns."""
        return self.pattern.indices

    @property
    def indptr(self) -> Any:
        """Where rows begin, or columns."""
        return self.pattern.indptr

    @property
    def coords(self) -> tuple[Any, Any]:
        """The rows and the columns of the entries."""
        pair = (self.pattern.rows, self.pattern.columns)
        return pair[::-1] if self._by_columns else pair

    @property
    def T(self) -> SparseNode:  # noqa: N802
        """The transpose, with the same data."""
        return self._like(self.data, by_columns=not self._by_columns)

    def transpose(self) -> SparseNode:
        """Return the transpose."""
        return self.T

    def _like(self, data: Array, *, by_columns: bool | None = None) -> SparseNode:
        way = self._by_columns if by_columns is None else by_columns
        return SparseNode(data, self.pattern, by_columns=way, is_array=self._is_array)

    # ------------------------------------------------------------------ conversions

    def filled(self, entries: Array) -> SparseNode:
        """Return the sparse matrix of this format that holds all of these entries."""
        turned = operations.transpose(entries) if self._by_columns else entries
        rows, columns = shape_of(turned)
        indices = _np.tile(_np.arange(columns), rows)
        starts = columns * _np.arange(rows + 1)
        pattern = Pattern(indices, starts, (rows, columns))
        data = operations.reshape(turned, (-1,))
        return SparseNode(
            data, pattern, by_columns=self._by_columns, is_array=self._is_array
        )

    def toarray(self) -> Any:
        """Return the dense matrix, a node."""
        return operations.unindex(self.data, index=self.coords, shape=self.shape)

    todense = toarray

    def tocsr(self, copy: bool = False) -> SparseNode:
        """Return the matrix with its data row by row."""
        return self._turned() if self._by_columns else self

    def tocsc(self, copy: bool = False) -> SparseNode:
        """Return the matrix with its data column by column."""
        return self if self._by_columns else self._turned()

    def _turned(self) -> SparseNode:
        """Return the same matrix with its data in the other order."""
        order = _np.argsort(self.pattern.columns, kind="stable")
        n = self.pattern.shape[1]
        counts = _np.bincount(self.pattern.columns, minlength=n)
        indptr = _np.concatenate([[0], _np.cumsum(counts)])
        turned = Pattern(self.pattern.rows[order], indptr, self.pattern.shape[::-1])
        return SparseNode(
            ops.getitem(self.data, index=order),
            turned,
            by_columns=not self._by_columns,
            is_array=self._is_array,
        )

    def diagonal(self) -> Any:
        """Return the entries on the diagonal."""
        rows, columns = self.coords
        places = _np.flatnonzero(rows == columns)
        return operations.unindex(
            ops.getitem(self.data, index=places),
            index=rows[places],
            shape=(min(self.shape),),
        )

    def __getitem__(self, index: Index) -> Any:
        """Return entries: a number, a sparse matrix, or a dense array of one axis."""
        whole = self.tocsr()
        if not self._by_columns and whole._has_repeated():
            rows, columns = self.coords
            return from_coordinates(self.data, rows, columns, self.shape)[index]
        numbers = whole.pattern.matrix(_np.arange(1, self.nnz + 1))
        kind = _sparse.csr_array if self._is_array else _sparse.csr_matrix
        found = kind(numbers)[index]
        if _is_sparse(found) and len(found.shape) == 2:
            found = found.tocsr()
            pattern = Pattern(found.indices, found.indptr, found.shape)
            data = ops.getitem(whole.data, index=found.data - 1)
            return SparseNode(data, pattern, by_columns=False, is_array=self._is_array)
        places = found.toarray() if _is_sparse(found) else _np.asarray(found)
        filled = _np.nonzero(places) if places.ndim else ()
        if not places.ndim:
            return whole.data[places - 1] if places else 0.0
        data = ops.getitem(whole.data, index=places[filled] - 1)
        return operations.unindex(data, index=filled, shape=places.shape)

    def _has_repeated(self) -> bool:
        """Tell whether some place is there twice."""
        flat = self.pattern.rows.astype(_np.int64) * self.shape[1] + self.indices
        return _np.unique(flat).size < flat.size

    def sum(self, axis: int | None = None, dtype: None = None, out: None = None) -> Any:
        """Return the sum of all entries, or along an axis."""
        if axis is None:
            return _np.sum(self.data)
        kept = self.coords[1 if axis % 2 == 0 else 0]
        shape = (self.shape[1 if axis % 2 == 0 else 0],)
        return operations.unindex(self.data, index=kept, shape=shape)

    # ------------------------------------------------------------------- arithmetic

    def __matmul__(self, x: Any) -> Any:
        """Return the product with a vector, a matrix, or a sparse matrix."""
        if isinstance(x, SparseNode) or _is_sparse(x):
            return _product_of_both(self, as_node(x))
        x = operations.asarray(x)
        if len(shape_of(x)) not in (1, 2) or shape_of(x)[0] != self.shape[1]:
            raise ShapeError(
                f"a sparse matrix of shape {self.shape} cannot be multiplied with what "
                f"has shape {shape_of(x)}."
            )
        return product(self.data, x, pattern=self.pattern, transposed=self._by_columns)

    def __rmatmul__(self, x: Any) -> Any:
        """Return the product from the left."""
        if _is_sparse(x):
            return as_node(x) @ self
        x = operations.asarray(x)
        return _np.transpose(self.T @ _np.transpose(x))

    dot = __matmul__

    def __mul__(self, x: Any) -> Any:
        """Return the product with a number; of a matrix that is no array, ``@``."""
        if shape_of(raw(x)) == () and not _is_sparse(x):
            return self._like(self.data * x)
        if not self._is_array:
            return self @ x
        return self.multiply(x)

    def __rmul__(self, x: Operand) -> Any:
        """Return the product from the left."""
        if shape_of(raw(x)) == () or self._is_array:
            return self * x
        return x @ self

    def multiply(self, x: Any) -> SparseNode:
        """Return the product entry by entry with what broadcasts to the matrix."""
        if isinstance(x, SparseNode) or _is_sparse(x):
            return _entrywise_product(self, as_node(x))
        whole = operations.broadcast_to(operations.asarray(x), self.shape)
        return self._like(self.data * ops.getitem(whole, index=self.coords))

    def __truediv__(self, x: Any) -> SparseNode:
        """Return the quotient with a number, or with what broadcasts."""
        return self.multiply(1.0 / x)

    def __neg__(self) -> SparseNode:
        """Return the matrix with the other sign."""
        return self._like(-self.data)

    def __add__(self, other: Any) -> Any:
        """Return the sum with a sparse matrix."""
        if not (isinstance(other, SparseNode) or _is_sparse(other)):
            return self.toarray() + other
        return _sum_of_both(self, as_node(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Any:
        """Return the difference."""
        return self + (-other)

    def __rsub__(self, other: Operand) -> Any:
        """Return the difference."""
        return (-self) + other


def as_node(x: Matrix) -> SparseNode:
    """Return one of SciPy's sparse matrices as one of ours, with plain data."""
    if isinstance(x, SparseNode):
        return x
    pattern, data = pattern_of(x)
    return SparseNode(
        data, pattern, by_columns=False, is_array=isinstance(x, _sparse.sparray)
    )


def from_coordinates(
    data: Array, rows: Array, columns: Array, shape: Shape, *, is_array: bool = True
) -> SparseNode:
    """Return the matrix with data at places; what is at one place is added."""
    rows, columns = _np.asarray(rows), _np.asarray(columns)
    flat = rows.astype(_np.int64) * shape[1] + columns
    places, inverse = _np.unique(flat, return_inverse=True)
    if places.size == flat.size:
        order = _np.argsort(flat)
        data = ops.getitem(data, index=order)
    else:
        data = operations.unindex(data, index=inverse, shape=(places.size,))
    counts = _np.bincount(places // shape[1], minlength=shape[0])
    indptr = _np.concatenate([[0], _np.cumsum(counts)])
    pattern = Pattern(places % shape[1], indptr, shape)
    return SparseNode(data, pattern, by_columns=False, is_array=is_array)


def _sum_of_both(a: SparseNode, b: SparseNode) -> SparseNode:
    if a.shape != b.shape:
        raise ShapeError(f"sparse matrices of shapes {a.shape} and {b.shape} differ.")
    if a.pattern is b.pattern and a._by_columns == b._by_columns:
        return a._like(a.data + b.data)
    rows, columns = (_np.concatenate(p) for p in zip(a.coords, b.coords, strict=True))
    data = ops.concatenate([a.data, b.data])
    return from_coordinates(data, rows, columns, a.shape, is_array=a._is_array)


def _entrywise_product(a: SparseNode, b: SparseNode) -> SparseNode:
    """Return the products of the entries that both have."""
    if a.shape != b.shape:
        raise ShapeError(f"sparse matrices of shapes {a.shape} and {b.shape} differ.")
    if a.pattern is b.pattern and a._by_columns == b._by_columns:
        return a._like(a.data * b.data)
    rows, columns = b.coords
    b = from_coordinates(b.data, rows, columns, b.shape)  # in order, each place once
    flat, theirs = (
        x.coords[0].astype(_np.int64) * a.shape[1] + x.coords[1] for x in (a, b)
    )
    at = _np.minimum(_np.searchsorted(theirs, flat), max(theirs.size - 1, 0))
    met = _np.flatnonzero(theirs[at] == flat) if theirs.size else at[:0]
    data = ops.getitem(a.data, index=met) * ops.getitem(b.data, index=at[met])
    rows, columns = (c[met] for c in a.coords)
    return from_coordinates(data, rows, columns, a.shape, is_array=a._is_array)


def _product_of_both(a: SparseNode, b: SparseNode) -> SparseNode:
    """Return a b: the products of all pairs of entries that meet, added up."""
    if a.shape[1] != b.shape[0]:
        raise ShapeError(
            f"sparse matrices of shapes {a.shape} and {b.shape} have no product."
        )
    b = b.tocsr()
    rows, columns = a.coords
    starts, counts = b.indptr[columns], _np.diff(b.indptr)[columns]
    left = _np.repeat(_np.arange(columns.size), counts)
    first = _np.cumsum(counts) - counts
    right = _np.arange(left.size) - first[left] + starts[left]
    data = ops.getitem(a.data, index=left) * ops.getitem(b.data, index=right)
    shape = (a.shape[0], b.shape[1])
    columns = b.indices[right]
    return from_coordinates(data, rows[left], columns, shape, is_array=a._is_array)


def operated(name: str, x: Any, y: Any) -> Any:
    """Return an operator's result, of operands of which one is sparse."""
    of_x = isinstance(x, SparseNode) or _is_sparse(x)
    first, second = (x, y) if of_x else (y, x)
    method = getattr(SparseNode, f"__{name}__" if of_x else f"__r{name}__", None)
    return NotImplemented if method is None else method(as_node(first), second)


def is_ours(x: Operand) -> bool:
    """Tell whether a value is a sparse matrix of nodes, or a node or traced value."""
    return isinstance(x, SparseNode) or holds_followed(x)


def refuse_dense(x: Operand, name: str) -> ArgumentError:
    """Return the error for a dense matrix of nodes."""
    return ArgumentError(
        f"{name} of nodes needs (data, indices, indptr) or (data, (rows, columns)); "
        f"received {describe(x)}. Which entries are zero must not depend on values: "
        "give the places."
    )


__all__ = [
    "SparseNode",
    "as_node",
    "from_coordinates",
    "is_ours",
    "operated",
    "refuse_dense",
]
