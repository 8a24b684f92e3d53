"""Our functions inside the graphs that PyTorch records of its own."""

from __future__ import annotations

import importlib

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


def _traced(f, x):
    return torch.fx.experimental.proxy_tensor.make_fx(f)(x)


@pytest.mark.parametrize(
    "trace",
    [
        torch.func.linearize,
        _traced,
        torch.jit.trace,
        lambda f, x: _traced(torch.func.grad(f), x),
    ],
    ids=["linearize", "make_fx", "jit", "gradient"],
)
def test_a_graph_that_would_hold_our_numbers_is_refused(trace):
    importlib.import_module("torch.fx.experimental.proxy_tensor")
    f = function(scalar)
    with pytest.raises(ArgumentError, match=r"tracing.*torch\.func\.jvp"):
        trace(f, leaf(3).detach())


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
