"""Complex programs in native code: NumPy's results, but for rounding."""

import itertools
import warnings

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.values.containers import flatten

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

NUMBERS = (0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan, 1e-310, 710.0, -745.0, 3.0)
RNG = np.random.default_rng(12)
REALS = np.array(NUMBERS)
COMPLEX = np.array([complex(a, b) for a, b in itertools.product(NUMBERS, NUMBERS)])

OF_ONE = {
    "negative": lambda z: -z,
    "conjugate": np.conj,
    "exp": np.exp,
    "absolute": np.abs,
    "square": lambda z: z**2,
    "angle": np.angle,
    "real": np.real,
    "imag": np.imag,
    "inverse": lambda z: 1 / z,
    "half": lambda z: z / 2,
    "scaled": lambda z: 0.3 * z,
    "turned": lambda z: 1j * z + 2,
    "isnan": np.isnan,
    "isinf": np.isinf,
    "isfinite": np.isfinite,
}
OF_TWO = {
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "where": lambda x, y: np.where(np.isnan(x), y, x),
    "equal": lambda x, y: x == y,
    "not_equal": lambda x, y: x != y,
}


def executor_of(fast):
    (program,) = fast.stats()["programs"]
    return program["executor"]


def halves(x):
    return (x.real, x.imag) if x.dtype.kind == "c" else (x,)


def same(got, wanted):
    """Tell which entries have the same special values, signs of 0, and are close.

    A part is close where it differs by some rounding of the larger part.
    """
    assert got.dtype == wanted.dtype
    assert got.shape == wanted.shape
    if got.dtype == bool:
        return got == wanted
    found = np.ones(got.shape, bool)
    size = np.maximum(abs(got), abs(wanted))
    for p, q in zip(halves(got), halves(wanted), strict=True):
        about = np.where(np.isfinite(size), size, abs(q))
        close = abs(p - q) <= 1e-15 * about + 1e-320
        zeros = (p == 0) & (q == 0) & (np.signbit(p) != np.signbit(q))
        found &= np.where(np.isfinite(p) & np.isfinite(q), close, p == q) & ~zeros
        found |= np.isnan(p) & np.isnan(q)
    return found


@pytest.mark.parametrize("executor", ["native", "vm"])
@pytest.mark.parametrize("name", OF_ONE)
def test_special_values_of_one_operand(name, executor):
    f = OF_ONE[name]
    fast = gd.compile(f, executor=executor)
    with np.errstate(all="ignore"):
        assert same(fast(COMPLEX), f(COMPLEX)).all()
    assert executor_of(fast) == {"native": "native code", "vm": "tape VM"}[executor]


@pytest.mark.parametrize("executor", ["native", "vm"])
@pytest.mark.parametrize("name", OF_TWO)
def test_special_values_of_two_operands(name, executor):
    f = OF_TWO[name]
    for left, right in ((COMPLEX, COMPLEX), (REALS, COMPLEX), (COMPLEX, REALS)):
        x, y = map(np.ravel, np.meshgrid(left, right))
        x, y = x[:2000], y[:2000]
        fast = gd.compile(f, executor=executor)
        with np.errstate(all="ignore"):
            assert same(fast(x, y), f(x, y)).all()
        assert not executor_of(fast).startswith("numpy")


@pytest.mark.parametrize("name", [*OF_ONE, *OF_TWO])
def test_single_numbers_keep_their_class(name):
    f = {**OF_ONE, **OF_TWO}[name]
    args = (1.5 - 0.5j, 0.25 + 2.0j)[: 1 + (name in OF_TWO)]
    for kind in (complex, np.complex128):
        given = tuple(map(kind, args))
        plain = gd.compile(f, executor="numpy")(*given)
        got = gd.compile(f, executor="native")(*given)
        assert type(got) is type(plain)
        assert abs(complex(got) - complex(plain)) <= 1e-15 * abs(plain)


# ------------------------------------------------------------------ random programs


def powers_of_two(z):
    return z.ndim and z.shape[-1] >= 32 and z.shape[-1] & (z.shape[-1] - 1) == 0


STEPS = [
    lambda rng, z, w: z + w,
    lambda rng, z, w: z - 0.5 * w,
    lambda rng, z, w: z * w,
    lambda rng, z, w: z * w.real,
    lambda rng, z, w: z / (w * np.conj(w) + 1.5),
    lambda rng, z, w: z / (3.0 + abs(w)),
    lambda rng, z, w: np.conj(z) * 1j,
    lambda rng, z, w: np.exp(0.1j * z.real),
    lambda rng, z, w: np.exp(-abs(z) + 0.3j * w.imag),
    lambda rng, z, w: z**2 / (1.0 + abs(z) ** 2),
    lambda rng, z, w: np.where(z.real > w.imag, z, 1j * w),
    lambda rng, z, w: np.roll(z, 1, axis=-1) - z,
    lambda rng, z, w: np.concatenate([z[..., :3], w[..., 3:]], axis=-1),
    lambda rng, z, w: np.concatenate([z[..., :3].real, w[..., 3:]], axis=-1),
    lambda rng, z, w: z + np.sum(w, axis=-1, keepdims=True),
    lambda rng, z, w: z - np.mean(w, axis=0),
    lambda rng, z, w: z[..., ::-1] + 1j * np.cumsum(w, axis=-1) / 50,
    lambda rng, z, w: z + np.linspace(-1, 1, z.shape[-1]) * (0.3 - 0.2j),
    lambda rng, z, w: z[..., rng.permutation(z.shape[-1])],
    lambda rng, z, w: np.angle(z + 3.0) * w,
    lambda rng, z, w: np.fft.ifft(1j * np.fft.fft(z)) if powers_of_two(z) else z,
    lambda rng, z, w: (
        np.fft.irfft(np.fft.rfft(z.real) * (1 - 2j), z.shape[-1]) + 1j * w.imag
        if powers_of_two(z)
        else z * 0.5j
    ),
    lambda rng, z, w: (
        z + rng.standard_normal((z.shape[-1], 2)) @ w[..., :2, None].sum(-1)
        if z.ndim == 1
        else z + (w @ w.T / 20) @ z
    ),
]  # fmt: skip


def drawn(rng, *, loops):
    """Return a program of some steps, and its arguments."""
    steps = [STEPS[i] for i in rng.integers(len(STEPS), size=rng.integers(2, 9))]
    seed = int(rng.integers(1 << 30))
    shape = [(), (4, 4), (7,), (32,), (3, 64), (300,)][rng.integers(6)]
    shape = shape or (5,)
    z = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    w = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)

    def run(z, w, a):
        inner = np.random.default_rng(seed)
        z = (1.0 + 0.1 * a) * z
        for step in steps:
            z = step(inner, z, w)
            w = w * (0.9 + 0.05j) + a * 0.01
        return z, w

    def looped(z, w, a):
        def step(carry, x):
            z, w = run(*carry, a * x)
            size = 1.0 + np.sum(np.abs(z) ** 2) ** 0.5
            return (z / size, w), (z[..., 0], np.sum(np.real(w)))

        (z, w), (ys, xs) = gd.scan(step, (z, w), np.linspace(0.5, 1.0, 4))
        return z + np.mean(ys), w * np.sum(xs)

    return (looped if loops else run), (z, w, np.float64(0.7))


def loss(f):
    def total(z, w, a):
        z, w = f(z, w, a)
        return np.sum(np.abs(z) ** 2) + np.sum(np.real(w) * 0.3)

    return total


def near(got, wanted):
    if isinstance(wanted, tuple):
        assert isinstance(got, tuple)
        return all(map(near, got, wanted))
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.dtype == wanted.dtype
    assert got.shape == wanted.shape
    size = np.max(np.abs(wanted), initial=0.0)
    return bool(np.max(np.abs(got - wanted), initial=0.0) <= 1e-9 * size + 1e-12)


def hold(seed, *, loops):
    """Hold native code to NumPy and to the uncompiled function."""
    rng = np.random.default_rng([seed, loops])
    f, args = drawn(rng, loops=loops)
    derivative = gd.value_and_grad(loss(f), (0, 1, 2))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for g in (f, derivative):
            wanted = g(*args)
            if not all(np.isfinite(x).all() for x in flatten(wanted)[0]):
                return None
            fast = gd.compile(g, executor="native")
            for _ in range(2):
                assert near(fast(*args), wanted)
    return executor_of(fast)


@pytest.mark.parametrize("seed", [1, 3, 5, 6, 7])
@pytest.mark.parametrize("loops", [False, True])
def test_random_programs(seed, loops):
    assert hold(seed, loops=loops) in (None, "native code")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 140))
@pytest.mark.parametrize("loops", [False, True])
def test_many_random_programs(seed, loops):
    assert hold(seed, loops=loops) in (None, "native code")


# ------------------------------------------------------------------------------ others


def split_steps(potential):
    """Return where a wave is after steps in time, whose carry is complex."""
    x = np.linspace(-4.0, 4.0, 64)
    moved = np.exp(-0.01j * np.fft.fftfreq(64, 1 / 64) ** 2)
    turned = np.exp(-0.1j * potential)

    def step(wave, _):
        wave = turned * np.fft.ifft(moved * np.fft.fft(turned * wave))
        return wave, np.sum(wave * x)

    wave, places = gd.scan(step, np.exp(-(x**2)) + 0.0j, np.arange(10))
    return np.sum(x * np.abs(wave) ** 2) + np.sum(np.real(places))


def test_scans_of_complex_carries_are_native():
    potential = RNG.standard_normal(64)
    derivative = gd.value_and_grad(split_steps)
    fast = gd.compile(derivative, executor="native")
    assert near(fast(potential), derivative(potential))
    assert executor_of(fast) == "native code"
    gd.check_gradients(split_steps, (potential,))


def test_scans_from_files_are_native(tmp_path):
    potential = RNG.standard_normal(64)
    fast = gd.compile(gd.grad(split_steps), executor="native")
    wanted = fast(potential)
    gd.save(fast, tmp_path / "steps")
    loaded = gd.load(tmp_path / "steps")
    for _ in range(3):
        assert near(loaded(potential), wanted)


def test_results_and_arguments_in_any_layout():
    def f(z, w):
        return z.T, (z * w)[::2], z[0, 0], [w], 2.0 * z.real

    z = RNG.standard_normal((4, 6)) + 1j * RNG.standard_normal((4, 6))
    for x in (z, z.T.copy().T, z[::-1]):
        fast = gd.compile(f, executor="native")
        for _ in range(2):
            got, wanted = fast(x, x[0]), f(x, x[0])
            assert near(got[:3] + got[4:], wanted[:3] + wanted[4:])
        got[0][...] = 0.0
        assert near(fast(x, x[0])[0], wanted[0])


def test_decisions_and_checks():
    def f(z):
        return z * 1j if np.abs(z) > 1 else np.conj(z)

    fast = gd.compile(f, executor="native")
    for z in (3 + 4j, 0.5j, -2.0 + 0j):
        assert fast(np.complex128(z)) == f(np.complex128(z))
    angle = gd.compile(gd.grad(np.abs), executor="native")
    assert angle(0.0j) == gd.grad(np.abs)(0.0j)


@pytest.mark.parametrize(
    "f",
    [
        lambda z: np.linalg.det(np.outer(z, z) + np.eye(3)),
        np.sqrt,
        np.fft.fft,
        lambda z: z.astype(np.complex64) * 2,
        np.sort,
    ],
)  # fmt: skip
def test_what_has_no_form_stays_on_numpy(f):
    z = np.array([0.5 + 1j, -1.0 + 0.2j, 2.0 - 1j])
    fast = gd.compile(f, executor="native")
    assert near(fast(z), f(z))
    assert executor_of(fast) == "numpy"


def newton(p):
    c = p[0] + 1j * p[1]
    z = gd.while_loop(
        lambda z: np.abs(z**2 * z - c) > 1e-10,
        lambda z: z - (z * z * z - c) / (3 * z * z),
        c + 0.5,
    )
    return 2 * np.real(z) + np.imag(z)


def escaping(p):
    c = p[0] + 1j * p[1]
    z, n = gd.while_loop(
        lambda s: (np.abs(s[0]) < 2) & (s[1] < 50),
        lambda s: (s[0] * s[0] + c, s[1] + 1),
        (0j * p[0], 0),
    )
    return np.abs(z) ** 2 + n


def branches(p):
    z = gd.cond(
        p[0] * p[1] > 0.0,
        lambda z: (z * z * 1j, np.real(z)),
        lambda z: (np.exp(z), np.abs(z)),
        p[0] + 1j * p[1],
    )
    return np.abs(z[0]) ** 2 + np.real(z[0]) * z[1]


def one_in_another(p):
    def step(z, t):
        w = gd.cond(np.real(z) > 0, lambda z: z * 1j, lambda z: np.conj(z) + t, z)
        v = gd.while_loop(lambda v: np.abs(v) > 1, lambda v: v * (0.5 + 0.2j), w)
        return v + p[0] + 0.1j * p[1], np.abs(w)

    z, sizes = gd.scan(step, p[0] + 0j, np.arange(6.0))
    return np.abs(z) ** 2 + np.sum(sizes)


def fixed_point(p):
    a = np.array([[0.1, 0.2j], [0.3, -0.1 + 0.1j]]) * p[0]
    z = gd.while_loop(
        lambda z: np.sum(np.abs(a @ z + p[1] - z) ** 2) > 1e-12,
        lambda z: a @ z + p[1],
        np.zeros(2, complex),
    )
    return np.sum(np.abs(z) ** 2)


@pytest.mark.parametrize("f", [newton, escaping, branches, one_in_another, fixed_point])
def test_loops_and_branches_are_native(f):
    for x in (np.array([0.3, 0.4]), np.array([0.8, -0.2])):
        for g in (f, gd.value_and_grad(f)):
            fast = gd.compile(g, executor="native")
            for _ in range(2):
                assert near(fast(x), g(x))
            assert executor_of(fast) == "native code"


@pytest.mark.parametrize("f", [newton, branches, one_in_another])
def test_loops_and_branches_in_maps(f):
    xs = RNG.uniform(0.2, 1.0, (7, 2))
    each = gd.value_and_grad(lambda xs: np.sum(gd.vmap(f)(xs)))
    assert near(gd.compile(each, executor="native")(xs), each(xs))


def test_what_is_made_of_complex_columns_stays_on_numpy():
    def f(c):
        def body(z):
            return z * c

        z = gd.while_loop(lambda z: np.abs(z) < 5, body, c)
        return np.abs(z) ** 2

    hessian = gd.grad(lambda c: np.abs(gd.grad(f)(c)) ** 2)
    c = np.complex128(1.1 + 0.3j)
    fast = gd.compile(hessian, executor="native")
    for _ in range(2):
        assert near(fast(c), hessian(c))


def systems(kind):
    """Return a function of a matrix and a vector, and these."""

    def f(a, y):
        if kind == "inv":
            return np.linalg.inv(a) @ y, np.linalg.inv(a.T)[..., 0, :]
        y = y if kind == "vector" else np.stack([y, 2j * y, y[::-1]], -1)
        z = np.linalg.solve(a, y)
        return np.linalg.solve(np.swapaxes(a, -1, -2), z), z

    a = RNG.standard_normal((5, 5)) + 1j * RNG.standard_normal((5, 5))
    return f, a, RNG.standard_normal(5) + 1j * RNG.standard_normal(5)


@pytest.mark.parametrize("executor", ["native", "vm"])
@pytest.mark.parametrize("kind", ["vector", "matrix", "inv"])
def test_complex_systems_are_solved_as_real_ones(kind, executor):
    f, a, y = systems(kind)

    def loss(a, y):
        return sum(np.sum(np.abs(z) ** 2) for z in f(a, y))

    for g in (f, gd.grad(loss, (0, 1))):
        fast = gd.compile(g, executor=executor)
        assert near(fast(a, y), g(a, y))
        assert executor_of(fast) == {"native": "native code", "vm": "tape VM"}[executor]
        with pytest.raises(np.linalg.LinAlgError):
            fast(np.outer(y, y) * 0.0, y)
        assert near(fast(a.real + 0j, y), g(a.real + 0j, y))


def test_complex_systems_in_scans_and_of_real_right_sides():
    _, a, _ = systems("vector")

    def f(x):
        def step(z, t):
            z = np.linalg.solve(a + t * 1j * np.diag(x), z) + np.linalg.solve(a, x)
            return z / np.sum(np.abs(z)), z[0]

        z, zs = gd.scan(step, x + 0j, np.arange(3.0))
        return np.sum(np.abs(z) ** 2) + np.sum(np.real(zs))

    x = np.linspace(1.0, 2.0, 5)
    for g in (f, gd.grad(f)):
        fast = gd.compile(g, executor="native")
        assert near(fast(x), g(x))
        assert executor_of(fast) == "native code"


@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": (0, 1)},
                                     {"axis": -1, "keepdims": True}])  # fmt: skip
def test_norms(options):
    def f(z):
        size = np.linalg.norm(z, **options)
        return z / size, np.sum(size)

    z = RNG.standard_normal((3, 4)) + 1j * RNG.standard_normal((3, 4))
    for g in (f, gd.grad(lambda z: f(z)[1] + np.sum(np.real(f(z)[0])))):
        fast = gd.compile(g, executor="native")
        assert near(fast(z), g(z))
        assert executor_of(fast) == "native code"


def test_large_arrays_are_read_as_they_are():
    z = np.ones(20_000) + 1j
    fast = gd.compile(lambda z: z * 2j, executor="native")
    assert near(fast(z), z * 2j)
    (program,) = fast.stats()["programs"]
    assert program["because"] == "large complex arrays"
