"""What the expressions of rules, and their functions in plain arithmetic, are made of.

Each form of a rule is read by several translators: for Python floats, native code,
JavaScript and LaTeX. What one of them would not understand, or otherwise than the
others, is refused when the rule is declared. So none of them leaves anything out.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from chainrule.errors import ArgumentError
from chainrule.rules.expressions import is_test, parsed

if TYPE_CHECKING:
    from chainrule.rules.base import rule

_OF_ONE = (
    "acos acosh asin asinh atan atanh cbrt ceil cos cosh degrees erf erfc exp exp2 "
    "expm1 fabs floor gamma lgamma log log10 log1p log2 radians sin sinh sqrt tan tanh "
    "trunc ulp"
)
_OF_TWO = "atan2 copysign fmod hypot nextafter pow remainder"
COUNTS: dict[str, int] = {
    **{str(name): 1 for name in _OF_ONE.split()},
    **{str(name): 2 for name in _OF_TWO.split()},
}
"""The functions of ``math`` that may be named, and how many numbers each takes."""

_NUMBERS = ("pi", "e", "tau", "inf", "nan")
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.FloorDiv, ast.Pow)
_COMPARED = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_REMEDIES = {
    "math.isnan": "Write x != x.",
    "math.isinf": "Write abs(x) == math.inf.",
    "math.isfinite": "Write abs(x) < math.inf.",
    "math.ldexp": "Write x * 2.0 ** y.",
    "max": "Write x if x > y or x != x else y.",
    "min": "Write x if x < y or x != x else y.",
}


class Grammar:
    """Reads trees, and refuses what is no arithmetic."""

    operators: tuple[type[ast.operator], ...] = _OPERATORS

    def __init__(self, what: str, names: Sequence[str]) -> None:
        """Begin; ``what`` is read, and ``names`` are those of numbers in it."""
        self.what = what
        self.names: Container[str] = names
        listed = ", ".join(names)
        self.known: str = (
            f"It may name the operands ({listed}), abs, round and functions of"
        )

    def refuse(self, found: str, remedy: str) -> NoReturn:
        """Raise the error that says what was found, and what to write instead."""
        raise ArgumentError(f"{self.what} {found}. {remedy}")

    def whole(self, tree: ast.expr) -> None:
        """Read what may be a number, or true or false."""
        if is_test(tree):
            self.condition(tree, strict=True)
        else:
            self.number(tree)

    def condition(self, tree: ast.expr, *, strict: bool = False) -> None:
        """Read what is true or false; not ``strict``: or a number, true if not 0."""
        if isinstance(tree, ast.Compare):
            if len(tree.ops) > 1:
                self.refuse(
                    f"compares several times in {ast.unparse(tree)!r}",
                    "Write x < y and y < z in place of x < y < z.",
                )
            if not isinstance(tree.ops[0], _COMPARED):
                self._refuse_tree(tree)
            self.number(tree.left)
            self.number(tree.comparators[0])
        elif isinstance(tree, ast.BoolOp):
            for x in tree.values:
                if strict and not self.is_test(x):
                    self.refuse(
                        f"needs true or false where it has {ast.unparse(x)!r}",
                        "Write x != 0.0 for a number.",
                    )
                self.condition(x, strict=strict)
        elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.Not):
            self.condition(tree.operand)
        else:
            self.number(tree)

    def is_test(self, tree: ast.expr) -> bool:
        """Tell whether a tree may be true or false."""
        return is_test(tree)

    def number(self, tree: ast.expr) -> None:
        """Read a number."""
        if is_test(tree):
            self.refuse(
                f"needs a number where it has {ast.unparse(tree)!r}",
                "Write 1.0 if x > y else 0.0 in place of x > y.",
            )
        read = self.readers().get(type(tree))
        if read is None:
            self._refuse_tree(tree)
        read(tree)

    def readers(self) -> dict[type[ast.expr], Callable[[Any], None]]:
        """Return what reads each kind of tree."""
        return {
            ast.Name: self.name,
            ast.Constant: self.constant,
            ast.Attribute: self.attribute,
            ast.Call: self.call,
            ast.IfExp: self._chosen,
            ast.UnaryOp: self._signed,
            ast.BinOp: self._two,
        }

    def _refuse_tree(self, tree: ast.AST) -> NoReturn:
        self.refuse(
            f"holds {ast.unparse(tree)!r}, which is no arithmetic",
            "It may hold + - * / % // **, comparisons, and, or, not, x if condition "
            "else y, abs, round and functions of math.",
        )

    def name(self, tree: ast.Name) -> None:
        """Read a name."""
        if tree.id not in self.names:
            self.refuse(f"names {tree.id}", f"{self.known} math.")

    def constant(self, tree: ast.Constant) -> None:
        """Read a number as it is written."""
        if type(tree.value) not in (int, float):
            self.refuse(f"holds {tree.value!r}", "Write real numbers, 1.0 for True.")

    def attribute(self, tree: ast.Attribute) -> None:
        """Read a number of ``math``."""
        name = ast.unparse(tree)
        if name.removeprefix("math.") in COUNTS and name.startswith("math."):
            self.refuse(f"names {name} without a call", f"Write {name}(...).")
        if name not in [f"math.{x}" for x in _NUMBERS]:
            self.refuse(f"names {name}", f"{self.known} math.")

    def call(self, tree: ast.Call) -> None:
        """Read a call."""
        name = ast.unparse(tree.func)
        known = {"abs": 1, "round": 1} | {f"math.{k}": n for k, n in COUNTS.items()}
        if name not in known:
            default = f"{self.known} math: {' '.join(COUNTS)}."
            self.refuse(f"names {name}", _REMEDIES.get(name, default))
        if tree.keywords or len(tree.args) != known[name]:
            log = "Write math.log(x) / math.log(y)." if name == "math.log" else ""
            some = f"{known[name]} number{'s' * (known[name] > 1)}"
            self.refuse(
                f"calls {ast.unparse(tree)}", log or f"{name} takes {some} here."
            )
        for x in tree.args:
            self.number(x)

    def _chosen(self, tree: ast.IfExp) -> None:
        self.condition(tree.test)
        self.number(tree.body)
        self.number(tree.orelse)

    def _signed(self, tree: ast.UnaryOp) -> None:
        if not isinstance(tree.op, ast.USub) or is_test(tree.operand):
            self.refuse(f"holds {ast.unparse(tree)!r}", "Write x or -x.")
        self.number(tree.operand)

    def _two(self, tree: ast.BinOp) -> None:
        if not isinstance(tree.op, self.operators):
            self._refuse_tree(tree)
        self.number(tree.left)
        self.number(tree.right)


def check_expression(cls: type[rule], form: str) -> None:
    """Raise unless a form of a rule is an expression of its operands, as Python.

    Parameters
    ----------
    cls
        The rule, its ``operand_names`` read.
    form
        The attribute: ``"expression"``, ``"python"``, ``"javascript"``, ``"formula"``.
    """
    text: Any = getattr(cls, form)
    grammar = Grammar(f"{cls.__name__}.{form}", cls.operand_names)
    if not isinstance(text, str):
        grammar.refuse(f"is {text!r}", 'Write an expression as text: "2.0 * x".')
    for name in ("math", "abs", "round"):
        if name in cls.operand_names:
            grammar.refuse(f"has an operand {name}", "Give it another name.")
    try:
        tree = parsed(text)
    except (SyntaxError, ValueError) as error:
        raise ArgumentError(
            f"{grammar.what} = {text!r} is no expression of Python's: {error}. All "
            'forms of a rule are written so: "x * x if x > 0.0 else 0.0".'
        ) from error
    if form == "formula":
        grammar.condition(tree)
    else:
        grammar.whole(tree)


__all__ = ["COUNTS", "Grammar", "check_expression"]
