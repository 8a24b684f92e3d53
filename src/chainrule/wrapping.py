"""Wrapping: from a rule to a function of nodes that NumPy's own function calls.

``operation(sin_grad, np.sin)`` makes the wrapped function and enters it in the tables
that ``node.__array_ufunc__`` and ``node.__array_function__`` look in. ``implements``
does the same for a function composed of others.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import (
    holds_nodes,
    missing,
    operation_name,
    plain_operand,
)
from chainrule.nodes.node_class import node
from chainrule.nodes.operators import operator, record_masked
from chainrule.nodes.out import taking_out, write_result
from chainrule.nodes.products import is_product, product
from chainrule.nodes.recorder import record
from chainrule.nodes.tables import FUNCTIONS, UFUNCS, WRAPPED
from chainrule.rules import declare, elementwise, rule
from chainrule.rules.named_functions import imported, named_function
from chainrule.rules.registry import is_again, serve_by
from chainrule.values.shapes import kind_of
from chainrule.values.types import Operation

_NO_VALUE = np._NoValue  # type: ignore[attr-defined]
Served = Operation | tuple[np.ufunc, str]
"""A function of NumPy's, or a method of a ufunc (``(np.add, "reduce")``)."""


def operation(
    rule_class: type[rule],
    *served: Served,
    method: str | None = None,
) -> Operation:
    """Make the wrapped function of a rule and say which functions it stands for.

    Parameters
    ----------
    rule_class
        The rule. Its operands come first, then its parameters, in NumPy's order.
    served
        NumPy functions whose calls on nodes are this operation; the first gives the
        order of positional parameters.
    method
        The name of a node method that is this operation with the node first.

    Examples
    --------
    ``sin = operation(sin_grad, np.sin)`` made ``gd.sin``, and serves ``np.sin``:

    >>> import chainrule as gd, numpy as np
    >>> gd.sin.rule.__name__, np.sin(gd.node(0.0)), gd.grad(gd.sin)(0.0)
    ('sin_grad', node(0.0, sin), 1.0)
    """
    model = served[0] if served else rule_class.forward
    if isinstance(model, np.ufunc) or (
        isinstance(model, named_function) and issubclass(rule_class, elementwise)
    ):
        function = operator(rule_class, _name_of(rule_class, model), masked=True)
    else:
        function = _wrapped(rule_class, model)
    _named(function, _name_of(rule_class, model), rule_class)
    function.rule = rule_class  # type: ignore[attr-defined]
    serve_by(rule_class, *served)
    serve(function, *served, *_taken_over(rule_class), method=method)
    WRAPPED.setdefault(rule_class, function)
    return function


def _name_of(rule_class: type[rule], model: Any) -> str:
    """Return a function's name: its model's, or its rule's where that has none."""
    name = getattr(model, "__name__", "")
    if model is rule_class.forward and rule_class.forward_name:
        name = rule_class.forward_name.rpartition(":")[2]
    return name if name.isidentifier() else operation_name(rule_class)


def _taken_over(rule_class: type[rule]) -> list[np.ufunc]:
    """Return the ufunc whose calls were those of this rule's earlier declaration."""
    f = rule_class.forward
    known: Any = UFUNCS.get(f) if isinstance(f, np.ufunc) else None
    return [f] if is_again(rule_class, getattr(known, "rule", rule_class)) else []


def constant(rule_class: type[rule]) -> Operation:
    """Make the function of a locally constant rule: its results are plain values."""

    def function(*operands: Any, **parameters: Any) -> Any:
        return rule_class.forward(*map(plain_operand, operands), **parameters)

    return _named(function, rule_class.forward.__name__, rule_class)


def _named(function: Operation, name: str, rule_class: type[rule]) -> Operation:
    """Name a function and tell its rule.

    It is one of ``chainrule.operations``, or of its rule's module: there it is pickled,
    so its variable has to have its name.
    """
    home = rule_class.__module__
    function.__name__ = function.__qualname__ = name
    function.__module__ = (
        "chainrule.operations" if home.startswith("chainrule.operations_grad") else home
    )
    function.__doc__ = f"{rule_class.__doc__}\n\nSee ``{rule_class.__name__}``."
    return function


def serve(
    function: Operation,
    *served: Served,
    method: str | None = None,
) -> Operation:
    """Let a function stand for NumPy functions, and for a method of nodes."""
    for f in served:
        (UFUNCS if isinstance(f, np.ufunc) else FUNCTIONS)[f] = function
        if isinstance(f, np.ufunc) and f.nin == 1 and is_numpys(f):
            # What NumPy calls on the elements of an object array: np.sin -> x.sin().
            setattr(node, f.__name__, function)
    if method is not None:
        setattr(node, method, function)
    return function


def is_numpys(ufunc: np.ufunc) -> bool:
    """Tell whether a ufunc is NumPy's function of its name."""
    return getattr(np, ufunc.__name__, None) is ufunc


def implements(
    *served: Served, method: str | None = None, **known: Any
) -> Callable[..., Operation]:
    """Decorate a function composed of operations that stands for a NumPy function.

    What is ``known`` of it are traits, as a rule declares them.

    Examples
    --------
    The function under ``@implements(np.ptp)`` is called where ``np.ptp`` is on a node:

    >>> import chainrule as gd, numpy as np
    >>> gd.grad(np.ptp)(np.array([1.0, 5.0, 2.0]))
    array([-1.,  1.,  0.])
    """
    if known:
        declare(*served, **known)
    first: Any = served[0]
    model: Any = getattr(*first) if isinstance(first, tuple) else first  # pyright: ignore

    def decorate(function: Operation) -> Operation:
        return serve(taking_out(function, model), *served, method=method)

    return decorate


def _wrapped(rule_class: type[rule], model: Any) -> Operation:
    """Return a function that sorts its arguments into operands and parameters."""
    count = 1 if rule_class.variadic else len(rule_class.operand_names)
    of_two = None
    if is_product(rule_class):
        of_two = product(rule_class, _name_of(rule_class, model), record_masked)

    def function(*args: Any, **kwargs: Any) -> Any:
        if of_two is not None and len(args) == 2 and not kwargs:
            return of_two(*args)
        if len(args) != count or (kwargs and not _are_parameters(rule_class, kwargs)):
            args, kwargs = bind(rule_class, model, count, args, kwargs)
            if "out" in kwargs:
                out, given = kwargs["out"], dict(kwargs)
                del given["out"]
                return write_result(out, model, args, given)
        return record(rule_class, args[0] if rule_class.variadic else args, kwargs)

    return function


def _are_parameters(rule_class: type[rule], given: Mapping[str, Any]) -> bool:
    """Tell whether keywords are parameters of a rule, each a number or a name."""
    known = _signatures.get(rule_class)
    return (
        known is not None
        and all(map(known[1].__contains__, given))
        and all(map(_is_simple, given.values()))
    )


def bind(
    rule_class: type[rule],
    model: Operation,
    count: int,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Sort a call's arguments into operands and parameters, as NumPy names them."""
    names, allowed = _signature(rule_class, model)
    simple = _simple_parameters(names, allowed, args[count:], kwargs, count)
    if simple is not None and len(args) >= count:
        return tuple(args[:count]), simple
    if len(args) > len(names):
        raise ArgumentError(
            f"{model.__name__}() takes {len(names)} arguments ({', '.join(names)}); "
            f"received {len(args)}."
        )
    arguments = dict(zip(names, args, strict=False))
    if twice := arguments.keys() & kwargs:
        raise ArgumentError(
            f"{model.__name__}() received {min(twice)!r} twice, by position and by "
            "keyword. Give it once."
        )
    arguments.update(kwargs)
    out = arguments.pop("out", None)
    operands: list[Any] = []
    for own, theirs in zip(
        rule_class.operand_names or names, names[:count], strict=False
    ):
        if theirs not in arguments and own not in arguments:
            raise ArgumentError(
                f"{model.__name__}() needs its operand {theirs!r}; received "
                f"{', '.join(arguments) or 'nothing'}."
            )
        operands.append(arguments.pop(theirs if theirs in arguments else own))
    parameters = _parameters(model, arguments, allowed)
    if out is not None:
        parameters["out"] = out
    return tuple(operands), parameters


def _simple_parameters(
    names: Sequence[str],
    allowed: Sequence[str],
    rest: Sequence[Any],
    kwargs: Mapping[str, Any],
    count: int,
) -> dict[str, Any] | None:
    """Return the parameters of a call where all are numbers and names that it knows.

    ``None`` for what it does not know, ``out=None``, is nothing.
    """
    given = kwargs
    if rest:
        given = {**dict(zip(names[count:], rest, strict=False)), **kwargs}
        if len(given) < len(rest) + len(kwargs):
            return None
    simple: dict[str, Any] = {}
    for k, v in given.items():
        if k in allowed and _is_simple(v):
            simple[k] = v
        elif v is not None or k in allowed:
            return None
    return simple


def _is_simple(x: Any) -> bool:
    """Tell whether a parameter is a number, a name or a slice, or a tuple of them."""
    kind = x.__class__
    if kind is slice:
        return _SIMPLE.issuperset(map(kind_of, (x.start, x.stop, x.step)))
    if kind is not tuple:
        return kind in _SIMPLE
    return _SIMPLE.issuperset(map(kind_of, x)) or all(map(_is_simple, x))


def _parameters(
    model: Operation, arguments: Mapping[str, Any], allowed: Sequence[str]
) -> dict[str, Any]:
    """Return the parameters among a call's arguments, or raise for those of no rule."""
    parameters: dict[str, Any] = {}
    for k, v in arguments.items():
        if v is _NO_VALUE or (v is None and k not in allowed):
            continue
        plain = plain_operand(v)
        if k not in allowed:
            raise ArgumentError(
                f"{model.__name__}() on nodes does not support {k}={plain!r}; "
                f"it supports {', '.join(allowed) or 'none'}."
            )
        if k != "where" and holds_nodes(v):
            raise missing(
                f"{model.__name__} in its parameter {k!r}",
                f"It is not an operand. Pass gd.value({k}) to hold it constant.",
            )
        parameters[k] = plain
    return parameters


_SIMPLE = frozenset((int, float, bool, str, type(None), type(...)))
_signatures: dict[type[rule], tuple[tuple[str, ...], tuple[str, ...]]] = {}


def _signature(rule_class: type[rule], model: Operation) -> tuple[Any, Any]:
    """Return the model's parameter names and the parameters that the rule takes."""
    signature = _signatures.get(rule_class)
    if signature is None:
        names = tuple(
            p.name
            for p in inspect.signature(imported(model)).parameters.values()
            if p.kind is not p.VAR_POSITIONAL
        )
        if rule_class.variadic and model is rule_class.forward:
            names = ("operands", *names)
        methods = [*rule_class.parts.values()]
        if rule_class._main and hasattr(rule_class, rule_class._main):
            methods.append(getattr(rule_class, rule_class._main))
        allowed = dict.fromkeys(
            p.name
            for m in methods
            for p in inspect.signature(m).parameters.values()
            if p.kind is p.KEYWORD_ONLY
        )
        signature = _signatures[rule_class] = (names, tuple(allowed))
    return signature
