"""The gradient as NumPy code: one straight line forward, one straight line back.

Each rule is run on values that also carry their text, so the code comes from the same
declarations as every sweep. The code is run once before it is handed out, and only
handed out if it gives the gradient that the sweep gave.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explainer.account.account import Account
from chainrule.explainer.account.sweep import SweepStep
from chainrule.explainer.account.views import VertexView
from chainrule.explainer.page.written import (
    Argument,
    UnwritableError,
    Written,
    argument_text,
    as_written,
    call_of,
    fitted,
    written_numpy,
)
from chainrule.operations_grad.structure import identity_grad
from chainrule.rules import elementwise, general, linear
from chainrule.rules.symbolic import Formula
from chainrule.values.vertices import ARITHMETIC_ERRORS

LONGEST = 400
"""Recordings with more operations are not written out."""

_UNWRITABLE = (
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    *ARITHMETIC_ERRORS,
)
_ABOUT = '''\
    """Return the value and the gradients, along the path that was recorded."""
'''
_LIBRARY = re.compile(r"(?<![\w.])(scipy(?:\.[a-z]\w*)*)\.\w+\(")
_PLACED = '''

def _placed(part, shape, index):
    """Return zeros of a shape with a part of it filled in."""
    whole = np.zeros(shape)
    whole[index] = part
    return whole
'''

_ADDED = '''

def _added(part, shape, index):
    """Return zeros of a shape with parts added to the entries that an index picks."""
    whole = np.zeros(shape)
    np.add.at(whole, index, part)
    return whole
'''

_REPLACED = '''

def _replaced(x, y, index):
    """Return a copy of an array with y in the place of a part of it."""
    x = np.array(x)
    x[index] = y
    return x
'''


def gradient_code(explained: Account) -> str:
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
    if explained.mode != "reverse" or not explained.steps:
        raise ArgumentError("There is no backward sweep here to write as code.")
    if sum(v.used for v in explained.vertices) > LONGEST:
        raise ArgumentError(f"Code of more than {LONGEST} operations is not written.")
    # As the library itself: short first, careful where a nan makes it needed.
    for careful in range(3):
        code = _GradientCode(explained, as_numpy=careful > 0, masked=careful > 1)
        try:
            text = code.text()
        except ArgumentError:
            if careful == 2:
                raise
            continue
        if _agrees(text, explained):
            return text
    raise ArgumentError("The code of this gradient does not reproduce it.")


class _GradientCode:
    """The code of one gradient.

    ``as_numpy`` turns the inputs into NumPy's numbers, which divide by zero; ``masked``
    carries along where a cotangent is not structurally zero.
    """

    def __init__(self, explained: Account, *, as_numpy: bool, masked: bool) -> None:
        self.explained = explained
        self.as_numpy = as_numpy
        self.masked = masked
        self.taken = {"np", "value_and_gradient", "_placed", "_added", "_replaced"}
        self.names: dict[int, str] = {}
        self.grads: dict[int, Written | None] = {}
        self.masks: dict[int, Written | None] = {}

    def text(self) -> str:
        """Return the module."""
        e = self.explained
        inputs = [self._named(i) for i in e.inputs]
        lines = [f"{n} = np.asarray({n})[()]" for n in inputs if self.as_numpy]
        for v in e.vertices:
            if v.used and v.index not in e.inputs:
                lines.append(self._forward(v))
        lines += ["", "# backward", *self._seed()]
        for s in e.steps:
            lines += self._backward(s)
        grads = ", ".join(self._returned(i) for i in e.inputs)
        comma = "," if len(e.inputs) == 1 else ""
        lines.append(f"return {self.names[e.result or 0]}, ({grads}{comma})")
        if self.masked:
            lines = ["with np.errstate(all='ignore'):", *[f"    {x}" for x in lines]]
        body = "\n".join(f"    {x}".rstrip() for x in ["# forward", *lines])
        helper = _PLACED if "_placed(" in body else ""
        helper += _ADDED if "_added(" in body else ""
        helper += _REPLACED if "_replaced(" in body else ""
        libraries = sorted({f"import {name}\n" for name in _LIBRARY.findall(body)})
        return (
            f"import numpy as np\n{''.join(libraries)}{helper}\n\n"
            f"def value_and_gradient({', '.join(inputs)}):\n{_ABOUT}{body}\n"
        )

    def _returned(self, i: int) -> str:
        shape = np.shape(self.explained.vertices[i].value)
        if i in self.grads:
            return f"{self.names[i]}_grad"
        return f"np.zeros({shape})" if shape else "0.0"

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

    def _operands(self, v: VertexView) -> list[Any]:
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

    def _forward(self, v: VertexView) -> str:
        name = self._named(v.index)
        if v.rule is None:
            return f"{name} = {argument_text(v.value)}"
        try:
            with np.errstate(all="ignore"):
                text = argument_text(call_of(v.rule, self._operands(v), v.parameters))
        except _UNWRITABLE as error:
            raise _unwritable(v, error) from error
        where = f"  # line {v.location.line}" if v.location else ""
        return f"{name} = {text}{where}"

    # ----------------------------------------------------------------------- backward

    def _seed(self) -> list[str]:
        result = self.explained.result or 0
        shape = np.shape(self.explained.vertices[result].value)
        self.masks[result] = self.grads[result] = None
        one = f"np.ones({shape})" if shape else "1.0"
        return [f"{self._named(result)}_grad = {one}"]

    def _backward(self, s: SweepStep) -> list[str]:
        v = self.explained.vertices[s.vertex]
        if v.index not in self.grads:
            return []
        grad = self._cotangent(v.index, s.incoming)
        wanted = [i for i, x in enumerate(v.operands) if x.index is not None]
        lines: list[str] = []
        try:
            with np.errstate(all="ignore"):
                for i, part, mask in self._parts(v, grad, wanted):
                    target = v.operands[i].index or 0
                    lines += self._add(target, part, mask)
        except _UNWRITABLE as error:
            raise _unwritable(v, error) from error
        return lines

    def _cotangent(self, i: int, value: Argument) -> Written:
        if self.as_numpy and type(value) is float:
            value = np.float64(value)
        return Written(Formula(f"{self._named(i)}_grad"), value)

    def _parts(
        self, v: VertexView, grad: Written, wanted: Sequence[int]
    ) -> Iterator[tuple[int, Written, Written | None]]:
        """Yield the contributions: position, text, and mask of each."""
        if v.rule is identity_grad:
            yield 0, grad, self.masks[v.index]
        elif issubclass(v.rule, elementwise):
            yield from self._products(v, grad, wanted)
        else:
            parts = self._cotangents(v, grad, wanted)
            for i in wanted:
                if parts[i] is not None:
                    yield i, parts[i], None

    def _products(
        self, v: VertexView, grad: Written, wanted: Sequence[int]
    ) -> Iterator[tuple[int, Written, Written | None]]:
        """Yield what an elementwise rule passes on: cotangent times partial."""
        parameters = dict(v.parameters)
        if parameters.pop("where", None) not in (None, True):
            raise UnwritableError("it is called with where=")
        z, operands = self._variable(v.index), self._operands(v)
        for i in wanted:
            if i not in v.rule.parts:
                continue
            mask = self.masks[v.index]
            partial = v.rule.parts[i](written_numpy, z, *operands, **parameters)
            if isinstance(partial, bool | np.bool_):
                if partial:
                    yield i, grad, mask
                continue
            if self.masked and v.rule.structural:
                taken = written_numpy.not_equal(as_written(partial), 0)
                mask = taken if mask is None else written_numpy.logical_and(mask, taken)
            if type(partial) is int and abs(partial) == 1:
                part = grad if partial == 1 else -grad
            else:
                part = grad * as_written(partial)
            if mask is not None:
                part = written_numpy.where(mask, part, 0.0)
            yield i, part, mask

    def _cotangents(self, v: VertexView, grad: Written, wanted: Sequence[int]) -> Any:
        """Return what a linear or general rule passes on, by position."""
        rule, operands = v.rule, self._operands(v)
        if issubclass(rule, linear):
            apply = rule.apply_transpose
            return {
                i: apply(written_numpy, i, grad, operands, v.parameters) for i in wanted
            }
        if issubclass(rule, general):
            z = self._variable(v.index)
            parts = rule.pullback(written_numpy, grad, z, *operands, **v.parameters)
            found = {i: parts[i] for i in wanted}
            return {i: part() if callable(part) else part for i, part in found.items()}
        raise UnwritableError("its derivative is written by hand")

    def _add(self, target: int, part: Written, mask: Written | None) -> list[str]:
        """Write a contribution into the running sum of one operand."""
        name = self._named(target)
        shape = np.shape(self.explained.vertices[target].value)
        part = fitted(part, shape, written_numpy.sum)
        before = self.grads.get(target)
        total = part if before is None else before + part
        lines = [f"{name}_grad = {total.text}"]
        self.grads[target] = self._cotangent(target, total.value)
        if before is not None:
            other = self.masks[target]
            both = mask is not None and other is not None
            mask = written_numpy.logical_or(other, mask) if both else None
        self.masks[target] = None
        if mask is not None:
            mask = fitted(mask, shape, written_numpy.any)
            lines.append(f"{name}_on = {mask.text}")
            self.masks[target] = Written(Formula(f"{name}_on"), mask.value)
        return lines


def _unwritable(v: VertexView, error: Exception) -> ArgumentError:
    of_ours = f": {error}" if isinstance(error, UnwritableError) else ""
    return ArgumentError(
        f"{v.name} = {v.operation}(...) cannot be written as NumPy code{of_ours}."
    )


def _agrees(code: str, explained: Account) -> bool:
    """Run the code at the recorded inputs and compare with the sweep."""
    names: dict[str, Any] = {}
    exec(compile(code, "<gradient>", "exec"), names)
    values = [explained.vertices[i].value for i in explained.inputs]
    try:
        with np.errstate(all="ignore"):
            value, grads = names["value_and_gradient"](*values)
    except _UNWRITABLE:
        return False
    wanted = [explained.vertices[explained.result or 0].value]
    wanted += [t.gradient for t in explained.ticks]
    single = any(np.asarray(x).dtype == np.float32 for x in values)
    pairs = zip([value, *grads], wanted, strict=True)
    return all(
        np.shape(a) == np.shape(b)
        and np.allclose(a, b, rtol=1e-4 if single else 1e-9, atol=0.0, equal_nan=True)
        for a, b in pairs
    )


__all__ = ["gradient_code"]
