"""Where a sparse matrix has entries: what its data are entries of."""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse import linalg

from chainrule.errors import ArgumentError
from chainrule.values.types import Array, Shape, Value

_np: Any = np
_splu: Any = linalg.splu
_sparse: Any = sp
KEPT = 2
"""How many factorisations a pattern keeps: those of the last data."""


class Pattern:
    """The places of the entries of a matrix, row by row (CSR). It does not change.

    Attributes
    ----------
    indices, indptr
        As in ``scipy.sparse.csr_array``.
    shape
        That of the matrix.
    rows, columns
        Those of each entry.
    """

    def __init__(self, indices: Array, indptr: Array, shape: Shape) -> None:
        """Copy the arrays."""
        self.indices: Any = _np.array(indices)
        self.indptr: Any = _np.array(indptr)
        for x in (self.indices, self.indptr):
            x.flags.writeable = False
        self.shape: tuple[int, int] = (int(shape[0]), int(shape[1]))
        self._factors: list[tuple[Any, str | None, Any]] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        """Show the shape, and how many entries there are."""
        return f"<pattern of shape {self.shape} with {self.indices.size} entries>"

    def __reduce__(self) -> Any:
        """Pickle the arrays, without factorisations."""
        return Pattern, (self.indices, self.indptr, self.shape)

    @property
    def columns(self) -> Any:
        """The column of each entry."""
        return self.indices

    @functools.cached_property
    def rows(self) -> Any:
        """The row of each entry."""
        return _np.repeat(_np.arange(self.shape[0]), _np.diff(self.indptr))

    def matrix(self, data: Value) -> Any:
        """Return the matrix with these data."""
        return _sparse.csr_array((data, self.indices, self.indptr), shape=self.shape)

    def factor(self, data: NDArray[Any], permc_spec: str | None) -> Any:
        """Return the factors of the transpose: that is what lies column by column.

        Those of the last data are kept, so that sweeps have them from the solution.
        """
        with self._lock:
            for known, spec, factor in self._factors:
                same = spec == permc_spec and known.dtype == data.dtype
                if same and _np.array_equal(known, data):
                    return factor
        places = (data, self.indices, self.indptr)
        matrix = _sparse.csc_array(places, shape=self.shape[::-1], copy=True)
        matrix.sum_duplicates()  # in its own arrays; it sorts them too
        given = {} if permc_spec is None else {"permc_spec": permc_spec}
        try:
            factor = _splu(matrix, **given)
        except RuntimeError as error:
            if "singular" not in str(error):
                raise
            raise _np.linalg.LinAlgError("Singular matrix") from error
        with self._lock:
            self._factors.insert(0, (_np.array(data), permc_spec, factor))
            del self._factors[KEPT:]
        return factor


def pattern_of(matrix: sp.sparray | sp.spmatrix) -> tuple[Pattern, Any]:
    """Return the pattern of one of SciPy's sparse matrices, and its data."""
    given: Any = matrix
    if len(given.shape) != 2:
        raise ArgumentError(
            f"a sparse array of shape {given.shape} beside a node: it needs two axes. "
            "Pass its dense array, value.toarray()."
        )
    rows = _sparse.csr_array(matrix)
    if not rows.has_canonical_format:
        rows = rows.copy()
        rows.sum_duplicates()
    return Pattern(rows.indices, rows.indptr, rows.shape), rows.data


__all__ = ["Pattern", "pattern_of"]
