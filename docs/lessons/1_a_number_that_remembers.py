# %% [markdown]
# # 1. A number that remembers
#
# Here is a function of two numbers. Python computes its value and keeps nothing of the
# way there: neither the product nor the sine. The chain rule builds the derivative of a
# whole from the derivatives of its parts, so it has to know the parts.

# %%
import numpy as np

import chainrule as gd


def f(x, y):
    return np.log(x) + x * y - np.sin(y)


print(f"{f(2.0, 3.0):.6f}")
# > 6.552027

# %% [markdown]
# ## A node
#
# `gd.node` puts a number into an object. Operators and NumPy's functions accept the
# object in place of the number, and return another one. It knows its value, which
# operation made it, and out of which operands.

# %%
x, y = gd.node(2.0), gd.node(3.0)
product = x * y
print(product.value, product.operation, product.operands)
# > 6.0 multiply (node(2.0), node(3.0))

# %% [markdown]
# For `x * y` Python asks `x` what `*` means, and for `np.sin(y)` NumPy asks `y`. The
# answer is a *wrapped* function: it computes the value as usual, and returns it in a
# new node together with a note of what happened. Such a function can be written by
# hand. This one is for the cube, `z = x³`, whose derivative is `dz/dx = 3x²`:


# %%
class cube_grad:
    def __init__(self, x):
        self.x = x
        self.vertices = [x]

    def backward(self, z_grad):
        self.x.grad += 3 * self.x.value**2 * z_grad


def cube(x):
    return gd.node(x.value**3, grad_ops=cube_grad(x))


print(cube(x).value, cube(x).grad_ops.vertices, product.grad_ops.vertices)
# > 8.0 [node(2.0)] [node(2.0), node(3.0)]

# %% [markdown]
# The note is an object with two parts. `vertices` lists the nodes that `z` was computed
# from. `backward` is told `z_grad`, the derivative of some final result in `z`, and
# adds to `x.grad` the share that reaches `x` through `z`: the local derivative times
# `z_grad`. This product is the chain rule. The library's own operations have such notes
# too.
#
# ## The graph, and its order
#
# Each node points to its operands, so the result leads to everything that it was
# computed from. `generate_graph` collects these vertices, and the operands of each.
#
# `y` was used twice, by the product and by the sine. Its derivative has two shares, and
# is complete when both have arrived. So we need an order in which every vertex comes
# before its own operands: a *topological order*. There is always one, because a result
# is younger than what it was computed from.

# %%
z = f(x, y)
vertices, edges = [], {}
gd.generate_graph(z, vertices, edges)
order = gd.topological_sort(vertices, edges)
names = {v: v.operation for v in vertices} | {x: "x", y: "y"}
for v in order:
    print(names[v], "from", [names[u] for u in edges[v]])
# > subtract from ['add', 'sin']
# > sin from ['y']
# > add from ['log', 'multiply']
# > multiply from ['x', 'y']
# > log from ['x']
# > y from []
# > x from []

# %% picture
from pathlib import Path

from matplotlib.figure import Figure

Path("demo_output").mkdir(exist_ok=True)
figure = Figure(figsize=(7, 2.4))
axes = figure.subplots()
place = {v: i for i, v in enumerate(order)}
for v in order:
    axes.text(place[v], 0, names[v], ha="center", bbox={"fc": "#dbeafe"})
    for u in edges[v]:
        arc = {"arrowstyle": "->", "connectionstyle": "arc3,rad=-0.4"}
        axes.annotate("", (place[u], 0.12), (place[v], 0.12), arrowprops=arc)
axes.set(xlim=(-0.6, len(order) - 0.4), ylim=(-0.2, 0.8))
axes.axis("off")
figure.savefig("demo_output/order.svg", bbox_inches="tight")

# %% [markdown]
# ![The vertices in a row, with arrows to their operands](demo_output/order.svg)
#
# In a topological order all arrows point the same way. (`gd.draw(z)` draws any graph,
# as Mermaid or Graphviz text.)
#
# ## The backward sweep
#
# The derivative of the result in itself is 1. From there each vertex, in turn, hands
# its operands their shares.

# %%
z.grad = 1.0
for v in order:
    if v.grad_ops is not None:
        v.grad_ops.backward(v.grad)
print(f"{x.grad:.6f} {y.grad:.6f}")
print(f"{1 / 2.0 + 3.0:.6f} {2.0 - np.cos(3.0):.6f}")  # 1 / x + y and x - cos(y)
# > 3.500000 2.989992
# > 3.500000 2.989992

# %% [markdown]
# `z.backward()` does all of this: the graph, the order, the sweep. `gd.grad` does it
# for a function. `gd.explain` shows every step of it.

# %%
x, y = gd.node(2.0), gd.node(3.0)
f(x, y).backward()
print((x.grad, y.grad) == gd.grad(f, (0, 1))(2.0, 3.0))
# > True

# %%
explained = gd.explain(f)(2.0, 3.0)
print(explained)
explained.save("demo_output/gradient.html")
# > f(x = 2, y = 3) = 6.55203
# > ...
# > ... y: 0.989992 from v4
# > ... + 2 from v2
# > ... = 2.98999
# > ...
# > y ... 2.98999 ... 2.98999 ... agrees

# %% live
gd.explain(f)(2.0, 3.0)

# %% [markdown]
# The last line writes [a page](demo_output/gradient.html) that plays the sweeps in a
# browser, and recomputes them for other inputs.
#
# ## Exercises
#
# 1. Write `division_grad` for `z = x / y`, and a function `divide` that uses it.
# 2. What is in `x.grad` after `backward()` was called twice on the same result?


# %% answer
class division_grad:
    def __init__(self, x, y):
        self.x, self.y = x, y
        self.vertices = [x, y]

    def backward(self, z_grad):
        self.x.grad += z_grad / self.y.value
        self.y.grad -= z_grad * self.x.value / self.y.value**2


def divide(x, y):
    return gd.node(x.value / y.value, grad_ops=division_grad(x, y))


x, y = gd.node(2.0), gd.node(8.0)
divide(x, y).backward()
assert (x.grad, y.grad) == (1 / 8, -2 / 64)

# %% answer
x = gd.node(2.0)
z = x**3
z.backward()
z.backward()
assert x.grad == 2 * 12.0  # inputs add up what every call hands them ...
gd.zero_grad(x)
assert x.grad == 0.0  # ... until they are set back
