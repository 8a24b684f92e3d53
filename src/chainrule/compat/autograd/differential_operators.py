"""``autograd.differential_operators``: derivatives of functions, by sweeps of ours."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compat.autograd.core import make_jvp as _make_jvp
from chainrule.compat.autograd.core import make_vjp as _make_vjp
from chainrule.compat.autograd.core import recorded as _recorded
from chainrule.compat.autograd.extend import vspace as vspace
from chainrule.compat.autograd.wrap_util import unary_to_nary as unary_to_nary
from chainrule.compat.boxes import boxing
from chainrule.compat.namespaces import served
from chainrule.transforms.checkpoint import checkpoint as checkpoint_of
from chainrule.values.vertices import raw

Function = Callable[..., Any]

make_vjp: Function = unary_to_nary(_make_vjp)
make_jvp: Function = unary_to_nary(_make_jvp)
_real: Function = served(np.real)
_reshape: Function = served(np.reshape)
_stack: Function = served(np.stack)
_sum: Function = served(np.sum)
_tensordot: Function = served(np.tensordot)


def _ones(x: Any) -> Any:
    """Return the sum of the basis of a value's space."""
    return 1.0 if isinstance(raw(x), float) else vspace(x).ones()


def _check_real_scalar(ans: Any, name: str) -> None:
    if not isinstance(raw(ans), float) and vspace(ans).size != 1:  # type: ignore[attr-defined]
        raise TypeError(
            f"{name} only applies to real scalar-output functions. Try jacobian, "
            "elementwise_grad or holomorphic_grad."
        )


@unary_to_nary
def grad(fun: Function, x: Any) -> Any:
    """
    Returns a function which computes the gradient of ``fun`` with respect to positional
    argument number ``argnum``, in the structure of that argument. A complex gradient is
    autograd's, the conjugate of ``gd.grad``'s.
    """  # noqa: D205
    vjp, ans = _make_vjp(fun, x, copy=False)
    _check_real_scalar(ans, "Grad")
    return vjp(_ones(ans))


@unary_to_nary
def value_and_grad(fun: Function, x: Any) -> Any:
    """Return both the value and the gradient, as ``scipy.optimize`` takes them."""
    vjp, ans = _make_vjp(fun, x, copy=False)
    _check_real_scalar(ans, "value_and_grad")
    return ans, vjp(_ones(ans))


@unary_to_nary
def elementwise_grad(fun: Function, x: Any) -> Any:
    """Return the sum of each column of the Jacobian, in one sweep."""
    vjp, ans = _make_vjp(fun, x, copy=False)
    space = vspace(ans)
    if space.iscomplex:
        raise TypeError("Elementwise_grad only applies to real-output functions.")
    return vjp(space.ones())


@unary_to_nary
def deriv(fun: Function, x: Any) -> Any:
    """Return the derivative along ones, in forward mode."""
    return _make_jvp(fun, x)(_ones(x))[1]


@unary_to_nary
def jacobian(fun: Function, x: Any) -> Any:
    """Return the Jacobian, of the shape of the result and then of the argument."""
    run = _recorded(fun, x, copy=False)
    rows, space = run.stacked_rows(), vspace(run.value())
    if rows is None:
        rows = _stack([run.pulled(v) for v in space.standard_basis()])
    return _reshape(rows, space.shape + vspace(x).shape)  # type: ignore[attr-defined]


@unary_to_nary
def holomorphic_grad(fun: Function, x: Any) -> Any:
    """Return the complex derivative of a function that is complex differentiable."""
    if not vspace(x).iscomplex:
        warnings.warn("Input to holomorphic_grad is not complex", stacklevel=2)

    def real_part(z: Any) -> Any:
        return _real(fun(z))

    return grad(real_part)(x)


def grad_named(fun: Function, argname: str) -> Function:
    """Return the gradient in the argument of this name."""
    return grad(fun, inspect.getfullargspec(fun).args.index(argname))


@unary_to_nary
def hessian(fun: Function, x: Any) -> Any:
    """Return the Hessian: the Jacobian of the Jacobian."""
    return jacobian(jacobian(fun))(x)


@unary_to_nary
def make_hvp(fun: Function, x: Any) -> Any:
    """Return the product with the Hessian at a point, and the gradient there."""
    return _make_vjp(grad(fun), x)


def hessian_tensor_product(fun: Function, argnum: int = 0) -> Function:
    """Return the product of the Hessian with a tensor, the last argument."""
    fun_grad = grad(fun, argnum)

    def vector_dot_grad(*args: Any, **kwargs: Any) -> Any:
        *rest, vector = args
        return _tensordot(fun_grad(*rest, **kwargs), vector, np.ndim(vector))

    return grad(vector_dot_grad, argnum)


hessian_vector_product = hessian_tensor_product


def tensor_jacobian_product(fun: Function, argnum: int = 0) -> Function:
    """Return the product of a tensor, the last argument, with the Jacobian."""

    def vector_dot_fun(*args: Any, **kwargs: Any) -> Any:
        *rest, vector = args
        return _tensordot(vector, fun(*rest, **kwargs), axes=np.ndim(vector))

    return jacobian(vector_dot_fun, argnum)


vector_jacobian_product = tensor_jacobian_product


@unary_to_nary
def make_jvp_reversemode(fun: Function, x: Any) -> Any:
    """Return the product of the Jacobian with a tangent; in forward mode here."""
    jvp = _make_jvp(fun, x)

    def tangent(g: Any) -> Any:
        return jvp(g)[1]

    return tangent


def _half_square(x: Any) -> Any:
    return 0.5 * _sum(x**2, axis=-1)


def make_ggnvp(f: Function, g: Function = _half_square, f_argnum: int = 0) -> Function:
    """Return the product with the generalized Gauss-Newton matrix at a point."""

    @unary_to_nary
    def _make_ggnvp(f: Function, x: Any) -> Any:
        f_vjp, f_x = _make_vjp(f, x)
        g_hvp, _ = _make_vjp(grad(g), f_x)
        f_jvp = _make_jvp(f, x)

        def ggnvp(v: Any) -> Any:
            return f_vjp(g_hvp(f_jvp(v)[1]))

        return ggnvp

    return _make_ggnvp(f, f_argnum)


@unary_to_nary
def grad_and_aux(fun: Function, x: Any) -> Any:
    """Return the gradient of the first of two results, and the second as it is."""
    vjp, (ans, aux) = _make_vjp(fun, x)
    return vjp((vspace(ans).ones(), vspace(aux).zeros())), aux


def multigrad_dict(fun: Function) -> Function:
    """Return the gradients in all arguments at once, by name."""
    signature = inspect.signature(fun)

    def gradfun(*args: Any, **kwargs: Any) -> dict[str, Any]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()

        def of_dict(arguments: dict[str, Any]) -> Any:
            given = inspect.BoundArguments(signature, arguments)  # type: ignore
            return fun(*given.args, **given.kwargs)

        return grad(of_dict)(dict(bound.arguments))

    return gradfun


def checkpoint(fun: Function) -> Function:
    """Return a function whose steps are forgotten, and run again by a sweep."""
    return checkpoint_of(boxing(fun))
