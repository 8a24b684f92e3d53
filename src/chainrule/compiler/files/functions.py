"""Compiled functions in files: their signatures, programs and derivatives.

In: a ``Compiled``. Out: JSON, and from it a ``Loaded`` one, which runs these programs
and traces nothing. Its derivatives are programs of the file too, or else traced from
the rows (``replaying``).
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from inspect import Parameter
from typing import Any

import numpy as np

from chainrule.compiler.dispatch.calls import Call, derivative_of
from chainrule.compiler.dispatch.compiled import Compiled
from chainrule.compiler.dispatch.signature import (
    Arrangement,
    LeafSignature,
    Signature,
    describe_leaf,
    is_numeric,
    static_key,
    unlimited,
    unsigned,
)
from chainrule.compiler.dispatch.specialisation import Specialisation, Specialisations
from chainrule.compiler.executors.choice import EXECUTORS
from chainrule.compiler.files.arrangements import (
    constant_of,
    leaf_json,
    leaf_of,
    structure_of,
    tree_json,
    tree_of,
)
from chainrule.compiler.files.checked import Checked
from chainrule.compiler.files.errors import refuse, require
from chainrule.compiler.files.objects import object_json, object_of
from chainrule.compiler.files.programs import (
    Limits,
    function_value,
    is_keyword,
    program_json,
    program_of_json,
)
from chainrule.compiler.files.replaying import Replayed
from chainrule.compiler.files.values import Items, Json, Members, written
from chainrule.compiler.options import Options
from chainrule.compiler.tracing.rows import Row
from chainrule.errors import FileError
from chainrule.values.shapes import kind_of

# ---------------------------------------------------------------------------- writing


def function_json(compiled: Compiled) -> Json:
    """Return a compiled function as JSON; refuse one that a file cannot hold."""
    options = compiled.options
    return {
        "name": str(getattr(compiled, "__name__", "f")),
        "parameters": _parameters_json(compiled),
        "static": list(compiled.static),
        "options": {
            "executor": options.executor,
            "paths": options.paths,
            "fastmath": options.fastmath,
            "threads": options.threads,
            "max_programs": options.max_programs,
        },
        "programs": [
            _signature_json(compiled, known)
            for known in compiled.signatures.values()
            if known.paths
        ],
        "derivatives": [
            _derivative_json(key[0], derivative)
            for key, derivative in compiled.derivatives.items()
            if derivative.signatures
        ],
    }


def _parameters_json(compiled: Compiled) -> Json:
    """Return names, kinds and defaults; a default that is no constant is left out."""
    if compiled.parameters is None:
        return None
    found: list[Json] = []
    for x in compiled.parameters.parameters.values():
        parts: list[Json] = [x.name, x.kind.name]
        if compiled.static and x.default is not Parameter.empty:
            parts.append(written(x.default, function_value))
        elif x.default is not Parameter.empty:
            parts.append(None)
        found.append(parts)
    return found


def _arrangement_json(arrangement: Arrangement, leaves: Sequence[Json]) -> Json:
    return [tree_json(arrangement.structure, leaves), arrangement.named]


def _statics_json(statics: Mapping[str, Any]) -> Json:
    return [[k, written(x, function_value)] for k, x in statics.items()]


def _signature_json(compiled: Compiled, known: Specialisations) -> Json:
    signature = known.signature
    keywords = signature.constants()[1]
    if not all(map(is_keyword, keywords)):
        raise refuse(f"it is called with keywords that are no names: {list(keywords)}")
    arranged = _arrangement_json(
        signature.arrangement, [leaf_json(x) for x in signature.leaves]
    )
    if _arrangement_of(compiled, arranged)[0] != signature.arrangement:
        raise refuse("its arguments have an order of keys that cannot be repeated")
    return {
        "arguments": arranged,
        "static": _statics_json(signature.statics),
        "paths": [_path_json(path) for path in known.paths],
    }


def _path_json(path: Specialisation) -> Json:
    count = path.structure.num_leaves
    return {
        "result": tree_json(path.structure, [None] * count),
        "layouts": None if path.layouts is None else list(map(list, path.layouts)),
        **program_json(path.program, object_json),
    }


def _derivative_json(what: str, derivative: Compiled) -> Json:
    call: Call = derivative.f.args[1]  # type: ignore[attr-defined]
    arrangement = call.arrangement
    count = arrangement.structure.num_leaves
    return {
        "derivative": what,
        "positions": list(call.positions),
        "arguments": _arrangement_json(arrangement, [None] * count),
        "static": _statics_json(call.statics),
        "function": function_json(derivative),
    }


# ---------------------------------------------------------------------------- reading


class Loaded(Compiled):
    """A compiled function from a file, which holds its programs and not its Python."""

    max_bytes: int
    """How large a value may be."""

    def __reduce__(self) -> Any:
        """Pickle the text of a file."""
        from chainrule.compiler.files.saving import arrived, text_of

        return arrived, (text_of(self).encode(), self.max_bytes)

    def _specialise(
        self, known: Specialisations, leaves: Sequence[Any], *, exact: bool = False
    ) -> Specialisation | None:
        """Say that the file has no program for these arguments."""
        raise self.without_program(known.signature)

    def without_program(self, signature: Signature) -> FileError:
        """Return the error that the file has no program for some arguments."""
        received = _described(signature)
        others = [k for k in self.signatures.values() if k.paths]
        have = [_described(k.signature) for k in others]
        if received in have:
            return FileError(
                f"{self.__name__}{received}: these values take a path through the "  # type: ignore[attr-defined]
                "function's branches that is not in the file. Call the function with "
                "such values before gd.save."
            )
        shown = ", ".join(have[:8]) + (", ..." if len(have) > 8 else "")
        return FileError(
            f"The file has no program of {self.__name__}() for arguments "  # type: ignore[attr-defined]
            f"{received}; it has some for {shown or 'none'}. Call the function with "
            "such arguments before gd.save."
        )


def _described(signature: Signature) -> str:
    """Return the leaves of arguments for people."""
    parts = [describe_leaf(x) for x in signature.leaves]
    parts += [f"{k}={x!r}" for k, x in signature.statics.items()]
    return f"({', '.join(parts)})"


def function_of(x: Members, limits: Limits) -> Loaded:
    """Return the compiled function of JSON."""
    replayed = Replayed(_name_of(x["name"]), _parameters_of(x["parameters"]))
    static = [_name_of(k) for k in x["static"]]
    loaded = Loaded(replayed, static=static, options=limits.options)
    loaded.max_bytes = limits.bytes
    _fill(loaded, x, limits)
    replayed.loaded = loaded
    return loaded


def options_of(x: Members) -> Options:
    """Return the options of a file."""
    options = Options(
        x["executor"],
        x["paths"],
        fastmath=x["fastmath"],
        threads=x["threads"],
        max_programs=x["max_programs"],
    )
    require(options.executor in EXECUTORS, "no executor has that name")
    require(type(options.fastmath) is bool, "an option is neither way")
    threads: Any = 1 if options.threads == "auto" else options.threads
    for n in (options.paths, threads, options.max_programs):
        require(kind_of(n) is int and 0 < n < 2**31, "an option is no number")
    require(threads <= 1024, "there are too many threads")
    return options


def _fill(compiled: Compiled, x: Members, limits: Limits) -> None:
    """Give a function the programs of a file."""
    for part in x["programs"]:
        _enter(compiled, part, limits)
    for part in x["derivatives"]:
        what, positions = part["derivative"], part["positions"]
        require(what in ("pullback", "pushforward"), "a derivative is of no kind")
        arrangement, leaves = _arrangement_of(compiled, part["arguments"])
        require(
            positions == sorted(set(positions))
            and all(kind_of(i) is int and 0 <= i < len(leaves) for i in positions),
            "a derivative is of no arguments",
        )
        statics = _statics_of(part["static"])
        call = Call(
            compiled, tuple(positions), [None] * len(leaves), arrangement, statics
        )
        derivative = Compiled(
            derivative_of(call, what), static=(), options=limits.options
        )
        _fill(derivative, part["function"], limits)
        key = (what, call.positions, arrangement, static_key(statics))
        compiled.derivatives[key] = derivative


def _enter(compiled: Compiled, x: Members, limits: Limits) -> None:
    """Give a function the programs of a signature."""
    arrangement, contents = _arrangement_of(compiled, x["arguments"])
    leaves = [leaf_of(v) for v in contents]
    statics = _statics_of(x["static"])
    require(set(statics) == set(compiled.static), "static arguments are others")
    key = (*arrangement, static_key(statics) if statics else (), *leaves)
    signature = Signature(arrangement, leaves, statics)
    known = compiled.kept.of(key, lambda: signature)
    require(not known.paths, "a signature stands twice")
    require(x["paths"], "a signature has no program")
    for part in reversed(x["paths"]):
        compiled.kept.add(known, _path_of(part, signature, limits), known.paths)


def _path_of(x: Members, signature: Signature, limits: Limits) -> Specialisation:
    program = program_of_json(x, object_of, limits)
    numeric = [leaf for leaf in signature.leaves if is_numeric(leaf)]
    require(len(numeric) == len(program.inputs), "a program takes other arguments")
    for leaf, row in zip(numeric, program.inputs, strict=True):
        require(_is_like(leaf, row), "a program takes other arguments")
    leaves, structure = structure_of(tree_of(x["result"]))
    require(len(leaves) == len(program.outputs), "a result has other leaves")
    layouts = x["layouts"]
    if layouts is not None:
        layouts = tuple([tuple(map(int, v)) for v in layouts])
    choice = Checked(program, limits)
    return Specialisation(program, structure, choice, 0.0, layouts)


def _is_like(leaf: LeafSignature, row: Row) -> bool:
    """Tell whether an input is what the arguments of a signature are."""
    if leaf in (unsigned, unlimited):
        return row.number is int
    if isinstance(leaf, type):
        return row.number is leaf
    shape = () if leaf[0] is np.generic else leaf[0]
    return (row.shape, row.dtype, row.number) == (shape, leaf[1], None)


def _arrangement_of(compiled: Compiled, x: Items) -> tuple[Arrangement, list[Any]]:
    tree, named = tree_of(x[0]), x[1]
    require(kind_of(tree) is tuple and kind_of(named) is bool, "arguments are no tuple")
    parts: Any = tree if named else (tree, {})
    positional, keywords = parts
    require(kind_of(positional) is tuple and kind_of(keywords) is dict, "no arguments")
    require(all(map(is_keyword, keywords)), "a keyword is no name")
    contents, structure = structure_of(tree)
    orders = compiled.orders(positional, keywords)
    return Arrangement(structure, named, orders), contents


def _statics_of(x: Items) -> dict[str, Any]:
    return {_name_of(k): constant_of(v) for k, v in x}


def _name_of(x: str) -> str:
    require(kind_of(x) is str and len(x) < 200, "a name is no text")
    return x


def _parameters_of(x: Items | None) -> inspect.Signature | None:
    """Return the parameters of a function."""
    if x is None:
        return None
    found: list[Parameter] = []
    for name, kind, *default in x:
        given = constant_of(default[0]) if default else Parameter.empty
        found.append(Parameter(name, _KINDS[kind], default=given))
    return inspect.Signature(found)


_KINDS = {
    kind.name: kind
    for kind in (
        Parameter.POSITIONAL_ONLY,
        Parameter.POSITIONAL_OR_KEYWORD,
        Parameter.VAR_POSITIONAL,
        Parameter.KEYWORD_ONLY,
        Parameter.VAR_KEYWORD,
    )
}

__all__ = ["Loaded", "function_json", "function_of", "options_of"]
