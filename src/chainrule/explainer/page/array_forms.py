"""Operations on whole arrays and their derivatives as JavaScript, from the rules.

A rule is run on values that carry NumPy's text (``written.py``), and that text is
translated: functions of numbers by their forms, entry by entry, the others by those of
the same name in ``web/src/nd.ts``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.explainer.account.brief import is_array
from chainrule.explainer.account.views import VertexView
from chainrule.explainer.page.javascript import is_real
from chainrule.explainer.page.javascript_forms import javascript_form
from chainrule.explainer.page.written import (
    Argument,
    Written,
    WrittenNumPy,
    argument_text,
    call_of,
)
from chainrule.operations_grad.determinants import cofactors
from chainrule.rules import general, rule_of
from chainrule.rules.symbolic import Formula
from chainrule.values.types import Index
from chainrule.values.vertices import ARITHMETIC_ERRORS

_UNWRITABLE = (
    AttributeError,
    IndexError,
    KeyError,
    SyntaxError,
    TypeError,
    ValueError,
    *ARITHMETIC_ERRORS,
)

FUNCTIONS = {
    **{
        name: name
        for name in (
            "argsort array cholesky cofactors concatenate cumprod cumsum det "
            "expand_dims getitem inv matmul max mean min prod reshape solve sort sum "
            "swapaxes transpose unindex vector_norm"
        ).split()
    },
    "var": "variance",
}
"""NumPy's functions by their names in ``nd.ts``."""


@dataclass(frozen=True)
class ArrayScript:
    """One operation on whole arrays: ``x0``, ``x1``, ... are all its operands.

    Attributes
    ----------
    forward
        The expression of the result ``z``.
    pulls, pushes
        What goes to each operand that varies for the cotangent ``d``, and what comes
        from it for the tangent ``d``, by position.
    operands
        How many operands there are.
    """

    forward: str
    pulls: tuple[tuple[int, str], ...]
    pushes: tuple[tuple[int, str], ...]
    operands: int

    def text(self) -> str:
        """Return the operation as a JavaScript object."""
        names = ", ".join(f"x{i}" for i in range(self.operands))
        pull, push = (
            ", ".join(f"{i}: (d, z, {names}) => {text}" for i, text in parts)
            for parts in (self.pulls, self.pushes)
        )
        forward = f"({names}) => {self.forward}"
        return f"{{forward: {forward}, pull: {{{pull}}}, push: {{{push}}}}}"


def array_script_of(view: VertexView) -> ArrayScript | None:
    """Return an operation on arrays in JavaScript, or ``None`` if it has no such form.

    >>> import chainrule as gd, numpy as np
    >>> explained = gd.explain(lambda x: np.sum(np.linalg.inv(x)))(np.eye(2))
    >>> array_script_of(explained.vertices[1]).forward
    'nd.inv(x0)'
    """
    rule = view.rule
    if rule is None or not issubclass(rule, general):
        return None
    values = [x.value for x in view.operands]
    if not is_real(view.value) or not all(map(_is_real_array, values)):
        return None
    operands = [Written(Formula(f"x{i}"), x) for i, x in enumerate(values)]
    varying = [i for i, x in enumerate(view.operands) if x.index is not None]
    z, d = Written(Formula("z"), view.value), Written(Formula("d"), view.value)
    try:
        with np.errstate(all="ignore"):
            forward = _translated(call_of(rule, operands, view.parameters))
            parts: Any = rule.pullback(_written, d, z, *operands, **view.parameters)
            pulls = [(i, _translated(_made(parts[i]))) for i in varying]
            pushes = [(i, _push(view, operands, z, i)) for i in varying]
    except _UNWRITABLE:
        return None
    return ArrayScript(forward, tuple(pulls), tuple(pushes), len(operands))


def _push(view: VertexView, operands: Sequence[Written], z: Written, i: int) -> str:
    tangents = [
        Written(Formula("d"), x.value) if i == j else None
        for j, x in enumerate(operands)
    ]
    rule: Any = view.rule
    made = rule.pushforward(_written, tangents, z, *operands, **view.parameters)
    return _translated(made)


def _made(part: Any) -> Any:
    return part() if callable(part) else part


def _is_real_array(x: Any) -> bool:
    return is_real(x) or (is_array(x) and x.dtype.kind in "fiub")


class _WrittenArrays(WrittenNumPy):
    """NumPy's text, with what the page has for cofactors and arrays of indices."""

    @staticmethod
    def cofactors(x: Written) -> Written:
        """Write the cofactors of a matrix."""
        return Written(Formula(f"np.cofactors({x.text})"), cofactors(x.value))

    def unindex(self, x: Argument, *, index: Index, shape: tuple[int, ...]) -> Written:
        """Write zeros with ``x`` added at an index.

        An array has the shape of the indices that say where all of its entries go.
        """
        places = _indices(index)
        value: Any = np.zeros(shape)
        np.add.at(value, tuple(map(_value, places)), _value(x))
        texts = [argument_text(x), argument_text(list(places))]
        if np.shape(_value(places[0])) != shape:
            texts.append(str(shape))
        return Written(Formula(f"np.unindex({', '.join(texts)})"), value)

    def reshape(self, x: Argument, shape: tuple[int, ...]) -> Written:
        """Write another shape of an array."""
        value: Any = np.reshape(_value(x), shape)
        if isinstance(x, Written) and np.shape(x.value) == value.shape:
            return x
        return Written(Formula(f"np.reshape({argument_text(x)}, {shape})"), value)

    def getitem(self, x: Argument, *, index: Index) -> Written:
        """Write what arrays of indices pick."""
        places = _indices(index)
        value: Any = np.asarray(_value(x))
        picked = value[tuple(map(_value, places))]
        text = f"np.getitem({argument_text(x)}, {argument_text(list(places))})"
        return Written(Formula(text), picked)


_written: Any = _WrittenArrays()


def _indices(index: Index) -> tuple[Any, ...]:
    places: tuple[Any, ...] = index if isinstance(index, tuple) else (index,)
    if any(isinstance(i, slice) or i is None or i is Ellipsis for i in places):
        raise TypeError("slices are not picked by arrays of indices")
    return places


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Written) else x


# ------------------------------------------------------------------------- translation


def _translated(x: Any) -> str:
    return javascript_array(argument_text(x))


def javascript_array(text: str) -> str:
    """Return NumPy's text as calls of ``nd``, or raise ``TypeError``.

    >>> javascript_array("np.sum(x0[1:], axis=(0,), keepdims=True)")
    'nd.sum(nd.pick(x0, [[1, null, null]]), {axis: [0], keepdims: true})'
    >>> javascript_array("-d * 2.0")
    'nd.each((x0, x1) => (x0 * x1), nd.each((x0) => (-x0), d), 2.0)'
    """
    return _of(ast.parse(text, mode="eval").body)


def _of(tree: ast.expr) -> str:
    find: Callable[[Any], str] | None = _KINDS.get(type(tree))
    if find is None:
        raise TypeError(f"{ast.unparse(tree)} has no form in JavaScript")
    return find(tree)


def _constant(tree: ast.Constant) -> str:
    names = {"None": "null", "True": "true", "False": "false", "...": '"..."'}
    text = ast.unparse(tree)
    return names.get(text, text)


def _attribute(tree: ast.Attribute) -> str:
    names = {"np.nan": "NaN", "np.inf": "Infinity", "np.pi": "Math.PI"}
    text = ast.unparse(tree)
    if text not in names:
        raise TypeError(f"{text} has no form in JavaScript")
    return names[text]


def _unary(tree: ast.UnaryOp) -> str:
    if isinstance(tree.operand, ast.Constant):
        return f"-{_of(tree.operand)}"
    return _each("negative", [_of(tree.operand)])


def _binary(tree: ast.BinOp) -> str:
    return _infix(tree.op, [tree.left, tree.right])


def _compare(tree: ast.Compare) -> str:
    return _infix(tree.ops[0], [tree.left, *tree.comparators])


def _infix(sign: ast.AST, sides: Sequence[ast.expr]) -> str:
    if type(sign) not in _OPERATORS:
        raise TypeError(f"the operator {type(sign).__name__} has no form in JavaScript")
    return _each(_OPERATORS[type(sign)], [_of(x) for x in sides])


def _each(name: str, parts: Sequence[str]) -> str:
    """Write a function of numbers, entry by entry."""
    function: Any = getattr(np, name, None)
    rule = rule_of(function)
    form = None if rule is None else javascript_form(rule)
    if form is None:
        raise TypeError(f"{name} has no form in JavaScript")
    names = [f"x{i}" for i in range(len(parts))]
    return (
        f"nd.each(({', '.join(names)}) => ({form.format(*names)}), {', '.join(parts)})"
    )


def _call(tree: ast.Call) -> str:
    name = ast.unparse(tree.func).rpartition(".")[2]
    parts = [_of(x) for x in tree.args]
    if name not in FUNCTIONS:
        return _each(name, parts)
    given = {k.arg: k.value for k in tree.keywords if k.arg != "kind"}
    if "where" in given and ast.unparse(given["where"]) == "True":
        del given["where"]
    options = ", ".join(f"{name}: {_of(x)}" for name, x in given.items())
    parts += [f"{{{options}}}"] if options else []
    return f"nd.{FUNCTIONS[name]}({', '.join(parts)})"


def _subscript(tree: ast.Subscript) -> str:
    index = tree.slice
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return f"nd.pick({_of(tree.value)}, [{', '.join(map(_of, parts))}])"


def _slice(tree: ast.Slice) -> str:
    ends = (tree.lower, tree.upper, tree.step)
    return f"[{', '.join('null' if x is None else _of(x) for x in ends)}]"


def _listed(tree: ast.List | ast.Tuple) -> str:
    return f"[{', '.join(map(_of, tree.elts))}]"


def _name(tree: ast.Name) -> str:
    return tree.id


_KINDS: dict[type[ast.expr], Callable[[Any], str]] = {
    ast.Constant: _constant,
    ast.Attribute: _attribute,
    ast.UnaryOp: _unary,
    ast.BinOp: _binary,
    ast.Compare: _compare,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.List: _listed,
    ast.Tuple: _listed,
    ast.Name: _name,
}

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}


__all__ = ["FUNCTIONS", "ArrayScript", "array_script_of", "javascript_array"]
