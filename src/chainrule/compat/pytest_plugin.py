"""``pytest -p chainrule.compat.pytest_plugin``: tests that import autograd, on ours.

A filter of warnings in pytest's configuration that names a class of a package imports
that package before any plugin. Then ``python -m chainrule.compat -m pytest`` serves.
"""

from chainrule.compat.serving import install_as_autograd
from chainrule.errors import ArgumentError

try:
    install_as_autograd()
except ArgumentError as _error:
    raise ArgumentError(
        f"{_error} pytest has imported it, for a filter of warnings perhaps: "
        "run python -m chainrule.compat -m pytest, without this plugin."
    ) from None
