"""What becomes of every NumPy name that has no rule: locally constant, or refused.

A name is *differentiable* where an operation stands for it, which is declared in
``chainrule.operations`` and beside the composed functions; it needs no entry here. Of
the others, the *locally constant* return plain values, because their derivative is zero
wherever it exists; the *refused* raise with the reason and what to write instead; and
the rest are *no operations* on arrays: types, constants, files, settings.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from chainrule.nodes.node_class import node
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT, REFUSED, UFUNCS
from chainrule.rules import declare, locally_constant
from chainrule.rules.registry import EXPRESSED

MODULES: dict[str, ModuleType] = {
    "np": np,
    "np.linalg": np.linalg,
    "np.fft": np.fft,
}
"""The modules whose names are classified, by the way users write them."""


def found_in(module: ModuleType, names: str) -> list[Any]:
    """Return those of the named functions that this version of NumPy has."""
    return [getattr(module, name) for name in names.split() if hasattr(module, name)]


# ------------------------------------------------------------------- locally constant

_CONSTANT = """
fix round around spacing

logical_xor isreal iscomplex isrealobj iscomplexobj
isclose allclose array_equal array_equiv

all any count_nonzero nonzero flatnonzero argwhere
argmax argmin nanargmax nanargmin argsort argpartition lexsort searchsorted digitize
isin

shape ndim size result_type common_type can_cast min_scalar_type
may_share_memory shares_memory einsum_path
diag_indices_from tril_indices_from triu_indices_from

array_repr array_str array2string
"""
"""Functions without an expression: rounding; comparisons; positions and counts; shapes
and dtypes; text."""

LOCALLY_CONSTANT.update(
    r.forward
    for r in EXPRESSED
    if issubclass(r, locally_constant) and r.forward not in UFUNCS
)
LOCALLY_CONSTANT.update(found_in(np, _CONSTANT))
LOCALLY_CONSTANT.update(found_in(np.linalg, "matrix_rank"))

declare(
    *found_in(np, "fix round around isreal iscomplex isclose"),
    entrywise=True,
)
declare(
    *found_in(
        np,
        """shape ndim size result_type common_type can_cast iscomplexobj isrealobj
        may_share_memory shares_memory""",
    ),
    of_shapes=True,
)

# --------------------------------------------------------------------------- refused

_VALUE = "Pass gd.value(x) if the result is to be treated as constant."

_REFUSED: tuple[tuple[ModuleType, str, str], ...] = (
    (
        np,
        """bitwise_and bitwise_or bitwise_xor bitwise_count invert left_shift
        right_shift gcd lcm packbits unpackbits ravel_multi_index unravel_index ix_""",
        "It works on integers, and a node holds floating-point numbers. Pass "
        "gd.value(x).astype(int) if the result is to be treated as constant.",
    ),
    (
        np,
        "isnat datetime_as_string busday_count busday_offset is_busday",
        "It works on dates, and a node holds floating-point numbers.",
    ),
    (
        np,
        "save savez savez_compressed savetxt",
        "A file keeps values, not how they were computed. Pass gd.value(x), or pickle "
        "the node.",
    ),
    (
        np,
        "histogram_bin_edges",
        f"It counts the values in each bin, and counts have no derivative. {_VALUE}",
    ),
    (
        np,
        "intersect1d union1d setdiff1d setxor1d",
        "It compares values for equality, which has no derivative. Select from x by "
        "indices: x[np.unique(gd.value(x), return_index=True)[1]].",
    ),
    (
        np,
        "sort_complex",
        "Its result is complex whatever it is given. Use np.sort(x).",
    ),
)

REFUSED.update(
    (function, reason)
    for module, names, reason in _REFUSED
    for function in found_in(module, names)
)

declare(*found_in(np.linalg, "matrix_rank"), may_raise=True)

# --------------------------------------------------------------------- no operations

_NO_OPERATIONS: dict[str, str] = {
    # Array makers take no dispatch. Given nodes they return object arrays that hold
    # them, or raise; chainrule.numpy has its own array, asarray and full.
    "creation": """
        zeros_like ones_like empty_like
        arange array asanyarray asarray asarray_chkfinite ascontiguousarray
        asfortranarray asmatrix bmat empty eye fromfunction full identity indices
        nested_iters ones require tri zeros mask_indices diag_indices tril_indices
        triu_indices bartlett blackman hamming hanning kaiser frompyfunc from_dlpack
        row_stack""",
    "dtypes": """
        isdtype issubdtype mintypecode promote_types typename isfortran isscalar
        iterable broadcast_shapes datetime_data""",
    "files": """
        frombuffer fromfile fromiter fromregex fromstring genfromtxt load loadtxt""",
    "text": """
        base_repr binary_repr format_float_positional format_float_scientific""",
    "settings": """
        get_include get_printoptions getbufsize geterr geterrcall info printoptions
        set_printoptions setbufsize seterr seterrcall show_config show_runtime test""",
}

NOT_OPERATIONS: dict[str, str] = {
    **{
        f"np.{name}": reason
        for reason, names in _NO_OPERATIONS.items()
        for name in names.split()
    },
    "np.linalg.test": "settings",
    "np.fft.test": "settings",
    "np.fft.fftfreq": "creation",
    "np.fft.rfftfreq": "creation",
}
"""Functions that do not compute with the elements of an array, with a word for why."""


def classes_of(module: str, name: str) -> list[str]:
    """Return what a name is; exactly one word, or the lists contradict each other.

    >>> classes_of("np", "sin"), classes_of("np", "floor"), classes_of("np", "pi")
    (['differentiable'], ['locally constant'], ['constant'])
    """
    found = getattr(MODULES[module], name)
    if isinstance(found, ModuleType):
        return ["module"]
    if isinstance(found, type):
        return ["type"]
    if not callable(found):
        return ["constant"]
    belongs = {
        "differentiable": f"{module}.{name}" not in NOT_OPERATIONS
        and (found in UFUNCS or found in FUNCTIONS),
        "locally constant": found in LOCALLY_CONSTANT,
        "refused": found in REFUSED,
        NOT_OPERATIONS.get(f"{module}.{name}", ""): f"{module}.{name}"
        in NOT_OPERATIONS,
    }
    return [word for word, holds in belongs.items() if holds]


# ------------------------------------------------------------------ array attributes

ABSENT: dict[str, str] = {
    "base": "a node owns its value. Use gd.value(x).base.",
    "ctypes": "a node is not memory. Use gd.value(x).ctypes.",
    "data": "a node is not memory. Use gd.value(x).data.",
    "flags": "a node is not memory. Use gd.value(x).flags.",
    "strides": "a node is not memory. Use gd.value(x).strides.",
    # Other libraries' words.
    "at": "it is written into like an array: y = x.copy(); y[i] = v.",
    "chunks": "Use gd.value(x).chunks.",
    "clone": "Use x.copy().",
    "compute": "return it, and compute what comes out: dask.compute(slope). Of a "
    "constant write gd.value(x).compute().",
    "cpu": "its value is where you made it. Use gd.value(x).",
    "cuda": "its value is where you made it: x = gd.node(cupy.asarray(a)).",
    "detach": "Use gd.stop_gradient(x) or, for a plain array, gd.value(x).",
    "get": "return it, and call .get() of what comes out. Of a constant write "
    "gd.value(x).get().",
    "grad_fn": "Use x.grad_ops.",
    "map_blocks": "map the derivative, gd.map_reduce(gd.grad(f), x), or declare "
    "gd.custom_operation(forward, pullback).",
    "map_overlap": "map the derivative, da.map_overlap(gd.grad(f), x, depth=2), or "
    "declare gd.custom_operation(forward, pullback).",
    "numpy": "Use gd.value(x).",
    "persist": "persist the data before: x = x.persist().",
    "rechunk": "cut the data before, x = x.rechunk(chunks): a gradient is cut so too.",
    **dict.fromkeys(
        ("groupby", "iloc", "index", "loc", "rolling"),
        "a Series is given to a function as its values. Compute places before, "
        "i = series.index.get_loc(label), and write x[i].",
    ),
    "to_numpy": "it stands for the array already: leave .to_numpy() away.",
    "values": "it stands for the array already: leave .values away.",
    "requires_grad": "all nodes are differentiated. What is not stays a plain array.",
    "requires_grad_": "all nodes are differentiated: x = gd.node(a).",
    "unsqueeze": "Use np.expand_dims(x, axis).",
    "zero_grad": "Use gd.zero_grad(x), or write x.grad = None.",
}
"""Attributes that arrays have and nodes do not, with the reason and what to write."""


class Absent:
    """An attribute that nodes do not have: looking it up says what to write."""

    def __init__(self, name: str, reason: str) -> None:
        """Keep the name and the reason."""
        self.message: str = f"a node has no attribute {name!r}: {reason}"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Refuse."""
        raise AttributeError(self.message)


for _name, _reason in ABSENT.items():
    setattr(node, _name, Absent(_name, _reason))


def _itemsize(x: node) -> int:
    """The number of bytes of one element."""
    return x.dtype.itemsize


def _nbytes(x: node) -> int:
    """The number of bytes of all elements."""
    return x.size * x.dtype.itemsize


node.itemsize = property(_itemsize)  # type: ignore[attr-defined]
node.nbytes = property(_nbytes)  # type: ignore[attr-defined]
