"""Every public name of NumPy is classified, and does what its class says."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ChainruleError, EscapeError, MissingRuleError
from chainrule.nodes.node_class import node
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT, REFUSED, UFUNCS
from chainrule.numpy.names import ABSENT, MODULES, NOT_OPERATIONS, classes_of

NAMES = [
    (module, name)
    for module, mirrored in MODULES.items()
    for name in dir(mirrored)
    if not name.startswith("_")
]
FUNCTIONS_FOUND = [
    (module, name, getattr(MODULES[module], name))
    for module, name in NAMES
    if classes_of(module, name) not in (["module"], ["type"], ["constant"])
]


def with_class(word):
    return [
        pytest.param(function, id=f"{module}.{name}")
        for module, name, function in FUNCTIONS_FOUND
        if classes_of(module, name) == [word]
    ]


# -------------------------------------------------------------------------- the lists


@pytest.mark.parametrize("module", MODULES)
def test_every_name_is_in_exactly_one_class(module):
    found = {name: classes_of(module, name) for m, name in NAMES if m == module}
    wrong = {name: words for name, words in found.items() if len(words) != 1}
    assert not wrong, "add a rule, or an entry in chainrule/numpy/names.py"


def test_lists_name_functions_that_exist():
    known = {f"{module}.{name}" for module, name, _ in FUNCTIONS_FOUND}
    assert set(NOT_OPERATIONS) - known <= OLD_OR_NEW
    functions = [function for _, _, function in FUNCTIONS_FOUND]
    outside = [
        f
        for f in [*LOCALLY_CONSTANT, *REFUSED]
        if getattr(f, "__module__", "").startswith("numpy") and f not in functions
    ]
    assert not outside


OLD_OR_NEW = {"np.row_stack", "np.from_dlpack", "np.isdtype"}
"""Names that some supported version of NumPy does not have."""


def test_reasons_say_what_to_write_instead():
    for function, reason in REFUSED.items():
        assert reason.endswith("."), function
        assert len(reason) > 30, function


@pytest.mark.parametrize("name", [n for n in dir(np.ndarray) if not n.startswith("_")])
def test_every_array_attribute_is_there_or_refused(name):
    x = node(np.eye(2))
    if name in ABSENT:
        assert not hasattr(x, name)
        with pytest.raises(AttributeError, match=r"Use gd\.value"):
            getattr(x, name)
    else:
        assert hasattr(x, name)


# ------------------------------------------------------- locally constant: plain values

SAMPLES = [
    (np.array([[2.0, 1.0], [1.0, 3.0]]),),
    (np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[1.0, 1.0], [2.0, 2.0]])),
    (np.array([1.0, 2.0]), np.array([0.5, 1.5])),
]
CALLS = {
    np.argpartition: lambda x: np.argpartition(x, 1),
    np.can_cast: lambda x: np.can_cast(x, np.float64),
    np.einsum_path: lambda x: np.einsum_path("ij->i", x),
}
"""Calls of functions that do not take one or two arrays."""


def call_on_samples(function, make):
    """Return the result of the first call that NumPy itself accepts."""
    if function in CALLS:
        return CALLS[function](make(SAMPLES[0][0]))
    for arguments in SAMPLES:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                function(*arguments)
        except (TypeError, ValueError):
            continue
        return function(*map(make, arguments))
    pytest.fail("no sample call; add one to CALLS")


def without_nodes(result):
    if isinstance(result, tuple | list):
        return all(map(without_nodes, result))
    if isinstance(result, np.ndarray):
        return result.dtype != object
    return not isinstance(result, node)


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated:DeprecationWarning")
@pytest.mark.parametrize("function", with_class("locally constant"))
def test_locally_constant_returns_a_plain_value(function):
    plain = call_on_samples(function, np.asarray)
    result = call_on_samples(function, node)
    assert without_nodes(result)
    if function is not np.empty_like:
        assert str(result) == str(plain)


def test_locally_constant_refuses_out():
    with pytest.raises(EscapeError, match="Leave out= away"):
        np.floor(node([1.5]), out=np.empty(1))
    with pytest.raises(EscapeError, match="Leave out= away"):
        np.argmax(node([1.5]), out=np.empty((), int))


# ---------------------------------------------------------------------------- refused

REFUSED_CALLS = {
    np.argpartition: lambda x: np.argpartition(x, 1),
    np.busday_count: lambda x: np.busday_count(x, "2020-01-01"),
    np.busday_offset: lambda x: np.busday_offset(x, 1),
    np.copyto: lambda x: np.copyto(np.ones((2, 2)), x),
    np.datetime_as_string: np.datetime_as_string,
    np.place: lambda x: np.place(x, [True], [1.0]),
    np.put: lambda x: np.put(np.ones(3), [0], x),
    np.put_along_axis: lambda x: np.put_along_axis(x, np.array([[0]]), 1.0, 0),
    np.putmask: lambda x: np.putmask(x, True, 0.0),
    np.ravel_multi_index: lambda x: np.ravel_multi_index((x, x), (3, 3)),
    np.save: lambda x: np.save("never_written.npy", x),
    np.savez: lambda x: np.savez("never_written.npz", x),
    np.savez_compressed: lambda x: np.savez_compressed("never_written.npz", x),
    np.savetxt: lambda x: np.savetxt("never_written.txt", x),
    np.unravel_index: lambda x: np.unravel_index(x, (3, 3)),
}
"""Calls of refused functions that need more than one or two arrays."""


@pytest.mark.parametrize("function", with_class("refused"))
def test_refused_raises_its_reason(function):
    x = node(np.array([[1.0, 2.0], [3.0, 4.0]]))
    call = REFUSED_CALLS.get(function)
    if call is None:
        x, call = [x] * required(function), lambda arguments: function(*arguments)
    with pytest.raises(MissingRuleError) as caught:
        call(x)
    assert REFUSED[function] in str(caught.value)


def required(function):
    """Return how many arguments a function must be given."""
    if isinstance(function, np.ufunc):
        return function.nin
    listed = inspect.signature(function).parameters.values()
    needed = [p for p in listed if p.default is p.empty]
    return len([p for p in needed if p.kind is not p.VAR_POSITIONAL]) or 1


# --------------------------------------------------- makers of arrays do not detach

MAKERS = {
    "arange": lambda x: np.arange(0.0, x, 1.0),
    "arange of dtype": lambda x: np.arange(0.0, x, 1.0, dtype=float),
    "array of dtype": lambda x: np.array([x, x], dtype=float),
    "asarray of dtype": lambda x: np.asarray(x, dtype=np.float32),
    "eye": np.eye,
    "float64": np.float64,
    "fromiter": lambda x: np.fromiter([x, x], float),
    "full of dtype": lambda x: np.full(2, x, dtype=float),
    "full_like": lambda x: np.full_like(np.zeros(2), x),
    "int64": np.int64,
    "normal": lambda x: np.random.default_rng(0).normal(x),
    "ones": np.ones,
    "setitem": lambda x: np.zeros(2).__setitem__(0, x),
    "zeros": np.zeros,
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("value", [2.0, [1.0, 2.0]])
def test_makers_raise(name, value):
    with pytest.raises((ChainruleError, TypeError, ValueError)):
        MAKERS[name](node(value))


HOLDERS = {
    "array": lambda x: np.array([x, x]),
    "asarray": np.asarray,
    "full": lambda x: np.full(x.shape, x),
    "fromfunction": lambda x: np.fromfunction(lambda i: i * x, (2,)),
    "kaiser": lambda x: np.asarray([np.kaiser(3, v) for v in np.ravel(x)]),
    "ndenumerate": lambda x: np.asarray([v for _, v in np.ndenumerate(x)]),
    "vectorize": np.vectorize(lambda v: v * v),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_holders_keep_nodes(name):
    x = node([1.0, 2.0])
    z = np.sum(HOLDERS[name](x))
    assert isinstance(z, node)
    z.backward()
    assert np.any(x.grad != 0.0)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (lambda a, b: np.linspace(a, b, 5), (1.0, 3.0)),
        (lambda a, b: np.linspace(a, b, 4, endpoint=False), (1.0, 3.0)),
        (lambda a, b: np.linspace(a, b, 1), (1.0, 3.0)),
        (lambda a, b: np.linspace(a, b, 3, axis=-1), (np.ones(2), np.arange(2.0))),
        (lambda a, b: np.linspace(a, b, 3, retstep=True)[1], (1.0, 3.0)),
        (lambda a, b: np.linspace(a, b, 3, dtype=np.float32), (1.0, 3.0)),
        (lambda a, b: np.geomspace(a, b, 4), (1.0, 8.0)),
        (lambda a, b: np.geomspace(a, b, 4), (-1.0, -8.0)),
        (lambda a, b: np.geomspace(a, b, 4, endpoint=False), (1.0 + 1j, 8.0)),
        (lambda a, b: np.logspace(a, b, 4), (0.0, 1.0)),
        (lambda a, b: np.logspace(a, 2.0, 4, base=b), (0.0, 3.0)),
        (lambda a, b: np.logspace(a, 2.0, 4, base=b), (0.0, np.array([2.0, 3.0]))),
    ],
)
def test_ranges(function, arguments):
    expected, z = function(*arguments), function(*map(node, arguments))
    assert isinstance(z, node)
    assert z.dtype == expected.dtype
    np.testing.assert_allclose(z.value, expected, rtol=1e-6)
    if z.dtype == np.float64:
        gd.check_gradients(lambda *x: np.sum(function(*x) ** 2), arguments, order=2)


def test_ranges_refuse_what_they_cannot_do():
    x = node(2.0)
    with pytest.raises(ChainruleError, match="plain integer"):
        np.linspace(x, 1.0, x)
    with pytest.raises(ChainruleError, match="would round"):
        np.linspace(0.0, x, 3, dtype=int)
    with pytest.raises(ValueError, match="zero"):
        np.geomspace(x, 0.0)


# -------------------------------------------------------------------------- the mirror


def test_mirror_has_every_name():
    assert set(dir(gd.numpy)) >= {n for n in dir(np) if not n.startswith("_")}
    for module, name in NAMES:
        if module == "np":
            getattr(gd.numpy, name)
    for name in ("inv", "eig", "LinAlgError"):
        assert name in dir(gd.numpy.linalg)
    assert gd.numpy.linalg.LinAlgError is np.linalg.LinAlgError
    assert gd.numpy.pi is np.pi
    assert gd.numpy.float32 is np.float32
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        gd.numpy.nothing  # noqa: B018


@pytest.mark.parametrize("function", with_class("differentiable"))
def test_mirror_of_a_differentiable_function(function):
    assert function in UFUNCS or function in FUNCTIONS


def test_mirror_takes_lists_of_nodes():
    x, y = node(3.0), node(4.0)
    assert gd.numpy.array([x, y]).shape == (2,)
    v = node(np.ones(2))
    assert gd.numpy.asarray(v) is v
    assert gd.numpy.array([[x, 1.0], [0.0, y]], dtype=np.float32).dtype == np.float32
    z = gd.numpy.linalg.norm([x, y]) + gd.numpy.sum(gd.numpy.multiply([x, y], 2.0))
    z = z + gd.numpy.dot([x, y], [1.0, 0.0]) + gd.numpy.sum(gd.numpy.full(3, x))
    z.backward()
    assert x.grad == pytest.approx(0.6 + 2.0 + 1.0 + 3.0)
    assert gd.numpy.argmax([x, y]) == 1
    assert gd.numpy.add.reduce(gd.numpy.array([x, y])).value == 7.0


def test_mirror_without_nodes_is_numpy():
    np.testing.assert_array_equal(gd.numpy.array([1, 2]), np.array([1, 2]))
    assert gd.numpy.array([1, 2]).dtype == np.array([1, 2]).dtype
    assert type(gd.numpy.sin(1.0)) is np.float64
    np.testing.assert_array_equal(gd.numpy.zeros(3), np.zeros(3))
    np.testing.assert_array_equal(gd.numpy.fft.fftfreq(4), np.fft.fftfreq(4))


def test_arrays_of_nodes_have_so_many_axes_at_least():
    gd.check_gradients(lambda x: gd.numpy.array([x, 2.0], ndmin=3) ** 2, (3.0,))
    x = node([1.0, 2.0])
    assert gd.numpy.array([x], ndmin=3).shape == (1, 1, 2)
    assert gd.numpy.array(x, ndmin=2, order="F").shape == (1, 2)
    assert gd.numpy.array(x, ndmin=1) is not x
    objects = gd.numpy.array([x[0], 1.0], dtype=object)
    assert gd.value(objects).tolist() == [1.0, 1.0]


def test_mirror_refuses():
    x = node(1.0)
    with pytest.raises(MissingRuleError, match=r"np\.unique"):
        gd.numpy.union1d([x, 1.0], [0.0, x])
    with pytest.raises(ChainruleError, match="subok"):
        gd.numpy.array([x], subok=True)
    with pytest.raises(ChainruleError, match="would round"):
        gd.numpy.array([x], dtype=int)
    assert repr(gd.numpy.linalg.eig) == "<chainrule's np.linalg.eig>"
