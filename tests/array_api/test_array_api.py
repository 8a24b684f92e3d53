"""The array API on nodes: a sample of what its public tests ask, and what they cannot.

`make test-array-api` runs the public tests themselves; what they may not pass stands in
``not_passed.txt``, with the reason.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ChainruleError, EscapeError, MissingRuleError
from chainrule.nodes.node_class import node

M = np.array([[1.5, -0.3, 0.2], [0.1, 2.5, 0.7], [-0.3, 0.8, 3.5]])
LIST = Path(__file__).parent / "not_passed.txt"
AT_MOST = 46
"""How many lines the list may have; it only gets shorter."""


def test_the_list_of_what_does_not_pass_has_reasons_and_only_shrinks():
    lines = LIST.read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    tests = [line.partition("  ")[0] for line in listed]
    assert len(listed) <= AT_MOST
    assert len(set(tests)) == len(tests)
    for line in listed:
        test, _, reason = line.partition("  ")
        assert test.count("::") >= 1, line
        assert len(reason) > 20, line


# ------------------------------------------------------------------------------ arrays


def test_the_namespace_of_a_node_is_chainrules_numpy():
    x = node(M)
    assert x.__array_namespace__() is gd.numpy
    assert x.__array_namespace__(api_version="2023.12") is gd.numpy
    assert node(2.0).__array_namespace__() is gd.numpy
    with pytest.raises(ValueError, match=r"2024\.12, not 2019\.12"):
        x.__array_namespace__(api_version="2019.12")
    info = gd.numpy.__array_namespace_info__()
    assert list(info.devices()) == ["cpu"]
    assert info.default_dtypes()["real floating"] == np.float64


def test_devices_and_memory():
    x = node(M)
    assert x.device == "cpu"
    assert x.to_device("cpu") is x
    assert x.__dlpack_device__() == (1, 0)
    with pytest.raises(ValueError, match="one device"):
        x.to_device("cuda")
    for hand_over in (x.__dlpack__, lambda: np.from_dlpack(x)):
        with pytest.raises(EscapeError, match=r"gd\.value\(x\)"):
            hand_over()


def test_traced_values_have_a_namespace_too():
    def norm(x):
        xp = x.__array_namespace__()
        assert x.device == "cpu"
        down = -xp.sort(-x, axis=-1, stable=True)
        return xp.linalg.vector_norm(x) + xp.sum(down[..., 0] ** 3)

    slopes = gd.grad(norm)(M)
    np.testing.assert_allclose(gd.compile(gd.grad(norm))(M), slopes, rtol=1e-14)
    largest = gd.compile(norm)(M)
    expected = np.linalg.norm(M) + np.sum(np.max(M, axis=1) ** 3)
    np.testing.assert_allclose(largest, expected, rtol=1e-14)
    stacked = gd.vmap(gd.grad(norm))(np.stack([M, 2 * M]))
    np.testing.assert_allclose(stacked[0], slopes, rtol=1e-14)
    gd.check_gradients(norm, (M,), order=2)


@pytest.mark.parametrize("operator", ["and", "or", "xor", "lshift", "rshift"])
def test_operators_of_integers_are_refused_with_the_reason(operator):
    x = node(M)
    method = getattr(x, f"__{operator}__")
    reflected = getattr(x, f"__r{operator}__")
    for call in (lambda: method(1), lambda: reflected(1), lambda: method(M > 0)):
        with pytest.raises(MissingRuleError, match="works on integers"):
            call()
    with pytest.raises(MissingRuleError, match="works on integers"):
        ~x  # noqa: B018


# --------------------------------------------------------------------------- functions


def made(xp, x):
    """Return the namespace's functions of one array, each as the standard writes it."""
    return {
        "astype": xp.astype(x, xp.float32),
        "broadcast_arrays": xp.broadcast_arrays(x, xp.ones((2, 1, 1)))[0],
        "clip": xp.clip(x, min=0.0, max=2.0),
        "clip by place": xp.clip(x, 0.0, 2.0),
        "clip above": xp.clip(x, max=1.0),
        "concat": xp.concat([x, x], axis=None),
        "cumulative_prod": xp.cumulative_prod(x, axis=1, include_initial=True),
        "cumulative_sum": xp.cumulative_sum(x, axis=0, include_initial=True),
        "diff": xp.diff(x, axis=0, prepend=x[:1]),
        "expand_dims": xp.expand_dims(x, axis=-1),
        "fft": xp.fft.fft(x, n=4, norm="ortho"),
        "flip": xp.flip(x),
        "linalg.cross": xp.linalg.cross(x, x[::-1]),
        "linalg.diagonal": xp.linalg.diagonal(x, offset=1),
        "linalg.matrix_norm": xp.linalg.matrix_norm(x, ord="nuc"),
        "linalg.pinv": xp.linalg.pinv(x, rtol=xp.asarray(1e-14)),
        "linalg.svdvals": xp.linalg.svdvals(x),
        "linalg.trace": xp.linalg.trace(x, offset=-1),
        "linalg.vecdot": xp.linalg.vecdot(x, x, axis=0),
        "matrix_transpose": xp.matrix_transpose(x),
        "mT": x.mT,
        "moveaxis": xp.moveaxis(x, 0, -1),
        "nextafter": xp.nextafter(x, 2 * x),
        "permute_dims": xp.permute_dims(x, (1, 0)),
        "repeat": xp.repeat(x, 2, axis=1),
        "roll": xp.roll(x, (1, 2), axis=(0, 1)),
        "sort": xp.sort(x, axis=0, stable=True),
        "sort down": xp.sort(x, axis=0, descending=True, stable=False),
        "std": xp.std(x, axis=1, correction=1.0),
        "take_along_axis": xp.take_along_axis(x, xp.argsort(x, axis=1), axis=1),
        "tile": xp.tile(x, (2, 1)),
        "unique_values": x[xp.argmax(x, axis=0)],
        "unstack": xp.unstack(x, axis=1)[1],
        "vecdot": xp.vecdot(x, x),
        "where": xp.where(x > 0, x, 0.0),
    }


def plainly(xp, x):
    """Return the same of a plain array; NumPy has no ``descending``."""
    found = made(gd.numpy, x)
    assert not any(isinstance(z, node) for z in found.values())
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_of_the_standard_take_nodes(dtype):
    x = M.astype(dtype)
    on_nodes = made(gd.numpy, node(x))
    for name, expected in plainly(gd.numpy, x).items():
        z = on_nodes[name]
        assert isinstance(z, node), name
        assert (z.dtype, z.shape) == (expected.dtype, expected.shape), name
        np.testing.assert_allclose(z.value, expected, rtol=2e-6, err_msg=name)


def test_functions_of_the_standard_have_derivatives_in_both_directions():
    names = [name for name in plainly(gd.numpy, M) if name != "astype"]
    for name in names:

        def f(x, name=name):
            z = made(gd.numpy, x)[name]
            return np.sum(np.real(z * np.conj(z)))

        gd.check_gradients(f, (M,), order=1)


def test_sorting_down_keeps_the_order_of_equal_entries():
    x = np.array([[2.0, 1.0, 2.0, 3.0], [0.0, 0.0, 0.0, -1.0]])
    for a in (x, node(x), x.astype(np.uint8)):
        places = gd.numpy.argsort(a, descending=True, stable=True)
        order = [[3, 0, 2, 1], [0, 1, 2, 3]]
        if a is not x and not isinstance(a, node):
            order[1] = [3, 0, 1, 2]  # -1 as an unsigned number
        np.testing.assert_array_equal(places, order)
        assert places.dtype == np.intp
    np.testing.assert_array_equal(gd.numpy.argsort(x, None, descending=True)[0], 3)
    flat = gd.numpy.sort(node(x), axis=None, descending=True)
    np.testing.assert_array_equal(flat.value, np.sort(x, axis=None)[::-1])
    assert gd.numpy.sort(node(np.zeros((0, 3))), 0, descending=True).shape == (0, 3)


def test_numpys_forms_of_the_same_functions_stay():
    x = node(M)
    for z in (
        gd.numpy.clip(x, a_min=0.0, a_max=2.0),
        gd.numpy.clip(x, 0.0, 2.0),
        gd.numpy.clip(a=x, a_min=0.0, a_max=2.0),
    ):
        np.testing.assert_array_equal(z.value, np.clip(M, 0.0, 2.0))
    out = np.zeros((3, 3))
    assert gd.numpy.clip(M, 0.0, 1.0, out) is out
    y, z = node(3.0), node(1.0)
    assert gd.numpy.sort([y, z]).value.tolist() == [1.0, 3.0]
    assert gd.numpy.clip([y, z], 0.0, 2.0).value.tolist() == [2.0, 1.0]
    np.testing.assert_array_equal(gd.numpy.sort(M, 0, "stable"), np.sort(M, 0))
    assert gd.numpy.fft.fftfreq(4, 0.5, dtype=np.float32).dtype == np.float32
    assert (
        gd.numpy.fft.rfftfreq(5, y).value.tolist() == np.fft.rfftfreq(5, 3.0).tolist()
    )


def test_products_of_vectors_need_one_length():
    for one, other in [((1,), (3,)), ((2, 1), (3,)), ((2, 2), (3,))]:
        x, y = np.ones(one), np.ones(other)
        with pytest.raises(ValueError, match="mismatch"):
            np.vecdot(x, y)
        with pytest.raises(ValueError, match="one length"):
            np.vecdot(node(x), y)
        with pytest.raises(ChainruleError, match="one length"):
            gd.compile(gd.grad(lambda a, y=y: np.sum(np.linalg.vecdot(a, y))))(x)
    with pytest.raises(ValueError, match="one length"):
        np.vecdot(node(2.0), node(3.0))


def test_cutoffs_of_a_pseudo_inverse_may_be_nodes():
    cutoff = node(1e-14)
    z = np.linalg.pinv(node(M), rtol=cutoff)
    np.testing.assert_array_equal(z.value, np.linalg.pinv(M, rtol=1e-14))
    np.sum(z).backward()
    assert cutoff.grad == 0.0


def test_a_copy_of_a_number_is_an_array_that_can_be_written():
    x = node(2.0)
    y = gd.numpy.asarray(3.0 * x, copy=True)
    y[()] = x * x
    assert y.shape == ()
    y.backward()
    assert x.grad == 4.0
    assert gd.numpy.asarray(x, device="cpu").shape == ()
    with pytest.raises(ChainruleError, match="device"):
        gd.numpy.asarray(x, device="cuda")


def test_functions_of_numpy_that_scipy_has_too_are_found():
    special = pytest.importorskip("chainrule.scipy.special")
    x = node([0.3, 0.6])
    np.testing.assert_array_equal(special.sinc(x).value, np.sinc(x.value))
    assert isinstance(special.cbrt(x), node)
