"""``odeint``, by ODEPACK's LSODA, whose steps happen in compiled code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import scipy.integrate
from numpy.typing import NDArray

from chainrule import operations
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.joined import holds_followed
from chainrule.scipy.integrate.flow import Flow
from chainrule.scipy.integrate.problem import MeetsNodeError, plainly, watched
from chainrule.scipy.integrate.replay import Program, program_for
from chainrule.transforms.closures import Opened, opened
from chainrule.transforms.values import contains_nodes
from chainrule.values.types import Value
from chainrule.values.vertices import first_stand_in, raw

_np: Any = np
_scipy: Any = scipy.integrate
TOLERANCE = 1.49012e-8
"""What ODEPACK takes where no tolerance is given."""


def odeint(
    func: Callable[..., Any],
    y0: Value,
    t: Value,
    args: Any = (),
    Dfun: Callable[..., Any] | None = None,
    *settings: Any,
    rtol: Any = None,
    atol: Any = None,
    tfirst: bool = False,
    **options: Any,
) -> Any:
    """Return the states of a differential equation, as ``scipy.integrate.odeint``.

    It is differentiable in ``y0``, in ``t``, in ``args`` and in the nodes that ``func``
    closes over, by the equation of the cotangents: see ``solve_ivp`` with
    ``derivative="adjoint"``. Both modes and every order are there.

    Parameters
    ----------
    func
        ``func(y, t, *args)`` returns dy/dt; ``func(t, y, *args)`` with ``tfirst``.
    y0, t
        The state at the first time, and the times, shape (k,).
    args, Dfun, settings, rtol, atol, tfirst, options
        As SciPy takes them.

    Returns
    -------
    array
        The states, shape (k, n); with ``full_output`` also what SciPy says of the
        computation.

    Raises
    ------
    ArgumentError
        If an option is a node, or ``func`` reads a node that is in none of its
        arguments, defaults and closures.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from chainrule.scipy.integrate import odeint
    >>> def left(rate):
    ...     return odeint(lambda y, t: -rate * y, 2.0, np.array([0.0, 1.0]))[-1, 0]
    >>> round(float(left(1.0)), 4), round(gd.grad(left)(1.0), 4)
    (0.7358, -0.7358)
    """
    options |= {"rtol": rtol, "atol": atol, "tfirst": tfirst}
    options |= dict(zip(SETTINGS, settings, strict=False))
    if contains_nodes(options):
        raise ArgumentError(
            "odeint has no derivative in its options. Pass gd.value of them."
        )
    template = opened((func, _tuple_of(args), Dfun))
    y, times = operations.asarray(y0), operations.asarray(t)
    operands = [y, times, *template.values]
    if not any(holds_followed(x) for x in operands):
        try:
            return _scipy.odeint(watched(func), y, times, args, Dfun, **options)
        except MeetsNodeError:
            raise _unseen() from None
    return _differentiated(template, y, times, options)


SETTINGS = (
    "col_deriv full_output ml mu rtol atol tcrit h0 hmax hmin ixpr mxstep mxhnil "
    "mxordn mxords printmessg tfirst"
).split()
"""The order of SciPy's positional arguments after ``Dfun``."""


def _tuple_of(args: Any) -> Any:
    return (*args,) if isinstance(args, tuple) else (args,)


def _unseen() -> ArgumentError:
    return ArgumentError(
        "odeint needs all nodes that func reads in args, or in its closure and "
        "defaults. Pass them there."
    )


def _differentiated(template: Opened, y0: Any, t: Any, options: dict[str, Any]) -> Any:
    """Return the states as a node."""
    tfirst, full = options["tfirst"], options.pop("full_output", False)
    told: list[Any] = []

    def slope(values: Sequence[Any]) -> Callable[..., Any]:
        func, args, _ = template.filled(values)

        def of(t: Value, y: Value) -> Any:
            return func(t, y, *args) if tfirst else func(y, t, *args)

        return of

    def states(y0: NDArray[Any], times: NDArray[Any], values: Sequence[Any]) -> Any:
        func, args, jac = template.filled(values)
        if holds_nodes(slope(values)(times[0], y0)):
            raise _unseen()
        z, info = _scipy.odeint(
            plainly(func), y0, times[1:], args, jac, full_output=True, **options
        )
        told[:] = [info]
        return z

    key = template.key

    def made() -> Program:
        return Program(slope, False, may_compile=key is not None)

    program = program_for(None if key is None else (key, "odeint", tfirst), made)
    tolerances = {
        name: TOLERANCE if options[name] is None else options[name]
        for name in ("rtol", "atol")
    }
    flow = Flow(program, _scipy.LSODA, tolerances, states)
    y = _np.reshape(y0, (-1,)) * 1.0
    times = _np.concatenate([t[:1], t]) * 1.0
    z = flow.at(y, times, *template.values)
    if full and first_stand_in(raw(z)) is not None:
        raise ArgumentError("odeint has no full_output where it is compiled.")
    return (z, told[0]) if full else z


__all__ = ["odeint"]
