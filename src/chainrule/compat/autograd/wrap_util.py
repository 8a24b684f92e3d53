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

        def nary_f(*args: Any, **kwargs: Any) -> Any:
            if not isinstance(argnum, int):
                x = tuple(args[i] for i in argnum)
                moved = of_arguments(fun, args, kwargs, argnum)

                def unary_f(x: Any) -> Any:
                    return moved(*x)
            else:
                x = args[argnum]
                if len(args) == 1 and not kwargs:
                    return unary_operator(fun, x, *nary_op_args, **nary_op_kwargs)
                place = argnum % len(args)
                before, after = args[:place], args[place + 1 :]

                def unary_f(x: Any) -> Any:
                    return fun(*before, x, *after, **kwargs)

            unary_f.__name__ = get_name(fun)
            return unary_operator(unary_f, x, *nary_op_args, **nary_op_kwargs)

        _name_derivative(nary_f, fun, unary_operator, argnum)
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

    def named(f: Any) -> Any:
        _name_derivative(f, fun, op, argnum)
        return f

    return named


def _name_derivative(f: Any, fun: object, op: object, argnum: object) -> None:
    """Name a derivative after its function."""
    name, operator = get_name(fun), get_name(op)
    f.__name__ = f"{operator}_of_{name}_wrt_argnum_{argnum}"
    f.__doc__ = (
        f"    {operator} of function {name} with respect to argument number {argnum}.\n"
        f"    Takes the same arguments as {name} but returns the {operator}.\n"
    )


def get_name(f: object) -> str:
    """Return the name of a function."""
    return getattr(f, "__name__", "[unknown name]")


def get_doc(f: object) -> str:
    """Return the docstring of a function."""
    return getattr(f, "__doc__", "") or ""
