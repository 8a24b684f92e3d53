"""Every derivative rule, one small class each, by topic.

In: nothing; the modules declare. Out: rule classes, each found here by its name:
``from chainrule.operations_grad import multiplication_grad``. A docstring is the rule's
formula; what each kind of rule must declare is in ``chainrule.rules``.
"""

import importlib
from typing import Any

_MODULES = (
    "arithmetic bits complex_parts contraction convolution determinants eigenvalues "
    "einsum exponentials fourier hyperbolic indexing linalg logic norms positions "
    "products reductions roots rounding selection shaping singular_values special "
    "structure trigonometry windows"
).split()


def __getattr__(name: str) -> Any:
    """Find a rule in the modules of this package."""
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name.endswith("_grad"):
        for module in _MODULES:
            operation = getattr(
                importlib.import_module(f"{__name__}.{module}"), name, None
            )
            if operation is not None and operation.__module__ == f"{__name__}.{module}":
                return operation
    raise AttributeError(
        f"chainrule.operations_grad has no rule {name!r}; dir() lists those it has"
    )


def __dir__() -> list[str]:
    """List the modules and the rules."""
    from chainrule.rules import REGISTRY

    own = [r.__name__ for r in REGISTRY if r.__module__.startswith(__name__)]
    return sorted([*_MODULES, *own])
