"""The alias: what programs of autograd rely on, beside the names."""

import functools
import importlib
import json
import os
import subprocess
import sys
import threading
import types

import numpy as onp
import pytest

import chainrule as gd
from chainrule import compat
from chainrule.compat.checking import is_here, names_used, report
from chainrule.errors import ArgumentError


@pytest.fixture(autouse=True)
def alias():
    compat.install_as_autograd()
    yield
    compat.uninstall_autograd()


def ag(name):
    return importlib.import_module(f"autograd{name}")


# ------------------------------------------------------------------------ the modules


MODULES = """ .builtins .core .differential_operators .extend .misc .misc.fixed_points
.misc.flatten .misc.optimizers .misc.tracers .numpy .numpy.fft .numpy.linalg
.numpy.numpy_boxes .numpy.numpy_jvps .numpy.numpy_vjps .numpy.numpy_vspaces
.numpy.numpy_wrapper .numpy.random .scipy .scipy.integrate .scipy.linalg .scipy.special
.scipy.misc .scipy.signal .scipy.stats .scipy.stats.norm .test_util .tracer .util
.wrap_util""".split()


@pytest.mark.parametrize("name", ["", *MODULES])
def test_each_module_is_served_and_is_one_object_under_both_names(name):
    assert ag(name) is importlib.import_module(f"chainrule.compat.autograd{name}")
    assert ag(name).__spec__.name == f"chainrule.compat.autograd{name}"


def test_a_bare_import_reaches_the_submodules():
    import autograd

    assert autograd.extend.primitive
    assert autograd.numpy.linalg.solve
    assert importlib.import_module("autograd.scipy").special.expit(0.0) == 0.5
    operators = autograd.differential_operators
    assert operators.unary_to_nary
    assert operators.vspace
    assert operators._make_vjp


def test_installing_twice_is_once_and_uninstalling_restores():
    compat.install_as_autograd()
    ag("")
    compat.uninstall_autograd()
    assert "autograd" not in sys.modules
    compat.install_as_autograd()
    assert ag("").grad(lambda x: x * x)(3.0) == 6.0


def test_packages_have_the_names_of_autograds_as_long_as_they_are_served():
    for name in ("", ".misc", ".scipy", ".scipy.stats", ".numpy"):
        module = ag(name)
        assert module.__name__ == f"autograd{name}"
    assert ag(".numpy.testing") is onp.testing
    assert onp.testing.__name__ == "numpy.testing"
    compat.uninstall_autograd()
    assert module.__name__ == "chainrule.compat.autograd.numpy"
    assert importlib.import_module(module.__name__) is module


def test_numbers_that_unflatten_returns_have_a_shape():
    vector, unflatten = ag(".misc").flatten({"a": 2.0, "b": (onp.ones(2), 3.0)})
    for tree in (unflatten(vector), unflatten(vector.tolist())):
        assert tree["a"] == 2.0
        assert tree["a"].shape == tree["b"][1].shape == ()


def test_another_autograd_that_was_imported_before_is_named_with_its_importer():
    compat.uninstall_autograd()
    other = types.ModuleType("autograd")
    program = types.ModuleType("a_program_of_ours")
    program.autograd = other
    sys.modules |= {"autograd": other, "a_program_of_ours": program}
    try:
        with pytest.raises(gd.errors.ArgumentError, match="by a_program_of_ours"):
            compat.install_as_autograd()
    finally:
        del sys.modules["autograd"], sys.modules["a_program_of_ours"]


def test_a_program_and_the_tests_of_one_run_unchanged(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\nimport autograd.numpy as np\nfrom autograd import grad\n"
        "def test_it():\n    assert grad(np.tanh)(0.0) == 1.0\n"
        "if __name__ == '__main__':\n    print(grad(np.sin)(0.0), sys.argv[1:])\n"
    )
    run = [sys.executable, "-m"]
    done = subprocess.run(
        [*run, "chainrule.compat", program, "a"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "1.0 ['a']\n", done.stderr
    done = subprocess.run(
        [
            *run,
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "chainrule.compat.pytest_plugin",
            program,
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_tests_whose_filters_of_warnings_import_the_program_are_run_by_the_command(
    tmp_path,
):
    (tmp_path / "program.py").write_text(
        "from autograd import grad\nclass Warned(UserWarning):\n    pass\n"
    )
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings =\n    ignore::program.Warned\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import program\ndef test_it():\n"
        "    assert program.grad(lambda x: x**2)(3.0) == 6.0\n"
    )
    (tmp_path / "autograd.py").write_text("grad = None\n")
    run, quiet = [sys.executable, "-m"], ["-q", "-p", "no:cacheprovider"]
    plugin = ["-p", "chainrule.compat.pytest_plugin"]
    space = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    options = {"capture_output": True, "text": True, "cwd": tmp_path, "env": space}
    done = subprocess.run([*run, "pytest", *quiet, *plugin], **options, check=False)
    assert "run python -m chainrule.compat -m pytest" in done.stdout + done.stderr
    command = [*run, "chainrule.compat", "-m", "pytest", *quiet]
    done = subprocess.run(command, **options, check=False)
    assert "1 passed" in done.stdout, done.stdout


def test_a_program_is_checked_for_the_names_that_it_uses():
    text = (
        "import autograd.numpy as np\nfrom autograd.core import forward_pass as f\n"
        "from autograd import grad\nnp.sum(np.zeros(3)).real\nnp.linalg.solve\n"
    )
    used = names_used(text)
    assert {"autograd.numpy.sum", "autograd.numpy.linalg.solve"} <= used
    assert [n for n in used if not is_here(n)] == ["autograd.core.forward_pass"]


PROGRAMS = {
    "bom": (b"\xef\xbb\xbffrom autograd import grad\n", "have  autograd.grad"),
    "coding": (
        b"# coding: latin-1\nimport autograd.numpy as np\ns = '\xe9'\nnp.sin\n",
        "have  autograd.numpy.sin",
    ),
    "star": (b"from autograd.numpy import *\nsin(1)\n", "have  autograd.numpy.sin"),
    "module": (b"import autograd.nonsense\n", "LACK  autograd.nonsense"),
    "part": (b"import autograd.scipy.special\n", "have  autograd.scipy.special"),
    "others": (b"from autograd_gamma import x\nfrom .autograd import y\n", ""),
    "empty": (b"", ""),
    "text": (b"def f(:\n", "cannot be read"),
    "nulls": (b"\x00", "cannot be read"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_of_all_kinds_are_checked(name, tmp_path, capsys):
    text, said = PROGRAMS[name]
    (tmp_path / "program.py").write_bytes(text)
    status = report([str(tmp_path)])
    written = capsys.readouterr().out
    assert said in written
    assert (status == 0) == ("LACK" not in written and "read" not in written)
    assert bool(written) == bool(said)


def test_notebooks_are_checked_and_what_is_not_there_is_said(tmp_path, capsys):
    code = ["import autograd as ag\n", "%matplotlib inline\n", "ag.grad"]
    cells = [{"cell_type": "code", "source": code}, {"cell_type": "markdown"}]
    (tmp_path / "book.ipynb").write_text(json.dumps({"cells": cells}))
    (tmp_path / "none.ipynb").write_text("{}")
    assert report([str(tmp_path / "book.ipynb")]) == 0
    assert "have  autograd.grad" in capsys.readouterr().out
    assert report([str(tmp_path / "none.ipynb"), str(tmp_path / "absent.py")]) == 1
    assert capsys.readouterr().out.count("cannot be read") == 2


# ---------------------------------------------------------------------------- the box


def test_the_node_is_autograds_box():
    seen = []
    ag("").grad(lambda x: (seen.append(x), x * x)[1])(3.0)
    box = seen[0]
    kind = ag(".numpy.numpy_boxes").ArrayBox
    assert type(box) is kind
    assert isinstance(box, gd.node)
    assert (kind.__module__, kind.__name__) == (
        "autograd.numpy.numpy_boxes",
        "ArrayBox",
    )
    assert str(box) == "Autograd ArrayBox with value 3.0"
    assert box._value == 3.0
    assert hash(box) == hash(box)
    assert ag(".tracer").isbox(box)


def test_every_result_is_a_box():
    np = ag(".numpy")
    kind = ag(".numpy.numpy_boxes").ArrayBox

    def f(x):
        parts = [x + 1, 2 * x, -x, x[0], x.T, np.sin(x), onp.cos(x), np.sum(x)]
        parts += [np.array([x[0], 1.0]), x.reshape(1, 3), np.concatenate([x, x])]
        parts += [np.linalg.norm(x), onp.ones(3) * x, np.float64(2) * x, np.var(x)]
        assert all(type(p) is kind for p in parts)
        return sum(np.sum(p) for p in parts)

    ag("").grad(f)(onp.arange(3.0) + 1)
    ag("").grad(lambda x: ag("").grad(f)(x)[0])(onp.arange(3.0) + 1)


def test_an_array_plus_a_node_in_place_is_bound_anew():
    def f(x):
        a = onp.ones(2)
        b = a
        a += x
        a *= x
        assert onp.all(b == 1.0)
        return ag(".numpy").sum(a)

    assert ag("").grad(f)(onp.array([1.0, 2.0])).tolist() == [3.0, 5.0]


def test_buffers_of_the_alias_take_nodes():
    def f(x):
        a = ag(".numpy").zeros(2)
        a[0] = x
        a += x
        return a[0] * a[1]

    assert ag("").grad(f)(3.0) == 12.0


class own(onp.ndarray):
    """An array whose ufuncs are its own, and that swallows a refusal."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        plain = [x.view(onp.ndarray) if isinstance(x, own) else x for x in inputs]
        return onp.array(super().__array_ufunc__(ufunc, method, *plain, **kwargs))


def test_arrays_with_ufuncs_of_their_own_give_way_to_nodes():
    boxes, core = ag(".numpy.numpy_boxes"), ag(".core")
    boxes.ArrayBox.register(own)
    core.VSpace.register(own, core.VSpace.mappings[onp.ndarray])
    a = onp.array([2.0, 3.0]).view(own)
    for f in (lambda x: a * x, lambda x: x * a, lambda x: onp.multiply(a, x)):
        slope = ag("").grad(lambda x, f=f: ag(".numpy").sum(f(x)))(onp.ones(2))
        assert slope.tolist() == [2.0, 3.0]
    assert ag("").grad(lambda x: ag(".numpy").sum(x * x))(a).tolist() == [4.0, 6.0]


class metres(onp.ndarray):
    """An array whose class says nothing of ufuncs."""


class litres(own):
    """An array whose ufuncs are its own, of a class that nobody has registered."""


@pytest.mark.parametrize("kind", [metres, litres])
@pytest.mark.parametrize("name", ["dot", "inner", "outer", "kron", "concatenate"])
def test_functions_take_arrays_of_subclasses_by_their_values(name, kind):
    plain = onp.array([2.0, 3.0])

    def slope(function, a, grad):
        pair = name == "concatenate"
        combined = (lambda x: function([a, x])) if pair else lambda x: function(a, x)
        return grad(lambda x: onp.sum(combined(x) ** 2))(onp.array([5.0, 7.0]))

    theirs = ag("").grad
    for function in (getattr(ag(".numpy"), name), getattr(onp, name)):
        by_values = slope(function, plain.view(kind), theirs)
        assert by_values.tolist() == slope(function, plain, theirs).tolist()
        with pytest.raises(ArgumentError, match="mask would be lost"):
            slope(function, onp.ma.array(plain, mask=[True, False]), theirs)
    with pytest.raises(ArgumentError, match=kind.__name__):
        slope(getattr(onp, name), plain.view(kind), gd.grad)


def test_a_program_may_refuse_values_of_a_class():
    class fixed(onp.ndarray):
        pass

    class RefusedError(Exception):
        pass

    def refuse(x, *rest):
        raise RefusedError

    ag(".tracer").Box.type_mappings[fixed] = refuse
    with pytest.raises(RefusedError):
        ag("").grad(lambda x: x[0])(onp.ones(2).view(fixed))


def test_threads_have_traces_of_their_own():
    np, slopes = ag(".numpy"), {}

    def work(i):
        for _ in range(20):
            slopes[i] = ag("").grad(lambda x: np.sum(np.sin(x) * i))(onp.zeros(3))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(slopes[i].tolist() == [float(i)] * 3 for i in range(4))


# ---------------------------------------------------------------------------- the names


def test_every_public_name_of_numpy_is_there_and_all_can_be_wrapped():
    np = ag(".numpy")
    names = [n for n in dir(onp) if not n.startswith("_")]
    modules = {n for n in names if isinstance(getattr(onp, n), types.ModuleType)}
    assert not set(names) - modules - {"test"} - set(vars(np))
    for name, function in vars(np).items():
        if callable(function) and not isinstance(function, type):
            assert hasattr(function, "__name__") or name.startswith("_"), name
            assert not name.startswith("__"), name
    space = {}
    exec("from autograd.numpy import *", space)
    assert space["sin"] is np.sin
    assert space["errstate"] is onp.errstate
    assert np.abs is np.absolute
    assert np.testing is onp.testing


def test_what_stacks_takes_all_that_can_be_gone_through():
    np = ag(".numpy")
    pair = {"a": onp.ones(2), "b": onp.zeros(2)}
    for stacked in (np.stack, np.vstack, np.hstack, np.concatenate, np.column_stack):
        wanted = stacked([pair["a"], pair["b"]])
        assert onp.array_equal(stacked(pair.values()), wanted)
        assert onp.array_equal(stacked(iter(pair.values())), wanted)
        ones = ag("").grad(lambda x, f=stacked: np.sum(f(v + x for v in pair.values())))
        assert ones(0.0) == 4.0
    chosen = np.select(iter([onp.array([True, False])]), iter([onp.ones(2)]))
    assert chosen.tolist() == [1.0, 0.0]


def test_arrays_are_numpys_own_but_those_that_programs_fill():
    np = ag(".numpy")
    made = [np.array([1.0]), np.array(onp.ones(1)), np.arange(2.0), np.eye(2)]
    made += [np.linspace(0.0, 1.0, 3), np.copy(np.zeros(2)), np.array(np.zeros(2))]
    assert {type(a) for a in made} == {onp.ndarray}
    assert np.array(2.0, dtype=onp.float32).dtype == onp.float32
    boxes = ag("").grad(lambda x: np.sum(np.array([x, x**2], dtype=object).ravel()))
    assert boxes(3.0) == 7.0
    grad = ag("").grad(lambda x: np.sum(np.array([x, 1.0]) * np.copy(onp.ones(2)) * x))
    assert grad(2.0) == 5.0


def test_every_function_of_numpy_can_be_wrapped():
    wrapped = {}
    for name, function in vars(ag(".numpy")).items():
        if callable(function) and not isinstance(function, type):

            @functools.wraps(function)
            def outer(*args, function=function, **kwargs):
                return function(*args, **kwargs)

            wrapped[name] = outer
    x = onp.array([0.5, 2.0])
    f = lambda x: wrapped["sum"](wrapped["sin"](x) * wrapped["array"]([x[0], 1.0]))  # noqa: E731
    wanted = [onp.cos(0.5) * 0.5 + onp.sin(0.5), onp.cos(2.0)]
    assert onp.allclose(ag("").grad(f)(x), wanted)


def test_what_is_not_differentiable_of_scipys_distributions_is_kept():
    norm = ag(".scipy.stats.norm")
    assert norm.rvs(size=3, random_state=0).shape == (3,)
    assert norm.interval(0.5)[1] == pytest.approx(0.6744897501960817)
    assert ag("").grad(norm.logpdf)(1.5) == -1.5
    assert ag(".scipy.stats").norm is norm
    assert (
        ag(".numpy.random").RandomState(0).randn() == onp.random.RandomState(0).randn()
    )


def test_where_keeps_pythons_numbers():
    np = ag(".numpy")
    assert type(np.where(True, 1, 2)) is int
    assert np.where([True], [1], y=[2]) == [1]
    assert ag("").grad(lambda x: np.where(x > 0, x, 0.0))(2.0) == 1.0
    assert np.r_[onp.ones(1), 2.0].tolist() == [1.0, 2.0]
    assert ag("").grad(lambda x: np.sum(np.r_[x, 1.0] ** 2))(3.0) == 6.0


def test_the_complex_convention_is_autograds():
    f = lambda z: ag(".numpy").real(z * z)  # noqa: E731
    assert ag("").grad(f)(1.0 + 2.0j) == onp.conj(gd.grad(f)(1.0 + 2.0j)) == 2 + 4j
    assert ag("").holomorphic_grad(lambda z: z**2)(1j) == 2j


def test_containers_come_back_in_their_class():
    builtins, grad = ag(".builtins"), ag("").grad

    def f(p):
        assert builtins.isinstance(p, builtins.dict)
        assert isinstance(p, builtins.DictBox)
        assert isinstance(p["b"], builtins.tuple)
        assert builtins.type(p["b"][0]) is float
        return p["a"] * p["b"][0] ** 2

    assert grad(f)({"a": 2.0, "b": (3.0,)}) == {"a": 9.0, "b": (12.0,)}
    assert isinstance([], builtins.list)
    assert not isinstance([], builtins.SequenceBox)
    assert grad(lambda x: x[1:][0] ** 2)([1.0, 2.0]) == [0.0, 4.0]


def test_flat_vectors_and_optimizers():
    misc, optimizers = ag(".misc"), ag(".misc.optimizers")
    p = {"b": onp.eye(2), "a": [1.0, (2.0,)]}
    whole, of_whole = misc.flatten({"z": 1 + 2j, "x": [3.0, onp.ones((1, 1))]})
    assert of_whole(2 * whole) == {"z": 2 + 4j, "x": [6.0, onp.full((1, 1), 2.0)]}
    square = ag("").grad(lambda v: ag(".numpy").sum(of_whole(v)["x"][1] ** 2) / v[0])
    assert square(onp.array([2.0, 3.0, 0.0])).tolist() == [-2.25, 3.0, 0.0]
    vector, back = misc.flatten(p)
    assert vector.tolist() == [1.0, 2.0, 1.0, 0.0, 0.0, 1.0]
    assert back(vector)["a"] == [1.0, (2.0,)]
    for name in ("sgd", "rmsprop", "adam"):
        optimize = getattr(optimizers, name)
        best = optimize(lambda x, i: [2 * x[0]], [1.0], num_iters=300, step_size=0.02)
        assert abs(best[0]) < 0.1


def test_other_ways_to_derivatives():
    a, np = ag(""), ag(".numpy")
    x, v = onp.array([1.0, 2.0]), onp.array([1.0, -1.0])
    f = lambda x: np.sum(x**3) * x[0]  # noqa: E731
    H = gd.hessian(f)(x)
    assert onp.allclose(a.hessian(f)(x), H)
    assert onp.allclose(a.hessian_vector_product(f)(x, v), H @ v)
    assert onp.allclose(a.make_hvp(f)(x)[0](v), H @ v)
    assert onp.allclose(a.make_ggnvp(lambda x: x * 2.0)(x)(v), 4 * v)
    assert a.grad_and_aux(lambda x: (x * x, x + 1))(3.0)[0] == 6.0
    assert a.deriv(np.sin)(0.0) == 1.0
    assert a.grad_named(f, "x")(x).shape == (2,)
    assert a.jacobian(lambda x: np.outer(x, x))(x).shape == (2, 2, 2)
    both = a.multigrad_dict(lambda a, b=2.0: a * b)(3.0)
    assert both == {"a": 2.0, "b": 3.0}
    with pytest.raises(TypeError, match="real scalar-output"):
        a.grad(lambda x: x * 2)(x)
    with pytest.warns(UserWarning, match="independent"):
        assert a.grad(lambda x: 1.0)(2.0) == 0.0


def test_whole_numbers_that_are_only_moved_stay_whole_numbers():
    make_vjp = ag(".core").make_vjp
    head = onp.array([5, 6, 2**63 + 1], dtype=onp.uint64)
    vjp, part = make_vjp(lambda x: x[1:], head)
    assert part.dtype == head.dtype
    assert part.tolist() == [6, 2**63 + 1]
    cotangent = vjp(onp.array([2**60 + 1, 2**63 + 3], dtype=onp.uint64))
    assert cotangent.dtype == head.dtype
    assert cotangent.tolist() == [0, 2**60 + 1, 2**63 + 3]
    assert vjp(onp.array([0.5, 0.5])).tolist() == [0.0, 0.5, 0.5]
    vjp, part = make_vjp(lambda parts: parts[1], [head, head])
    assert part.tolist() == head.tolist()
    assert [g.tolist() for g in vjp(head)] == [[0, 0, 0], head.tolist()]


def test_whole_numbers_that_are_computed_with_are_floats():
    np, autograd = ag(".numpy"), ag("")
    whole = onp.array([3, 4])
    for f, expected in [
        (lambda x: np.sum(x * x), [6.0, 8.0]),
        (lambda x: x[0], [1.0, 0.0]),
    ]:
        found = autograd.grad(f)(whole)
        assert found.dtype == float
        assert found.tolist() == expected


def test_what_rules_of_programs_take_from_autograds():
    np, extend = ag(".numpy"), ag(".extend")
    vjps, jvps = ag(".numpy.numpy_vjps"), ag(".numpy.numpy_jvps")
    scaled = extend.primitive(lambda x, y: x * y)
    extend.defvjp(
        scaled,
        lambda ans, x, y: vjps.unbroadcast_f(x, lambda g: g * y),
        lambda ans, x, y: vjps.unbroadcast_f(y, lambda g: g * x),
    )
    extend.defjvp(
        scaled,
        lambda g, ans, x, y: jvps.broadcast(g * y, ans),
        lambda g, ans, x, y: jvps.broadcast(g * x, ans),
    )
    x, y = onp.arange(3.0), onp.arange(1.0, 7.0).reshape(2, 3)
    ag(".test_util").check_grads(scaled, modes=["fwd", "rev"], order=2)(x, y)
    g, count = vjps.repeat_to_match_shape(onp.ones(2), (2, 3), float, 1, None)
    assert (g.shape, count) == ((2, 3), 3)
    assert vjps.wrapped_reshape(y, 3, 2).shape == vjps.wrapped_reshape(y, (3, 2)).shape
    taken = vjps.untake(onp.ones(2), onp.array([0, 0]), extend.vspace(x))
    assert taken.mut_add(onp.zeros(3)).tolist() == [2.0, 0.0, 0.0]
    names: dict[str, object] = {}
    wrapper = ag(".numpy.numpy_wrapper")
    wrapper.wrap_namespace(vars(onp.linalg), names)
    assert names["inv"] is np.linalg.inv
    whole = wrapper.wrap_intdtype(onp.int16)
    assert ag("").grad(lambda x: x * whole(x))(2.5) == 2.0


def test_recorded_sweeps_over_boxes_take_the_steps_of_floats():
    grad, np = ag("").grad, ag(".numpy")
    seen = []

    def slope(x):
        seen.append(grad(lambda y: np.sin(y) * np.exp(y))(x))
        return seen[-1]

    assert abs(grad(slope)(0.5) - 2 * onp.exp(0.5) * onp.cos(0.5)) < 1e-14
    steps, waiting = [], [seen[0]]
    while waiting:
        z = waiting.pop()
        if z._step is not None and z.rule.__name__ != "identity_grad":
            steps.append(z._step.form)
        waiting += [x for x in z.operands if hasattr(x, "operands")]
    assert {form and form[0] for form in steps} == {"float"}
