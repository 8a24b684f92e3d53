# %% [markdown]
# # 6. Why nan
#
# `nan` means *not a number*. It is born where arithmetic has no answer: `0 / 0`,
# `0 * inf`, `inf - inf`, the logarithm of a negative number. Nearly all that is
# computed from it is nan too. So ask where the first one was born.

# %%
import numpy as np

import chainrule as gd

np.seterr(all="ignore")  # no warnings: here it is done on purpose


def show(f, x):
    print("value", f(x), " gradient", gd.grad(f)(x))


# %% [markdown]
# ## Born in the values
#
# If the value is nan, look at the steps. `gd.diagnose` says where it began: the
# operation, its line and operand, the numbers there, and what helps.


# %%
def score(x):
    margin = x - 3.0
    return x * np.log(margin) + 1.0


show(score, 2.0)
found = gd.diagnose(score, 2.0)[0]
print(found.heading)
print(found.values, found.remedy)
# > value nan  gradient nan
# > nan: np.log(margin), line...
# > {'margin': -1.0, 'v1': nan} log needs a positive argument...

# %% [markdown]
# ## Born in the sweep
#
# Here the value is fine. But the slope of the square root at 0 is infinite, the slope
# of the square at 0 is zero, and the chain rule multiplies them. (On paper the function
# is just `x`, from 0 upwards, with slope 1. The sweep sees single steps, and not that
# two of them cancel.)


# %%
def there_and_back(x):
    return np.sqrt(x) ** 2


show(there_and_back, 0.0)
print(gd.diagnose(there_and_back, 0.0)[0].message)
# > value 0.0  gradient nan
# > What comes in is 0, and the derivative of v1 in x, 0.5 / v1, is inf: 0 * inf.

# %% live
gd.explain(there_and_back)(0.0)

# %% [markdown]
# The distance between two points meets this when the points coincide. The function
# `np.linalg.norm` knows the case: it takes 0, the slope of a level plane, which touches
# the tip of the cone from below.

# %%
show(lambda x: np.sqrt(np.sum(x * x)), np.zeros(2))
show(np.linalg.norm, np.zeros(2))
# > value 0.0  gradient [nan nan]
# > value 0.0  gradient [0. 0.]

# %% [markdown]
# ## Two kinds of zero
#
# `np.where` computes both of its branches, and takes from each the entries that it
# wants. The root of -1 is nan, but not taken: the result does not depend on it.


# %%
def root(x):
    return np.sum(np.where(x > 0, np.sqrt(x), 0.0))


def masked_root(x):
    return np.sum((x > 0) * np.sqrt(x))


x = np.array([-1.0, 4.0])
show(root, x)
show(masked_root, x)
# > value 2.0  gradient [0.   0.25]
# > value nan  gradient [ nan 0.25]

# %% [markdown]
# In `root` nothing at all goes back to the first root: its zero is *structural*, it
# comes from the form of the program, and it is not multiplied with the slope. In
# `masked_root` a zero is computed and multiplied, and `0 * nan` is nan. Many libraries
# know only the second kind of zero, and give nan for both functions. One remedy works
# everywhere: keep bad arguments out of the root itself.


# %%
def guarded_root(x):
    safe = np.where(x > 0, x, 1.0)
    return np.sum(np.where(x > 0, np.sqrt(safe), 0.0))


show(guarded_root, x)
# > value 2.0  gradient [0.   0.25]

# %% [markdown]
# ## Stable forms
#
# `log(1 + exp(x))` is nearly `x` when `x` is large, and its slope nearly 1. But from
# 710 on, `exp(x)` is larger than any float. `np.logaddexp(0, x)` computes the same
# function in another way, and never comes near such numbers.


# %%
def softplus(x):
    return np.log(1.0 + np.exp(x))


def stable_softplus(x):
    return np.logaddexp(0.0, x)


show(softplus, 1000.0)
show(stable_softplus, 1000.0)
# > value inf  gradient nan
# > value 1000.0  gradient 1.0

# %% picture
from pathlib import Path

from matplotlib.figure import Figure

Path("demo_output").mkdir(exist_ok=True)
figure = Figure(figsize=(6, 2.8), layout="constrained")
axes = figure.subplots()
xs = np.linspace(-50.0, 1000.0, 2000)
stable = [gd.grad(stable_softplus)(x) for x in xs]
written = [gd.grad(softplus)(x) for x in xs]
axes.plot(xs, stable, lw=5, alpha=0.4, label="stable")
axes.plot(xs, written, label="as written: nan from 710 on")
axes.set(xlabel="x", ylabel="derivative")
axes.legend()
figure.savefig("demo_output/softplus.svg")

# %% [markdown]
# ![The derivative as written ends at 710](demo_output/softplus.svg)
#
# ## A kink is no nan
#
# Where a function has a kink there are several slopes to choose from. Each rule states
# its choice: 0 for `abs`, equal shares for the largest entries, half for `maximum`.

# %%
show(np.abs, 0.0)
show(np.max, np.array([1.0, 3.0, 3.0]))
show(lambda x: np.maximum(x, 0.0), 0.0)
# > value 0.0  gradient 0.0
# > value 3.0  gradient [0.  0.5 0.5]
# > value 0.0  gradient 0.5

# %% [markdown]
# ## Wrong without a nan
#
# The slope of this is 0 at 0. But a difference of nearly equal numbers is rounding.


# %%
def gap(x):
    return (1.0 - np.cos(x)) / x**2


print(gd.grad(gap)(1e-7), gd.diagnose(gap, 1e-7)[0].message)
# > 7992... v2 is 2e+14 times as sensitive to rounding errors as its operand: 14 of...

# %% [markdown]
# ## Exercises
#
# 1. `log(sum(exp(x)))` fails at `x = (1000, 1001)`. Subtract the largest entry first.
#    The gradient is the softmax of `x`, so its sum must be 1.
# 2. Repair `sin(x) / x` at 0 with a guard. Are its first and its second derivative
#    right?


# %% answer
def log_sum_exp(x):
    largest = np.max(x)
    return largest + np.log(np.sum(np.exp(x - largest)))


x = np.array([1000.0, 1001.0])
gradient = gd.grad(log_sum_exp)(x)
assert np.isclose(gradient.sum(), 1.0)
assert np.isclose(gradient[1] / gradient[0], np.e)


# %% answer
def ratio(x):
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 1.0, np.sin(safe) / safe)


assert (ratio(0.0), gd.grad(ratio)(0.0)) == (1.0, 0.0)  # right: it is flat there
assert gd.grad(gd.grad(ratio))(0.0) == 0.0  # wrong: the branch taken is constant
curvature = gd.grad(gd.grad(lambda x: np.sinc(x / np.pi)))(0.0)
assert np.isclose(curvature, -1 / 3)  # np.sinc has a rule for all orders
