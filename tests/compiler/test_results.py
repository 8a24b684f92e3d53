"""What compiled functions return and read: never a stand-in that is frozen."""

import collections
import functools
import types

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, EscapeError
from chainrule.values.containers import flatten

X = np.array([1.0, 2.0, 4.0])


class Bag(dict):
    __getattr__ = dict.get


class Keeper:
    def __init__(self):
        self.rate = 2.0

    def keep(self, x):
        self.last = x * 2
        return self

    def both(self, x):
        return self, self.rate * x

    def __call__(self, x):
        return self.rate * x


def in_a_class(x):
    class Result:
        value = x * 2

    return Result


HIDDEN = {
    "class": in_a_class,
    "object of a class": lambda x: in_a_class(x)(),
    "polynomial": np.poly1d,
    "namespace": lambda x: types.SimpleNamespace(value=x * 2),
    "deep": lambda x: types.SimpleNamespace(a=[{"b": (x * 2,)}]),
    "closure": lambda x: lambda y: x * y,
    "closure of a closure": lambda x: lambda y: lambda z: z * x,
    "default value": lambda x: lambda y=x: y,
    "partial": lambda x: functools.partial(np.add, x),
    "method": lambda x: x.sum,
    "generator": lambda x: (v for v in x),
    "iterator": lambda x: iter([1, 2]),
    "mapping": lambda x: Bag(x=x * 2),
    "set": lambda x: frozenset([Keeper().keep(x)]),
    "error": lambda x: ValueError(x * 2),
    "objects": lambda x: np.array([Keeper().keep(x), None], dtype=object),
    "pullback": lambda x: gd.vjp(np.sin, x)[1],
    "compiled": lambda x: gd.compile(lambda y: x * y),
    "derivative": lambda x: gd.grad(lambda y: np.sum(x * y)),
}


@pytest.mark.parametrize("f", HIDDEN.values(), ids=HIDDEN)
def test_a_result_that_hides_a_stand_in_is_refused(f):
    with pytest.raises(EscapeError, match="in every call"):
        gd.compile(f)(X)
    with pytest.raises(EscapeError, match="in every call"):
        gd.compile(lambda x: {"value": x * 2, "more": f(x)})(X)


def test_an_object_changed_to_hold_a_stand_in_is_refused():
    with pytest.raises(EscapeError, match="Keeper"):
        gd.compile(Keeper.keep)(Keeper(), X)
    aux = gd.grad(lambda x: (np.sum(x), types.SimpleNamespace(x=x)), has_aux=True)
    with pytest.raises(EscapeError, match="SimpleNamespace"):
        gd.compile(aux)(X)


def test_constants_and_objects_of_the_arguments_are_returned():
    keeper = Keeper()
    for _ in range(2):
        found, value = gd.compile(Keeper.both)(keeper, X)
        assert found is keeper
        np.testing.assert_array_equal(value, 2 * X)
    fast = gd.compile(
        lambda x: (x, None, "a", b"b", np.sin, Keeper, np.dtype(float), ...)
    )
    for _ in range(2):
        assert fast(X)[1:] == (None, "a", b"b", np.sin, Keeper, np.dtype(float), ...)


MATRIX = np.ones((1, 3)).view(np.matrix)
MASKED = np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])


@pytest.mark.parametrize("x", [MATRIX, MASKED])
def test_constant_results_of_other_classes_are_refused(x):
    with pytest.raises(ArgumentError, match="A compiled function needs plain"):
        gd.compile(lambda y: (y, x))(1.0)


@pytest.mark.parametrize(
    "f",
    [lambda x: x * MATRIX.T, lambda x: MATRIX * x, lambda x: np.dot(MATRIX, x),
     lambda x: x + MASKED, lambda x: np.sum(x * MASKED),
     lambda x: np.stack([x, MASKED])],
)  # fmt: skip
def test_matrices_and_masked_arrays_from_outside_are_refused(f):
    with pytest.raises(ArgumentError, match=r"np.asarray\(value\)|filled"):
        gd.compile(f)(X)


def branching(made):
    def f(x):
        a = made(x)
        return a * 2 if a.dtype == np.float64 else a * 3

    return f


SEEN = {
    "array": branching(np.array),
    "asarray": branching(np.asarray),
    "asanyarray": branching(np.asanyarray),
    "dropped": lambda x: x * 2 if np.asarray(x).dtype.kind == "f" else x * 3,
    "in a list": lambda x: np.sum(tuple(map(np.asarray, [x, x]))[1]),
    "scan": lambda x: gd.scan(lambda c, v: (branching(np.array)(v) + c, v), 0.0, x),
    "vmap": gd.vmap(branching(np.asarray)),
}


@pytest.mark.parametrize("x", [X, 2.0, np.float64(2.0)], ids=["array", "float", "np"])
@pytest.mark.parametrize("f", SEEN.values(), ids=SEEN)
def test_an_array_of_objects_that_python_sees_is_refused(f, x):
    if f in (SEEN["scan"], SEEN["vmap"]):
        x = X
    with pytest.raises(EscapeError, match=r"test_results.py, line \d+.*np.copy"):
        gd.compile(f)(x)


UNSEEN = {
    "list": lambda x: np.array([x[0], 2.0, x[1] * x[2]]),
    "rows": lambda x: np.asarray([x, x * 2]),
    "comprehension": lambda x: np.array([v * 2 for v in x]),
    "variable": lambda x: np.sum(np.asarray(list(x))),
    "copy": branching(np.copy),
    "integers": lambda x: branching(np.asarray)(np.argsort(x)),
    "objects": lambda x: np.sum(np.asarray(x, dtype=object)),
}


@pytest.mark.parametrize("f", UNSEEN.values(), ids=UNSEEN)
def test_lists_of_stand_ins_are_put_together(f):
    fast = gd.compile(f)
    for x in (X, -X[::-1]):
        np.testing.assert_array_equal(fast(x), f(x))


# ------------------------------------------------------------------ the order of keys


def weighted(values):
    return sum(w * v for w, v in zip([1, 10, 100], values, strict=False))


def counted(**items):
    return collections.defaultdict(int, items)


ORDERS = {
    "dict": (lambda d: weighted(d.values()), {"a": 1.0, "b": 2.0},
             {"b": 2.0, "a": 1.0}),
    "nested": (lambda d: weighted(d["z"][0].values()), {"z": ({"a": 1.0, "b": 2.0},)},
               {"z": ({"b": 1.0, "a": 2.0},)}),
    "defaultdict": (lambda d: weighted(d.values()), counted(a=1.0, b=2.0),
                    counted(b=1.0, a=2.0)),
    "keys": (lambda d: weighted([k * v for k, v in d.items()]), {1: 2.0}, {1.0: 2.0}),
    "result": (lambda d: {k: 2 * v for k, v in d.items()}, {"a": 1.0, "b": 2.0},
               {"b": 2.0, "a": 1.0}),
}  # fmt: skip


@pytest.mark.parametrize(("f", "first", "second"), ORDERS.values(), ids=ORDERS)
def test_the_order_of_keys_is_seen(f, first, second):
    fast = gd.compile(f)
    for d in (first, second, first):
        found, expected = fast(d), f(d)
        assert found == expected
        if isinstance(expected, dict):
            assert list(found) == list(expected)
    if f is not ORDERS["result"][0]:
        for d in (first, second):
            assert gd.grad(fast)(d) == gd.grad(f)(d)


def test_the_order_of_keywords_is_seen_by_those_who_take_any():
    fast = gd.compile(lambda **given: weighted(given.values()))
    assert (fast(a=1.0, b=2.0), fast(b=2.0, a=1.0)) == (21.0, 12.0)
    named = gd.compile(lambda x, y: x - y)
    assert (named(x=1.0, y=2.0), named(y=2.0, x=1.0)) == (-1.0, -1.0)
    assert len(named.signatures) == 1


def test_loops_keep_the_order_of_their_first_carry():
    def step(c, x):
        first, second = c.values()
        return {"b": first + x, "a": second * 2}, first

    def scanned(xs):
        return gd.scan(step, {"a": 1.0, "b": 2.0}, xs)

    def looped(x):
        def better(c):
            first, second = c.values()
            return {"b": second + 1, "a": first * 2}

        return gd.while_loop(lambda c: next(iter(c.values())) < 9, better,
                             {"a": x, "b": 1.0})  # fmt: skip

    for f, x in ((scanned, X), (looped, 1.5)):
        found, expected = gd.compile(f)(x), f(x)
        leaves = (flatten(x)[0] for x in (found, expected))
        for a, b in zip(*leaves, strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(gd.errors.ShapeError, match="same order"):
        gd.compile(lambda x: gd.cond(x > 0, lambda v: {"a": v, "b": v},
                                     lambda v: {"b": v, "a": v}, x))(1.0)  # fmt: skip


# ------------------------------------------------------------------ what was captured

SETTINGS = types.SimpleNamespace(deep=types.SimpleNamespace(scale=3.0))


class Model(Keeper):
    shift = 1.0
    __slots__ = ()

    def __init__(self):
        super().__init__()
        self.weights = np.ones(3)
        self.unread = 1.0
        self.part = types.SimpleNamespace(k=2.0)

    @property
    def twice(self):
        return 2 * self.half

    @property
    def half(self):
        return 0.5 * self.rate

    def loss(self, x):
        return self.more(np.sum(self.weights * x) + self.shift) * self.part.k

    def more(self, x):
        return x * SETTINGS.deep.scale + sum(self.twice for _ in range(1))


READ = {"self.weights", "self.shift", "self.part.k", "self.rate",
        "SETTINGS.deep.scale"}  # fmt: skip


def test_attributes_of_objects_are_among_what_was_captured():
    model = Model()
    for f, args in ((Model.loss, (model, X)), (model.loss, (X,)),
                    (gd.grad(model.loss), (X,))):  # fmt: skip
        fast = gd.compile(f)
        fast(*args)
        assert set(fast.stats()["captured"]) == READ
    fast = gd.compile(model)
    fast(1.0)
    assert fast.stats()["captured"] == {"self.rate": "float 2.0"}


def test_objects_are_reached_by_names():
    model, plain = Model(), 3.0
    fast = gd.compile(lambda x: model(x) + np.pi * plain * helper(x))
    fast(1.0)
    assert fast.stats()["captured"] == {
        "model": "Model", "model.rate": "float 2.0", "plain": "float 3.0",
        "SETTINGS.deep.scale": "float 3.0",
    }  # fmt: skip
    fast = gd.compile(lambda x, m: m.rate * x, static=("m",))
    fast(1.0, m=model)
    assert fast.stats()["captured"] == {"m.rate": "float 2.0"}
    fast = gd.compile(gd.vmap(lambda x: 2.0 * model(x)))
    fast(np.ones(2))
    assert fast.stats()["captured"] == {"model": "Model", "model.rate": "float 2.0"}


def helper(x):
    return x * SETTINGS.deep.scale
