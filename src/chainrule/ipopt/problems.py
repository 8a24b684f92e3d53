"""Problems for Ipopt, which are solved from several first guesses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from chainrule.ipopt.derivatives import Differentiated, Moving
from chainrule.ipopt.limits import as_nonlinear
from chainrule.ipopt.runs import Functions, Run, Solution, library
from chainrule.scipy.optimize.bounds import Bounds
from chainrule.scipy.optimize.constraints import Constraints
from chainrule.scipy.optimize.runs import are_plain
from chainrule.scipy.optimize.unknowns import Unknowns
from chainrule.transforms.closures import opened
from chainrule.values.containers import flatten
from chainrule.values.shapes import SEQUENCES


def problem(
    f: Callable[..., Any],
    constraints: Constraints = (),
    *,
    bounds: Bounds = None,
) -> Problem:
    """Return the problem of minimising ``f(x)`` with constraints, for Ipopt.

    Parameters
    ----------
    f
        A function of the unknowns (an array, a number or a container), and of other
        arguments that ``solve`` is given; its result is a number.
    constraints
        Constraints of SciPy's, or a list of them: ``NonlinearConstraint(g, low, high)``
        with a function of the same arguments, ``LinearConstraint``, or a dict with a
        ``"type"``, ``"eq"`` (zero) or ``"ineq"`` (not negative), and a ``"fun"``.
    bounds
        ``(low, high)``, each a number, an array or a container like the unknowns, or
        ``None``; a list of pairs; or SciPy's ``Bounds``.

    Raises
    ------
    ArgumentError
        If Ipopt is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> import chainrule as gd
    >>> from scipy.optimize import NonlinearConstraint
    >>> def f(x):
    ...     return x[0] * x[3] * np.sum(x[:3]) + x[2]
    >>> found = gd.ipopt.problem(
    ...     f,
    ...     [
    ...         NonlinearConstraint(np.prod, 25.0, np.inf),
    ...         NonlinearConstraint(lambda x: x @ x, 40.0, 40.0),
    ...     ],
    ...     bounds=(1.0, 5.0),
    ... ).solve(np.array([1.0, 5.0, 5.0, 1.0]))  # doctest: +SKIP
    >>> found.x.round(4), found.nit  # doctest: +SKIP
    (array([1.    , 4.743 , 3.8211, 1.3794]), 8)
    """
    library()
    return Problem(f, constraints, bounds)


class Problem:
    """A function to minimise, with constraints and bounds.

    What is known of its derivatives, and their programs, are kept: a problem is solved
    many times from several first guesses, and with other arguments.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> def f(x, a):
    ...     return np.sum((x - a) ** 2)
    >>> problem = gd.ipopt.problem(f, bounds=(0.0, 1.0))  # doctest: +SKIP
    >>> x = np.full(2, 0.5)
    >>> [problem.solve(x, (a,)).x.round(6) for a in (0.25, 3.0)]  # doctest: +SKIP
    [array([0.25, 0.25]), array([1., 1.])]
    """

    def __init__(
        self, f: Callable[..., Any], constraints: Constraints, bounds: Bounds
    ) -> None:
        """Take the functions; nothing is called yet."""
        given = cast(Any, constraints)
        listed = given if isinstance(given, SEQUENCES) else [given]
        self.f = f
        self.constraints: list[Any] = list(map(as_nonlinear, listed))
        self.bounds = bounds
        self._known: dict[Any, Functions] = {}

    def solve(
        self,
        x0: Any,
        args: Any = (),
        *,
        warm: Solution | None = None,
        callback: Callable[[Any], Any] | None = None,
        progress: bool = False,
        **options: str | float,
    ) -> Solution:
        """Return what Ipopt finds from a first guess.

        Parameters
        ----------
        x0
            The first guess, whose form the solution has.
        args
            Other arguments of the function and of the constraints: a tuple.
        warm
            An earlier solution, whose multipliers Ipopt begins with; ``x0`` is near it
            (its ``x``).
        callback
            It is shown each iteration, as a result with ``x``, ``fun``, ``nit``,
            ``infeasibility`` and ``barrier``; ``StopIteration`` ends it.
        progress
            Whether a bar of the calls is shown (``chainrule[progress]``).
        options
            Ipopt's: ``tol=1e-8``, ``max_iter=3000``, ``print_level=5``, ... It prints
            nothing by default. ``hessian_approximation="limited-memory"`` leaves the
            Hessian out.

        Raises
        ------
        ArgumentError
            If the function's result is no number.

        Warns
        -----
        SolutionWarning
            For a node, where a bound or a constraint is met and does not push: the
            derivatives that meet it are nan.

        Notes
        -----
        Where ``args``, bounds or limits hold a node, or a function closes over one,
        ``x``, ``fun``, ``constr`` and the multipliers are nodes: what is active stays
        active (see ``chainrule.scipy.optimize.minimize``). In a compiled function Ipopt
        is one step, and the derivative is compiled; the solution has no ``message``
        there.
        """
        unknowns = Unknowns(x0)
        given = cast(tuple[Any, ...], args if isinstance(args, tuple) else (args,))
        parts = [(c.fun, c.lb, c.ub) for c in self.constraints]
        moving = (Moving(opened((self.f, parts))), Moving(opened(given)))
        functions = self._functions(unknowns, moving[0])
        shown: dict[str, Any] = {"callback": callback, "progress": progress}
        begin = () if warm is None else (warm.multipliers, warm.lower_multipliers)
        others = [*_leaves(self.bounds), unknowns.start, *_leaves(begin)]
        if not any(m.values for m in moving) and are_plain(others):
            run = Run(functions, unknowns, given, **shown)
            return run.solved(self.bounds, warm, options)
        problem = (self.f, self.constraints)
        return Differentiated(
            problem, functions, moving, unknowns, given, self.bounds
        ).solution(warm, options, **shown)

    def _functions(self, unknowns: Unknowns, held: Moving) -> Functions:
        """Return the functions of what moves and of arguments; kept if all is plain."""
        count = len(held.values)

        def filled(given: Any) -> Any:
            return (*held.filled(given[:count]), given[count:])

        if count:
            return Functions(filled, unknowns)
        key = (unknowns.structure, tuple(unknowns.shapes))
        if key not in self._known:
            self._known[key] = Functions(filled, unknowns)
        return self._known[key]


def _leaves(x: Any) -> list[Any]:
    x = (x.lb, x.ub) if hasattr(x, "lb") else x
    return flatten(x)[0]


__all__ = ["Problem", "problem"]
