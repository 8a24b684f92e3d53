"""The gradient as NumPy code: one straight line forward, one straight line back.

Each rule is run on values that also carry their text, so the code comes from the same
declarations as every sweep. The code is run once before it is handed out, and only
handed out if it gives the gradient that the sweep gave.
"""

from __future__ import annotations

import keyword
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.operations_grad.indexing import getitem_grad, picks_once
from chainrule.operations_grad.structure import identity_grad
from chainrule.rules import ARITHMETIC_ERRORS, elementwise, general, linear
from chainrule.shapes import reduced_axes
from chainrule.symbolic import ATOM, Formula
from chainrule.values import operation_name

LONGEST = 400
"""Recordings with more operations are not written out."""

_LARGEST_CONSTANT = 64
_UNWRITABLE = (AttributeError, IndexError, KeyError, TypeError, *ARITHMETIC_ERRORS)


class Written:
    """A value and the text that computes it."""

    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, formula: Formula, value: Any) -> None:
        """Keep both."""
        self.formula = formula
        self.value = value
        self.shape: tuple[int, ...] = np.shape(value)
        self.ndim = len(self.shape)
        self.dtype = np.asarray(value).dtype

    def __neg__(self) -> Written:
        """Negate."""
        return Written(-self.formula, -self.value)

    def __getitem__(self, index: Any) -> Written:
        """Index."""
        text = f"{self.formula._at(ATOM)}[{index_text(index)}]"
        return Written(Formula(text), np.asarray(self.value)[index])


def _define(function: Callable[[Any, Any], Any]) -> None:
    def infix(a: Any, b: Any) -> Written:
        a, b = as_written(a), as_written(b)
        return Written(function(a.formula, b.formula), function(a.value, b.value))

    def reflected(a: Any, b: Any) -> Written:
        return infix(b, a)

    name = function.__name__.strip("_")
    setattr(Written, f"__{name}__", infix)
    setattr(Written, f"__r{name}__", reflected)


for _function in (
    operator.add, operator.sub, operator.mul, operator.truediv, operator.mod,
    operator.floordiv, operator.pow, operator.lt, operator.le, operator.gt,
    operator.ge, operator.eq, operator.ne,
):  # fmt: skip
    _define(_function)


class _NumPy:
    """The array namespace that writes calls of NumPy's functions."""

    def __init__(self, module: Any = np, prefix: str = "np.") -> None:
        self._module = module
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        """Find a function of NumPy; ours that it does not have raise."""
        found = getattr(self._module, name)
        if not callable(found):
            if name == "linalg":
                return _NumPy(found, "np.linalg.")
            return Written(Formula(f"{self._prefix}{name}"), found)

        def call(*args: Any, **given: Any) -> Written:
            texts = [argument_text(x) for x in args]
            texts += [f"{k}={argument_text(x)}" for k, x in given.items()]
            value = found(*map(_value, args), **{k: _value(x) for k, x in given.items()})
            return Written(Formula(f"{self._prefix}{name}({', '.join(texts)})"), value)

        return call

    def unindex(self, x: Any, *, index: Any, shape: Any) -> Written:
        """Write zeros with ``x`` at an index that picks nothing twice."""
        if not picks_once(index):
            raise TypeError("an index that may pick an element twice")
        value = np.zeros(shape)
        value[index] = _value(x)
        text = f"_placed({argument_text(x)}, {shape}, np.s_[{index_text(index)}])"
        return Written(Formula(text), value)

    @staticmethod
    def accumulate(a: Written | None, b: Written) -> Written:
        """Write a running sum."""
        return b if a is None else a + b  # type: ignore[operator]


_numpy = _NumPy()
_ABOUT = '''\
    """Return the value and the gradients, along the path that was recorded."""
'''
_PLACED = '''

def _placed(part, shape, index):
    """Return zeros of a shape with a part of it filled in."""
    whole = np.zeros(shape)
    whole[index] = part
    return whole
'''


def gradient_code(explained: Any) -> str:
    """Return straight-line NumPy code of a function's value and gradient.

    Parameters
    ----------
    explained
        The explanation of a call in reverse mode.

    Returns
    -------
    str
        The source of one function of the same inputs, which returns the value and the
        tuple of gradients. It takes the path through the program that was recorded.

    Raises
    ------
    ArgumentError
        If an operation cannot be written out; the message names it.

    Examples
    --------
    >>> import chainrule as gd
    >>> code = gradient_code(gd.explain(lambda x, y: x * y + x)(2.0, 3.0))
    >>> names = {}
    >>> exec(code, names)
    >>> names["value_and_gradient"](2.0, 3.0)
    (8.0, (4.0, 2.0))
    """
    if explained.mode != "reverse" or explained.result is None or not explained.steps:
        raise ArgumentError("There is no backward sweep here to write as code.")
    if sum(v.used for v in explained.vertices) > LONGEST:
        raise ArgumentError(f"Code of more than {LONGEST} operations is not written.")
    # As the library itself: fast and short first, careful where a nan makes it needed.
    for careful in (0, 1, 2):
        writer = _Writer(explained, as_numpy=careful > 0, masked=careful > 1)
        try:
            code = writer.code()
        except ArgumentError:
            if careful == 2:
                raise
            continue
        if _agrees(code, explained):
            return code
    raise ArgumentError("The code of this gradient does not reproduce it.")


class _Writer:
    """Writes one gradient.

    ``as_numpy`` turns the inputs into NumPy's numbers, which divide by zero; ``masked``
    carries along where a cotangent is not structurally zero.
    """

    def __init__(self, explained: Any, *, as_numpy: bool, masked: bool) -> None:
        self.explained = explained
        self.as_numpy = as_numpy
        self.masked = masked
        self.taken = {"np", "value_and_gradient", "_placed"}
        self.names: dict[int, str] = {}
        self.grads: dict[int, Written] = {}
        self.masks: dict[int, Written | None] = {}

    def code(self) -> str:
        """Return the whole text."""
        inputs = [self._named(i) for i in self.explained.inputs]
        lines = [f"{n} = np.asarray({n})[()]" for n in inputs if self.as_numpy]
        for v in self.explained.vertices:
            if v.used and v.index not in self.explained.inputs:
                lines.append(self._forward(v))
        lines += ["", "# backward"]
        for s in self.explained.steps:
            lines += self._backward(s)
        returned: list[str] = []
        for i in self.explained.inputs:
            shape = np.shape(self.explained.vertices[i].value)
            nothing = f"np.zeros({shape})" if shape else "0.0"
            returned.append(f"{self.names[i]}_grad" if i in self.grads else nothing)
        comma = "," if len(returned) == 1 else ""
        lines.append(f"return {self._result()}, ({', '.join(returned)}{comma})")
        if self.masked:
            lines = ["with np.errstate(all='ignore'):", *[f"    {x}" for x in lines]]
        body = "\n".join(f"    {x}".rstrip() for x in ["# forward", *lines])
        helper = _PLACED if "_placed(" in body else ""
        return (
            f"import numpy as np\n{helper}\n\n"
            f"def value_and_gradient({', '.join(inputs)}):\n{_ABOUT}{body}\n"
        )

    def _result(self) -> str:
        return self.names[self.explained.result]

    # ------------------------------------------------------------------------ forward

    def _named(self, i: int) -> str:
        """Return a vertex' name as an identifier that nothing else has."""
        if i not in self.names:
            name = re.sub(r"\W+", "_", self.explained.vertices[i].name).strip("_")
            if not name.isidentifier() or keyword.iskeyword(name):
                name = f"v_{name}"
            unique, count = name, 1
            while not self.taken.isdisjoint({unique, f"{unique}_grad", f"{unique}_on"}):
                count += 1
                unique = f"{name}_{count}"
            self.taken |= {unique, f"{unique}_grad", f"{unique}_on"}
            self.names[i] = unique
        return self.names[i]

    def _operands(self, v: Any) -> list[Any]:
        """Return an operation's operands; those that rules may read as numbers stay."""
        return [
            self._variable(x.index)
            if x.index is not None
            else (x.value.item() if type(x.value) is np.float64 else x.value)
            for x in v.operands
        ]

    def _variable(self, i: int) -> Written:
        value = self.explained.vertices[i].value
        if self.as_numpy and type(value) is float:
            value = np.float64(value)
        return Written(Formula(self._named(i)), value)

    def _forward(self, v: Any) -> str:
        name = self._named(v.index)
        if v.rule is None:
            return f"{name} = {argument_text(v.value)}"
        try:
            with np.errstate(all="ignore"):
                text = argument_text(_call(v.rule, self._operands(v), v.parameters))
        except _UNWRITABLE as error:
            raise _unwritable(v, error) from error
        where = f"  # line {v.place.line}" if v.place else ""
        return f"{name} = {text}{where}"

    # ----------------------------------------------------------------------- backward

    def _backward(self, s: Any) -> list[str]:
        v = self.explained.vertices[s.vertex]
        if v.index == self.explained.result:
            self.masks[v.index] = None
            one = f"np.ones({np.shape(v.value)})" if np.shape(v.value) else "1.0"
            lines = [f"{self._named(v.index)}_grad = {one}"]
            self.grads[v.index] = self._cotangent(v.index, s.incoming)
        else:
            lines = []
        if v.index not in self.grads:
            return lines
        grad = self._cotangent(v.index, s.incoming)
        wanted = [i for i, x in enumerate(v.operands) if x.index is not None]
        try:
            with np.errstate(all="ignore"):
                for i, part, mask in self._parts(v, grad, wanted):
                    lines += self._add(v.operands[i].index, part, mask)
        except _UNWRITABLE as error:
            raise _unwritable(v, error) from error
        return lines

    def _cotangent(self, i: int, value: Any) -> Written:
        return Written(Formula(f"{self._named(i)}_grad"), value)

    def _parts(self, v: Any, grad: Written, wanted: Sequence[int]) -> list[Any]:
        """Return the contributions: position, text, and mask of each."""
        rule, operands = v.rule, self._operands(v)
        if rule is identity_grad:
            return [(i, grad, self.masks[v.index]) for i in wanted]
        given = dict(v.parameters)
        if issubclass(rule, elementwise):
            where = given.pop("where", None)
            if where is not None and where is not True:
                raise TypeError("a call with where=")
            z = self._variable(v.index)
            scaled: list[Any] = []
            for i in wanted:
                if i in rule.parts:
                    partial = rule.parts[i](_numpy, z, *operands, **given)
                    part, mask = self._scaled(rule, partial, grad, self.masks[v.index])
                    scaled.append((i, part, mask))
            return [x for x in scaled if x[1] is not None]
        if issubclass(rule, linear):
            found = [
                rule.apply_transpose(_numpy, i, grad, operands, given) for i in wanted
            ]
        elif issubclass(rule, general):
            z = self._variable(v.index)
            parts = rule.pullback(_numpy, grad, z, *operands, **given)
            found = [parts[i] for i in wanted]
        else:
            raise TypeError("a derivative written by hand")
        pairs = zip(wanted, found, strict=True)
        return [(i, x, None) for i, x in pairs if x is not None]

    def _scaled(self, rule: Any, partial: Any, grad: Any, mask: Any) -> Any:
        """Return cotangent times partial, on the support."""
        if self.masked and rule.structural:
            taken = as_written(partial) != 0
            mask = taken if mask is None else _numpy.logical_and(mask, taken)
        if isinstance(partial, bool | np.bool_):
            return (grad, mask) if partial else (None, None)
        if type(partial) is int and abs(partial) == 1:
            part = grad if partial == 1 else -grad
        else:
            part = grad * as_written(partial)
        return part if mask is None else _numpy.where(mask, part, 0.0), mask

    def _add(self, target: int, part: Any, mask: Any) -> list[str]:
        """Write a contribution into the running sum of one operand."""
        name, shape = self._named(target), np.shape(self.explained.vertices[target].value)
        part = _fitted(as_written(part), shape, _numpy.sum)
        before = self.grads.get(target)
        total = part if before is None else before + part
        lines = [f"{name}_grad = {total.formula.text}"]
        self.grads[target] = self._cotangent(target, total.value)
        if before is not None:
            other = self.masks[target]
            both = mask is not None and other is not None
            mask = _numpy.logical_or(other, mask) if both else None
        if mask is not None:
            mask = _fitted(as_written(mask), shape, _numpy.any)
            lines.append(f"{name}_on = {mask.formula.text}")
            mask = Written(Formula(f"{name}_on"), mask.value)
        self.masks[target] = mask
        return lines


def _fitted(part: Written, shape: tuple[int, ...], gather: Any) -> Written:
    """Undo broadcasting: sum (or unite) what was repeated, repeat what was not."""
    if part.shape == shape:
        return part
    whole = np.broadcast_shapes(part.shape, shape)
    if whole == shape:
        return _numpy.broadcast_to(part, shape)
    if whole != part.shape:
        part = _numpy.broadcast_to(part, whole)
    part = gather(part, axis=reduced_axes(whole, shape))
    return part if part.shape == shape else _numpy.reshape(part, shape)


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "true_divide": operator.truediv,
    "power": operator.pow,
    "remainder": operator.mod,
}


def _call(rule: Any, operands: Sequence[Any], parameters: Any) -> Any:
    """Write the operation itself."""
    if rule is identity_grad:
        return operands[0]
    if rule is getitem_grad:
        return operands[0][parameters["index"]]
    name = getattr(rule.forward, "__name__", "")
    for module, space in ((np, _numpy), (np.linalg, _numpy.linalg)):
        if getattr(module, name, None) is rule.forward:
            break
    else:
        if not rule.__module__.startswith("chainrule."):
            raise TypeError("a rule of the program's own")
        name = operation_name(rule)
        space = _numpy if hasattr(np, name) else _numpy.linalg
    if name in _OPERATORS:
        return _OPERATORS[name](*map(as_written, operands))
    if name == "negative":
        return -operands[0]
    if rule.variadic and name != "einsum":
        return getattr(space, name)(list(operands), **parameters)
    return getattr(space, name)(*operands, **parameters)


def _unwritable(v: Any, error: Exception) -> ArgumentError:
    return ArgumentError(
        f"{v.name} = {v.operation}(...) cannot be written as NumPy code: {error}."
    )


# ------------------------------------------------------------------------------- texts


def as_written(x: Any) -> Written:
    """Return a constant with its text; what is written stays."""
    if isinstance(x, Written):
        return x
    text = argument_text(x)
    formula = Formula(text) if text[0] != "-" else -Formula(text[1:])
    return Written(formula, x)


def argument_text(x: Any) -> str:
    """Return the text of an argument, or raise ``TypeError``."""
    if isinstance(x, Written):
        return x.formula.text
    if isinstance(x, tuple | list):
        texts = [argument_text(v) for v in x]
        if isinstance(x, list):
            return f"[{', '.join(texts)}]"
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"
    if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
        return f"np.{np.dtype(x).name}"
    if isinstance(x, np.ndarray):
        return _array_text(x)
    if isinstance(x, np.generic):
        x = x.item()
    if isinstance(x, float) and not np.isfinite(x):
        return f"-np.{-x}" if x < 0 else f"np.{x}"
    if x is None or x is Ellipsis or isinstance(x, bool | int | float | str | slice):
        return repr(x)
    raise TypeError(f"a {type(x).__name__} is not written as code")


def _array_text(x: Any) -> str:
    if x.size > _LARGEST_CONSTANT:
        raise TypeError(f"a constant array of shape {x.shape} is too long to write")
    kept = x.dtype in (np.float64, np.int64, np.bool_)
    dtype = "" if kept and x.size else f", dtype=np.{x.dtype.name}"
    shape = "" if x.size else f".reshape({x.shape})"
    return f"np.array({argument_text(x.tolist())}{dtype}){shape}"


def index_text(index: Any) -> str:
    """Return an index as it stands between brackets."""
    if isinstance(index, tuple) and index:
        texts = [index_text(i) for i in index]
        return ", ".join(texts)
    if isinstance(index, slice):
        ends = ["" if i is None else argument_text(i) for i in (index.start, index.stop)]
        step = "" if index.step is None else f":{argument_text(index.step)}"
        return f"{ends[0]}:{ends[1]}{step}"
    return "..." if index is Ellipsis else argument_text(index)


def _value(x: Any) -> Any:
    if isinstance(x, tuple | list):
        return type(x)(map(_value, x))
    return x.value if isinstance(x, Written) else x


# -------------------------------------------------------------------------- the trial


def _agrees(code: str, explained: Any) -> bool:
    """Run the code at the recorded inputs and compare with the sweep."""
    names: dict[str, Any] = {}
    exec(compile(code, "<gradient>", "exec"), names)
    values = [explained.vertices[i].value for i in explained.inputs]
    try:
        with np.errstate(all="ignore"):
            value, grads = names["value_and_gradient"](*values)
    except (*_UNWRITABLE, FloatingPointError):
        return False
    wanted = [explained.vertices[explained.result].value]
    wanted += [t.gradient for t in explained.ticks]
    single = any(np.asarray(x).dtype == np.float32 for x in values)
    pairs = zip([value, *grads], wanted, strict=True)
    return all(
        np.shape(a) == np.shape(b)
        and np.allclose(a, b, rtol=1e-4 if single else 1e-9, atol=0.0, equal_nan=True)
        for a, b in pairs
    )


__all__ = ["gradient_code"]
