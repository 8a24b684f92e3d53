"""Types: what rules, namespaces and array functions are given, and what they return.

They are for type checkers and readers: nothing is tested for them when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import EllipsisType
from typing import Any, Literal, Protocol, Self, SupportsIndex

import numpy as np
from numpy.typing import DTypeLike, NDArray

Shape = tuple[int, ...]
Axis = int | tuple[int, ...] | None
"""One axis, several, or all of them."""
Casting = Literal["no", "equiv", "safe", "same_kind", "unsafe"]
"""Which casts between dtypes are allowed."""
Order = Literal["K", "A", "C", "F"]
"""Which index changes fastest in memory."""
Parameters = Mapping[str, Any]
"""The keyword parameters of an operation."""
Operation = Callable[..., Any]
"""A function of nodes and plain values that stands for one of NumPy's."""


class Array(Protocol):
    """What acts as an array of NumPy's: a node, a traced value, what ``xp`` returns.

    NumPy's own arrays do all this too, but what their operators are declared to take
    and return depends on the dtype. ``ArrayValue`` names them beside this.
    """

    @property
    def shape(self) -> Shape:
        """The shape."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype."""
        ...

    @property
    def ndim(self) -> int:
        """The number of axes."""
        ...

    @property
    def size(self) -> int:
        """The number of elements."""
        ...

    @property
    def T(self) -> Self:  # noqa: N802
        """The transpose."""
        ...

    def astype(self, dtype: DTypeLike, /) -> Self:
        """Return this in another dtype."""
        ...

    def reshape(self, shape: int | Shape, /) -> Self:
        """Return this in another shape."""
        ...

    def __array__(self) -> NDArray[Any]: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Self]: ...
    def __getitem__(self, index: Index, /) -> Self: ...
    def __add__(self, other: Value | complex, /) -> Self: ...
    def __radd__(self, other: Value | complex, /) -> Self: ...
    def __sub__(self, other: Value | complex, /) -> Self: ...
    def __rsub__(self, other: Value | complex, /) -> Self: ...
    def __mul__(self, other: Value | complex, /) -> Self: ...
    def __rmul__(self, other: Value | complex, /) -> Self: ...
    def __truediv__(self, other: Value | complex, /) -> Self: ...
    def __rtruediv__(self, other: Value | complex, /) -> Self: ...
    def __floordiv__(self, other: Value, /) -> Any: ...
    def __rfloordiv__(self, other: Value, /) -> Any: ...
    def __mod__(self, other: Value, /) -> Self: ...
    def __rmod__(self, other: Value, /) -> Self: ...
    def __pow__(self, other: Value | complex, /) -> Self: ...
    def __rpow__(self, other: Value | complex, /) -> Self: ...
    def __matmul__(self, other: ArrayValue, /) -> Self: ...
    def __rmatmul__(self, other: ArrayValue, /) -> Self: ...
    def __neg__(self) -> Self: ...
    def __pos__(self) -> Self: ...
    def __abs__(self) -> Self: ...
    def __hash__(self) -> int: ...
    # Comparisons are plain: a bool, or an array of them.
    def __eq__(self, other: object, /) -> Any: ...
    def __ne__(self, other: object, /) -> Any: ...
    def __lt__(self, other: Value, /) -> Any: ...
    def __le__(self, other: Value, /) -> Any: ...
    def __gt__(self, other: Value, /) -> Any: ...
    def __ge__(self, other: Value, /) -> Any: ...


ArrayValue = NDArray[Any] | Array
"""An array of NumPy's, or what acts as one."""
Value = float | ArrayValue
"""What rules compute with: a Python number, an array, a node, a traced value."""
Result = Value | tuple[Any, ...]
"""What an operation returns: one value, or several."""
Mask = bool | ArrayValue
"""What holds in some entries and not in others."""
Support = ArrayValue | None
"""Where a cotangent or tangent is not structurally zero; ``None``: everywhere."""

_Part = SupportsIndex | slice | EllipsisType | ArrayValue | Sequence[Any] | None
Index = _Part | tuple[_Part, ...]
"""What stands in the brackets of ``x[...]``."""


class Functions(Protocol):
    """Array functions by their names."""

    def __getattr__(self, name: str, /) -> Callable[..., Array]: ...


class Namespace(Functions, Protocol):
    """The array functions that a rule computes with, as ``xp``.

    They are NumPy's, and ours that NumPy does not have, by their names. In a plain
    sweep they run on plain values, in a recorded one on nodes.
    """

    @property
    def recorded(self) -> bool:
        """Whether what is computed is recorded, to be differentiated in turn."""
        ...

    @property
    def linalg(self) -> Functions:
        """The functions of ``numpy.linalg``."""
        ...

    @property
    def fft(self) -> Functions:
        """The functions of ``numpy.fft``."""
        ...

    def items_of(self, z: Value, /) -> tuple[Array, ...]:
        """Take the results of an operation with several apart."""
        ...

    def apply(
        self, operation: type, operands: Sequence[Value], given: Parameters, /
    ) -> Array:
        """Run an operation on operands."""
        ...

    def supported_product(self, x: Value, y: Value, support: Mask | None, /) -> Array:
        """Return ``x * y`` on the support and zero elsewhere."""
        ...
