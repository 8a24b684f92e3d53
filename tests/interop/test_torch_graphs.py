"""Our functions inside the graphs that PyTorch records of its own."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from tests.interop.functions import scalar

torch = pytest.importorskip("torch")
function = gd.interop.torch.function

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


def theirs(x):
    return torch.sum(torch.exp(x) * torch.roll(x, 1) ** 2)


def leaf(count):
    return torch.linspace(0.5, 1.5, count, dtype=torch.float64, requires_grad=True)


def make_fx(f, **options):
    proxies = importlib.import_module("torch.fx.experimental.proxy_tensor")
    return proxies.make_fx(f, **options)


def pair(x, k=2.0):
    return k * np.sum(np.sin(x) * np.roll(x, 1)), np.exp(x) * x


def their_pair(x, k=2.0):
    return k * torch.sum(torch.sin(x) * torch.roll(x, 1)), torch.exp(x) * x


OURS = {"plain": function(pair), "compiled": function(gd.compile(pair))}


@pytest.fixture(params=OURS)
def ours(request):
    return OURS[request.param]


WAYS = {
    "call": lambda f: lambda x: f(torch.cos(x), 3.0),
    "grad": lambda f: torch.func.grad(lambda x: f(x)[0]),
    "hessian": lambda f: torch.func.hessian(lambda x: f(x)[0]),
    "jacrev": lambda f: torch.func.jacrev(lambda x: f(x)[1]),
    "jvp": lambda f: lambda x: torch.func.jvp(f, (x,), (torch.cos(x),)),
    "vmap": lambda f: lambda x: torch.func.vmap(lambda v: f(v * x)[0])(torch.eye(4)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_graph_calls_our_function_with_other_numbers(ours, way):
    x, y = leaf(4).detach(), torch.cos(leaf(4).detach())
    graph = make_fx(WAYS[way](ours))(x)
    expected = WAYS[way](their_pair)
    torch.testing.assert_close(graph(x), expected(x))
    torch.testing.assert_close(graph(y), expected(y))


@pytest.mark.parametrize("way", ["call", "grad"])  # PyTorch's own of jacrev is zero
@pytest.mark.filterwarnings("ignore::UserWarning")  # of its folding of constants
def test_linearize(ours, way):
    x, v = leaf(4).detach(), torch.cos(leaf(4).detach())
    z, pushed = torch.func.linearize(WAYS[way](ours), x)
    expected = torch.func.jvp(WAYS[way](their_pair), (x,), (v,))
    torch.testing.assert_close((z, pushed(v)), expected)
    torch.testing.assert_close(
        torch.func.vmap(pushed)(torch.stack([v, 2 * v])),
        torch.utils._pytree.tree_map(lambda t: torch.stack([t, 2 * t]), expected[1]),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex64])
def test_the_older_vmap(ours, dtype):
    x = torch.linspace(0.5, 1.5, 4).to(dtype).requires_grad_()
    bars = torch.eye(4).to(dtype)
    found, expected = (
        torch.autograd.grad(f(x)[1], x, bars, is_grads_batched=True)
        for f in (ours, their_pair)
    )
    torch.testing.assert_close(found, expected)
    for options in ({}, {"strategy": "forward-mode"}):
        found, expected = (
            torch.autograd.functional.jacobian(
                lambda x, f=f: f(x)[1], x, vectorize=True, **options
            )
            for f in (ours, their_pair)
        )
        torch.testing.assert_close(found, expected)


def test_the_older_vmap_at_second_order(ours):
    found, expected = (
        torch.autograd.functional.hessian(
            lambda x, f=f: f(x)[0], leaf(4).detach(), vectorize=True
        )
        for f in (ours, their_pair)
    )
    torch.testing.assert_close(found, expected)


def test_a_graph_has_gradients_of_its_own(ours):
    graph = make_fx(lambda x: ours(x, 3.0)[0] + x.sum())(leaf(4).detach())
    x, v = torch.cos(leaf(4).detach()).requires_grad_(), torch.ones(4).double()
    expected = torch.func.grad(lambda x: their_pair(x, 3.0)[0] + x.sum())
    (slope,) = torch.autograd.grad(graph(x), x, create_graph=True)
    torch.testing.assert_close(slope, expected(x))
    torch.testing.assert_close(
        torch.autograd.grad(slope.sum(), x)[0],
        torch.func.jvp(expected, (x,), (v,))[1],
    )
    forward = torch.autograd.forward_ad
    with forward.dual_level():
        z = graph(forward.make_dual(x.detach(), v))
        torch.testing.assert_close(forward.unpack_dual(z).tangent, slope @ v)
    with pytest.raises(ArgumentError, match=r"make_fx\(torch\.func\.grad"):
        torch.func.grad(graph)(x.detach())


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Dynamo itself
def test_a_graph_of_another_process_is_refused():
    make_fx(lambda x: OURS["plain"](x, 2.0))(leaf(4).detach())
    with pytest.raises(ArgumentError, match="another process"):
        torch.ops.chainrule.call_1_2("pair-0", leaf(4).detach())


def _returned(x):
    return (x,) if float(np.sum(x)) < 3.0 else (x, x)


REFUSED = {
    "torch.compile": torch.jit.trace,
    "tracing_mode": lambda f, x: make_fx(f, tracing_mode="fake")(x),
    "outside the graph": lambda f, x: make_fx(f)(x)(3 * x),
}


@pytest.mark.parametrize("remedy", REFUSED)
def test_what_a_graph_cannot_hold_says_what_to_write(remedy):
    with pytest.raises(ArgumentError, match=remedy):
        REFUSED[remedy](function(_returned), torch.ones(2))


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Dynamo itself
def test_a_graph_of_everything_says_what_to_write():
    f = function(scalar)
    whole = torch.compile(lambda x: f(x) * 2.0, backend="eager", fullgraph=True)
    with pytest.raises(Exception, match=r"leave fullgraph=True away.*make_fx"):
        whole(leaf(3).detach())


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Dynamo itself
def test_torch_compile_calls_it_between_its_graphs():
    f = function(scalar)
    fast = torch.compile(lambda x: torch.cos(f(torch.sin(x))), backend="aot_eager")
    for x in (leaf(3), leaf(4), leaf(4)):
        z = fast(x)
        expected = torch.cos(theirs(torch.sin(x)))
        torch.testing.assert_close(z, expected)
        torch.testing.assert_close(
            torch.autograd.grad(z, x)[0], torch.autograd.grad(expected, x)[0]
        )


def test_a_backward_pass_reads_cotangents_alone(monkeypatch):
    bridge = importlib.import_module("chainrule.interop.torch")
    array_of, read = bridge.array_of, []

    def counted(x):
        read.append(x.shape)
        return array_of(x)

    monkeypatch.setattr(bridge, "array_of", counted)
    x = leaf(7)
    z = function(scalar)(x)
    assert read == [(7,)]
    z.backward()
    assert read == [(7,), ()]
    torch.testing.assert_close(x.grad, torch.autograd.grad(theirs(x), x)[0])
