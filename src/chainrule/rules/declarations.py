"""Reading a rule's declaration: what its names say, and refusals where they disagree.

A partial that is misspelt would be a derivative of zero in silence, so a rule class is
checked when it is made, and those of the library by its tests: every public name must
be one that its kind of rule reads, and ``forward`` and the derivatives must speak of
the same operands and parameters.
"""

from __future__ import annotations

import dis
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from chainrule.errors import ArgumentError, ShapeError
from chainrule.values.shapes import SEQUENCES, describe
from chainrule.values.types import Operation, Value

if TYPE_CHECKING:
    from chainrule.rules.base import rule

_CODE_VARIADIC = 4
_CODE_KEYWORDS = 8


class Parameters(NamedTuple):
    """What a function can be called with."""

    positional: tuple[str, ...]
    required: int
    """How many of the positional ones have no default."""
    variadic: bool
    keywords: Mapping[str, bool]
    """The keyword-only ones, and whether each must be given."""
    any_keyword: bool


class Derivative(NamedTuple):
    """A method of a rule that computes derivatives."""

    name: str
    signature: Parameters
    """Its parameters without those before the operands."""


def parameters_of(function: Operation) -> Parameters | None:
    """Return the parameters of a function; ``None`` where it does not tell them."""
    code = getattr(function, "__code__", None)
    if code is not None and inspect.isfunction(function) and not _is_wrapper(function):
        names, count = code.co_varnames, code.co_argcount
        keyword_only = names[count : count + code.co_kwonlyargcount]
        defaults: Any = function.__kwdefaults__ or {}
        return Parameters(
            names[:count],
            count - len(function.__defaults__ or ()),
            bool(code.co_flags & _CODE_VARIADIC),
            {k: k not in defaults for k in keyword_only},
            bool(code.co_flags & _CODE_KEYWORDS),
        )
    try:
        signature = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    places = [
        p for p in signature if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    return Parameters(
        tuple(p.name for p in places),
        sum(p.default is p.empty for p in places),
        any(p.kind is p.VAR_POSITIONAL for p in signature),
        {p.name: p.default is p.empty for p in signature if p.kind is p.KEYWORD_ONLY},
        any(p.kind is p.VAR_KEYWORD for p in signature),
    )


def takes_none(operation: type[rule]) -> bool:
    """Tell whether none of a rule's derivatives by operand takes a parameter."""
    taken = map(parameters_of, operation.parts.values())
    return not any(p is None or p.keywords or p.any_keyword for p in taken)


def _is_wrapper(function: Operation) -> bool:
    return hasattr(function, "__wrapped__") or hasattr(function, "__signature__")


def kind_of(cls: type) -> str:
    """Return the name of a rule's kind, with its article."""
    for base in cls.__mro__[1:]:
        if base.__module__.startswith("chainrule.rules"):
            article = "an" if base.__name__[0] in "aeiou" else "a"
            return f"{article} {base.__name__}"
    return "a"


# ---------------------------------------------------- operands, forward, derivatives


def names_with(prefix: str, cls: type) -> frozenset[str]:
    """Return what a class itself sets under names that begin so."""
    return frozenset(name for name in vars(cls) if name.startswith(prefix))


inherited_names: Callable[[str, type], frozenset[str]] = functools.cache(names_with)
"""The same of a class that others are made of: their kind, which does not change."""


def derivative(cls: type, name: str, head: int) -> Derivative:
    """Read a method of a rule; ``head`` parameters come before the operands."""
    signature = parameters_of(getattr(cls, name))
    if signature is None:
        raise ArgumentError(
            f"{cls.__name__}.{name} does not tell its parameters, from which the "
            "operands are read. Write it as a function in the class."
        )
    if len(signature.positional) < head:
        raise ArgumentError(
            f"{cls.__name__}.{name} takes ({', '.join(signature.positional)}); its "
            f"first {head} parameters come before the operands. See chainrule.rules."
        )
    rest = signature._replace(
        positional=signature.positional[head:],
        required=max(0, signature.required - head),
    )
    return Derivative(name, rest)


def is_of_library(cls: type) -> bool:
    """Tell whether a rule is one of this library's, which its tests read."""
    return cls.__module__.startswith("chainrule.")


BUFFERED = ("accumulate_", "overwrite_")
"""What the names of methods begin with that change an array, and return nothing."""


def check_returns(cls: type, name: str) -> None:
    """Raise if a method of a rule never returns a value: it was forgotten."""
    code = getattr(getattr(cls, name), "__code__", None)
    if code is None or name.startswith(BUFFERED):
        return
    if returns_nothing(code):
        raise ArgumentError(
            f"{cls.__name__}.{name} returns nothing. Write return before what it found."
        )


@functools.lru_cache(maxsize=256)
def returns_nothing(code: CodeType) -> bool:
    """Tell whether a function ends, and always with ``None``."""
    lines = list(dis.get_instructions(code))
    returned = [
        line if line.opname == "RETURN_CONST" else lines[i - 1]
        for i, line in enumerate(lines)
        if line.opname.startswith("RETURN_") and line.opname != "RETURN_GENERATOR"
    ]
    constants = ("LOAD_CONST", "RETURN_CONST")
    either = any(x.is_jump_target and x.opname == "RETURN_VALUE" for x in lines)
    return bool(returned and not either) and all(
        line.opname in constants and line.argval is None for line in returned
    )


def check_declaration(cls: type[rule], derivatives: Sequence[Derivative]) -> None:
    """Raise unless the parts of a rule's declaration agree with each other.

    Parameters
    ----------
    cls
        The rule, its ``operand_names`` read.
    derivatives
        Its methods that compute derivatives.
    """
    _check_present(cls, derivatives)
    if cls.variadic:
        _check_variadic(cls, derivatives)
    else:
        _check_operands(cls, derivatives)
    first = next(d for d in derivatives if not d.name.startswith(BUFFERED))
    for d in derivatives:
        own, keywords = d.signature.positional, d.signature.keywords
        buffered = d.name.startswith(BUFFERED) and not own
        if own != cls.operand_names and not buffered:
            raise ArgumentError(
                f"{cls.__name__}.{d.name} has the operands ({', '.join(own)}), where "
                f"{first.name} has ({', '.join(cls.operand_names)}). Give all "
                "derivatives of a rule the same operands, in the order of forward."
            )
        if keywords.keys() != first.signature.keywords.keys():
            raise ArgumentError(
                f"{cls.__name__}.{d.name} takes the parameters "
                f"({', '.join(keywords)}), {first.name} takes "
                f"({', '.join(first.signature.keywords)}). Every "
                "derivative is given all parameters of a call: let each take the same."
            )
    _check_named(cls, "zeroed", getattr(cls, "zeroed", ()), [*first.signature.keywords])
    check_forward(cls, first.signature.keywords)
    for name in ("forward", *(d.name for d in derivatives)):
        check_returns(cls, name)


_UFUNC_KEYWORDS: Mapping[str, bool] = dict.fromkeys(
    ("where", "axes", "axis", "keepdims", "casting", "order", "dtype", "subok"), False
)


def _check_present(cls: type[rule], derivatives: Sequence[Derivative]) -> None:
    """Raise if the forward or the derivatives are missing."""
    if getattr(cls, "forward", None) is None:
        raise ArgumentError(
            f"{cls.__name__} has no forward, the function that it is the derivative "
            "of. Set forward = np.sin, or write it as a static method."
        )
    names = {d.name for d in derivatives}
    wanted = f"{cls._prefix}<operand>" if cls._prefix else cls._main
    if not names or (not cls._prefix and cls._main not in names):
        raise ArgumentError(
            f"{cls.__name__} has no {wanted}, so its derivative is not known. Declare "
            f"it as chainrule.rules describes for {kind_of(cls)} rule."
        )


def check_forward(cls: type[rule], keywords: Mapping[str, bool]) -> None:
    """Raise if the derivatives' operands and parameters are not those of forward."""
    if isinstance(cls.forward, np.ufunc):
        names = tuple(cls.operand_names) if cls.variadic else ("",) * cls.forward.nin
        forward = Parameters(names, len(names), False, _UFUNC_KEYWORDS, False)
        _check_forward(cls, forward, keywords)
    elif (parameters := parameters_of(cls.forward)) is not None:
        _check_forward(cls, parameters, keywords)


def _check_forward(
    cls: type[rule], forward: Parameters, keywords: Mapping[str, bool]
) -> None:
    names = forward.positional
    if not cls.variadic and not forward.variadic:
        needed = sum(n not in keywords for n in names[: forward.required])
        _check_count(cls, needed, len(names))
    known = {*names, *forward.keywords}
    unknown = [k for k in keywords if k not in known and not forward.any_keyword]
    if unknown:
        raise ArgumentError(
            f"The derivatives of {cls.__name__} take the parameter {unknown[0]!r}, "
            f"which forward does not; it takes ({', '.join(filter(None, known))})."
        )
    missing = [k for k, must in forward.keywords.items() if must and k not in keywords]
    if missing:
        raise ArgumentError(
            f"forward of {cls.__name__} needs the parameter {missing[0]!r}, which its "
            f"derivatives do not take. Add it to each after *: (..., *, {missing[0]})."
        )
    same = names[: len(cls.operand_names)]
    if set(same) & set(cls.operand_names) and same != cls.operand_names:
        raise ArgumentError(
            f"forward of {cls.__name__} has the operands ({', '.join(same)}), its "
            f"derivatives have ({', '.join(cls.operand_names)}). Use one order and the "
            "same names."
        )


def _check_count(cls: type[rule], least: int, most: int) -> None:
    count = len(cls.operand_names)
    if not cls.variadic and not least <= count <= most:
        raise ArgumentError(
            f"forward of {cls.__name__} takes {least} operands, but its derivatives "
            f"have {count}: ({', '.join(cls.operand_names)}). They follow what a "
            "derivative is given first; see chainrule.rules."
        )


def _check_variadic(cls: type[rule], derivatives: Sequence[Derivative]) -> None:
    """Raise unless a rule of any number of operands declares them together."""
    wrong = [d.name for d in derivatives if d.name not in cls._heads]
    if wrong or cls.operand_names:
        name = wrong[0] if wrong else derivatives[0].name
        together = " or ".join(cls._heads) or "a linear or general rule"
        raise ArgumentError(
            f"{cls.__name__}.{name} takes any number of operands (*). Name each "
            f"operand, or declare all of them together, by {together}."
        )


def _check_operands(cls: type[rule], derivatives: Sequence[Derivative]) -> None:
    """Raise unless each operand has one derivative, is constant, or is refused."""
    names, prefix = cls.operand_names, cls._prefix
    for d in derivatives:
        p = next((p for p in cls._prefixes if d.name.startswith(p)), None)
        if p is not None and d.name.removeprefix(p) not in names:
            if not names:
                raise ArgumentError(
                    f"{cls.__name__}.{d.name} has no operand. They follow what a "
                    f"derivative is given first: {d.name}(xp, z, x)."
                )
            raise ArgumentError(
                f"{cls.__name__}.{d.name} is the derivative of no operand: the "
                f"operands are ({', '.join(names)}). Name it "
                f"{' or '.join(p + n for n in names)}."
            )
    if isinstance(cls.constant_in, str):
        raise ArgumentError(
            f"{cls.__name__}.constant_in is the string {cls.constant_in!r}. Write a "
            f"tuple of operands: constant_in = ({cls.constant_in!r},)."
        )
    for what, operands in (
        ("constant_in", cls.constant_in),
        ("refused", cls.refused),
        ("domain", getattr(cls, "domain", ())),
    ):
        _check_named(cls, what, operands, names)
    with_part = {names[i] for i in cls.parts}
    for n in names if prefix else ():
        if n in with_part and n in cls.constant_in:
            raise ArgumentError(
                f"{cls.__name__} is declared constant in {n!r} and has the derivative "
                f"{prefix}{n}. Leave one of them away."
            )
        if n not in with_part and n not in cls.constant_in and n not in cls.refused:
            raise ArgumentError(
                f"{cls.__name__} has no {prefix}{n}, so its derivative in {n!r} "
                f"is not known. Write {prefix}{n}, or where the result is locally "
                f"constant in {n!r}, constant_in = ({n!r},)."
            )


def _check_named(
    cls: type, what: str, operands: Iterable[str], names: Sequence[str]
) -> None:
    for n in operands:
        if n not in names:
            raise ArgumentError(
                f"{cls.__name__}.{what} names {n!r}, which is no operand: the operands "
                f"are ({', '.join(names)})."
            )


# ------------------------------------------------------------------------ in a sweep

_RETURNED = {"d_": "the derivative", "transpose_": "the cotangent"}


def one_per_operand(operation: type[rule], grads: Any, count: int) -> Any:
    """Return the cotangents that a rule found together, or raise if it forgot some.

    An array in place of a tuple of one would be taken apart, and be wrong.
    """
    if isinstance(grads, SEQUENCES) and len(grads) == count:
        return grads
    received = f"{len(grads)}" if isinstance(grads, SEQUENCES) else describe(grads)
    raise ShapeError(
        f"{operation.__name__}.{operation._main} must return a tuple of {count} "
        f"cotangents, one per operand; it returned {received}."
    )


def needed(operation: type[rule], i: int, x_grad: Value | None) -> Any:
    """Return what the derivative in operand ``i`` found, or raise if it is ``None``.

    A method that forgets its return would be a derivative of zero in silence.
    """
    if x_grad is None:
        name = operation.operand_names[i]
        raise ArgumentError(
            f"{operation.__name__}.{operation._prefix}{name} returned None. Let it "
            f"return {_RETURNED[operation._prefix]}, or where the result is locally "
            f"constant in {name!r}, leave it away and write constant_in = ({name!r},)."
        )
    return x_grad
