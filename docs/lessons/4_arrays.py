# %% [markdown]
# # 4. Arrays
#
# A node may hold a whole array. One operation on it is one vertex of the graph, however
# many numbers it works on. The chain rule is the same for each entry; what is new is
# that operations can spread one entry over many, or gather many into one.

# %%
import numpy as np

import chainrule as gd

# %% [markdown]
# ## Sums and broadcasting
#
# In `s = np.sum(x)` every entry of `x` moves `s` equally, so each receives the same
# cotangent: it is *spread*. In `x + b` with a single number `b`, the number is used
# once for every entry, and what comes back is *summed*, as for every value that is used
# often. One is the transpose of the other.

# %%
x = np.array([1.0, 2.0, 3.0])
_, pullback = gd.vjp(np.sum, x)
print("sum:", pullback(5.0))
_, pullback = gd.vjp(lambda b: x + b, 10.0)
print("broadcast:", pullback(np.array([1.0, 2.0, 3.0])))
# > sum: (array([5., 5., 5.]),)
# > broadcast: (6.0,)

# %% [markdown]
# ## Products of matrices
#
# In `z = A @ x` the entry `z[i]` is the sum of `A[i, j] * x[j]` over `j`. So its
# derivative in `A[i, j]` is `x[j]`, and in `x[j]` it is `A[i, j]`. Times the cotangent
# of the result, and for `x[j]` summed over all `i` that use it:
#
#     A_grad[i, j] = z_grad[i] * x[j]
#     x_grad[j] = sum over i of A[i, j] * z_grad[i]
#
# The first is an outer product, the second is `A.T @ z_grad`. Shapes help to remember
# it: a cotangent always has the shape of what it belongs to.

# %%
rng = np.random.default_rng(0)
A, x, z_grad = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=2)
_, pullback = gd.vjp(np.matmul, A, x)
A_grad, x_grad = pullback(z_grad)
print(np.allclose(A_grad, np.outer(z_grad, x)), np.allclose(x_grad, A.T @ z_grad))
# > True True

# %% [markdown]
# ## Linear regression
#
# Forty points lie near the plane `t = 2 x0 - x1 + 0.5`. We look for the weights `w` and
# the offset `b` with the least mean squared error. Here is the gradient, step by step.
# `summed over axis 0` is the broadcast of `b`.

# %%
X = rng.normal(size=(40, 2))
t = X @ np.array([2.0, -1.0]) + 0.5 + 0.3 * rng.normal(size=40)


def loss(w, b):
    error = X @ w + b - t
    return np.mean(error**2)


w, b = np.zeros(2), 0.0
print(gd.explain(loss)(w, b))
# > loss(w = (2,): 0 0, b = 0) = ...
# > ... dv2/db = 1 ...
# > ... summed over ...
# > ... w.grad = X.T @ ...
# > Result ...
# > w ... agrees
# > b ... agrees

# %% live
gd.explain(loss)(w, b)

# %% [markdown]
# On paper, with `n` points, the gradient is `2 / n * X.T @ error` in `w`, and `2 / n`
# times the sum of the errors in `b`.

# %%
w_grad, b_grad = gd.grad(loss, (0, 1))(w, b)
error = X @ w + b - t
print(np.allclose(w_grad, 2 / 40 * X.T @ error), np.isclose(b_grad, 2 * error.mean()))
# > True True

# %% [markdown]
# Gradient descent takes small steps against the gradient. The answer is known from
# linear algebra, so we can see that it arrives.

# %%
losses = []
for _ in range(60):
    value, (w_grad, b_grad) = gd.value_and_grad(loss, (0, 1))(w, b)
    losses.append(value)
    w, b = w - 0.2 * w_grad, b - 0.2 * b_grad

with_ones = np.column_stack([X, np.ones(40)])
exact = np.linalg.lstsq(with_ones, t)[0]
print("descent:", w.round(3), round(b, 3))
print("exact:  ", exact[:2].round(3), exact[2].round(3))
# > descent: [ 1.981 -0.965] 0.472
# > exact:   [ 1.981 -0.965] 0.472

# %% picture
from pathlib import Path

from matplotlib.figure import Figure

Path("demo_output").mkdir(exist_ok=True)
figure = Figure(figsize=(7, 3), layout="constrained")
left, right = figure.subplots(1, 2)
left.semilogy(losses)
left.set(xlabel="step", ylabel="mean squared error")
right.plot(t, X @ w + b, "o")
right.axline((0, 0), slope=1, color="grey")
right.set(xlabel="t", ylabel="fitted")
figure.savefig("demo_output/regression.svg")

# %% [markdown]
# ![The error falls, and the fitted values follow the data](demo_output/regression.svg)
#
# ## Exercises
#
# 1. What does the reverse sweep of `np.mean` hand to each entry?
# 2. At the least loss the errors have mean zero, and each column of `X` is orthogonal
#    to them. Why?
# 3. The loss is quadratic, so its Hessian is the same everywhere. Descent arrives only
#    if its rate (above, 0.2) is below 2 divided by the largest eigenvalue. Try both
#    sides.

# %% answer
_, pullback = gd.vjp(np.mean, np.zeros(4))
assert np.array_equal(pullback(1.0)[0], [0.25, 0.25, 0.25, 0.25])

# %% answer
w, b = exact[:2], exact[2]  # the gradient is zero there, and it holds these very sums
error = X @ w + b - t
assert np.allclose(gd.grad(loss, (0, 1))(w, b)[0], 0.0)
assert abs(error.mean()) < 1e-12
assert np.allclose(X.T @ error, 0.0)


# %% answer
def loss_of(v):
    return loss(v[:2], v[2])


largest = np.linalg.eigvalsh(gd.hessian(loss_of)(np.zeros(3)))[-1]
for factor, arrives in ((0.99, True), (1.01, False)):
    v = np.zeros(3)
    for _ in range(2000):
        v = v - factor * 2 / largest * gd.grad(loss_of)(v)
    assert np.allclose(v, exact) == arrives
