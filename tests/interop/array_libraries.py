"""Libraries that ask arrays for their namespace, on nodes: run by the test beside."""

from __future__ import annotations

import json
import sys

import numpy as np

import chainrule as gd

X = np.sin(np.arange(12.0) ** 1.3).reshape(4, 3) + 0.3
Y = np.cos(np.arange(12.0) ** 1.2).reshape(4, 3)


def of_einops():
    """Return calls of einops, by its module for array APIs."""
    from einops import array_api as einops

    return {
        "rearrange": lambda x: einops.rearrange(x, "(a b) c -> c a b", a=2),
        "reduce": lambda x: einops.reduce(x, "(a b) c -> a c", "mean", a=2),
        "largest": lambda x: einops.reduce(x, "a b -> b", "max"),
        "repeat": lambda x: einops.repeat(x, "a b -> a b c", c=2),
        "pack": lambda x: einops.pack([x, x[0]], "* c")[0],
        "unpack": lambda x: einops.unpack(x, [[1], [3]], "* c")[1],
    }


def of_opt_einsum():
    """Return calls of opt_einsum."""
    import opt_einsum

    expression = opt_einsum.contract_expression("ab,cb->ac", X.shape, Y.shape)
    return {
        "contract": lambda x: opt_einsum.contract("ab,cb,cd->ad", x, Y, x),
        "plain first": lambda x: opt_einsum.contract("ab,cb->ac", Y, x),
        "expression": lambda x: expression(x, Y),
        "trace": lambda x: opt_einsum.contract("aa->a", x[:3]),
    }


def of_sklearn():
    """Return calls of scikit-learn."""
    import sklearn
    from sklearn import decomposition, metrics, preprocessing

    sklearn.set_config(array_api_dispatch=True)
    pairs = metrics.pairwise
    return {
        "cosine_similarity": pairs.cosine_similarity,
        "rbf_kernel": lambda x: pairs.rbf_kernel(x, gamma=0.5),
        "StandardScaler": lambda x: preprocessing.StandardScaler().fit_transform(x),
        "MinMaxScaler": lambda x: preprocessing.MinMaxScaler().fit_transform(x),
        "normalize": preprocessing.normalize,
        "PCA": lambda x: decomposition.PCA(1, svd_solver="full").fit_transform(x),
    }


LIBRARIES = {"einops": of_einops, "opt_einsum": of_opt_einsum, "sklearn": of_sklearn}


def main(library):
    """Check each call of a library, eager and compiled; print what was wrong."""
    wrong = {}
    for name, call in LIBRARIES[library]().items():

        def f(x, call=call):
            z = call(x)
            return np.sum(np.cos(np.arange(z.size)).reshape(z.shape) * z**2)

        try:
            assert isinstance(call(gd.node(X)), gd.node)
            gd.check_gradients(f, (X,), order=1, rtol=1e-5)
            slope = gd.grad(f)
            np.testing.assert_allclose(gd.compile(slope)(X), slope(X), rtol=1e-9)
        except Exception as error:
            wrong[name] = f"{type(error).__name__}: {error}"
    print(json.dumps(wrong))


if __name__ == "__main__":
    main(sys.argv[1])
