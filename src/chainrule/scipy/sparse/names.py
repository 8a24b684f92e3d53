"""The names of ``scipy.sparse`` that make matrices, of nodes too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.sparse
from numpy.typing import ArrayLike, DTypeLike

from chainrule import operations
from chainrule.nodes.admission import holds_nodes
from chainrule.numpy.mirror import stands_for
from chainrule.operations import namespace as ops
from chainrule.scipy.sparse.arrays import SparseNode, from_coordinates, refuse_dense
from chainrule.scipy.sparse.patterns import Pattern
from chainrule.values.shapes import SEQUENCES, shape_of
from chainrule.values.types import Shape, Value

_np: Any = np
_theirs: Any = scipy.sparse
Diagonals = Value | Sequence[Value | Sequence[Value]]
"""One diagonal, or several."""


def _maker(name: str) -> Callable[..., SparseNode]:
    """Return what stands for one of SciPy's classes where its data are a node."""
    by_columns, is_array = name.startswith("csc"), name.endswith("array")

    def made(
        arg1: Any,
        shape: Shape | None = None,
        dtype: Any = None,
        copy: bool = False,
    ) -> SparseNode:
        if isinstance(arg1, SparseNode):
            return arg1.tocsc() if by_columns else arg1.tocsr()
        if not isinstance(arg1, SEQUENCES) or len(arg1) not in (2, 3):
            raise refuse_dense(arg1, name)
        if len(arg1) == 2:
            return _by_places(arg1, shape)
        data, indices, indptr = arg1
        if name.startswith("coo") or holds_nodes([indices, indptr]):
            raise refuse_dense(arg1, name)
        indices, indptr = _np.asarray(indices), _np.asarray(indptr)
        if shape is None:
            wide = int(indices.max(initial=-1)) + 1
            shape = (wide, indptr.size - 1) if by_columns else (indptr.size - 1, wide)
        whole = shape[::-1] if by_columns else shape
        pattern = Pattern(indices, indptr, whole)
        entries: Any = operations.asarray(data)
        return SparseNode(entries, pattern, by_columns=by_columns, is_array=is_array)

    def _by_places(arg1: Any, shape: Shape | None) -> SparseNode:
        data, places = arg1
        if not isinstance(places, SEQUENCES) or len(places) != 2:
            raise refuse_dense(arg1, name)
        rows, columns = map(_np.asarray, places)
        whole = shape or (int(rows.max()) + 1, int(columns.max()) + 1)
        entries: Any = operations.asarray(data)
        found = from_coordinates(entries, rows, columns, whole, is_array=is_array)
        return found.tocsc() if by_columns else found

    made.__name__ = name
    return stands_for(getattr(_theirs, name))(made)


csr_array: Callable[..., SparseNode] = _maker("csr_array")
csc_array: Callable[..., SparseNode] = _maker("csc_array")
coo_array: Callable[..., SparseNode] = _maker("coo_array")
csr_matrix: Callable[..., SparseNode] = _maker("csr_matrix")
csc_matrix: Callable[..., SparseNode] = _maker("csc_matrix")
coo_matrix: Callable[..., SparseNode] = _maker("coo_matrix")


def _from_diagonals(
    diagonals: Any, offsets: Any, shape: Shape | None, *, is_array: bool
) -> SparseNode:
    single = _np.ndim(offsets) == 0
    several: list[Any] = [diagonals] if single and _is_vector(diagonals) else diagonals
    places: Sequence[int] = [int(offsets)] if single else [int(k) for k in offsets]
    parts = [operations.reshape(operations.asarray(d), (-1,)) for d in several]
    if shape is None:
        n = shape_of(parts[0])[0] + abs(places[0])
        shape = (n, n)
    data, rows, columns = list[Any](), list[Any](), list[Any]()
    for part, k in zip(parts, places, strict=True):
        length = min(shape[0] + min(k, 0), shape[1] - max(k, 0))
        data.append(ops.broadcast_to(part, (length,)))
        rows.append(_np.arange(length) + max(-k, 0))
        columns.append(_np.arange(length) + max(k, 0))
    return from_coordinates(
        ops.concatenate(data),
        _np.concatenate(rows),
        _np.concatenate(columns),
        shape,
        is_array=is_array,
    )


def _is_vector(x: Any) -> bool:
    if isinstance(x, SEQUENCES):
        return not x or shape_of(x[0]) == ()
    return len(shape_of(x)) == 1


@stands_for(_theirs.diags_array)
def diags_array(
    diagonals: Diagonals,
    /,
    *,
    offsets: ArrayLike = 0,
    shape: Shape | None = None,
    format: str | None = None,
    dtype: DTypeLike | None = None,
) -> SparseNode:
    """Return the sparse matrix with these diagonals, as ``scipy.sparse`` does."""
    found = _from_diagonals(diagonals, offsets, shape, is_array=True)
    return found.tocsc() if format == "csc" else found


@stands_for(_theirs.diags)
def diags(
    diagonals: Diagonals,
    offsets: ArrayLike = 0,
    shape: Shape | None = None,
    format: str | None = None,
    dtype: DTypeLike | None = None,
) -> SparseNode:
    """Return the sparse matrix with these diagonals, as ``scipy.sparse`` does."""
    found = _from_diagonals(diagonals, offsets, shape, is_array=False)
    return found.tocsc() if format == "csc" else found


__all__ = ["diags", "diags_array"]
