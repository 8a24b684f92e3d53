"""``pytest -p chainrule.compat.pytest_plugin``: tests that import autograd, on ours."""

from chainrule.compat.serving import install_as_autograd

install_as_autograd()
