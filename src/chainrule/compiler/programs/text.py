"""Text: a program's rows as NumPy code, for people (``source``) and for ``replay``.

In: a ``Program``. Out: one expression per row, with names for rows and constants.
"""

from __future__ import annotations

import functools
import keyword
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.compiler.programs.program import Program
from chainrule.compiler.tracing.plain_operators import UFUNCS, inverted, is_of_whole
from chainrule.compiler.tracing.rows import Function, Row
from chainrule.values.shapes import ARRAYS, TUPLE, generic, kind_of

_of: Any = operator

_SIGNS: Mapping[Any, tuple[str, int]] = {
    _of.add: ("+", 6),
    _of.sub: ("-", 6),
    _of.mul: ("*", 7),
    _of.truediv: ("/", 7),
    _of.floordiv: ("//", 7),
    _of.mod: ("%", 7),
    _of.pow: ("**", 9),
    _of.lt: ("<", 1),
    _of.le: ("<=", 1),
    _of.gt: (">", 1),
    _of.ge: (">=", 1),
    _of.eq: ("==", 1),
    _of.ne: ("!=", 1),
    _of.and_: ("&", 4),
    _of.or_: ("|", 2),
    _of.xor: ("^", 3),
    _of.lshift: ("<<", 5),
    _of.rshift: (">>", 5),
    _of.matmul: ("@", 7),
}
"""Python's operators, and how tightly they bind."""
INFIX: Mapping[Any, tuple[str, int]] = {
    **_SIGNS,
    **{UFUNCS[f]: sign for f, sign in _SIGNS.items()},
}
"""Functions that are written as operators, and how tightly these bind."""

_ATOM, _UNARY = 11, 8
COMPARISON = 1
"""How tightly comparisons bind."""
_PREFIX = {_of.neg: "-", _of.pos: "+", inverted: "~", UFUNCS[_of.neg]: "-"}
INLINE = 16
"""Arrays of up to so many entries are written out for people."""


class Names:
    """Names for rows, and for the constants that are too large to be written out.

    Attributes
    ----------
    constants
        The values of the names that the text uses beyond ``np``.
    inline
        Arrays of up to so many entries are written out.
    """

    def __init__(self, arguments: Mapping[Row, str], inline: int = INLINE) -> None:
        """Name the inputs."""
        self.inline: int = inline
        self.rows: dict[Row, str] = dict(arguments)
        self.constants: dict[str, Any] = {}
        self._known: dict[int, str] = {}
        self._counts: dict[str, int] = {}
        self._taken: set[str] = set(arguments.values())

    def row(self, row: Row) -> str:
        """Return the name of a row; the next free one if it has none."""
        name = self.rows.get(row)
        if name is None:
            name = f"v{row.serial}"
            if name in self._taken:
                name = self.fresh(name)
            self._taken.add(name)
            self.rows[row] = name
        return name

    def fresh(self, name: str) -> str:
        """Return a name like this one that is not taken."""
        name = re.sub(r"\W", "_", name)
        if name in ("np", "gd") or keyword.iskeyword(name):
            name += "_"
        free, count = name, self._counts.get(name, 1)
        while free in self._taken:
            count += 1
            free = f"{name}_{count}"
        self._counts[name] = count
        self._taken.add(free)
        return free

    def constant(self, x: Any, name: str) -> str:
        """Return the name under which the text finds a value."""
        known = self._known.get(id(x))
        if known is None:
            known = self._known[id(x)] = self.fresh(name)
            self.constants[known] = x
        return known


def expression(row: Row, names: Names, *, infix: bool = True) -> str:
    """Return the NumPy code of a row's call.

    Without ``infix`` only Python's operators are written as such, and no ufunc.
    """
    function, args = row.function, row.args
    if function is operator.getitem:
        source = _written(args[0], names, _ATOM)
        if isinstance(args[0], (list, tuple)) or (
            isinstance(args[0], Row) and args[0].shape == ()
        ):
            source = f"np.asarray({source})"
        return f"{source}[{_index(args[1], names)}]"
    if function is np.astype and not row.given and row.shape == ():
        source, dtype = (_written(x, names, 0) for x in args)
        return f"np.asarray({source}).astype({dtype})[()]"
    if function in UFUNCS:
        infix = True
    elif row.given or any(isinstance(x, (list, tuple)) for x in args):
        infix = False
    elif function is np.power and (
        row.dtype.kind != "f" or (row.shape == () and row.number is None)
    ):
        infix = False  # the operator has other dtypes, and other roots of numbers
    elif is_of_whole(row):
        infix = False  # Python's operators do otherwise
    if INFIX.get(function, "")[0:1] in _ORDERS and any(map(_is_complex, args)):
        infix = False  # NumPy orders complex numbers, and Python does not
    if infix and function in INFIX and len(args) == 2:
        sign, binding = INFIX[function]
        left, right = binding + (sign == "**"), binding + (sign != "**")
        return (
            f"{_written(args[0], names, left)} {sign} {_written(args[1], names, right)}"
        )
    if infix and function in _PREFIX:
        return f"{_PREFIX[function]}{_written(args[0], names, _UNARY)}"
    if function is _of.abs:
        return f"abs({_written(args[0], names, 0)})"
    parts = [_written(x, names, 0) for x in args]
    parts += [f"{k}={_written(x, names, 0)}" for k, x in row.given.items()]
    return f"{function_name(function, names)}({', '.join(parts)})"


def _is_complex(x: Any) -> bool:
    return np.dtype(getattr(x, "dtype", None) or kind_of(x)).kind == "c"


_ORDERS = ("<", "<=", ">", ">=")


def function_name(function: Function, names: Names) -> str:
    """Return how a function is written: ``np.sin``, ``np.linalg.inv``, or a name."""
    name = numpy_names().get(id(function))
    if name is not None:
        return name
    if function is float:
        return "float"
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):
        return f"np.{owner.__name__}.{function.__name__}"
    return names.constant(function, getattr(function, "__name__", "function"))


@functools.cache
def numpy_names() -> Mapping[int, str]:
    """Return how NumPy's functions are written, by their ids.

    What NumPy imports when it is asked for (``np.testing``) is left alone.
    """
    written: dict[int, str] = {}
    modules = (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft))
    for prefix, module in reversed(modules):
        there = vars(module)
        for name in sorted(there.keys() & set(module.__all__), reverse=True):
            f = there[name]
            if isinstance(f, np.ufunc):
                name = f.__name__
            if callable(f) and name in there:
                written[id(f)] = f"{prefix}.{name}"
    return written


def argument_text(x: Any, names: Names) -> str:
    """Return an argument of a call as code."""
    return _written(x, names, 0)


def _written(x: Any, names: Names, binding: int) -> str:
    """Return an argument as code that binds at least this tightly."""
    kind = kind_of(x)
    if kind is Row:
        return names.row(x)
    if kind in (float, int, complex, bool):
        text = repr(x)
        if "inf" in text or "nan" in text:
            if kind is not float or text[0] == "-":
                return names.constant(x, "number")
            return text.replace("inf", "np.inf").replace("nan", "np.nan")
        if kind is complex and _has_negative_zero(x):
            return f"complex({x.real!r}, {x.imag!r})"  # -1-0j is complex(-1, +0)
        return f"({text})" if text[0] == "-" and binding > _UNARY else text
    if x is None or x is Ellipsis or kind is str:
        return "..." if x is Ellipsis else repr(x)
    if kind is tuple or kind is list:
        parts = ", ".join(_written(v, names, 0) for v in x)
        if kind is list:
            return f"[{parts}]"
        return f"({parts},)" if len(x) == 1 else f"({parts})"
    if kind is dict:
        parts = ", ".join(f"{k!r}: {_written(v, names, 0)}" for k, v in x.items())
        return f"{{{parts}}}"
    if kind is slice:
        parts = ", ".join(_written(v, names, 0) for v in (x.start, x.stop, x.step))
        return f"slice({parts})"
    return _array(x, names)


def _has_negative_zero(x: complex) -> bool:
    return "-0.0" in (repr(x.real), repr(x.imag))


def _array(x: Any, names: Names) -> str:
    """Return a small array as code, a large one or anything else as a name."""
    small = isinstance(x, ARRAYS) and x.size <= names.inline
    if small and x.dtype.kind in "fiub" and x.size and np.all(np.isfinite(x)):
        if x.dtype == np.bool_ and isinstance(x, generic):
            return f"np.bool({bool(x)})"
        if isinstance(x, generic):
            return f"np.{x.dtype.name}({x.item()!r})"
        kind = {"float64": "", "int64": "", "bool": ""}.get(x.dtype.name)
        suffix = f", np.{x.dtype.name}" if kind is None else ""
        return f"np.array({x.tolist()!r}{suffix})"
    if isinstance(x, type) and issubclass(x, np.generic):
        return f"np.{x.__name__}"
    if isinstance(x, np.dtype) and x.kind in "fiubc":
        return f"np.dtype({x.name!r})"
    return names.constant(x, "constant")


def _index(index: Any, names: Names) -> str:
    """Return what stands between the brackets."""
    if isinstance(index, TUPLE) and index:
        inside = ", ".join(_index(part, names) for part in index)
        return f"{inside}," if len(index) == 1 else inside
    if kind_of(index) is slice:
        limits: list[Any] = [getattr(index, k) for k in ("start", "stop", "step")]
        parts = ["" if v is None else _written(v, names, 0) for v in limits]
        return ":".join(parts if parts[2] else parts[:2])
    return _written(index, names, 0)


class Code(str):
    """Python text, which notebooks show in colours."""

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"


class Source(Code):
    """Python text, with the values of the names that it uses beyond NumPy.

    ``exec(text, dict(text.constants))`` defines its function.
    """

    constants: Mapping[str, Any]

    def __new__(cls, text: str, constants: Mapping[str, Any]) -> Source:
        """Keep text and constants."""
        source = super().__new__(cls, text)
        source.constants = constants
        return source


def source_of(
    program: Program,
    name: str,
    arguments: Mapping[Row, str],
    returned: Callable[[list[str]], str],
) -> Source:
    """Return a program as a NumPy function.

    ``returned`` writes the result from the code of its leaves.
    """
    names = Names(arguments)
    lines = [f"def {name}({', '.join(arguments.values())}):"]
    for row in program.rows:
        text = expression(row, names)  # before the row has a name of its own
        lines.append(f"    {names.row(row)} = {text}")
    leaves = [_written(x, names, 0) for x in program.outputs]
    lines.append(f"    return {returned(leaves)}")
    head = ["import numpy as np", "", ""]
    if names.constants:
        listed = ", ".join(names.constants)
        head = ["import numpy as np", "", f"# values in .constants: {listed}", "", ""]
    return Source("\n".join([*head, *lines]) + "\n", {"np": np, **names.constants})
