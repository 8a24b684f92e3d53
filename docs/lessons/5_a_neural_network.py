# %% [markdown]
# # 5. The gradient of a neural network
#
# A neural network is a function of many parameters, made of the operations of the last
# lessons. This one has a single input, eight hidden units with `tanh`, and one output:
# `y = tanh(x @ W1 + b1) @ w2 + b2`. It shall learn a part of the sine from forty
# points.

# %%
import numpy as np

import chainrule as gd

rng = np.random.default_rng(0)
x = np.linspace(-2.0, 4.0, 40).reshape(40, 1)
t = np.sin(x[:, 0])


def network(p, x):
    hidden = np.tanh(x @ p["W1"] + p["b1"])
    return hidden @ p["w2"] + p["b2"]


def loss(p):
    return np.mean((network(p, x) - t) ** 2)


def start(units):
    W1, b1, w2 = rng.normal(size=(3, units))
    return {"W1": W1.reshape(1, units), "b1": b1, "w2": w2 / units, "b2": 0.0}


# %% [markdown]
# ## Every step of it
#
# The parameters are in a dict, and so is the gradient: one array for each, of its
# shape. With two hidden units all steps fit on a page. Read the backward table from its
# top: the derivative in the output comes first, passes to `w2` and to the hidden units,
# goes on through the `tanh`, and arrives at `W1` and `b1`. This walk is called
# *backpropagation*. It is the reverse sweep of lesson 1.

# %%
two = start(2)
print(gd.explain(loss)(two))
# > loss(p['W1'] = (1, 2): ...
# > ... tanh(v2) ...
# > Backward ...
# > hidden ... dhidden/dv2 = 1 ...
# > Result ...
# > p['W1'] ... agrees
# > p['b1'] ... agrees
# > p['w2'] ... agrees
# > p['b2'] ... agrees

# %% live
gd.explain(loss)(two)

# %% [markdown]
# For this one network the formulas can be written by hand, from the output back:

# %%
p = start(8)
hidden = np.tanh(x @ p["W1"] + p["b1"])
y_grad = 2 / 40 * (network(p, x) - t)
hidden_grad = np.outer(y_grad, p["w2"]) * (1 - hidden**2)
by_hand = {
    "W1": x.T @ hidden_grad,
    "b1": hidden_grad.sum(axis=0),
    "w2": hidden.T @ y_grad,
    "b2": y_grad.sum(),
}
gradient = gd.grad(loss)(p)
print({name: np.allclose(gradient[name], by_hand[name]) for name in gradient})
# > {'W1': True, 'b1': True, 'w2': True, 'b2': True}

# %% [markdown]
# ## Check it
#
# Move one parameter a little both ways, and see how much the loss changes. The quotient
# is near the derivative; it is not equal, since the step is not infinitely small and
# the loss is rounded.

# %%
h = 1e-5
losses = []
for step in (h, -h):
    moved = p["W1"].copy()
    moved[0, 3] += step
    losses.append(loss(p | {"W1": moved}))
difference = (losses[0] - losses[1]) / (2 * h)
print(f"{gradient['W1'][0, 3]:.6f} {difference:.6f}")
# > -0.002163 -0.002163

# %% [markdown]
# `gd.check_gradients` does so along random directions, for both sweeps and for second
# derivatives. It raises if anything disagrees.

# %%
gd.check_gradients(loss, (p,))

# %% [markdown]
# ## Train it
#
# Step against the gradient, many times.

# %%
losses, curves = [], {}
for step in range(1001):
    value, gradient = gd.value_and_grad(loss)(p)
    losses.append(value)
    if step in (0, 100, 1000):
        curves[step] = network(p, x)
        print(f"after {step:4} steps the loss is {value:.4f}")
    p = {name: p[name] - 0.05 * gradient[name] for name in p}
# > after    0 steps the loss is 0.5087
# > after  100 steps the loss is 0.1023
# > after 1000 steps the loss is 0.0012

# %% picture
from pathlib import Path

from matplotlib.figure import Figure

Path("demo_output").mkdir(exist_ok=True)
figure = Figure(figsize=(7, 3), layout="constrained")
left, right = figure.subplots(1, 2)
left.plot(x, t, "k.", label="data")
for step, curve in curves.items():
    left.plot(x, curve, label=f"{step} steps")
figure.legend(loc="outside upper center", ncols=4)
right.semilogy(losses)
right.set(xlabel="step", ylabel="loss")
figure.savefig("demo_output/network.svg")

# %% [markdown]
# ![The network's curve comes closer to the sine](demo_output/network.svg)
#
# ## Exercises
#
# 1. Let all parameters be zero at the start. Which of them can gradient descent move?
# 2. Replace `tanh` by `np.maximum(..., 0)`. Which units receive no gradient at all?
# 3. A classifier turns scores `s` into `p = softmax(s)` and pays `-log p[k]` for the
#    true class `k`. Show that the gradient in `s` is `p`, less 1 at `k`.

# %% answer
gradient = gd.grad(loss)({name: 0 * value for name, value in p.items()})
assert not gradient["W1"].any()  # w2 is zero
assert not gradient["b1"].any()
assert not gradient["w2"].any()  # the hidden units are zero
assert gradient["b2"] == -2 * t.mean()  # so only the offset moves, if t has a mean

# %% answer
p = start(8) | {"b1": np.array([-9.0, 0, 0, 0, 0, 0, 0, 0])}


def relu_loss(p):
    hidden = np.maximum(x @ p["W1"] + p["b1"], 0.0)
    return np.mean((hidden @ p["w2"] + p["b2"] - t) ** 2)


never_active = np.all(x @ p["W1"] + p["b1"] < 0, axis=0)
assert never_active[0]
assert not never_active.all()
assert np.array_equal(gd.grad(relu_loss)(p)["b1"] == 0, never_active)


# %% answer
def price(s, k):
    return np.log(np.sum(np.exp(s))) - s[k]


s = np.array([0.5, -1.0, 2.0])
softmax = np.exp(s) / np.exp(s).sum()
assert np.allclose(gd.grad(price)(s, 1), softmax - np.array([0.0, 1.0, 0.0]))
