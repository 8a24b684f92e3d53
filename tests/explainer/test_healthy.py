"""Healthy functions: ``gd.diagnose`` reports nothing of them and what they become."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.scipy import integrate, stats
from chainrule.scipy import special as sp

rng = np.random.default_rng(1)
A = rng.normal(size=(4, 4))
S = A @ A.T + 4 * np.eye(4)
v = rng.normal(size=4)
X = rng.normal(size=(20, 3))
w = rng.normal(size=3)
y = X @ w + 0.1 * rng.normal(size=20)

HEALTHY = []


def h(*args):
    def enter(f):
        HEALTHY.append(pytest.param(f, args, id=f.__name__))
        return f

    return enter


@h(2.0, 3.0)
def eq(x, y):
    return x * y + np.sin(x)


@h(0.7)
def poly(x):
    return 3 * x**3 - 2 * x + 1


@h(np.array([-1.2, 1.0]))
def rosen(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


@h(w + 0.1)
def linreg(w):
    return np.mean((X @ w - y) ** 2)


@h(w)
def logreg(w):
    t = (y > 0) * 1.0
    z = X @ w
    return np.mean(np.logaddexp(0, z) - t * z)


@h(rng.normal(size=(3, 5)) * 0.3, rng.normal(size=(5,)) * 0.3)
def mlp(W, u):
    return np.mean((np.tanh(X @ W) @ u - y) ** 2)


@h(rng.normal(size=(3, 5)) * 0.3, rng.normal(size=(5,)) * 0.3)
def relu_net(W, u):
    return np.mean((np.maximum(X @ W, 0.0) @ u - y) ** 2)


@h(v * 5)
def softmax(x):
    e = np.exp(x - np.max(x))
    p = e / np.sum(e)
    return -np.log(p[0])


@h(v * 30)
def lse_large(x):
    return sp.logsumexp(x)


@h(v)
def norm(x):
    return np.linalg.norm(x)


@h(S)
def logdet(a):
    return np.linalg.slogdet(a)[1]


@h(S)
def chol(a):
    return np.sum(np.log(np.diag(np.linalg.cholesky(a))))


@h(S, v)
def solve(a, b):
    return b @ np.linalg.solve(a, b)


@h(S)
def eigvals(a):
    return np.linalg.eigvalsh(a)[0]


@h(S)
def inv(a):
    return np.sum(np.linalg.inv(a))


@h(S)
def trace(a):
    return np.trace(a @ a)


@h(A)
def svd(a):
    return np.sum(np.linalg.svd(a, compute_uv=False))


@h(v)
def var(x):
    return np.var(x)


@h(v + 100)
def std(x):
    return np.std(x)


@h(X)
def batchnorm(x):
    z = (x - np.mean(x, 0)) / np.std(x, 0)
    return np.sum(np.tanh(z) * np.arange(3))


@h(X)
def layernorm(x):
    z = (x - np.mean(x, 1, keepdims=True)) / np.sqrt(np.var(x, 1, keepdims=True) + 1e-5)
    return np.sum(z**3)


@h(v)
def mean_abs(x):
    return np.mean(np.abs(x))


@h(v)
def huber(x):
    return np.sum(np.where(np.abs(x) < 1.0, 0.5 * x**2, np.abs(x) - 0.5))


@h(v)
def safe_sqrt(x):
    ok = x > 0
    return np.sum(np.where(ok, np.sqrt(np.where(ok, x, 1.0)), 0.0))


@h(2.0)
def newton(a):
    x = 1.0
    for _ in range(6):
        x = (x + a / x) / 2
    return x


@h(np.array([1.0, 0.0]))
def oscillator(x):
    for _ in range(100):
        x = x + 0.05 * np.stack([x[1], -x[0]])
    return x[0]


@h(0.3)
def logistic_map(x):
    for _ in range(20):
        x = 2.5 * x * (1 - x)
    return x


@h(1.5)
def decay(k):
    t = np.linspace(0, 5, 50)
    return np.sum(np.exp(-k * t))


@h(np.array([0.5, 1.2]))
def gauss(p):
    m, s = p
    z = (y - m) / s
    return np.sum(0.5 * z**2 + np.log(s))


@h(np.array([0.5, 1.2]))
def norm_logpdf(p):
    return -np.sum(stats.norm.logpdf(y, p[0], p[1]))


@h(np.array([2.0, 3.0]))
def gammaln(p):
    return np.sum(sp.gammaln(p))


@h(0.5)
def erf(x):
    return sp.erf(x)


@h(np.arange(1.0, 9.0))
def fft(x):
    return np.sum(np.abs(np.fft.fft(x)) ** 2)


@h(np.arange(1.0, 9.0) ** 1.5)
def conv(x):
    return np.sum(np.convolve(x, [0.25, 0.5, 0.25]) ** 2)


@h(v)
def sortw(x):
    return np.sum(np.sort(x) * np.arange(4))


@h(v)
def cumsum(x):
    return np.sum(np.cumsum(x) ** 2)


@h(v)
def prod(x):
    return np.prod(x)


@h(np.abs(v) + 0.1)
def entropy(x):
    p = x / np.sum(x)
    return -np.sum(p * np.log(p))


@h(X)
def pairwise(x):
    d = x[:, None] - x[None]
    return np.sum(np.exp(-np.sum(d * d, -1)))


@h(X)
def einsum(x):
    return np.sum(np.einsum("ij,ik->jk", x, x) ** 2)


@h(0.4)
def gp(width):
    t = np.linspace(0, 1, 8)
    K = np.exp(-0.5 * ((t[:, None] - t[None]) / width) ** 2) + 0.01 * np.eye(8)
    L = np.linalg.cholesky(K)
    a = np.linalg.solve(L, np.sin(t))
    return 0.5 * a @ a + np.sum(np.log(np.diag(L)))


@h(1.1, 0.2)
def black_scholes(s, vol):
    d1 = (np.log(s / 1.0) + 0.5 * vol**2) / vol
    return s * sp.ndtr(d1) - sp.ndtr(d1 - vol)


@h(np.linspace(0, 1, 10))
def diffusion(u):
    for _ in range(10):
        u = u + 0.1 * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
    return np.sum(u**2)


@h(0.3)
def branch(x):
    return x**2 if x < 1 else 2 * x - 1


@h(np.array([3.0, 4.0]))
def hypot(x):
    return np.hypot(x[0], x[1])


@h(np.array([1.0, 2.0]))
def angle(x):
    return np.arctan2(x[1], x[0])


@h(2.5)
def power(x):
    return x**1.5 + 2**x


@h(v)
def clip(x):
    return np.sum(np.clip(x, -3, 3) ** 2)


@h(v)
def maxi(x):
    return np.max(x)


@h(v)
def median(x):
    return np.median(x)


@h(v)
def interp(x):
    return np.sum(np.interp(x, [-3, 0, 3], [0.0, 1.0, 5.0]))


@h(1.0)
def quad(a):
    return integrate.quad(lambda x: np.exp(-a * x * x), 0, 1)[0]


@h(v)
def logsig(x):
    return -np.sum(np.log1p(np.exp(-np.abs(x))))


@h(20.0)
def softplus(x):
    return np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0.0)


@h(50.0)
def softplus_large(x):
    return np.logaddexp(0.0, x)


@h(np.array([0.2, 0.8]))
def xlogy(p):
    return -np.sum(sp.xlogy(p, p))


@h(0.5 + 0.2j)
def cplx(z):
    return np.abs(z**2 + 1)


@h({"a": 1.0, "b": np.ones(3)})
def tree(p):
    return p["a"] * np.sum(np.exp(p["b"]))


@h(np.pi / 2)
def sin_top(x):
    return np.sin(x)


@h(w)
def cos_sim(a):
    return a @ X[0] / (np.linalg.norm(a) * np.linalg.norm(X[0]))


@h(3.0)
def whileloop(x):
    return gd.while_loop(lambda c: c < 100, lambda c: c * x, 1.0 * x)


@h(np.ones((2, 3)))
def log_softmax(a):
    z = a - np.max(a, axis=1, keepdims=True) * 0 - 1.0
    return -np.sum((z - np.log(np.sum(np.exp(z), 1, keepdims=True)))[:, 0])


@h(np.linspace(1, 2, 6))
def diffs(x):
    return np.sum(np.diff(np.exp(x)) ** 2)


@h(v)
def lstm_cell(x):
    h = np.zeros(4)
    c = np.zeros(4)
    for _ in range(5):
        g = 1 / (1 + np.exp(-(A @ h + x)))
        c = g * c + (1 - g) * np.tanh(A @ h + x)
        h = g * np.tanh(c)
    return np.sum(h**2)


@h(X)
def pca(x):
    z = x - np.mean(x, 0)
    return np.linalg.eigvalsh(z.T @ z)[-1]


@h(X, y)
def corr(x, y):
    return np.corrcoef(x[:, 0], y)[0, 1]


@h(1e-3, 5.0)
def tiny(x, y):
    return np.exp(-y) * x


@h(1e8)
def large(x):
    return np.log(x) + x / 1e8


@h(0.7)
def scanned(x):
    def step(c, t):
        return 0.9 * c + np.sin(t * c), None

    return gd.scan(step, x, np.linspace(0, 1, 20))[0]


@h(np.array([2.0, 0.0]))
def masked_and_right(x):
    return np.sum(np.where(x > 0.5, 1.0 / x, x))


def ones(x):
    return np.ones_like(x)


@pytest.mark.parametrize(("f", "args"), HEALTHY)
def test_nothing_is_reported(f, args):
    diagnosis = gd.diagnose(f, *args)
    assert not diagnosis, str(diagnosis)
    assert diagnosis.error is None


UNDER = {
    "compiled": gd.compile,
    "compiled grad": lambda f: gd.compile(gd.grad(f)),
    "grad of compiled": lambda f: gd.grad(gd.compile(f)),
    "hvp": lambda f: lambda *a: gd.hvp(f, a, tuple(map(ones, a))),
    "vmap": lambda f: lambda *a: gd.vmap(f)(*[np.stack([x, 1.01 * x]) for x in a]),
}


@pytest.mark.slow
@pytest.mark.parametrize("under", UNDER.values(), ids=UNDER)
@pytest.mark.parametrize(("f", "args"), HEALTHY)
def test_nothing_is_reported_of_what_it_becomes(f, args, under):
    if isinstance(args[0], dict):
        pytest.skip("arguments are arrays")
    diagnosis = gd.diagnose(under(f), *args)
    assert not diagnosis, str(diagnosis)
