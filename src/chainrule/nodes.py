"""The node: a value that remembers how it was computed.

``node(2.0)`` is a leaf. Arithmetic, and every function of ``chainrule.operations``,
applied to a node returns a new node that knows its rule, its operands, its parameters
and its serial number. There is no tape and no mode: the nodes are the recording.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import kernels
from chainrule.errors import (
    ArgumentError,
    EscapeError,
    MissingRuleError,
    NotScalarError,
    RecordingError,
    ShapeError,
)
from chainrule.graph import collect, sweep_values
from chainrule.operations_grad import arithmetic, contraction, indexing, structure
from chainrule.rules import (
    elementwise,
    evaluate,
    general,
    linear,
    multilinear,
    raw,
    rule,
    vertex,
)
from chainrule.shapes import describe

Operation = Callable[..., Any]

UFUNCS: dict[Any, Operation] = {}
"""Which operation a NumPy ufunc stands for; filled by ``chainrule.operations``."""

FUNCTIONS: dict[Any, Operation] = {}
"""Which operation any other NumPy function stands for; filled the same way."""

LOCALLY_CONSTANT: set[Any] = set()
"""Functions whose derivative is zero almost everywhere: they return plain values."""

REFUSED: dict[Any, str] = {}
"""Functions that cannot be differentiated, with the reason and what to do instead."""

next_serial = itertools.count(1).__next__
_new = object.__new__
_NONE: Mapping[str, Any] = {}
INPUT: Mapping[str, Any] = {"input": True}
"""The parameters of a node that a transform made of one of its inputs."""

OBJECT_ARRAY_WARNS = 1000
"""From this many elements on, turning a node into an object array warns."""


class node(vertex):
    """A value that remembers how it was computed.

    Parameters
    ----------
    value
        A real or complex number, or anything NumPy makes a numeric array of. It is
        copied. Integers become floats: ``node(3)`` is the float 3.0.
    grad_ops
        An object with ``.vertices`` (the nodes this one was computed from) and
        ``.backward(z_grad)`` (adds to each vertex' ``.grad``): a derivative written by
        hand. ``None`` makes a leaf.

    Attributes
    ----------
    value
        The number or array; arrays are handed out read-only.
    grad
        The derivative of the last ``backward()`` with respect to this node; 0.0 before.
        Leaves accumulate over calls, results hold the last sweep's. Complex gradients
        are conjugated, so that ``x - rate * x.grad`` descends.
    operands, parameters, operation, serial
        What it was computed from, with which parameters, by which operation, and when.

    Examples
    --------
    >>> import chainrule as gd
    >>> x, y = gd.node(2.0), gd.node(3.0)
    >>> z = x * y + x**2
    >>> z.backward()
    >>> x.grad, y.grad
    (7.0, 2.0)
    >>> z
    node(10.0, add)
    """

    __slots__ = (
        "__weakref__",
        "_changed",
        "_grad",
        "_parameters",
        "_step",
        "_value",
        "operands",
        "serial",
    )

    _value: Any
    _step: Any
    operands: tuple[Any, ...]
    serial: int
    __hash__ = object.__hash__
    __array_priority__ = 1000.0

    def __init__(self, value: Any, grad_ops: Any = None) -> None:
        """Make a leaf, or with ``grad_ops`` a vertex with a hand-written derivative."""
        self._value = as_value(value)
        self._step = None
        self.operands = ()
        self.serial = next_serial()
        if grad_ops is not None:
            self.grad_ops = grad_ops

    def __getattr__(self, name: str) -> Any:
        """Supply what most nodes never set; slots are only filled when needed."""
        if name == "_grad":
            return 0.0
        if name == "_parameters":
            return _NONE
        if name == "_changed":
            return None
        raise AttributeError(f"a node has no attribute {name!r}")

    # ------------------------------------------------------------------ the recording

    @property
    def value(self) -> Any:
        """The number or array this node holds; an array is a read-only view."""
        value = self._value
        if type(value) is np.ndarray:
            value = value.view()
            value.flags.writeable = False
        return value

    @value.setter
    def value(self, value: Any) -> None:
        if self._step is not None:
            raise RecordingError(
                f"{self!r} was computed by {self.operation!r}; its value cannot be "
                "assigned. Assign to a leaf, then compute this node again."
            )
        self._value = as_value(value)
        self._changed = next_serial()

    @property
    def changed(self) -> int | None:
        """When the value was last assigned, as a serial number; ``None``: never."""
        return self._changed

    @property
    def grad(self) -> Any:
        """The gradient that the last ``backward()`` left here; 0.0 before any."""
        return self._grad

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._grad = grad

    @property
    def rule(self) -> type[rule] | Any:
        """The rule of the operation that made this node; ``None`` for a leaf."""
        return None if self._step is None else self._step.rule

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The keyword parameters of the operation that made this node."""
        return self._parameters

    @property
    def operation(self) -> str | None:
        """The name of the operation that made this node; ``None`` for a leaf."""
        return None if self._step is None else operation_name(self._step.rule)

    @property
    def grad_ops(self) -> Any:
        """The gradient object of this node: its rule bound to its operands."""
        if self._step is None:
            return None
        if self._step.rule is structure.handwritten_grad:
            return self._parameters["grad_ops"]
        bound = self._step.rule(*self.operands, **self._parameters)
        bound.z = self._value
        return bound

    @grad_ops.setter
    def grad_ops(self, grad_ops: Any) -> None:
        if grad_ops is None:
            self._step, self.operands, self._parameters = None, (), _NONE
            return
        vertices = getattr(grad_ops, "vertices", None)
        if not isinstance(vertices, list | tuple) or not hasattr(grad_ops, "backward"):
            raise ArgumentError(
                f"grad_ops must have .vertices (a list of nodes) and .backward(z_grad); "
                f"received {describe(grad_ops)}."
            )
        for x in vertices:
            if not isinstance(x, node):
                raise ArgumentError(
                    f"grad_ops.vertices must hold nodes; received {describe(x)}. "
                    "Leave constants out of the list."
                )
            if x.serial >= self.serial:
                raise RecordingError(
                    "grad_ops was given a vertex that is newer than this node, so the "
                    "recording would not be ordered. Make the node after its operands: "
                    "gd.node(value, grad_ops=...)."
                )
        if isinstance(grad_ops, rule):
            wanted = tuple(isinstance(x, node) for x in grad_ops.operands)
            self._step = kernels.steps_of(type(grad_ops), wanted)
            self.operands = grad_ops.operands
            self._parameters = grad_ops.parameters
            return
        self._step = structure.handwritten_step
        self.operands = tuple(vertices)
        self._parameters = {"grad_ops": grad_ops}

    def backward(self, z_grad: Any = None) -> None:
        """Sweep the chain rule from this node back to every leaf.

        Sorts the graph (children before parents), then visits each vertex once and adds
        its contributions to its operands' ``grad``.

        Parameters
        ----------
        z_grad
            The gradient of the final quantity with respect to this node, of this
            node's shape; may be left out where this node is a real scalar (1.0).

        Raises
        ------
        NotScalarError
            If this node is not a real scalar and ``z_grad`` is missing.
        ShapeError
            If ``z_grad`` has another shape.
        """
        seed = self._seed(z_grad)
        sorted_vertices, _ = collect([self])
        bars, leaves = sweep_values(sorted_vertices, {self: seed}, keep=True)
        for vertex, grad in bars.items():
            if vertex._step is not None:
                vertex._grad = grad if type(grad) is float else conjugated(grad)
        for leaf in leaves:
            grad = bars[leaf]
            if grad is not None:
                leaf._grad = leaf._grad + conjugated(grad)

    def _seed(self, z_grad: Any) -> Any:
        value = self._value
        if z_grad is not None:
            return conjugated(check_cotangent(z_grad, value, "z_grad"))
        if type(value) is float:
            return 1.0
        if isinstance(value, tuple) or value.size != 1 or value.dtype.kind == "c":
            raise NotScalarError(
                f"backward() needs a real scalar; this node has shape {self.shape} "
                f"and dtype {self.dtype}. Call np.sum(...) first or pass z_grad of "
                f"shape {self.shape}."
            )
        return np.ones_like(value)

    # ------------------------------------------------------------------- as an array

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value; ``()`` for a number."""
        value = self._value
        return () if type(value) is float else value.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.size(self._value))

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype; float64 for a Python float."""
        value = self._value
        return _FLOAT64 if type(value) is float else value.dtype

    def __len__(self) -> int:
        """Return the length of the first axis."""
        if not self.shape:
            raise TypeError("len() of a node that holds a number")
        return self.shape[0]

    def __iter__(self) -> Iterator[node]:
        """Iterate over the first axis, as nodes."""
        if not self.shape:
            raise TypeError(
                f"{self!r} holds a number and cannot be iterated over or unpacked."
            )
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, index: Any) -> Any:
        """Index as NumPy does: basic, with integer arrays, with masks, or mixed."""
        return record(indexing.getitem_grad, (self,), {"index": plain_index(index)})

    def __setitem__(self, index: Any, value: Any) -> None:
        """Refuse: a node is not changed in place."""
        raise EscapeError(
            "A node cannot be assigned to in place: the recording needs the old value. "
            "Build the new array with np.where(mask, new, x), np.concatenate or "
            "np.stack."
        )

    # ---------------------------------------------------------------- as plain Python

    def __repr__(self) -> str:
        """Show the value and the operation it came from."""
        value = self._value
        shown = repr(value) if type(value) is float else np.array2string(
            np.asarray(value), separator=", ", threshold=20
        ) if not isinstance(value, tuple) else repr(value)  # fmt: skip
        suffix = "" if self._step is None else f", {self.operation}"
        return f"node({shown}{suffix})"

    def __format__(self, spec: str) -> str:
        """Format the value; this is for printing and computes nothing."""
        return format(self._value, spec) if spec else repr(self)

    def __bool__(self) -> bool:
        """Return the truth of the value, as NumPy does."""
        return bool(self._value)

    def __float__(self) -> float:
        """Refuse: the number would lose its history."""
        raise _escape(self, "float(x) or math.f(x)")

    def __int__(self) -> int:
        """Refuse: the number would lose its history."""
        raise _escape(self, "int(x)")

    def __index__(self) -> int:
        """Refuse: a node is a float and cannot be an index."""
        raise _escape(self, "using x as an integer")

    def __complex__(self) -> complex:
        """Refuse: the number would lose its history."""
        raise _escape(self, "complex(x)")

    def __round__(self, digits: int = 0) -> Any:
        """Return the rounded plain value: locally constant."""
        return np.round(self._value, digits) if digits else round(self._value)

    def __floor__(self) -> Any:
        """Return the floor of the plain value: locally constant."""
        return self._value.__floor__()

    def __ceil__(self) -> Any:
        """Return the ceiling of the plain value: locally constant."""
        return self._value.__ceil__()

    def __trunc__(self) -> Any:
        """Return the truncated plain value: locally constant."""
        return self._value.__trunc__()

    def __copy__(self) -> node:
        """Copy a leaf; a computed node's copy stays differentiable (an identity)."""
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> node:
        """Copy a leaf; a computed node's copy stays differentiable (an identity)."""
        if self._step is not None or self._parameters is INPUT:
            return record(structure.identity_grad, (self,))
        copied = type(self)(self._value)
        if type(self._grad) is not float:
            copied._grad = np.array(self._grad)
        elif self._grad:
            copied._grad = self._grad
        memo[id(self)] = copied
        return copied

    def __reduce__(self) -> Any:
        """Pickle a leaf by value, a computed node with its whole recording."""
        return _unpickle, _pickled(self)

    # --------------------------------------------------------------- NumPy's protocols

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Return an object array that holds nodes; refuse a numeric dtype."""
        if dtype is not None and np.dtype(dtype) != np.dtype(object):
            raise _escape(self, f"an array of dtype {np.dtype(dtype)} made of x")
        if self.size >= OBJECT_ARRAY_WARNS:
            warnings.warn(
                f"An object array of {self.size} nodes is slow; use np.stack, "
                "np.concatenate or x.reshape, which keep one node.",
                RuntimeWarning,
                stacklevel=2,
            )
        out = np.empty(self.shape, dtype=object)
        if not self.shape:
            out[()] = self
        for index in np.ndindex(self.shape):
            out[index] = self[index] if index else self
        return out

    def __array_ufunc__(
        self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        """Run a NumPy ufunc, or a method of one, as a recorded operation."""
        operation = UFUNCS.get(ufunc)
        if method == "__call__":
            if operation is not None:
                return operation(*inputs, **(call_keywords(kwargs) if kwargs else {}))
            if ufunc in LOCALLY_CONSTANT:
                refuse_out(kwargs)
                return ufunc(*(plain_operand(x) for x in inputs), **kwargs)
        elif (ufunc, method) in FUNCTIONS:
            if method != "outer":
                kwargs = dict(kwargs)
                refuse_out(kwargs)
                kwargs.setdefault("axis", 0)
            return FUNCTIONS[ufunc, method](*inputs, **kwargs)
        name = f"np.{ufunc.__name__}" + (
            "" if method == "__call__" else f".{method}"
        )
        raise missing(name, REFUSED.get(ufunc))

    def __array_function__(
        self, func: Any, types: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Any:
        """Run any other NumPy function as a recorded operation."""
        operation = FUNCTIONS.get(func)
        if operation is not None:
            return operation(*args, **kwargs)
        if func in LOCALLY_CONSTANT:
            refuse_out(kwargs)
            return func(
                *(plain_operand(x) for x in args),
                **{k: plain_operand(x) for k, x in kwargs.items()},
            )
        module = func.__module__.replace("numpy", "np")
        raise missing(f"{module}.{func.__name__}", REFUSED.get(func))


_FLOAT64 = np.dtype(np.float64)


def record(
    operation: type[rule], operands: Sequence[Any], given: Mapping[str, Any] | None = None
) -> Any:
    """Run an operation and return the node that remembers it.

    Where no operand is a node the plain result is returned. Constants are kept as they
    are; an array the derivative will need is copied, so its owner may change it.

    Parameters
    ----------
    operation
        The rule class.
    operands
        Nodes, numbers and arrays (and lists of them).
    given
        The keyword parameters of the operation.
    """
    parameters = _NONE if given is None else given
    made: Any = None
    inside = list(operands)
    values = list(operands)
    wanted: list[bool] = []
    floats = True
    for i, x in enumerate(inside):
        if not isinstance(x, node):
            if type(x) is float or type(x) is int:
                wanted.append(False)
                continue
            inside[i] = values[i] = x = as_operand(x)
            if not isinstance(x, node):
                wanted.append(False)
                floats = False
                continue
        wanted.append(True)
        values[i] = value = x._value
        floats = floats and type(value) is float
        if made is None or made is node:
            made = type(x)
    if made is None:
        return evaluate(operation, values, parameters)
    plan = plan_of(operation, tuple(wanted))
    if operation.refused:
        refuse_operands(operation, inside)
    value = evaluate(operation, values, parameters)
    if type(value) is not np.ndarray or value.dtype.kind not in "fc":
        if floats and isinstance(value, np.float64):
            value = float(value)
        elif floats and isinstance(value, tuple):
            value = tuple(float(v) if type(v) is np.float64 else v for v in value)
        elif operation.outputs == 1 and not is_inexact(value):
            return value
    if not plan.depends and made is node:
        return value
    for i in plan.copied:
        x = inside[i]
        if type(x) is np.ndarray and x.flags.writeable:
            inside[i] = x.copy()
    z = _new(made)
    z._value = value
    z._step = plan.step
    z._parameters = _NONE
    if parameters:
        z._parameters = {k: kept(v) for k, v in parameters.items()}
        if plan.elementwise and parameters.get("where") is not None:
            z._step = reference_of(operation)
    z.operands = tuple(inside)
    z.serial = next_serial()
    return z if operation.outputs == 1 else items_of(z)


class plan_of:
    """How to record a rule for one pattern of nodes and constants; made once.

    Attributes
    ----------
    step
        The step of the plain reverse sweep.
    depends
        Whether the result has a derivative in any of the nodes.
    copied
        Positions of the constants whose values the derivative reads.
    elementwise
        Whether ``where=`` is a mask on the result.
    """

    __slots__ = ("copied", "depends", "elementwise", "step")

    def __new__(cls, operation: type[rule], wanted: tuple[bool, ...]) -> plan_of:
        """Return the plan from the rule's table."""
        plans = operation.__dict__.get("_plans")
        if plans is None:
            plans = {}
            operation._plans = plans  # type: ignore[attr-defined]
        found = plans.get(wanted)
        if found is None:
            found = plans[wanted] = super().__new__(cls)
            found.step = kernels.steps_of(operation, wanted)
            found.depends = _depends(operation, wanted)
            found.elementwise = issubclass(operation, elementwise)
            found.copied = tuple(
                i
                for i, is_node in enumerate(wanted)
                if not is_node and needs_values(operation, wanted, i)
            )
        return found


def items_of(z: node) -> Any:
    """Return one node per result of an operation with several."""
    results = [
        record(structure.item_grad, (z,), {"index": i})
        if is_inexact(v)
        else v
        for i, v in enumerate(z._value)
    ]
    made = type(z._value)
    return made(*results) if hasattr(made, "_fields") else tuple(results)


def is_inexact(x: Any) -> bool:
    """Tell whether a plain value is real or complex floating point."""
    if isinstance(x, np.ndarray | np.generic):
        return x.dtype.kind in "fc"
    return isinstance(x, float | complex)


def reference_of(operation: type[rule]) -> Any:
    """Return the rule's reference step, made once."""
    if "_reference" not in operation.__dict__:
        operation._reference = kernels.reference_of(operation)  # type: ignore
    return operation._reference  # type: ignore[attr-defined]


def _depends(operation: type[rule], wanted: Sequence[bool]) -> bool:
    """Tell whether the result has a derivative in any of the wanted operands."""
    if operation.variadic or not issubclass(operation, elementwise | linear):
        return True
    return any(w and i in operation.parts for i, w in enumerate(wanted))


def needs_values(operation: type[rule], wanted: tuple[bool, ...], i: int) -> bool:
    """Tell whether the derivative in the wanted operands reads operand ``i``."""
    if issubclass(operation, linear) and not issubclass(operation, multilinear):
        return i not in operation.parts and not operation.variadic
    if not issubclass(operation, elementwise):
        return True
    return operation.operand_names[i] in kernels.names_read(operation, wanted)


def kept(x: Any) -> Any:
    """Return a parameter that its owner cannot change: arrays are copied."""
    if type(x) is np.ndarray:
        return x.copy()
    if type(x) is tuple:
        return tuple(kept(v) for v in x)
    return list(map(kept, x)) if type(x) is list else x


# ------------------------------------------------------------------- values coming in


def as_value(value: Any) -> Any:
    """Return what a leaf holds: a float, a complex or inexact array, copied."""
    if type(value) is float:
        return value
    if isinstance(value, node):
        raise ArgumentError(
            f"node() received {value!r}, which is a node already. Use it as it is, or "
            "gd.node(gd.value(x)) for a leaf that forgets its history."
        )
    if isinstance(value, bool | int | np.integer | np.bool_):
        return float(value)
    if isinstance(value, np.inexact):
        return value
    if isinstance(value, complex | float):
        return np.asarray(value)[()] if isinstance(value, complex) else float(value)
    array = numeric_array(value, "node()")
    return array.copy() if array.dtype.kind in "fc" else array.astype(np.float64)


def input_node(x: Any, *, copy: bool, integers: bool) -> node | None:
    """Return a transform's input node for a leaf, ``None`` if it is not inexact.

    A node is wrapped in an identity, so that a sweep can stop at the new one and the
    outer derivative still finds the old one.
    """
    if holds_nodes(x):
        x = stacked(x)
    if isinstance(x, node):
        return record(structure.identity_grad, (x,))
    kind = type(x)
    if kind is not float:
        if isinstance(x, np.ndarray | np.generic):
            inexact = x.dtype.kind in "fc"
            if not inexact and not (integers and x.dtype.kind in "biu"):
                return None
            if not inexact or copy:
                x = as_value(x)
        elif isinstance(x, complex | float) or (integers and isinstance(x, int)):
            x = as_value(x)
        elif isinstance(x, int | str | bytes) or not hasattr(x, "__array__"):
            return None
        else:
            x = as_value(x)
    z = _new(node)
    z._value, z._step, z.operands = x, None, ()
    z._parameters = INPUT
    z.serial = next_serial()
    return z


def numeric_array(value: Any, where: str) -> Any:
    """Return a numeric array of a value, or raise naming what was received."""
    if value is None or isinstance(value, str | bytes | dict | set):
        raise ArgumentError(
            f"{where} needs numbers; received {describe(value)}. Pass a float, an array "
            "or a list of numbers."
        )
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ArgumentError(
            f"{where} needs numbers in a regular array; received {describe(value)}, "
            f"which NumPy refuses ({error}). Make all rows the same length."
        ) from error
    if array.dtype == object:
        raise ArgumentError(
            f"{where} needs numbers; received an array of objects. Use np.stack to "
            "join nodes, or a numeric dtype."
        )
    if array.dtype.kind not in "fcbiu":
        raise ArgumentError(
            f"{where} needs numbers; received {describe(value)} "
            f"(dtype {array.dtype}). Convert it to float first."
        )
    return array


def as_operand(x: Any) -> Any:
    """Return an operand that is no node as a constant, or nodes in a list as a node."""
    kind = type(x)
    if kind is np.ndarray and x.dtype.kind in "fcbiu":
        return x
    if kind is bool or kind is complex or isinstance(x, np.generic):
        return x
    if isinstance(x, np.ndarray) and x.dtype == object:
        x = x.tolist()
    if isinstance(x, list | tuple) and holds_nodes(x):
        return stacked(x)
    if isinstance(x, node | int):
        return x
    return numeric_array(x, "An operation on nodes")


def holds_nodes(x: Any) -> bool:
    """Tell whether nested lists hold a node."""
    if isinstance(x, list | tuple):
        return any(map(holds_nodes, x))
    return isinstance(x, node) or (
        isinstance(x, np.ndarray)
        and x.dtype == object
        and any(isinstance(v, node) for v in x.flat)
    )


def stacked(x: Any) -> Any:
    """Join nested lists of nodes and numbers into one node."""
    if isinstance(x, np.ndarray) and x.dtype == object:
        x = x.tolist()
    if not isinstance(x, list | tuple):
        return x
    parts = [stacked(v) for v in x]
    shapes = {np.shape(raw(p)) for p in parts}
    if len(shapes) > 1:
        raise ShapeError(
            f"A list of nodes needs parts of one shape; received {sorted(shapes)}. "
            "Use np.concatenate, or a container of several nodes."
        )
    return record(STACK[0], parts, {"axis": 0})


STACK: list[type[rule]] = []
"""The rule that joins nodes; set by ``chainrule.operations``."""


def plain_index(index: Any) -> Any:
    """Return an index without nodes; a node in it is an escape."""
    if isinstance(index, tuple):
        return tuple(map(plain_index, index))
    if isinstance(index, node) or holds_nodes(index):
        raise _escape(index, "using x as an index")
    return index


def plain_operand(x: Any) -> Any:
    """Replace nodes, also those inside lists, by their values."""
    if isinstance(x, list | tuple) and holds_nodes(x):
        return type(x)(map(plain_operand, x)) if type(x) in (list, tuple) else x
    if isinstance(x, np.ndarray) and x.dtype == object:
        return np.array([raw(v) for v in x.flat]).reshape(x.shape)
    return raw(x)


def check_cotangent(z_grad: Any, value: Any, name: str) -> Any:
    """Return a seed in the shape and dtype of a value, or raise."""
    if isinstance(z_grad, node):
        given: Any = z_grad
    elif type(z_grad) is float and type(value) is float:
        return z_grad
    else:
        given = numeric_array(z_grad, name)
    if given.shape != np.shape(value):
        raise ShapeError(
            f"{name} has shape {given.shape}, but the value it belongs to has shape "
            f"{np.shape(value)}. Pass an array of shape {np.shape(value)}."
        )
    want = np.asarray(value).dtype
    if given.dtype.kind == "c" and want.kind != "c":
        raise ArgumentError(
            f"{name} is complex, but the value it belongs to is real ({want}). Pass "
            f"{name}.real."
        )
    if isinstance(given, node):
        return given
    return float(given) if type(value) is float else given.astype(want)


def conjugated(grad: Any) -> Any:
    """Conjugate a complex gradient; ``None`` (absent) is 0.0."""
    if grad is None:
        return 0.0
    if type(grad) is float or isinstance(grad, tuple):
        return grad
    return grad.conj() if grad.dtype.kind == "c" else grad


# ------------------------------------------------------------------- refusing clearly


def operation_name(operation: type[rule]) -> str:
    """Return an operation's name: its forward's, or its class's without ``_grad``."""
    name = operation.__name__.removesuffix("_grad")
    return _NAMES.get(name, name)


_NAMES = {
    "addition": "add",
    "subtraction": "subtract",
    "multiplication": "multiply",
    "division": "divide",
}


def missing(name: str, reason: str | None) -> MissingRuleError:
    """Return the error for a function that has no rule."""
    if reason:
        return MissingRuleError(f"{name} cannot be differentiated: {reason}")
    return MissingRuleError(
        f"{name} has no derivative rule, so it was not run on a node. Write it with "
        "functions that have one, declare it with gd.custom_operation(forward, "
        "pullback), or pass gd.value(x) if its result is to be treated as constant."
    )


def refuse_operands(operation: type[rule], operands: Sequence[Any]) -> None:
    """Raise where a node stands in an operand that has no derivative."""
    for name, x in zip(operation.operand_names, operands, strict=False):
        if isinstance(x, node) and name in operation.refused:
            raise missing(
                f"{operation_name(operation)} in its operand {name!r}",
                f"{operation.refused[name]} Pass gd.value({name}) to hold it constant.",
            )


def refuse_out(kwargs: Mapping[str, Any]) -> None:
    """Raise where a result is to be written into an array: it would lose its history."""
    if kwargs.get("out") is not None:
        raise EscapeError(
            "out= would write a node's result into a plain array, which cannot remember "
            "how it was computed. Leave out= away and use the returned node."
        )


def call_keywords(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ufunc call's keywords without those at their defaults."""
    refuse_out(kwargs)
    for name, value in kwargs.items():
        if name in ("where", "out") or value is _UFUNC_DEFAULTS.get(name, _NONE):
            continue
        raise ArgumentError(
            f"The keyword {name}={value!r} of a NumPy ufunc is not supported on nodes. "
            "Leave it away; use x.astype(dtype) to change a dtype."
        )
    where = kwargs.get("where")
    return {} if where is None or where is True else {"where": plain_operand(where)}


_UFUNC_DEFAULTS: Mapping[str, Any] = {"dtype": None, "subok": True, "casting": "same_kind"}


def _escape(x: Any, what: str) -> EscapeError:
    return EscapeError(
        f"{what} would turn {x!r} into a plain value and lose its derivative. Use the "
        "functions of NumPy or chainrule on the node itself (np.sin(x), np.stack, "
        "np.zeros_like(x)), or gd.value(x) if it is to be treated as constant."
    )


# -------------------------------------------------------------------------- pickling


def _pickled(root: node) -> tuple[Any, ...]:
    """Flatten a recording into leaves and rows, oldest first, without recursion."""
    order, _ = collect([root])
    order.reverse()
    if any(v._parameters is INPUT for v in order):
        raise _escape(root, "pickling a node inside a function being differentiated")
    place = {v: i for i, v in enumerate(order)}
    rows: list[Any] = []
    for v in order:
        if v is root and v._step is None:
            rows.append((v._value, v._grad))
        elif v._step is None:
            rows.append(v)
        else:
            links = [
                (True, place[x]) if isinstance(x, node) else (False, x)
                for x in v.operands
            ]
            rows.append((v._step.rule, v._value, v._grad, dict(v._parameters), links))
    return type(root), rows


def _unpickle(made: type[node], rows: Sequence[Any]) -> node:
    built: list[node] = []
    for row in rows:
        if isinstance(row, node):
            built.append(row)
            continue
        z = _new(made)
        z.serial = next_serial()
        if len(row) == 2:
            z._value, z._grad = row
            z._step, z.operands = None, ()
        else:
            operation, z._value, z._grad, z._parameters, links = row
            z.operands = tuple(built[x] if linked else x for linked, x in links)
            wanted = tuple(linked for linked, _ in links)
            hand = operation is structure.handwritten_grad
            z._step = (
                structure.handwritten_step
                if hand
                else kernels.steps_of(operation, wanted)
            )
        built.append(z)
    return built[-1]


# ------------------------------------------------------------------------- operators


def operator(operation: type[rule], name: str) -> Operation:
    """Return a function of operands for a rule: generated where floats have a form."""
    names = {
        "node": node, "record": record, "new": _new, "next_serial": next_serial,
        "NONE": _NONE,
    }  # fmt: skip
    made = kernels.scalar_operator(operation, name, names)
    if made is not None:
        return made

    def recorded(*operands: Any, where: Any = None) -> Any:
        return record(operation, operands, None if where is None else {"where": where})

    recorded.__name__ = name
    return recorded


def _reflected(function: Operation) -> Operation:
    def reflected(x: Any, y: Any) -> Any:
        return function(y, x)

    return reflected


def _compared(name: str) -> Operation:
    ufunc = getattr(np, name)

    def compare(x: node, y: Any) -> Any:
        if y is None or isinstance(y, str):
            return NotImplemented
        return ufunc(x._value, plain_operand(y))

    compare.__name__ = name
    return compare


def _floor_divide(x: Any, y: Any) -> Any:
    """Return the floor of the quotient, a plain value: locally constant."""
    return np.floor_divide(plain_operand(x), plain_operand(y))


def _divmod(x: Any, y: Any) -> Any:
    """Return quotient (plain, locally constant) and remainder (a node)."""
    return _floor_divide(x, y), OPERATORS["mod"](x, y)


OPERATORS: dict[str, Operation] = {}
"""The functions behind the operators, by operator name."""

for _name, _rule, _function in [
    ("add", arithmetic.addition_grad, "add"),
    ("sub", arithmetic.subtraction_grad, "subtract"),
    ("mul", arithmetic.multiplication_grad, "multiply"),
    ("truediv", arithmetic.division_grad, "divide"),
    ("pow", arithmetic.power_grad, "power"),
    ("mod", arithmetic.remainder_grad, "remainder"),
    ("matmul", contraction.matmul_grad, "matmul"),
]:
    _op = OPERATORS[_name] = operator(_rule, _function)
    setattr(node, f"__{_name}__", _op)
    setattr(node, f"__r{_name}__", _reflected(_op))
for _name, _rule, _function in [
    ("neg", arithmetic.negative_grad, "negative"),
    ("pos", arithmetic.positive_grad, "positive"),
    ("abs", arithmetic.absolute_grad, "absolute"),
]:
    _op = OPERATORS[_name] = operator(_rule, _function)
    setattr(node, f"__{_name}__", _op)
for _name, _function in [
    ("lt", "less"), ("le", "less_equal"), ("gt", "greater"),
    ("ge", "greater_equal"), ("eq", "equal"), ("ne", "not_equal"),
]:  # fmt: skip
    setattr(node, f"__{_name}__", _compared(_function))
setattr(node, "__floordiv__", _floor_divide)
setattr(node, "__rfloordiv__", _reflected(_floor_divide))
setattr(node, "__divmod__", _divmod)
setattr(node, "__rdivmod__", _reflected(_divmod))
