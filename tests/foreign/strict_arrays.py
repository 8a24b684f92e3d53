"""Arrays of a class of ours that refuse all that CuPy refuses, without a GPU.

``device`` holds an array of NumPy's and takes part in NumPy's dispatch as
``cupy.ndarray`` does. It serves the functions that CuPy has, with the parameters that
they have there (``cupys_functions.txt``), and counts what would cross the bus:
``transfers["to host"]`` and ``transfers["to device"]``.

Where it differs from CuPy it is stricter, or it does not matter here:

- methods of ufuncs (``np.add.reduce``) and ``where=`` of ufuncs are refused;
- arrays of NumPy's are refused in every place but ``np.asarray(x, like=...)`` and
  indices, also 0-d ones next to a comparison;
- indices out of bounds raise, where CuPy wraps around;
- what NumPy does not let be written, as of ``np.broadcast_to``, cannot be;
- results have the values and dtypes of NumPy's, to the last bit.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

_TEXT = (Path(__file__).parent / "cupys_functions.txt").read_text()
UFUNCS = {line.split()[0] for line in _TEXT.splitlines() if line.endswith(" ufunc")}
FUNCTIONS = {
    name: listed.split(", ")
    for name, listed in re.findall(r"^([\w.]+)\((.*)\)$", _TEXT, re.MULTILINE)
}
_SCALARS = (int, float, complex, bool, np.generic)
_MADE_OF_HOST = ("asarray", "array", "asanyarray")


def inside(x: Any) -> Any:
    """Return what CuPy takes as the array of NumPy's that computes it, or refuse."""
    if isinstance(x, device):
        return x.held
    if isinstance(x, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(x, list | tuple):
        parts = map(inside, x)
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    if isinstance(x, dict):
        return {k: inside(v) for k, v in x.items()}
    return x


def outside(x: Any, *sources: device) -> Any:
    """Return a result on the device: 0-d ones are arrays there, too.

    What shows memory of one of the sources is a view of it, or that one itself.
    """
    if isinstance(x, np.ndarray | np.generic):
        for source in sources:
            if x is source.held:
                return source
            if isinstance(x, np.ndarray) and np.may_share_memory(x, source.held):
                return source.seen(x)
        return device(x)
    if isinstance(x, list | tuple):
        parts = [outside(v, *sources) for v in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return x


def devices(args: Any) -> list[device]:
    """Return the arrays of the device among arguments, also those in lists."""
    if isinstance(args, list | tuple):
        return [x for arg in args for x in devices(arg)]
    return [args] if isinstance(args, device) else []


class device(NDArrayOperatorsMixin):
    """An array on a device that is not there."""

    __array_priority__ = 100
    transfers: ClassVar[dict[str, int]] = {"to host": 0, "to device": 0}

    def __init__(self, x: Any) -> None:
        self.held = np.array(x)
        self.base: device | None = None
        if self.held.dtype.kind not in "fcbiu":
            raise ValueError(f"Unsupported dtype {self.held.dtype}")

    def seen(self, part: Any) -> device:
        """Return a view on the device: it knows the array whose memory it shows."""
        view = device.__new__(device)
        view.held = part
        view.base = self if self.base is None else self.base
        return view

    # ------------------------------------------------------------------ the protocols

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` "
            "to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **given):
        name = ufunc.__name__
        if method != "__call__":
            return NotImplemented
        if name not in UFUNCS and "special." + name not in UFUNCS:
            return NotImplemented
        for x in inputs:
            if not isinstance(x, (*_SCALARS, device, np.ndarray)):
                return NotImplemented
        if refused := given.keys() - {"dtype", "casting", "axis", "axes", "out"}:
            raise TypeError(f"Wrong arguments {refused}")
        (out,) = given.pop("out", (None,))
        if out is None:
            return outside(ufunc(*map(inside, inputs), **given))
        if not isinstance(out, device):
            raise TypeError("Unsupported type for out")
        ufunc(*map(inside, inputs), **given, out=out.held)
        return out

    def __array_function__(self, function, types, args, given):
        path = function.__module__.split(".")[1:]
        name = ".".join([*path, function.__name__])
        if name not in FUNCTIONS and name not in UFUNCS:
            return NotImplemented
        if not all(issubclass(t, device | np.ndarray) for t in types):
            return NotImplemented
        known = FUNCTIONS.get(name, ["x"])  # NumPy's i0 and sinc are ufuncs there
        if "**" not in known and (wrong := given.keys() - set(known)):
            raise TypeError(f"{name}() got an unexpected keyword argument {wrong}")
        if len(args) > len(known) and not any(p.startswith("*") for p in known):
            raise TypeError(f"{name}() takes {len(known)} arguments")
        if name == "where" and not isinstance(args[0], device):
            raise AttributeError("'bool' object has no attribute 'astype'")
        if name in ("stack", "concatenate") and not all(
            isinstance(x, device) for x in args[0]
        ):
            raise TypeError("Only cupy arrays can be concatenated")
        zero_dim = name == "tensordot" and 0 in (np.ndim(args[0]), np.ndim(args[1]))
        axes = args[2] if len(args) > 2 else given.get("axes", 2)
        if zero_dim and axes not in (0, ((), ())):
            raise ValueError("An input is zero-dim while axes has dimensions")
        if function.__name__ in _MADE_OF_HOST and isinstance(args[0], np.ndarray):
            device.transfers["to device"] += 1
            return device(function(*args, **given))
        result = function(*inside(tuple(args)), **inside(dict(given)))
        return outside(result, *devices(args))

    # --------------------------------------------------------------------- attributes

    shape = property(lambda x: x.held.shape)
    dtype = property(lambda x: x.held.dtype)
    ndim = property(lambda x: x.held.ndim)
    size = property(lambda x: x.held.size)
    nbytes = property(lambda x: x.held.nbytes)
    itemsize = property(lambda x: x.held.itemsize)
    T = property(lambda x: outside(x.held.T, x))
    real = property(lambda x: outside(x.held.real, x))
    imag = property(lambda x: outside(x.held.imag, x))

    def __getitem__(self, index: Any) -> device:
        part = self.held[_index(index)]
        if isinstance(part, np.generic) and not devices(index):
            parts = index if isinstance(index, tuple) else (index,)
            part = self.held[(*_index(parts), ...)]  # a view, too
        return outside(part, self)

    def __setitem__(self, index: Any, y: Any) -> None:
        self.held[_index(index)] = inside(y)

    def __len__(self) -> int:
        return len(self.held)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __copy__(self) -> device:
        return device(self.held)

    def __deepcopy__(self, memo: Any) -> device:
        return device(self.held)

    def __repr__(self) -> str:
        device.transfers["to host"] += 1
        return f"device({self.held!r})"

    # -------------------------------------------------------------- to the host

    def get(self) -> Any:
        """Return the array on the host: a transfer."""
        device.transfers["to host"] += 1
        return self.held.copy()

    def item(self) -> Any:
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def __bool__(self) -> bool:
        return bool(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __complex__(self) -> complex:
        return complex(self.get())

    def __index__(self) -> int:
        return self.get().__index__()


def _method(name: str) -> Any:
    def method(self, *args, **given):
        result = getattr(self.held, name)(*inside(args), **inside(given))
        return outside(result, self)

    return method


for _name in (
    "all any argmax argmin argsort astype clip conj copy cumprod cumsum diagonal dot "
    "flatten max mean min prod ravel repeat reshape round sort squeeze std sum "
    "swapaxes take trace transpose var"
).split():
    setattr(device, _name, _method(_name))


def _index(index: Any) -> Any:
    """Return an index; arrays of NumPy's are taken to the device, as CuPy does."""
    if isinstance(index, tuple):
        return tuple(map(_index, index))
    if isinstance(index, np.ndarray | list):
        device.transfers["to device"] += 1
        return index
    return inside(index)


def add_at(x: device, index: Any, y: Any) -> device:
    """Add as ``cupyx.scatter_add`` does, through what nodes of CuPy's arrays call."""
    kind = x.dtype.kind
    if kind == "b":
        return add_at(x.astype(np.int32), index, y.astype(np.int32)) != 0
    np.add.at(x.held, _index(index), inside(y))
    return x


@contextlib.contextmanager
def counted(**limits: int):
    """Fail where more is transferred than the limits say; ``to_host`` is 0."""
    before = dict(device.transfers)
    yield
    moved = {k.replace(" ", "_"): n - before[k] for k, n in device.transfers.items()}
    assert moved["to_host"] <= limits.get("to_host", 0), moved
    assert moved["to_device"] <= limits.get("to_device", moved["to_device"]), moved
