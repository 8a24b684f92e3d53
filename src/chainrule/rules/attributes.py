"""The attributes of a rule class besides its derivatives, checked when it is made.

A trait of the wrong type would be met far from its declaration, or be believed.
"""

from __future__ import annotations

import functools
import inspect
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.rules.declarations import (
    Derivative,
    kind_of,
    parameters_of,
)
from chainrule.values.shapes import TUPLE

if TYPE_CHECKING:
    from chainrule.rules.base import rule

_CORE = r"\(((\w+\??)(,\w+\??)*)?\)"
_CORES = rf"{_CORE}(,{_CORE})*"
_SIGNATURE = rf"{_CORES}->{_CORES}"
_LIBRARY_NAME = r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*"
_ENGINES = frozenset(
    "z backward plans parts forward_name structural_for pull push".split()
)
"""What a kind of rule makes of a declaration."""


def check_attributes(cls: type[rule], derivatives: Sequence[Derivative]) -> None:
    """Raise unless each attribute that a class sets is of its type.

    Parameters
    ----------
    cls
        The rule, its ``operand_names`` read.
    derivatives
        Its methods that compute derivatives.
    """
    own = vars(cls)
    for name, value in own.items():
        if name in _CHECKS:
            holds, wanted = _CHECKS[name]
            if not holds(value):
                _refuse(cls, name, value, wanted)
    names = [own["forward"]] if isinstance(own.get("forward"), str) else []
    for text in (*names, *(x for x in own.get("also", ()) if isinstance(x, str))):
        check_library_name(cls, text)
    if "axes" in own:
        _check_axes(cls, derivatives)
    for point in own.get("conventions", ()):
        if not _is_convention(cls, point):
            wanted = "((operands), (derivatives)), with a number for each operand"
            _refuse(cls, "conventions", point, wanted)


def check_names(cls: type, prefixes: Sequence[str]) -> None:
    """Raise if a class sets a public attribute that its kind of rule does not read.

    Parameters
    ----------
    cls
        The rule.
    prefixes
        What the names of its derivatives begin with (``d_``).
    """
    known = {"forward"}.union(*map(_names_of, cls.__mro__[1:]))
    for name in vars(cls):
        if name in known or name.startswith(("_", *prefixes)):
            continue
        import difflib  # loaded where a name is wrong

        close = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.7)
        did_you_mean = f"Did you mean {close[0]!r}? " if close else ""
        derivatives = " or ".join(f"{p}<operand>" for p in prefixes)
        raise ArgumentError(
            f"{cls.__name__} sets {name!r}, which {kind_of(cls)} rule does not read"
            f"{f' (its derivatives are named {derivatives})' if derivatives else ''}. "
            f"{did_you_mean}A helper of the rule's own needs a leading underscore: "
            f"_{name}."
        )


@functools.cache
def _names_of(cls: type) -> frozenset[str]:
    """Return the public attributes of a class, declared and set."""
    names = {*vars(cls), *inspect.get_annotations(cls)}
    return frozenset(n for n in names if not n.startswith("_"))


def check_engine(cls: type[rule]) -> None:
    """Raise if a class sets what its kind of rule makes."""
    for name in sorted(_ENGINES & vars(cls).keys()):
        raise ArgumentError(
            f"{cls.__name__} sets {name!r}, which its kind of rule makes of what "
            "is declared. A helper of the rule's own needs a leading underscore: "
            f"_{name}."
        )


def check_library_name(cls: type[rule], name: str) -> None:
    """Raise unless a function's name is that of a module, a colon and its own."""
    if not re.fullmatch(_LIBRARY_NAME, name):
        module, _, function = name.rpartition(".")
        example = f"{module}:{function}"
        if not re.fullmatch(_LIBRARY_NAME, example):
            example = "scipy.special:erf"
        _refuse(cls, "forward", name, f'a module and a function of it: "{example}"')


def _refuse(cls: type[rule], name: str, value: object, wanted: str) -> None:
    raise ArgumentError(f"{cls.__name__}.{name} is {value!r}. Write {wanted}.")


def _check_axes(cls: type[rule], derivatives: Sequence[Derivative]) -> None:
    """Raise unless the parameters that name axes are some of the function's."""
    known = {k for d in derivatives for k in d.signature.keywords}
    forward = parameters_of(cls.forward)
    if forward is not None:
        known |= {*forward.positional, *forward.keywords} - {*cls.operand_names}
    for name in cls.axes:
        if known and name not in known:
            wanted = f"parameters of forward, which takes ({', '.join(sorted(known))})"
            _refuse(cls, "axes", cls.axes, wanted)


def _is_convention(cls: type[rule], point: Any) -> bool:
    count = len(cls.operand_names)
    return _is_tuple(point) and [len(x) for x in point if _is_tuple(x)] == [count] * 2


def _is_tuple(x: Any) -> bool:
    return isinstance(x, TUPLE)


def _is_bool(x: Any) -> bool:
    return isinstance(x, bool)


def _is_text(x: Any) -> bool:
    return isinstance(x, str)


def _is_texts(x: Any) -> bool:
    return _is_tuple(x) and all(map(_is_text, x))


def _is_ufunc(x: Any) -> bool:
    return x is None or (isinstance(x, np.ufunc) and x.nin == 2)


def _is_function(x: Any) -> bool:
    return x is None or callable(x) or isinstance(x, staticmethod)


def _is_signature(x: Any) -> bool:
    return _is_text(x) and (x == "" or re.fullmatch(_SIGNATURE, x) is not None)


def _is_operator(x: Any) -> bool:
    return _is_text(x) and (x == "" or callable(getattr(operator, x, None)))


def _is_count(x: Any) -> bool:
    return isinstance(x, int) and not _is_bool(x) and x > 0


def _is_dtypes(x: Any) -> bool:
    known = ("float32", "float64", "complex64", "complex128")
    return _is_texts(x) and set(x) <= set(known)


def _is_domain(x: Any) -> bool:
    return isinstance(x, Mapping) and all(map(_is_interval, _values_of(x)))


def _is_interval(x: Any) -> bool:
    numbers = _is_tuple(x) and all(isinstance(v, int | float) for v in x)
    return numbers and len(x) == 2 and bool(x[0] < x[1])


def _is_reasons(x: Any) -> bool:
    return isinstance(x, Mapping) and all(map(_is_text, _values_of(x)))


def _values_of(x: Any) -> Iterable[Any]:
    return x.values()


_Check = tuple[Callable[[Any], bool], str]
_BOOLEANS = (
    "entrywise moves in_order views flattens averages by_columns primitive "
    "of_shapes writes may_raise returns_arrays of_integers bounded of_branches "
    "structural inline variadic"
).split()
_CHECKS: Mapping[str, _Check] = {
    **dict.fromkeys(_BOOLEANS, (_is_bool, "True or False")),
    **dict.fromkeys(("remedy", "untested"), (_is_text, "a text")),
    "axes": (_is_texts, 'a tuple of names: ("axis",)'),
    **dict.fromkeys(("also", "cases", "conventions"), (_is_tuple, "a tuple")),
    **dict.fromkeys(
        ("undoes", "of_booleans", "contracts"), (_is_function, "a function")
    ),
    "operand_names": (_is_texts, 'a tuple of names: ("x",)'),
    **dict.fromkeys(
        ("reduces", "accumulates"), (_is_ufunc, "the ufunc of two entries: np.add")
    ),
    "signature": (_is_signature, 'the last axes as NumPy does: "(m,n),(n)->(m)"'),
    "operator": (_is_operator, 'the name of a function of operator: "add"'),
    "outputs": (_is_count, "a whole number above 0"),
    "dtypes": (_is_dtypes, 'a tuple of dtypes that are tested: ("float64",)'),
    "domain": (_is_domain, 'intervals by operand: {"x": (0.5, 2.0)}'),
    "refused": (_is_reasons, 'reasons by operand: {"x": "It counts."}'),
}

__all__ = ["check_attributes", "check_engine", "check_library_name", "check_names"]
