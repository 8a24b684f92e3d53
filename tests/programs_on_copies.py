"""Programs that fill copies of their arguments, and what arithmetic made of these.

Nothing in them knows of nodes. ``PROGRAMS`` has each with arguments to run it on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

RNG = np.random.default_rng(5)


def pivoted(a, b):
    m, r = a.copy(), b.copy()
    n = len(r)
    for k in range(n):
        p = k + np.argmax(np.abs(m[k:, k]))
        if p != k:
            m[[k, p]] = m[[p, k]]
            r[[k, p]] = r[[p, k]]
        for i in range(k + 1, n):
            f = m[i, k] / m[k, k]
            m[i, k:] -= f * m[k, k:]
            r[i] -= f * r[k]
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        x[i] = (r[i] - m[i, i + 1 :] @ x[i + 1 :]) / m[i, i]
    return np.sum(np.sin(x))


def gauss_jordan(a, b):
    n = len(b)
    m = np.hstack([a, b[:, None]])
    for k in range(n):
        m[k] /= m[k, k]
        for i in range(n):
            if i != k:
                m[i] -= m[i, k] * m[k]
    return np.sum(m[:, -1] ** 2)


def householder(a, b):
    r = a.copy()
    y = 1.0 * b
    n = r.shape[1]
    for k in range(n):
        v = r[k:, k].copy()
        v[0] += np.sign(v[0]) * np.sqrt(np.sum(v**2))
        v /= np.sqrt(v @ v)
        r[k:, k:] -= 2.0 * np.outer(v, v @ r[k:, k:])
        y[k:] -= 2.0 * v * (v @ y[k:])
    x = y[:n].copy()
    for i in range(n - 1, -1, -1):
        x[i] = (x[i] - r[i, i + 1 : n] @ x[i + 1 :]) / r[i, i]
    return np.sum(x**3)


def thomas(bands, d):
    a, b, c = bands
    w, g = b.copy(), d.copy()
    n = len(d)
    for i in range(1, n):
        m = a[i] / w[i - 1]
        w[i] -= m * c[i - 1]
        g[i] -= m * g[i - 1]
    x = g / w
    for i in range(n - 2, -1, -1):
        x[i] = (g[i] - c[i] * x[i + 1]) / w[i]
    return np.sum(x**2)


def kalman(z, q):
    n = len(z)
    m, p = z.copy(), np.empty_like(z)
    mean, var = 0.5, 1.0
    for k in range(n):
        var = var + q[0]
        gain = var / (var + q[1])
        mean = mean + gain * (z[k] - mean)
        var = (1 - gain) * var
        m[k] = mean
        p[k] = var
    s = m + 0.0
    for k in range(n - 2, -1, -1):
        g = p[k] / (p[k] + q[0])
        s[k] = m[k] + g * (s[k + 1] - m[k])
    return np.sum(s**2) + np.sum(np.log(p))


def needleman(score, gap):
    n, m = score.shape
    t = np.zeros((n + 1, m + 1))
    t[1:, 0] = -gap[0] * np.arange(1, n + 1)
    t[0, 1:] = -gap[1] * np.arange(1, m + 1)
    inner = t[1:, 1:]
    inner[...] = score
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            c = np.array(
                [t[i - 1, j - 1] + t[i, j], t[i - 1, j] - gap[0], t[i, j - 1] - gap[1]]
            )
            top = np.max(c)
            t[i, j] = top + np.log(np.sum(np.exp(c - top)))
    return t[-1, -1]


def hmm(trans, emis):
    n, k = emis.shape
    f, b = emis.copy(), np.ones_like(emis)
    f[0] /= k
    scale = np.zeros(n)
    for t in range(n):
        if t:
            f[t] *= f[t - 1] @ trans
        scale[t] = f[t].sum()
        f[t] /= scale[t]
    for t in range(n - 2, -1, -1):
        b[t] = trans @ (emis[t + 1] * b[t + 1])
        b[t] /= scale[t + 1]
    g = f * b
    g /= g.sum(axis=1, keepdims=True)
    return np.sum(np.log(scale)) + np.sum(g[:, 0] ** 2)


def volume(u, nu):
    n = len(u)
    w = np.empty(n + 2)
    for _ in range(4):
        w[1:-1] = u
        w[0], w[-1] = w[-2], w[1]
        flux = 0.5 * (w[1:] ** 2 + w[:-1] ** 2) * 0.5 - nu[0] * (w[1:] - w[:-1])
        u = u - 0.1 * (flux[1:] - flux[:-1])
        u[0] *= nu[1]
    return np.sum(u**2)


def verlet(x, m):
    q = x.copy()
    v = 0 * q

    def force(q):
        d = q[1:] - q[:-1] - 1.0
        f = 0.0 * q
        f[1:] -= d
        f[:-1] += d
        return f / m

    a = force(q)
    for _ in range(6):
        v += 0.05 * a
        q += 0.1 * v
        a = force(q)
        v += 0.05 * a
    return np.sum(q**2 * m) + np.sum(v**2)


def seidel(u, b):
    w = np.array(u)
    for _ in range(3):
        for i in range(1, len(w) - 1):
            w[i] = 0.5 * (w[i - 1] + w[i + 1] + 0.1 * b[i] * w[i])
    old = np.copy(w)
    for _ in range(3):
        w[1:-1] = 0.5 * (old[2:] + old[:-2] - 0.1 * b[1:-1])
        w, old = old, w
    return np.sum(w**3) + np.sum(old)


def recursion(d, x):
    t = 2 * d
    for i in range(1, len(t)):
        t[i] = 0.5 * t[i - 1] * x[i] + t[i]
    s = -t
    s[::2] += x[::2]
    s[1:] *= s[:-1]
    c = np.cumsum(s)
    c[2] = x[0]
    return np.sum(c * t) + np.prod(s[:2])


def levinson(r, y):
    n = len(y)
    f, b, x = np.zeros(n), np.zeros(n), 0 * y
    f[0] = b[0] = 1 / r[0]
    x[0] = y[0] / r[0]
    for k in range(1, n):
        ef = r[1 : k + 1][::-1] @ f[:k]
        eb = r[1 : k + 1] @ b[:k]
        ex = r[1 : k + 1][::-1] @ x[:k]
        d = 1 - ef * eb
        nf, nb = f.copy(), np.roll(b, 1)
        nf[: k + 1] = (f[: k + 1] - ef * nb[: k + 1]) / d
        nb[: k + 1] = (nb[: k + 1] - eb * f[: k + 1]) / d
        f, b = nf, nb
        x[: k + 1] += (y[k] - ex) * b[: k + 1]
    return np.sum(x**2)


def cholesky(a, y):
    low = np.tril(a)
    n = len(low)
    for j in range(n):
        low[j, j] = np.sqrt(low[j, j] - np.sum(low[j, :j] ** 2))
        for i in range(j + 1, n):
            low[i, j] = (low[i, j] - low[i, :j] @ low[j, :j]) / low[j, j]
    z = y.astype(float)
    for i in range(n):
        z[i] -= low[i, :i] @ z[:i]
        z[i] /= low[i, i]
    return np.sum(z**2) + 2 * np.sum(np.log(np.diag(low)))


def many_arrays(d, x):
    b = d[1:].copy()
    e = np.concatenate([d, d])
    g = np.where(d > 0.9, d, 0.5)
    h = d.reshape(2, -1).T.copy()
    k = np.stack([d, x])
    s = np.sort(d)
    p = np.repeat(d, 2)
    q = np.outer(d, d)
    r = np.pad(d, 1)
    b[0] = x[0]
    e[3:5] *= x[:2]
    g[1] += x[1]
    h[0] = x[:2]
    k[0, 0] = x[3]
    s[-1] = x[2] ** 2
    p[::3] = x[:3]
    q[:, 1] = x
    r[0] = r[-1] = x[1]
    np.fill_diagonal(q, x * 2)
    return sum(np.sum(v**2) for v in (b, e, g, h, k, s, p, q, r))


A = RNG.standard_normal((4, 4)) + np.diag([0.1, 4.0, 5.0, 4.0])
B = RNG.standard_normal(4)
SPD = A @ A.T + np.eye(4)
BANDS = RNG.uniform(0.5, 1, (3, 4)) + np.array([[0.0], [3.0], [0.0]])
TR = RNG.uniform(0.2, 1, (2, 2))
TR /= TR.sum(1, keepdims=True)
PROGRAMS = [
    (pivoted, (A, B)),
    (gauss_jordan, (A + 4 * np.eye(4), B)),
    (householder, (RNG.standard_normal((5, 3)), RNG.standard_normal(5))),
    (thomas, (BANDS, B)),
    (kalman, (RNG.standard_normal(5), np.array([0.3, 0.5]))),
    (needleman, (RNG.standard_normal((2, 3)), np.array([0.6, 0.9]))),
    (hmm, (TR, RNG.uniform(0.2, 1, (4, 2)))),
    (volume, (RNG.uniform(0.5, 1, 5), np.array([0.3, 0.9]))),
    (verlet, (np.array([0.0, 1.2, 1.9, 3.0]), RNG.uniform(0.5, 1, 4))),
    (seidel, (RNG.uniform(0.5, 1, 5), RNG.uniform(0.5, 1, 5))),
    (recursion, (RNG.uniform(0.5, 1, 5), RNG.uniform(0.5, 1, 5))),
    (levinson, (np.array([2.0, 0.5, 0.3, 0.1]), B)),
    (cholesky, (SPD, B)),
    (many_arrays, (RNG.uniform(0.5, 1.5, 4), RNG.uniform(0.5, 1, 4))),
]


def layouts(x: Any) -> Iterator[tuple[str, Any]]:
    """Return an array as it may lie in memory."""
    yield "by rows", np.ascontiguousarray(x)
    yield "by columns", np.asfortranarray(x)
    yield "with gaps", np.repeat(x, 2, axis=-1)[..., ::2]
    yield "backwards", np.flip(np.flip(x).copy())
