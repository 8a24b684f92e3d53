"""scipy.spatial on nodes: distances and rotations, and what takes plain points."""

import itertools
import warnings

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, MissingRuleError
from tests.helpers import as_tuple, assert_close

theirs = pytest.importorskip("scipy.spatial")
their_distance = pytest.importorskip("scipy.spatial.distance")
their_transform = pytest.importorskip("scipy.spatial.transform")
spatial = pytest.importorskip("chainrule.scipy.spatial")
distance, transform = spatial.distance, spatial.transform

RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.2, 2.0, (5, 3)), RNG.uniform(0.2, 2.0, (4, 3))
W = np.array([0.5, 1.0, 2.0])
VI = np.array([[2.0, 0.3, 0.0], [0.3, 1.0, 0.1], [0.0, 0.1, 3.0]])


def few(names, *these):
    """Return cases, of which only these are in the short run."""
    slow = pytest.mark.slow
    return [n if n in these else pytest.param(n, marks=slow) for n in names]


def check(f, args, order=2):
    """Hold derivatives to differences, and compiled gradients to plain ones."""
    gd.check_gradients(f, args, order=order, rtol=1e-4)
    gradient = gd.grad(f, tuple(range(len(args))))
    fast = gd.compile(gradient)
    fast(*args)
    others = [0.95 * x + 0.01 for x in args]
    for one, other in zip(as_tuple(fast(*others)), gradient(*others), strict=True):
        assert_close(one, other, 1e-7)


# --------------------------------------------------------------------------- distances

WEIGHTED = ["euclidean", "sqeuclidean", "cityblock", "chebyshev", "cosine",
            "correlation", "canberra", "braycurtis"]  # fmt: skip
METRICS = {
    **{name: (name, {}) for name in [*WEIGHTED, "jensenshannon", "minkowski"]},
    **{f"minkowski {p}": ("minkowski", {"p": p}) for p in (1.0, 3.0, np.inf)},
    **{f"{name} w": (name, {"w": W}) for name in WEIGHTED},
    "minkowski w": ("minkowski", {"p": 2.5, "w": W}),
    "seuclidean": ("seuclidean", {}),
    "seuclidean V": ("seuclidean", {"V": W}),
    "mahalanobis VI": ("mahalanobis", {"VI": VI}),
}


@pytest.mark.parametrize("case", METRICS)
def test_distances_are_those_of_scipy(case):
    name, given = METRICS[case]
    expected = their_distance.cdist(A, B, name, **given)
    assert np.array_equal(distance.cdist(A, B, name, **given), expected)
    found = distance.cdist(gd.node(A), B, name, **given)
    assert_close(found.value, expected, 1e-10)
    pairs = their_distance.pdist(A, name, **given)
    assert_close(distance.pdist(gd.node(A), name, **given).value, pairs, 1e-10)
    x = gd.node(A)
    own = distance.cdist(x, x, name, **given).value
    assert_close(own, their_distance.cdist(A, A, name, **given), 1e-10)
    assert np.all(np.abs(np.diag(own)) < 1e-15)
    if case != "seuclidean":
        plain = getattr(their_distance, name)(A[0], B[1], **given)
        assert getattr(distance, name)(A[0], B[1], **given) == plain
        found = getattr(distance, name)(gd.node(A[0]), B[1], **given)
        assert_close(found.value, plain, 1e-12)


@pytest.mark.parametrize(
    "case", few(METRICS, "euclidean", "cosine w", "mahalanobis VI", "jensenshannon")
)
def test_distances_are_differentiated_in_vectors_and_parameters(case):
    name, given = METRICS[case]
    keys = [k for k in given if k != "p"]

    def f(x, y, *parameters):
        more = {**given, **dict(zip(keys, parameters, strict=True))}
        return np.sum(distance.cdist(x, y, name, **more) ** 2)

    check(f, (A, B, *(given[k] for k in keys)))

    def to_itself(x):
        return np.sum(distance.cdist(x, x, name, **given))

    gd.check_gradients(to_itself, (A,), order=2, rtol=1e-4)


def test_a_distance_of_zero_has_the_derivative_of_a_norm():
    f = lambda x: np.sum(distance.cdist(x, B))  # noqa: E731
    g = lambda x: np.sum(np.linalg.norm(x[:, None] - B[None], axis=-1))  # noqa: E731
    assert_close(gd.grad(f)(B[:2]), gd.grad(g)(B[:2]), 1e-13)
    assert np.isnan(gd.hessian(f)(B[:1])).all()
    assert np.isfinite(gd.hessian(lambda x: np.sum(distance.cdist(x, x)))(B)).all()


def test_parameters_that_are_left_out_come_from_the_data():
    check(lambda x: np.sum(distance.pdist(x, "mahalanobis")[:3] ** 3), (A,))
    found = distance.cdist(gd.node(A), B, "mahalanobis").value
    assert_close(found, their_distance.cdist(A, B, "mahalanobis"), 1e-10)
    js = distance.jensenshannon(gd.node(A), A[::-1], 2.0, axis=1, keepdims=True)
    expected = their_distance.jensenshannon(A, A[::-1], 2.0, axis=1, keepdims=True)
    assert_close(js.value, expected, 1e-12)


def test_metrics_that_are_functions():
    def quartic(u, v):
        return np.sum((u - v) ** 4)

    expected = their_distance.cdist(A, B, quartic)
    assert_close(distance.cdist(gd.node(A), B, quartic).value, expected, 1e-13)
    found = distance.cdist(gd.node(A), B, their_distance.cosine)
    assert_close(found.value, their_distance.cdist(A, B, "cosine"), 1e-13)
    assert distance.cdist(gd.node(A), B[:0], quartic).shape == (5, 0)


def test_square_forms():
    pairs = their_distance.pdist(A)
    square = their_distance.squareform(pairs)
    assert np.array_equal(distance.squareform(gd.node(pairs)).value, square)
    assert np.array_equal(distance.squareform(gd.node(square)).value, pairs)
    check(lambda x: np.sum(distance.squareform(x) ** 3 * A[:, :1]), (pairs,))
    for wrong, force in ((pairs, "tovector"), (square, "tomatrix"), (pairs[:4], "no")):
        with pytest.raises(ValueError, match=r"axes|binomial"):
            distance.squareform(gd.node(wrong), force)
    with pytest.raises(ValueError, match="symmetric"):
        distance.squareform(gd.node(square + np.triu(square)))


@pytest.mark.parametrize("p", [1, 2, 3.0, np.inf])
def test_distance_matrices(p):
    x = gd.node(A)
    for y in (A, B):
        expected = theirs.distance_matrix(A, y, p)
        assert_close(spatial.distance_matrix(x, y, p).value, expected, 1e-13)
    assert np.all(np.diag(spatial.distance_matrix(x, x, p).value) == 0.0)
    for name in ("minkowski_distance", "minkowski_distance_p"):
        expected = getattr(theirs, name)(A, A[::-1], p)
        assert_close(getattr(spatial, name)(x, A[::-1], p).value, expected, 1e-13)


def test_procrustes():
    first, second = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3))
    found = spatial.procrustes(gd.node(first), second)
    for z, expected in zip(found, theirs.procrustes(first, second), strict=True):
        assert_close(z.value, expected, 1e-12)

    def f(p, q):
        _, moved, disparity = spatial.procrustes(p, q)
        return disparity + np.sum(moved**3)

    check(f, (first, second))


def test_what_takes_plain_points_is_refused():
    for f, words in (
        (lambda x: np.sum(their_distance.cdist(x, B)), "distance.cdist("),
        (lambda x: theirs.cKDTree(B).query(x)[0][0], "gd.value(x)"),
        (lambda x: spatial.ConvexHull(x).volume, "gd.value(x)"),
    ):
        with pytest.raises((TypeError, ValueError)) as raised:
            gd.grad(f)(A)
        assert any(words in note for note in raised.value.__notes__)
    with pytest.raises(MissingRuleError, match="which entries are equal"):
        distance.hamming(gd.node(A[0]), A[1])
    with pytest.raises(ArgumentError, match="'dice' takes no nodes"):
        distance.cdist(gd.node(A), B, "dice")
    assert spatial.KDTree is theirs.KDTree


# --------------------------------------------------------------------------- rotations

V = np.random.default_rng(1).normal(size=(5, 3))
P = np.random.default_rng(2).normal(size=(5, 3))
QUATS = their_transform.Rotation.from_rotvec(V).as_quat()
M = their_transform.Rotation.from_rotvec(V).as_matrix()
F, G = np.random.default_rng(3).normal(size=(3, 3)), np.array([0.3, -1.0, 0.7, 0.4])
OURS, THEIRS = transform.Rotation, their_transform.Rotation


def same(f, x, rtol=1e-13):
    """Hold a function of rotations to SciPy's, bit for bit on plain arguments."""
    expected = f(THEIRS, x)
    assert np.array_equal(f(OURS, x), expected)
    np.testing.assert_allclose(f(OURS, gd.node(x)).value, expected, rtol, rtol)


@pytest.mark.parametrize(
    "x", [V, V[0], 0 * V, 1e-9 * V, 3 * V, np.array([np.pi - 1e-9, 0.0, 0.0])],
    ids=["several", "one", "zero", "small", "large", "half a turn"],
)  # fmt: skip
def test_forms_of_rotations(x):
    same(lambda r, x: r.from_rotvec(x).as_quat(), x)
    same(lambda r, x: r.from_rotvec(x).as_matrix(), x)
    same(lambda r, x: r.from_rotvec(x).as_rotvec(), x)
    same(lambda r, x: r.from_rotvec(x, degrees=True).as_rotvec(degrees=True), x)
    same(lambda r, x: r.from_mrp(x).as_mrp(), x)
    same(lambda r, x: r.from_rotvec(x).magnitude(), x)


def test_forms_of_quaternions_and_matrices():
    same(lambda r, x: r.from_quat(x).as_quat(canonical=True), 2 * QUATS)
    same(
        lambda r, x: r.from_quat(x, scalar_first=True).as_quat(scalar_first=True), QUATS
    )
    for m in (M, M[0], M + 0.1 * F):
        same(lambda r, x: r.from_matrix(x).as_quat(canonical=True), m, 1e-11)


SEQUENCES = [
    word
    for parts in itertools.product("xyz", repeat=3)
    if parts[0] != parts[1] != parts[2]
    for word in ("".join(parts), "".join(parts).upper())
]


def test_angles_about_axes():
    angles = RNG.uniform(-1.4, 1.4, size=(4, 3))
    for seq in SEQUENCES:
        same(lambda r, x, seq=seq: r.from_quat(x).as_euler(seq), QUATS, 1e-11)
        same(lambda r, x, seq=seq: r.from_euler(seq, x).as_quat(canonical=True), angles)
    same(lambda r, x: r.from_euler("z", x, degrees=True).as_quat(), np.array(30.0))
    same(lambda r, x: r.from_euler("zx", x, True).as_euler("zxz", True), angles[:, :2])


@pytest.mark.filterwarnings("ignore:Gimbal lock")
def test_a_gimbal_lock_has_no_derivative():
    for seq, middle in itertools.product(SEQUENCES[:8], (0.0, np.pi / 2, np.pi)):
        angles = np.array([0.3, middle, -0.4])
        found = OURS.from_euler(seq, gd.node(angles)).as_euler(seq).value
        expected = THEIRS.from_euler(seq, angles).as_euler(seq)
        np.testing.assert_allclose(found, expected, atol=1e-6)
    f = lambda x: np.sum(OURS.from_euler("xyz", x).as_euler("xyz"))  # noqa: E731
    assert np.isnan(gd.grad(f)(np.array([0.3, np.pi / 2, 0.1]))).any()


def test_products_and_powers_of_rotations():
    same(lambda r, x: (r.from_rotvec(x) * r.from_rotvec(P)).as_quat(), V)
    same(lambda r, x: (r.from_rotvec(P) * r.from_rotvec(x)).inv().as_matrix(), V)
    same(lambda r, x: (r.from_rotvec(x) ** 0.3).as_rotvec(), V)
    same(lambda r, x: r.concatenate([r.from_rotvec(x), r.identity()])[1:].as_quat(), V)
    same(lambda r, x: r.from_rotvec(x).mean([1, 2, 3, 1, 1]).as_matrix(), V, 1e-11)
    for inverse in (False, True):
        for x in (V, V[0]):
            same(lambda r, x, i=inverse: r.from_rotvec(x).apply(P, i), x)
        found = OURS.from_rotvec(V).apply(gd.node(P), inverse)
        assert_close(found.value, THEIRS.from_rotvec(V).apply(P, inverse), 1e-13)
    mixed = THEIRS.from_rotvec(P) * OURS.from_rotvec(gd.node(V))
    expected = THEIRS.from_rotvec(P) * THEIRS.from_rotvec(V)
    assert_close(mixed.as_matrix().value, expected.as_matrix(), 1e-13)
    several = OURS.from_rotvec(gd.node(V))
    assert isinstance(several, THEIRS)
    assert len(list(several)) == len(V)
    assert not several.single


def vector(x):
    return np.sum(OURS.from_rotvec(x).as_matrix() * F)


def logarithm(x):
    product = OURS.from_rotvec(x) * OURS.from_rotvec(2 * x)
    return np.sum(product.as_rotvec() * G[:3])


def of_matrix(m):
    return np.sum(OURS.from_matrix(m).as_rotvec() * G[:3])


def power(x, n):
    return np.sum((OURS.from_rotvec(x) ** n).as_quat() * G)


def aligned(a, b, weights):
    turn, left = OURS.align_vectors(a, b, weights)
    return np.sum(turn.as_matrix() * F) + left


ROTATED = {
    "vector": (vector, (V[0],)),
    "vector at 0": (vector, (0 * V[0],)),
    "logarithm": (logarithm, (0.3 * V[0],)),
    "logarithm at 0": (logarithm, (0 * V[0],)),
    "matrix": (of_matrix, (M[0],)),
    "matrix at 0": (of_matrix, (np.eye(3),)),
    "matrix that is none": (of_matrix, (M[1] + 0.1 * F,)),
    "euler": (
        lambda a: np.sum(OURS.from_euler("xyz", a).as_euler("ZYZ") * G[:3]),
        (V[0],),
    ),
    "mrp": (
        lambda a: np.sum(OURS.from_mrp(a).as_mrp() * G[:3] + a**2),
        (V[0],),
    ),
    "quaternion": (lambda q: np.sum(OURS.from_quat(q).as_matrix() * F), (G,)),
    "power": (power, (V[0], 0.7)),
    "power at 0": (power, (0 * V[0], 0.7)),
    "mean": (lambda x: np.sum(OURS.from_rotvec(x).mean().as_matrix() * F), (V * 0.3,)),
    "mean of two": (
        lambda x: np.sum(OURS.from_rotvec(x).mean().as_matrix() * F), (V[:2] * 0.3,)
    ),
    "aligned": (aligned, (P[:4], V[:4], np.array([1.0, 2.0, 0.5, 1.5]))),
    "aligned with two": (aligned, (P[:2], V[:2], np.array([1.0, 2.0]))),
    "aligned with axes": (
        aligned, (np.eye(3) + 0.1 * F, np.eye(3), np.array([1.0, 1.0, 1.0]))
    ),
    "apply": (lambda x, p: np.sum(OURS.from_rotvec(x).apply(p) ** 3), (V, P)),
}  # fmt: skip


@pytest.mark.parametrize("name", ROTATED)
def test_rotations_are_differentiated(name):
    f, args = ROTATED[name]
    check(f, args)
    if name.endswith("at 0") and len(args) == 1:
        gd.check_gradients(f, args, order=3, rtol=1e-4)


def test_rotations_are_mapped():
    mapped = gd.vmap(gd.grad(vector))(V)
    assert_close(mapped, [gd.grad(vector)(x) for x in V], 1e-12)


def test_rotations_between_rotations():
    times, at = np.array([0.0, 1.0, 2.5, 3.0, 4.0]), np.array([0.0, 0.3, 2.5, 4.0])
    expected = their_transform.Slerp(times, THEIRS.from_rotvec(V))(at).as_matrix()
    plain = transform.Slerp(times, OURS.from_rotvec(V))
    assert np.array_equal(plain(at).as_matrix(), expected)
    assert_close(plain(gd.node(at)).as_matrix().value, expected, 1e-13)
    f = lambda t, x, a: np.sum(  # noqa: E731
        transform.Slerp(t, OURS.from_rotvec(x))(a).as_matrix() * F
    )
    check(f, (times, V, np.array([0.3, 2.2])))
    with pytest.raises(ValueError, match="range"):
        plain(gd.node(9.0))


def test_what_rotations_refuse():
    moving = OURS.from_rotvec(gd.node(V))
    for refused in (
        lambda: transform.RotationSpline(np.arange(5.0), moving),
        lambda: OURS.align_vectors(gd.node(V[0]), P[0]),
        lambda: moving.as_davenport(np.eye(3), "extrinsic"),
        moving.reduce,
        lambda: moving.mean(axis=0),
        lambda: moving.__setitem__(0, OURS.identity()),
    ):
        with pytest.raises(MissingRuleError, match="has no derivative"):
            refused()
    spline = transform.RotationSpline(np.arange(5.0), OURS.from_rotvec(V))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert spline(0.5).as_quat().shape == (4,)
    with pytest.raises(MissingRuleError, match="Slerp"):
        spline(gd.node(0.5))


@pytest.mark.parametrize("order", ["extrinsic", "intrinsic"])
def test_rotations_about_given_axes(order):
    axes = np.array([[1.0, 0.2, 0.0], [-0.2, 1.0, 0.0]])
    angles = np.array([[20.0, 40.0], [-10.0, 5.0]])

    def f(axes, angles):
        r = transform.Rotation.from_davenport(axes, order, angles, degrees=True)
        return np.sum(r.as_matrix() * np.arange(9.0).reshape(3, 3))

    theirs = their_transform.Rotation.from_davenport(axes, order, angles, degrees=True)
    r = transform.Rotation.from_davenport(axes, order, gd.node(angles), degrees=True)
    assert_close(gd.value(r.as_matrix()), theirs.as_matrix(), 1e-14)
    # moving one axis alone would not keep them at a right angle
    gd.check_gradients(lambda a: f(axes, a), (angles,), order=2)
    assert np.all(np.isfinite(gd.grad(f)(axes, angles)))
    one = transform.Rotation.from_davenport(axes[0], order, gd.node(0.3))
    plain = their_transform.Rotation.from_davenport(axes[0], order, 0.3)
    assert_close(gd.value(one.as_quat()), plain.as_quat(), 1e-14)
