# %% [markdown]
# # 5. The gradient of a neural network
#
# A neural network is a function of many parameters, made of the operations of the last
# lessons. This one has a single input, eight hidden units with `tanh`, and one output:
# $y = \tanh(x W_1 + b_1) \, w_2 + b_2$. It shall learn the sine from forty points.

# %%
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import chainrule as gd

x = np.linspace(-3.0, 3.0, 40).reshape(40, 1)
t = np.sin(x[:, 0])


def network(p, x):
    hidden = np.tanh(x @ p["W1"] + p["b1"])
    return hidden @ p["w2"] + p["b2"]


def loss(p):
    return np.mean((network(p, x) - t) ** 2)


def start(units):
    spread = np.linspace(-1.0, 1.0, units)
    return {"W1": spread.reshape(1, units), "b1": 2 * spread[::-1] ** 2,
            "w2": 0.5 * spread, "b2": 0.0}  # fmt: skip


# %% [markdown]
# ## Every step of it
#
# The parameters are in a dict, and so is the gradient: one array for each, of its shape.
# With two hidden units all steps fit on a page. Read the backward table from its top: the
# error comes in, divides into what it owes to `w2` and to the hidden units, passes through
# the `tanh`, and reaches `W1` and `b1`. This walk is called *backpropagation*, and it is
# the reverse sweep of lesson 1.

# %%
print(gd.explain(loss)(start(2)))
# > loss(p['W1'] = (1, 2): -1 1, ...
# > ... 1 - hidden * hidden ...
# > Result
# > ...
# > p['W1'] ... agrees
# > p['b1'] ... agrees
# > p['b2'] ... agrees
# > p['w2'] ... agrees

# %% [markdown]
# For this one network the formulas can be written by hand, from the output back:

# %%
p = start(8)
hidden = np.tanh(x @ p["W1"] + p["b1"])
y_grad = 2 / 40 * (network(p, x) - t)
hidden_grad = np.outer(y_grad, p["w2"]) * (1 - hidden**2)
by_hand = {"W1": x.T @ hidden_grad, "b1": hidden_grad.sum(axis=0),
           "w2": hidden.T @ y_grad, "b2": y_grad.sum()}  # fmt: skip
gradient = gd.grad(loss)(p)
print({name: np.allclose(gradient[name], by_hand[name]) for name in gradient})
# > {'W1': True, 'b1': True, 'w2': True, 'b2': True}

# %% [markdown]
# ## Check it
#
# Move one parameter a little both ways, and see how much the loss changes. The quotient
# is near the derivative; it is not equal, since the step is not infinitely small and the
# loss is rounded.

# %%
h = 1e-5
losses = []
for step in (h, -h):
    moved = p["W1"].copy()
    moved[0, 3] += step
    losses.append(loss(p | {"W1": moved}))
difference = (losses[0] - losses[1]) / (2 * h)
print(f"{gradient['W1'][0, 3]:.6f} {difference:.6f}")
# > 0.0 0.0

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
for step in range(3001):
    value, gradient = gd.value_and_grad(loss)(p)
    losses.append(value)
    if step in (0, 100, 3000):
        curves[step] = network(p, x)
        print(f"after {step:4} steps the loss is {value:.4f}")
    p = {name: p[name] - 0.2 * gradient[name] for name in p}
# > after

pictures = Path("demo_output")
pictures.mkdir(exist_ok=True)
figure = Figure(figsize=(7, 3), layout="constrained")
left, right = figure.subplots(1, 2)
left.plot(x, t, "k.", label="data")
for step, curve in curves.items():
    left.plot(x, curve, label=f"{step} steps")
left.legend()
right.semilogy(losses)
right.set(xlabel="step", ylabel="loss")
figure.savefig(pictures / "network.svg")

# %% [markdown]
# ![The network's curve comes closer to the sine](demo_output/network.svg)
#
# ## Exercises
#
# 1. Let all parameters be zero at the start. Which of them can gradient descent move?
# 2. Replace `tanh` by `np.maximum(..., 0)`. Which units receive no gradient at all?
# 3. A classifier turns scores `s` into `p = softmax(s)` and pays `-log p[k]` for the true
#    class `k`. Show that the gradient in `s` is `p`, less 1 at `k`.

# %% answer
gradient = gd.grad(loss)({name: 0 * value for name, value in p.items()})
assert not gradient["W1"].any() and not gradient["b1"].any()  # w2 is zero
assert not gradient["w2"].any()  # the hidden units are zero
assert gradient["b2"] == -2 * t.mean()  # so only the offset moves, if t has a mean
