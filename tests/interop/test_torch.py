"""NumPy functions inside PyTorch, and PyTorch's functions inside ours."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, EscapeError
from tests.interop.functions import EITHER, scalar, several

torch = pytest.importorskip("torch")
gradcheck, gradgradcheck = torch.autograd.gradcheck, torch.autograd.gradgradcheck
function, from_torch = gd.interop.torch.function, gd.interop.from_torch

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


def theirs(x, y):
    return torch.sin(x) * y + torch.sum(x**2), torch.outer(x, y)


def scalar_theirs(x):
    return torch.sum(torch.exp(x) * torch.roll(x, 1) ** 2)


def leaf(*shape, dtype=torch.float64):
    torch.manual_seed(len(shape))
    return torch.rand(shape, dtype=dtype, requires_grad=True)


# ------------------------------------------------------------------ ours inside theirs


@EITHER
def test_gradients_of_both_orders_are_those_of_differences(wrap):
    f, x, y = function(wrap(several)), leaf(3), leaf(3)
    assert gradcheck(f, (x, y), check_forward_ad=True)
    assert gradgradcheck(f, (x, y), check_fwd_over_rev=True)


@EITHER
def test_complex_numbers_follow_their_convention(wrap):
    def ours(z):
        return np.abs(z) ** 2 * z + np.real(z) * 1j, np.imag(z) * 3

    z = leaf(3, dtype=torch.complex128)
    f = function(wrap(ours))
    assert gradcheck(f, (z,), check_forward_ad=True)
    assert gradgradcheck(f, (z,))
    x = leaf(3)
    assert gradcheck(function(wrap(lambda x: np.exp(1j * x) * x)), (x,))


@EITHER
@pytest.mark.parametrize(
    "transform",
    [
        torch.func.grad,
        torch.func.hessian,
        torch.func.jacfwd,
        lambda f: torch.func.jacrev(torch.func.jacfwd(torch.func.grad(f))),
        lambda f: lambda x: torch.func.jvp(torch.func.grad(f), (x,), (torch.cos(x),)),
        lambda f: lambda x: torch.func.vjp(f, x)[1](torch.ones((), dtype=x.dtype)),
    ],
    ids=["grad", "hessian", "jacfwd", "third", "jvp", "vjp"],
)
def test_their_transforms_nest(wrap, transform):
    f = function(wrap(scalar))
    many = torch.linspace(0.0, 1.0, 12, dtype=torch.float64).reshape(4, 3)
    for mapped in (lambda g: g, torch.func.vmap):
        x = many[0] if mapped is not torch.func.vmap else many
        found = mapped(transform(f))(x)
        torch.testing.assert_close(found, mapped(transform(scalar_theirs))(x))

    def total(g):
        return lambda x: torch.func.vmap(g)(x).sum()

    found = torch.func.grad(total(f))(many)
    torch.testing.assert_close(found, torch.func.grad(total(scalar_theirs))(many))


@EITHER
def test_vmap_takes_any_axes(wrap):
    f = torch.func.vmap(function(wrap(several)), in_dims=(1, None), out_dims=(1, 0))
    g = torch.func.vmap(theirs, in_dims=(1, None), out_dims=(1, 0))
    x, y = torch.rand(3, 4), torch.rand(3)
    torch.testing.assert_close(f(x, y), g(x, y))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
def test_dtypes_are_kept(dtype):
    f, x = function(lambda x: np.abs(x * x)), leaf(3, dtype=dtype)
    z = f(x)
    z.sum().backward()
    assert x.grad.dtype == x.dtype
    assert z.dtype == torch.abs(x).dtype


def test_a_result_of_another_dtype_has_gradients_of_the_arguments():
    x = leaf(3, dtype=torch.float32)
    z = function(lambda x: x * np.array([1.0, 2.0, 3.0]))(x)
    z.sum().backward()
    assert z.dtype == torch.float64
    assert x.grad.tolist() == [1.0, 2.0, 3.0]
    assert x.grad.dtype == torch.float32


@dataclasses.dataclass
class Model:
    slope: object
    name: str


def test_containers_and_what_is_no_tensor():
    def f(model, *, times, power=2):
        assert isinstance(times, list)
        assert model.name == "line"
        z = sum(model.slope * t**power for t in times)
        return {"z": z, "name": model.name, "count": len(times), "none": None}

    slope, t = leaf(), leaf(2)
    found = function(f)(Model(slope, "line"), times=[t, 2.0, np.float32(1.0)])
    assert (found["name"], found["none"]) == ("line", None)
    assert found["count"] == 3
    found["z"].sum().backward()
    torch.testing.assert_close(slope.grad, (t**2 + 5).sum().detach())
    torch.testing.assert_close(t.grad, 2 * t.detach() * slope.detach())


def test_what_has_no_gradient_has_none():
    def f(x, n, y):
        return x * n, n + 1, np.sum(y)

    x, n, y = leaf(3), torch.tensor([1, 2, 3]), torch.rand(3)
    z, more, other = function(f)(x, n, y)
    assert (z.requires_grad, more.requires_grad, more.dtype) == (True, False, n.dtype)
    assert other.requires_grad  # as for any step of PyTorch with one that does
    z.sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 3.0]
    assert n.grad is None
    assert y.grad is None
    with torch.no_grad():
        assert not function(f)(x, n, y)[0].requires_grad


def test_an_unused_result_adds_nothing_to_a_gradient():
    root, x = function(lambda x: (np.sqrt(x), x * 2)), leaf(2)
    with torch.no_grad():
        x[0] = 0.0
    root(x)[1].sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_tensors_may_lie_in_memory_as_they_like():
    x = leaf(4, 6)
    f, g = function(lambda x: np.flip(x) ** 2), lambda x: torch.flip(x, (0, 1)) ** 2
    for part in (x.T, x[::2, ::3], x[1].expand(3, 6), x.flip(0), x[..., None], x[:0]):
        torch.testing.assert_close(
            *(torch.autograd.grad(h(part).sum(), x)[0] for h in (f, g))
            if part.dim() == 2
            else (f(part).sum(), g(part).sum())
        )
    z = torch.tensor([1 + 2j]).conj()
    assert function(np.imag)(z).item() == -2.0
    assert function(np.exp)(torch.tensor(0.0, requires_grad=True)).shape == ()


def test_tensors_that_change_after_the_call_are_found_out():
    x = leaf(2)
    y = x * 1
    z = function(np.square)(y)
    y += 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()
    x = torch.ones(2)
    z = function(lambda x: x)(x)
    z += 1
    assert x.tolist() == [1.0, 1.0]


def test_a_function_may_write_into_its_arguments():
    def f(x):
        x[0] = 5.0
        return x * x

    x = leaf(2)
    before = x.detach().clone()
    function(f)(x).sum().backward()
    assert x.grad[0] == 0.0
    with torch.no_grad():
        function(f)(x)
    assert torch.equal(x.detach(), before)


def test_a_graph_may_be_kept():
    x = leaf(3)
    z = function(scalar)(x)
    z.backward(retain_graph=True)
    first = x.grad.clone()
    z.backward()
    assert torch.equal(x.grad, 2 * first)
    with pytest.raises(RuntimeError, match="second time"):
        z.backward()


def test_a_function_is_called_once_for_a_gradient():
    calls = []

    def f(x):
        calls.append(1)
        return scalar(x)

    function(f)(leaf(3)).backward()
    assert len(calls) == 1


@pytest.mark.filterwarnings("ignore::UserWarning")  # of nested and quantized tensors
def test_errors_are_those_of_the_function():
    def f(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        function(f)(leaf(2))
    with pytest.raises(ArgumentError, match="needs a function"):
        function(3)
    with pytest.raises(ArgumentError, match="must return numbers"):
        function(lambda x: "text")(leaf(2))
    with pytest.raises(ArgumentError, match="no dtype"):
        function(lambda x: x.astype(np.longdouble))(torch.ones(2))
    with pytest.raises(ArgumentError, match=r"no torch\.bfloat16.*x\.float\(\)"):
        function(np.exp)(torch.ones(2, dtype=torch.bfloat16))
    with pytest.raises(ArgumentError, match=r"on meta.*x\.cpu\(\)"):
        function(np.exp)(torch.ones(2, device="meta"))
    eighths = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    with pytest.raises(ArgumentError, match=r"x\.dequantize\(\)"):
        function(np.exp)(eighths)
    rows = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    with pytest.raises(ArgumentError, match="to_padded_tensor"):
        function(np.exp)(rows)
    with pytest.raises(ArgumentError, match=r"sparse_coo.*to_dense\(\)"):
        function(np.exp)(torch.eye(2).to_sparse())


def doubled(x):
    return x * 2


def test_nodes_from_outside_are_refused():
    def use(x):
        return lambda a: function(lambda y: y * a)(x).sum().item()

    for x in (leaf(2), torch.ones(2)):
        with pytest.raises(EscapeError, match="a node from outside"):
            gd.grad(use(x))(2.0)
    assert function(lambda y: y * gd.node(2.0))(torch.ones(2)).tolist() == [2.0, 2.0]


def test_examples_may_decide_for_themselves():
    f = function(gd.compile(lambda x: x * 2 if x > 1 else x))
    assert torch.func.vmap(f)(torch.arange(3.0)).tolist() == [0.0, 1.0, 4.0]


def test_bridges_pickle_and_bind():
    class Model:
        @function
        def scaled(self, x):
            return x * self.rate

        rate = 3.0

    x = torch.ones(2)
    assert Model().scaled(x).tolist() == [3.0, 3.0]
    for f, y in ((function(doubled), x), (from_torch(doubled), np.ones(2))):
        assert pickle.loads(pickle.dumps(f))(y).tolist() == [2.0, 2.0]
    net = pickle.loads(pickle.dumps(from_torch(torch.nn.Linear(1, 1))))
    assert net.parameters().keys() == {"weight", "bias"}


def test_a_layer_is_trained():
    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))

        def forward(self, x):
            return function(lambda w, x: np.tanh(x @ w))(self.weight, x)

    torch.manual_seed(0)
    x, layer = torch.randn(20, 2, dtype=torch.float64), Layer()
    y = torch.tanh(x @ torch.tensor([0.5, -1.0], dtype=torch.float64))
    optimizer = torch.optim.LBFGS(layer.parameters(), max_iter=50)

    def closure():
        optimizer.zero_grad()
        loss = ((layer(x) - y) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    np.testing.assert_allclose(layer.weight.detach(), [0.5, -1.0], atol=1e-4)


# ------------------------------------------------------------------ theirs inside ours

X, Y = np.array([0.1, 0.2, 0.3]), np.array([1.0, 2.0, 3.0])


def test_their_functions_have_every_order_in_both_directions():
    f = from_torch(theirs)
    gd.check_gradients(lambda x, y: np.sum(f(x, y)[0] * np.cos(f(x, y)[1])), (X, Y))
    for transform in (gd.jacobian, gd.hessian):
        found = transform(lambda x: np.sum(f(x, Y)[0] ** 2))(X)
        known = transform(lambda x: np.sum(several(x, Y)[0] ** 2))(X)
        np.testing.assert_allclose(found, known)
    slope = gd.compile(gd.grad(lambda x: f(x, Y)[0].sum()))
    for x in (X, X + 1):
        known = gd.grad(lambda x: several(x, Y)[0].sum())(x)
        np.testing.assert_allclose(slope(x), known)
    many = gd.vmap(gd.grad(lambda x: f(x, Y)[0].sum()))(np.array([X, X + 1]))
    np.testing.assert_allclose(many[1], slope(X + 1))


def test_their_complex_numbers_follow_our_convention():
    def g(z):
        return abs(z) ** 2 * z

    f, z, seed = from_torch(g), np.array([1 + 2j, 3 - 1j]), np.array([1j, 2])
    np.testing.assert_allclose(gd.vjp(f, z)[1](seed)[0], gd.vjp(g, z)[1](seed)[0])
    np.testing.assert_allclose(*(gd.jvp(h, (z,), (seed,))[1] for h in (f, g)))


def test_their_results_are_numbers_arrays_and_what_they_are():
    f = from_torch(lambda x, n: {"z": x.sum() * n, "n": n, "text": "t"})
    found = f(X, 2)
    assert found == {"z": pytest.approx(1.2), "n": 2, "text": "t"}
    assert isinstance(found["z"], np.float64)
    assert gd.grad(lambda x: f(x, 2)["z"])(X).tolist() == [2.0, 2.0, 2.0]
    assert gd.grad(from_torch(lambda x: x**3))(2.0) == 12.0
    cut = from_torch(lambda x: x * x.detach())
    assert gd.grad(cut)(3.0) == 3.0
    constant = from_torch(lambda x: torch.ones(2))
    assert gd.grad(lambda x: np.sum(constant(x)) + x)(3.0) == 1.0
    assert gd.jvp(lambda x: np.sum(constant(x)) + x, (3.0,), (1.0,)) == (5.0, 1.0)


def test_their_errors_say_what_to_write():
    with pytest.raises(ArgumentError, match=r"random numbers.*module\.eval\(\)"):
        from_torch(torch.nn.Dropout())({}, X)
    with pytest.raises(ArgumentError, match="must return arrays of its own"):
        from_torch(lambda x: 3)(X)
    with pytest.raises(ArgumentError, match="parameters first"):
        from_torch(torch.nn.Linear(3, 1))(X)


def test_a_network_takes_part_in_a_gradient():
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Linear(2, 4), torch.nn.BatchNorm1d(4), torch.nn.Tanh()
    ).double()
    net, x = from_torch(module), np.array([[0.1, 0.2], [0.5, -1.0], [2.0, 0.3]])

    def loss(parameters, x):
        return np.sum(np.sin(net(parameters, x)) * np.cos(x[:, :1]))

    parameters = net.parameters()
    gd.check_gradients(loss, (parameters, x), order=1)
    # Of batch normalisation PyTorch has the second derivative forward over reverse.
    v = {k: np.ones_like(p) for k, p in parameters.items()}
    second = gd.hvp(lambda p: loss(p, x), (parameters,), (v,))[0]
    slopes = gd.grad(lambda p: sum(np.sum(q) for q in gd.grad(loss)(p, x).values()))
    for name, p in slopes(parameters).items():
        np.testing.assert_allclose(second[name], p, atol=1e-9)
    before = {k: v.clone() for k, v in module.named_buffers()}
    grads = gd.grad(loss)(parameters, x)
    assert all(torch.equal(before[k], v) for k, v in module.named_buffers())
    z = torch.tensor(x)
    torch.sum(torch.sin(module(z)) * torch.cos(z[:, :1])).backward()
    for name, p in module.named_parameters():
        np.testing.assert_allclose(grads[name], p.grad, atol=1e-12)
    part = {"0.weight": parameters["0.weight"]}
    assert gd.grad(loss)(part, x).keys() == part.keys()
    net.load({k: v * 0 for k, v in parameters.items()})
    assert not module[0].weight.any()
    np.testing.assert_array_equal(net({}, x), np.zeros((3, 4)))


def test_pythons_numbers_stay_what_they_are():
    f = from_torch(lambda x, axis, keep: x.sum(axis, keepdim=keep) * axis)
    x = np.ones((2, 3))
    assert f(x, 1, True).shape == (2, 1)
    slope = gd.grad(lambda x, n: np.sum(f(x, n, True)))
    for n in (0, 1):
        assert gd.compile(slope)(x, n).tolist() == slope(x, n).tolist()


def test_a_function_may_write_into_its_tensors():
    def f(x):
        x *= 2
        return x.sum()

    x = np.ones(3)
    assert gd.grad(from_torch(f))(x).tolist() == [2.0, 2.0, 2.0]
    assert gd.jvp(from_torch(f), (x,), (x,)) == (6.0, 6.0)
    assert from_torch(f)(x) == 6.0
    assert x.tolist() == [1.0, 1.0, 1.0]


def test_a_result_that_nobody_reads_adds_nothing():
    f = from_torch(lambda x: (torch.sqrt(x), x**2))
    for wrap in (lambda g: g, gd.compile):
        slope = wrap(gd.grad(lambda x: np.sum(f(x)[1])))
        assert slope(np.array([0.0, 1.0])).tolist() == [0.0, 2.0]


def test_tangents_of_steps_without_forward_mode():
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, z_grad):
            (x,) = ctx.saved_tensors
            return z_grad * 3 * x**2

    gd.check_gradients(from_torch(lambda x: Cube.apply(x).sum()), (X,))


def test_both_ways_at_once():
    inner = function(lambda x: np.sin(x) * x)
    f = from_torch(lambda x: (inner(x) ** 2).sum())
    gd.check_gradients(f, (X,))


def test_tangents_that_pytorch_cannot_derive_again_are_made_by_the_transpose():
    f = from_torch(lambda x, y: torch.logsumexp(x * y, 0))
    x, y = np.array([0.3, 1.0, 2.0]), np.array([2.0, 1.0, 0.5])
    gd.check_gradients(f, (x, y), order=2)
