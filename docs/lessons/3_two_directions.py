# %% [markdown]
# # 3. Two directions
#
# A function with `n` inputs and `m` outputs has `m` times `n` partial derivatives, its
# *Jacobian* `J`. If the function is a chain of steps, `J` is a product of matrices, one
# for each step: `J = J3 @ J2 @ J1`. Its product with a vector can be computed from
# either end:
#
# - `J3 @ (J2 @ (J1 @ v))` begins at the inputs: the **forward** direction.
# - `((u @ J3) @ J2) @ J1` begins at the outputs: the **reverse** direction.
#
# Each step only has to multiply a vector by its own local derivatives. The matrices
# need not be formed.

# %%
import timeit

import numpy as np

import chainrule as gd


def f(x):
    """Three numbers in, two out."""
    distance = np.sqrt(np.sum(x * x))
    return np.stack([np.log(distance), x[0] * x[1] * x[2]])


x = np.array([1.0, 2.0, 2.0])
J = gd.jacobian(f)(x)
print(J.round(4))
# > [[0.1111 0.2222 0.2222]
# >  [4.     2.     2.    ]]

# %% [markdown]
# `gd.jvp` is the forward direction. It answers: *if the inputs move along `v`, how do
# all outputs move?* With `v = (1, 0, 0)` that is the first column of `J`.
#
# `gd.vjp` is the reverse one. Give each output a weight, in `u`; then it answers: *how
# much does the weighted sum depend on every input?* With `u = (0, 1)` that is the last
# row.

# %%
v, u = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0])
value, tangent = gd.jvp(f, (x,), (v,))
value, pullback = gd.vjp(f, x)
(cotangent,) = pullback(u)
print(tangent.round(4), cotangent.round(4))
# > [0.1111 4.    ] [4. 2. 2.]

# %% [markdown]
# Both belong to the same matrix, so `u @ (J @ v)` must equal `(u @ J) @ v` for any two
# vectors. This checks one direction against the other, and the tests of this library
# use it on every operation.

# %%
rng = np.random.default_rng(0)
v, u = rng.normal(size=3), rng.normal(size=2)
_, tangent = gd.jvp(f, (x,), (v,))
(cotangent,) = pullback(u)
print(np.isclose(u @ tangent, cotangent @ v))
# > True

# %% [markdown]
# ## One step in each direction
#
# At `z = x * y` the forward sweep computes `z_dot = y * x_dot + x * y_dot` from what
# the operands bring. The reverse sweep adds `y * z_grad` to `x_grad` and `x * z_grad`
# to `y_grad`. The local derivatives are the same. Here is the forward sweep of a
# function of two numbers, both of which move by 1:


# %%
def g(x, y):
    return np.log(x) + x * y


print(gd.explain(g, mode="forward")(2.0, 3.0))
# > g(x = 2, y = 3) = 6.69315
# > ...
# > v2 ... multiply(x, y)  6 ... 5 ... (y = 3) * 1 from x
# > ... + (x = 2) * 1 from y
# > ...

# %% live
gd.explain(g, mode="forward")(2.0, 3.0)

# %% [markdown]
# ## What each costs
#
# A forward sweep gives one column of `J`, so all of it takes `n` sweeps. A reverse
# sweep gives one row, so it takes `m`. A loss has many inputs and a single output: its
# whole gradient is one row. That one sweep costs a small multiple of computing the
# loss, however many inputs there are.
#
# The reverse sweep pays with memory. It begins at the end, so the values of all steps
# must be kept until then. (Forward derivatives can be computed along with the values
# and need no such store. This library sweeps the recording in both directions, which
# keeps one rule for both; so here forward takes the memory too.)


# %%
def loss(x):
    return np.sum(np.sin(x) * x)


def forward_gradient(x):
    return np.array([gd.jvp(loss, (x,), (v,))[1] for v in np.eye(len(x))])


def seconds(run, x):
    return min(timeit.repeat(lambda: run(x), number=1, repeat=3))


sizes = [1, 4, 16, 64, 256, 1024]
inputs = [rng.normal(size=n) for n in sizes]
forward = [seconds(forward_gradient, x) for x in inputs]
reverse = [seconds(gd.grad(loss), x) for x in inputs]
print(
    "the same:", all(np.allclose(forward_gradient(x), gd.grad(loss)(x)) for x in inputs)
)
print("reverse is faster for 1024 inputs:", reverse[-1] < forward[-1] / 10)
# > the same: True
# > reverse is faster for 1024 inputs: True

# %% picture
from pathlib import Path

from matplotlib.figure import Figure

Path("demo_output").mkdir(exist_ok=True)
figure = Figure(figsize=(6, 3), layout="constrained")
axes = figure.subplots()
axes.loglog(sizes, forward, "o-", label="n forward sweeps")
axes.loglog(sizes, reverse, "o-", label="one reverse sweep")
axes.set(xlabel="number of inputs n", ylabel="seconds for the gradient")
axes.legend()
figure.savefig("demo_output/directions.svg")

# %% [markdown]
# ![Forward sweeps take longer the more inputs there are](demo_output/directions.svg)
#
# ## Both at once
#
# The derivative of the gradient along `v` is the Hessian times `v`. The gradient is a
# reverse sweep; its derivative along *one* direction is a forward sweep over that.
# `hvp` does this, again without forming the matrix.

# %%
x, v = rng.normal(size=4), rng.normal(size=4)
_, by_hand = gd.jvp(gd.grad(loss), (x,), (v,))
(product,) = gd.hvp(loss, (x,), (v,))
print(np.allclose(product, by_hand), np.allclose(product, gd.hessian(loss)(x) @ v))
# > True True

# %% [markdown]
# ## Exercises
#
# 1. The curve `(cos t, sin t, t)` has one input and three outputs. Which direction
#    gives its velocity in one sweep? Compute it at `t = 1`.
# 2. The map from `(r, angle)` to `(x, y)` stretches areas by the determinant of its
#    Jacobian. Show that the factor is `r`.


# %% answer
def curve(t):
    return np.stack([np.cos(t), np.sin(t), t])


_, velocity = gd.jvp(curve, (1.0,), (1.0,))  # forward: one column is all there is
assert np.allclose(velocity, [-np.sin(1.0), np.cos(1.0), 1.0])


# %% answer
def cartesian(polar):
    r, angle = polar
    return np.stack([r * np.cos(angle), r * np.sin(angle)])


assert np.isclose(np.linalg.det(gd.jacobian(cartesian)(np.array([2.5, 0.7]))), 2.5)
