"""The node: a value that remembers how it was computed.

``node(2.0)`` is a leaf. Arithmetic, and every function of ``chainrule.operations``,
applied to a node returns a new node that knows its rule, its operands, its parameters
and its serial number. There is no tape and no mode: the nodes are the recording.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from chainrule.errors import NotScalarError, RecordingError
from chainrule.nodes.admission import (
    NONE,
    as_value,
    check_cotangent,
    escape,
    kept,
    object_array,
    operation_name,
    parameters_of,
    vertices_of,
)
from chainrule.nodes.beside_scipy import asked_by_sparse, one_object, refuse_solvers
from chainrule.nodes.dispatch import array_function, array_ufunc
from chainrule.nodes.pickling import flattened, is_input, rebuilt
from chainrule.nodes.reads import read
from chainrule.nodes.recorder import next_serial, plan_of, record
from chainrule.operations_grad import structure
from chainrule.rules import rule
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import conjugated, sweep_values
from chainrule.values.containers import declare_value
from chainrule.values.foreign import is_foreign, refuse_branch
from chainrule.values.foreign import shown as described
from chainrule.values.shapes import ARRAYS, TUPLE, Length, ndarray
from chainrule.values.versions import resolved
from chainrule.values.vertices import ASSIGNED, GRADIENTS, stand_in, vertex

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
    name
        What explanations call this leaf.

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
        "_grad",
        "_memory",
        "_parameters",
        "_step",
        "_value",
        "operands",
        "serial",
    )

    if TYPE_CHECKING:
        # A class that really had one would read its slots more slowly.
        def __getattr__(self, name: str) -> Any: ...

    _value: Any
    _step: Any
    operands: tuple[Any, ...]
    serial: int
    # Left operands of other libraries give way: NumPy's and SciPy's, then pandas'.
    __array_priority__: float = 1000.0
    __pandas_priority__: int = 5000

    def __init__(
        self, value: Any, grad_ops: Any = None, *, name: str | None = None
    ) -> None:
        """Make a leaf, or with ``grad_ops`` a vertex with a hand-written derivative."""
        self._value = as_value(value)
        self._step = None
        self.operands = ()
        self.serial = next_serial()
        if name is not None:
            self._parameters = {"name": name}
        if grad_ops is not None:
            self.grad_ops = grad_ops

    # ------------------------------------------------------------------ the recording

    @property
    def value(self) -> Any:
        """The number or array this node holds; an array is a read-only view."""
        value = self._value
        if type(value) is ndarray:
            value = value.view()
            value.flags.writeable = False
        return value.guarded() if isinstance(value, stand_in) else value

    @value.setter
    def value(self, value: Any) -> None:
        if self._step is not None:
            raise RecordingError(
                f"{self!r} was computed by {self.operation!r}; its value cannot be "
                "assigned. Assign to a leaf, then compute this node again."
            )
        self._value = as_value(value)
        serial = ASSIGNED.count = next_serial()
        self._parameters = {**self.parameters, "changed": serial}

    @property
    def changed(self) -> int | None:
        """When the value was last assigned, as a serial number; ``None``: never."""
        return None if self._step else self.parameters.get("changed")

    @property
    def grad(self) -> Any:
        """What calls of ``backward()`` have added up here; 0.0 before any.

        It starts again from 0.0 or ``None``, whichever it is set to.
        """
        try:
            return self._grad
        except AttributeError:
            return 0.0

    @grad.setter
    def grad(self, grad: Any) -> None:
        self._grad = 0.0 if grad is None else grad
        GRADIENTS.count += 1

    @property
    def rule(self) -> type[rule] | Any:
        """The rule of the operation that made this node; ``None`` for a leaf."""
        return None if self._step is None else self._step.rule

    parameters: Any = property(parameters_of)

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
            return self.parameters["grad_ops"]
        bound = self._step.rule(*resolved(self), **self.parameters)
        bound.z = self._value
        return bound

    @grad_ops.setter
    def grad_ops(self, grad_ops: Any) -> None:
        if grad_ops is None:
            self._step, self.operands, self._parameters = None, (), NONE
            return
        vertices = vertices_of(grad_ops, self.serial)
        if isinstance(grad_ops, rule):
            wanted = tuple(isinstance(x, node) for x in grad_ops.operands)
            plan = plan_of(type(grad_ops), wanted)
            self._step = plan.step_for(grad_ops.parameters)
            self.operands = grad_ops.operands
            self._parameters = grad_ops.parameters
            return
        self._step = structure.handwritten_step
        self.operands = vertices
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

        Notes
        -----
        Threads may sweep graphs of their own at the same time. Sweeps that share a leaf
        add to the same ``.grad``: use ``gd.grad`` there, which writes to no node.
        """
        seed = self._seed(z_grad)
        bars, leaves = sweep_values(collect([self]), {self: seed}, keep=True)
        for leaf in leaves:
            grad = bars[leaf]
            if grad is not None:
                leaf._grad = leaf.grad + conjugated(grad)

    def _seed(self, z_grad: Any) -> Any:
        value = self._value
        if z_grad is not None:
            return conjugated(check_cotangent(z_grad, value, "z_grad"))
        if type(value) is float:
            return 1.0
        if isinstance(value, TUPLE) or value.size != 1 or value.dtype.kind == "c":
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
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype; float64 for a Python float."""
        value = self._value
        return _FLOAT64 if type(value) is float else value.dtype

    if TYPE_CHECKING:

        def __len__(self) -> int: ...
    else:
        __len__ = Length()

    def __iter__(self) -> Iterator[node]:
        """Iterate over the first axis, as nodes."""
        if not self.shape:
            raise TypeError(
                f"{self!r} holds a number and cannot be iterated over or unpacked."
            )
        return (self[i] for i in range(self.shape[0]))

    __getitem__: Callable[..., Any] = read

    # ---------------------------------------------------------------- as plain Python

    def __repr__(self) -> str:
        """Show the value and the operation it came from."""
        value = self._value
        if isinstance(value, ARRAYS):
            shown = np.array2string(np.asarray(value), separator=", ", threshold=20)
        else:
            shown = described(value) if is_foreign(value) else repr(value)
        suffix = "" if self._step is None else f", {self.operation}"
        return f"node({shown}{suffix})"

    def __format__(self, spec: str) -> str:
        """Format the value; this is for printing and computes nothing."""
        return format(self._value, spec) if spec else repr(self)

    def __bool__(self) -> bool:
        """Return the truth of the value, as NumPy does; of a lazy one there is none."""
        refuse_branch(self._value)
        return bool(self._value)

    def __float__(self) -> float:
        """Refuse: the number would lose its history."""
        raise escape(self, "float(x) or math.f(x)")

    def __int__(self) -> int:
        """Refuse: the number would lose its history."""
        raise escape(self, "int(x)")

    def __index__(self) -> int:
        """Refuse: a node is a float and cannot be an index."""
        raise escape(self, "using x as an integer")

    def __complex__(self) -> complex:
        """Refuse: the number would lose its history."""
        raise escape(self, "complex(x)")

    def __round__(self, digits: int = 0) -> Any:
        """Return the rounded plain value: locally constant."""
        return _round(self._value, digits) if digits else round(self._value)

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
        if self._step is not None or is_input(self):
            return record(structure.identity_grad, (self,))
        copied = type(self)(self._value)
        copied._grad = kept(self.grad)
        memo[id(self)] = copied
        return copied

    def __reduce__(self) -> Any:
        """Pickle a leaf by value, a computed node with its whole recording."""
        return rebuilt, flattened(self)

    # --------------------------------------------------------------- NumPy's protocols

    def __array__(self, dtype: DTypeLike | None = None, copy: Any = None) -> Any:
        """Return an object array that holds nodes; refuse a numeric dtype.

        Where it stands for the node itself, as in ``np.asarray(x)``, and is no copy, it
        cannot be written: the node would not change.
        """
        if asked_by_sparse():
            return one_object()
        refuse_solvers(self, 2)
        if dtype is not None and np.dtype(dtype) != np.dtype(object):
            raise escape(self, f"an array of dtype {np.dtype(dtype)} made of x")
        if self.size >= OBJECT_ARRAY_WARNS:
            warnings.warn(
                f"An object array of {self.size} nodes is slow; use np.stack, "
                "np.concatenate or x.reshape, which keep one node.",
                RuntimeWarning,
                stacklevel=2,
            )
        out = object_array(self)
        out.flags.writeable = bool(copy)
        return out

    __array_ufunc__: Callable[..., Any] = array_ufunc
    __array_function__: Callable[..., Any] = array_function


node._like = node._value  # the same slot: it costs what the value does
declare_value(node)
_round: Any = np.round
_FLOAT64 = np.dtype(np.float64)
