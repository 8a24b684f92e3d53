# %% [markdown]
# # 2. Why reused values add, and why the order matters
#
# When a value is used twice, its derivative is a sum. To see why, give the two uses
# different names. In `x * x` call them `u` and `v`. If `x` moves by a little `h`, then
# `u` moves by `h`, and so does `v`, and the product feels both.

# %%
import numpy as np

import chainrule as gd


def product(u, v):
    return u * v


print("through u and v:", gd.grad(product, (0, 1))(3.0, 3.0))
print("through both:", gd.grad(lambda x: product(x, x))(3.0))
# > through u and v: (3.0, 3.0)
# > through both: 6.0

# %% [markdown]
# That is the chain rule for several variables: add over all uses. Apply it again at
# each of the uses, and so on back to the input, and the derivative becomes a sum over
# *paths*: for each way through the graph the product of the local derivatives on it.
#
# Below, `a` is used twice and `x` twice, which makes four paths. `gd.explain` gives the
# local derivatives as data, so the sum can be written out.


# %%
def f(x):
    a = x * x
    return a * np.sin(a)


explained = gd.explain(f)(1.5)
arrows = {step.vertex: step.contributions for step in explained.steps}


def paths(vertex):
    """Return the names and the product of each path from a vertex to the input."""
    name = explained.vertices[vertex].name
    if vertex not in arrows:
        return [(name, 1.0)]
    return [
        (f"{name} {names}", arrow.partial * rest)
        for arrow in arrows[vertex]
        for names, rest in paths(arrow.target)
    ]


found = paths(explained.result)
for names, number in found:
    print(f"{names:10} {number:8.5f}")
print(f"sum        {sum(number for _, number in found):8.5f}")
print(f"gd.grad    {gd.grad(f)(1.5):8.5f}")
# > v2 a x      1.16711
# > v2 a x      1.16711
# > v2 v1 a x  -2.12009
# > v2 v1 a x  -2.12009
# > sum        -1.90595
# > gd.grad    -1.90595

# %% live
gd.explain(f)(1.5)

# %% [markdown]
# ## The sweep adds before it multiplies
#
# Nobody walks all paths, because there can be very many. Each round of the loop below
# doubles their number. All local derivatives in it are 1, so the derivative *is* the
# number of paths, and the sweep finds it with one step for each round: at every vertex
# it first adds up all that arrives, and then passes the sum on, once.


# %%
def doubled(x, times):
    for _ in range(times):
        x = x + x
    return x


for times in (2, 10, 50):
    print(f"{times} rounds, {gd.grad(doubled)(1.0, times):,.0f} paths")
# > 2 rounds, 4 paths
# > 10 rounds, 1,024 paths
# > 50 rounds, 1,125,899,906,842,624 paths

# %% picture
from pathlib import Path

from matplotlib.figure import Figure

Path("demo_output").mkdir(exist_ok=True)
figure = Figure(figsize=(6, 3), layout="constrained")
axes = figure.subplots()
steps = np.arange(1, 51)
axes.semilogy(steps, [gd.grad(doubled)(1.0, n) for n in steps], label="paths")
axes.semilogy(steps, steps, label="steps of the sweep")
axes.set(xlabel="rounds of the loop")
axes.legend()
figure.savefig("demo_output/paths.svg")

# %% [markdown]
# ![The paths grow as powers of two, the steps one by one](demo_output/paths.svg)
#
# ## Break it: the wrong order
#
# Passing on once works only if everything has arrived by then. Below is the sweep of
# lesson 1 with the order as its argument. The second order visits `a` too early: what
# comes through the sine arrives after `a` had its turn, and is lost.


# %%
def sweep(order):
    for v in order:
        v.grad = 0.0
    order[0].grad = 1.0
    for v in order:
        if v.grad_ops is not None:
            v.grad_ops.backward(v.grad)


x = gd.node(1.5)
a = x * x
b = np.sin(a)
z = a * b
for order in ([z, b, a, x], [z, a, b, x]):
    sweep(order)
    print(f"{x.grad:.5f}")
# > -1.90595
# > 2.33422

# %% [markdown]
# The wrong number is the sum over the two short paths alone, and nothing about it looks
# wrong. This is why `backward` sorts the graph first.
#
# ## Break it: `=` instead of `+=`
#
# If `backward` of a rule wrote `=`, the second use would overwrite the first.


# %%
class careless_grad:
    def __init__(self, x, y):
        self.vertices = [x, y]

    def backward(self, z_grad):
        x, y = self.vertices
        x.grad = y.value * z_grad
        y.grad = x.value * z_grad


x = gd.node(3.0)
z = gd.node(9.0, grad_ops=careless_grad(x, x))
sweep([z, x])
print(x.grad, "instead of", gd.grad(lambda x: x * x)(3.0))
# > 3.0 instead of 6.0

# %% [markdown]
# ## Exercises
#
# 1. Write `is_valid(order, edges)`, which tells whether an order is fit for a sweep.
# 2. In `a, b = b, a + b`, starting from `a = b = x`, how many paths lead to `b` after
#    ten rounds? Do you know the numbers?


# %% answer
def is_valid(order, edges):
    place = {v: i for i, v in enumerate(order)}
    return all(place[v] < place[u] for v in order for u in edges[v])


x = gd.node(1.5)
a = x * x
b = np.sin(a)
z = a * b
vertices, edges = [], {}
gd.generate_graph(z, vertices, edges)
assert is_valid([z, b, a, x], edges)
assert not is_valid([z, a, b, x], edges)


# %% answer
def fibonacci(x):
    a = b = x
    for _ in range(10):
        a, b = b, a + b
    return b


assert gd.grad(fibonacci)(1.0) == 144.0  # 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144
