"""Programs of HIPS autograd, as they are: chainrule under the name ``autograd``.

In: a program that imports ``autograd``. Out: the same program, run by chainrule. After
``install_as_autograd()`` every ``import autograd`` is served by the modules of
``chainrule.compat.autograd``: nodes that call themselves ``ArrayBox``, and thin
functions over ``chainrule``'s own. ``python -m chainrule.compat program.py`` runs a
program so, and ``pytest -p chainrule.compat.pytest_plugin`` its tests.

>>> from chainrule import compat
>>> compat.install_as_autograd()
>>> import autograd.numpy as np
>>> from autograd import grad
>>> grad(np.tanh)(0.0)
np.float64(1.0)
>>> compat.uninstall_autograd()
"""

from chainrule.compat.serving import install_as_autograd, uninstall_autograd

__all__ = ["install_as_autograd", "uninstall_autograd"]
