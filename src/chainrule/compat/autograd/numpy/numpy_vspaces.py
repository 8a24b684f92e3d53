"""``autograd.numpy.numpy_vspaces``: the vector spaces of numbers and arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.compat.autograd.builtins import NamedTupleVSpace as NamedTupleVSpace
from chainrule.compat.autograd.core import VSpace


class ArrayVSpace(VSpace):
    """The space of real arrays of a shape and dtype."""

    def __init__(self, value: Any) -> None:
        """Keep the shape and the dtype."""
        value = np.asarray(value)
        self.shape: tuple[int, ...] = value.shape
        self.dtype: Any = value.dtype

    @property
    def size(self) -> int:
        """How many real numbers there are."""
        return int(np.prod(self.shape))

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.shape)

    def zeros(self) -> Any:
        """Return the zero."""
        return np.zeros(self.shape, self.dtype)

    def ones(self) -> Any:
        """Return the sum of the basis."""
        return np.ones(self.shape, self.dtype)

    def standard_basis(self) -> Iterator[Any]:
        """Yield the unit vectors."""
        for index in np.ndindex(*self.shape):
            yield self._unit(index, 1.0)

    def _unit(self, index: Any, value: complex) -> Any:
        x = self.zeros()
        x[index] = value
        return x

    def randn(self) -> Any:
        """Return a vector of normal random numbers."""
        return np.array(np.random.randn(*self.shape)).astype(self.dtype)

    def _inner_prod(self, x: Any, y: Any) -> Any:
        return np.dot(np.ravel(x), np.ravel(y))


class ComplexArrayVSpace(ArrayVSpace):
    """The real space of complex arrays: of twice as many numbers."""

    iscomplex = True

    @property
    def size(self) -> int:
        """How many real numbers there are."""
        return 2 * int(np.prod(self.shape))

    def ones(self) -> Any:
        """Return the sum of the basis."""
        return np.full(self.shape, 1 + 1j, self.dtype)

    def standard_basis(self) -> Iterator[Any]:
        """Yield the unit vectors."""
        for index in np.ndindex(*self.shape):
            yield self._unit(index, 1.0)
            yield self._unit(index, 1.0j)

    def randn(self) -> Any:
        """Return a vector of normal random numbers."""
        real, imag = np.random.randn(*self.shape), np.random.randn(*self.shape)
        return (np.array(real) + 1j * np.array(imag)).astype(self.dtype)

    def _inner_prod(self, x: Any, y: Any) -> Any:
        return np.real(np.dot(np.conj(np.ravel(x)), np.ravel(y)))

    def _covector(self, x: Any) -> Any:
        return np.conj(x)


def _space_of_array(x: Any) -> ArrayVSpace:
    return ComplexArrayVSpace(x) if np.iscomplexobj(x) else ArrayVSpace(x)


VSpace.register(np.ndarray, _space_of_array)
for _kind in (float, np.float16, np.float32, np.float64, np.longdouble):
    ArrayVSpace.register(_kind)
for _kind in (complex, np.complex64, np.complex128, np.clongdouble):
    ComplexArrayVSpace.register(_kind)
