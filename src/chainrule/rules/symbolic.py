"""Formulas of elementwise rules, found by running the rule on symbols.

A rule computes with the array namespace it is given. Given ``symbols`` it computes with
text instead, so one declaration also serves printing and generated code::

    >>> from chainrule.operations_grad import division_grad
    >>> partial_formulas(division_grad)
    {'x': '1 / y', 'y': '-z / y'}
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.rules.elementwise_rule import elementwise

Form = Callable[[str], str | None]
"""The text of a function, by its name: ``{0}``, ``{1}`` are what it is given."""

ATOM, POWER, UNARY, PRODUCT, SUM, COMPARISON = 6, 5, 4, 3, 2, 1


class Formula:
    """A piece of Python text and how tightly it binds."""

    __array_ufunc__ = None
    __hash__: Any = None

    def __init__(self, text: str, binding: int = ATOM) -> None:
        """Keep the text."""
        self.text = text
        self.binding = binding

    def __repr__(self) -> str:
        """Show the text."""
        return self.text

    def __bool__(self) -> bool:
        """Refuse: what is chosen by a value has no formula."""
        raise TypeError(f"{self.text} is neither true nor false")

    def _at(self, binding: int) -> str:
        return self.text if self.binding >= binding else f"({self.text})"


def as_formula(x: Any) -> Formula:
    """Return a number as a formula; a formula stays."""
    if isinstance(x, Formula):
        return x
    if isinstance(x, bool | int | float):
        return Formula(repr(x), ATOM if x >= 0 else UNARY)
    raise TypeError(f"no formula for {type(x).__name__}")


def _infix(sign: str, binding: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    def plain(a: Formula | float, b: Formula | float) -> Formula:
        a, b = as_formula(a), as_formula(b)
        left = a._at(binding + (sign == "**"))
        return Formula(f"{left} {sign} {b._at(binding + (sign != '**'))}", binding)

    def reflected(a: Formula | float, b: Formula | float) -> Formula:
        return plain(b, a)

    return plain, reflected


for _name, _sign, _binding in [
    ("add", "+", SUM),
    ("sub", "-", SUM),
    ("mul", "*", PRODUCT),
    ("truediv", "/", PRODUCT),
    ("mod", "%", PRODUCT),
    ("floordiv", "//", PRODUCT),
    ("pow", "**", POWER),
]:
    _plain, _reflected = _infix(_sign, _binding)
    setattr(Formula, f"__{_name}__", _plain)
    setattr(Formula, f"__r{_name}__", _reflected)
_COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
for _name, _sign in _COMPARISONS.items():
    setattr(Formula, f"__{_name}__", _infix(_sign, COMPARISON)[0])


def _negative(a: Formula) -> Formula:
    return Formula(f"-{a._at(UNARY)}", UNARY)


Formula.__neg__ = _negative  # type: ignore[attr-defined]


class Symbols:
    """A namespace whose functions write calls, or the forms that it is given."""

    def __init__(self, form: Form | None = None, *, recorded: bool = False) -> None:
        """Use ``form``: it gives a function's text with ``{0}``, ``{1}``, ...

        ``recorded`` text is for recorded sweeps: operations of theirs are written as
        calls, and not by their formulas.
        """
        self._form = form
        self.recorded = recorded
        self.pi: Formula = Formula("pi")

    def __getattr__(self, name: str) -> Callable[..., Formula]:
        """Return a function that writes a call of ``name``."""
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Formula | float) -> Formula:
            if self._form is None:
                texts = [as_formula(a).text for a in args]
                return Formula(f"{name}({', '.join(texts)})")
            text = self._form(name)
            if text is None:
                raise TypeError(f"no scalar form of {name}")
            return Formula(f"({text.format(*(as_formula(a)._at(ATOM) for a in args))})")

        return call


def partial_formulas(
    operation: type[elementwise],
    form: Form | None = None,
    names: Sequence[str] = (),
    *,
    recorded: bool = False,
) -> dict[str, str]:
    """Return the formula of each partial derivative, by operand name.

    ``names`` are written in place of the operands' own.
    """
    xp = Symbols(form, recorded=recorded)
    names = names or operation.operand_names
    variables = [Formula(name) for name in names]
    formulas: dict[str, str] = {}
    for i, partial in operation.parts.items():
        formulas[names[i]] = as_formula(partial(xp, Formula("z"), *variables)).text
    return formulas
