"""``autograd.wrap_util``: operators of functions of one argument, made of any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.compat.autograd.util import of_arguments

Function = Callable[..., Any]


def unary_to_nary(unary_operator: Function) -> Function:
    """Return an operator that differentiates a function in any of its arguments.

    ``unary_operator(f, x)`` is given a function of one argument. The operator returned
    is called ``operator(f, argnum=0)``; ``argnum`` may be a tuple, then ``x`` is one.
    """

    @wraps(unary_operator)
    def nary_operator(
        fun: Function,
        argnum: int | Sequence[int] = 0,
        *nary_op_args: Any,
        **nary_op_kwargs: Any,
    ) -> Function:
        if not isinstance(argnum, int | tuple | list):
            raise AssertionError(argnum)

        @wrap_nary_f(fun, unary_operator, argnum)
        def nary_f(*args: Any, **kwargs: Any) -> Any:
            if one and len(args) == 1 and not kwargs and numbers[0] in (0, -1):
                return unary_operator(fun, args[0], *nary_op_args, **nary_op_kwargs)
            moved = of_arguments(fun, args, kwargs, numbers)

            def unary_f(x: Any) -> Any:
                return moved(x) if one else moved(*x)

            unary_f.__name__ = get_name(fun)
            x = args[numbers[0]] if one else tuple(args[i] for i in numbers)
            return unary_operator(unary_f, x, *nary_op_args, **nary_op_kwargs)

        one = isinstance(argnum, int)
        numbers: list[int] = [argnum] if isinstance(argnum, int) else list(argnum)
        return nary_f

    return nary_operator


def wraps(
    fun: object, namestr: str = "{fun}", docstr: str = "{doc}", **kwargs: object
) -> Callable[[Any], Any]:
    """Return a decorator that names a function after another one."""

    def named(f: Any) -> Any:
        try:
            f.__name__ = namestr.format(fun=get_name(fun), **kwargs)
            f.__doc__ = docstr.format(fun=get_name(fun), doc=get_doc(fun), **kwargs)
        except (AttributeError, TypeError, KeyError, IndexError, ValueError):
            pass  # an object that takes no name, or a text with braces
        return f

    return named


def wrap_nary_f(
    fun: object, op: object, argnum: int | Sequence[int]
) -> Callable[[Any], Any]:
    """Return the decorator that names a derivative after its function."""
    return wraps(
        fun,
        "{op}_of_{fun}_wrt_argnum_{argnum}",
        "    {op} of function {fun} with respect to argument number {argnum}.\n"
        "    Takes the same arguments as {fun} but returns the {op}.\n",
        op=get_name(op),
        argnum=argnum,
    )


def get_name(f: object) -> str:
    """Return the name of a function."""
    return getattr(f, "__name__", "[unknown name]")


def get_doc(f: object) -> str:
    """Return the docstring of a function."""
    return getattr(f, "__doc__", "") or ""
