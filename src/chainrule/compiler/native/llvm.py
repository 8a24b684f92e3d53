"""Machine code: modules of LLVM's text, compiled and called.

In: a ``Unit``. Out: ``Functions``, which are called with integers: addresses, and the
bounds of loops. Compiling takes some ten microseconds per instruction. It needs
llvmlite.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Iterable
from typing import Any

from chainrule.compiler.background import beside, pause
from chainrule.compiler.native import object_cache
from chainrule.compiler.native.c_library import address
from chainrule.compiler.native.expressions import function
from chainrule.compiler.native.text import Called, Piece, Unit
from chainrule.compiler.native.writer import DATA
from chainrule.locks import reentrant_lock
from chainrule.progress import waited

_COMPILING = reentrant_lock()

_LONG = 500_000
"""Characters of a text that LLVM takes a good part of a second for."""


@functools.cache
def available() -> bool:
    """Tell whether llvmlite can be imported, without importing it."""
    return importlib.util.find_spec("llvmlite") is not None and DATA > 0


def loaded() -> bool:
    """Tell whether this process has loaded LLVM."""
    return _llvm.cache_info().currsize > 0


# --------------------------------------------------------------------------- linking


@functools.cache
def _llvm() -> Any:
    """Return llvmlite's binding."""
    binding: Any = importlib.import_module("llvmlite.binding")
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@functools.cache
def _make_known(name: str) -> None:
    """Have native code find a function of the C library."""
    _llvm().add_symbol(name, address(name))


def compiled(text: str, effort: int) -> Any:
    """Return the engine that holds the machine code of a module.

    It is that of an earlier process, if one has kept it. Addresses are symbols in it,
    which are bound now: a text holds none.
    """
    llvm = _llvm()
    for name in _OF_C.findall(text, 0, text.find("define ")):
        _make_known(name)
    kind = f"{effort}, in registers"
    key = object_cache.key_of((text, kind, *_processor(), *_versions()))
    code = object_cache.read(key)
    if code is None:
        code = _object_code(text, effort)
        object_cache.write(key, code)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(effort))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


def _object_code(text: str, effort: int) -> bytes:
    """Return the object file that a text becomes."""
    is_long = len(text) > _LONG
    with (
        waited("machine code") if is_long else contextlib.nullcontext(),
        beside(),
        _llvm().parse_assembly(text) as module,
    ):
        machine = _compiling_machine(effort)
        if " = alloca " in text:
            _keep_in_registers(module, machine)
        return machine.emit_object(module)


def _keep_in_registers(module: Any, machine: Any) -> None:
    """Hold what a function keeps on its stack in registers, where it can be.

    Totals of short rows, which are added to once per row, wait for memory otherwise.
    """
    llvm = _llvm()
    if not hasattr(llvm, "create_new_module_pass_manager"):
        return  # llvmlite before 0.44
    passes = llvm.create_new_module_pass_manager()
    passes.add_sroa_pass()
    tuned = llvm.create_pipeline_tuning_options()
    passes.run(module, llvm.create_pass_builder(machine, tuned))


def _machine(effort: int) -> Any:
    """Return LLVM's description of this processor."""
    target: Any = _llvm().Target.from_default_triple()
    cpu, features = _processor()
    return target.create_target_machine(cpu=cpu, features=features, opt=effort)


_compiling_machine = functools.cache(_machine)
"""The one that compiles: it keeps some 700 KB from then on, whatever it compiles."""


@functools.cache
def _processor() -> tuple[str, str]:
    """Return the name and the features of this processor."""
    llvm = _llvm()
    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@functools.cache
def _versions() -> tuple[str, ...]:
    """Return what the code of a text depends on besides the processor."""
    llvm = _llvm()
    version = ".".join(map(str, llvm.llvm_version_info))
    packages = map(_version_of, ("llvmlite", "chainrule"))
    return *packages, version, llvm.get_process_triple()


def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # it is not installed, but there
        return ""


_OF_C = re.compile(
    r"^(?:declare (?:double|void|ptr) )?@(?!chainrule_)(\w+)(?:\(| = external)",
    re.MULTILINE,
)
_LINKED: dict[Called, Any] = {}


def link(called: Iterable[Called]) -> None:
    """Have functions of the library compiled, and known by their symbols."""
    unit, made = Unit(), dict[Called, Piece]()
    waiting = list(called)
    while waiting:
        key = waiting.pop()
        if key not in _LINKED and key not in made:
            found = made[key] = function(*key)
            unit.parts.append(found.text)
            unit.declare(found)
            waiting += found.called
    if made:
        engine = compiled(unit.text(defined=made), 2)
        for key, found in made.items():
            place = engine.get_function_address(found.result)
            _llvm().add_symbol(found.result, place)
            _LINKED[key] = engine


class Functions:
    """Functions in machine code; each keeps what it lies in alive."""

    def __init__(self, unit: Unit, effort: int) -> None:
        """Compile a unit."""
        pause()
        with _COMPILING:
            link(unit.called)
            self._engine: Any = compiled(unit.text(), effort)

    def address(self, name: str) -> int:
        """Return the address of a function."""
        return self._engine.get_function_address(name)

    def function(self, name: str, count: int) -> Any:
        """Return a function that takes so many addresses or integers."""
        kind = ctypes.CFUNCTYPE(None, *[ctypes.c_ssize_t] * count)
        found: Any = kind(self.address(name))
        found.engine = self._engine
        return found


__all__ = ["Functions", "available", "link", "loaded"]
